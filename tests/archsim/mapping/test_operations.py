"""The operations of the activation unit for a unit of each cell, counted while its equations are evaluated."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from archsim import catalogue
from archsim.catalogue import Action
from archsim.design import load_design
from archsim.simulation import ENGINES, Engine, simulate
from archsim.trace.columns import pack_mask
from archsim.trace.graph import Graph
from archsim.trace.header import VERSION, Header
from archsim.trace.trace import Trace
from workloads import cells
from workloads.config import Config, LayerConfig, OneHot
from workloads.graphs import graph_of


class Number:
    """A number that only counts the operations on it."""

    def __init__(self, done: Counter[str]) -> None:
        self.done = done

    def _did(self, what: str) -> "Number":
        self.done[what] += 1
        return Number(self.done)

    def __mul__(self, other: "Number") -> "Number":
        return self._did("multiply")

    def __add__(self, other: "Number") -> "Number":
        return self._did("add")

    def __sub__(self, other: "Number") -> "Number":
        return self._did("add")


def curve(x: Number) -> Number:
    """A sigmoid or a tanh: a look-up or straight lines."""
    return x._did("curve")


def lstm(number: Callable[[], Number]) -> dict[str, int]:
    """Hochreiter & Schmidhuber with a forget gate; a_i ... a_g are accumulated, scaled and shifted before."""
    i, f, o, g = curve(number()), curve(number()), curve(number()), curve(number())
    c = f * number() + i * g
    _ = o * curve(c)
    return {"c_read": 1, "c_write": 1, "h_write": 1}


def lstm_peephole(number: Callable[[], Number]) -> dict[str, int]:
    """Gers et al. 2002: i and f see c, o sees the new one; the three weights lie beside c and are read like it."""
    c = number()
    i, f, g = curve(number() + number() * c), curve(number() + number() * c), curve(number())
    c = f * c + i * g
    _ = curve(number() + number() * c) * curve(c)
    return {"c_read": 4, "c_write": 1, "h_write": 1}


def lstm_normed_cell(number: Callable[[], Number]) -> dict[str, int]:
    """RBT's code: tanh reads c times a scale plus a shift, which lie beside c and are read like it."""
    i, f, o, g = curve(number()), curve(number()), curve(number()), curve(number())
    c = f * number() + i * g
    _ = o * curve(c * number() + number())
    return {"c_read": 3, "c_write": 1, "h_write": 1}


def gru(number: Callable[[], Number]) -> dict[str, int]:
    """Reset after the product (PyTorch): n = tanh(x_n + r h_n), h' = n + z (h - n)."""
    r, z = curve(number()), curve(number())
    n = curve(number() + r * number())
    h = number()
    _ = n + z * (h - n)
    return {"h_read": 1, "h_write": 1}


def gru_classic(number: Callable[[], Number]) -> dict[str, int]:
    """Reset before the product (Cho et al.): r h and z are written, then read beside h once the candidate is there."""
    r, z = curve(number()), curve(number())
    h = number()
    _ = r * h
    n = curve(number())
    _ = n + z * (h - n)
    first, second = {"h_read": 1, "h_write": 2}, {"h_read": 2, "h_write": 1}
    return {what: first[what] + second[what] for what in first}


def rnn(number: Callable[[], Number]) -> dict[str, int]:
    """Elman: h' = tanh(a), or its positive part."""
    _ = curve(number())
    return {"h_write": 1}


EQUATIONS = {
    "lstm": lstm,
    "gru": gru,
    "gru-classic": gru_classic,
    "rnn-tanh": rnn,
    "rnn-relu": rnn,
    "lstm-peephole": lstm_peephole,
    "lstm-normed-cell": lstm_normed_cell,
}
ACTIONS: dict[str, Action] = {
    "curve": catalogue.CURVE,
    "multiply": catalogue.MULTIPLY,
    "add": catalogue.ADD,
    "c_read": catalogue.C_READ,
    "c_write": catalogue.C_WRITE,
    "h_write": catalogue.H_WRITE,
}


def graph(cell: str, hidden: int) -> Graph:
    layer = LayerConfig(cell=cell, hidden=hidden, weight_format="fixed8", input_weight_format="fixed8", state_bits=8)
    config = Config(name="one", input=OneHot(symbols=3), layers=(layer,), readout=None)
    return graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))


def test_every_cell_has_its_equations_here() -> None:
    assert set(EQUATIONS) == {cell.name for cell in cells.ALL}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cell", EQUATIONS)
def test_the_ledger_has_what_the_equations_take(cell: str, engine: Engine) -> None:
    """Two lanes of 5 units run for 4 and 3 steps: 7 tokens. All masks are empty, so that no product reads h, and every
    read of h is one of the update."""
    hidden, tokens, lengths = 5, 7, np.array([4, 3])
    of = graph(cell, hidden)
    arrays = {
        o.name: np.zeros((4, 2), np.uint16)
        if o.kind == "one_hot"
        else pack_mask(np.zeros((4 + (o.kind == "state"), 2, o.size), bool))
        for o in of.operands
    }
    trace = Trace(Header(version=VERSION, workload=cell, synthetic=True, provenance={}, graph=of), arrays, lengths)
    report = simulate(load_design("skip-65nm"), trace, engine, lanes=2)
    done: Counter[str] = Counter()
    memory = EQUATIONS[cell](lambda: Number(done))
    for name, action in ACTIONS.items():
        assert report.ledger.get(action) == hidden * tokens * (done[name] + memory.get(name, 0)), name
    assert report.ledger.get(catalogue.H_READ) == hidden * tokens * memory.get("h_read", 0)
