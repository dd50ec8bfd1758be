"""Engine `column` on cases worked out on paper: streamed, resident, skipping, dense, cut through, with inputs over the
channel.

Two units, one lane and four PEs with one accumulator make two blocks of four rows. A column of a block has 32 bits, and
the channel carries 16 a cycle: s = 2, p = 1, latency L = 3, and three columns fit the FIFO. Activation takes 1 cycle
and is 1 deep, encoding takes 1. Steps 0 and 1 have one input column and one non-zero state each (unit 0, then unit 1).

    block 0, input:  issued 0-2, arrives 5, consumed 5-6
    block 0, state:  its turn at 5 (input being consumed), issued 5-7, arrives 10, consumed 10-11
                     activated 11-12, encoded 13-14
    block 1, both:   its turn at 10, issued 10-12 and 12-14, arrive 15 and 17, consumed 15-16 and 17-18
                     activated 18-19, encoded 20-21: the list of step 1 is known at 21
    step 1, block 0, input:  its turn at 15, issued 15-17, arrives 20, consumed 20-21
            block 0, state:  the list is known at 21, issued 21-23, arrives 26, consumed 26-27, activated 27-28
            block 1, both:   its turn at 26, issued 26-28 and 28-30, arrive 31 and 33, consumed 31-32 and 33-34
                             activated 34-35, encoded 36-37: the end

Row scales and biases are left out, except in the case that has them in its name.
"""

import numpy as np
import pytest

from archsim import catalogue
from archsim.design import Design, load_design
from archsim.machine.steps import run_machine
from archsim.mapping import planner
from archsim.mapping.plan import Norms
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.simulation import simulate
from archsim.trace.columns import pack_mask
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.event_log import LoggedEvents, path, tiles, together, whole_log


@pytest.fixture(autouse=True)
def norms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out row scales and biases, so that columns stand alone, except in tests marked ``norms``."""
    if request.node.get_closest_marker("norms") is None:
        monkeypatch.setattr(planner, "norms_of", lambda *_: Norms(0, 0, 0))


@pytest.fixture
def design() -> Design:
    return load_design("skip-65nm").override(
        {
            "clock_mhz": 10,  # so slow that no unit needs a second pipeline stage
            "lanes": 1,
            "dram.bandwidth_gbps": 0.16,
            "dram.latency_ns": 300,
            "weight_memory.weights_per_cycle": 4,
            "weight_memory.latency_cycles": 1,
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


def served(component: str, event: str, *blocks: tuple[int, int]) -> LoggedEvents:
    """The events of a unit that takes two blocks a step one by one, with blocks as (begun, ended)."""
    places = [(i // 2, i % 2) for i in range(len(blocks))]
    return {component: [(cycle, name, *place) for place, block in zip(places, blocks, strict=True)
                        for cycle, name in zip(block, (event, "end"), strict=True)]}  # fmt: skip


def test_streamed_and_skipping(design: Design, trace: Trace) -> None:
    """The machine of the module's docstring."""
    logged, timing = whole_log(design, trace)
    assert logged == together(
        path(0, 0, 0, 0, (0, 0), end=2),
        path(0, 0, 5, 5, (5, 5), end=7),
        path(0, 1, 10, 10, (10, 10), (12, 12), end=14),
        path(1, 0, 15, 15, (15, 15), end=17),
        path(1, 0, 20, 21, (21, 21), end=23),
        path(1, 1, 26, 26, (26, 26), (28, 28), end=30),
        tiles(0, 0, (0, 5), done=6),
        tiles(0, 0, (6, 10), done=11, closes=True),
        tiles(0, 1, (11, 15), (16, 17), done=18, closes=True),
        tiles(1, 0, (18, 20), done=21),
        tiles(1, 0, (21, 26), done=27, closes=True),
        tiles(1, 1, (27, 31), (32, 33), done=34, closes=True),
        served("activation_unit", "activate", (11, 12), (18, 19), (27, 28), (34, 35)),
        served("skip_encoder", "encode", (13, 14), (20, 21), (29, 30), (36, 37)),
    )
    assert timing.step_ends.tolist() == [21, 37]
    assert timing.cycles == 37
    assert timing.busy_cycles == 8


