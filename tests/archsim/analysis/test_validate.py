"""Published figures beside the model's are complete, marked where they are fitted, and strict where they are sure."""

import json
from dataclasses import replace

import pytest

from archsim.analysis.validate import (
    GATING,
    Tolerance,
    Validation,
    ValidationRow,
    validate,
)
from archsim.costs.published import chips
from archsim.design import load_design
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize

FOUND = validate()


def rows(chip: str, quantity: str) -> list[ValidationRow]:
    return [row for row in FOUND.rows if (row.chip, row.quantity) == (chip, quantity)]


def test_every_published_figure_has_a_row() -> None:
    published = {(c.name, quantity, f.value, f.sure) for c in chips() for quantity, f in c.figures}
    shown = {
        (r.chip.split(" ", 1)[1].replace(" ", "_") if " " in r.chip else "chip", r.quantity, r.published, r.sure)
        for r in FOUND.rows
    }
    assert shown == published
    assert len({r.chip for r in FOUND.rows if r.chip.startswith("RBT")}) == 6


def test_all_sure_figures_are_met() -> None:
    assert FOUND.ok
    gated = [(r.chip, r.quantity) for r in FOUND.rows if r.gates]
    assert len(gated) == 11  # nine of RBT's low-power chips, SKIP's peak and its speed-up
    assert all(r.sure in GATING for r in FOUND.rows if r.gates)


def test_rows_that_miss_are_shown_as_missing() -> None:
    """These figures are recalled or derived, so they cannot fail; see the README of the costs."""
    assert {(r.chip, r.quantity) for r in FOUND.rows if r.within is False} == {
        ("RBT high speed binary", "power_mw"),
        ("SKIP", "power_mw"),
        ("SKIP", "gops_per_w"),
        ("SKIP", "skipped_share"),
    }


def test_only_rbt_low_power_is_fitted() -> None:
    fitted = {(r.chip, r.quantity) for r in FOUND.rows if r.basis == "fitted"}
    # the high-speed full-precision chip is the low-power one
    names = ("RBT low power full", "RBT low power ternary", "RBT low power binary", "RBT high speed full")
    assert fitted == {(name, quantity) for name in names for quantity in ("area_mm2", "power_mw")}


def test_every_tolerance_says_where_it_comes_from() -> None:
    assert all(r.tolerance.why for r in FOUND.rows if r.tolerance)


def test_the_speedup_is_a_run_of_the_machine() -> None:
    same, best = rows("SKIP", "speedup_max")
    design = load_design("skip-65nm")
    density = 1 - 0.808 * 1008 / 1000  # eight input columns of 1,008 are never skipped
    trace = synthesize(1000, 50, density, correlation=1.0, sequences=8, steps=50)
    report = simulate(design, trace, "burst", scope="recurrent")
    assert same.ours == report.speedup_same_lanes
    assert best.ours == report.speedup_best_dense
    assert not best.gates
    assert "80.8% of the streamed columns skipped" in same.note
    share = rows("SKIP", "skipped_share")[0].ours
    assert share is not None
    assert 0.808 < share < 0.83  # the machine loses some cycles, so it needs a little more


def test_recorded_traces_are_shown_and_never_decide() -> None:
    sparse = synthesize(256, 50, 0.1, correlation=0.9, sequences=8, steps=5)
    few = synthesize(256, 50, 0.5, sequences=2, steps=5)
    refused = synthesize(64, 20, 0.5, sequences=8, steps=2, weight_format="fixed12")
    found = validate({"sparse": sparse, "few": few, "refused": refused})
    assert found.rows[: len(FOUND.rows)] == FOUND.rows
    extra = found.rows[len(FOUND.rows) :]
    assert [r.quantity for r in extra] == ["speedup_max"] * 6
    assert not any(r.gates or r.failed for r in extra)
    together, alone, few_together, few_alone, *refusals = extra
    assert together.ours is not None
    assert alone.ours is not None
    assert alone.ours > together.ours > 2  # eight lanes have fewer zeros in common
    assert "synthetic trace few, 2 lanes" in few_together.note
    assert "synthetic trace few, 1 lane," in few_alone.note
    for row in refusals:
        assert row.ours is row.error_pct is row.within is None
        assert "fixed12 weights take 12 bits, a PE takes 8" in row.note


@pytest.mark.parametrize(
    ("sure", "ours", "failed"),
    [("read", 110.1, True), ("agrees", 89.8, True), ("agrees", 109.9, False), ("recalled", 300.0, False),
     ("weak", 300.0, False), ("derived", 300.0, False), ("read", None, True)],
)  # fmt: skip
def test_only_read_and_agrees_can_fail(sure: str, ours: float | None, failed: bool) -> None:
    row = ValidationRow("X", "area_mm2", "mm2", 100.0, sure, ours, "predicted", Tolerance(10.0, "test"))  # type: ignore[arg-type]
    assert row.failed == failed
    assert Validation((row,)).ok == (not failed)
    assert Validation((replace(row, tolerance=None),)).ok


def test_json() -> None:
    found = json.loads(json.dumps(FOUND.to_json()))
    assert found["ok"] is True
    assert len(found["rows"]) == len(FOUND.rows)
    assert set(found["rows"][0]) == {
        "chip", "quantity", "unit", "published", "sure", "ours", "error_pct", "basis", "tolerance_pct",
        "tolerance_why", "gates", "within", "note",
    }  # fmt: skip
