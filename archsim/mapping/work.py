"""The work that a trace asks of a plan, as plain counts: all of the trace that time and energy depend on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsim.mapping.plan import (
    Block,
    Burst,
    Plan,
)
from archsim.timing import Macs
from archsim.trace.columns import Columns
from archsim.trace.graph import MatVec
from archsim.trace.trace import Trace

WINDOW = 1024
"""Steps that are counted at once."""
KEPT = 8
"""The most windows of which all are cached. Of more, the latest two are: who reads them again begins with the first,
and would find it gone."""
KEPT_WORKS = 64
"""The most `Work` objects of one trace that are cached, by products, lanes, steps and settings of the encoder."""


LIKELY = 4
"""The number of steps for whose columns the blocks of a stage are cut."""


@dataclass(frozen=True)
class Window:
    """Column counts of consecutive steps; arrays are int64, with a row for each product unless stated otherwise."""

    first: int
    """The first of these steps."""
    streamed: NDArray[np.int64]
    """Columns streamed, ``(mat_vecs, steps)``."""
    nonzero: NDArray[np.int64]
    """Non-zero operand elements over all lanes, ``(mat_vecs, steps)``."""
    active: NDArray[np.int64]
    """Lanes that run the product, ``(mat_vecs, steps)``."""
    vectors: NDArray[np.int64]
    """Lanes whose vectors pass the columns, summed over the steps taken at once, ``(mat_vecs, steps)``."""
    tokens: NDArray[np.int64]
    """Lanes whose sequence still runs, ``(steps,)``."""
    listed: NDArray[np.int64]
    """Columns that the encoder puts on each operand list, ``(lists, steps)``; zeros if nothing is skipped."""


@dataclass(frozen=True)
class Plain:
    """A window as Python ints, since numpy integers must not enter the simulator's clock."""

    first: int
    products: list[tuple[list[int], ...]]
    """For each product: streamed columns, non-zero elements, active lanes and vectors, each a list over the steps."""

    @classmethod
    def of(cls, w: Window) -> "Plain":
        parts = zip(w.streamed, w.nonzero, w.active, w.vectors, strict=True)
        return cls(w.first, [tuple(part.tolist() for part in product) for product in parts])


@dataclass(frozen=True)
class Totals:
    """Sums over the steps of a run; tuples are by product."""

    streamed: tuple[int, ...]
    issued: tuple[int, ...]
    """Columns for which the PEs of a lane are issued MACs, summed over lanes: those streamed, for each lane that runs
    the product; of a one-hot operand that of a lane's own symbol alone."""
    nonzero: tuple[int, ...]
    runs: tuple[int, ...]
    """Lanes that run the product, summed over the steps."""
    run_steps: tuple[int, ...]
    """Steps at which at least one lane runs the product."""
    tokens: int
    listed: int


