"""Reading traces of version 3, which named each cell instead of counting its operations."""

from typing import Annotated, Any, Literal

from pydantic import Field

from archsim.frozen import Frozen
from archsim.trace.graph import (
    Elementwise,
    Encode,
    Graph,
    LayerNorm,
    MatVec,
    Operand,
    RowAffine,
    Scope,
    UnitOperations,
)
from archsim.trace.header import VERSION, Header

Kind = Literal["lstm_cell", "gru_cell", "gru_reset", "gru_update", "rnn_cell", "bias"]

UNITS: dict[Kind, UnitOperations] = {
    "lstm_cell": UnitOperations(curves=5, multiplies=3, adds=1, state_writes=1, cell_reads=1, cell_writes=1),
    "gru_cell": UnitOperations(curves=3, multiplies=2, adds=3, state_reads=1, state_writes=1),
    "gru_reset": UnitOperations(curves=2, multiplies=1, state_reads=1, state_writes=2),
    "gru_update": UnitOperations(curves=1, multiplies=1, adds=2, state_reads=2, state_writes=1),
    "rnn_cell": UnitOperations(curves=1, state_writes=1),
    "bias": UnitOperations(adds=1),
}


class NamedElementwise(Frozen):
    """An elementwise operation that names its cell."""

    op: Literal["elementwise"] = "elementwise"
    name: str
    scope: Scope
    kind: Kind
    size: int = Field(ge=1)
    of: tuple[str, ...]

    def counted(self) -> Elementwise:
        """The operation with the counts of its cell."""
        return Elementwise(name=self.name, scope=self.scope, unit=UNITS[self.kind], size=self.size, of=self.of)


NamedOperation = Annotated[MatVec | RowAffine | LayerNorm | NamedElementwise | Encode, Field(discriminator="op")]


class GraphOfNames(Frozen):
    """The graph of version 3, whose elementwise operations name their cells."""

    operations: tuple[NamedOperation, ...]
    operands: tuple[Operand, ...]

    def counted(self) -> Graph:
        operations = (op.counted() if isinstance(op, NamedElementwise) else op for op in self.operations)
        return Graph(operations=tuple(operations), operands=self.operands)


class HeaderOfNames(Frozen):
    """The header of version 3."""

    version: Literal[3]
    workload: str
    synthetic: bool
    provenance: dict[str, str | int | float]
    graph: GraphOfNames


def header(raw: dict[str, Any]) -> Header:
    """Convert the header of a version 3 file to the current version. ValidationError if it breaks the old format."""
    old = HeaderOfNames.model_validate(raw)
    return Header(
        version=VERSION,
        workload=old.workload,
        synthetic=old.synthetic,
        provenance=old.provenance,
        graph=old.graph.counted(),
    )
