"""SRAM at nodes and supplies beyond the tables: hand-worked factors, and laws that hold for any shape."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.costs.devices import TABLE_NODES
from archsim.costs.sram_nodes import CELL_UM2, UNSCALED, node_scale, sram_supply, supply_scale
from archsim.costs.technology import LOW_POWER_SUPPLY_V, NODES, energy_scale
from archsim.errors import BadInput


def test_nodes_of_the_tables_are_as_the_tables() -> None:
    for node in TABLE_NODES:
        assert node_scale(node) is UNSCALED
        assert supply_scale(node, None) is UNSCALED is supply_scale(node, LOW_POWER_SUPPLY_V[node])


def test_a_node_between_by_hand() -> None:
    """28 nm: TSMC's cell of 0.127 um2 against CACTI's 146 F^2 at 32 nm; 0.9 V against 1.0 V."""
    scale, area = node_scale(28), 0.127 / (146 * 0.032**2)
    assert scale.area.mid == pytest.approx(area)
    logic = energy_scale(28, 0.9) / energy_scale(32, None, "low-power")
    assert sorted((scale.energy.low, scale.energy.high)) == pytest.approx(sorted((logic, area**0.5 * 0.81)))
    assert scale.energy.mid == pytest.approx((logic * area**0.5 * 0.81) ** 0.5)


def test_cells_shrink_from_node_to_node() -> None:
    cells = [CELL_UM2[node].mid if node in CELL_UM2 else 146 * (node / 1000) ** 2 for node in NODES]
    assert cells == sorted(cells, reverse=True)


volts = st.tuples(st.floats(0.75, 1.1), st.floats(0.75, 1.1)).map(sorted)


@settings(max_examples=50)
@given(st.sampled_from(NODES), volts)
def test_more_supply_is_faster_takes_more_energy_and_leaks_more(node: int, shares: list[float]) -> None:
    low, high = (supply_scale(node, share * LOW_POWER_SUPPLY_V[node]) for share in shares)
    assert low.energy.mid <= high.energy.mid * (1 + 1e-9)
    assert low.delay >= high.delay * (1 - 1e-9)
    assert low.leakage <= high.leakage * (1 + 1e-9)
    assert low.energy.low <= low.energy.mid <= low.energy.high


def test_a_supply_by_hand() -> None:
    """65 nm at 0.9 of 1.2 V: V^2, and the alpha-power law with a threshold of 0.52354 V."""
    scale = supply_scale(65, 0.9)
    assert scale.energy.mid == pytest.approx(0.75**2)
    assert scale.energy.high == pytest.approx(0.75)
    assert scale.delay == pytest.approx(0.75 * ((1.2 - 0.52354) / (0.9 - 0.52354)) ** 1.3)


@pytest.mark.parametrize(("node", "volt", "rule"), [(65, 0.8, "0.9 to 1.32"), (22, 1.0, "0.6 to 0.88")])
def test_a_supply_out_of_range_is_refused(node: int, volt: float, rule: str) -> None:
    with pytest.raises(BadInput, match=f"^costs: physical.sram_voltage_v at {node} nm must be {rule} V, not {volt:g}$"):
        sram_supply(node, volt)