@dataclass(frozen=True, eq=False)
class Work:
    """The columns that the products of a plan stream in each step, counted window by window when they are needed."""

    trace: Trace = field(repr=False)
    mat_vecs: tuple[MatVec, ...]
    lists: tuple[tuple[str, ...], ...]
    """Operands that the encoder puts on lists, those of one scan together."""
    lanes: int
    steps: int
    skipping: bool
    reach: int | None
    steps_at_once: tuple[int, ...]
    """For each product, as in the plan."""
    _windows: dict[int, Window] = field(default_factory=dict, repr=False)
    _plain: dict[int, Plain] = field(default_factory=dict, repr=False)
    _groups: dict[tuple[int, ...], tuple[int, int]] = field(default_factory=dict, repr=False)

    @cached_property
    def reads_buffer(self) -> tuple[bool, ...]:
        """For each product, whether its operand lies in the state buffer; a one-hot input is an index and does not."""
        return tuple(self.trace.graph.operand(mv.operand).kind != "one_hot" for mv in self.mat_vecs)

    def windows(self) -> Iterator[Window]:
        """The windows of all steps, in order."""
        return map(self.window, range(0, self.steps, WINDOW))

    def window(self, step: int) -> Window:
        """The window that contains a step."""
        first = step - step % WINDOW
        found = self._windows.get(first)
        if found is None:
            if len(self._windows) >= (KEPT if self.steps <= KEPT * WINDOW else 2):
                del self._windows[next(iter(self._windows))]
            found = self._windows[first] = self._count(first, min(first + WINDOW, self.steps))
        return found

    def plain(self, step: int) -> Plain:
        """The window that contains a step, as Python ints; two are cached, since a machine never looks further back."""
        first = step - step % WINDOW
        found = self._plain.get(first)
        if found is None:
            if len(self._plain) > 1:
                del self._plain[next(iter(self._plain))]
            found = self._plain[first] = Plain.of(self.window(step))
        return found

    def _count(self, first: int, stop: int) -> Window:
        ways = zip(self.mat_vecs, self.steps_at_once, strict=True)
        counted = [self._taken_at_once(mv, first, stop, steps) for mv, steps in ways]
        active = {
            mv.when: self.trace.active(self.lanes, stop, mv.when, first=first).sum(axis=1) for mv in self.mat_vecs
        }
        return Window(
            first=first,
            streamed=np.stack([c.listed + c.padding if self.skipping else c.dense for c in counted]),
            nonzero=np.stack([c.nonzero for c in counted]),
            active=np.stack([active[mv.when] for mv in self.mat_vecs]),
            vectors=np.stack([c.active for c in counted]),
            tokens=self.trace.active(self.lanes, stop, first=first).sum(axis=1, dtype=np.int64),
            listed=np.array([self._listed(operands, first, stop) for operands in self.lists], np.int64).reshape(
                len(self.lists), stop - first
            ),
        )

    def _listed(self, operands: tuple[str, ...], first: int, stop: int) -> NDArray[np.int64]:
        """Columns that one scan puts on its list, ``(steps,)``."""
        listed = np.zeros(stop - first, np.int64)
        for name in operands if self.skipping else ():
            found = self._columns(self._made(name), first, stop)
            listed += found.listed + found.padding
        return listed

    def _columns(self, mat_vec: MatVec, first: int, stop: int) -> Columns:
        return self.trace.columns(mat_vec, self.lanes, stop, self.reach if self.skipping else None, first=first)

    def _taken_at_once(self, mat_vec: MatVec, first: int, stop: int, steps: int) -> Columns:
        """The columns of `steps` steps at the first of them, and none at the others."""
        if steps == 1:
            return self._columns(mat_vec, first, stop)
        begin = first + -first % steps
        end = min(self.steps, begin + (stop - begin + steps - 1) // steps * steps)
        reach = self.reach if self.skipping else None
        counted = (
            self.trace.columns(mat_vec, self.lanes, end, reach, first=begin, at_once=steps) if begin < stop else None
        )
        found = {each.name: np.zeros(stop - first, np.int64) for each in fields(Columns)}
        for name, array in found.items():
            if counted:
                array[begin - first :: steps] = getattr(counted, name)
        return Columns(**found)

    def _made(self, name: str) -> MatVec:
        """A product that reads an operand in the step that makes it, in which it is put on the list."""
        operand = self.trace.graph.operand(name)
        made = "input" if operand.kind == "vector" else "same_step"
        read = {"operand": name, "cols": operand.size, "edge": made, "when": "every_step"}
        return self.mat_vecs[0].model_copy(update=read)

    def only(self, step: int) -> "Work":
        """The work of one step, as a run of its own."""
        window = self.window(step)
        at = slice(step - window.first, step - window.first + 1)
        alone = {each.name: getattr(window, each.name)[..., at] for each in fields(Window) if each.name != "first"}
        return replace(self, steps=1, _windows={0: Window(first=0, **alone)}, _plain={}, _groups={})

    def streamed_at(self, mat_vec: int, step: int) -> tuple[int, int, int]:
        """Columns streamed for a product at a step, non-zero elements of the vectors that pass them, these vectors."""
        plain = self.plain(step)
        streamed, nonzero, _, vectors = plain.products[mat_vec]
        at = step - plain.first
        return streamed[at], nonzero[at], vectors[at]

    def signature(self, step: int) -> tuple[int, ...]:
        """Everything of a step that its timing depends on: the columns streamed, and which products run."""
        plain = self.plain(step)
        at = step - plain.first
        return tuple(n for streamed, _, active, _ in plain.products for n in (streamed[at], active[at] > 0))

    def columns_of(self, burst: Burst, step: int) -> int:
        """Columns streamed for a burst at a step, over all its streams."""
        plain = self.plain(step)
        return sum(plain.products[stream[0]][0][step - plain.first] for stream in burst.streams)

    def groups(self, burst: Burst) -> tuple[int, int]:
        """Groups of columns that a burst is taken in, over all steps, and their sum over the lanes that run it."""
        products = [stream[0] for stream in burst.streams]
        key = burst.group, *products
        if key not in self._groups:
            groups = passes = 0
            for window in self.windows():
                own = -(-window.streamed[products].sum(axis=0) // burst.group)
                groups, passes = groups + int(own.sum()), passes + int(own @ window.vectors[products[0]])
            self._groups[key] = groups, passes
        return self._groups[key]

    def active_in(self, block: Block, step: int) -> int:
        """Lanes that run a block at a step."""
        plain = self.plain(step)
        return plain.products[block.bursts[0].streams[0][0]][2][step - plain.first]

    def tokens_at(self, step: int) -> int:
        """Lanes whose sequence still runs at a step."""
        window = self.window(step)
        return int(window.tokens[step - window.first])

    def inputs_at(self, plan: Plan, step: int) -> int:
        """Lanes whose inputs for a step come over the DRAM channel: all that run, or 0, as after the last step."""
        return self.tokens_at(step) if plan.fetch and step < self.steps else 0

    def listed_at(self, index: int, step: int) -> int:
        """Columns that the encoder puts on list `index` at a step."""
        window = self.window(step)
        return int(window.listed[index, step - window.first])

    def sum_by_lanes(self, amounts: Sequence[int]) -> int:
        """The sum over all steps of an amount that depends on the lanes whose sequence still runs."""
        by_lanes = np.array(amounts)
        return sum(int(by_lanes[window.tokens].sum()) for window in self.windows())

    def lane_cycles(self, step_ends: NDArray[np.int64], cycles: int) -> int:
        """Cycles of a run in which a lane is clocked, summed over its lanes.

        A lane that the run does not use never is. One whose sequence has ended is switched off once the state of the
        step after its last is known, `step_ends` ``(steps,)``, since until then its readout may run.
        """
        last, steps, lanes = self.switched_off
        return last * cycles + int(lanes @ step_ends[steps])

    @cached_property
    def switched_off(self) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """Lanes that run at the last step, the steps at whose end others are switched off, and how many are at each."""
        running, steps, lanes = self.tokens_at(0), list[int](), list[int]()
        for window in self.windows():  # one by one, so that memory does not grow with the steps
            tokens = window.tokens[window.tokens > 0]
            ended = -np.diff(tokens, prepend=running)
            at = np.flatnonzero(ended)
            steps += (window.first + at).tolist()
            lanes += ended[at].tolist()
            running = int(tokens[-1]) if len(tokens) else running
        return running, np.array(steps, np.int64), np.array(lanes, np.int64)

    @cached_property
    def totals(self) -> Totals:
        """Sums over all steps."""
        sums = np.zeros((5, len(self.mat_vecs)), np.int64)
        tokens = listed = 0
        in_buffer = np.array(self.reads_buffer)[:, None]
        for w in self.windows():
            of_lanes = np.where(in_buffer, w.streamed * w.vectors, w.nonzero)
            parts = w.streamed, of_lanes, w.nonzero, w.active, w.active > 0
            sums += np.stack([part.sum(axis=1) for part in parts])
            tokens, listed = tokens + int(w.tokens.sum()), listed + int(w.listed.sum())
        streamed, issued, nonzero, runs, run_steps = (tuple(map(int, row)) for row in sums)
        return Totals(streamed, issued, nonzero, runs, run_steps, tokens, listed)

    @cached_property
    def listed_inputs(self) -> tuple[int, int]:
        """Columns of vectors from outside the machine that are scanned for zeros as they come in, and those of them
        that are put on a list, over all steps; none if nothing is skipped."""
        scanned = listed = 0
        made = {name for operands in self.lists for name in operands}
        seen: set[str] = set()
        for i, mv in enumerate(self.mat_vecs):
            if self.skipping and self.reads_buffer[i] and mv.operand not in made | seen:
                seen.add(mv.operand)
                scanned += mv.cols * self.totals.run_steps[i]
                listed += self.totals.streamed[i]
        return scanned, listed

    @cached_property
    def macs(self) -> Macs:
        """Multiply-accumulates of the products over all steps and lanes."""
        totals = self.totals
        rows = [mv.rows for mv in self.mat_vecs]
        cols = [mv.cols if stored else 1 for mv, stored in zip(self.mat_vecs, self.reads_buffer, strict=True)]
        return Macs(
            dense=sum(r * c * runs for r, c, runs in zip(rows, cols, totals.runs, strict=True)),
            issued=sum(r * n for r, n in zip(rows, totals.issued, strict=True)),
            useful=sum(r * n for r, n in zip(rows, totals.nonzero, strict=True)),
        )


def expected_columns(
    trace: Trace, lanes: int, steps: int, skipping: bool, reach: int | None
) -> Mapping[str, tuple[int, ...]]:
    """Columns that each product of any phase, by its name, streams in `LIKELY` steps that stand for all.

    They are evenly spaced quantiles over those of the first `WINDOW` steps in which the product runs, and cached with
    the trace. BadInput if the trace has fewer sequences or steps.
    """
    trace.check(lanes, steps)
    key = ("expected", lanes, steps, skipping, reach if skipping else None)
    found: dict[str, tuple[int, ...]] | None = trace.counted.get(key)
    if found is None:
        found = trace.counted[key] = {}
        for part in trace.phases:
            for mv in part.graph.mat_vecs:
                counted = part.columns(mv, lanes, min(steps, part.steps, WINDOW), reach if skipping else None)
                streamed = counted.listed + counted.padding if skipping else counted.dense
                found[mv.name] = _quantiles(streamed[counted.active > 0])
    return found


def _quantiles(counts: NDArray[np.int64]) -> tuple[int, ...]:
    """`LIKELY` quantiles, each in the middle of its share; zeros if there are no counts."""
    ordered = np.sort(counts).tolist() or [0]
    return tuple(ordered[(2 * k + 1) * len(ordered) // (2 * LIKELY)] for k in range(LIKELY))


def measure(trace: Trace, plan: Plan, steps: int, skipping: bool, reach: int | None = None) -> Work:
    """The work of the first `steps` steps of `trace` on the lanes of `plan`, cached with the trace.

    `reach`: how many columns ahead an offset of the encoder can point; longer runs of zeros need padding. BadInput if
    the trace has fewer sequences or steps.
    """
    return work_of(trace, plan.mat_vecs, plan.lists, plan.lanes, plan.steps_at_once, steps, skipping, reach)


def work_of(
    trace: Trace,
    mat_vecs: tuple[MatVec, ...],
    lists: tuple[tuple[str, ...], ...],
    lanes: int,
    steps_at_once: tuple[int, ...],
    steps: int,
    skipping: bool,
    reach: int | None = None,
) -> Work:
    """The same of products and lists that no plan has been made of yet."""
    trace.check(lanes, steps)
    reach = reach if skipping else None
    key = (tuple(mv.name for mv in mat_vecs), lists, lanes, steps, skipping, reach, steps_at_once)
    found: Work | None = trace.counted.get(key)
    if found is None:
        if len(trace.counted) >= KEPT_WORKS:
            del trace.counted[next(iter(trace.counted))]
        found = trace.counted[key] = Work(trace, mat_vecs, lists, lanes, steps, skipping, reach, steps_at_once)
    return found
