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
    }


def test_stalls_have_their_causes(design: Design, trace: Trace) -> None:
    planned = plan(design, trace.graph, 1)
    timing = run_machine(design, planned, measure(trace, planned, 2, skipping=True), "column")
    # Idle 0-5, 6-10, 11-15, 16-17, 18-20, 21-26, 27-31, 32-33 and 34-37. The one bank is missing while blocks are
    # activated: 11-12, 18-19 and 27-28. The list of step 1 is known at 21, when the PEs fall idle.
    assert timing.stalls == {
        "scratch_bank": 3,
        "state_dependency": 0,
        "fifo_credit": 0,
        "weight_latency": 5 + 4 + 3 + 1 + 5 + 3,
        "weight_bandwidth": 2,
        "drain": 3,
    }
