"""Synthesised logic (45 nm, 1.1 V) brought to a design's node, and what is fitted on the way.

Energy and delay follow Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS device performance
from 180 nm to 7 nm", Integration 58 (2017), doi:10.1016/j.vlsi.2017.02.002: polynomials in the supply voltage for each
node, here of bulk and high-performance devices, and a table for area (45 to 65 nm: 1.5, where the square of the node
says 2.1). The numbers were read in code that ships them (wromaszkan/nodeScale, nodeScale.py, MIT; area and the energies
of 90 and 65 nm agree with Accelergy-Project/hwcomponents).
"""

from collections.abc import Mapping
from functools import cache

from archsim.costs.tables import sram_macro, sram_nodes
from archsim.trace import BadInput

LIBRARY_NODE_NM = 45  # NangateOpenCellLibrary, typical corner

# Supply of high-performance devices: CACTI 7, tech_params/*.dat, row Vdd; at 45 nm the library's own.
_SUPPLY_V = {90: 1.2, 65: 1.1, 45: 1.1, 32: 0.9, 22: 0.8}

_AREA = {90: 2.8, 65: 1.5, 45: 1.0, 32: 0.46, 20: 0.21}  # over that at 45 nm
_DELAY = {  # cubic in the supply: (V^3, V^2, V, 1)
    90: (-60.34, 262.5, -384.2, 210.9),
    65: (-53.3, 230.4, -333.9, 178.6),
    45: (-501.6, 1567.0, -1619.0, 566.1),
    32: (-1047.0, 2982.0, -2797.0, 873.5),
    20: (0.0, 34.63, -66.37, 41.15),
}
_ENERGY = {  # quadratic in the supply: (V^2, V, 1)
    90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975),
    45: (1.018, -0.3107, 0.1539),
    32: (0.8367, -0.4341, 0.1701),
    20: (0.373, -0.1582, 0.04104),
}


def _polynomial(coefficients: tuple[float, ...], volt: float) -> float:
    value = 0.0
    for coefficient in coefficients:
        value = value * volt + coefficient
    return value


def _at(table: Mapping[int, tuple[float, ...]], node_nm: int) -> float:
    volt = _SUPPLY_V[node_nm]
    if node_nm in table:
        return _polynomial(table[node_nm], volt)
    return _between_20_and_32(node_nm, _polynomial(table[20], volt), _polynomial(table[32], volt))


def _between_20_and_32(node_nm: int, at_20: float, at_32: float) -> float:
    """22 nm is not among the published nodes."""
    share = (node_nm - 20) / (32 - 20)
    return (1 - share) * at_20 + share * at_32


@cache
def check_node(node_nm: int) -> None:
    """BadInput where there is no table for the node."""
    if node_nm not in _SUPPLY_V:
        raise BadInput(f"costs: node_nm must be one of {', '.join(map(str, sram_nodes()))}, not {node_nm}")


@cache
def area_scale(node_nm: int) -> float:
    """Cell area at `node_nm` over that at 45 nm; placement is not in it (cells fill about 0.7 of a placed core)."""
    check_node(node_nm)
    if node_nm in _AREA:
        return _AREA[node_nm]
    return _between_20_and_32(node_nm, _AREA[20], _AREA[32])


@cache
def energy_scale(node_nm: int) -> float:
    check_node(node_nm)
    return _at(_ENERGY, node_nm) / _at(_ENERGY, LIBRARY_NODE_NM)


@cache
def delay_scale(node_nm: int) -> float:
    check_node(node_nm)
    return _at(_DELAY, node_nm) / _at(_DELAY, LIBRARY_NODE_NM)


@cache
def leakage_scale(node_nm: int) -> float:
    """As the same high-performance SRAM leaks in CACTI's table: the published equations are silent on leakage."""
    check_node(node_nm)
    here, library = (sram_macro(n, "itrs-hp", "1RW", 65536, 64).leak_mw for n in (node_nm, LIBRARY_NODE_NM))
    return here / library
