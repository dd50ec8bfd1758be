"""Traces, the contract between networks and machines: the operations of a step, and which operands were zero in it.

A trace knows no cell by name. Its graph holds the operations of one time step; its operands record, for every step and
sequence, which elements were non-zero, or which symbol a one-hot input had. How many sequences run side by side is the
hardware's choice: lane ``i`` of a run is sequence ``i`` of the trace. What waits for whole sequences, as a layer above
a bidirectional one does, is a later phase with a graph and operands of its own.

A trace is stored in one ``.npz`` file without pickle, validated on load: a JSON header, and the rows of each operand in
pieces of 1,024 steps. Neither reader nor writer holds more than a few pieces of a long trace, so that memory does not
grow with its length.
"""

from archsim.trace.columns import Columns, pack_mask
from archsim.trace.graph import (
    Edge,
    Elementwise,
    Encode,
    Graph,
    LayerNorm,
    MatVec,
    NumberFormat,
    Operand,
    Operation,
    RowAffine,
    Scope,
    UnitOperations,
    When,
)
from archsim.trace.header import VERSION, Header, Phase
from archsim.trace.storage import MAX_BYTES, PIECE, Rows
from archsim.trace.synthetic import FORMATS, synthesize
from archsim.trace.trace import Trace

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "PIECE",
    "VERSION",
    "Columns",
    "Edge",
    "Elementwise",
    "Encode",
    "Graph",
    "Header",
    "LayerNorm",
    "MatVec",
    "NumberFormat",
    "Operand",
    "Operation",
    "Phase",
    "RowAffine",
    "Rows",
    "Scope",
    "Trace",
    "UnitOperations",
    "When",
    "pack_mask",
    "synthesize",
]
