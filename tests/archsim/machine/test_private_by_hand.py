"""Machines with private weight memories, worked out on paper: whole event logs, stalls and counts.

Two units, one lane, four PEs, no DRAM; a memory is three cycles away. Activation takes a cycle a unit and is one deep,
and the encoder lists a column a cycle. Steps 0 and 1 have one input column and one non-zero state each (unit 0, then
unit 1). A memory has one port: row scales and biases take it before the first column of a block.
"""

import tomllib
from typing import Any

import numpy as np
import pytest

from archsim import catalogue
from archsim.design import Design, load_design
from archsim.simulation import Engine, simulate
from archsim.trace.columns import pack_mask
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.cuts import largest_blocks
from tests.archsim.event_log import LoggedEvents, path, tiles, together, whole_log


def machine(**changes: Any) -> Design:
    design = load_design("skip-65nm").override(
        {
            "clock_mhz": 10,
            "lanes": 1,
            "weight_memory.organisation": "per_pe",
            "weight_memory.capacity_kib": 1,
            "weight_memory.latency_cycles": 3,
            "pe_array.tiles": 2,
            "pe_array.pes_per_tile": 2,
            "pe_array.accumulators": 1,
            "skip_encoder.columns_per_cycle": 1,
            "activation_unit.units_per_cycle": 1,
            "activation_unit.depth_cycles": 1,
            **changes,
        }
    )
    tree = tomllib.loads(design.to_toml())
    del tree["dram"]
    return Design.model_validate(tree)


def two_steps(weight_format: str) -> Trace:
    drawn = synthesize(2, 1, 0.0, sequences=1, steps=2, weight_format=weight_format)
    mask = np.array([[[1, 0]], [[0, 1]], [[0, 0]]], bool)  # before step 0, after step 0, after step 1
    return Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths)


def sent(step: int, block: int, turn: int, *columns: int, norms: int = 0) -> LoggedEvents:
    """The events of a burst on the weight path, which waits for nothing after its turn: its columns take a cycle each
    after `norms` cycles."""
    return path(step, block, turn, turn, *zip(columns, columns, strict=True), end=columns[-1] + 1, norms=norms)


def served(component: str, event: str, *blocks: tuple[int, int, int, int]) -> LoggedEvents:
    """The events of a unit that takes one block after the other, with blocks as (step, block, begun, ended)."""
    return {component: [(cycle, name, step, block) for step, block, begun, ended in blocks
                        for cycle, name in ((begun, event), (ended, "end"))]}  # fmt: skip


def check(design: Design, trace: Trace, log: LoggedEvents, stalls: dict[str, int], words: int) -> None:
    """Engine `column` logs `log`; all engines have its time, its stalls and its counts."""
    logged, timing = whole_log(design, trace)
    assert logged == log
    assert timing.stalls == dict.fromkeys(timing.stalls, 0) | stalls
    assert timing.busy_cycles == 8
    assert timing.cycles == 8 + sum(stalls.values())
    assert timing.ledger.counts["weight_memory"] == {"sram_read_word": words}
    assert timing.ledger.get(catalogue.READ_BITS) == 0
    engines: tuple[Engine, ...] = ("burst", "analytic")
    for engine in engines:
        report = simulate(design, trace, engine, lanes=1)
        assert (report.cycles, report.stalls, report.ledger) == (timing.cycles, timing.stalls, timing.ledger)


