"""Published figures beside the model's are complete, say what they are worth, and only those can fail that may."""

import json
from dataclasses import replace
from functools import cache
from importlib import resources

import pytest

from archsim.analysis.validate import (
    KINDS,
    Kind,
    Tolerance,
    Validation,
    ValidationRow,
    validate,
)
from archsim.costs import area
from archsim.costs.calibration import shipped
from archsim.costs.published import chips
from archsim.design import load_design
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize


@cache
def validation() -> Validation:
    """Once, and not when tests are collected: every process does that."""
    return validate()


def rows(chip: str, quantity: str) -> list[ValidationRow]:
    return [row for row in validation().rows if (row.chip, row.quantity) == (chip, quantity)]


def test_every_published_figure_has_a_row() -> None:
    published = {(c.name, quantity, f.value, f.sure) for c in chips() for quantity, f in c.figures}
    shown = {
        (r.chip.split(" ", 1)[1].replace(" ", "_") if " " in r.chip else "chip", r.quantity, r.published, r.sure)
        for r in validation().rows
    }
    assert shown == published
    assert len({r.chip for r in validation().rows if r.chip.startswith("RBT")}) == 6


def test_every_row_says_what_it_is_and_only_identities_and_blind_ones_gate() -> None:
    assert {row.kind for row in validation().rows} == set(KINDS)
    for row in validation().rows:
        assert row.gates == (row.tolerance is not None)
        assert not row.gates or row.kind in ("identity", "blind")
        assert (row.left_out_pct is not None) == (row.kind == "fitted")
        assert row.tolerance is None or row.tolerance.why
    assert validation().ok
    assert [(r.chip, r.quantity) for r in validation().rows if r.kind == "blind" and r.gates] == [
        ("SKIP", "energy_gain_max")
    ]


def test_only_rbt_low_power_is_fitted() -> None:
    fitted = {(r.chip, r.quantity) for r in validation().rows if r.kind == "fitted"}
    # the high-speed full-precision chip is the low-power one
    names = ("RBT low power full", "RBT low power ternary", "RBT low power binary", "RBT high speed full")
    assert fitted == {(name, quantity) for name in names for quantity in ("area_mm2", "power_mw")}


def test_identities_are_arithmetic_on_the_files_that_ship() -> None:
    for chip in chips():
        design = shipped(chip)
        (row,) = rows(f"{chip.paper.upper()} {chip.name.replace('_', ' ')}".removesuffix(" chip"), "gops")
        assert row.ours == pytest.approx(2e-3 * design.clock_mhz * design.pe_array.pes)
    assert rows("RBT high speed binary", "speedup_over_full")[0].ours == pytest.approx(1000 / 100)
    assert rows("RBT low power binary", "memory_saving_over_full")[0].ours == 12 / 1


def test_areas_are_sums_over_components_of_the_shipped_designs() -> None:
    for chip, name in (("RBT high speed binary", "rbt-high-speed-binary"), ("SKIP", "skip-65nm")):
        (row,) = rows(chip, "area_mm2")
        parts = area(load_design(name)).components
        left_out = parts["state_buffer"].value if "RBT" in chip else 0.0
        assert row.ours == pytest.approx(sum(f.value for f in parts.values()) - left_out)
        assert ("but the state buffer" in row.note) == bool(left_out)


def test_drawn_zeros_say_so_in_the_name() -> None:
    claims = [r for q in ("speedup_max", "energy_gain_max", "skipped_share") for r in rows("SKIP", q)]
    assert len(claims) == 5
    assert all("synthetic lanes with equal zeros" in row.figure for row in claims)
    others = [r for r in validation().rows if "synthetic" in r.figure and r.chip != "SKIP"]
    assert all("synthetic dense run" in row.figure for row in others)
    assert len(others) == 2


def test_one_lane_stands_beside_the_best_dense_run_of_its_chip() -> None:
    (one,) = rows("SKIP", "gops_one_lane")
    assert one.note == "one lane of 8; the best dense run of this chip has all of them: 76.8 GOPS"


def test_both_halves_of_skips_claim_are_runs_of_the_machine() -> None:
    design = load_design("skip-65nm")
    density = 1 - 0.808 * 1008 / 1000  # eight input columns of 1,008 are never skipped
    trace = synthesize(1000, 50, density, correlation=1.0, sequences=8, steps=50)
    report = simulate(design, trace, "burst", scope="recurrent")
    dense = simulate(design.override({"skip_encoder.enabled": False}), trace, "burst", scope="recurrent")
    same, best = rows("SKIP", "speedup_max")
    assert (same.ours, best.ours) == (report.speedup_same_lanes, report.speedup_best_dense)
    assert "80.8% of the streamed columns skipped, derived from the claim" in same.note
    chip, system = rows("SKIP", "energy_gain_max")
    assert chip.ours == pytest.approx(dense.energy.total_chip / report.energy.total_chip)
    assert system.ours == pytest.approx(dense.energy.total_system / report.energy.total_system)
    (share,) = rows("SKIP", "skipped_share")
    assert 0.808 < share.ours < 0.83  # the machine loses some cycles, so it needs a little more


def test_rbts_claims_are_runs_too() -> None:
    reports = [
        simulate(
            load_design(name),
            synthesize(1000, 50, 1.0, sequences=1, steps=50, weight_format=weights),
            "burst",
            scope="recurrent",
        )
        for name, weights in (("rbt-low-power-full", "fixed12"), ("rbt-high-speed-binary", "binary"))
    ]
    speed = rows("RBT high speed binary", "speedup_over_full")[1]
    assert speed.ours == reports[0].cycles / reports[1].cycles
    memory = rows("RBT low power binary", "memory_saving_over_full")[1]
    assert 11.5 < memory.ours < 12  # biases and inputs stay as wide


def test_networks_have_no_published_figure_and_never_decide() -> None:
    sparse = synthesize(256, 50, 0.1, correlation=0.9, sequences=8, steps=5)
    found = validate({"sparse": sparse})
    assert found.rows == validation().rows
    assert [run.network for run in found.runs] == ["sparse", "sparse"]


@pytest.mark.parametrize(
    ("kind", "sure", "ours", "failed"),
    [("blind", "read", 110.1, True), ("identity", "agrees", 89.8, True), ("blind", "agrees", 109.9, False),
     ("identity", "derived", 300.0, True), ("blind", "recalled", 300.0, True), ("blind", "weak", 300.0, False),
     ("checked", "read", 300.0, False), ("fitted", "read", 300.0, False)],
)  # fmt: skip
def test_only_identities_and_blind_rows_can_fail(kind: Kind, sure: str, ours: float, failed: bool) -> None:
    row = ValidationRow("X", "area", "area_mm2", "mm2", 100.0, sure, ours, kind, Tolerance(10.0, "test"))  # type: ignore[arg-type]
    assert row.failed == failed
    assert Validation((row,)).ok == (not failed)
    assert Validation((replace(row, tolerance=None),)).ok


def test_json() -> None:
    found = json.loads(json.dumps(validation().to_json()))
    assert found["ok"] is True
    assert len(found["rows"]) == len(validation().rows)
    assert found["kinds"] == KINDS
    assert set(found["rows"][0]) == {
        "chip", "figure", "quantity", "unit", "published", "sure", "ours", "error_pct", "kind", "left_out_pct",
        "tolerance_pct", "tolerance_why", "gates", "within", "note",
    }  # fmt: skip


def test_the_costs_page_explains_every_kind() -> None:
    readme = resources.files("archsim.costs").joinpath("README.md").read_text()
    assert all(f"**{kind}**" in readme.lower() for kind in KINDS)