@pytest.mark.norms
def test_norms_and_biases_come_before_a_blocks_first_column(design: Design, trace: Trace) -> None:
    """A block is a unit of four rows with four biases of 16 bits, which occupy the channel for four cycles.

    block 0, input:  biases 0-4, issued 4-6, arrives 9, consumed 9-10
             state:  its turn at 9, issued 9-11, arrives 14, consumed 14-15, activated 15-16, encoded 17-18
    block 1, both:   its turn at 14, biases 14-18, issued 18-20 and 20-22, arrive 23 and 25, consumed 23-24 and 25-26
                     activated 26-27, encoded 28-29: the list of step 1 is known at 29
    step 1, block 0, input:  its turn at 23, biases 23-27, issued 27-29, arrives 32, consumed 32-33
            state:   its turn at 32, issued 32-34, arrives 37, consumed 37-38, activated 38-39, encoded 40-41
            block 1, both:   its turn at 37, biases 37-41, issued 41-43 and 43-45, arrive 46 and 48, consumed 46-47 and
                             48-49, activated 49-50, encoded 51-52: the end
    """
    logged, timing = whole_log(design, trace)
    assert (
        logged["weight_stream"]
        == together(
            path(0, 0, 0, 0, (4, 4), end=6, norms=4),
            path(0, 0, 9, 9, (9, 9), end=11),
            path(0, 1, 14, 14, (18, 18), (20, 20), end=22, norms=4),
            path(1, 0, 23, 23, (27, 27), end=29, norms=4),
            path(1, 0, 32, 32, (32, 32), end=34),
            path(1, 1, 37, 37, (41, 41), (43, 43), end=45, norms=4),
        )["weight_stream"]
    )
    assert timing.step_ends.tolist() == [29, 52]
    # Idle 0-9, 10-14, 15-23, 24-25, 26-32, 33-37, 38-46, 47-48 and 49-52; the bank is missing 15-16, 26-27 and 38-39.
    assert timing.stalls == {
        "scratch_bank": 3, "state_dependency": 0, "input_fetch": 0, "fifo_credit": 0,
        "weight_latency": 9 + 4 + 7 + 5 + 4 + 7, "weight_bandwidth": 2, "drain": 3,
    }  # fmt: skip
    assert timing.ledger.get(catalogue.READ_BITS) == 8 * 32 + 4 * 64
    # In SRAM they are two bus words of 32 bits, a cycle each, and pass by the FIFO.
    _, resident = whole_log(design.override({"weight_memory.capacity_kib": 1}), trace)
    assert resident.ledger.get(catalogue.SRAM_READ_WORD) == 8 + 4 * 2
    assert resident.ledger.get(catalogue.FIFO_WORD) == 8
    assert resident.ledger.get(catalogue.READ_BITS) == 0


