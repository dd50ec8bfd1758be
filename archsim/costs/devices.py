"""Transistors of CACTI 7 by node: supply, threshold, drive and leakage, and how these follow supply and temperature."""

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from archsim.costs.figures import Band

ROOM_K = 300.0
WARM_K = 330.0
"""The temperature of CACTI's SRAM tables, 57 C."""
HOT_K = 400.0
CELSIUS_K = 273.15


@dataclass(frozen=True)
class Device:
    """An n-channel device: supply and threshold in V, drive, and leakage through the channel and the gate in A/um."""

    supply_v: float
    threshold_v: float
    on: float
    off_300k: float
    off_330k: float
    off_400k: float
    gate: float

    def off(self, kelvin: float) -> float:
        """Leakage of the channel, A/um, on the logarithms of the table's 300, 330 and 400 K."""
        (low, i), (high, j) = (
            ((ROOM_K, self.off_300k), (WARM_K, self.off_330k))
            if kelvin <= WARM_K
            else ((WARM_K, self.off_330k), (HOT_K, self.off_400k))
        )
        return math.exp(math.log(i) + (kelvin - low) / (high - low) * math.log(j / i))

    def watt(self, kelvin: float) -> float:
        """Leakage of the channel and the gate at its own supply, W/um."""
        return self.supply_v * (self.off(kelvin) + self.gate)


class Devices(NamedTuple):
    """The devices of a node: high performance, low standby power, low operating power."""

    hp: Device
    lstp: Device
    lop: Device


# Read in HewlettPackard/cacti, tech_params/*.dat: Vdd, Vth, I_on_n, I_off_n at 0, 30 and 100 (K above 300), I_g_on_n.
# Rows between are not used: two of them are off by a factor of ten (90 nm lop at 50 to 70, 22 nm lstp at 60).
_DEVICES = {
    90: Devices(
        Device(1.2, 0.23707, 1.0769e-3, 3.24e-8, 5.92e-8, 1.54e-7, 1.65e-8),
        Device(1.3, 0.48203, 5.036e-4, 2.81e-12, 1.25e-11, 1.7e-10, 3.87e-11),
        Device(0.9, 0.30764, 3.866e-4, 2.14e-9, 5.07e-9, 1.73e-8, 4.31e-8),
    ),
    65: Devices(
        Device(1.1, 0.19491, 1.1972e-3, 1.96e-7, 3.05e-7, 6.3e-7, 4.09e-8),
        Device(1.2, 0.52354, 5.192e-4, 9.12e-12, 3.64e-11, 3.21e-10, 1.09e-10),
        Device(0.8, 0.28512, 5.731e-4, 4.9e-9, 1.08e-8, 3.42e-8, 9.61e-9),
    ),
    45: Devices(
        Device(1.0, 0.18035, 2.0466e-3, 2.8e-7, 4.39e-7, 9.84e-7, 3.59e-8),
        Device(1.1, 0.50245, 6.662e-4, 1.01e-11, 4.06e-11, 4.1e-10, 9.47e-12),
        Device(0.7, 0.22599, 7.489e-4, 4.03e-9, 7.51e-9, 2.03e-8, 5.92e-8),
    ),
    32: Devices(
        Device(0.9, 0.21835, 2.2117e-3, 1.52e-7, 1.68e-7, 6.1e-6, 6.55e-8),
        Device(1.0, 0.513, 6.836e-4, 2.06e-11, 7.83e-11, 7.44e-10, 3.73e-11),
        Device(0.6, 0.24227, 8.278e-4, 5.94e-8, 1.04e-7, 2.63e-7, 2.93e-9),
    ),
    22: Devices(
        Device(0.8, 0.1395, 2.6264e-3, 1.216e-7, 1.344e-7, 4.88e-6, 1.81e-9),
        Device(0.8, 0.40126, 7.276e-4, 2.43e-11, 1.94e-10, 2.48e-8, 4.51e-10),
        Device(0.6, 0.2315, 9.161e-4, 1.31e-8, 1.02e-7, 4.48e-6, 2.74e-9),
    ),
}

TABLE_NODES = tuple(_DEVICES)


@cache
def nearest_table(node_nm: int) -> int:
    """The node of CACTI's tables with the least ratio to `node_nm`."""
    return min(TABLE_NODES, key=lambda node: abs(math.log(node / node_nm)))


def devices(node_nm: int) -> Devices:
    """The devices of the nearest node that CACTI has."""
    return _DEVICES[nearest_table(node_nm)]


def kelvin(temperature_c: float) -> float:
    return temperature_c + CELSIUS_K


# --- Low power instead of high performance ----------------------------------------------------------------------------


@cache
def low_power_delay() -> Band:
    """Delay of a low-power process over that of a general-purpose one, each at its own supply.

    V / I_on of CACTI's devices: the least of low-operating-power ones, the geometric mean of both kinds over all nodes,
    and the most of low-standby-power ones. Stillmaker & Baas have 3.5 at 45 nm, 5 at 32 and 1.7 to 2.2 at 16 to 7 nm.
    """
    ratios = [
        slow.supply_v / slow.on / (node.hp.supply_v / node.hp.on)
        for node in _DEVICES.values()
        for slow in (node.lstp, node.lop)
    ]
    return Band(min(ratios), math.prod(ratios) ** (1 / len(ratios)), max(ratios))


# --- Supply -----------------------------------------------------------------------------------------------------------

ALPHA = 1.3
"""Exponent of the alpha-power law (Sakurai & Newton 1990) for short channels; their 1.2 to 1.4 is recalled."""
_BARRIER_V = 0.1
"""Drain-induced lowering of the barrier, V/V; 0.05 to 0.15 is usual (recalled)."""
_SLOPE_V = 0.035
"""n kT/q at 300 K with n = 1.35 (recalled): a threshold lower by this much leaks e times as much."""


def alpha_power(volt: float, threshold_v: float) -> float:
    """Delay at a supply, up to a factor: V / (V - Vth)^alpha."""
    return volt / math.pow(volt - threshold_v, ALPHA)


def leakage_at(volt: float, nominal_v: float) -> Band:
    """Leakage power at a supply over that at the nominal one.

    Power is at least proportional to the supply. The current follows it too, by drain-induced barrier lowering: above
    nominal that is in the middle, below it only at the low end, so that neither overdrive nor underdrive is flattered.
    """
    linear = volt / nominal_v
    lowered = linear * math.exp((volt - nominal_v) * _BARRIER_V / _SLOPE_V)
    return Band(min(linear, lowered), max(linear, lowered), max(linear, lowered))
