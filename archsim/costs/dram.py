"""DRAM by kind: the energy of reading a bit, device and interface included, and the background power of a channel.

`docs/dram.md` has every figure with its source, and the figures that it was checked against.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from archsim.costs.figures import Band, Figure, exact, of_band
from archsim.errors import BadInput


@dataclass(frozen=True)
class Rail:
    """One supply of a device, V, and what flows from it, mA: IDD2P, IDD2N, IDD3N, IDD4R and IDD5 of its data sheet."""

    volts: float
    power_down: float
    precharged: float
    active: float
    reading: float
    refreshing: float


@dataclass(frozen=True)
class Device:
    """A device that fills one channel: its peak rate, 10^9 bits per second, and the share of time it refreshes in."""

    name: str
    gbps: float
    refresh_share: float
    rails: tuple[Rail, ...]

    @cached_property
    def background_mw(self) -> Band:
        """With refresh: powered down between bursts, in standby with rows closed, with a row open."""
        refresh = self.refresh_share * (self._mw(lambda r: r.refreshing) - self._mw(lambda r: r.precharged))
        states = (self._mw(lambda r: r.power_down), self._mw(lambda r: r.precharged), self._mw(lambda r: r.active))
        return Band(*(state + refresh for state in states))

    @cached_property
    def burst_pj_per_bit(self) -> float:
        """What a read burst takes beyond an open row, by TN-41-01: of rows that are read whole, without termination."""
        return (self._mw(lambda r: r.reading) - self._mw(lambda r: r.active)) / self.gbps

    def _mw(self, current: Callable[[Rail], float]) -> float:
        return sum(rail.volts * current(rail) for rail in self.rails)


_DDR3 = Device("Micron DDR3L-1600 4 Gb x16", 25.6, 208 / 6240, (Rail(1.35, 18, 32, 47, 235, 235),))
_DDR4 = Device(
    "Micron DDR4-3200 8 Gb x16", 51.2, 560 / 12480, (Rail(1.2, 25, 37, 56, 302, 280), Rail(2.5, 3, 3, 3, 3, 48))
)
_LPDDR3 = Device("LPDDR3-1600 8 Gb x32", 51.2, 168 / 3120, (Rail(1.2, 1.3, 20.5, 21, 250, 150),))
_LPDDR3_4GB = Device(
    "Micron LPDDR3-1600 4 Gb x32", 51.2, 104 / 3120, (Rail(1.8, 0.6, 2, 2, 5, 40), Rail(1.2, 0.87, 38, 45, 260, 160))
)
_LPDDR4 = Device(
    "Micron LPDDR4-3200 6 Gb x16",
    51.2,
    448 / 6246,
    (Rail(1.8, 1.2, 2, 2.25, 2.25, 10), Rail(1.1, 3, 27, 30, 275, 90), Rail(1.1, 0.75, 0.75, 0.75, 150, 0.75)),
)
_LPDDR5 = Device(
    "Micron LPDDR5-6400 8 Gb x16, VDD2H and read VDDQ",
    102.4,
    210 / 3904,
    (Rail(1.05, 2.5, 30, 39, 372, 170), Rail(0.5, 0, 0, 0, 106, 0)),
)
_HBM2 = Device("HBM2 8 Gb x128, one channel of a stack", 256, 260 / 3900, (Rail(1.2, 28, 40, 55, 390, 250),))


@dataclass(frozen=True)
class Kind:
    """A kind of DRAM: the energy of a read bit, pJ, what it is after, and devices whose currents are known."""

    pj_per_bit: Band
    source: str
    devices: tuple[Device, ...] = ()

    @property
    def channel_gbps(self) -> float:
        """Peak rate of a channel."""
        return self.devices[0].gbps if self.devices else CHANNEL_GBPS

    @property
    def background_mw(self) -> Band | None:
        """Of one channel: from the least to the most that its devices say; None where no currents are known."""
        bands = [device.background_mw for device in self.devices]
        if not bands:
            return None
        mid = sum(band.mid for band in bands) / len(bands)
        return Band(min(band.low for band in bands), mid, max(band.high for band in bands))


def _between(low: float, high: float) -> Band:
    """Where sources agree only on a range, its middle is taken."""
    return Band(low, (low + high) / 2, high)


CHANNEL_GBPS = 51.2
"""The channel that a person's own background power is of."""

_INTERFACE_OF_LPDDR3 = 3.7  # pJ a bit, ISSCC 2012, as published accelerators use it; data sheets leave it out

KINDS = {
    "lpddr4": Kind(Band(8.0, 11.0, 14.0), "published models, 8 to 14", (_LPDDR4,)),
    "lpddr": Kind(exact(40.0), "published models, LPDDR2"),
    "lpddr3": Kind(
        _between(*(device.burst_pj_per_bit + _INTERFACE_OF_LPDDR3 for device in (_LPDDR3_4GB, _LPDDR3))),
        "burst currents of two devices, and an interface of 3.7",
        (_LPDDR3, _LPDDR3_4GB),
    ),
    "ddr3": Kind(_between(_DDR3.burst_pj_per_bit, 70.0), "burst current, to published models' 70", (_DDR3,)),
    "gddr5": Kind(exact(14.0), "published models"),
    "hbm2": Kind(Band(3.9, 3.9, 7.0), "published models, 3.9; high: first HBM", (_HBM2,)),
    "hmc": Kind(exact(4.2), "published models"),
    "ddr4": Kind(_between(_DDR4.burst_pj_per_bit, 18.0), "burst current, to a published model's 18", (_DDR4,)),
    "lpddr5": Kind(
        _between(_LPDDR5.burst_pj_per_bit, 0.7 * 11.0), "burst current, to 30 % less than LPDDR4", (_LPDDR5,)
    ),
}


def check_kind(kind: str) -> None:
    """BadInput for an unknown kind of DRAM, with a list of those there are."""
    if kind not in KINDS:
        raise BadInput(f"dram.kind must be one of {', '.join(KINDS)}, not {kind!r}")


@cache
def pj_per_bit(kind: str) -> Figure:
    """Energy of reading a bit, pJ/bit. BadInput for an unknown kind."""
    check_kind(kind)
    band = KINDS[kind].pj_per_bit
    return of_band(band, "pJ/bit", "predicted", f"{kind}: {band.mid:.3g} pJ a bit ({KINDS[kind].source})")


def channels(bandwidth_gbps: float, channel_gbps: float = CHANNEL_GBPS) -> int:
    """The number of channels that a bandwidth takes."""
    return math.ceil(bandwidth_gbps / channel_gbps)


def knows_background(kind: str) -> bool:
    """Whether the shipped table has the background power of a kind; BadInput for an unknown one."""
    check_kind(kind)
    return KINDS[kind].background_mw is not None


def background_not_known(kind: str) -> str:
    """What a total lacks, where it lacks the background power of a kind."""
    return f"background of {kind} DRAM (not known)"


@lru_cache(maxsize=4096)
def background_mw(kind: str, bandwidth_gbps: float) -> Figure:
    """Background power, mW, of all channels that `bandwidth_gbps` takes. BadInput for an unknown kind.

    For a kind without a source it is zero, and the figure's source says so.
    """
    check_kind(kind)
    found = KINDS[kind]
    if found.background_mw is None:
        return Figure(0.0, "mW", "predicted", f"{kind}: background power not known, not counted")
    count = channels(bandwidth_gbps, found.channel_gbps)
    names = " and ".join(device.name for device in found.devices)
    source = f"data sheet currents of {names}, standby and refresh; {count} x {found.channel_gbps:g} Gb/s"
    return of_band(found.background_mw.times(count), "mW", "predicted", source)
