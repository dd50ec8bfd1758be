"""The `column` machine on a case worked out on paper.

Two units, one lane, four PEs with one accumulator: two blocks of four rows. A column of a block is 32 bits, the channel
brings 16 a cycle: s = 2, p = 1, latency L = 3, three columns fit the FIFO. Activation takes 1 cycle and is 1 deep,
encoding takes 1. Step 0 meets one input column and one non-zero state (unit 0), step 1 the same (unit 1).

    block 0, input:  issued 0-2, arrives 5, consumed 5-6
    block 0, state:  its turn at 5 (input being consumed), issued 5-7, arrives 10, consumed 10-11
                     activated 11-12, encoded 13-14
    block 1, both:   its turn at 10, issued 10-12 and 12-14, arrive 15 and 17, consumed 15-16 and 17-18
                     activated 18-19, encoded 20-21: the list of step 1 is known at 21
    step 1, block 0, input:  its turn at 15, issued 15-17, arrives 20, consumed 20-21
            block 0, state:  the list is known at 21, issued 21-23, arrives 26, consumed 26-27, activated 27-28
            block 1, both:   its turn at 26, issued 26-28 and 28-30, arrive 31 and 33, consumed 31-32 and 33-34
                             activated 34-35, encoded 36-37: the end
"""

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.machine import run_machine
from archsim.mapping import plan
from archsim.synthetic import synthesize
from archsim.trace import Trace, pack_mask
from archsim.work import measure


@pytest.fixture
def design() -> Design:
    return load_design("skip-65nm").override(
        {
            "clock_mhz": 1000,
            "lanes": 1,
            "dram.bandwidth_gbps": 16.0,
            "dram.latency_ns": 3,
            "weight_memory.weights_per_cycle": 4,
            "weight_memory.fifo_words": 3,
            "pe_array.tiles": 1,
            "pe_array.pes_per_tile": 4,
            "pe_array.accumulators": 1,
            "skip_encoder.columns_per_cycle": 1,
            "activation_unit.units_per_cycle": 1,
            "activation_unit.depth_cycles": 1,
        }
    )


@pytest.fixture
def trace() -> Trace:
    drawn = synthesize(2, 1, 0.0, sequences=1, steps=2)
    mask = np.array([[[1, 0]], [[0, 1]], [[0, 0]]], bool)  # before step 0, after step 0, after step 1
    return Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths)


def test_log_of_events_is_the_one_on_paper(design: Design, trace: Trace) -> None:
    log: list[tuple[int, str, str, int, int, int]] = []
    planned = plan(design, trace.graph, 1)
    work = measure(trace, planned, 2, skipping=True)
    timing = run_machine(design, planned, work, "column", log=lambda *event: log.append(event))

    def of(component: str, event: str) -> list[tuple[int, int, int, int]]:
        return [
            (cycle, step, block, column) for cycle, c, e, step, block, column in log if (c, e) == (component, event)
        ]

    assert of("weight_stream", "column") == [
        (0, 0, 0, 0), (5, 0, 0, 0), (10, 0, 1, 0), (12, 0, 1, 1),
        (15, 1, 0, 0), (21, 1, 0, 0), (26, 1, 1, 0), (28, 1, 1, 1),
    ]  # fmt: skip
    assert of("pe_array", "column") == [
        (5, 0, 0, 0), (10, 0, 0, 0), (15, 0, 1, 0), (17, 0, 1, 1),
        (20, 1, 0, 0), (26, 1, 0, 0), (31, 1, 1, 0), (33, 1, 1, 1),
    ]  # fmt: skip
    assert of("pe_array", "end") == [(11, 0, 0, -1), (18, 0, 1, -1), (27, 1, 0, -1), (34, 1, 1, -1)]
    assert of("activation_unit", "activate") == [(11, 0, 0, -1), (18, 0, 1, -1), (27, 1, 0, -1), (34, 1, 1, -1)]
    assert of("skip_encoder", "encode") == [(13, 0, 0, -1), (20, 0, 1, -1), (29, 1, 0, -1), (36, 1, 1, -1)]
    assert timing.step_ends.tolist() == [21, 37]
    assert timing.cycles == 37
    assert timing.busy_cycles == 8


def test_counts_are_the_ones_on_paper(design: Design, trace: Trace) -> None:
    planned = plan(design, trace.graph, 1)
    timing = run_machine(design, planned, measure(trace, planned, 2, skipping=True), "column")
    assert timing.ledger.counts == {
        "dram": {"read_bits": 8 * 32},  # 2 steps x 2 blocks x 2 columns of 32 bits
        "weight_memory": {"fifo_word": 8},
        "pe_array": {"mac": 32, "scratch_access": 32, "idle_pe_cycle": 4 * 37 - 32},
        "state_buffer": {"h_read": 4, "h_write": 4, "c_read": 4, "c_write": 4},
        "activation_unit": {"curve": 20, "multiply": 12, "add": 4},
        "skip_encoder": {"scan_column": 4, "list_column": 1},
        "sequencer": {"burst": 2 * 3, "column": 8},  # block 0: input, then state; block 1: both together
    }


