"""What a trace asks of a plan, as plain counts: all that time and energy depend on."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsim.ledger import Ledger
from archsim.mapping import Block, Burst, Plan
from archsim.trace import Columns, MatVec, Trace

STALLS = ("scratch_bank", "state_dependency", "fifo_credit", "weight_latency", "weight_bandwidth", "drain")
"""Why the PE array stood still, in the order of blame: no accumulators are free; the list of the new state is not
known; the stream waited for room in the FIFO; the first column is under way; the stream is slower than the tiles; the
last results are on their way out. `timeline` says the same of every component."""


@dataclass(frozen=True)
class Timing:
    """What an engine yields: time, counts, and why the PE array stood still."""

    cycles: int
    busy_cycles: int
    stalls: dict[str, int]
    """Cycles without work on the PE array, by cause; together with `busy_cycles` they are `cycles`."""
    step_ends: NDArray[np.int64]
    """Cycle at which the state of each step is known, ``(steps,)``."""
    ledger: Ledger
    reused_steps: int = field(default=0, compare=False)
    """Steps whose time was known from an earlier one (engine `burst`)."""


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a run: of the dense products, really issued, and with a non-zero operand."""

    dense: int
    issued: int
    useful: int


@dataclass(frozen=True)
class Work:
    """Column counts of every product of a plan, step by step."""

    mat_vecs: tuple[MatVec, ...]
    streamed: NDArray[np.int64]
    """Columns streamed for each product, ``(mat_vecs, steps)``."""
    columns: tuple[Columns, ...]
    active: NDArray[np.int64]
    """Lanes whose sequence still runs, ``(steps,)``: the tokens of a step."""
    reads_buffer: tuple[bool, ...]
    """Whether a product's operand lies in the state buffer (a one-hot input does not: it is an index)."""
    listed: NDArray[np.int64]
    """Columns the encoder lists of each operand it makes, ``(lists, steps)``; zeros where nothing is skipped."""

    @property
    def steps(self) -> int:
        return len(self.active)

    @cached_property
    def _plain(self) -> list[tuple[list[int], list[int], list[int]]]:
        """(streamed, non-zero, active) of each product as plain ints: the simulator's clock must stay one."""
        return [
            (s.tolist(), c.nonzero.tolist(), c.active.tolist())
            for s, c in zip(self.streamed, self.columns, strict=True)
        ]

    def streamed_at(self, mat_vec: int, step: int) -> tuple[int, int, int]:
        """Columns streamed for a product at a step, non-zero operand elements over all lanes, and lanes that run it."""
        streamed, nonzero, active = self._plain[mat_vec]
        return streamed[step], nonzero[step], active[step]

    def signature(self, step: int) -> tuple[int, ...]:
        """All of a step that its timing depends on, beside the machine: columns streamed, and which products run."""
        return tuple(n for streamed, _, active in self._plain for n in (streamed[step], active[step] > 0))

    def columns_of(self, burst: Burst, step: int) -> int:
        return sum(self._plain[stream[0]][0][step] for stream in burst.streams)

    def active_in(self, block: Block, step: int) -> int:
        """Lanes that run a block at a step."""
        return self._plain[block.bursts[0].streams[0][0]][2][step]

    def listed_at(self, index: int, step: int) -> int:
        return int(self.listed[index, step])

    @property
    def macs(self) -> Macs:
        rows = [mv.rows for mv in self.mat_vecs]
        parts = list(zip(rows, self.streamed, self.columns, strict=True))
        return Macs(
            dense=sum(r * int(c.possible.sum()) for r, _, c in parts),
            issued=sum(r * int((s * c.active).sum()) for r, s, c in parts),
            useful=sum(r * int(c.nonzero.sum()) for r, _, c in parts),
        )


def measure(trace: Trace, plan: Plan, steps: int, skipping: bool, reach: int | None = None) -> Work:
    """The work of the first `steps` steps of `trace` on the lanes of `plan`.

    `reach`: how far on the encoder's offsets can point; longer runs of zeros are padded with columns.
    """
    reach = reach if skipping else None
    columns = tuple(trace.columns(mv, plan.lanes, steps, reach) for mv in plan.mat_vecs)
    kinds = [trace.graph.operand(mv.operand).kind for mv in plan.mat_vecs]
    listed = np.zeros((len(plan.lists), steps), np.int64)
    for index, name in enumerate(plan.lists if skipping else ()):
        reader = next(mv for mv in plan.mat_vecs if mv.operand == name)
        made = "same_step" if trace.graph.operand(name).kind == "state" else reader.edge
        after = reader.model_copy(update={"edge": made, "when": "every_step"})
        counted = trace.columns(after, plan.lanes, steps, reach)
        listed[index] = counted.listed + counted.padding
    return Work(
        mat_vecs=plan.mat_vecs,
        streamed=np.stack([c.listed + c.padding if skipping else c.dense for c in columns]),
        columns=columns,
        active=trace.active(plan.lanes, steps).sum(axis=1, dtype=np.int64),
        reads_buffer=tuple(kind != "one_hot" for kind in kinds),
        listed=listed,
    )
