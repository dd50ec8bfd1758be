"""Number formats of weights. A new one is one file and one line in ``ALL``."""

from archsim.trace import BadInput
from workloads.formats.base import WeightFormat
from workloads.formats.binary import Binary
from workloads.formats.fixed import Fixed8
from workloads.formats.float32 import Float32
from workloads.formats.ternary import Ternary

ALL: tuple[WeightFormat, ...] = (Float32(), Fixed8(), Ternary(), Binary())


def by_name(name: str) -> WeightFormat:
    """The format called `name`; BadInput lists those there are."""
    for weight_format in ALL:
        if weight_format.name == name:
            return weight_format
    raise BadInput(f"weight format must be one of {', '.join(f.name for f in ALL)}, not {name!r}")


__all__ = ["ALL", "WeightFormat", "by_name"]
