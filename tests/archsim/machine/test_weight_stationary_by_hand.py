"""A weight-stationary machine worked out on paper, event by event, in all engines.

Two tiles of eight PEs hold two columns of eight rows, a weight each; two lanes. Three units make a block of two units
(eight rows, two words a column) and one of a unit (four rows, a word). A word of four weights takes the channel two
cycles (s = 2). It arrives three cycles later and is a cycle on its way into a register (L = 4). The FIFO holds eight
words. Two vectors pass a group; block 0 loads a group of four words, so that its beat has four cycles, of which no
vector passes in two; a beat of block 1 has two. Sums pass the second tile a cycle later, and are activated one a cycle,
two deep. Nothing is skipped; x is one column, and h three. Scales and biases are left out.

    block 0, x:      words issued 0-4, the group is there at 8, vectors pass 8-10, the beat ends at 12
             h:      its turn at 8, groups issued 8-16 and 16-20, there at 20 and 24, vectors pass 20-22 and 24-26
                     sums at 27, activated 27-31, the beat ends at 28
    block 1, x 0|12: its turn at 20, groups (x and h0, then h1 and h2) issued 20-24 and 24-28, there at 28 and 32
                     the one bank is free at 31: vectors pass 31-33 and 33-35
                     sums at 36, activated 36-38, h known at 40
    step 1, block 0, x:  its turn at 31, issued 31-35, there at 39, the bank is free at 38: vectors pass 39-41
                     h:  h is known at 40, issued 40-48 and 48-52, there at 52 and 56, vectors pass 52-54 and 56-58
                         sums at 59, activated 59-63, the beat ends at 60
            block 1:     its turn at 52, issued 52-56 and 56-60, there at 60 and 64, the bank is free at 63
                         vectors pass 63-65 and 65-67, sums at 68, activated 68-70, h known at 72: the end
"""

from typing import Any

import numpy as np
import pytest

from archsim.analysis.stalls import component_stalls
from archsim.analytic.closed_form import run_analytic
from archsim.design import Design, load_design
from archsim.machine.steps import run_machine
from archsim.mapping import planner
from archsim.mapping.plan import Norms
from archsim.simulation import Job, PreparedPhase, prepare
from archsim.timing import Timing
from archsim.trace.columns import pack_mask
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

VALUES: dict[str, Any] = {
    "dataflow": "weight-stationary",
    "clock_mhz": 20,
    "lanes": 2,
    "dram.bandwidth_gbps": 0.32,
    "dram.latency_ns": 150,
    "weight_memory.weights_per_cycle": 4,
    "weight_memory.fifo_words": 8,
    "pe_array.tiles": 2,
    "pe_array.pes_per_tile": 8,
    "pe_array.accumulators": 2,
    "skip_encoder.enabled": False,
    "activation_unit.units_per_cycle": 1,
    "activation_unit.depth_cycles": 2,
}


@pytest.fixture
def design() -> Design:
    return load_design("skip-65nm").override(VALUES)


@pytest.fixture
def trace() -> Trace:
    drawn = synthesize(3, 1, 0.0, sequences=2, steps=2)
    mask = np.array([[[1, 0, 1], [0, 0, 1]], [[0, 1, 0], [1, 1, 1]], [[0, 0, 0], [0, 0, 0]]], bool)
    return Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths)


@pytest.fixture
def phase(design: Design, trace: Trace, monkeypatch: pytest.MonkeyPatch) -> PreparedPhase:
    monkeypatch.setattr(planner, "norms_of", lambda *_: Norms(0, 0, 0))
    return prepare(Job(design, trace)).only


def in_pes(step: int, block: int, waits: int, *beats: tuple[int, ...], done: int, closes: bool) -> list[Any]:
    """The events of a burst in the PEs: `waits` is before its first group; beats as (begun, loads on, waits again).

    A beat in which vectors pass to its end does not load on.
    """
    events = [(waits, "wait_column"), (beats[0][0], "start")]
    for begun, *loads, ends in beats:
        events += [(begun, "column"), *((at, "load") for at in loads), (ends, "wait_column")]
    events[-1:] = [(done, "done"), (done, "end")][: 1 + closes]
    return [(cycle, event, step, block) for cycle, event in events]


