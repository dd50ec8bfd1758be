"""The weight-stationary dataflow: its blocks, groups and beats, what it counts, and what it refuses by name."""

import re
from typing import Any

import numpy as np
import pytest

from archsim import catalogue
from archsim.analysis.scenario import streaming
from archsim.analytic.closed_form import run_analytic
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.steps import run_machine
from archsim.mapping.plan import Burst
from archsim.mapping.planner import plan
from archsim.simulation import Job, prepare, simulate
from archsim.trace.columns import pack_mask
from archsim.trace.graph import MatVec
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.test_engines import assert_equal
from workloads.config import Config, LayerConfig, Vector
from workloads.graphs import graph_of

STILL = load_design("stationary-65nm")


def bursts(design: Design, units: int = 20, symbols: int = 10, lanes: int = 8) -> list[list[Burst]]:
    trace = synthesize(units, symbols, 0.5, sequences=lanes, steps=1)
    return [list(block.bursts) for block in plan(design, trace.graph, lanes).blocks]


def test_a_block_has_as_many_units_as_a_tile_has_pes_for() -> None:
    """24 rows are 6 units of an LSTM; 20 units are three blocks of 6 and one of 2, whatever the accumulators."""
    for accumulators in (8, 64):
        found = bursts(STILL.override({"pe_array.accumulators": accumulators}))
        assert [own[0].rows for own in found] == [24, 24, 24, 8]
        assert {burst.group for own in found for burst in own} == {8}


@pytest.mark.parametrize(
    ("tiles", "rows", "bus", "lanes", "beat", "idle"),
    [
        (8, 24, 24, 8, 8, 0),  # 8 words, 8 vectors
        (8, 24, 24, 2, 8, 6),  # 8 words, 2 vectors
        (4, 24, 24, 8, 8, 0),  # 4 words, 8 vectors
        (8, 24, 8, 8, 24, 16),  # 24 words, 8 vectors
    ],
)
def test_a_beat_is_the_longer_of_words_and_vectors(
    tiles: int, rows: int, bus: int, lanes: int, beat: int, idle: int
) -> None:
    values = {"pe_array.tiles": tiles, "pe_array.pes_per_tile": rows, "weight_memory.weights_per_cycle": bus}
    burst = bursts(STILL.override(values), lanes=lanes)[0][0]
    assert (burst.tile_cycles, burst.idle_cycles) == (beat, idle)
    assert [burst.turns(n) for n in (0, 1, tiles, tiles + 1)] == [0, 1, 1, 2]
    assert burst.busy_cycles(tiles + 1) == 2 * lanes


def test_a_sum_is_accessed_once_a_group_and_a_weight_is_loaded_once_for_all_lanes() -> None:
    """An LSTM of 12 units (48 rows, 2 blocks), dense, 3 lanes: x is a column of its lane's symbol, h has 12."""
    design = STILL.override({"skip_encoder.enabled": False})
    trace = synthesize(12, 1, 1.0, sequences=3, steps=2)
    ledger = simulate(design, trace, lanes=3).ledger
    # block 0: x (1 group) and h (2 groups: 8 and 4); block 1: both together (2 groups: 8 and 5)
    assert ledger.get(catalogue.SCRATCH_ACCESS) == 2 * 3 * 24 * (1 + 2 + 2)
    assert ledger.get(catalogue.WEIGHT_LOAD) == 2 * 48 * 13
    assert ledger.get(catalogue.MAC) + ledger.get(catalogue.MAC_ZERO_OPERAND) == 2 * 3 * 48 * 13
    other = simulate(load_design("skip-65nm").override({"skip_encoder.enabled": False}), trace, lanes=3).ledger
    assert other.get(catalogue.SCRATCH_ACCESS) == 2 * 3 * 48 * 13
    assert other.get(catalogue.WEIGHT_LOAD) == 0


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"pe_array.accumulators": 7}, r"^design stationary-65nm: dataflow weight-stationary: pe_array.accumulators must be"
     r" at least the 8 lanes, a sum for each, not 7$"),
    ({"pe_array.pes_per_tile": 3}, r"^design stationary-65nm: dataflow weight-stationary: pe_array.pes_per_tile must be"
     r" at least 4, the rows of a unit, not 3$"),
    ({"weight_memory.fifo_words": 7}, r"^design stationary-65nm: weight_memory.fifo_words must be at least 8, a column"
     r" for each of 8 tiles, not 7$"),
    ({"sequencer.steps_at_once": 4}, r"^design stationary-65nm: pe_array.accumulators must be at least 64, for the sums"
     r" of 4 steps \(sequencer.steps_at_once\), not 16$"),
    ({"dataflow": "output-stationary", "sequencer.steps_at_once": 4}, r"dataflow output-stationary:"
     r" sequencer.steps_at_once must be 1, since sums of one step stay, not 4$"),
    ({"sequencer.steps_at_once": 4, "pe_array.accumulators": 999, "dram.inputs": True}, r"sequencer.steps_at_once must"
     r" be 1 where inputs come over the channel, a step ahead of their use, not 4$"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "message"), REFUSED)
