"""Thresholds found after training, and how the zeros of a trace lie."""

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.config import OneHot
from workloads.record import record_sample
from workloads.sparsify import prune_to, zeros
from workloads.tasks.base import Sample

LENGTHS = np.array([60, 17, 60, 33])


@pytest.fixture(scope="module")
def sample():
    return Sample(np.random.default_rng(0).integers(0, 7, (60, 4)).astype(np.uint16), LENGTHS, 0)


@pytest.fixture
def stack(draw):
    return draw(weight_format="float32", state_bits=None, threshold=0.0, hidden=20, task=None, layers=2,
                inputs=OneHot(symbols=7))  # fmt: skip


def shares(model, sample):
    """Share of zeros of each layer, gathered sequence by sequence."""
    values, _ = model.operands(sample.inputs)
    return [
        np.concatenate([values[f"h_{k}"][:n, s].ravel() == 0 for s, n in enumerate(LENGTHS)]).mean() for k in (1, 2)
    ]


@pytest.mark.parametrize("target", [0.3, 0.9])
def test_one_target_is_one_threshold_for_all_layers(stack, sample, target):
    pruned = prune_to(stack, target, sample)
    assert len({layer.threshold for layer in pruned.config.layers}) == 1
    assert target <= np.mean(shares(pruned, sample)) < target + 0.01


def test_a_target_each(stack, sample):
    pruned = prune_to(stack, [0.4, 0.85], sample)
    assert shares(pruned, sample) == [pytest.approx(0.4, abs=0.01), pytest.approx(0.85, abs=0.01)]
    assert all(s >= t for s, t in zip(shares(pruned, sample), (0.4, 0.85), strict=True))


def test_sparsity_that_is_there_already_needs_no_threshold(stack, sample):
    assert prune_to(stack, 0.0, sample).threshold == 0.0


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (1.0, "target sparsity must be at least 0 and below 1, not 1"),
        ([0.5], "model drawn: targets must be 2, one a layer, not 1"),
    ],
)
def test_wrong_targets_are_refused(stack, sample, target, message):
    with pytest.raises(BadInput, match=message):
        prune_to(stack, target, sample)


def test_zeros_step_by_step_and_side_by_side(stack, sample):
    model = stack.with_threshold(0.15)
    values, _ = model.operands(sample.inputs)
    found = {z.operand: z for z in zeros(record_sample(model, sample, {}))}
    assert list(found) == ["h_1", "h_2"]
    for name, z in found.items():
        nonzero = [[values[name][t, s] != 0 if t < n else None for s, n in enumerate(LENGTHS)] for t in range(60)]
        running = [[m for m in row if m is not None] for row in nonzero]
        assert z.per_step == pytest.approx([1 - np.mean(row) for row in running])
        assert z.sparsity == pytest.approx(shares(model, sample)[int(name[-1]) - 1])
        assert z.union[1] == pytest.approx(z.sparsity)
        pairs = [[m for m in row[k : k + 2] if m is not None] for row in nonzero for k in (0, 2)]
        assert z.union[2] == pytest.approx(1 - np.mean([np.any(pair, axis=0) for pair in pairs if pair]))
        assert set(z.union) == {1, 2, 4}