def test_counts_are_the_ones_on_paper(design: Design, trace: Trace) -> None:
    planned = plan(design, trace.graph, 1)
    timing = run_machine(design, planned, measure(trace, planned, 2, skipping=True), "column")
    assert timing.ledger.counts == {
        "dram": {"read_bits": 8 * 32},  # 2 steps x 2 blocks x 2 columns of 32 bits
        "weight_memory": {"fifo_word": 8},
        "pe_array": {"mac": 32, "scratch_access": 32, "idle_pe_cycle": 4 * 37 - 32},
        "state_buffer": {"h_read": 4, "h_write": 4, "c_read": 4, "c_write": 4},
        "activation_unit": {"sum_read": 16, "norm_access": 16, "curve": 20, "multiply": 12, "add": 4},
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


def test_resident_and_dense(resident: Design, trace: Trace) -> None:
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
    logged, timing = whole_log(resident, trace)
    assert logged == together(
        path(0, 0, 0, 0, (0, 0), end=1),
        path(0, 0, 2, 2, (2, 2), (3, 3), end=4),
        path(0, 1, 4, 4, (4, 4), (5, 5), (6, 6), end=7),
        path(1, 0, 7, 7, (7, 8), end=9),
        path(1, 0, 11, 12, (12, 12), (13, 13), end=14),
        path(1, 1, 14, 14, (14, 14), (15, 15), (16, 16), end=17),
        tiles(0, 0, (0, 2), done=3),
        tiles(0, 0, (3, 4), (5, 5), done=6, closes=True),
        tiles(0, 1, (6, 7), (8, 8), (9, 9), done=10, closes=True),
        tiles(1, 0, (10, 11), done=12),
        tiles(1, 0, (12, 14), (15, 15), done=16, closes=True),
        tiles(1, 1, (16, 17), (18, 18), (19, 19), done=20, closes=True),
        served("activation_unit", "activate", (6, 7), (10, 11), (16, 17), (20, 21)),
        served("skip_encoder", "encode", (8, 8), (12, 12), (18, 18), (22, 22)),
    )
    assert timing.step_ends.tolist() == [12, 22]
    assert timing.ledger.counts == {
        "weight_memory": {"sram_read_word": 12, "fifo_word": 12},
        # a step's block has three columns of four rows, one of which meets a zero state
        "pe_array": {"mac": 2 * 2 * 2 * 4, "mac_zero_operand": 2 * 2 * 4, "scratch_access": 48,
                     "idle_pe_cycle": 4 * 22 - 48},
        "state_buffer": {"h_read": 8, "h_write": 4, "c_read": 4, "c_write": 4},
        "activation_unit": {"sum_read": 16, "norm_access": 16, "curve": 20, "multiply": 12, "add": 4},
        "sequencer": {"burst": 2 * 3, "column": 12},
    }  # fmt: skip


def test_streamed_and_dense(design: Design, trace: Trace) -> None:
    """The machine of the module's docstring without skipping: s = 2, L = 3, p = 1, three columns fit, one scratch bank.

    Both columns of h are streamed, and the list of a step is known when its last unit has left the activation unit.

    block 0, input:  issued 0-2, arrives 5, consumed 5-6
             state:  its turn at 5, issued 5-7 and 7-9, arrive 10 and 12, consumed 10-11 and 12-13, activated 13-14
    block 1, all 3:  its turn at 10, issued 10-12, 12-14 and 14-16, each into the place of a column consumed before;
                     arrive 15, 17 and 19, consumed 15-16, 17-18 and 19-20, activated 20-21: h is known at 22
    step 1, block 0, input:  path free at 16, issued 16-18, arrives 21, the bank is free at 21: consumed 21-22
             state:  its turn at 21, h is known at 22: issued 22-24, 24-26, arrive 27, 29, consumed 27-28, 29-30
                     activated 30-31
    block 1, all 3:  its turn at 27, issued 27-29, 29-31, 31-33, arrive 32, 34, 36, consumed 32-33, 34-35, 36-37
                     activated 37-38, h is known at 39: the end
    """
    logged, timing = whole_log(design.override({"skip_encoder.enabled": False}), trace)
    assert logged == together(
        path(0, 0, 0, 0, (0, 0), end=2),
        path(0, 0, 5, 5, (5, 5), (7, 7), end=9),
        path(0, 1, 10, 10, (10, 10), (12, 12), (14, 14), end=16),
        path(1, 0, 16, 16, (16, 16), end=18),
        path(1, 0, 21, 22, (22, 22), (24, 24), end=26),
        path(1, 1, 27, 27, (27, 27), (29, 29), (31, 31), end=33),
        tiles(0, 0, (0, 5), done=6),
        tiles(0, 0, (6, 10), (11, 12), done=13, closes=True),
        tiles(0, 1, (13, 15), (16, 17), (18, 19), done=20, closes=True),
        tiles(1, 0, (20, 21), done=22),
        tiles(1, 0, (22, 27), (28, 29), done=30, closes=True),
        tiles(1, 1, (30, 32), (33, 34), (35, 36), done=37, closes=True),
        served("activation_unit", "activate", (13, 14), (20, 21), (30, 31), (37, 38)),
        served("skip_encoder", "encode", (15, 15), (22, 22), (32, 32), (39, 39)),
    )
    assert timing.step_ends.tolist() == [22, 39]
    # Idle 0-5, 6-10, 11-12, 13-15, 16-17, 18-19, 20-21, 22-27, 28-29, 30-32, 33-34, 35-36 and 37-39. The bank is
    # missing 13-14, 20-21 and 30-31.
    assert timing.stalls == {
        "scratch_bank": 3, "state_dependency": 0, "input_fetch": 0, "fifo_credit": 0,
        "weight_latency": 5 + 4 + 1 + 5 + 1, "weight_bandwidth": 1 + 2 + 1 + 2, "drain": 2,
    }  # fmt: skip
    assert timing.ledger.get(catalogue.READ_BITS) == 12 * 32


def test_resident_and_skipping(design: Design, trace: Trace) -> None:
    """The same layer with its weights in SRAM: s = 1, L = 1, p = 1. One column of h is listed at either step.

    block 0, input:  issued 0-1, arrives 2, consumed 2-3
             state:  its turn at 2, issued 2-3, arrives 4, consumed 4-5, activated 5-6, encoded 7-8
    block 1, both:   its turn at 4, issued 4-5 and 5-6, arrive 6 and 7, the bank is free at 6: consumed 6-7 and 7-8
                     activated 8-9, encoded 10-11: the list of step 1 is known at 11
    step 1, block 0, input:  its turn at 6, issued 6-7, arrives 8, the bank is free at 9: consumed 9-10
             state:  its turn at 9, the list is known at 11: issued 11-12, arrives 13, consumed 13-14, activated 14-15,
                     encoded 16-17
    block 1, both:   its turn at 13, issued 13-14 and 14-15, arrive 15 and 16, consumed 15-16 and 16-17
                     activated 17-18, encoded 19-20: the end
    """
    logged, timing = whole_log(design.override({"weight_memory.capacity_kib": 1}), trace)
    assert logged == together(
        path(0, 0, 0, 0, (0, 0), end=1),
        path(0, 0, 2, 2, (2, 2), end=3),
        path(0, 1, 4, 4, (4, 4), (5, 5), end=6),
        path(1, 0, 6, 6, (6, 6), end=7),
        path(1, 0, 9, 11, (11, 11), end=12),
        path(1, 1, 13, 13, (13, 13), (14, 14), end=15),
        tiles(0, 0, (0, 2), done=3),
        tiles(0, 0, (3, 4), done=5, closes=True),
        tiles(0, 1, (5, 6), (7, 7), done=8, closes=True),
        tiles(1, 0, (8, 9), done=10),
        tiles(1, 0, (11, 13), done=14, closes=True),
        tiles(1, 1, (14, 15), (16, 16), done=17, closes=True),
        served("activation_unit", "activate", (5, 6), (8, 9), (14, 15), (17, 18)),
        served("skip_encoder", "encode", (7, 8), (10, 11), (16, 17), (19, 20)),
    )
    assert timing.step_ends.tolist() == [11, 20]
    # Idle 0-2, 3-4, 5-6, 8-9, 10-13, 14-15 and 17-20: the bank is missing 5-6, 8-9 and 14-15, the list 10-11.
    assert timing.stalls == {
        "scratch_bank": 3, "state_dependency": 1, "input_fetch": 0, "fifo_credit": 0,
        "weight_latency": 2 + 1 + 2, "weight_bandwidth": 0, "drain": 3,
    }  # fmt: skip
    assert timing.ledger.get(catalogue.SRAM_READ_WORD) == 8
    assert timing.ledger.get(catalogue.READ_BITS) == 0


def test_inputs_over_the_channel(design: Design) -> None:
    """The machine of the module's docstring with x, of two symbols, over the channel: one bit, in an access of 32 bits
    that takes two cycles of the channel, as a column does. L = 1. There are three steps, the third without a state.

    x(0):            fetched 0-2, there at 3
    block 0, input:  its turn at 0, x(0) is there at 3: issued 3-5, arrives 6, consumed 6-7
    x(1):            its turn at 2, after x(0); the channel after the first burst, at 5: fetched 5-7, there at 8
    block 0, state:  its turn at 6, the channel is free at 7: issued 7-9, arrives 10, consumed 10-11, activated 11-12,
                     encoded 13-14
    block 1, both:   its turn at 10, issued 10-12 and 12-14, arrive 13 and 15, consumed 13-14 and 15-16, activated
                     16-17, encoded 18-19
    step 1, block 0, input:  its turn at 14, x(1) is there: issued 14-16, arrives 17, the bank is free at 17:
                             consumed 17-18
    x(2):            its buffer is free at 16, when step 0 is consumed, the channel too: fetched 16-18, there at 19
             state:  its turn at 17, the list is known at 19: issued 19-21, arrives 22, consumed 22-23, activated 23-24,
                     encoded 25-26
    block 1, both:   its turn at 22, issued 22-24 and 24-26, arrive 25 and 27, consumed 25-26 and 27-28, activated
                     28-29, encoded 30-31
    step 2, block 0, input:  its turn at 26, issued 26-28, arrives 29, consumed 29-30
             state:  its turn at 29, the list is known at 31: no column; activated 31-32, encoded 33-34
    block 1, input:  its turn at 31, issued 31-33, arrives 34, consumed 34-35, activated 35-36, encoded 37-38: the end
    """
    over = design.override({"dram.inputs": True, "dram.burst_bits": 32, "dram.latency_ns": 100})
    drawn = synthesize(2, 2, 0.0, sequences=1, steps=3)
    mask = np.array([[[1, 0]], [[0, 1]], [[0, 0]], [[0, 0]]], bool)
    trace = Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths)
    logged, timing = whole_log(over, trace)
    inputs = [(0, 0, 0, 2), (1, 2, 5, 7), (2, 16, 16, 18)]
    fetched = [(cycle, event, step, -1) for step, *cycles in inputs
               for cycle, event in zip(cycles, ("turn", "fetch", "end"), strict=True)]  # fmt: skip
    assert logged == together(
        {"input_reader": fetched},
        path(0, 0, 0, 0, (3, 3), end=5, admitted=3),
        path(0, 0, 6, 6, (7, 7), end=9, admitted=7),
        path(0, 1, 10, 10, (10, 10), (12, 12), end=14),
        path(1, 0, 14, 14, (14, 14), end=16),
        path(1, 0, 17, 19, (19, 19), end=21),
        path(1, 1, 22, 22, (22, 22), (24, 24), end=26),
        path(2, 0, 26, 26, (26, 26), end=28),
        path(2, 0, 29, 31, end=31),
        path(2, 1, 31, 31, (31, 31), end=33),
        tiles(0, 0, (3, 6), done=7),
        tiles(0, 0, (7, 10), done=11, closes=True),
        tiles(0, 1, (11, 13), (14, 15), done=16, closes=True),
        tiles(1, 0, (16, 17), done=18),
        tiles(1, 0, (19, 22), done=23, closes=True),
        tiles(1, 1, (23, 25), (26, 27), done=28, closes=True),
        tiles(2, 0, (28, 29), done=30),
        tiles(2, 0, done=31, closes=True),
        tiles(2, 1, (31, 34), done=35, closes=True),
        served("activation_unit", "activate", (11, 12), (16, 17), (23, 24), (28, 29), (31, 32), (35, 36)),
        served("skip_encoder", "encode", (13, 14), (18, 19), (25, 26), (30, 31), (33, 34), (37, 38)),
    )
    assert timing.step_ends.tolist() == [19, 31, 38]
    # Idle 0-6: x(0) is missing 0-3. Then 7-10, 11-13, 14-15, 16-17, 18-22, 23-25, 26-27, 28-29, 30-34 and 35-38: the
    # bank is missing 11-12, 16-17, 23-24, 28-29 and 31-32, the list 18-19 and 30-31.
    assert timing.stalls == {
        "scratch_bank": 5, "state_dependency": 2, "input_fetch": 3, "fifo_credit": 0,
        "weight_latency": 3 + 3 + 1 + 3 + 1 + 2, "weight_bandwidth": 2, "drain": 3,
    }  # fmt: skip
    assert timing.ledger.get(catalogue.READ_BITS) == (10 + 3) * 32  # columns and inputs
    for engine in ("burst", "analytic"):
        report = simulate(over, trace, engine, lanes=1)
        assert (report.cycles, report.stalls) == (timing.cycles, timing.stalls)


