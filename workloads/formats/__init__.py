"""Number formats of weights. A new one is one file and one line in ``ALL``."""

from archsim.errors import BadInput
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


def by_name(name: str) -> WeightFormat:
    """The format called `name`; BadInput lists those there are."""
    for weight_format in ALL:
        if weight_format.name == name:
            return weight_format
    raise BadInput(f"weight format must be one of {', '.join(f.name for f in ALL)}, not {name!r}")


__all__ = ["ALL", "WeightFormat", "by_name", "rounded"]
