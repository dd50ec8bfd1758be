"""Every figure of a design, with its source: complete, and equal to what area and energy use."""

import pytest

from archsim import designs
from archsim.components import ALL as SPECS
from archsim.costs import area, banks, leakage
from archsim.costs.model import prices
from archsim.costs.own import cost_table
from archsim.design import Design, load_design
from archsim.explain import explain


@pytest.mark.parametrize("name", designs.ALL)
def test_every_figure_has_unit_and_source(name: str) -> None:
    for row in explain(load_design(name)):
        assert row.unit
        assert row.source
        assert row.status in ("calibrated", "predicted")
        assert row.low <= row.value <= row.high


@pytest.mark.parametrize("name", designs.ALL)
def test_every_component_is_there_and_its_figures_are_those_in_use(name: str) -> None:
    design = load_design(name)
    found = {(row.component, row.figure): row.value for row in explain(design)}
    assert len(found) == len(explain(design))
    assert {field for field, info in Design.model_fields.items() if info.annotation in SPECS} <= {c for c, _ in found}
    for component, figure in area(design).components.items():
        assert found[component, "area"] == figure.value
    for component, figure in leakage(design).items():
        assert found[component, "leakage"] == figure.value
    for (component, action), (_, figure) in prices(design).items():
        assert found[component, f"energy of {action}"] == figure.value


def test_clock_reach_and_banks() -> None:
    design = load_design("edge-resident")
    found = {(row.component, row.figure): (row.value, row.unit) for row in explain(design)}
    assert found["weight_memory", "bank size"] == (256 / banks(design).banks, "KiB")
    assert found["weight_memory", "clock reach"] == (pytest.approx(1000 / banks(design).cycle_ns), "MHz")
    assert found["pe_array", "pipeline stages"] == (1, "stages")
    assert ("weight_memory", "bank size") not in {(r.component, r.figure) for r in explain(load_design("skip-65nm"))}


def test_dram_and_leakage_carry_bands() -> None:
    rows = {(row.component, row.figure): row for row in explain(load_design("skip-65nm"))}
    dram = rows["dram", "energy of read_bits"]
    assert (dram.low, dram.value, dram.high, dram.unit) == (8, 11, 14, "pJ/bit")
    for figure in (rows["dram", "background"], rows["pe_array", "leakage"], rows["pe_array", "area"]):
        assert figure.low < figure.high


def test_an_own_table_shows() -> None:
    costs = cost_table(
        {"name": "x", "energy": {"pe_array": {"mac": {"value": 1.0, "unit": "pJ", "source": "our own"}}}}
    )
    design = load_design("skip-65nm")
    changed = [after for before, after in zip(explain(design), explain(design, costs), strict=True) if before != after]
    assert [row.to_json() for row in changed] == [
        {
            "component": "pe_array",
            "figure": "energy of mac",
            "value": 1.0,
            "low": 1.0,
            "high": 1.0,
            "unit": "pJ",
            "source": "our own",
            "status": "given",
        }
    ]