@pytest.mark.parametrize(
    ("organisation", "words"),
    [
        ("per_tile", (8 + 4 * 2) * 2),  # 8 columns of a word, 4 blocks with 2 biases, which fill a word of 16 bits each
        ("per_pe", (8 + 4 * 2) * 4),  # a word is the weight of a PE, and half a bias
    ],
)
def test_a_row_a_pe(organisation: str, words: int) -> None:
    """A block is a unit of four rows, one in each PE, so that a column takes every PE one cycle and one word.

    block 0, input:  biases 0-2, issued 2-3, arrives 6, consumed 6-7
             state:  its turn at 6 (input being consumed), issued 6-7, arrives 10, consumed 10-11
                     activated 11-12, listed 13-14
    block 1, both:   its turn at 10, biases 10-12, issued 12-13 and 13-14, arrive 16 and 17, consumed 16-17 and 17-18
                     activated 18-19, listed 20-21: the list of step 1 is known at 21
    step 1, block 0, input:  its turn at 16, biases 16-18, issued 18-19, arrives 22, consumed 22-23
            block 0, state:  its turn at 22, issued 22-23, arrives 26, consumed 26-27, activated 27-28, listed 29-30
            block 1, both:   its turn at 26, biases 26-28, issued 28-29 and 29-30, arrive 32 and 33, consumed 32-33 and
                             33-34, activated 34-35, listed 36-37: the end
    """
    log = together(
        sent(0, 0, 0, 2, norms=2),
        sent(0, 0, 6, 6),
        sent(0, 1, 10, 12, 13, norms=2),
        sent(1, 0, 16, 18, norms=2),
        sent(1, 0, 22, 22),
        sent(1, 1, 26, 28, 29, norms=2),
        tiles(0, 0, (2, 6), done=7),
        tiles(0, 0, (7, 10), done=11, closes=True),
        tiles(0, 1, (12, 16), (17, 17), done=18, closes=True),
        tiles(1, 0, (18, 22), done=23),
        tiles(1, 0, (23, 26), done=27, closes=True),
        tiles(1, 1, (28, 32), (33, 33), done=34, closes=True),
        served("activation_unit", "activate", (0, 0, 11, 12), (0, 1, 18, 19), (1, 0, 27, 28), (1, 1, 34, 35)),
        served("skip_encoder", "encode", (0, 0, 13, 14), (0, 1, 20, 21), (1, 0, 29, 30), (1, 1, 36, 37)),
    )
    # Idle 0-6, 7-10, 11-16, 18-22, 23-26, 27-32 and 34-37; the bank is missing 11-12, 18-19 and 27-28.
    stalls = {"scratch_bank": 3, "weight_latency": 6 + 3 + 4 + 3 + 3 + 4, "drain": 3}
    design = machine(**{"weight_memory.organisation": organisation})
    check(design, two_steps("fixed8"), log, stalls, words)


@largest_blocks()
def test_narrow_weights_share_a_word() -> None:
    """A block is both units: two rows a PE, whose weights of 4 bits are one word, in use for two cycles. Two biases a
    PE take four words.

    step 0, input:  biases 0-4, issued 4-5, arrives 8, consumed 8-10
            state:  its turn at 8, issued 8-9, arrives 12, consumed 12-14, activated 14-16; its units leave the pipeline
                    at 16 and 17 and are listed 16-17 and 17-18
    step 1, input:  its turn at 12, biases 12-16, issued 16-17, arrives 20, consumed 20-22
            state:  its turn at 20, issued 20-21, arrives 24, consumed 24-26, activated 26-28, listed 28-30: the end
    """
    log = together(
        sent(0, 0, 0, 4, norms=4),
        sent(0, 0, 8, 8),
        sent(1, 0, 12, 16, norms=4),
        sent(1, 0, 20, 20),
        tiles(0, 0, (4, 8), done=10),
        tiles(0, 0, (10, 12), done=14, closes=True),
        tiles(1, 0, (16, 20), done=22),
        tiles(1, 0, (22, 24), done=26, closes=True),
        served("activation_unit", "activate", (0, 0, 14, 16), (1, 0, 26, 28)),
        served("skip_encoder", "encode", (0, 0, 16, 18), (1, 0, 28, 30)),
    )
    # Idle 0-8, 10-12, 14-20, 22-24 and 26-30; the bank is missing 14-16.
    stalls = {"scratch_bank": 2, "weight_latency": 8 + 2 + 4 + 2, "drain": 4}
    check(machine(**{"pe_array.accumulators": 2}), two_steps("fixed4"), log, stalls, words=(4 + 2 * 4) * 4)
