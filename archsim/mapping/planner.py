"""The planner: from a graph and a design to the static order of work (products to stages to blocks, columns to bursts).

It uses pure functions and integers only, and every engine reads the same plan. The dataflow (``dataflows``) determines
how a stage is cut into blocks and in which order their columns are streamed. Products with row scales of their own
need an accumulator each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache, partial
from itertools import chain, groupby, islice, repeat
from typing import NamedTuple

from archsim.catalogue import Action
from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping import dataflows
from archsim.mapping.capacity import first_memory, fitted
from archsim.mapping.dataflows import BlockUnits, Schedule
from archsim.mapping.dataflows.base import Cut, Time
from archsim.mapping.estimate import StageTime, stage_time
from archsim.mapping.operations import results
from archsim.mapping.plan import Block, BlockRun, Burst, Norms, Plan, RunScope, Stage
from archsim.mapping.read_out import ResultTimes, result_times
from archsim.mapping.refusals import check_formats, check_kept_sums, check_operations, check_order, check_run
from archsim.mapping.residency import Residency, all_fit, residency_of
from archsim.mapping.stages import stages_of
from archsim.mapping.streams import Stream, streams_of, taken_at_once
from archsim.mapping.traffic import burst_of, bursts_of, fetch_of, norms_of, written_of
from archsim.trace.graph import Encode, Graph, MatVec, Operand, Scope
from archsim.trace.header import Phase


def plan(design: Design, graph: Graph, lanes: int, scope: RunScope = "model") -> Plan:
    """The plan of a network of one phase; see `plans`."""
    (planned,) = plans(design, (Phase(graph=graph),), lanes, scope)
    return planned


def plans(
    design: Design,
    phases: Sequence[Phase],
    lanes: int,
    scope: RunScope = "model",
    expected: Callable[[], Mapping[str, tuple[int, ...]]] | None = None,
) -> tuple[Plan, ...]:
    """The plan of each of `phases` on `design` with `lanes` sequences side by side.

    `expected` gives the columns that each product, by its name, streams in a few steps, for which the blocks are cut
    (None: all columns in one step). It is called once it is known that the design can run the network.
    All phases share the weight SRAM: what is resident stays there over all of them. The plan of a phase of which
    nothing is left to run has no blocks. BadInput names what the design cannot run: a number format, an operation, a
    column or state that does not fit, an order that waits for itself, or a number of lanes that the design does not
    have.
    """
    check_run(design, lanes, scope)
    chosen = [selected(phase, scope, design.host) for phase in phases]
    if not any(mv.edge == "previous_step" for each in chosen for mv in each.mat_vecs):
        raise BadInput(f"design {design.name}: nothing recurrent is left to run")
    staged = [_mapped(design, each, lanes) for each in chosen]
    stages = [stage for each in staged for stage in each.stages]
    streams = [streams for each in staged for streams in each.streams]
    streamed, columns = not all_fit(design, stages, streams), cache(expected or dict)
    times = [time for each in staged for time in _times(design, each, lanes, streamed, columns)]
    schedules = _schedules(design, stages, streams, times)
    rest = iter(schedules)
    mapped = [replace(each, schedules=tuple(islice(rest, len(each.stages)))) for each in staged]
    for each in mapped:
        check_kept_sums(design, each.stages, each.streams, each.schedules)
    residency = residency_of(design, stages, streams, schedules)
    found: list[Plan] = []
    number = 0
    for each in mapped:
        own = replace(residency, streams=residency.streams[number : number + len(each.stages)])
        number += len(each.stages)
        found.append(_planned(design, each, own, lanes, follows=any(before.runs for before in found)))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Selected:
    """The products of a phase that run on the machine, and the names of those that do not, with the reason.

    Designs that leave out the same share it, and what is cached for it.
    """

    phase: Phase
    mat_vecs: tuple[MatVec, ...]
    left_out: tuple[str, ...]


@lru_cache(maxsize=64)
def selected(phase: Phase, scope: RunScope, host: tuple[Scope, ...]) -> Selected:
    kept: list[MatVec] = []
    left_out: list[str] = []
    for mv in phase.graph.mat_vecs:
        if scope == "recurrent" and mv.scope in ("readout", "embedding"):
            left_out.append(f"{mv.name} ({mv.scope}: outside --scope recurrent)")
        elif mv.scope in host:
            left_out.append(f"{mv.name} ({mv.scope}: runs on the host)")
        else:
            kept.append(mv)
    return Selected(phase, tuple(kept), tuple(left_out))


class Staged(NamedTuple):
    """A phase as stages with their streams."""

    stages: Sequence[Stage] = ()
    streams: Sequence[Sequence[Stream]] = ()
    lists: tuple[tuple[str, ...], ...] = ()
    """Operands that its stages make, those of one result together."""
    outside: tuple[Operand, ...] = ()
    """Operands that its products read and that it does not make."""


@lru_cache(maxsize=64)
def staging(chosen: Selected, lanes: int) -> Staged:
    """The stages of a phase, which are those of every design that runs its products, with streams of one step."""
    graph, mat_vecs = chosen.phase.graph, chosen.mat_vecs
    stages = stages_of(graph, mat_vecs)
    lists = tuple(stage.operands for stage in stages if stage.operands)
    made = {operand: index for index, operands in enumerate(lists) for operand in operands}
    once = chosen.phase.steps == "one"
    streams = [streams_of(graph, mat_vecs, stage, made, lanes, once) for stage in stages]
    check_order(mat_vecs, stages)
    outside = dict.fromkeys(mv.operand for mv in mat_vecs if mv.operand not in made)
    return Staged(stages, streams, lists, tuple(map(graph.operand, outside)))


@dataclass(frozen=True)
class _Mapped:
    """A phase as stages with their streams and schedules."""

    of: Selected
    stages: Sequence[Stage]
    streams: Sequence[Sequence[Stream]]
    lists: tuple[tuple[str, ...], ...]
    outside: tuple[Operand, ...]
    schedules: Sequence[Schedule] = ()


def _mapped(design: Design, chosen: Selected, lanes: int) -> _Mapped:
    graph, mat_vecs = chosen.phase.graph, chosen.mat_vecs
    if not mat_vecs:
        return _Mapped(chosen, *Staged())
    units = kept_units(graph)
    if units > design.state_buffer.units:
        raise BadInput(
            f"design {design.name}: state_buffer.units must be at least {units}, not {design.state_buffer.units}"
        )
    check_operations(design, graph)
    check_formats(design, graph, mat_vecs)
    staged, steps = staging(chosen, lanes), design.sequencer.steps_at_once
    if steps == 1 or chosen.phase.steps == "one":
        return _Mapped(chosen, *staged)
    streams = [taken_at_once(own, mat_vecs, steps) for own in staged.streams]
    return _Mapped(chosen, *staged._replace(streams=streams))


def kept_units(graph: Graph) -> int:
    """Elements that the state buffer holds of a step. Operands of one result are one copy of it if they are as wide:
    they differ in what the encoder lists for the products that read them."""
    made_of = {op.operand: op.of for op in graph.operations if isinstance(op, Encode)}
    kept = (o for o in graph.operands if o.kind in ("state", "result"))
    return sum({(made_of.get(o.name, o.name), o.bits): o.size for o in kept}.values())


@dataclass(frozen=True)
class StageTimes:
    """The time of a stage, made when it is first asked for: many a design has no block that could be timed."""

    make: Callable[[], StageTime]

    @cached_property
    def made(self) -> StageTime:
        return self.make()

    def fastest(self, most: int, unit_by_unit: bool) -> Cut:
        return self.made.fastest(most, unit_by_unit)


def _times(
    design: Design, mapped: _Mapped, lanes: int, streamed: bool, expected: Callable[[], Mapping[str, tuple[int, ...]]]
) -> Iterator[StageTimes]:
    """The time of each stage of a phase; `streamed`: weights come from DRAM."""
    graph, mat_vecs = mapped.of.phase.graph, mapped.of.mat_vecs

    def columns(stream: Stream) -> tuple[int, ...]:
        first = mat_vecs[stream.mat_vecs[0]]
        one_hot = graph.operand(first.operand).kind == "one_hot"
        return expected().get(first.name) or (min(lanes, first.cols) if one_hot else first.cols,)

    def made(stage: Stage, streams: Sequence[Stream]) -> StageTime:
        return stage_time(design, stage, [(stream, columns(stream)) for stream in streams], lanes, streamed)

    latencies(design)  # BadInput where the tables do not cover them
    for each in zip(mapped.stages, mapped.streams, strict=True):
        yield StageTimes(partial(made, *each))


def _schedules(
    design: Design, stages: Sequence[Stage], streams: Sequence[Sequence[Stream]], times: Sequence[StageTimes]
) -> list[Schedule]:
    """The schedules of stages, as the dataflow makes them, that fit into private memories together."""
    fastest = [_schedule(design, *each) for each in zip(stages, streams, times, strict=True)]
    if not design.weight_memory.private:
        return fastest

    def within(number: int, words: int) -> tuple[Schedule, int]:
        stage, own, time = stages[number], streams[number], times[number].made
        schedule = _schedule(design, stage, own, time._replace(memory=first_memory(design, stage, own, words)))
        block = schedule.blocks[0]
        return schedule, int(time.cycles(block.units, block.unit_by_unit)[-1])

    return fitted(design, stages, streams, fastest, within)


def _planned(design: Design, mapped: _Mapped, residency: Residency, lanes: int, follows: bool) -> Plan:
    """The plan of a phase; `follows`: an earlier one runs on the machine, and has written the vectors that this reads.

    Without such a phase they are inputs, which come from outside the machine.
    """
    inputs: tuple[Operand, ...] = mapped.outside
    passed: tuple[Operand, ...] = ()
    if follows:
        inputs = tuple(operand for operand in mapped.outside if operand.kind != "vector")
        passed = tuple(operand for operand in mapped.outside if operand.kind == "vector")
    stages = latencies(design)
    written = [operand for operand in passed if operand.name not in mapped.of.phase.rereads]
    fetch = fetch_of(design, inputs, passed, lanes)
    steps_at_once = {i: stream.steps_at_once for own in mapped.streams for stream in own for i in stream.mat_vecs}
    if fetch and max(steps_at_once.values(), default=1) > 1:
        raise BadInput(
            f"design {design.name}: sequencer.steps_at_once must be 1 where inputs come over the channel, a step ahead"
            f" of their use, not {design.sequencer.steps_at_once}"
        )
    return Plan(
        mat_vecs=mapped.of.mat_vecs,
        steps_at_once=tuple(steps_at_once.get(i, 1) for i in range(len(mapped.of.mat_vecs))),
        stages=tuple(mapped.stages),
        runs=tuple(_Blocks(design, lanes, mapped.stages, mapped.lists, mapped.schedules, residency).runs()),
        lists=mapped.lists,
        fetch=fetch,
        written=written_of(design, written, lanes),
        lanes=lanes,
        banks=design.pe_array.banks,
        pe_stages=stages.pe_stages + design.shape.columns - 1,  # a sum passes from tile to tile, a cycle each
        activation_stages=stages.activation_stages,
        resident_bits=residency.bits,
        model_bits=residency.model_bits,
        left_out=mapped.of.left_out,
    )


def _schedule(design: Design, stage: Stage, streams: Sequence[Stream], time: Time) -> Schedule:
    """The schedule that the design's dataflow makes for a stage."""
    try:
        return dataflows.by_name(design.dataflow).schedule(
            stage, streams, pes=design.pes_per_lane, accumulators=design.shape.sums, time=time
        )
    except BadInput as problem:
        raise BadInput(f"design {design.name}: {problem}") from None


