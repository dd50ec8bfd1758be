"""The record of a run: plain values in and out, and a field that is declared once."""

import json
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from archsim.analysis.diff import diff, load_run
from archsim.design import load_design
from archsim.record import From, Label, PointRecord, RunRecord
from archsim.report import SimReport
from archsim.simulation import Job, simulate, simulate_many
from archsim.trace.synthetic import synthesize

TRACE = synthesize(48, 5, 0.3, sequences=4, steps=6)
BASE = load_design("skip-65nm").override({"lanes": 4, "pe_array.accumulators": 4})

FIRST_VERSION = (
    "design", "workload", "synthetic", "engine", "scope", "lanes", "steps", "tokens", "cycles", "cycles_per_step",
    "latency_us_per_step", "time_us_per_token", "tokens_per_second", "gops", "gops_effective", "speedup_same_lanes",
    "speedup_best_dense", "speedup_ideal", "busy_cycles", "stalls", "macs", "weights_resident", "model_kib",
    "dram_gbps", "left_out", "ledger", "energy_pj_per_token", "energy_status", "area_mm2", "area_status",
)  # fmt: skip
"""The output of ``archsim run --json`` in its first version."""


def through_json(record: RunRecord) -> RunRecord:
    return type(record).model_validate(json.loads(json.dumps(record.to_json(), allow_nan=False)))


@settings(deadline=None, max_examples=25)
@given(
    density=st.floats(0, 1),
    lanes=st.integers(1, 4),
    steps=st.integers(1, 6),
    capacity_kib=st.sampled_from([0, 8, 4096]),
    gbps=st.floats(0.5, 200),
    engine=st.sampled_from(["burst", "analytic"]),
)
def test_a_record_is_the_same_after_json(
    density: float, lanes: int, steps: int, capacity_kib: int, gbps: float, engine: Any
) -> None:
    """JSON has no infinity: resident weights have no DRAM ceiling, and a run without work has no ideal speed-up."""
    trace = synthesize(24, 5, density, sequences=4, steps=6)
    design = BASE.override({"weight_memory.capacity_kib": capacity_kib, "dram.bandwidth_gbps": gbps})
    record = RunRecord.of(simulate(design, trace, engine, lanes=lanes, steps=steps))
    assert through_json(record) == record


def test_a_record_says_what_the_report_says() -> None:
    report = simulate(BASE, TRACE)
    tree = json.loads(json.dumps(RunRecord.of(report).to_json()))
    assert (tree["design"], tree["parameters"]) == (BASE.name, BASE.stated())
    assert tree["cycles"] == report.cycles == tree["busy_cycles"] + sum(tree["stalls"].values())
    assert tree["gops"] == report.gops
    assert tree["macs"] == {"dense": report.macs.dense, "issued": report.macs.issued, "useful": report.macs.useful}
    assert tree["ledger"] == report.ledger.counts
    assert tree["energy_pj_per_token"].pop("total_system") == report.energy.total_system
    assert tree["energy_pj_per_token"].pop("total_chip") == report.energy.total_chip
    for name, figure in report.energy.components.items():
        assert tree["energy_pj_per_token"][name] == figure.value
        assert tree["energy_bands_pj_per_token"][name] == [figure.band.low, figure.band.high]
        assert tree["energy_status"][name] == figure.status
    assert tree["area_mm2"].pop("total_chip") == report.area.total_chip
    assert tree["area_mm2"] == {name: figure.value for name, figure in report.area.components.items()}
    assert tree["load"] is None
    assert tree["roofline"]["achieved_gops"] == report.gops


def test_keys_keep_the_order_in_which_people_know_them() -> None:
    tree = RunRecord.of(simulate(BASE, TRACE)).to_json()
    assert list(tree)[: len(RunRecord.key_order)] == list(RunRecord.key_order)
    assert set(tree) == set(RunRecord.model_fields)


def test_a_point_of_a_search_has_a_record_without_dense_runs() -> None:
    (report,) = simulate_many([Job(BASE, TRACE)])
    assert isinstance(report, SimReport)
    record = PointRecord.of(report)
    assert record.speedup_same_lanes is None
    assert record == PointRecord.of(simulate(BASE, TRACE)).model_copy(update={"speedup_same_lanes": None})


def test_a_report_of_the_first_version_is_read(tmp_path: Any) -> None:
    report = simulate(BASE, TRACE)
    tree = RunRecord.of(report).to_json()
    old = {key: tree[key] for key in FIRST_VERSION}
    assert RunRecord.model_validate(old).roofline is None
    (tmp_path / "old.json").write_text(json.dumps(old))
    found = diff(load_run(tmp_path / "old.json"), report)
    assert found.parameters is None
    assert found.changes == ()
    assert found.settings == ()


def test_mistakes_are_in_the_order_of_the_keys() -> None:
    tree = RunRecord.of(simulate(BASE, TRACE)).to_json()
    wrong = {key: value for key, value in tree.items() if key not in ("workload", "gops")}
    wrong |= {"cycles": True, "stalls": {"drain": -1}, "ledger": {"dram": 3}}
    with pytest.raises(ValidationError) as caught:
        RunRecord.model_validate(wrong)
    assert RunRecord.mistakes_in_order(caught.value) == [
        "workload: is missing",
        "cycles: must be a number from 0 on, not True",
        "gops: is missing",
        "stalls.drain: must be a number from 0 on, not -1",
        "ledger.dram: must be an object, not 3",
    ]


class Wider(RunRecord):
    """A record with one more line, which suffices for it to be read, printed, read back and labelled."""

    seconds: Annotated[float, Label("Time", "s")]
    columns: Annotated[int, From[SimReport](lambda report: report.ledger.counts["sequencer"]["column"])]


def test_a_field_that_is_added_is_read_and_printed_without_another_line() -> None:
    report = simulate(BASE, TRACE)
    record = Wider.of(report)
    tree = record.to_json()
    assert tree["seconds"] == report.seconds
    assert tree["columns"] == report.ledger.counts["sequencer"]["column"]
    assert list(tree)[-2:] == ["seconds", "columns"]
    assert through_json(record) == record
    assert Wider.labels()["seconds"] == Label("Time", "s")
    assert "columns" not in Wider.labels()
