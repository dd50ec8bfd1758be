"""The differences between two runs, compared with the two reports."""

import json
from pathlib import Path
from typing import Any

import pytest

from archsim import catalogue
from archsim.analysis.diff import (
    KINDS,
    Diff,
    diff,
    load_run,
)
from archsim.analysis.stalls import OccupationLog
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.steps import run_machine
from archsim.record import RunRecord
from archsim.report import SimReport
from archsim.simulation import Job, prepare, simulate
from archsim.trace.synthetic import synthesize

TRACE = synthesize(48, 5, 0.3, sequences=4, steps=6)
BASE = load_design("skip-65nm").override({"lanes": 4, "pe_array.accumulators": 4})


def run(values: dict[str, Any], **options: Any) -> SimReport:
    return simulate(BASE.override(values), TRACE, **options)


def saved(path: Path, report: SimReport, **more: Any) -> Path:
    path.write_text(json.dumps({**RunRecord.of(report).to_json(), **more}))
    return path


def figure(found: Diff, kind: str, component: str, name: str) -> tuple[float, float]:
    (change,) = [c for c in found.changes if (c.kind, c.component, c.name) == (kind, component, name)]
    return change.before, change.after


def test_a_run_beside_itself_has_not_changed() -> None:
    found = diff(run({}), run({}))
    assert (found.settings, found.parameters, found.changes) == ((), (), ())
    assert found.by_component() == {}


def test_figures_are_those_of_the_two_reports() -> None:
    a, b = run({}), run({"dram.bandwidth_gbps": 1.0, "pe_array.double_buffered": True})
    found = diff(a, b)
    assert [(c.path, c.before, c.after) for c in found.parameters or ()] == [
        ("dram.bandwidth_gbps", 51.2, 1.0),
        ("pe_array.double_buffered", False, True),
    ]
    assert not found.settings
    assert not found.per_token
    assert figure(found, "cycles", "system", "total") == (a.cycles, b.cycles)
    for cause in ("weight_bandwidth", "scratch_bank"):
        assert figure(found, "stalls", "pe_array", cause) == (a.stalls[cause], b.stalls[cause])
    leaks = a.energy.components["leakage"].value, b.energy.components["leakage"].value
    assert figure(found, "energy", "leakage", "energy") == leaks
    assert figure(found, "energy", "chip", "total") == (a.energy.total_chip, b.energy.total_chip)
    assert figure(found, "area", "scratch", "area") == (
        a.area.components["scratch"].value, b.area.components["scratch"].value)  # fmt: skip
    idle = a.ledger.get(catalogue.IDLE_PE_CYCLE), b.ledger.get(catalogue.IDLE_PE_CYCLE)
    assert figure(found, "counts", "pe_array", "idle_pe_cycle") == idle
    assert not [c for c in found.changes if (c.component, c.name) == ("dram", "read_bits")]


def test_every_difference_of_the_reports_is_there() -> None:
    """The differences are collected from the JSON of both reports, without ``diff``."""
    runs = run({}), run({"weight_memory.capacity_kib": 64, "clock_mhz": 100})
    a, b = (json.loads(json.dumps(RunRecord.of(each).to_json())) for each in runs)

    def unequal(path: str) -> int:
        one, other = a[path], b[path]
        assert isinstance(one, dict)
        assert isinstance(other, dict)
        return sum(one.get(key, 0) != other.get(key, 0) for key in {*one, *other})

    found = diff(*runs)
    assert len(found.of("energy")) == unequal("energy_pj_per_token")
    assert len(found.of("area")) == unequal("area_mm2")
    assert len(found.of("stalls")) == unequal("stalls") + (a["busy_cycles"] != b["busy_cycles"])
    assert [c.kind for kind in KINDS for c in found.of(kind)].count("counts") == sum(
        a["ledger"].get(c, {}).get(action, 0) != b["ledger"].get(c, {}).get(action, 0)
        for c, action in {(c, x) for r in (a, b) for c, actions in r["ledger"].items() for x in actions}
    )


