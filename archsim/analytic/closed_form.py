"""Engine `analytic`: the machine's recurrences without SimPy, and its counts from the totals of the work.

It depends only on plan and work, shares no code with the machine, and equals the `burst` engine in cycles, stalls and
every count (tests/archsim/test_engines.py). The recurrences are in ``recurrence``.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.analytic.positions import (
    ACTIVATED,
    ACTIVATED_BEFORE,
    ARRIVED,
    CAUSES,
    ENCODED,
    FETCHED,
    LISTS,
    TILES,
)
from archsim.design import Design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.mapping.plan import Block, Burst, Plan
from archsim.mapping.work import WINDOW, Window, Work
from archsim.timing import STALLS, Timing

Ints = NDArray[np.int64]


@cache
def _recurrence() -> ModuleType:
    """The compiled recurrences; numba, slow to import, is imported only when they are first needed."""
    from archsim.analytic import recurrence

    return recurrence


def load() -> None:
    """Load the compiled recurrences, which pays for who has many short runs (`is_loaded`)."""
    _recurrence()


def is_loaded() -> bool:
    """Whether the compiled recurrences are in memory: numba takes half a second to load them."""
    return _recurrence.cache_info().currsize > 0


def refusal(design: Design) -> str | None:
    """Why a design has no closed form; None if it has one."""
    if design.dram and design.dram.inputs and design.dram.arbitration == "fcfs":
        return (
            f"design {design.name}: engine analytic cannot do dram.arbitration fcfs: who asks first is not known ahead"
        )
    return None


def run_analytic(design: Design, plan: Plan, work: Work) -> Timing:
    """The timing of a run, equal to that of ``run_machine``. BadInput if the design has no closed form (`refusal`)."""
    refused = refusal(design)
    if refused:
        raise BadInput(refused)
    recurrence, step_ends = _RecurrenceState(design, plan, work), np.zeros(work.steps, np.int64)
    for window in work.windows():
        step_ends[window.first : window.first + WINDOW] = recurrence.advance(window)
    return _timing(design, plan, work, recurrence, step_ends)


def step_cycles(design: Design, plan: Plan, work: Work) -> Ints:
    """Cycles of every step in which a sequence runs, each run on its own, ``(steps,)``.

    This holds for ``fcfs`` too, since the inputs of a step on its own are requested before any weights.
    """
    recurrence = _RecurrenceState(design, plan, work)
    return np.concatenate([recurrence.advance(window, alone=True)[window.tokens > 0] for window in work.windows()])


class _RecurrenceState:
    """A plan as the tables that ``recurrence.advance`` reads, and the times that the last step has left."""

    def __init__(self, design: Design, plan: Plan, work: Work) -> None:
        self.depth = plan.activation_stages
        latency = plan.fetch.latency_cycles if plan.fetch else 0
        cycles = design.sequencer.setup_cycles, design.sequencer.empty_burst_cycles, plan.pe_stages - 1
        bank = design.sequencer.bank_cycles
        self._machine = np.array([plan.banks, *cycles, self.depth, latency, plan.covered, bank], np.int64)
        self._rooms = np.zeros(1 if plan.covered else plan.fifo_words, np.int64)
        self._tables = _tables(plan)
        self._plan, self._work = plan, work
        self.state = np.zeros(LISTS + len(plan.lists), np.int64)
        self.state[[ACTIVATED, ACTIVATED_BEFORE]] = -bank  # banks are free from the beginning
        if plan.fetch:
            self.state[FETCHED] = plan.fetch.cycles[work.inputs_at(plan, 0)]
            self.state[ARRIVED] = self.state[FETCHED] + latency
        self.stalls = np.zeros(CAUSES, np.int64)

    def advance(self, window: Window, alone: bool = False) -> Ints:
        """The cycle at which the last list of each step is known, ``(steps,)``.

        With `alone`, each step is run on its own, and the cycle is that of its last result.
        """
        ends = np.zeros(len(window.tokens), np.int64)
        steps = window.streamed, window.active, self._fetches(window)
        times = self.state, self._rooms, self.stalls, ends
        _recurrence().advance(self._machine, *self._tables, *steps, alone, *times)
        return ends

    def _fetches(self, window: Window) -> Ints:
        """Cycles of the channel for the inputs of each step of a window and of the one after it, ``(steps + 1,)``."""
        fetch, steps = self._plan.fetch, len(window.tokens)
        if fetch is None:
            return np.zeros(steps + 1, np.int64)
        after = self._work.inputs_at(self._plan, window.first + steps)
        cycles: Ints = np.array(fetch.cycles, np.int64)[np.append(window.tokens, after)]
        return cycles

    @property
    def finished(self) -> int:
        return int(max(self.state[ACTIVATED] + self.depth, self.state[ENCODED], self.state[TILES]))

    @property
    def tiles(self) -> int:
        return int(self.state[TILES])


def _tables(plan: Plan) -> tuple[Ints, Ints, Ints, Ints]:
    """The tables `blocks`, `bursts`, `streams` and `waits` of ``recurrence.advance``."""
    blocks: list[tuple[int, ...]] = []
    bursts: list[tuple[int, ...]] = []
    streams: list[int] = []
    waits: list[tuple[int, int]] = []
    shared = plan.fetch is not None and plan.fetch.takes_turns
    for run in plan.runs:
        block, made = run.block, -1 if run.block.list is None else run.block.list
        norms = block.norms.cycles, shared and block.norms.streamed
        times = block.activation_cycles, block.encode_cycles, block.encode_tail
        blocks.append((len(bursts), len(block.bursts), run.count, *norms, *times, made, block.ends_list))
        for b in block.bursts:
            own = len(streams), len(b.streams), len(waits), len(b.waits)
            inputs = b.reads_inputs, shared and b.streamed
            column = b.latency_cycles, *b.pace, b.column_words, b.tile_cycles, b.fifo_words, b.first_words
            groups = b.group, b.idle_cycles
            bursts.append((*own, *inputs, *column, *b.times[:5], *groups, *b.feed, b.feed.even))
            streams += [stream[0] for stream in b.streams]
            waits += [(wait.list, wait.steps_back) for wait in b.waits]
    return _ints(blocks), _ints(bursts), np.array(streams, np.int64), _ints(waits).reshape(-1, 2)


def _ints(rows: Sequence[tuple[int, ...]]) -> Ints:
    return np.array(rows, np.int64)


class _Fed(NamedTuple):
    """The columns of one stream for equal blocks, over all steps."""

    burst: Burst
    columns: int
    issued: int
    """Columns for which a lane is issued MACs, summed over lanes."""
    nonzero: int
    """Non-zero operand elements over all lanes."""
    from_buffer: bool
    """Whether the operand lies in the state buffer."""


class _Grouped(NamedTuple):
    """The groups of columns of one burst of equal blocks, over all steps."""

    burst: Burst
    groups: int
    passes: int
    """Groups, counted once for each lane whose vector passes them."""


class _Ran(NamedTuple):
    """Equal blocks, over all steps."""

    block: Block
    steps: int
    """Steps at which at least one lane runs a block, summed over the blocks."""
    lanes: int
    """Lanes that run a block, summed over blocks and steps."""


def _fed(plan: Plan, work: Work) -> Iterator[_Fed]:
    streamed, issued, nonzero = work.totals.streamed, work.totals.issued, work.totals.nonzero
    for run in plan.runs:
        count = run.count
        for burst in run.block.bursts:
            for i, *_ in burst.streams:
                yield _Fed(burst, count * streamed[i], count * issued[i], count * nonzero[i], work.reads_buffer[i])


def _grouped(plan: Plan, work: Work) -> Iterator[_Grouped]:
    """The groups of a plan whose weights stay in the PEs."""
    for run in plan.runs:
        for burst in run.block.bursts:
            groups, passes = work.groups(burst)
            yield _Grouped(burst, run.count * groups, run.count * passes)


def _ran(plan: Plan, work: Work) -> Iterator[_Ran]:
    for run in plan.runs:
        first = run.block.bursts[0].streams[0][0]
        yield _Ran(run.block, run.count * work.totals.run_steps[first], run.count * work.totals.runs[first])


def _timing(design: Design, plan: Plan, work: Work, recurrence: _RecurrenceState, step_ends: Ints) -> Timing:
    cycles, fed = recurrence.finished, tuple(_fed(plan, work))
    ledger = _counts(design, plan, work, fed)
    issued = ledger.get(catalogue.MAC) + ledger.get(catalogue.MAC_ZERO_OPERAND)
    ledger.add(catalogue.IDLE_PE_CYCLE, design.shape.clocked(work.lane_cycles(step_ends, cycles), cycles) - issued)
    if plan.stationary:
        grouped = tuple(_grouped(plan, work))
        busy = sum(each.groups * (each.burst.tile_cycles - each.burst.idle_cycles) for each in grouped)
        ledger.add(catalogue.SCRATCH_ACCESS, sum(each.passes * each.burst.rows for each in grouped))
    else:
        busy = sum(each.columns * each.burst.tile_cycles for each in fed)
    stalls = dict(zip(STALLS, [*recurrence.stalls.tolist(), cycles - recurrence.tiles], strict=True))
    return Timing(cycles, busy, stalls, step_ends, ledger)


def _counts(design: Design, plan: Plan, work: Work, fed: Sequence[_Fed]) -> Ledger:
    """The counts of a run, which follow from the totals of the work alone, since none depends on timing."""
    ledger, ran = Ledger(), tuple(_ran(plan, work))
    for each in ran:
        for action, per_lane in each.block.results:
            ledger.add(action, per_lane * each.lanes)
    ledger.add(catalogue.BURST, sum(len(each.block.bursts) * each.steps for each in ran))
    ledger.add(catalogue.COLUMN, sum(each.columns for each in fed))
    dram = sum(each.columns * each.burst.column_dram_bits for each in fed)
    sram = sum(each.columns * each.burst.column_sram_words for each in fed)
    ledger.add(catalogue.READ_BITS, dram + sum(each.block.norms.dram_bits * each.steps for each in ran))
    ledger.add(catalogue.SRAM_READ_WORD, sram + sum(each.block.norms.sram_words * each.steps for each in ran))
    ledger.add(catalogue.FIFO_WORD, sum(each.columns * each.burst.column_fifo_words for each in fed))
    issued = sum(each.issued * each.burst.rows for each in fed)
    useful = sum(each.nonzero * each.burst.rows for each in fed)
    ledger.add(catalogue.MAC, useful)
    ledger.add(catalogue.MAC_ZERO_OPERAND, issued - useful)
    if plan.stationary:
        ledger.add(catalogue.WEIGHT_LOAD, sum(each.columns * each.burst.rows for each in fed))
    else:
        ledger.add(catalogue.SCRATCH_ACCESS, issued)
    ledger.add(catalogue.H_READ, sum(each.issued for each in fed if each.from_buffer))
    if design.skip_encoder.enabled:
        ledger.add(
            catalogue.SCAN_COLUMN, sum(each.block.units * each.steps for each in ran if each.block.list is not None)
        )
    ledger.add(catalogue.LIST_COLUMN, work.totals.listed)
    if plan.fetch:
        ledger.add(catalogue.READ_BITS, work.sum_by_lanes(plan.fetch.bits))
    return ledger
