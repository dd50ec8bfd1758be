"""Scaling of synthesised logic (45 nm, 1.1 V) to a node, a supply and a process flavour.

Area, energy and delay follow Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS device
performance from 180 nm to 7 nm", Integration 58 (2017), doi:10.1016/j.vlsi.2017.02.002: polynomials in the supply
voltage for each node, here those of bulk and high-performance devices, and a table for area (1.5 from 45 to 65 nm,
where the square of the node gives 2.1). The paper itself was not read; all numbers were read in published code: area,
energy and delay of all nodes in wromaszkan/nodeScale (nodeScale.py, MIT), and area of all nodes and energies of 130,
90, 65 and 20 to 7 nm also in Accelergy-Project/hwcomponents (techscaling.py), which agrees.

40 nm lies between their 45 and 32 nm, 28 and 22 nm between their 32 and 20 nm, linearly in the node. No node is better
than a newer one: at nominal supply a delay is at least that of any newer node (only 32 nm is changed: its polynomial
gives 0.62, that of 22 nm 0.81).
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from archsim.costs.devices import TABLE_NODES, alpha_power, devices, low_power_delay
from archsim.costs.figures import Band
from archsim.errors import BadInput
from archsim.specs.physical import Flavour

LIBRARY_NODE_NM = 45  # NangateOpenCellLibrary, typical corner

# 90 to 22 nm: supply of high-performance devices, CACTI 7, tech_params/*.dat, row Vdd (read); at 45 nm the library's
# own. 130 nm: SG13G2's (read, IHP-Open-PDK). 40 and 28 nm between their neighbours; 16 to 7 nm: the predictive models
# that the equations were fitted to (PTM-MG, recalled), with 16 nm as 22 nm.
SUPPLY_V = {
    130: 1.2, 90: 1.2, 65: 1.1, 45: 1.1, 40: 1.0, 32: 0.9, 28: 0.85, 22: 0.8, 16: 0.8, 14: 0.8, 10: 0.75, 7: 0.7
}  # fmt: skip
# Supply of low-standby-power devices, from the same rows; 130 nm as 90 nm, 40 and 28 nm between, then as above.
LOW_POWER_SUPPLY_V = {
    130: 1.3, 90: 1.3, 65: 1.2, 45: 1.1, 40: 1.05, 32: 1.0, 28: 0.9, 22: 0.8, 16: 0.8, 14: 0.8, 10: 0.75, 7: 0.7
}  # fmt: skip
NODES = tuple(SUPPLY_V)
LOWEST_V = 0.7
"""The equations hold for gates well above threshold."""
LOWEST_FINFET_V = 0.55
FINFET_NM = 16
HIGHEST = 1.1
"""Overdrive over the nominal supply: the range that SG13G2's memories are specified for (read, IHP-Open-PDK)."""

_AREA = {130: 6.4, 90: 2.8, 65: 1.5, 45: 1.0, 32: 0.46, 20: 0.21, 16: 0.19, 14: 0.17, 10: 0.1, 7: 0.059}
"""Relative to the area at 45 nm."""
_DELAY = {  # cubic in the supply: (V^3, V^2, V, 1)
    130: (-76.65, 334.9, -493.4, 275.8),
    90: (-60.34, 262.5, -384.2, 210.9),
    65: (-53.3, 230.4, -333.9, 178.6),
    45: (-501.6, 1567.0, -1619.0, 566.1),
    32: (-1047.0, 2982.0, -2797.0, 873.5),
    20: (0.0, 34.63, -66.37, 41.15),
    16: (0.0, 24.8, -47.52, 28.87),
    14: (-40.66, 109.2, -100.6, 35.92),
    10: (-34.95, 93.65, -85.99, 30.4),
    7: (-28.58, 76.6, -70.26, 24.69),
}
_ENERGY = {  # quadratic in the supply: (V^2, V, 1)
    130: (7.171, -6.709, 2.904),
    90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539),
    32: (0.8367, -0.4341, 0.1701),
    20: (0.373, -0.1582, 0.04104),
    16: (0.2958, -0.1241, 0.03024),
    14: (0.2363, -0.09675, 0.02239),
    10: (0.2068, -0.09311, 0.02375),
    7: (0.1776, -0.09097, 0.02447),
}


Number = TypeVar("Number", float, NDArray[np.float64])


def _polynomial(coefficients: tuple[float, ...], volt: Number) -> Number:
    value = 0.0 * volt
    for coefficient in coefficients:
        value = value * volt + coefficient
    return value


def _at(table: Mapping[int, tuple[float, ...]], node_nm: int, volt: Number) -> Number:
    return _between_published(node_nm, table, lambda node: _polynomial(table[node], volt))


def _between_published(node_nm: int, table: Mapping[int, object], value: Callable[[int], Number]) -> Number:
    """The `value` of a node, or between those of its neighbours in the `table`, linearly in the node."""
    if node_nm in table:
        return value(node_nm)
    newer, older = _around(node_nm, table)
    share = (node_nm - newer) / (older - newer)
    return (1 - share) * value(newer) + share * value(older)


