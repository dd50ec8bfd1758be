"""What a trace is of."""

from archsim.trace.graph import Frozen, Graph

VERSION = 4


class Header(Frozen):
    """What a trace is of. `synthetic` traces carry no accuracy and are marked wherever they are shown."""

    version: int
    workload: str
    synthetic: bool
    provenance: dict[str, str | int | float]
    graph: Graph
