"""Every objective answers for itself, against the report it is taken of."""

from typing import Any

import pytest

from archsim import catalogue
from archsim.costs import clock_problems
from archsim.design import load_design
from archsim.errors import BadInput
from dse import constraints, objectives
from dse.evaluation.evaluator import DesignPoint, Evaluator
from dse.evaluation.models import ModelSide
from dse.evaluation.point import Evaluation
from dse.objectives import Objective
from dse.space.choice import ModelChoice
from dse.space.space import Scenario, Space
from workloads.tasks import METRIC_WORDS

SHOWN_UNITS = {"bits per character", "mm²", "nJ", "µs", "tokens/s", "mW", "nJ µs", "KiB", "Gb/s"}


def evaluated(models: ModelSide, scenario: Scenario, **settings: Any) -> Evaluation:
    design = load_design("skip-65nm").override({"lanes": 4, **settings})
    point = DesignPoint(design, ModelChoice("wp-lstm256-ternary"))
    found = Evaluator(models, scenario).evaluate([point], lambda _: None)[0]
    assert isinstance(found, Evaluation)
    return found


@pytest.fixture
def evaluation(space: Space, models: ModelSide) -> Evaluation:
    return evaluated(models, space.scenario)


def streamed(models: ModelSide, period_us: float, deadline_us: float | None = None, **settings: Any) -> Evaluation:
    scenario = Scenario(
        kind="streaming", scope="recurrent", sequences=4, steps=6, period_us=period_us, deadline_us=deadline_us
    )
    return evaluated(models, scenario, **settings)


@pytest.mark.parametrize("objective", objectives.every(), ids=lambda o: o.name)
def test_conformance(objective: Objective, evaluation: Evaluation) -> None:
    assert objectives.by_name(objective.name) is objective
    value = objective.of(evaluation)
    assert isinstance(value, float)
    assert value > 0
    assert objective.sign == {"minimize": 1, "maximize": -1}[objective.direction]
    objective = objective.worded(METRIC_WORDS["bpc"])
    assert objective.screen_unit in SHOWN_UNITS
    assert objective.axis == f"{objective.title} ({objective.screen_unit})"
    assert objective.shown(value) * objective.shown_scale == pytest.approx(value)


def test_names_are_distinct() -> None:
    names = [*(one.name for one in objectives.ALL), *(one.name for one in constraints.ALL)]
    assert len(set(names)) == len(names)


def test_a_title_within_a_sentence_keeps_abbreviations() -> None:
    nouns = {o.name: o.noun for o in objectives.ALL}
    assert (nouns["area_mm2"], nouns["dram_gbps_needed"]) == ("chip area", "DRAM bandwidth needed")
    assert {o.noun.lower() for o in objectives.ALL} == {o.title.lower() for o in objectives.ALL}


def test_values_against_the_report(evaluation: Evaluation) -> None:
    report = evaluation.report
    value = {o.name: o.of(evaluation) for o in objectives.ALL}
    seconds = report.cycles / (report.design.clock_mhz * 1e6)
    assert value["latency_us_per_step"] == pytest.approx(seconds * 1e6 / 6)
    assert value["tokens_per_second"] == pytest.approx(4 * 6 / seconds)
    assert value["area_mm2"] == pytest.approx(sum(f.value for f in report.area.components.values()))
    system = sum(f.value for f in report.energy.components.values())
    assert value["energy_system_pj_per_token"] == pytest.approx(system)
    dram = report.energy.components["dram"].value
    assert value["energy_chip_pj_per_token"] == pytest.approx(system - dram)
    assert value["power_system_mw"] == pytest.approx(system * 1e-9 * value["tokens_per_second"])  # pJ/s to mW
    assert value["power_chip_mw"] == pytest.approx((system - dram) * 1e-9 * value["tokens_per_second"])
    assert value["edp_pj_us"] == pytest.approx(system * value["latency_us_per_step"])
    assert value["dram_gbps_needed"] == pytest.approx(report.ledger.get(catalogue.READ_BITS) / seconds / 1e9)
    assert value["weight_bytes"] == 1000
    assert value["validation_loss"] == evaluation.measured.validation_loss


def test_values_of_a_stream(models: ModelSide) -> None:
    """Four lanes, six steps of 100 us each: what enters, and what it costs over the whole period."""
    back_to_back = streamed(models, 100).report
    found = streamed(models, 100, 50)
    value = {o.name: o.of(found) for o in objectives.ALL}
    assert value["tokens_per_second"] == pytest.approx(4 / 100e-6)
    assert value["latency_us_per_step"] < 50
    bits = back_to_back.ledger.get(catalogue.READ_BITS) / 6
    assert value["dram_gbps_needed"] == pytest.approx(bits / 50e-6 / 1e9)  # due before the period is over
    assert objectives.by_name("dram_gbps_needed").of(streamed(models, 100)) == pytest.approx(bits / 100e-6 / 1e9)
    assert value["energy_system_pj_per_token"] > back_to_back.energy.total_system  # it waits most of the time
    assert value["power_system_mw"] == pytest.approx(value["energy_system_pj_per_token"] * 1e-9 * 4 / 100e-6)
    assert value["edp_pj_us"] == pytest.approx(value["energy_system_pj_per_token"] * value["latency_us_per_step"])


def test_a_deadline_is_met_or_missed(models: ModelSide) -> None:
    slowest = streamed(models, 100).stream
    assert slowest is not None
    due = slowest.latency_us.most
    assert constraints.MEETS_DEADLINE.excess(streamed(models, 100, due)) == pytest.approx(0, abs=1e-9)
    assert constraints.MEETS_DEADLINE.excess(streamed(models, 100, due * 1.01)) < 0
    assert constraints.MEETS_DEADLINE.excess(streamed(models, 100, due / 1.25)) == pytest.approx(0.25)


def test_constraints_are_those_of_the_report(models: ModelSide, space: Space) -> None:
    small, large = (evaluated(models, space.scenario, **{"weight_memory.capacity_kib": kib}) for kib in (0, 4096))
    assert constraints.by_name("fits_on_chip").excess(small) == 1.0
    assert constraints.by_name("fits_on_chip").excess(large) == 0.0
    assert large.report.resident
    for mhz in (200, 250, 1000, 3000):
        found = evaluated(models, space.scenario, clock_mhz=mhz)
        problems = clock_problems(found.design)
        assert (constraints.by_name("clock_met").excess(found) <= 0) == (not problems)
        hopeless = any("no number" in problem or "no pipeline stage" in problem for problem in problems)
        assert (constraints.by_name("clock_reachable").excess(found) <= 0) == (not hopeless)
    assert clock_problems(evaluated(models, space.scenario, clock_mhz=1000).design)


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(BadInput, match=r"objective must be one of validation_loss, area_mm2, .*, not 'beauty'"):
        objectives.by_name("beauty")