def _around(node_nm: int, table: Mapping[int, object]) -> tuple[int, int]:
    return max(n for n in table if n < node_nm), min(n for n in table if n > node_nm)


def neighbours(node_nm: int) -> tuple[int, int] | None:
    """The published nodes that an interpolated node lies between; None for a published one."""
    return None if node_nm in _AREA else _around(node_nm, _AREA)


@cache
def check_node(node_nm: int) -> None:
    """BadInput if there are no factors for the node."""
    if node_nm not in SUPPLY_V:
        raise BadInput(f"costs: node_nm must be one of {', '.join(map(str, NODES))}, not {node_nm}")


def nominal_supply(node_nm: int, flavour: Flavour | None = None) -> float:
    """The nominal supply of logic, V. BadInput for an unknown node."""
    check_node(node_nm)
    return (LOW_POWER_SUPPLY_V if flavour == "low-power" else SUPPLY_V)[node_nm]


def supply_source(node_nm: int, flavour: Flavour | None) -> str:
    """Where the nominal supply is from."""
    if node_nm in TABLE_NODES:
        kind = "low-standby-power" if flavour == "low-power" else "high-performance"
        return f"CACTI 7, {kind} devices"
    if node_nm > max(TABLE_NODES):
        return "90 nm's" if flavour == "low-power" else "SG13G2 (IHP-Open-PDK)"
    return "between CACTI's" if node_nm > min(TABLE_NODES) else "PTM-MG, recalled; 16 nm as 22 nm"


def lowest_supply(node_nm: int) -> float:
    return LOWEST_FINFET_V if node_nm <= FINFET_NM else LOWEST_V


def supply(node_nm: int, supply_v: float | None, flavour: Flavour | None = None) -> float:
    """The supply voltage of logic, by default the nominal one.

    BadInput below the range of the equations, or more than a tenth above nominal.
    """
    nominal = nominal_supply(node_nm, flavour)
    given = nominal if supply_v is None else supply_v
    lowest, highest = lowest_supply(node_nm), HIGHEST * nominal
    if not lowest <= given <= highest * (1 + 1e-9):
        raise BadInput(f"costs: voltage_v at {node_nm} nm must be {lowest:g} to {highest:g} V, not {given:g}")
    return given


@cache
def area_scale(node_nm: int) -> Band:
    """Cell area at `node_nm` over that at 45 nm, without placement (cells fill about 0.7 of a placed core).

    The middle is that of the published table; the other end of the band is the square of the node ratio.
    """
    check_node(node_nm)
    table = _between_published(node_nm, _AREA, _AREA.__getitem__)
    square = (node_nm / LIBRARY_NODE_NM) ** 2
    return Band(min(table, square), table, max(table, square))


@cache
def energy_scale(node_nm: int, supply_v: float | None = None, flavour: Flavour | None = None) -> float:
    """Dynamic energy over that of the library. `supply_v` None: nominal. BadInput as for `supply`."""
    here = _at(_ENERGY, node_nm, supply(node_nm, supply_v, flavour))
    return here / _at(_ENERGY, LIBRARY_NODE_NM, SUPPLY_V[LIBRARY_NODE_NM])


@cache
def delay_scale(node_nm: int, supply_v: float | None = None, flavour: Flavour | None = None) -> float:
    """Delay over that of the library. `supply_v` None: nominal. BadInput as for `supply`.

    Below the nominal supply it follows the published polynomials; above it, and in a low-power process, whose threshold
    is higher, the alpha-power law.
    """
    volt = supply(node_nm, supply_v, flavour)
    if flavour == "low-power":
        slower = low_power_delay().mid * _nominal_delay(node_nm)
        return slower * _overdriven(volt, LOW_POWER_SUPPLY_V[node_nm], devices(node_nm).lstp.threshold_v)
    nominal = SUPPLY_V[node_nm]
    if volt > nominal:
        return _nominal_delay(node_nm) * _overdriven(volt, nominal, devices(node_nm).hp.threshold_v)
    return _nominal_delay(node_nm) * (_delay(node_nm, volt) / _delay(node_nm, nominal))


def _overdriven(volt: float, nominal_v: float, threshold_v: float) -> float:
    return alpha_power(volt, threshold_v) / alpha_power(nominal_v, threshold_v)


@cache
def _nominal_delay(node_nm: int) -> float:
    """Delay at nominal supply over that of the library; no node is faster than a newer one."""
    library = _delay(LIBRARY_NODE_NM, SUPPLY_V[LIBRARY_NODE_NM])
    return max(_delay(node, SUPPLY_V[node]) for node in NODES if node <= node_nm) / library


def _delay(node_nm: int, volt: float) -> float:
    """The least value of the polynomial up to `volt`.

    At 45 and 32 nm the polynomial rises again beyond about 0.95 and 0.85 V, which the delay of a gate does not.
    """
    steps = round((volt - lowest_supply(node_nm)) / 0.001)
    volts = volt - 0.001 * np.arange(steps + 1, dtype=np.float64)
    return float(_at(_DELAY, node_nm, volts).min())
