"""What a trace asks of a plan, as plain counts: all that time and energy depend on."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsim.ledger import Ledger
from archsim.mapping import Burst, Plan
from archsim.trace import Columns, MatVec, Trace

STALLS = ("weight_bandwidth", "weight_latency", "state_dependency", "scratch_bank", "drain")
"""Why the PE array stood still: the stream is slower than the tiles; the first column is under way; the list of the
new state is not known yet; no accumulators are free; the last results are on their way out."""


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
    """Lanes whose sequence still runs, ``(steps,)``."""
    reads_buffer: tuple[bool, ...]
    """Whether a product's operand lies in the state buffer (a one-hot input does not: it is an index)."""
    listed_states: NDArray[np.int64]
    """Columns the encoder lists after each step, ``(steps,)``; zeros where nothing is skipped."""

    @cached_property
    def _plain(self) -> list[tuple[list[int], list[int]]]:
        """(streamed, non-zero) of each product as plain ints: the simulator's clock must stay one."""
        return [(s.tolist(), c.nonzero.tolist()) for s, c in zip(self.streamed, self.columns, strict=True)]

    def streamed_at(self, operand: int, step: int) -> tuple[int, int]:
        """Columns streamed for a product at a step, and the non-zero operand elements among them over all lanes."""
        streamed, nonzero = self._plain[operand]
        return streamed[step], nonzero[step]

    def columns_of(self, burst: Burst, step: int) -> int:
        return sum(self._plain[i][0][step] for i in burst.operands)

    @property
    def macs(self) -> Macs:
        rows = [mv.rows for mv in self.mat_vecs]
        return Macs(
            dense=sum(r * int(c.possible.sum()) for r, c in zip(rows, self.columns, strict=True)),
            issued=sum(r * int((s * self.active).sum()) for r, s in zip(rows, self.streamed, strict=True)),
            useful=sum(r * int(c.nonzero.sum()) for r, c in zip(rows, self.columns, strict=True)),
        )


def measure(trace: Trace, plan: Plan, steps: int, skipping: bool) -> Work:
    """The work of the first `steps` steps of `trace` on the lanes of `plan`."""
    columns = tuple(trace.columns(mv, plan.lanes, steps) for mv in plan.mat_vecs)
    streamed = np.stack([c.listed if skipping else c.dense for c in columns])
    kinds = [trace.graph.operand(mv.operand).kind for mv in plan.mat_vecs]
    recurrent = next(mv for mv in plan.mat_vecs if mv.edge == "previous_step")
    after = recurrent.model_copy(update={"edge": "same_step"})
    listed = trace.columns(after, plan.lanes, steps).listed if skipping else np.zeros(steps, np.int64)
    return Work(
        mat_vecs=plan.mat_vecs,
        streamed=streamed,
        columns=columns,
        active=trace.active(plan.lanes, steps).sum(axis=1, dtype=np.int64),
        reads_buffer=tuple(kind != "one_hot" for kind in kinds),
        listed_states=listed,
    )
