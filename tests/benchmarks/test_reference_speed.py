"""The numpy reference beside PyTorch's own layers and beside its own fast path, on one thread each, within one run."""

import time
from unittest import mock

import numpy as np
import pytest

from workloads import cells, fast, formats
from workloads.config import Config, LayerConfig, OneHot, Readout, Vector
from workloads.fast import vnni
from workloads.layer import Layer
from workloads.model import Model

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.train]

HIDDEN, BATCH, STEPS, ROUNDS = 1000, 64, 100, 5
AIM = 1.5


def seconds(work):
    start = time.process_time()
    work()
    return time.process_time() - start


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


def quantized(cell, hidden, symbols=83):
    """One layer of ternary weights with a state of 8 bits, from symbol to symbol."""
    rng = np.random.default_rng(2)
    rows, ternary = len(cells.by_name(cell).gates) * hidden, formats.by_name("ternary")
    config = LayerConfig(cell=cell, hidden=hidden, weight_format="ternary", input_weight_format="ternary", state_bits=8)

    def codes(shape):
        return ternary.quantize(rng.uniform(-1, 1, shape), np.array([0.6]))

    def scale(size):
        return np.full(size, hidden**-0.5, np.float32)

    layer = Layer(
        config,
        codes((rows, hidden)),
        codes((rows, symbols)),
        scale_recurrent=scale(rows),
        scale_input=scale(rows),
        shift=np.zeros(rows, np.float32),
    )
    return Model(
        Config(
            name=cell,
            input=OneHot(symbols=symbols),
            layers=(config,),
            readout=Readout(outputs=symbols, weight_format="ternary"),
        ),
        (layer,),
        readout_codes=codes((symbols, hidden)),
        readout_scale=scale(1),
        readout_bias=np.zeros(symbols, np.float32),
    )


@pytest.mark.parametrize(("cell", "aim"), [("lstm", 2.5), ("gru", 2.5)])
def test_five_hundred_units_the_fast_way(record_property, cell, aim):
    """Where the CPU multiplies bytes; elsewhere the fast way is to be no slower."""
    model, symbols = quantized(cell, 512), np.random.default_rng(0).integers(0, 83, (STEPS, BATCH))

    def run(quick):
        with mock.patch.object(fast, "pays", return_value=quick):
            return model.run(symbols)[0]

    np.testing.assert_array_equal(run(True), run(False))
    works = lambda: run(False), lambda: run(True)
    rounds = [[seconds(work) for work in works] for _ in range(ROUNDS)]
    plain, quick = (min(times) for times in zip(*rounds, strict=True))
    record_property("ratio", plain / quick)
    print(f"{cell}, ternary, 8 bits: {plain / STEPS * 1e3:.2f} ms a step; plain / fast = {plain / quick:.2f}")
    assert plain / quick >= (aim if vnni.at_hand() else 0.95)
