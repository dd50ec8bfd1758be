"""The graph of one time step: its operations and operands, and the rules that they obey."""

from typing import Annotated, Literal

from pydantic import Field

from archsim.errors import BadInput
from archsim.frozen import Frozen, HashedOnce

MAX_SYMBOLS = 2**16
"""The largest number of symbols of a one-hot operand."""
Scope = Literal["input", "recurrent", "readout", "embedding"]
Edge = Literal["input", "previous_step", "same_step"]
When = Literal["every_step", "last_step"]


class NumberFormat(Frozen):
    """A weight format as hardware sees it: its name, its storage bits, and the multiplier that it needs."""

    name: str
    bits: int = Field(ge=1, le=64)
    multiplier: Literal["float", "fixed", "mux", "shift"]


class MatVec(Frozen):
    """``rows x cols`` weights times a vector operand, accumulated into `group`.

    The products of one group are summed in the same accumulators, row by row. `when` allows a readout to run only at
    the last step of a sequence.
    """

    op: Literal["mat_vec"] = "mat_vec"
    name: str
    scope: Scope
    rows: int = Field(ge=1)
    cols: int = Field(ge=1)
    weight_format: NumberFormat
    operand: str
    edge: Edge
    group: str
    when: When = "every_step"


class RowAffine(Frozen):
    """Scales and shifts each row of one product before it is summed with the others, as folded batch norm does."""

    op: Literal["row_affine"] = "row_affine"
    name: str
    scope: Scope
    rows: int = Field(ge=1)
    of: str


class LayerNorm(Frozen):
    """Normalises the products `of` by the mean and variance over all `rows`, at run time, before their row scales."""

    op: Literal["layer_norm"] = "layer_norm"
    name: str
    scope: Scope
    rows: int = Field(ge=1)
    of: tuple[str, ...]


class UnitOperations(Frozen):
    """Operations and state accesses that an elementwise operation takes for one unit of one lane."""

    curves: int = Field(default=0, ge=0)
    """Evaluations of sigmoid, tanh or ReLU."""
    multiplies: int = Field(default=0, ge=0)
    adds: int = Field(default=0, ge=0)
    """Additions, without the shift of each row, which is counted with its scale."""
    state_reads: int = Field(default=0, ge=0)
    """Elements of h, or of a gate kept by the previous stage, that are read back."""
    state_writes: int = Field(default=0, ge=0)
    cell_reads: int = Field(default=0, ge=0)
    """Elements read of a state besides h, such as an LSTM's c."""
    cell_writes: int = Field(default=0, ge=0)


class Elementwise(Frozen):
    """Activations and updates of `size` units, from the accumulated rows of the groups (or operations) `of`.

    `unit` states the operations of one unit, so that no cell is known by name. A GRU that resets before its product
    takes two of these: the first yields r h, the operand of the candidate's product, and the second the new state.
    """

    op: Literal["elementwise"] = "elementwise"
    name: str
    scope: Scope
    unit: UnitOperations
    size: int = Field(ge=1)
    of: tuple[str, ...]


class Encode(Frozen):
    """The result `of` becomes the operand named `operand`, and its non-zero elements go on the operand list."""

    op: Literal["encode"] = "encode"
    name: str
    scope: Scope
    size: int = Field(ge=1)
    of: str
    operand: str


Operation = Annotated[MatVec | RowAffine | LayerNorm | Elementwise | Encode, Field(discriminator="op")]


class Operand(Frozen):
    """A vector of `size` elements of `bits` each (None: floating point).

    An operand of kind `one_hot` is stored as the index of its symbol. A `vector` enters from outside (or from an
    embedding), so it waits for no state. A `result` is computed within the step. Row 0 of a `state` is its initial
    value, and row t + 1 its value after step t.
    """

    name: str
    size: int = Field(ge=1)
    bits: int | None = Field(default=None, ge=1, le=64)
    kind: Literal["one_hot", "vector", "result", "state"]


class Graph(HashedOnce):
    """The operations of one step, in order, and their operands."""

    operations: tuple[Operation, ...]
    operands: tuple[Operand, ...]

    def operand(self, name: str) -> Operand:
        for operand in self.operands:
            if operand.name == name:
                return operand
        raise BadInput(f"operand must be one of {', '.join(o.name for o in self.operands)}, not {name!r}")

    @property
    def mat_vecs(self) -> tuple[MatVec, ...]:
        return tuple(o for o in self.operations if isinstance(o, MatVec))

    def check(self) -> None:
        """Raise BadInput if an operation names something that does not exist, or if sizes do not match."""
        names = [o.name for o in self.operations]
        if len(set(names)) != len(names):
            raise BadInput("operation names must be distinct")
        if len({o.name for o in self.operands}) != len(self.operands):
            raise BadInput("operand names must be distinct")
        groups: dict[str, int] = {}
        times: dict[str, When] = {}
        made = {op.operand for op in self.operations if isinstance(op, Encode)}
        for mv in self.mat_vecs:
            operand = self.operand(mv.operand)
            if operand.kind == "one_hot" and operand.size > MAX_SYMBOLS:
                raise BadInput(f"operand {operand.name}: must have at most {MAX_SYMBOLS} symbols, not {operand.size}")
            if operand.size != mv.cols:
                raise BadInput(f"operation {mv.name}: cols must be {operand.size}, as {mv.operand} has, not {mv.cols}")
            if mv.edge not in _EDGES[operand.kind]:
                raise BadInput(f"operation {mv.name}: edge {mv.edge} does not fit an operand of kind {operand.kind}")
            if groups.setdefault(mv.group, mv.rows) != mv.rows:
                raise BadInput(f"operation {mv.name}: rows must be {groups[mv.group]}, as in the rest of {mv.group}")
            if times.setdefault(mv.group, mv.when) != mv.when:
                raise BadInput(f"operation {mv.name}: when must be {times[mv.group]}, as in the rest of {mv.group}")
            if mv.edge == "previous_step" and mv.operand not in made:
                raise BadInput(f"operation {mv.name}: reads {mv.operand} of the step before, which nothing encodes")
        known = set(names) | set(groups)
        for op in self.operations:
            for source in () if isinstance(op, MatVec) else (op.of,) if isinstance(op.of, str) else op.of:
                if source not in known:
                    raise BadInput(f"operation {op.name}: of must name an operation or a group, not {source!r}")
            if isinstance(op, Elementwise) and len({times[group] for group in op.of if group in times}) > 1:
                raise BadInput(f"operation {op.name}: when must be one and the same in the groups {', '.join(op.of)}")
            if isinstance(op, Encode):
                self._check_encoded(op)

    def _check_encoded(self, op: Encode) -> None:
        size = self.operand(op.operand).size
        result = next((each for each in self.operations if each.name == op.of), None)
        sizes = [op.size, *([result.size] if isinstance(result, Elementwise) else [])]
        if sizes != [size] * len(sizes):
            raise BadInput(
                f"operation {op.name}: what it encodes must have the {size} elements of {op.operand}, not"
                f" {' and '.join(map(str, sizes))}"
            )


_EDGES: dict[str, tuple[Edge, ...]] = {
    "one_hot": ("input",),
    "vector": ("input",),
    "result": ("same_step",),
    "state": ("previous_step", "same_step"),
}