def served(event: str, *blocks: tuple[int, int]) -> list[Any]:
    places = [(i // 2, i % 2) for i in range(len(blocks))]
    return [(at, name, *place) for place, times in zip(places, blocks, strict=True)
            for at, name in zip(times, (event, "end"), strict=True)]  # fmt: skip


def test_every_event_is_the_one_on_paper(phase: PreparedPhase) -> None:
    logged: dict[str, list[Any]] = {}
    timing = run_machine(
        *phase.triple,
        "column",
        log=lambda cycle, component, event, step, block, column: logged.setdefault(component, []).append(
            (cycle, event, step, block)
        ),
    )
    assert logged["pe_array"] == [
        *in_pes(0, 0, 0, (8, 10, 12), done=12, closes=False),
        *in_pes(0, 0, 12, (20, 22, 24), (24, 26, 28), done=28, closes=True),
        *in_pes(0, 1, 28, (31, 33), (33, 35), done=35, closes=True),
        *in_pes(1, 0, 35, (39, 41, 43), done=43, closes=False),
        *in_pes(1, 0, 43, (52, 54, 56), (56, 58, 60), done=60, closes=True),
        *in_pes(1, 1, 60, (63, 65), (65, 67), done=67, closes=True),
    ]
    path = [(at, event) for at, event, *_ in logged["weight_stream"] if event in ("turn", "end")]
    assert path == [
        (0, "turn"), (4, "end"), (8, "turn"), (20, "end"), (20, "turn"), (28, "end"),
        (31, "turn"), (35, "end"), (39, "turn"), (52, "end"), (52, "turn"), (60, "end"),
    ]  # fmt: skip
    issued = [at for at, event, *_ in logged["weight_stream"] if event == "column"]
    assert issued == [0, 8, 12, 16, 20, 22, 24, 26, 31, 40, 44, 48, 52, 54, 56, 58]
    assert logged["activation_unit"] == served("activate", (27, 31), (36, 38), (59, 63), (68, 70))
    assert logged["skip_encoder"][-1] == (72, "end", 1, 1)
    assert timing.step_ends.tolist() == [40, 72]


@pytest.mark.parametrize("engine", ["column", "burst"])
def test_the_log_tells_the_same_stalls(phase: PreparedPhase, engine: Any) -> None:
    events: list[Any] = []
    timing = run_machine(*phase.triple, engine, log=lambda *event: events.append(event))
    found = component_stalls(events, timing.cycles, banks=1)["pe_array"]
    assert (found.busy_cycles, found.stalls) == (timing.busy_cycles, timing.stalls)


@pytest.mark.parametrize("engine", ["column", "burst", "analytic"])
def test_cycles_stalls_and_counts_are_those_on_paper(phase: PreparedPhase, engine: Any) -> None:
    timing: Timing = run_analytic(*phase.triple) if engine == "analytic" else run_machine(*phase.triple, engine)
    assert timing.cycles == 72
    assert timing.busy_cycles == 20  # ten groups, two vectors each
    assert timing.stalls == {
        "scratch_bank": 3 + 3 + 3, "state_dependency": 0, "input_fetch": 0, "fifo_credit": 0,
        "weight_latency": 8 + 8 + 1 + 9,
        "weight_bandwidth": 2 * 6,  # six beats of block 0, in which the next group takes two cycles longer
        "drain": 5,
    }  # fmt: skip
    assert timing.ledger.counts == {
        "dram": {"read_bits": 2 * (4 * 64 + 4 * 32)},
        "weight_memory": {"fifo_word": 2 * (4 * 2 + 4)},
        # twelve rows; of x two elements a step, and of h three and four that are not zero
        "pe_array": {"mac": 12 * (2 + 3 + 2 + 4), "mac_zero_operand": 12 * (3 + 2), "weight_load": 2 * 12 * 4,
                     # a sum is added once for each group and lane, not once for each column
                     "scratch_access": 2 * 2 * (8 * 3 + 4 * 2), "idle_pe_cycle": 16 * 72 - 12 * 16},
        "state_buffer": {"h_read": 2 * 2 * 3 * 2, "h_write": 12, "c_read": 12, "c_write": 12},
        "activation_unit": {"sum_read": 48, "norm_access": 48, "curve": 60, "multiply": 36, "add": 12},
        "sequencer": {"burst": 2 * 3, "column": 2 * 8},
    }  # fmt: skip
