"""Every objective answers for itself, against the report it is taken of."""

import pytest

from archsim.design import load_design
from archsim.trace import BadInput
from dse import objectives
from dse.evaluate import Evaluator, Point
from dse.models import ModelSide
from dse.objectives import Objective
from dse.point import Evaluation, ModelChoice
from dse.space import Space
from workloads.tasks import METRIC_WORDS

SHOWN_UNITS = {"bits per character", "mm²", "nJ", "µs", "tokens/s"}


@pytest.fixture
def evaluation(space: Space, models: ModelSide) -> Evaluation:
    design = load_design("skip-65nm").override({"lanes": 4})
    point = Point(design, ModelChoice("wp-lstm256-ternary"))
    found = Evaluator(models, space.scenario).evaluate([point], lambda _: None)[0]
    assert isinstance(found, Evaluation)
    return found


@pytest.mark.parametrize("objective", objectives.ALL, ids=lambda o: o.name)
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
    assert len({o.name for o in objectives.ALL}) == len(objectives.ALL)


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
    assert value["validation_loss"] == evaluation.measured.validation_loss


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(BadInput, match=r"objective must be one of validation_loss, area_mm2, .*, not 'beauty'"):
        objectives.by_name("beauty")
