"""Energy of a bit read from DRAM, by kind; device and interface, without background power (see README.md)."""

from dataclasses import dataclass

from archsim.trace import BadInput


@dataclass(frozen=True)
class Band:
    """A figure that is not known well: low, mid, high, in one unit."""

    low: float
    mid: float
    high: float


def _one(value: float) -> Band:
    return Band(value, value, value)


# Energy tables that published accelerator models ship; where they agree on no more than a range, its middle is `mid`.
PJ_PER_BIT = {
    "lpddr4": Band(8.0, 11.0, 14.0),
    "lpddr": _one(40.0),
    "lpddr3": _one(3.7),  # interface only
    "ddr3": _one(70.0),
    "gddr5": _one(14.0),
    "hbm2": _one(3.9),
    "hmc": _one(4.2),
}


def pj_per_bit(kind: str) -> Band:
    """BadInput lists the kinds there are."""
    if kind not in PJ_PER_BIT:
        raise BadInput(f"dram.kind must be one of {', '.join(PJ_PER_BIT)}, not {kind!r}")
    return PJ_PER_BIT[kind]
