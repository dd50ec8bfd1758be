"""The curve of what zeros cost and gain, against counts by hand and the functions that give its parts one by one."""

from pathlib import Path

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.simulation import simulate
from dse.cli.tables import networks as tables
from dse.evaluation.sparsity import (
    SEQUENCES,
    SparsityPoint,
    sparsity_curve,
)
from workloads.evaluate import evaluate
from workloads.model import Model
from workloads.record import longest, record

LANES, TARGETS = (1, 4), (0.5, 0.9)


@pytest.fixture
def design() -> Design:
    return load_design("skip-65nm")


@pytest.fixture
def points(digits_file: Path, design: Design) -> list[SparsityPoint]:
    return list(sparsity_curve([digits_file], design, LANES, TARGETS, "test"))


def test_a_point_is_what_evaluate_record_and_simulate_say(
    points: list[SparsityPoint], digits_file: Path, design: Design
) -> None:
    assert [point.pruned for point in points] == [False, True, True]
    model = Model.load(digits_file)
    for point in points:
        as_pruned = model.with_threshold(point.threshold)
        assert point.loss == evaluate(as_pruned, "test")
        steps = longest(as_pruned, "test", SEQUENCES)
        trace = record(as_pruned, "test", SEQUENCES, steps)
        lit = np.unpackbits(trace.arrays["h"][1:], axis=-1, count=4)  # every digit has the 8 steps
        assert point.sparsity == pytest.approx(1 - lit.mean())
        for gain in point.gains:
            report = simulate(design, trace, lanes=gain.lanes, scope="recurrent")
            unskipped = simulate(
                design.override({"skip_encoder.enabled": False}), trace, lanes=gain.lanes, scope="recurrent"
            )
            assert gain.speedup == pytest.approx(unskipped.cycles / report.cycles)
            assert gain.skipped == pytest.approx(1 - report.macs.issued / unskipped.macs.issued)
            assert gain.ideal == pytest.approx(1 / (1 - gain.skipped))


def test_pruned_for_the_recurrence_alone_other_zeros_cost_another_loss(digits_file: Path, design: Design) -> None:
    trained, stored = sparsity_curve([digits_file], design, LANES, (0.9,), "test", consumers=["recurrence", "readout"])
    again, alone = sparsity_curve([digits_file], design, LANES, (0.9,), "test", consumers=["recurrence"])
    assert (trained.recurrence_alone, stored.recurrence_alone, again, alone.recurrence_alone) == (
        False, False, trained, True,
    )  # fmt: skip
    model = Model.load(digits_file).with_pruned(["recurrence"]).with_threshold(alone.threshold)
    assert alone.loss == evaluate(model, "test")
    assert alone.threshold != stored.threshold
    trace = record(model, "test", SEQUENCES, longest(model, "test", SEQUENCES))
    h, y = (np.unpackbits(trace.arrays[name][0:], axis=-1, count=4) for name in ("h", "y"))
    assert alone.sparsity == pytest.approx(1 - h[1:].mean())
    assert y.mean() > 0.9
    assert "`digits`, pruned, the recurrence alone |" in tables.sparsity_markdown([alone])


def test_pruning_reaches_what_is_asked_for_and_skips_more(points: list[SparsityPoint]) -> None:
    sparsities = [point.sparsity for point in points]
    assert sparsities == sorted(sparsities)
    for point, target in zip(points[1:], TARGETS, strict=True):  # found on another split
        assert point.sparsity == pytest.approx(target, abs=0.15)
    for first, last in zip(points[0].gains, points[-1].gains, strict=True):
        assert last.skipped > first.skipped
    for point in points:
        one, four = point.gains
        assert one.skipped >= four.skipped  # in all of four lanes less is zero than in one


def test_what_a_model_has_by_itself_is_not_asked_for(digits_file: Path, design: Design) -> None:
    Model.load(digits_file).with_threshold(0.9).save(digits_file)
    (point,) = sparsity_curve([digits_file], design, (1,), (0.01,))
    assert not point.pruned
    assert point.sparsity > 0.01


def test_a_model_that_the_design_cannot_do_has_an_accuracy_and_a_reason(digits_file: Path) -> None:
    multiplexers = load_design("skip-65nm").override({"pe_array.multiplier": "mux", "pe_array.weight_bits": 1})
    (point,) = sparsity_curve([digits_file], multiplexers, LANES)
    assert point.gains == ()
    assert point.refusal is not None
    assert "ternary" in point.refusal
    assert point.loss == evaluate(Model.load(digits_file), "validation")
    assert tables.sparsity_markdown([point]).count("\n") == 2


def test_a_share_that_is_none_is_refused(digits_file: Path, design: Design) -> None:
    with pytest.raises(BadInput, match="target sparsity must be at least 0 and below 1, not 1"):
        list(sparsity_curve([digits_file], design, (1,), (1.0,)))
