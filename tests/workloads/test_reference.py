"""The numpy reference against PyTorch's own LSTM, fed with the same folded weights."""

from functools import partial

import numpy as np
import pytest

from workloads import tasks
from workloads.tasks.metrics import bits_per_character

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

STEPS, STREAMS = 600, 4


@pytest.fixture(scope="module")
def text(model):
    """Real text ``(T, B)``."""
    whole = tasks.by_name(model.task).split("validation")
    return whole[np.arange(STEPS)[:, None] + 5_000 * np.arange(STREAMS)]


def cell_of(model, dtype):
    """torch.nn.LSTMCell with the row scales in its weights and the shift as its bias."""
    cell = torch.nn.LSTMCell(model.config.input.symbols, model.config.layers[0].hidden).to(dtype)
    folded = {
        "weight_ih": model.layers[0].input_codes.astype(np.float64)
        * model.layers[0].scale_input[:, None].astype(np.float64),
        "weight_hh": model.layers[0].recurrent_codes.astype(np.float64)
        * model.layers[0].scale_recurrent[:, None].astype(np.float64),
        "bias_ih": model.layers[0].shift,
        "bias_hh": np.zeros_like(model.layers[0].shift),
    }
    with torch.no_grad():
        for name, value in folded.items():
            getattr(cell, name).copy_(torch.from_numpy(np.array(value, np.float64)))
    return cell


def quantized(h, model):
    """h as the definition says it: below the threshold zero, else the nearest multiple of the unit."""
    h = torch.where(h.abs() >= model.threshold, h, torch.zeros_like(h))
    if model.config.layers[0].state_bits is None:
        return h
    unit = 2 ** (model.config.layers[0].state_bits - 1)
    return torch.clamp(torch.round(h * unit), -unit, unit - 1) / unit


@torch.no_grad()
def torch_states(model, text, dtype, state=None):
    """``(T, B, H)`` states, and the state after the last step, by a loop over PyTorch's cell."""
    cell = cell_of(model, dtype)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(text.astype(np.int64)), model.config.input.symbols).to(dtype)
    state = state or tuple(torch.zeros(text.shape[1], model.config.layers[0].hidden, dtype=dtype) for _ in range(2))
    states = []
    for x in one_hot:
        h, c = cell(x, state)
        state = quantized(h, model), c
        states.append(state[0])
    return torch.stack(states), state


def test_states_equal_those_of_pytorch(model, text):
    # In double precision, where no rounding of a state depends on the order of a sum.
    ours, (h, c) = model.states(text, dtype=np.float64)
    theirs, (h_torch, c_torch) = torch_states(model, text, torch.float64)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(h, h_torch.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(c, c_torch.numpy(), rtol=0, atol=1e-4)
    assert 0.01 < np.abs(ours).mean() < 0.99


@torch.no_grad()
def test_single_precision_steps_differ_only_where_a_rounding_falls_the_other_way(model, text):
    # Step by step from the same state: what differs once would change all that follows.
    cell, apart, state = cell_of(model, torch.float32), [], None
    for row in text[:200, None]:
        one_hot = torch.nn.functional.one_hot(
            torch.from_numpy(row[0].astype(np.int64)), model.config.input.symbols
        ).float()
        before = state or (np.zeros((STREAMS, model.config.layers[0].hidden), np.float32),) * 2
        states, state = model.states(row, state)
        h, c = cell(one_hot, tuple(torch.from_numpy(array.copy()) for array in before))
        np.testing.assert_allclose(state[1], c.numpy(), rtol=0, atol=1e-4)
        apart.append(np.abs(states[0] - quantized(h, model).numpy()) > 1e-4)
    assert states.dtype == np.float32
    assert np.mean(apart) <= (1e-4 if model.threshold or model.config.layers[0].state_bits else 0.0)


def test_a_sequence_runs_alike_alone_and_beside_others(model, text):
    together, _ = model.states(text)
    alone, _ = model.states(text[:, 1:2])
    exact = model.weight_format.multiplier != "float"  # sums of integers do not depend on their order
    np.testing.assert_allclose(alone, together[:, 1:2], rtol=0, atol=0 if exact else 1e-4)


def test_unpruned_states_equal_torch_nn_lstm(draw):
    model = draw("whole-layer", "float32", state_bits=None, threshold=0.0, hidden=32)
    cell = cell_of(model, torch.float32)
    layer = torch.nn.LSTM(model.config.input.symbols, model.config.layers[0].hidden)
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    text = tasks.by_name(model.task).split("test")[:1000].reshape(250, 4)
    one_hot = torch.nn.functional.one_hot(torch.from_numpy(text.astype(np.int64)), model.config.input.symbols).float()
    with torch.no_grad():
        theirs, (h, c) = layer(one_hot)
    ours, state = model.states(text)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(state[0], h[0].numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(state[1], c[0].numpy(), rtol=0, atol=1e-4)


def test_bits_per_character_equal_those_of_pytorch(model):
    text = tasks.by_name(model.task).split("test")[:2_001]
    columns = text[:-1].reshape(4, 500).T  # four streams that start afresh
    targets = torch.from_numpy(text[1:].reshape(4, 500).T.astype(np.int64))
    states, _ = torch_states(model, columns, torch.float64)
    readout = torch.from_numpy(model.readout_codes.astype(np.float64) * model.readout_scale)
    logits = torch.nn.functional.linear(states, readout, torch.from_numpy(model.readout_bias.astype(np.float64)))
    theirs = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).item() / np.log(2)

    run = partial(model.run, dtype=np.float64)
    ours = np.mean([bits_per_character(run, text[s * 500 : (s + 1) * 500 + 1], 1) for s in range(4)])
    assert ours == pytest.approx(theirs, abs=0.001)
