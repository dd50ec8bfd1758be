"""Engine `analytic`: the machine's recurrences without SimPy, vectorised over designs.

Every order in the machine is static, so its timing is a max-plus recurrence over the bursts of the plan. This module
writes that recurrence down on its own, from plan and work alone, and equals the `burst` engine in cycles, stalls and
every count (tests/archsim/test_engines.py). With s, p the cycles of a column on the weight path and on the tiles, L the
latency, F the columns the FIFO holds and n those of the burst::

    S = max(path free, list known, tiles began the burst before) + setup     stream start
    C = max(tiles free, S + s + L, scratch bank free at a block's first burst)     tile start;  n = 0: without s + L
    I = last column issued (``mapping.last_issue_cycle``) -> path free
    E = max(C + n p, I + L + p) -> tiles free;  n = 0: E = C
    activated_b = max(activated, E) + a_b, which frees the bank;  encoded_b = max(encoded, activated_b + depth) + u_b
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.design import Design
from archsim.ledger import Ledger
from archsim.mapping import Plan
from archsim.work import STALLS, Timing, Work

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Table:
    """One burst of the step's static order, as a row of integers per design; absent ones pad shorter plans."""

    columns: Ints  # (T, D)
    present: NDArray[np.bool_]  # (T, D): a block whose products no lane needs at a step is passed over
    opens: NDArray[np.bool_]  # (D,), like all below unless said otherwise
    closes: NDArray[np.bool_]
    encodes: NDArray[np.bool_]
    ends_list: NDArray[np.bool_]  # (K, D)
    waits: NDArray[np.bool_]  # (2, K, D): lists of this step, of the one before
    latency: Ints
    stream: Ints
    tile: Ints
    fifo: Ints
    activation: Ints
    encode: Ints


def run_analytic(jobs: Sequence[tuple[Design, Plan, Work]]) -> list[Timing]:
    """Timings of several (design, plan, work), all of the same number of steps."""
    steps = jobs[0][2].steps
    if any(work.steps != steps for _, _, work in jobs):
        raise ValueError("jobs of one call must have the same number of steps")
    tables = _tables(jobs)
    cycles, stalls, step_ends = _recur(jobs, tables, steps)
    return [
        _timing(design, plan, work, int(cycles[d]), {c: int(stalls[c][d]) for c in STALLS}, step_ends[:, d].copy())
        for d, (design, plan, work) in enumerate(jobs)
    ]


def _tables(jobs: Sequence[tuple[Design, Plan, Work]]) -> list[_Table]:
    flat = [[(block, i) for block in plan.blocks for i in range(len(block.bursts))] for _, plan, _ in jobs]
    lists = max(len(plan.lists) for _, plan, _ in jobs)
    tables = []
    for k in range(max(len(order) for order in flat)):
        slots = [order[k] if k < len(order) else None for order in flat]
        # A padding burst has no columns, opens and closes nothing: only `present` keeps it from touching the tiles.
        filled = [slot or order[-1] for slot, order in zip(slots, flat, strict=True)]
        blocks = [block for block, _ in filled]
        bursts = [block.bursts[i] for block, i in filled]
        works = [work for _, _, work in jobs]
        firsts = [[stream[0] for stream in burst.streams] for burst in bursts]
        ends, waits = np.zeros((lists, len(jobs)), np.bool_), np.zeros((2, lists, len(jobs)), np.bool_)
        for d, (block, burst, (_, i)) in enumerate(zip(blocks, bursts, filled, strict=True)):
            if block.list is not None:
                ends[block.list, d] = block.ends_list and i == len(block.bursts) - 1
            for wait in burst.waits:
                waits[wait.steps_back, wait.list, d] = True
        tables.append(
            _Table(
                columns=np.stack([w.streamed[f].sum(axis=0) for w, f in zip(works, firsts, strict=True)], axis=1),
                present=np.stack(
                    [
                        (w.columns[f[0]].active > 0) & (slot is not None)
                        for w, f, slot in zip(works, firsts, slots, strict=True)
                    ],
                    axis=1,
                ),
                opens=np.array([i == 0 for _, i in filled]),
                closes=np.array([i == len(block.bursts) - 1 for block, i in filled]),
                encodes=np.array([block.list is not None for block in blocks]),
                ends_list=ends,
                waits=waits,
                latency=np.array([b.latency_cycles for b in bursts]),
                stream=np.array([b.stream_cycles for b in bursts]),
                tile=np.array([b.tile_cycles for b in bursts]),
                fifo=np.array([b.fifo_columns for b in bursts]),
                activation=np.array([b.activation_cycles for b in blocks]),
                encode=np.array([b.encode_cycles for b in blocks]),
            )
        )
    return tables


