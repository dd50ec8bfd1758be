"""The header of a trace: which network it was recorded from, and its graph."""

from archsim.trace.graph import Frozen, Graph

VERSION = 4


class Header(Frozen):
    """The network and graph of a trace. `synthetic` traces have no accuracy and are marked wherever they are shown."""

    version: int
    workload: str
    synthetic: bool
    provenance: dict[str, str | int | float]
    graph: Graph
