"""Recurrent cells: all that is known of one is in its file. A new one is one file and one line in ``ALL``."""

from archsim.plugins import Group, instance_of
from workloads.cells.base import Cell, CellStage, Curve, Floats, Folded, Product, State, Step, layer_normalised
from workloads.cells.gru import GRU, ClassicGRU
from workloads.cells.lstm import LSTM
from workloads.cells.lstm_normed_cell import NormedCellLSTM
from workloads.cells.lstm_peephole import PeepholeLSTM
from workloads.cells.rnn import ReluRNN, TanhRNN

ALL: tuple[Cell, ...] = (LSTM(), GRU(), ClassicGRU(), TanhRNN(), ReluRNN(), PeepholeLSTM(), NormedCellLSTM())


PLUGINS: Group[Cell] = Group("archsim.cells", "cell", "a Cell", instance_of(Cell), ALL)
by_name, every = PLUGINS.by_name, PLUGINS.every


def keeps_by_gates(gates: tuple[str, ...]) -> bool:
    """Whether a cell has an LSTM's two gates: f for what is kept and, of its own, i for what is taken in."""
    return {"f", "i"} <= set(gates)


__all__ = [
    "ALL",
    "PLUGINS",
    "Cell",
    "CellStage",
    "Curve",
    "Floats",
    "Folded",
    "Product",
    "State",
    "Step",
    "by_name",
    "every",
    "keeps_by_gates",
    "layer_normalised",
]