def _recur(
    jobs: Sequence[tuple[Design, Plan, Work]], tables: list[_Table], steps: int
) -> tuple[Ints, dict[str, Ints], Ints]:
    zero = np.zeros(len(jobs), np.int64)
    double = np.array([plan.banks == 2 for _, plan, _ in jobs])
    setup = np.array([design.sequencer.setup_cycles for design, _, _ in jobs])
    depth = np.array([design.activation_unit.depth_cycles for design, _, _ in jobs])
    path = began = tiles = activated = activated_before = encoded = finished = zero
    known = np.zeros((2, max(len(plan.lists) for _, plan, _ in jobs), len(jobs)), np.int64)
    stalls = dict.fromkeys(STALLS, zero)
    step_ends = np.zeros((steps, len(jobs)), np.int64)
    for t in range(steps):
        known[1] = known[0]
        for b in tables:
            n, present = b.columns[t], b.present[t]
            some = n > 0
            path_free = np.maximum(path, began)
            listed = np.where(b.waits, known, 0).max(axis=(0, 1))
            start = np.maximum(path_free, listed) + setup
            ready = start + np.where(some, b.stream + b.latency, 0)
            bank_free = np.where(double, activated_before, activated)
            begin = np.maximum(np.maximum(tiles, ready), np.where(b.opens, bank_free, 0))
            last = _last_issue(b, n, start, begin)
            end = np.where(some, np.maximum(begin + n * b.tile, last + b.latency + b.tile), begin)
            for_bank = np.where(b.opens, np.maximum(0, bank_free - tiles), 0)
            for_list = np.maximum(0, np.minimum(listed, begin) - tiles - for_bank)
            starved = np.where(some, end - begin - n * b.tile, 0)
            for_credit = np.where(some, np.minimum(starved, last - start - n * b.stream), 0)
            for cause, cycles in (
                ("scratch_bank", for_bank),
                ("state_dependency", for_list),
                ("fifo_credit", for_credit),
                ("weight_latency", begin - tiles - for_bank - for_list),
                ("weight_bandwidth", starved - for_credit),
            ):
                stalls[cause] = stalls[cause] + np.where(present, cycles, 0)
            path = np.where(present, np.where(some, np.maximum(last, begin), begin), path)
            began = np.where(present, begin, began)
            tiles = np.where(present, end, tiles)
            closes = present & b.closes
            activation_end = np.maximum(activated, end) + b.activation
            activated_before = np.where(closes, activated, activated_before)
            activated = np.where(closes, activation_end, activated)
            encoded = np.where(closes & b.encodes, np.maximum(encoded, activated + depth) + b.encode, encoded)
            known[0] = np.where(b.ends_list & present, encoded, known[0])
            finished = np.maximum(finished, np.maximum(activated + depth, encoded))
        step_ends[t] = known[0].max(axis=0)
    stalls["drain"] = finished - tiles
    return finished, stalls, step_ends


def _last_issue(b: _Table, n: Ints, start: Ints, begin: Ints) -> Ints:
    """``mapping.last_issue_cycle`` for every design at once."""
    pace = np.maximum(b.stream, b.tile)
    trip = b.stream + b.latency + b.tile
    trips = np.where(b.fifo * pace >= trip, 1, np.maximum(1, (n - 1) // b.fifo))
    held = begin + b.tile + (trips - 1) * trip + (n - 1 - trips * b.fifo) * pace + b.stream
    last: Ints = np.where(n > b.fifo, np.maximum(start + n * b.stream, held), start + n * b.stream)
    return last


def _timing(design: Design, plan: Plan, work: Work, cycles: int, stalls: dict[str, int], step_ends: Ints) -> Timing:
    """Counts follow from the totals of the work; nothing of them depends on when things happened."""
    ledger = Ledger()
    streamed = work.streamed.sum(axis=1)
    lane_columns = [int((s * c.active).sum()) for s, c in zip(work.streamed, work.columns, strict=True)]
    skipping = design.skip_encoder.enabled
    busy = 0
    for block in plan.blocks:
        for burst, first in ((b, stream[0]) for b in block.bursts for stream in b.streams):
            columns = int(streamed[first])
            busy += columns * burst.tile_cycles
            ledger.add("sequencer", "column", columns)
            ledger.add("dram", "read_bits", columns * burst.column_dram_bits)
            ledger.add("weight_memory", "sram_read_word", columns * burst.column_sram_words)
            ledger.add("weight_memory", "fifo_word", columns * burst.column_words)
            issued = burst.rows * lane_columns[first]
            useful = burst.rows * int(work.columns[first].nonzero.sum())
            ledger.add("pe_array", "mac", useful)
            ledger.add("pe_array", "mac_zero_operand", issued - useful)
            ledger.add("pe_array", "scratch_access", issued)
            if work.reads_buffer[first]:
                ledger.add("state_buffer", "h_read", lane_columns[first])
        runs = work.columns[block.bursts[0].streams[0][0]].active
        ledger.add("sequencer", "burst", len(block.bursts) * int((runs > 0).sum()))
        for component, action, per_lane in block.results:
            ledger.add(component, action, per_lane * int(runs.sum()))
        if block.list is not None and skipping:
            ledger.add("skip_encoder", "scan_column", block.units * int((runs > 0).sum()))
    ledger.add("skip_encoder", "list_column", int(work.listed.sum()))
    issued = ledger.get("pe_array", "mac") + ledger.get("pe_array", "mac_zero_operand")
    ledger.add("pe_array", "idle_pe_cycle", design.pe_array.pes * cycles - issued)
    return Timing(cycles, busy, stalls, step_ends, ledger)
