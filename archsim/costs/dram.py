"""DRAM by kind: the energy of moving a bit, device and interface included, and the background power of a channel."""

import math

from archsim.costs.figures import Band, Figure, exact, of_band
from archsim.errors import BadInput

# From the energy tables of published accelerator models (read there); where they agree only on a range, `mid` is its
# middle.
PJ_PER_BIT = {
    "lpddr4": Band(8.0, 11.0, 14.0),  # two sources
    "lpddr": exact(40.0),
    "lpddr3": exact(3.7),  # interface only
    "ddr3": exact(70.0),
    "gddr5": exact(14.0),
    "hbm2": exact(3.9),
    "hmc": exact(4.2),
}

# Background currents of an 8 Gb x32 LPDDR3-1600 device at 1.2 V, read in DRAMsim3, configs/LPDDR3_8Gb_x32_1600.ini
# (IDD2P 1.3 mA, IDD2N 20.5, IDD3N 21, IDD5AB 150; tRFC 168 of every REFI 3,120 clocks). The device moves 51.2 Gb/s, as
# does the x16 LPDDR4-3200 channel that it stands in for, since no published LPDDR4 currents were found.
_SUPPLY_V = 1.2
_POWER_DOWN_MA, _PRECHARGED_MA, _ACTIVE_MA, _REFRESHING_MA = 1.3, 20.5, 21.0, 150.0
_REFRESH_SHARE = 168 / 3120
CHANNEL_GBPS = 51.2

BACKGROUND_KINDS = ("lpddr4", "lpddr3")


def _background_mw(idle_ma: float) -> float:
    return _SUPPLY_V * (idle_ma + _REFRESH_SHARE * (_REFRESHING_MA - _PRECHARGED_MA))


BACKGROUND_MW = Band(_background_mw(_POWER_DOWN_MA), _background_mw(_PRECHARGED_MA), _background_mw(_ACTIVE_MA))
"""Power of a channel with refresh, mW: powered down between bursts, in standby with rows closed, with a row open."""
BACKGROUND_SOURCE = "DRAMsim3, LPDDR3-1600 8 Gb x32 (stands in for LPDDR4), standby and refresh"


def check_kind(kind: str) -> None:
    """BadInput for an unknown kind of DRAM, with a list of those there are."""
    if kind not in PJ_PER_BIT:
        raise BadInput(f"dram.kind must be one of {', '.join(PJ_PER_BIT)}, not {kind!r}")


def pj_per_bit(kind: str) -> Figure:
    """Energy of reading a bit, pJ/bit. BadInput for an unknown kind."""
    check_kind(kind)
    band = PJ_PER_BIT[kind]
    return of_band(band, "pJ/bit", "predicted", f"{kind}: {band.mid:g} pJ a bit")


def channels(bandwidth_gbps: float) -> int:
    """The number of 51.2 Gb/s channels that a bandwidth takes."""
    return math.ceil(bandwidth_gbps / CHANNEL_GBPS)


def background_mw(kind: str, bandwidth_gbps: float) -> Figure:
    """Background power, mW, of all channels that `bandwidth_gbps` takes. BadInput for an unknown kind.

    For a kind without a source it is zero, and the figure's source says so.
    """
    check_kind(kind)
    if kind not in BACKGROUND_KINDS:
        return Figure(0.0, "mW", "predicted", f"{kind}: background power not known, not counted")
    count = channels(bandwidth_gbps)
    return of_band(BACKGROUND_MW.times(count), "mW", "predicted", f"{BACKGROUND_SOURCE}; {count} x 51.2 Gb/s")
