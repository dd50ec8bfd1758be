"""Scaling of synthesised logic (45 nm, 1.1 V) to a design's node and voltage, and of leakage with the process.

Area, energy and delay follow Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS device
performance from 180 nm to 7 nm", Integration 58 (2017), doi:10.1016/j.vlsi.2017.02.002: polynomials in the supply
voltage for each node, here those of bulk and high-performance devices, and a table for area (1.5 from 45 to 65 nm,
where the square of the node gives 2.1). The paper itself was not read; all numbers were read in published code: area,
energy and delay in wromaszkan/nodeScale (nodeScale.py, MIT), and area and the energies of 90, 65 and 20 nm also in
Accelergy-Project/hwcomponents, which agrees. Device currents were read in CACTI 7, tech_params/*.dat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from archsim.costs.figures import Band
from archsim.costs.sram import sram_macro, sram_nodes
from archsim.errors import BadInput

LIBRARY_NODE_NM = 45  # NangateOpenCellLibrary, typical corner

# Supply of high-performance devices: CACTI 7, tech_params/*.dat, row Vdd; at 45 nm the library's own.
SUPPLY_V = {90: 1.2, 65: 1.1, 45: 1.1, 32: 0.9, 22: 0.8}
LOWEST_V = 0.7  # the equations hold for gates well above threshold

_AREA = {90: 2.8, 65: 1.5, 45: 1.0, 32: 0.46, 20: 0.21}  # relative to the area at 45 nm
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


def _at(table: Mapping[int, tuple[float, ...]], node_nm: int, volt: float) -> float:
    if node_nm in table:
        return _polynomial(table[node_nm], volt)
    return _between_20_and_32(node_nm, _polynomial(table[20], volt), _polynomial(table[32], volt))


def _between_20_and_32(node_nm: int, at_20: float, at_32: float) -> float:
    """Interpolate between the published nodes 20 and 32 nm, since 22 nm is not among them."""
    share = (node_nm - 20) / (32 - 20)
    return (1 - share) * at_20 + share * at_32


@cache
def check_node(node_nm: int) -> None:
    """BadInput if there is no table for the node."""
    if node_nm not in SUPPLY_V:
        raise BadInput(f"costs: node_nm must be one of {', '.join(map(str, sram_nodes()))}, not {node_nm}")


def supply(node_nm: int, supply_v: float | None) -> float:
    """The supply voltage of logic, by default the node's nominal one. BadInput outside 0.7 V to nominal."""
    check_node(node_nm)
    nominal = SUPPLY_V[node_nm]
    given = nominal if supply_v is None else supply_v
    if not LOWEST_V <= given <= nominal:
        raise BadInput(f"costs: voltage_v at {node_nm} nm must be {LOWEST_V:g} to {nominal:g} V, not {given:g}")
    return given


@cache
def area_scale(node_nm: int) -> Band:
    """Cell area at `node_nm` over that at 45 nm, without placement (cells fill about 0.7 of a placed core).

    The middle is that of the published table; the other end of the band is the square of the node ratio.
    """
    check_node(node_nm)
    table = _AREA[node_nm] if node_nm in _AREA else _between_20_and_32(node_nm, _AREA[20], _AREA[32])
    square = (node_nm / LIBRARY_NODE_NM) ** 2
    return Band(min(table, square), table, max(table, square))


@cache
def energy_scale(node_nm: int, supply_v: float | None = None) -> float:
    """Dynamic energy over that of the library. `supply_v` None: nominal. BadInput outside 0.7 V to nominal."""
    here = _at(_ENERGY, node_nm, supply(node_nm, supply_v))
    return here / _at(_ENERGY, LIBRARY_NODE_NM, SUPPLY_V[LIBRARY_NODE_NM])


@cache
def delay_scale(node_nm: int, supply_v: float | None = None) -> float:
    """Delay over that of the library. `supply_v` None: nominal. BadInput outside 0.7 V to nominal."""
    return _delay(node_nm, supply(node_nm, supply_v)) / _delay(LIBRARY_NODE_NM, SUPPLY_V[LIBRARY_NODE_NM])