def test_stalls_have_their_causes(design: Design, trace: Trace) -> None:
    planned = plan(design, trace.graph, 1)
    timing = run_machine(design, planned, measure(trace, planned, 2, skipping=True), "column")
    # Idle 0-5, 6-10, 11-15, 16-17, 18-20, 21-26, 27-31, 32-33 and 34-37. The one bank is missing while blocks are
    # activated: 11-12, 18-19 and 27-28. The list of step 1 is known at 21, when the PEs fall idle.
    assert timing.stalls == {
        "scratch_bank": 3,
        "state_dependency": 0,
        "input_fetch": 0,
        "fifo_credit": 0,
        "weight_latency": 5 + 4 + 3 + 1 + 5 + 3,
        "weight_bandwidth": 2,
        "drain": 3,
    }


@pytest.fixture
def resident(design: Design) -> Design:
    return design.override(
        {
            "weight_memory.capacity_kib": 1,
            "pe_array.tiles": 2,
            "pe_array.pes_per_tile": 2,
            "skip_encoder.enabled": False,
        }
    )


def test_log_of_the_resident_dense_machine(resident: Design, trace: Trace) -> None:
    """The same layer with its weights in SRAM, nothing skipped, and the four PEs in two tiles.

    A column is one bus word: s = 1, L = 1, p = 1. Both columns of h are streamed. Nothing is encoded, but the list of a
    step is known when its last unit has left the activation unit.

    block 0, input:  issued 0-1, arrives 2, consumed 2-3
             state:  its turn at 2 (input being consumed), issued 2-3 and 3-4, arrive 4 and 5, consumed 4-5 and 5-6
                     activated 6-7
    block 1, all 3:  its turn at 4; one place in the FIFO is free, others at 5 and 6: issued 4-5, 5-6, 6-7, arrive
                     6, 7, 8; the one bank is free at 7: consumed 7-8, 8-9, 9-10, activated 10-11, h known at 12
    step 1, block 0, input:  its turn at 7, a place is free at 8, issued 8-9, arrives 10, the bank is free at 11:
                             consumed 11-12
            state:   its turn at 11, h is known at 12, issued 12-13 and 13-14, consumed 14-15 and 15-16, activated 16-17
            block 1: its turn at 14, issued 14-15, 15-16, 16-17; the bank is free at 17: consumed 17-18, 18-19, 19-20
                     activated 20-21, known at 22: the end
    """
    log: list[tuple[int, str, str, int, int, int]] = []
    planned = plan(resident, trace.graph, 1)
    assert planned.resident
    work = measure(trace, planned, 2, skipping=False)
    timing = run_machine(resident, planned, work, "column", log=lambda *event: log.append(event))

    def times(component: str, event: str) -> list[tuple[int, int, int]]:
        return [(cycle, step, block) for cycle, c, e, step, block, _ in log if (c, e) == (component, event)]

    assert times("weight_stream", "column") == [
        (0, 0, 0), (2, 0, 0), (3, 0, 0), (4, 0, 1), (5, 0, 1), (6, 0, 1),
        (8, 1, 0), (12, 1, 0), (13, 1, 0), (14, 1, 1), (15, 1, 1), (16, 1, 1),
    ]  # fmt: skip
    assert times("pe_array", "column") == [
        (2, 0, 0), (4, 0, 0), (5, 0, 0), (7, 0, 1), (8, 0, 1), (9, 0, 1),
        (11, 1, 0), (14, 1, 0), (15, 1, 0), (17, 1, 1), (18, 1, 1), (19, 1, 1),
    ]  # fmt: skip
    assert times("activation_unit", "activate") == [(6, 0, 0), (10, 0, 1), (16, 1, 0), (20, 1, 1)]
    assert times("activation_unit", "end") == [(7, 0, 0), (11, 0, 1), (17, 1, 0), (21, 1, 1)]
    assert timing.step_ends.tolist() == [12, 22]
    assert timing.ledger.counts == {
        "weight_memory": {"sram_read_word": 12, "fifo_word": 12},
        # a step's block has three columns of four rows, one of which meets a zero state
        "pe_array": {"mac": 2 * 2 * 2 * 4, "mac_zero_operand": 2 * 2 * 4, "scratch_access": 48,
                     "idle_pe_cycle": 4 * 22 - 48},
        "state_buffer": {"h_read": 8, "h_write": 4, "c_read": 4, "c_write": 4},
        "activation_unit": {"curve": 20, "multiply": 12, "add": 4},
        "sequencer": {"burst": 2 * 3, "column": 12},
    }  # fmt: skip
