"""The operand lists of a machine and the operands behind them, numbered as control and data path know them.

A list belongs to one way of reading an operand: lanes that end run a product of the step before no longer, while one of
the same step still does, so the columns that are non-zero in a running lane differ. Values are stored once an operand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from archsim.design import Design
from archsim.mapping.plan import Plan
from archsim.trace.graph import Edge, Graph, MatVec, When


class Source(IntEnum):
    """Where the columns of a list come from."""

    SYMBOLS = 0
    """The distinct symbols of the running lanes, in ascending order (a one-hot operand)."""
    ALL = 1
    """All columns of the operand, in order: nothing is skipped."""
    MADE = 2
    """The skip encoder, which lists an operand that the machine makes."""
    OUTSIDE = 3
    """Outside the machine, from where the list comes with the vector."""


@dataclass(frozen=True)
class OperandList:
    """The columns of an operand as some of the products read them."""

    operand: str
    edge: Edge
    when: When
    source: Source
    columns: int
    """Elements of the operand: the most columns that the list can have."""
    made: int | None
    """Index into ``Plan.lists`` of the result that the operand belongs to; None if it comes from outside."""

    @property
    def steps_back(self) -> int:
        """1 if it holds what the previous step made."""
        return int(self.edge == "previous_step")

    @property
    def reads_buffer(self) -> bool:
        """Whether its values lie in the state buffer, in two copies by the parity of the step that made them."""
        return self.made is not None


def lists_of(design: Design, plan: Plan, graph: Graph) -> tuple[OperandList, ...]:
    """Every list that a product reads, in the order of ``plan.mat_vecs``; a list's number is its place."""
    made = {name: index for index, names in enumerate(plan.lists) for name in names}
    return tuple(dict.fromkeys(_list(design, mat_vec, graph, made) for mat_vec in plan.mat_vecs))


def list_number(lists: Sequence[OperandList], mat_vec: MatVec) -> int:
    """The number of the list that a product reads."""
    read = mat_vec.operand, mat_vec.edge, mat_vec.when
    return next(n for n, each in enumerate(lists) if (each.operand, each.edge, each.when) == read)


def _list(design: Design, mat_vec: MatVec, graph: Graph, made: dict[str, int]) -> OperandList:
    if graph.operand(mat_vec.operand).kind == "one_hot":
        source = Source.SYMBOLS
    elif not design.skip_encoder.enabled:
        source = Source.ALL
    else:
        source = Source.MADE if mat_vec.operand in made else Source.OUTSIDE
    return OperandList(
        operand=mat_vec.operand,
        edge=mat_vec.edge,
        when=mat_vec.when,
        source=source,
        columns=mat_vec.cols,
        made=made.get(mat_vec.operand),
    )
