"""Pruning and rounding of states."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from archsim.errors import BadInput
from workloads.config import LayerConfig
from workloads.model import Model
from workloads.state_pruning import CONSUMERS, Pruning

values = arrays(np.float32, (5, 7), elements=st.floats(-1, 1, width=32))
bits = st.one_of(st.none(), st.integers(2, 16))
thresholds = st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.875])  # exact in float32, in which h is compared


def by_hand(h: float, threshold: float, state_bits: int | None) -> float:
    """Python's round is half to even, too."""
    if abs(h) < threshold:
        return 0.0
    if state_bits is None:
        return h
    unit = 1 << (state_bits - 1)
    return max(-unit, min(unit - 1, round(h * unit))) / unit


@given(h=values, threshold=thresholds, state_bits=bits)
def test_prune_is_the_rule_element_by_element(h, threshold, state_bits):
    expected = [[by_hand(float(x), threshold, state_bits) for x in row] for row in h]
    before = h.copy()
    np.testing.assert_array_equal(Pruning(threshold, state_bits)(h), np.array(expected, np.float32))
    np.testing.assert_array_equal(h, before)
    assert Pruning(threshold, state_bits)(h, out=h) is h
    np.testing.assert_array_equal(h, np.array(expected, np.float32))


@given(h=values, threshold=thresholds, unpruned=st.integers(0, 7))
def test_the_first_elements_may_never_be_pruned(h, threshold, unpruned):
    ours = Pruning(threshold, unpruned=unpruned)(h)
    np.testing.assert_array_equal(ours[:, :unpruned], h[:, :unpruned])
    np.testing.assert_array_equal(ours[:, unpruned:], Pruning(threshold)(h[:, unpruned:]))


def test_no_more_elements_than_there_are_are_never_pruned(draw):
    fields = draw(hidden=6).config.layers[0].model_dump()
    assert LayerConfig(**fields | {"unpruned": 6}).unpruned == 6
    with pytest.raises(ValueError, match="unpruned must be at most 6, the elements of h, not 7"):
        LayerConfig(**fields | {"unpruned": 7})


def test_rounding_at_the_edges_of_eight_bits():
    h = np.array([0.5 / 128, 1.5 / 128, 127.4 / 128, 1.0, -1.0, -127.6 / 128])
    np.testing.assert_array_equal(Pruning(0.0, 8)(h) * 128, [0, 2, 127, 127, -128, -128])


@pytest.mark.parametrize(
    ("consumers", "below", "last"),
    [
        (CONSUMERS, "all", "all"),
        (("recurrence",), "recurrence", "recurrence"),
        (("recurrence", "next_layer"), "all", "recurrence"),
        (("readout", "recurrence"), "recurrence", "all"),
    ],
)
def test_what_reads_h_pruned_decides_for_each_layer_how_it_is_stored(draw, consumers, below, last):
    model = draw(layers=2, threshold=0.2).with_pruned(consumers)
    assert [layer.pruned for layer in model.config.layers] == [below, last]
    assert [layer.pruning.threshold for layer in model.config.layers] == [0.2 * (p == "all") for p in (below, last)]
    assert [layer.recurrence.threshold for layer in model.config.layers] == [0.2 * (p != "all") for p in (below, last)]


@pytest.mark.parametrize(
    ("consumers", "message"),
    [
        (["readout"], "what reads h pruned must include recurrence, not be readout: what the next layer alone reads"),
        ([], "what reads h pruned must include recurrence, not be nothing"),
        (["recurrence", "cell"], "what reads h pruned must be of recurrence, next_layer, readout, not 'cell'"),
    ],
)
def test_what_cannot_be_pruned_is_refused_by_name(draw, consumers, message):
    with pytest.raises(BadInput, match=message):
        draw().with_pruned(consumers)


def test_a_file_says_what_is_pruned_only_where_it_is_not_all(draw, tmp_path):
    before, changed = draw(), draw().with_pruned(["recurrence"])
    assert draw().with_pruned(CONSUMERS).sha256 == before.sha256 != changed.sha256
    changed.save(tmp_path / "m.safetensors")
    again = Model.load(tmp_path / "m.safetensors")
    assert (again.config, again.sha256) == (changed.config, changed.sha256)
    assert "pruned" not in before.config.model_dump()["layers"][0]


@pytest.mark.train
@given(h=values, threshold=thresholds, state_bits=bits)
def test_training_prunes_the_same_way(h, threshold, state_bits):
    torch = pytest.importorskip("torch")
    from workloads.training.sequence import prune_and_round

    trained = prune_and_round(torch.from_numpy(h.copy()), torch.tensor(threshold), state_bits).numpy()
    np.testing.assert_array_equal(Pruning(threshold, state_bits)(h), trained)
