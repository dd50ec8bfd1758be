"""Leakage of logic and SRAM by node, supply, process flavour and temperature, with the band that processes span."""

import math
from functools import cache

from archsim.costs.devices import ROOM_K, WARM_K, devices, kelvin, leakage_at, nearest_table
from archsim.costs.figures import Band
from archsim.costs.macros import sram_macro
from archsim.costs.sram_nodes import node_scale
from archsim.costs.technology import LIBRARY_NODE_NM, NODES, nominal_supply, supply
from archsim.specs.physical import Flavour


@cache
def sram_leakage(node_nm: int, flavour: Flavour | None = None, temperature_c: float | None = None) -> Band:
    """SRAM leakage over that of CACTI's itrs-lstp cells at 330 K.

    Low and middle are those cells themselves; high is for low-operating-power devices. High-performance cells (itrs-hp,
    3,400 times itrs-lstp at 65 nm) lie beyond the band, since the published chips leave no room for them. In a process
    that is said to be general-purpose, the middle is low-operating-power and the high end is high-performance.
    """
    at, node = WARM_K if temperature_c is None else kelvin(temperature_c), devices(node_nm)
    standby, operating, fast = (device.watt(at) / node.lstp.watt(WARM_K) for device in (node.lstp, node.lop, node.hp))
    return (
        Band(standby, operating, max(operating, fast))
        if flavour == "general-purpose"
        else Band(standby, standby, operating)
    )


@cache
def logic_leakage(
    node_nm: int,
    supply_v: float | None = None,
    flavour: Flavour | None = None,
    temperature_c: float | None = None,
) -> Band:
    """Leakage of logic over that of the library (general purpose, 25 C). `supply_v` None: nominal.

    Middle: it scales between nodes as the leakage of CACTI's itrs-hp SRAM, since the scaling equations do not cover it.
    Low: a low-standby-power process, by the ratio of devices. High: at 330 K, as for SRAM, unless the temperature is
    given. A low-power process lies between low-standby-power and low-operating-power devices, in the middle at their
    geometric mean; a general-purpose one has the middle as its low end. The supply follows ``leakage_at``. BadInput as
    for ``technology.supply``.
    """
    at = leakage_at(supply(node_nm, supply_v, flavour), nominal_supply(node_nm, flavour))
    band = _at_nominal(node_nm, flavour, temperature_c)
    return Band(band.low * at.low, band.mid * at.mid, band.high * at.high)


@cache
def _at_nominal(node_nm: int, flavour: Flavour | None, temperature_c: float | None) -> Band:
    """Leakage of a gate at its nominal supply over that of the library.

    In the middle no node leaks less than a newer one: 90 and 130 nm leak as much as 65 nm, which is an upper bound,
    since CACTI's gate at 90 nm leaks 0.31 times as much.
    """
    own = _by_devices(node_nm, flavour, temperature_c)
    mid = max(_by_devices(node, flavour, temperature_c).mid for node in NODES if node <= node_nm)
    return Band(own.low, mid, max(own.high, mid))


def _by_devices(node_nm: int, flavour: Flavour | None, temperature_c: float | None) -> Band:
    """Leakage over that of the library: that of the node's high-performance SRAM, times the ratio of devices."""
    room, warm = (ROOM_K, WARM_K) if temperature_c is None else (kelvin(temperature_c),) * 2
    node, unit = devices(node_nm), _itrs_hp(node_nm) / devices(node_nm).hp.watt(ROOM_K)
    if flavour == "low-power":
        standby, operating = node.lstp.watt(room), node.lop.watt(room)
        return Band(standby, math.sqrt(standby * operating), node.lop.watt(warm)).times(unit)
    low = node.hp if flavour == "general-purpose" else node.lstp
    return Band(low.watt(room), node.hp.watt(room), node.hp.watt(warm)).times(unit)


def _itrs_hp(node_nm: int) -> float:
    """Leakage of CACTI's itrs-hp SRAM over that at the library's node."""
    here, library = (
        sram_macro(table, "itrs-hp", "1RW", 65536, 64).leak_mw for table in (nearest_table(node_nm), LIBRARY_NODE_NM)
    )
    return here / library * node_scale(node_nm).leakage
