"""The numpy reference beside PyTorch's own layers, on one thread each, within one run."""

import time

import numpy as np
import pytest

from workloads import cells
from workloads.model import Config, Layer, LayerConfig, Model, Vector

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.train]

HIDDEN, BATCH, STEPS, ROUNDS = 1000, 64, 100, 5
AIM = 1.5


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def drawn(cell, hidden):
    """One layer of float weights of PyTorch's own initial size, on vectors as wide as itself."""
    rng = np.random.default_rng(1)
    rows = len(cells.by_name(cell).gates) * hidden
    config = LayerConfig(cell=cell, hidden=hidden, weight_format="float32", input_weight_format="float32")
    weights = [rng.uniform(-1, 1, (rows, hidden)).astype(np.float32) / hidden**0.5 for _ in range(2)]
    ones, zeros = np.ones(rows, np.float32), np.zeros(rows, np.float32)
    layer = Layer(config, *weights, scale_recurrent=ones, scale_input=ones.copy(), shift=zeros)
    return Model(Config(name=cell, input=Vector(size=hidden), layers=(config,)), (layer,))


@pytest.mark.parametrize(("cell", "theirs"), [("lstm", "LSTM"), ("gru", "GRU"), ("rnn-tanh", "RNN")])
def test_a_thousand_units_take_no_longer_than_half_as_much_again_as_pytorch(record_property, cell, theirs):
    model = drawn(cell, HIDDEN)
    layer = getattr(torch.nn, theirs)(HIDDEN, HIDDEN)
    inputs = np.random.default_rng(0).normal(0, 1, (STEPS, BATCH, HIDDEN)).astype(np.float32)
    given = torch.from_numpy(inputs)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            pairs = [(seconds(lambda: model.states(inputs)), seconds(lambda: layer(given))) for _ in range(ROUNDS)]
    finally:
        torch.set_num_threads(before)
    ratio = min(ours for ours, _ in pairs) / min(torch_s for _, torch_s in pairs)
    record_property("ratio", ratio)
    print(f"{cell}: numpy / PyTorch = {ratio:.2f}")
    assert ratio <= AIM
