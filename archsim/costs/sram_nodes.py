"""SRAM at nodes and supplies that CACTI's tables lack: factors on the table of the nearest node.

CACTI has 90, 65, 45, 32 and 22 nm. 130 nm is scaled from 90, 40 from 45, 28 from 32, and 16 to 7 nm from 22.
"""

import math
from dataclasses import dataclass
from functools import cache

from archsim.costs.devices import TABLE_NODES, alpha_power, devices, leakage_at, nearest_table
from archsim.costs.figures import Band, exact
from archsim.costs.technology import HIGHEST, LOW_POWER_SUPPLY_V, check_node, delay_scale, energy_scale
from archsim.errors import BadInput

# Published six-transistor cells, um2. 130 nm: CACTI's 146 F^2, which is also TSMC's 2.43 (recalled); low: Intel's 2.0
# (recalled). 40 nm: 28 nm's over its 0.52; 28 nm: TSMC's, of 0.120 to 0.155; 16 nm: TSMC's; 14 nm: Samsung's, low:
# Intel's, high: the high-performance one; all read on WikiChip. 10 nm: between Intel's 0.0312 (read in a discussion)
# and TSMC's 0.042 (recalled); 7 nm: TSMC's (read in a report on IEDM).
CELL_UM2 = {
    130: Band(2.0, 2.467, 2.467),
    40: exact(0.244),
    28: Band(0.120, 0.127, 0.155),
    16: exact(0.070),
    14: Band(0.0588, 0.064, 0.080),
    10: Band(0.0312, 0.0362, 0.042),
    7: exact(0.027),
}
CACTI_CELL_F2 = 146
"""The cell of CACTI's tables, in squares of the node: tech_params/*.dat, row area_cell (read)."""

LOWEST = 0.75
"""Least supply over nominal; below it a cell needs circuits that assist it (recalled)."""


@dataclass(frozen=True)
class SramScale:
    """Factors on the table of the nearest node."""

    area: Band
    energy: Band
    delay: float
    leakage: float
    sources: tuple[str, ...]

    def __mul__(self, other: "SramScale") -> "SramScale":
        return SramScale(
            _product(self.area, other.area),
            _product(self.energy, other.energy),
            self.delay * other.delay,
            self.leakage * other.leakage,
            self.sources + other.sources,
        )


def _product(one: Band, other: Band) -> Band:
    return Band(one.low * other.low, one.mid * other.mid, one.high * other.high)


UNSCALED = SramScale(exact(1.0), exact(1.0), 1.0, 1.0, ())


@cache
def node_scale(node_nm: int) -> SramScale:
    """The factors of a node; 1 where CACTI has it. BadInput for an unknown node.

    Area follows the published cells. Energy lies between that of logic (Stillmaker & Baas) and the length of the cell's
    side times the square of the supply, in the middle at their geometric mean. Delay follows logic. Leakage follows the
    side of the cell and the supply below 22 nm, as if the current of a width stayed the same, and is that of the table
    elsewhere.
    """
    check_node(node_nm)
    if node_nm in TABLE_NODES:
        return UNSCALED
    table, cell = nearest_table(node_nm), CELL_UM2[node_nm]
    area = cell.times(1 / (CACTI_CELL_F2 * (table / 1000) ** 2))
    side, volt = math.sqrt(area.mid), LOW_POWER_SUPPLY_V[node_nm] / LOW_POWER_SUPPLY_V[table]
    as_logic = energy_scale(node_nm, None, "low-power") / energy_scale(table, None, "low-power")
    low, high = sorted((side * volt**2, as_logic))
    return SramScale(
        area=area,
        energy=Band(low, math.sqrt(low * high), high),
        delay=delay_scale(node_nm) / delay_scale(table),
        leakage=side * volt if node_nm < min(TABLE_NODES) else 1.0,
        sources=(f"{table} nm scaled to {node_nm} nm by published cells and Stillmaker & Baas 2017",),
    )


def sram_supply(node_nm: int, supply_v: float | None) -> float:
    """The supply of SRAM, by default that of CACTI's itrs-lstp devices. BadInput outside 0.75 to 1.1 times it."""
    check_node(node_nm)
    nominal = LOW_POWER_SUPPLY_V[node_nm]
    given = nominal if supply_v is None else supply_v
    lowest, highest = LOWEST * nominal, HIGHEST * nominal
    if not lowest * (1 - 1e-9) <= given <= highest * (1 + 1e-9):
        raise BadInput(
            f"costs: physical.sram_voltage_v at {node_nm} nm must be {lowest:g} to {highest:g} V, not {given:g}"
        )
    return given


@cache
def supply_scale(node_nm: int, supply_v: float | None) -> SramScale:
    """The factors of a supply; 1 at the nominal one. BadInput as for `sram_supply`.

    Energy follows the square of the supply; the other end of its band is the supply itself, for bit lines of a fixed
    swing. Delay follows the alpha-power law with the threshold of CACTI's cells, leakage ``leakage_at``, at its middle.
    """
    volt, nominal = sram_supply(node_nm, supply_v), LOW_POWER_SUPPLY_V[node_nm]
    if volt == nominal:
        return UNSCALED
    ratio, threshold = volt / nominal, devices(node_nm).lstp.threshold_v
    return SramScale(
        area=exact(1.0),
        energy=Band(min(ratio, ratio**2), ratio**2, max(ratio, ratio**2)),
        delay=alpha_power(volt, threshold) / alpha_power(nominal, threshold),
        leakage=leakage_at(volt, nominal).mid,
        sources=(f"at {volt:g} V by V^2 (band: V) and the alpha-power law",),
    )


@cache
def sram_scale(node_nm: int, supply_v: float | None) -> SramScale:
    """The factors of a node at a supply. BadInput as for `node_scale` and `sram_supply`."""
    node, supply = node_scale(node_nm), supply_scale(node_nm, supply_v)
    return node if supply is UNSCALED else node * supply
