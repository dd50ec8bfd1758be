"""A machine in Verilog that is wrong in one place fails its check, and so does one beside an engine that is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
import simpy

from archsim.design import load_design
from archsim.machine.ports import Queue, WordFifo
from archsim.mapping.plan import Feed, FeedStep
from archsim.rtl.case import Case, case_of
from archsim.rtl.check import Check, check
from archsim.rtl.folder import Exported, export
from archsim.rtl.window import Window
from archsim.trace.columns import pack_mask
from archsim.trace.header import VERSION, Header
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.rtl.integer_bench import needs
from tests.archsim.rtl.machines import drawn_integers, with_row_shifts
from workloads.config import Config, LayerConfig, OneHot
from workloads.graphs import graph_of

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Machine:
    """A tiny machine, whose lanes run 4 and 3 steps."""

    design: str
    changes: dict[str, Any]
    weights: str = "fixed8"
    hidden: int = 7
    density: float = 0.3
    most_shift: int = 0
    """The most places by which products are shifted, row by row."""
    layers: int = 1

    def case(self) -> Case:
        design = load_design(self.design).override(self.changes)
        drawn = self.stack() if self.layers > 1 else self.layer()
        trace = Trace(drawn.header, drawn.arrays, np.array([4, 3]))
        if self.most_shift:
            integers = with_row_shifts(drawn_integers(trace, seed=1), self.most_shift, seed=1)
            return case_of(design, trace, Window(0, 3), integers=integers)
        return case_of(design, trace, Window(0, 3))

    def layer(self) -> Trace:
        return synthesize(
            self.hidden, 4, self.density, sequences=2, steps=4, weight_format=self.weights, state_bits=8, seed=2
        )

    def stack(self) -> Trace:
        """GRUs, of which all but the first read the state of the one below."""
        layer = LayerConfig(
            cell="gru", hidden=self.hidden, weight_format=self.weights, input_weight_format=self.weights, state_bits=8
        )
        config = Config(name="stack", input=OneHot(symbols=4), layers=(layer,) * self.layers, readout=None)
        graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
        rng = np.random.default_rng(2)
        arrays = {
            o.name: rng.integers(0, 4, (4, 2), dtype=np.uint16)
            if o.kind == "one_hot"
            else pack_mask(rng.random((5, 2, self.hidden)) < self.density)
            for o in graph.operands
        }
        header = Header(version=VERSION, workload="stack", synthetic=True, provenance={}, graph=graph)
        return Trace(header, arrays, np.full(2, 4))


SKIPPING = {
    "lanes": 2,
    "pe_array.tiles": 1,
    "pe_array.pes_per_tile": 4,
    "pe_array.accumulators": 5,
    "weight_memory.weights_per_cycle": 3,
    "weight_memory.fifo_words": 4,
    "activation_unit.units_per_cycle": 1,
    "skip_encoder.columns_per_cycle": 2,
    "skip_encoder.offset_bits": 1,
}
"""Two PEs a lane, whose rows begin in the middle of words; several blocks; padding; a FIFO of few words."""
MACHINES = {
    "skipping": Machine("edge-8pe", SKIPPING),
    "shifting": Machine("edge-shift", SKIPPING | {"host": []}, weights="exponential5"),
    "ternary": Machine(
        "edge-8pe", SKIPPING | {"pe_array.multiplier": "mux", "pe_array.weight_bits": 2}, weights="ternary"
    ),
    "slow path": Machine("edge-8pe", SKIPPING | {"dram.bandwidth_gbps": 1.5, "dram.burst_bits": 1}),
    "registered": Machine("skip-65nm", SKIPPING | {"sequencer.bank_cycles": 2, "skip_encoder.stages": 3}),
    "sparse": Machine("edge-8pe", SKIPPING | {"weight_memory.fifo_words": 64}, density=0.1),
    "rows shifted": Machine("edge-8pe", SKIPPING, most_shift=5),
    "inputs": Machine("skip-65nm", SKIPPING | {"dram.inputs": True, "dram.arbitration": "static"}),
    "by turns": Machine(
        "skip-65nm", SKIPPING | {"dram.inputs": True, "dram.arbitration": "tdm", "dram.input_share": 0.3}
    ),
    "private": Machine(
        "edge-private",
        SKIPPING | {"pe_array.tiles": 2, "weight_memory.organisation": "per_tile", "weight_memory.weights_per_word": 3},
    ),
    "two sources": Machine(
        "edge-8pe",
        SKIPPING | {"weight_memory.capacity_kib": 1, "weight_memory.residency": "part", "dram.latency_ns": 5},
        hidden=24,
    ),
    "layers": Machine("edge-8pe", SKIPPING, layers=2),
}


class Mutant(NamedTuple):
    """A text of a module that is replaced, and what the check finds first: a component, or sums."""

    module: str
    text: str
    instead: str
    first: str
    machine: str = "skipping"


MUTANTS = {
    "a credit is dropped where a word leaves as another comes": Mutant(
        "weight_stream", "+ CREDIT_BITS'(release_words);", "+ (word_issue ? 0 : CREDIT_BITS'(release_words));",
        "weight_stream",
    ),
    "a credit too many": Mutant(
        "weight_stream", "credits <= CREDIT_BITS'(FIFO_WORDS);", "credits <= CREDIT_BITS'(FIFO_WORDS + 1);",
        "weight_stream",
    ),
    "a latency of a cycle less": Mutant(
        "weight_stream", "+ burst[B_LATENCY +: DELAY_BITS];", "+ burst[B_LATENCY +: DELAY_BITS] - 1'b1;", "pe_array",
    ),
    "a pause too few between words": Mutant(
        "weight_stream", "burst[B_PACE_WHOLE +: WAIT_BITS] + WAIT_BITS'(carry);", "burst[B_PACE_WHOLE +: WAIT_BITS];",
        "weight_stream", "slow path",
    ),
    "a word is taken a cycle early": Mutant(
        "pe_control", "wire enough = column_there >=", "wire enough = column_there + 1'b1 >=", "pe_array",
    ),
    "banks are not swapped as blocks open": Mutant(
        "sequencer_round", "bank = (BANKS == 2) ? ~bank_in : {BANK_BITS{1'b0}};", "bank = bank_in;", "sums",
    ),
    "the wrong bank is read": Mutant(
        "activation_unit", "assign act_bank = bank;", "assign act_bank = ~bank;", "sums",
    ),
    "a bank too many is free": Mutant(
        "sequencer_round", "banks = banks_in - 1'b1;", "banks = banks_in;", "pe_array",
    ),
    "no wait for the list of the step before": Mutant(
        "sequencer_round", "lists_known[m*(STEP_BITS+1) +: STEP_BITS+1] < {1'b0, path_step_in})",
        "lists_known[m*(STEP_BITS+1) +: STEP_BITS+1] + 1'b1 < {1'b0, path_step_in})", "weight_stream", "sparse",
    ),
    "row scales and biases take a cycle less": Mutant(
        "sequencer_round", "path_wait = burst[B_NORMS +: WAIT_BITS];",
        "path_wait = burst[B_NORMS +: WAIT_BITS] - 1'b1;", "weight_stream",
    ),
    "columns of a list are off by one": Mutant(
        "data_path", ".scan_column(scan_column)", ".scan_column(scan_column + 1'b1)",
        "sums",
    ),
    "padding is missed": Mutant(
        "operand_list", "needed[z] || (REACH <= COLUMNS && next_gap == (COLUMN_BITS+1)'(REACH))", "needed[z]",
        "weight_stream",
    ),
    "padding at the end is listed": Mutant(
        "operand_list", "if (needed[z]) next_count = next_written;", "next_count = next_written;", "weight_stream",
        "sparse",
    ),
    "the handshake of a bank has a register less": Mutant(
        "activation_unit", ".CYCLES(BANK_CYCLES)", ".CYCLES(BANK_CYCLES - 1)", "pe_array", "registered",
    ),
    "the list is written a stage late": Mutant(
        "data_path", ".STAGES(ENCODER_STAGES)", ".STAGES(ENCODER_STAGES + 1)", "weight_stream", "registered",
    ),
    "the list is known a stage early": Mutant(
        "skip_encoder", ".CYCLES(ENCODER_STAGES)", ".CYCLES(ENCODER_STAGES - 1)", "weight_stream", "registered",
    ),
    "the encoder takes a column more a cycle": Mutant(
        "skip_encoder", "there_now < rest ? there_now : rest;", "there_now + 1'b1 < rest ? there_now + 1'b1 : rest;",
        "skip_encoder",
    ),
    "the activation unit has a stage less": Mutant(
        "activation_unit", ".CYCLES(ACTIVATION_STAGES + 1)", ".CYCLES(ACTIVATION_STAGES)", "skip_encoder",
    ),
    "valid bits stay as a bank opens": Mutant(
        "pe", "~valid | {ENTRIES{open[b]}};", "~valid;", "sums",
    ),
    "a power of two is shifted a place too far": Mutant(
        "pe", "plus <<< weight[WEIGHT_BITS-2:0];", "plus <<< (weight[WEIGHT_BITS-2:0] + 1'b1);", "sums", "shifting",
    ),
    "a negative power of two is added": Mutant(
        "pe", "weight[WEIGHT_BITS-1] ? -shifted : shifted;", "shifted;", "sums", "shifting",
    ),
    "a row is shifted a place too far": Mutant(
        "pe", "[ALIGNED_BITS-1:0] <<< shift;", "[ALIGNED_BITS-1:0] <<< (shift + 1'b1);", "sums", "rows shifted",
    ),
    "a shift loses the sign": Mutant(
        "pe", "{{ALIGNED_BITS{product[PRODUCT_BITS-1]}}, product}", "{{ALIGNED_BITS{1'b0}}, product}", "sums",
        "rows shifted",
    ),
    "a row has the shift of the one before": Mutant(
        "row_shifts", "next <= line + SHIFT_LINE_BITS'(1);", "next <= line;", "sums", "rows shifted",
    ),
    "rows have the shifts of the other product": Mutant(
        "row_shifts", "+ SHIFT_FIRST_BITS'(list);", "+ SHIFT_FIRST_BITS'(!list);", "sums", "rows shifted",
    ),
    "a ternary zero counts as one": Mutant(
        "pe", "!weight[0] ? {PRODUCT_BITS{1'b0}} : weight[WEIGHT_BITS-1]", "weight[WEIGHT_BITS-1]", "sums", "ternary",
    ),
    "operands are unsigned": Mutant(
        "pe", "$signed({{WEIGHT_BITS{operand[OPERAND_BITS-1]}}, operand});", "$signed({{WEIGHT_BITS{1'b0}}, operand});",
        "sums",
    ),
    "rows of a word are off by one": Mutant(
        "word_fifo", "next = offset + OFFSET_BITS'(taken);", "next = offset + OFFSET_BITS'(taken) + 1'b1;", "sums",
    ),
    "a word stays in its place": Mutant(
        "word_fifo", "if (run) head <= after(head,", "if (run && !last) head <= after(head,", "sums",
    ),
    "a lane that has ended runs on": Mutant(
        "sequencer", "running[B_LAST_ONLY] ? pe_ending : pe_running;", "{LANES{1'b1}};", "sums",
    ),
    "state is read from the other step's copy": Mutant(
        "data_path", "wire [PIPE_BITS-1:0] entering = {act_step[0],", "wire [PIPE_BITS-1:0] entering = {!act_step[0],",
        "sums",
    ),
    "a group of elements advances a lane less": Mutant(
        "read_places", "carries = lanes >= (LANE_BITS+1)'(LANES);", "carries = lanes > (LANE_BITS+1)'(LANES);",
        "weight_stream",
    ),
    "a tile reads the memory of another": Mutant(
        "word_fifo", "window[(MEMS*i + m)*WORD_BITS", "window[(MEMS*i + MEMS - 1 - m)*WORD_BITS", "sums", "private",
    ),
    "a memory gives the rows of all tiles": Mutant(
        "word_fifo", "assign taken = active > PE_COUNT_BITS'(GROUP) ? PE_COUNT_BITS'(GROUP) : active;",
        "assign taken = active;", "sums", "private",
    ),
    "words of the second source are lost where both come": Mutant(
        "word_fifo", "if (on_bus[s]) held", "if (on_bus[s] && (s == 0 || !on_bus[0])) held", "sums", "two sources",
    ),
    "words of both sources are counted as one": Mutant(
        "pe_control", "CREDIT_BITS'(word_arrived[s]);", "CREDIT_BITS'(|word_arrived);", "pe_array", "two sources",
    ),
    "words of either source start a burst": Mutant(
        "pe_control", "wire following_source = SOURCES == 2 && following[B_SOURCE];", "wire following_source = 1'b0;",
        "pe_array", "two sources",
    ),
    "inputs of a lane less take the channel": Mutant(
        "input_reader", "FETCH_CYCLES[lanes*WAIT_BITS", "FETCH_CYCLES[(lanes - 1'b1)*WAIT_BITS",
        "input_reader", "by turns",
    ),
    "inputs follow the first burst": Mutant(
        "input_reader", "wire follows = FETCH_STATIC && next", "wire follows = next", "input_reader", "by turns",
    ),
    "the list of the other layer is known": Mutant(
        "sequencer", "if (list_end && list_end_made == m[MADE_BITS-1:0])",
        "if (list_end && list_end_made != m[MADE_BITS-1:0])", "weight_stream", "layers",
    ),
    "flags of the first layer are looked at": Mutant(
        "data_path", ".scan_bases(MADE_FLAGS[PARTS*FLAG_BITS*encode_made +:", ".scan_bases(MADE_FLAGS[0 +:",
        "weight_stream", "layers",
    ),
    "states of the layers lie in one place": Mutant(
        "data_path", ".bases(MADE_BASES[PARTS*STATE_ADDRESS_BITS*(MADE*32'(write_parity) + 32'(write_made)) +:",
        ".bases(MADE_BASES[PARTS*STATE_ADDRESS_BITS*(MADE*32'(write_parity)) +:", "sums", "layers",
    ),
    "PEs of a read-out are turned the other way": Mutant(
        "rotator", "first[FIRST_BITS-n] ? g_level", "!first[FIRST_BITS-n] ? g_level", "sums",
    ),
    "inputs arrive a cycle early": Mutant(
        "input_reader", "way_even <= ended && !fetch[0] ? WAIT_BITS'(FETCH_LATENCY) - 1'b1",
        "way_even <= ended && !fetch[0] ? WAIT_BITS'(FETCH_LATENCY) - 2'd2", "weight_stream", "inputs",
    ),
    "inputs are fetched before a buffer is free": Mutant(
        "input_reader", "next < 2 || consumed_now + 1'b1 >= next;", "next < 2 || consumed_now + 2'd2 >= next;",
        "input_reader", "inputs",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Exported]:
    """The folder of a machine, written once."""
    needs("iverilog")
    made: dict[str, Exported] = {}

    def of(machine: str) -> Exported:
        if machine not in made:
            made[machine] = export(MACHINES[machine].case(), tmp_path_factory.mktemp("mutants") / "machine")
        return made[machine]

    return of


def first(found: Check) -> str:
    """What a check finds first."""
    return found.differences[0].component if found.differences else "sums" if found.wrong_sum else "nothing"


@pytest.mark.parametrize("machine", MACHINES)
def test_a_machine_that_is_not_changed_passes(machine: str, exported: Callable[[str], Exported]) -> None:
    found = check(exported(machine))
    assert found.passed, found.reasons


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_of_the_verilog_fails(name: str, exported: Callable[[str], Exported]) -> None:
    mutant = MUTANTS[name]
    made = exported(mutant.machine)
    path = made.folder / "rtl" / f"{mutant.module}.sv"
    text = path.read_text()
    assert text.count(mutant.text) == 1
    path.write_text(text.replace(mutant.text, mutant.instead))
    try:
        found = check(made)
    finally:
        path.write_text(text)
    assert not found.passed
    assert first(found) == mutant.first, found.reasons


# Mutants of the engine


class Later(Queue[int]):
    """Every cycle that is put in comes out a cycle later."""

    def put(self, item: int) -> None:
        super().put(item + 1)


def late_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every word arrives a cycle late."""
    made = WordFifo.__init__

    def late(fifo: WordFifo, env: simpy.Environment, words: int) -> None:
        made(fifo, env, words)
        fifo.words = Later(env)

    monkeypatch.setattr(WordFifo, "__init__", late)


def credits_by_column(monkeypatch: pytest.MonkeyPatch) -> None:
    """The room of a column's words comes back with its last cycle."""
    steps = Feed.steps

    def whole(feed: Feed) -> tuple[FeedStep, ...]:
        return tuple(step._replace(released=(feed.cycles,) * len(step.released)) for step in steps(feed))

    monkeypatch.setattr(Feed, "steps", whole)


@pytest.mark.parametrize(("mutate", "component"), [(late_words, "pe_array"), (credits_by_column, "weight_stream")])
def test_a_mutant_of_the_engine_fails(
    mutate: Callable[[pytest.MonkeyPatch], None], component: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("iverilog")
    case = MACHINES["skipping"].case()
    mutate(monkeypatch)
    found = check(export(case, tmp_path / "machine"))
    assert not found.passed
    assert first(found) == component, found.reasons
