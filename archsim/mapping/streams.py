"""The streams of a stage, made from its products: the rows that a column of each operand feeds, and its waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from archsim.mapping.plan import Stage, Wait
from archsim.trace.graph import Graph, MatVec


@dataclass(frozen=True)
class Stream:
    """The columns of one operand, each of which feeds rows of all products of a stage that read it."""

    mat_vecs: tuple[int, ...]
    """The products, as indices into ``Plan.mat_vecs``."""
    cols: int
    rows_per_unit: int
    """Rows of a unit that a column feeds."""
    bits_per_unit: int
    """Weight bits of a column for one unit, at storage width."""
    row_bits: int
    """Bits of the widest of its weights, at storage width."""
    waits: tuple[Wait, ...]
    """The operand list that it waits for; empty if the operand comes from outside the machine."""
    read: float
    """The largest share of the columns that a step reads: one column for each lane of a one-hot operand, and none
    where a sequence reads them in a single step."""
    steps_at_once: int = 1
    """Steps whose vectors pass its columns at once."""

    @property
    def age(self) -> int:
        """How new the list is that it waits for: 0 if it waits for none, 1 if the step before made it, 2 this one."""
        return max((2 - wait.steps_back for wait in self.waits), default=0)


def streams_of(
    graph: Graph, mat_vecs: Sequence[MatVec], stage: Stage, made: Mapping[str, int], lanes: int, once: bool = False
) -> tuple[Stream, ...]:
    """The streams of a stage, in the order of ``stage.streams``; `made` gives the index of an operand's list.

    `once`: its phase has one step a sequence.
    """
    found = (_stream(graph, mat_vecs, members, stage.units, made, lanes) for members in stage.streams)
    return tuple(replace(stream, read=0.0) if once else stream for stream in found)


def taken_at_once(streams: Sequence[Stream], mat_vecs: Sequence[MatVec], steps: int) -> tuple[Stream, ...]:
    """The streams of a stage, of which those of inputs are taken `steps` steps at once, if others wait for a list.

    Such an input is known ahead; the sums of its product are kept until the other products of their step are added.
    """
    if not any(stream.waits for stream in streams):
        return tuple(streams)
    return tuple(
        stream
        if stream.waits or mat_vecs[stream.mat_vecs[0]].when != "every_step"
        else replace(stream, steps_at_once=steps)
        for stream in streams
    )


def _stream(
    graph: Graph, mat_vecs: Sequence[MatVec], members: tuple[int, ...], units: int, made: Mapping[str, int], lanes: int
) -> Stream:
    products = [mat_vecs[i] for i in members]
    first = products[0]
    one_hot = graph.operand(first.operand).kind == "one_hot"
    return Stream(
        mat_vecs=members,
        cols=first.cols,
        rows_per_unit=sum(mv.rows for mv in products) // units,
        bits_per_unit=sum(mv.rows // units * mv.weight_format.bits for mv in products),
        row_bits=max(mv.weight_format.bits for mv in products),
        waits=_waits(first, made),
        read=min(1.0, lanes / first.cols) if one_hot else first.when == "every_step",
    )


def _waits(mat_vec: MatVec, made: Mapping[str, int]) -> tuple[Wait, ...]:
    """The operand list that a product waits for, if its operand is on one."""
    if mat_vec.operand not in made:
        return ()
    return (Wait(made[mat_vec.operand], int(mat_vec.edge == "previous_step")),)