def test_cut_through_with_less_room_than_two_columns(design: Design, trace: Trace) -> None:
    """Two PEs with two accumulators, and a bus of two weights: a column of a block is two words of a cycle each, and
    takes two cycles in the PEs, one a word. L = 3, and three words fit the FIFO. A unit has two sums in each PE, which
    are read out in two cycles.

    block 0, input:  words issued 0-1 and 1-2, arrive 4 and 5: consumed 4-6, their room is free at 5 and 6
             state:  its turn at 4, issued 4-5 and 5-6, arrive 8 and 9: consumed 8-10, room free at 9 and 10, activated
                     10-12, leaves at 13, listed 13-14
    block 1, both:   its turn at 8; one word has room, others at 9 and 10: issued 8-9, 9-10 and 10-11, arrive 12, 13
                     and 14; the first column is consumed 12-14, so that the fourth word has room at 13: issued 13-14,
                     arrives 17. The second column begins at 14, waits 15-17, and ends at 18; activated 18-20, listed
                     21-22
    step 1, block 0, input:  path free at 14, words have room at 14 and 15: issued 14-16, arrive 18 and 19, the bank is
                             free at 20: consumed 20-22
            state:   its turn at 20, the list is known at 22: issued 22-24, consumed 26-28, activated 28-30, listed
                     31-32
            block 1: its turn at 26, issued 26-27, 27-28 and 28-29; the bank is free at 30: consumed 30-32, so that the
                     fourth word is issued 31-32 and arrives 35: the second column begins at 32, waits 33-35, ends
                     at 36; activated 36-38, listed 39-40: the end
    """
    narrow = design.override(
        {"weight_memory.weights_per_cycle": 2, "pe_array.pes_per_tile": 2, "pe_array.accumulators": 2}
    )
    logged, timing = whole_log(narrow, trace)
    assert logged == together(
        path(0, 0, 0, 0, (0, 0), end=2),
        path(0, 0, 4, 4, (4, 4), end=6),
        path(0, 1, 8, 8, (8, 8), (10, 10), (11, 13), end=14),
        path(1, 0, 14, 14, (14, 14), end=16),
        path(1, 0, 20, 22, (22, 22), end=24),
        path(1, 1, 26, 26, (26, 26), (28, 28), (29, 31), end=32),
        tiles(0, 0, (0, 4), done=6),
        tiles(0, 0, (6, 8), done=10, closes=True),
        tiles(0, 1, (10, 12), (14, 14), (15, 17), done=18, closes=True),
        tiles(1, 0, (18, 20), done=22),
        tiles(1, 0, (22, 26), done=28, closes=True),
        tiles(1, 1, (28, 30), (32, 32), (33, 35), done=36, closes=True),
        served("activation_unit", "activate", (10, 12), (18, 20), (28, 30), (36, 38)),
        served("skip_encoder", "encode", (13, 14), (21, 22), (31, 32), (39, 40)),
    )
    # Idle 0-4, 6-8, 10-12, 15-17, 18-20, 22-26, 28-30, 33-35 and 36-40: the bank is missing 10-12, 18-20 and 28-30, and
    # the words that come at 17 and 35 had waited for room.
    assert timing.stalls == {
        "scratch_bank": 6, "state_dependency": 0, "input_fetch": 0, "fifo_credit": 4,
        "weight_latency": 4 + 2 + 4, "weight_bandwidth": 0, "drain": 4,
    }  # fmt: skip
    assert timing.ledger.get(catalogue.FIFO_WORD) == 2 * 8
    for engine in ("burst", "analytic"):
        report = simulate(narrow, trace, engine, lanes=1)
        assert (report.cycles, report.stalls) == (timing.cycles, timing.stalls)


