"""The stages of a step, made from its graph: products whose sums one elementwise operation reads."""

from collections.abc import Collection, Sequence

from archsim.errors import BadInput
from archsim.mapping.plan import Stage, Sum
from archsim.trace.graph import (
    Elementwise,
    Encode,
    Graph,
    MatVec,
    RowAffine,
    UnitOperations,
)

HANDED_ON = UnitOperations(state_writes=1)
"""The operations of an embedding, whose rows become an operand as they are."""


def stages_of(graph: Graph, mat_vecs: Sequence[MatVec]) -> list[Stage]:
    """The stages of `mat_vecs`, in the order of the operations that read their sums.

    BadInput if no operation reads a group, or if its rows are no multiple of the units.
    """
    groups: dict[str, list[int]] = {}
    for index, mv in enumerate(mat_vecs):
        groups.setdefault(mv.group, []).append(index)
    encoded: dict[str, list[str]] = {}
    read_by_some = {mv.operand for mv in mat_vecs}
    for op in graph.operations:
        if isinstance(op, Encode) and op.operand in read_by_some:
            encoded.setdefault(op.of, []).append(op.operand)
    normalised = {op.of for op in graph.operations if isinstance(op, RowAffine)}
    stages: list[Stage] = []
    for op in graph.operations:
        if isinstance(op, Elementwise):
            read, operands = op.of, encoded.get(op.name, [])
        elif isinstance(op, Encode) and op.of in groups:
            read, operands = (op.of,), encoded.get(op.of, [])
        else:
            continue
        mine = [groups.pop(group) for group in read if group in groups]
        if mine:
            stages.append(_stage(mat_vecs, mine, op, normalised, operands))
    if groups:
        raise BadInput(f"group {next(iter(groups))}: no operation reads it")
    return stages


def _stage(
    mat_vecs: Sequence[MatVec],
    groups: Sequence[Sequence[int]],
    op: Elementwise | Encode,
    normalised: Collection[str],
    operands: Sequence[str],
) -> Stage:
    norms, shifts, units = 0, 0, op.size
    sums: list[Sum] = []
    streams: dict[tuple[str, str], list[int]] = {}
    for members in groups:
        first = mat_vecs[members[0]]
        rows, remainder = divmod(first.rows, units)
        if remainder:
            raise BadInput(f"group {first.group}: rows must be a multiple of the {units} units, not {first.rows}")
        apart = [i for i in members if mat_vecs[i].name in normalised]
        sums += [Sum(mat_vecs[i].name, (i,), rows) for i in apart]
        if len(apart) < len(members):
            sums.append(Sum(first.group, tuple(i for i in members if i not in apart), rows))
        norms, shifts = norms + rows * len(apart), shifts + rows
        for i in members:
            streams.setdefault((mat_vecs[i].operand, mat_vecs[i].edge), []).append(i)
    return Stage(
        streams=tuple(map(tuple, streams.values())),
        sums=tuple(sums),
        unit=op.unit if isinstance(op, Elementwise) else HANDED_ON,
        units=units,
        norms_per_unit=norms,
        shifts_per_unit=shifts if isinstance(op, Elementwise) else 0,
        rows_per_unit=max(sum(mat_vecs[i].rows for i in stream) // units for stream in streams.values()),
        operands=tuple(operands),
    )
