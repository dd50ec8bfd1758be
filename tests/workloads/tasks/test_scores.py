"""Scores of predictions against formulas by hand and, what is minimised, against PyTorch's losses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workloads.tasks.scores import SCORES

CLASSES = st.integers(2, 5)


def scored(metric, outputs, targets, pieces=3):
    """The metric of predictions that are added in several pieces."""
    score = SCORES[metric](outputs.shape[1])
    for some, wanted in zip(np.array_split(outputs, pieces), np.array_split(targets, pieces), strict=True):
        score.add(some, wanted)
    return score.value()


@given(CLASSES, st.integers(3, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_the_error_and_macro_f1_are_counted_from_the_confusion_matrix(classes, count, seed):
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(size=(count, classes)), rng.integers(0, classes, count)
    confusion = np.zeros((classes, classes), int)
    for row, target in zip(outputs, targets, strict=True):
        confusion[target, row.argmax()] += 1
    f1 = []
    for k in range(classes):
        true, predicted, hits = confusion[k].sum(), confusion[:, k].sum(), confusion[k, k]
        if true or predicted:
            precision, recall = hits / max(predicted, 1), hits / max(true, 1)
            f1.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    assert scored("error_pct", outputs, targets) == pytest.approx(100 - 100 * np.trace(confusion) / count)
    assert scored("f1_loss_pct", outputs, targets) == pytest.approx(100 - 100 * np.mean(f1))


@given(st.integers(1, 3), st.integers(3, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_errors_of_numbers_are_those_of_pytorch(outputs, count, seed):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    given_, wanted = rng.normal(size=(2, count, outputs)).astype(np.float32)
    apart = torch.from_numpy(given_).double(), torch.from_numpy(wanted).double()
    assert scored("rmse", given_, wanted) == pytest.approx(torch.nn.functional.mse_loss(*apart).sqrt().item())
    assert scored("mae", given_, wanted) == pytest.approx(torch.nn.functional.l1_loss(*apart).item())


@pytest.mark.parametrize("metric", ["error_pct", "f1_loss_pct"])
def test_a_prediction_that_is_no_number_is_wrong(metric):
    outputs = np.array([[np.nan, 1.0], [0.0, 1.0]])
    assert scored(metric, outputs, np.array([1, 1]), pieces=1) > 0


def test_a_class_that_neither_occurs_nor_is_predicted_does_not_count():
    outputs = np.eye(4)[[0, 1, 1]]
    assert scored("f1_loss_pct", outputs, np.array([0, 1, 1]), pieces=1) == 0.0