def test_elements_are_listed_while_others_are_activated(design: Design) -> None:
    """Three units with their weights in SRAM, of which two fit a block: s = 1, L = 1, two words and cycles a column.
    The activation unit is two deep. Before step 0, units 0 and 2 are not zero.

    block 0, input:  words issued 0-1 and 1-2, arrive 2 and 3: consumed 2-4
             state:  its turn at 2, room at 0, 3, 4 and, of its own first word, 5: issued 2-3, 3-4, 4-5 and 5-6:
                     consumed 4-6 and 6-8; activated 8-10: unit 0 leaves at 11 and unit 1 at 12, listed 11-12 and 12-13
    block 1, all 3:  of one word and cycle each: its turn at 6, room at 6, 7 and 8: issued 6-7, 7-8 and 8-9; the bank is
                     free at 10: consumed 10-11, 11-12 and 12-13; activated 13-14, leaves at 16, listed 16-17: the end
    """
    resident = design.override(
        {"weight_memory.capacity_kib": 1, "pe_array.accumulators": 3, "activation_unit.depth_cycles": 2}
    )
    drawn = synthesize(3, 1, 0.0, sequences=1, steps=1)
    mask = np.array([[[1, 0, 1]], [[0, 1, 0]]], bool)
    logged, timing = whole_log(resident, Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths))
    assert [(cycle, event) for cycle, event, *_ in logged["activation_unit"]] == [
        (8, "activate"), (10, "end"), (13, "activate"), (14, "end")
    ]  # fmt: skip
    assert [(cycle, event) for cycle, event, *_ in logged["skip_encoder"]] == [
        (11, "encode"), (13, "end"), (16, "encode"), (17, "end")
    ]  # fmt: skip
    assert logged["pe_array"] == together(
        tiles(0, 0, (0, 2), done=4),
        tiles(0, 0, (4, 4), (6, 6), done=8, closes=True),
        tiles(0, 1, (8, 10), (11, 11), (12, 12), done=13, closes=True),
    )["pe_array"]  # fmt: skip
    assert timing.step_ends.tolist() == [17]
