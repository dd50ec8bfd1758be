"""What one unit of each elementwise operation asks of the activation unit and the state buffer."""

from dataclasses import dataclass

from archsim import catalogue
from archsim.catalogue import Action
from archsim.trace.graph import ElementwiseKind


@dataclass(frozen=True)
class UnitOps:
    """What one unit of one lane asks of the activation unit and the state buffer."""

    curves: int
    """Evaluations of sigmoid or tanh."""
    multiplies: int = 0
    adds: int = 0
    state_reads: int = 0
    """Elements of h (or of the update gate, kept from the stage before) read back for the update."""
    state_writes: int = 0
    cell_reads: int = 0
    cell_writes: int = 0


OPS: dict[ElementwiseKind | None, UnitOps] = {
    "lstm_cell": UnitOps(5, multiplies=3, adds=1, state_writes=1, cell_reads=1, cell_writes=1),
    "gru_cell": UnitOps(3, multiplies=2, adds=3, state_reads=1, state_writes=1),  # r n_h; n + z (h - n)
    "gru_reset": UnitOps(2, multiplies=1, state_reads=1, state_writes=2),  # r h is an operand, z is kept
    "gru_update": UnitOps(1, multiplies=1, adds=2, state_reads=2, state_writes=1),
    "rnn_cell": UnitOps(1, state_writes=1),
    "bias": UnitOps(0, adds=1),
    None: UnitOps(0, state_writes=1),  # an embedding: rows are handed on
}


def results(kind: ElementwiseKind | None, units: int, norms_per_unit: int) -> tuple[tuple[Action, int], ...]:
    """Actions of a block of `units`, each with its count per active lane."""
    ops = OPS[kind]
    counts = (
        (catalogue.ROW_AFFINE, norms_per_unit),
        (catalogue.CURVE, ops.curves),
        (catalogue.MULTIPLY, ops.multiplies),
        (catalogue.ADD, ops.adds),
        (catalogue.C_READ, ops.cell_reads),
        (catalogue.C_WRITE, ops.cell_writes),
        (catalogue.H_READ, ops.state_reads),
        (catalogue.H_WRITE, ops.state_writes),
    )
    return tuple((action, units * each) for action, each in counts if each)