class _Place(NamedTuple):
    """Everything in which the blocks of a stage can differ, apart from where they begin."""

    opens: bool
    ends: bool
    part: BlockUnits
    resident: frozenset[Stream]


class _Content(NamedTuple):
    """What blocks of a stage have in common that are alike in their units and in what of them is resident."""

    norms: Norms
    bursts: Mapping[tuple[int, ...], Burst]
    """The burst of each stream on its own, by its products."""
    times: ResultTimes
    results: tuple[tuple[Action, int], ...]


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
            first_unit, content = 0, cache(partial(self._content, number))
            for key, alike in groupby(self._places(number)):
                place, count = _Place(*key), len(list(alike))
                block = self._block(index, number, first_unit, place, content(place.part, place.resident))
                yield BlockRun(block, count)
                index, first_unit = index + count, first_unit + count * place.part.units

    def _places(self, number: int) -> Iterator[tuple[bool, bool, BlockUnits, frozenset[Stream]]]:
        """The places of a stage's blocks, in order."""
        parts = self.schedules[number].blocks
        opens, ends = chain((True,), repeat(False)), chain(repeat(False, len(parts) - 1), (True,))
        return zip(opens, ends, parts, self.residency.streams[number], strict=False)

    def _content(self, number: int, part: BlockUnits, resident: frozenset[Stream]) -> _Content:
        design, stage = self.design, self.stages[number]
        times = result_times(design, stage, part, self.lanes, listed=bool(stage.operands))
        norms = norms_of(design, stage, part, self.residency.norms)
        streams = chain.from_iterable(self.schedules[number].following)
        bursts = {each.mat_vecs: burst_of(design, each, part, each in resident, self.lanes) for each in streams}
        return _Content(norms, bursts, times, results(stage, part.units))

    def _block(self, index: int, number: int, first_unit: int, place: _Place, content: _Content) -> Block:
        stage, schedule, times = self.stages[number], self.schedules[number], content.times
        made = self.lists.index(stage.operands) if stage.operands else None
        return Block(
            index=index,
            stage=number,
            first_unit=first_unit,
            units=place.part.units,
            unit_by_unit=place.part.unit_by_unit,
            norms=content.norms,
            bursts=bursts_of(schedule.opening if place.opens else schedule.following, content.bursts),
            activation_cycles=times.activation,
            elements_after=times.elements_after,
            encode_cycles=times.encode,
            encode_tail=times.encode_tail,
            list=made,
            ends_list=made is not None and place.ends,
            results=content.results,
        )
