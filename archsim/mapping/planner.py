"""The planner: from a graph and a design to the static order of work (products to stages to blocks, columns to bursts).

It uses pure functions and integers only, and every engine reads the same plan. The dataflow (``dataflows``) determines
how a stage is cut into blocks and in which order their columns are streamed. Products with row scales of their own
need an accumulator each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping import dataflows
from archsim.mapping.dataflows import BlockUnits, Schedule
from archsim.mapping.operations import results
from archsim.mapping.plan import Block, BlockRun, Plan, RunScope, Stage
from archsim.mapping.refusals import check_formats, check_operations, check_order, check_run
from archsim.mapping.residency import Residency, residency_of
from archsim.mapping.stages import stages_of
from archsim.mapping.streams import Stream, streams_of
from archsim.mapping.traffic import bursts_of, fetch_of, norms_of
from archsim.trace.graph import Graph, MatVec


def plan(design: Design, graph: Graph, lanes: int, scope: RunScope = "model") -> Plan:
    """The plan of `graph` on `design` with `lanes` sequences side by side.

    BadInput names what the design cannot run: a number format, an operation, a column or state that does not fit, an
    order that waits for itself, or a number of lanes that the design does not have.
    """
    check_run(design, lanes, scope)
    mat_vecs, left_out = _selected(design, graph, scope)
    check_operations(design, graph)
    check_formats(design, graph, mat_vecs)
    stages = stages_of(graph, mat_vecs)
    lists = tuple(stage.operands for stage in stages if stage.operands)
    made = {operand: index for index, operands in enumerate(lists) for operand in operands}
    streams = [streams_of(graph, mat_vecs, stage, made, lanes) for stage in stages]
    schedules = [_schedule(design, stage, own) for stage, own in zip(stages, streams, strict=True)]
    residency = residency_of(design, stages, streams, schedules)
    check_order(mat_vecs, stages)
    outside = dict.fromkeys(mv.operand for mv in mat_vecs if mv.operand not in made)
    return Plan(
        mat_vecs=mat_vecs,
        stages=tuple(stages),
        runs=tuple(_Blocks(design, lanes, stages, lists, schedules, residency).runs()),
        lists=lists,
        fetch=fetch_of(design, map(graph.operand, outside), lanes),
        lanes=lanes,
        banks=design.pe_array.banks,
        resident_bits=residency.bits,
        model_bits=residency.model_bits,
        left_out=left_out,
    )


def _selected(design: Design, graph: Graph, scope: RunScope) -> tuple[tuple[MatVec, ...], tuple[str, ...]]:
    """The products that run on the machine, and the names of those that do not, with the reason."""
    kept: list[MatVec] = []
    left_out: list[str] = []
    for mv in graph.mat_vecs:
        if scope == "recurrent" and mv.scope in ("readout", "embedding"):
            left_out.append(f"{mv.name} ({mv.scope}: outside --scope recurrent)")
        elif mv.scope in design.host:
            left_out.append(f"{mv.name} ({mv.scope}: runs on the host)")
        else:
            kept.append(mv)
    if not any(mv.edge == "previous_step" for mv in kept):
        raise BadInput(f"design {design.name}: nothing recurrent is left to run")
    units = sum(o.size for o in graph.operands if o.kind in ("state", "result"))
    if units > design.state_buffer.units:
        raise BadInput(
            f"design {design.name}: state_buffer.units must be at least {units}, not {design.state_buffer.units}"
        )
    return tuple(kept), tuple(left_out)


def _schedule(design: Design, stage: Stage, streams: Sequence[Stream]) -> Schedule:
    """The schedule that the design's dataflow makes for a stage."""
    try:
        return dataflows.by_name(design.dataflow).schedule(
            stage, streams, pes=design.pes_per_lane, accumulators=design.pe_array.accumulators
        )
    except BadInput as problem:
        raise BadInput(f"design {design.name}: {problem}") from None


class _Place(NamedTuple):
    """Everything in which the blocks of a stage can differ, apart from where they begin."""

    opens: bool
    ends: bool
    part: BlockUnits
    resident: frozenset[Stream]


@dataclass(frozen=True)
class _Blocks:
    """Makes the blocks of a step from the schedules of its stages."""

    design: Design
    lanes: int
    stages: Sequence[Stage]
    lists: Sequence[tuple[str, ...]]
    schedules: Sequence[Schedule]
    residency: Residency

    def runs(self) -> Iterator[BlockRun]:
        index = 0
        for number in range(len(self.stages)):
            first_unit = 0
            for place, alike in groupby(self._places(number)):
                count = len(list(alike))
                yield BlockRun(self._block(index, number, first_unit, place), count)
                index, first_unit = index + count, first_unit + count * place.part.units

    def _places(self, number: int) -> Iterator[_Place]:
        """The blocks of a stage, in order."""
        parts = self.schedules[number].blocks
        last = len(parts) - 1
        for position, (part, resident) in enumerate(zip(parts, self.residency.streams[number], strict=True)):
            yield _Place(position == 0, position == last, part, resident)

    def _block(self, index: int, number: int, first_unit: int, place: _Place) -> Block:
        design, stage, schedule, part = self.design, self.stages[number], self.schedules[number], place.part
        buffer = design.state_buffer
        made = self.lists.index(stage.operands) if stage.operands else None
        return Block(
            index=index,
            stage=number,
            first_unit=first_unit,
            units=part.units,
            unit_by_unit=part.unit_by_unit,
            norms=norms_of(design, stage.norm_bits * part.units, self.residency.norms),
            bursts=bursts_of(design, schedule.opening if place.opens else schedule.following, part, place.resident),
            activation_cycles=buffer.access_cycles(
                part.units * self.lanes,
                design.activation_unit.units_per_cycle,
                reads=stage.unit.cell_reads,
                writes=1,  # to c, or to h where a cell has none: h lies in another buffer
            ),
            encode_cycles=buffer.access_cycles(part.units, design.skip_encoder.columns_per_cycle, reads=1, writes=0)
            if made is not None and design.skip_encoder.enabled
            else 0,
            list=made,
            ends_list=made is not None and place.ends,
            results=results(stage.unit, part.units, stage.norms_per_unit),
        )