def _delay(node_nm: int, volt: float) -> float:
    """The least value of the polynomial up to `volt`.

    At 45 and 32 nm the polynomial rises again beyond about 0.95 and 0.85 V, which the delay of a gate does not.
    """
    steps = round((volt - LOWEST_V) / 0.001)
    return min(_at(_DELAY, node_nm, volt - 0.001 * k) for k in range(steps + 1))


@dataclass(frozen=True)
class Device:
    """An n-channel device of CACTI 7: supply, and leakage in A/um through the channel (300 and 330 K) and the gate."""

    supply_v: float
    off_300k: float
    off_330k: float
    gate: float

    @property
    def watt_300k(self) -> float:
        return self.supply_v * (self.off_300k + self.gate)

    @property
    def watt_330k(self) -> float:
        return self.supply_v * (self.off_330k + self.gate)


DEVICES = {  # tech_params/*.dat: Vdd, I_off_n at 0 and 30 (K above 300), I_g_on_n; hp, lstp, lop
    90: (
        Device(1.2, 3.24e-8, 5.92e-8, 1.65e-8),
        Device(1.3, 2.81e-12, 1.25e-11, 3.87e-11),
        Device(0.9, 2.14e-9, 5.07e-9, 4.31e-8),
    ),
    65: (
        Device(1.1, 1.96e-7, 3.05e-7, 4.09e-8),
        Device(1.2, 9.12e-12, 3.64e-11, 1.09e-10),
        Device(0.8, 4.9e-9, 1.08e-8, 9.61e-9),
    ),
    45: (
        Device(1.0, 2.8e-7, 4.39e-7, 3.59e-8),
        Device(1.1, 1.01e-11, 4.06e-11, 9.47e-12),
        Device(0.7, 4.03e-9, 7.51e-9, 5.92e-8),
    ),
    32: (
        Device(0.9, 1.52e-7, 1.68e-7, 6.55e-8),
        Device(1.0, 2.06e-11, 7.83e-11, 3.73e-11),
        Device(0.6, 5.94e-8, 1.04e-7, 2.93e-9),
    ),
    22: (
        Device(0.8, 1.216e-7, 1.344e-7, 1.81e-9),
        Device(0.8, 2.43e-11, 1.94e-10, 4.51e-10),
        Device(0.6, 1.31e-8, 1.02e-7, 2.74e-9),
    ),
}


@cache
def sram_leakage(node_nm: int) -> Band:
    """SRAM leakage over that of CACTI's itrs-lstp cells at 330 K.

    Low and middle are those cells themselves; high is for low-operating-power devices. High-performance cells (itrs-hp,
    3,400 times itrs-lstp at 65 nm) lie beyond the band, since the published chips leave no room for them.
    """
    check_node(node_nm)
    _, standby, operating = DEVICES[node_nm]
    return Band(1.0, 1.0, operating.watt_330k / standby.watt_330k)


@cache
def logic_leakage(node_nm: int, supply_v: float | None = None) -> Band:
    """Leakage of logic over that of the library (general purpose, 25 C). `supply_v` None: nominal.

    Middle: it scales between nodes as the leakage of CACTI's itrs-hp SRAM, since the scaling equations do not cover it.
    Low: a low-standby-power process, by the ratio of devices. High: at 330 K, as for SRAM. It is proportional to the
    supply, as if the current stayed the same; in fact the current falls too (drain-induced barrier lowering), so a low
    supply is not favoured. BadInput outside 0.7 V to nominal.
    """
    check_node(node_nm)
    here, library = (sram_macro(n, "itrs-hp", "1RW", 65536, 64).leak_mw for n in (node_nm, LIBRARY_NODE_NM))
    fast, standby, _ = DEVICES[node_nm]
    node = here / library * supply(node_nm, supply_v) / SUPPLY_V[node_nm]
    return Band(node * standby.watt_300k / fast.watt_300k, node, node * fast.watt_330k / fast.watt_300k)
