"""The header of a trace: which network it was recorded from, and the graph of each of its phases."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

from archsim.errors import BadInput
from archsim.frozen import Frozen
from archsim.trace.graph import Graph

VERSION = 5


class Phase(Frozen):
    """One part of a network that runs over whole sequences before the next part begins.

    A layer above a bidirectional one needs its results at every step, so it is in a later phase. What a later phase
    reads of an earlier one are operands of kind ``vector``. A step is an index of work: at step k, a bidirectional
    layer computes position k forwards and position length - 1 - k backwards.
    """

    graph: Graph
    steps: Literal["all", "one"] = "all"
    """Whether it has as many steps as the first phase, of the same lengths, or one step a sequence, as a readout."""
    rereads: tuple[str, ...] = ()
    """Names of those of its vectors that hold another of its vectors in another order of steps, as what a backward
    layer reads does: they are read again, but were not written again."""


class Header(Frozen):
    """The network and graph of a trace. `synthetic` traces have no accuracy and are marked wherever they are shown."""

    version: int
    workload: str
    synthetic: bool
    provenance: dict[str, str | int | float]
    graph: Graph
    """The graph of the first phase, which is the only one of most traces."""
    later: tuple[Phase, ...] = ()
    """The phases after the first, in order."""
    reads_ahead: bool = False
    """Whether a layer reads sequences from their end, so that no step can run when its own input arrives."""

    @property
    def phases(self) -> tuple[Phase, ...]:
        return (_first(self.graph), *self.later)

    def check(self) -> None:
        """Raise BadInput if a graph breaks a rule, or if two phases share a name."""
        for phase in self.phases:
            phase.graph.check()
            vectors = [operand.name for operand in phase.graph.operands if operand.kind == "vector"]
            for name in phase.rereads:
                if name not in vectors:
                    raise BadInput(f"operand {name}: a phase can read again only a vector of its own")
        graphs = [phase.graph for phase in self.phases]
        _check_distinct("operand", ({operand.name for operand in graph.operands} for graph in graphs))
        named = ({op.name for op in graph.operations} | {mv.group for mv in graph.mat_vecs} for graph in graphs)
        _check_distinct("operation or group", named)


@lru_cache(maxsize=64)
def _first(graph: Graph) -> Phase:
    """The first phase of a trace, one object for all traces of one graph, by which plans cache what they have of it."""
    return Phase(graph=graph)


def _check_distinct(kind: str, names: Iterable[set[str]]) -> None:
    """BadInput if two of the phases, whose `names` these are, share one."""
    known: set[str] = set()
    for own in names:
        for name in sorted(known & own):
            raise BadInput(f"{kind} {name}: names must be distinct over all phases, but two phases have it")
        known |= own
