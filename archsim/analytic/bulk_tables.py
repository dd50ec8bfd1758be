"""A design, and a network on some lanes, as the integers that the compiled sweep reads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import gcd

import numpy as np
from numpy.typing import NDArray

from archsim.analytic import bulk_positions as at
from archsim.analytic.bulk_timing import COUNTED, SCALARS
from archsim.analytic.closed_form import refusal
from archsim.costs.latencies import LATENCIES
from archsim.design import Design
from archsim.mapping.estimate import columns_of
from archsim.mapping.operations import results
from archsim.mapping.plan import RunScope
from archsim.mapping.planner import Selected, Staged, kept_units, selected, staging
from archsim.mapping.streams import Stream
from archsim.mapping.traffic import bits_of_a_lane
from archsim.mapping.work import Work, expected_columns, work_of
from archsim.trace.graph import Scope
from archsim.trace.trace import Trace

Ints = NDArray[np.int64]


def covers(design: Design) -> bool:
    """Whether the compiled plan covers a kind of machine; others are planned one by one."""
    return (
        design.dataflow == "output-stationary"
        and not design.weight_memory.private
        and design.sequencer.steps_at_once == 1
        and refusal(design) is None
    )


def _array(design: Design) -> tuple[int, ...]:
    return design.lanes, design.pes_per_lane, design.shape.sums


def _scratch(design: Design) -> tuple[int, ...]:
    return int(design.pe_array.double_buffered), design.pe_array.read_ports


def _bus(design: Design) -> tuple[int, ...]:
    return design.weight_memory.weights_per_cycle, design.bus_word_bits


def _fifo(design: Design) -> tuple[int, ...]:
    memory = design.weight_memory
    return memory.fifo_words, memory.fifo_cycles(1), int(memory.stores)


def _capacity(design: Design) -> tuple[int, ...]:
    return int(design.weight_memory.residency == "part"), design.weight_memory.capacity_bits


def _dram(design: Design) -> tuple[int, ...]:
    """A design without a DRAM has accesses that take no time, since it is refused before it needs any."""
    dram, clock = design.dram, design.clock_mhz
    if dram is None:
        return 0, 1, 0, 1, 0, 0, 0, 1, 0
    weights = _reduced(dram.channel_time(dram.burst_bits, clock))
    inputs = _reduced(dram.channel_time(dram.burst_bits, clock, "inputs"))
    turns = int(dram.arbitration != "tdm")
    return 1, dram.burst_bits, *weights, int(dram.inputs), turns, *inputs, dram.latency_cycles(clock)


def _sram_latency(design: Design) -> tuple[int, ...]:
    return (LATENCIES["sram_cycles"](design),)


def _pe_stages(design: Design) -> tuple[int, ...]:
    return (LATENCIES["pe_stages"](design) + design.shape.columns - 1,)


def _activation_stages(design: Design) -> tuple[int, ...]:
    return (LATENCIES["activation_stages"](design),)


def _encoder(design: Design) -> tuple[int, ...]:
    encoder = design.skip_encoder
    return int(encoder.enabled), LATENCIES["encoder_stages"](design), encoder.columns_per_cycle


def _reach(design: Design) -> tuple[int, ...]:
    reach = design.skip_encoder.reach if design.skip_encoder.enabled else None
    return (-1 if reach is None else reach,)


def _activation(design: Design) -> tuple[int, ...]:
    units, buffer = design.activation_unit.units_per_cycle, design.state_buffer
    return min(units, buffer.banks or units), buffer.ports, buffer.units


def _sequencer(design: Design) -> tuple[int, ...]:
    sequencer = design.sequencer
    return sequencer.setup_cycles, sequencer.empty_burst_cycles, sequencer.bank_cycles


PIECES: tuple[tuple[Callable[[Design], tuple[int, ...]], tuple[int, ...]], ...] = (
    (_array, (at.LANES, at.PES_OF_LANE, at.SUMS)),
    (_scratch, (at.TWO_BANKS, at.READ_PORTS)),
    (_bus, (at.BUS_ROWS, at.BUS_BITS)),
    (_fifo, (at.FIFO_SIZE, at.FIFO_CYCLES, at.STORES)),
    (_capacity, (at.PART_RESIDENT, at.CAPACITY)),
    (_dram, (at.HAS_DRAM, at.ACCESS_BITS, at.ACCESS_CYCLES, at.ACCESS_PARTS, at.INPUTS, at.IN_TURNS, at.INPUT_CYCLES,
             at.INPUT_PARTS, at.DRAM_LATENCY)),
    (_sram_latency, (at.SRAM_LATENCY,)),
    (_pe_stages, (at.PE_STAGES,)),
    (_activation_stages, (at.ACTIVATION_STAGES,)),
    (_encoder, (at.ENCODES, at.ENCODER_STAGES, at.ENCODER_COLUMNS)),
    (_reach, (at.REACH,)),
    (_activation, (at.AT_ONCE, at.STATE_PORTS, at.STATE_UNITS)),
    (_sequencer, (at.SETUP_CYCLES, at.EMPTY_CYCLES, at.BANK_CYCLES)),
)  # fmt: skip
"""A row of ``designs`` in pieces, each of which reads few parameters, and where its numbers stand."""


def _reduced(fraction: tuple[int, int]) -> tuple[int, int]:
    common = gcd(*fraction)
    return fraction[0] // common, fraction[1] // common


@dataclass(frozen=True)
class Network:
    """The graph of a trace of one phase, as the machine runs it, with so many lanes."""

    trace: Trace
    chosen: Selected
    lanes: int

    @classmethod
    def of(cls, trace: Trace, scope: RunScope, host: tuple[Scope, ...], lanes: int) -> "Network":
        """BadInput where the machine cannot run its order of operations."""
        (phase,) = trace.described
        return cls(trace, selected(phase, scope, host), lanes)

    @cached_property
    def staged(self) -> Staged:
        return staging(self.chosen, self.lanes)

    @cached_property
    def ordered(self) -> tuple[tuple[Stream, ...], ...]:
        """The streams of each stage in the order in which a block streams them."""
        return tuple(tuple(sorted(own, key=lambda stream: stream.age)) for own in self.staged.streams)

    @cached_property
    def stages(self) -> Ints:
        rows, begin = [], 0
        made = {operands: index for index, operands in enumerate(self.staged.lists)}
        for stage, own in zip(self.staged.stages, self.ordered, strict=True):
            end = begin + len(own)
            rows.append((
                stage.units, stage.rows_per_unit, stage.sums_per_unit, stage.sums_per_row, stage.norm_bits,
                stage.unit.cell_reads, made.get(stage.operands, -1) if stage.operands else -1, begin, end,
            ))  # fmt: skip
            begin = end
        return np.array(rows, np.int64)

    @cached_property
    def streams(self) -> Ints:
        rows = []
        for own in self.ordered:
            groups: list[tuple[object, ...]] = []
            for stream in own:
                if not groups or groups[-1] != stream.waits:
                    groups.append(stream.waits)
                list_, back = (stream.waits[0].list, stream.waits[0].steps_back) if stream.waits else (-1, 0)
                rows.append((
                    stream.cols, stream.rows_per_unit, stream.bits_per_unit, list_, back, stream.mat_vecs[0],
                    len(groups) - 1,
                ))  # fmt: skip
        return np.array(rows, np.int64)

    @cached_property
    def by_reads(self) -> Ints:
        """Streams in the order in which they become resident: those read most often first."""
        place = {id(stream): k for k, stream in enumerate(s for own in self.ordered for s in own)}
        order = sorted((s for own in self.staged.streams for s in own), key=lambda stream: -stream.read)
        return np.array([place[id(stream)] for stream in order], np.int64)

    @cached_property
    def unit_counts(self) -> Ints:
        """Actions for each unit and lane of a stage."""
        counts = np.zeros((len(self.staged.stages), len(COUNTED)), np.int64)
        for row, stage in zip(counts, self.staged.stages, strict=True):
            for action, amount in results(stage, 1):
                row[COUNTED.index(action)] = amount
        return counts

    @property
    def input_bits(self) -> int:
        """Bits of the inputs of a lane."""
        return bits_of_a_lane(self.staged.outside)

    @property
    def kept_units(self) -> int:
        return kept_units(self.chosen.phase.graph)

    def work(self, steps: int, skipping: bool, reach: int | None) -> Work:
        at_once = (1,) * len(self.chosen.mat_vecs)
        return work_of(self.trace, self.chosen.mat_vecs, self.staged.lists, self.lanes, at_once, steps, skipping, reach)

    def kinds(self, steps: int, skipping: bool, reach: int | None, streamed: bool) -> Ints:
        """Columns in a few steps, by stage, rows and bits: as the estimate has them."""
        expected = expected_columns(self.trace, self.lanes, steps, skipping, reach)
        rows = []
        for number, own in enumerate(self.staged.streams):
            counted = [(stream, expected[self.chosen.mat_vecs[stream.mat_vecs[0]].name]) for stream in own]
            rows += [
                (number, each.rows_per_unit, each.bits_per_unit, *each.all, *each.early)
                for each in columns_of(counted, streamed)
            ]
        return np.array(rows, np.int64)


class WorkArrays:
    """The work of a network on its lanes, as arrays."""

    def __init__(self, network: Network, steps: int, skipping: bool, reach: int | None) -> None:
        work = network.work(steps, skipping, reach)
        windows = list(work.windows())
        self.streamed = np.ascontiguousarray(np.concatenate([w.streamed for w in windows], axis=1))
        self.active = np.ascontiguousarray(np.concatenate([w.active for w in windows], axis=1))
        self.tokens = np.concatenate([w.tokens for w in windows])
        totals = work.totals
        self.total_tokens = totals.tokens
        parts = totals.streamed, totals.issued, totals.nonzero, totals.runs, totals.run_steps, work.reads_buffer
        self.totals = np.array(parts, np.int64).T.copy()
        last, self.off_steps, self.off_lanes = work.switched_off
        scanned, listed = work.listed_inputs
        self.scalars = np.array(
            (network.kept_units, network.input_bits, totals.listed + listed, scanned, len(network.staged.lists), last),
            np.int64,
        )
        assert len(self.scalars) == SCALARS
