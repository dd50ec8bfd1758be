"""The numpy reference beside PyTorch's own layers, on one thread each, within one run."""

import time

import numpy as np
import pytest

from workloads import cells
from workloads.config import Config, LayerConfig, Vector
from workloads.layer import Layer
from workloads.model import Model

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


def bare_products(model, inputs):
    """The matrix products of a run and nothing else, as numpy's BLAS does them."""
    layer = model.layers[0]
    into, recurrent = (np.ascontiguousarray(codes.T) for codes in (layer.input_codes, layer.recurrent_codes))
    flat, h = inputs.reshape(-1, HIDDEN), inputs[0]

    def run():
        flat @ into
        for _ in range(STEPS):
            h @ recurrent

    return run


@pytest.mark.parametrize(("cell", "theirs"), [("lstm", "LSTM"), ("gru", "GRU"), ("rnn-tanh", "RNN")])
def test_a_thousand_units_beside_pytorch(record_property, cell, theirs):
    """Little more than its products, and at most half as long again as PyTorch; but for the LSTM.

    PyTorch runs an LSTM as one fused kernel of oneDNN with packed weights, which is faster than the bare products in
    OpenBLAS are (1.48 times as long on the machine this was written on): the aim of 1.5 leaves no room there.
    """
    model = drawn(cell, HIDDEN)
    layer = getattr(torch.nn, theirs)(HIDDEN, HIDDEN)
    inputs = np.random.default_rng(0).normal(0, 1, (STEPS, BATCH, HIDDEN)).astype(np.float32)
    given = torch.from_numpy(inputs)
    works = lambda: model.states(inputs), lambda: layer(given), bare_products(model, inputs)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            rounds = [[seconds(work) for work in works] for _ in range(ROUNDS)]
    finally:
        torch.set_num_threads(before)
    ours, pytorch, products = (min(times) for times in zip(*rounds, strict=True))
    record_property("ratio", ours / pytorch)
    print(f"{cell}: numpy / PyTorch = {ours / pytorch:.2f}, numpy / its bare products = {ours / products:.2f}")
    assert ours / products <= 1.25
    if cell != "lstm":
        assert ours / pytorch <= AIM
