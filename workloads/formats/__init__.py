"""Number formats of weights. A new one is one file and one line in ``ALL``, or an entry point."""

from archsim.plugins import Group, having_all_of
from workloads.formats.base import WeightFormat, rounded
from workloads.formats.binary import BINARY, LIMP_BINARY
from workloads.formats.exponential import LIMP_LOWEST, Exponential
from workloads.formats.fixed import Fixed
from workloads.formats.floating import Float
from workloads.formats.pow2_ternary import Pow2Ternary
from workloads.formats.ternary import LIMP_TERNARY, TERNARY

ALL: tuple[WeightFormat, ...] = (
    Float(32),
    Float(16),
    *(Fixed(bits) for bits in range(2, 17)),
    *(Fixed(bits, per_row=True) for bits in range(2, 17)),
    TERNARY,
    BINARY,
    LIMP_TERNARY,
    LIMP_BINARY,
    Pow2Ternary(),
    Exponential(3),
    Exponential(4),
    Exponential(5, LIMP_LOWEST),
)


PLUGINS: Group[WeightFormat] = Group(
    "archsim.formats", "weight format", "what has all of a WeightFormat", having_all_of(WeightFormat), ALL
)
by_name, every = PLUGINS.by_name, PLUGINS.every


__all__ = ["ALL", "PLUGINS", "WeightFormat", "by_name", "every", "rounded"]
