"""DRAM by kind: energy of a bit read, device and interface, and the power that a channel takes whether read or not."""

import math

from archsim.costs.figures import Band, Figure, exact, of_band
from archsim.errors import BadInput

# Energy tables that published accelerator models ship, read there; where they agree on no more than a range, its middle
# is `mid`.
PJ_PER_BIT = {
    "lpddr4": Band(8.0, 11.0, 14.0),  # two sources
    "lpddr": exact(40.0),
    "lpddr3": exact(3.7),  # interface only
    "ddr3": exact(70.0),
    "gddr5": exact(14.0),
    "hbm2": exact(3.9),
    "hmc": exact(4.2),
}

# Background of an 8 Gb x32 LPDDR3-1600 device, 1.2 V: read in DRAMsim3, configs/LPDDR3_8Gb_x32_1600.ini (IDD2P 1.3 mA,
# IDD2N 20.5, IDD3N 21, IDD5AB 150; tRFC 168 of every REFI 3,120 clocks). It moves 51.2 Gb/s, as the x16 LPDDR4-3200
# channel for which it stands in: no LPDDR4 currents were found in print.
_SUPPLY_V = 1.2
_POWER_DOWN_MA, _PRECHARGED_MA, _ACTIVE_MA, _REFRESHING_MA = 1.3, 20.5, 21.0, 150.0
_REFRESH_SHARE = 168 / 3120
CHANNEL_GBPS = 51.2

BACKGROUND_KINDS = ("lpddr4", "lpddr3")


def _background_mw(idle_ma: float) -> float:
    return _SUPPLY_V * (idle_ma + _REFRESH_SHARE * (_REFRESHING_MA - _PRECHARGED_MA))


BACKGROUND_MW = Band(_background_mw(_POWER_DOWN_MA), _background_mw(_PRECHARGED_MA), _background_mw(_ACTIVE_MA))
"""Power of a channel: powered down between bursts, standing by with its rows closed, with a row open; refresh included.
"""
BACKGROUND_SOURCE = "DRAMsim3, LPDDR3-1600 8 Gb x32 (stands in for LPDDR4), standby and refresh"


def check_kind(kind: str) -> None:
    """BadInput lists the kinds there are."""
    if kind not in PJ_PER_BIT:
        raise BadInput(f"dram.kind must be one of {', '.join(PJ_PER_BIT)}, not {kind!r}")


def pj_per_bit(kind: str) -> Figure:
    """BadInput lists the kinds there are."""
    check_kind(kind)
    band = PJ_PER_BIT[kind]
    return of_band(band, "pJ/bit", "predicted", f"{kind}: {band.mid:g} pJ a bit")


def channels(bandwidth_gbps: float) -> int:
    """Channels of 51.2 Gb/s that a bandwidth takes."""
    return math.ceil(bandwidth_gbps / CHANNEL_GBPS)


def background_mw(kind: str, bandwidth_gbps: float) -> Figure:
    """Power of as many channels as `bandwidth_gbps` takes; zero, and said so, for a kind without a source."""
    check_kind(kind)
    if kind not in BACKGROUND_KINDS:
        return Figure(0.0, "mW", "predicted", f"{kind}: background power not known, not counted")
    count = channels(bandwidth_gbps)
    return of_band(BACKGROUND_MW.times(count), "mW", "predicted", f"{BACKGROUND_SOURCE}; {count} x 51.2 Gb/s")