def test_the_largest_effect_comes_first() -> None:
    a, b = run({}), run({"dram.bandwidth_gbps": 1.0})
    found = diff(a, b)
    effects = [change.effect for change in found.changes]
    assert effects == sorted(effects, reverse=True)
    assert all(0 < effect <= 1 for effect in effects)
    slower = next(c for c in found.changes if c.kind == "cycles")
    assert slower.effect == pytest.approx((b.cycles - a.cycles) / b.cycles)
    assert slower.ratio == b.cycles / a.cycles
    assert slower.difference == b.cycles - a.cycles
    stalled = next(c for c in found.changes if c.name == "weight_bandwidth")
    assert stalled.effect == pytest.approx(abs(stalled.difference) / b.cycles)
    assert next(iter(found.by_component())) == found.changes[0].component
    assert sum(len(changes) for changes in found.by_component().values()) == len(found.changes)


def test_runs_of_different_lengths_are_compared_per_token() -> None:
    a, b = run({}, steps=6), run({}, steps=3)
    found = diff(a, b)
    assert found.per_token
    assert [c.path for c in found.settings] == ["steps", "tokens"]
    assert figure(found, "cycles", "system", "total") == (a.cycles / 24, b.cycles / 12)
    assert next(c for c in found.changes if c.kind == "counts").unit == "count/token"
    assert not [c for c in found.changes if c.name == "c_read"]  # the same number a token


def test_what_appears_has_an_infinite_ratio_and_valid_json() -> None:
    found = diff(run({}), run({"weight_memory.capacity_kib": 64}))
    read = next(c for c in found.changes if c.name == "sram_read_word")
    assert (read.before, read.effect, read.to_json()["ratio"]) == (0, 1.0, None)
    assert "Infinity" not in json.dumps(found.to_json())


def test_two_files_say_what_two_reports_say(tmp_path: Path) -> None:
    a, b = run({}), run({"clock_mhz": 400})

    def parameters(design: Design) -> dict[str, Any]:
        return design.model_dump(mode="json")

    one = saved(tmp_path / "a.json", a, parameters=parameters(a.design))
    other = saved(tmp_path / "b.json", b, parameters=parameters(b.design))
    found, expected = diff(load_run(one), load_run(other)), diff(a, b)
    assert (found.before, found.after) == ("a.json", "b.json")
    assert found.changes == expected.changes
    assert found.parameters == expected.parameters
    assert [c.path for c in found.parameters or ()] == ["clock_mhz"]


def test_a_file_without_parameters_is_compared_all_the_same(tmp_path: Path) -> None:
    report = run({})
    tree = RunRecord.of(report).to_json()
    tree.pop("parameters", None)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tree))
    found = diff(load_run(path), run({"clock_mhz": 400}))
    assert found.parameters is None
    assert found.of("energy")


def test_stalls_of_every_component_are_compared_where_both_reports_have_them(tmp_path: Path) -> None:
    runs = []
    for gbps in (51.2, 1.0):
        prepared = prepare(Job(BASE.override({"dram.bandwidth_gbps": gbps}), TRACE))
        log = OccupationLog(prepared.only.plan.banks)
        timing = run_machine(*prepared.triple, "burst", log)
        occupation = {name: of.to_json() for name, of in log.finish(timing.cycles).items()}
        report = run({"dram.bandwidth_gbps": gbps})
        runs.append(load_run(saved(tmp_path / f"{gbps}.json", report, occupation=occupation)))
    found = diff(*runs)
    assert {c.component for c in found.of("stalls")} == {
        "pe_array", "weight_stream", "activation_unit", "skip_encoder", "input_reader"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "not JSON: "),
        ("[]", "must be one object, as archsim run --json writes it"),
        ("{}", "not a report of archsim run --json: design is missing"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"bad.json: {rule}"):
        load_run(path)
    with pytest.raises(BadInput, match=r"none\.json: no such report"):
        load_run(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("cycles", "many", "cycles must be a number from 0 on, not 'many'"),
        ("stalls", [1], r"stalls must be an object, not \[1\]"),
        ("ledger", {"dram": {"read_bits": None}}, "read_bits must be a number from 0 on, not None"),
        ("area_mm2", 3, "area_mm2 must be an object, not 3"),
        ("cycles", -1, "cycles must be a number from 0 on, not -1"),
        ("cycles", float("inf"), "cycles must be a number from 0 on, not inf"),
        ("tokens", 0, "tokens must be above 0"),
    ],
)
def test_a_report_with_a_wrong_figure_is_refused(tmp_path: Path, key: str, value: object, rule: str) -> None:
    path = saved(tmp_path / "a.json", run({}), **{key: value})
    with pytest.raises(BadInput, match=rule):
        load_run(path)