def test_what_it_cannot_do_is_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as refused:
        bursts(STILL.override(values))
    assert "\n" not in str(refused.value)


def test_lanes_need_not_divide_the_pes() -> None:
    assert bursts(STILL.override({"lanes": 7}), lanes=7)[0][0].tile_cycles == 8
    with pytest.raises(BadInput, match=re.escape("lanes must divide the 192 PEs")):
        load_design("skip-65nm").override({"lanes": 7})


# --- the inputs of several steps at once ------------------------------------------------------------------------------


@pytest.fixture
def vectors() -> Trace:
    """An LSTM of 6 units, one block, that reads a vector of 9 elements; 7 steps, 2 lanes, of which one ends early."""
    layer = LayerConfig(
        cell="lstm", hidden=6, weight_format="fixed8", input_weight_format="fixed8", state_bits=8, input_bits=8
    )
    config = Config(name="drawn", input=Vector(size=9), layers=(layer,), readout=None)
    graph = graph_of(_Model(config))
    drawn = synthesize(6, 9, 0.0, sequences=2, steps=7)
    rng = np.random.default_rng(1)
    arrays = {"x": pack_mask(rng.random((7, 2, 9)) < 0.4), "h": pack_mask(rng.random((8, 2, 6)) < 0.4)}
    return Trace(drawn.header.model_copy(update={"graph": graph}), arrays, np.array([7, 5]))


class _Model:
    def __init__(self, config: Config) -> None:
        self.config = config

    def scaled_apart(self, layer: int) -> bool:
        return False


def test_columns_of_steps_at_once_are_those_of_as_many_lanes(vectors: Trace) -> None:
    """Compared with the masks, bit by bit: any step or lane needs a column, and every vector passes all of them."""
    design = STILL.override({"lanes": 2, "sequencer.steps_at_once": 3, "pe_array.accumulators": 64})
    (phase,) = prepare(Job(design, vectors)).phases
    w_x = next(i for i, mv in enumerate(phase.plan.mat_vecs) if mv.operand == "x")
    assert phase.plan.steps_at_once[w_x] == 3
    mask = np.unpackbits(np.asarray(vectors.arrays["x"]), axis=-1, count=9).astype(bool)  # (7, 2, 9)
    mask[5:, 1] = False  # the lane that has ended
    running = np.array([[True, step < 5] for step in range(7)])
    for step in range(7):
        some = slice(step, step + 3) if step % 3 == 0 else slice(0, 0)
        needed, passing = int(mask[some].any(axis=(0, 1)).sum()), int(running[some].sum())
        assert phase.work.streamed_at(w_x, step) == (needed, int(mask[some].sum()), passing)
        assert phase.work.streamed_at(1 - w_x, step)[2] == running[step].sum()


def test_weights_of_inputs_are_read_once_for_all_steps(vectors: Trace) -> None:
    """Dense: x has 9 columns of 24 rows, h has 6, for 7 steps; with all of the steps at once, those of x come once."""
    values = {"lanes": 2, "skip_encoder.enabled": False, "pe_array.accumulators": 64}
    one, all_steps = (simulate(STILL.override({**values, "sequencer.steps_at_once": n}), vectors) for n in (1, 7))
    loads = [report.ledger.get(catalogue.WEIGHT_LOAD) for report in (one, all_steps)]
    assert loads == [24 * (9 + 6) * 7, 24 * (9 + 6 * 7)]
    for same in (catalogue.MAC, catalogue.H_READ, catalogue.C_WRITE, catalogue.ROW_AFFINE):
        assert one.ledger.get(same) == all_steps.ledger.get(same)
    assert one.macs == all_steps.macs
    assert all_steps.cycles < one.cycles


def test_steps_at_once_are_no_stream(vectors: Trace) -> None:
    """A run needs inputs ahead; a run of any number of steps may be one, of which the last few are no full number."""
    design = STILL.override({"lanes": 2, "sequencer.steps_at_once": 2, "pe_array.accumulators": 64})
    rule = r"cannot run as a stream.*: the design takes inputs of 2 steps at once; .* sequencer.steps_at_once = 1$"
    with pytest.raises(BadInput, match=rule):
        streaming(design, vectors, period_us=1000.0)
    prepared = prepare(Job(design, vectors, steps=5))
    assert_equal(run_analytic(*prepared.triple), run_machine(*prepared.triple, "column"))


def test_an_input_that_a_stage_reads_beside_no_state_is_taken_a_step_at_a_time() -> None:
    """A readout that is left to the host leaves h alone; an embedding has no state beside it."""
    drawn = synthesize(6, 9, 0.5, sequences=1, steps=1)
    only = [mv for mv in drawn.graph.operations if isinstance(mv, MatVec)]
    assert [mv.operand for mv in only] == ["x", "h"]
    planned = plan(STILL.override({"sequencer.steps_at_once": 2, "pe_array.accumulators": 64}), drawn.graph, 1)
    assert planned.steps_at_once == (2, 1)
