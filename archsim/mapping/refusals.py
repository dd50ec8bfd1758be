"""Checks that refuse, by name, what a design cannot run."""

from collections.abc import Sequence

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.dataflows import Schedule
from archsim.mapping.plan import RUN_SCOPES, Plan, RunScope, Stage
from archsim.mapping.streams import Stream
from archsim.mapping.work import Work
from archsim.specs.base import ceil_div
from archsim.trace.graph import (
    Graph,
    LayerNorm,
    MatVec,
)


def check_run(design: Design, lanes: int, scope: RunScope) -> None:
    """BadInput for an unknown scope, or for more lanes than the design has."""
    if scope not in RUN_SCOPES:
        raise BadInput(f"scope must be one of {', '.join(RUN_SCOPES)}, not {scope!r}")
    if not 1 <= lanes <= design.lanes:
        raise BadInput(f"design {design.name}: lanes must be between 1 and {design.lanes}, not {lanes}")


def check_operations(design: Design, graph: Graph) -> None:
    """BadInput for an operation that no part of the machine can perform."""
    for op in graph.operations:
        if isinstance(op, LayerNorm):
            raise BadInput(
                f"design {design.name} cannot run operation {op.name}: a layer norm needs a mean and a variance of all"
                f" its rows at run time"
            )


def check_kept_sums(
    design: Design, stages: Sequence[Stage], streams: Sequence[Sequence[Stream]], schedules: Sequence[Schedule]
) -> None:
    """BadInput if the accumulators cannot hold the sums of all steps whose inputs are taken at once.

    They hold those of every block until its step; a stage of which nothing is kept takes a bank of them for a block.
    """
    kept = work = 0
    for stage, own, schedule in zip(stages, streams, schedules, strict=True):
        steps = max((stream.steps_at_once for stream in own), default=1)
        if steps > 1:
            kept += steps * len(schedule.blocks) * stage.sums_per_row
        else:
            work = max(work, stage.sums_per_row)
    banks = design.pe_array.banks
    least = (work + ceil_div(kept, banks)) * design.lanes
    if kept and least > design.shape.sums * design.lanes:
        raise BadInput(
            f"design {design.name}: pe_array.accumulators must be at least {least}, for the sums of"
            f" {design.sequencer.steps_at_once} steps (sequencer.steps_at_once), not {design.pe_array.accumulators}"
        )


def check_formats(design: Design, graph: Graph, mat_vecs: Sequence[MatVec]) -> None:
    """BadInput for a product whose weight format or operand the PEs cannot take."""
    for mv in mat_vecs:
        operand = graph.operand(mv.operand)
        bits = 1 if operand.kind == "one_hot" else operand.bits
        refusal = design.pe_array.refusal(mv.weight_format, bits)
        if refusal:
            raise BadInput(f"design {design.name} cannot run operation {mv.name}: {refusal}")


LARGEST = 2**62
"""The largest number of parts of a cycle that the engines may count, so that no 64-bit integer overflows."""


def check_range(design: Design, plan: Plan, work: Work) -> None:
    """BadInput if a run could take more cycles than 64 bits hold, even if nothing of it overlapped."""
    cycles, parts = 0, 1
    fetched = plan.fetch.cycles[-1] + plan.fetch.latency_cycles if plan.fetch else 0
    for run in plan.runs:
        block, of_block = run.block, run.block.activation_cycles + run.block.encode_cycles + run.block.encode_tail
        for burst in block.bursts:
            columns = sum(work.totals.streamed[stream[0]] for stream in burst.streams)
            words = columns * burst.column_words
            cycles += run.count * (columns * burst.tile_cycles + burst.pace.of(words))
            of_block += design.sequencer.setup_cycles + design.sequencer.empty_burst_cycles + burst.latency_cycles
            parts = max(parts, burst.pace.words)
        of_block += block.norms.cycles + plan.pe_stages + plan.activation_stages + design.sequencer.bank_cycles
        cycles += run.count * work.steps * of_block
    cycles += work.steps * fetched
    if cycles * parts > LARGEST:
        raise BadInput(
            f"design {design.name}: a run must take at most 2^62 parts of a cycle, of which a cycle has {parts} here,"
            f" and could take {cycles:.3g} cycles: fewer steps, or a faster channel"
        )


def check_order(mat_vecs: Sequence[MatVec], stages: Sequence[Stage]) -> None:
    """BadInput for an operand of the same step that is made after it is read: the machine would wait for itself."""
    later = {operand for stage in stages for operand in stage.operands}
    for stage in stages:
        for mv in (mat_vecs[i] for stream in stage.streams for i in stream):
            if mv.edge == "same_step" and mv.operand in later:
                raise BadInput(f"operation {mv.name}: reads {mv.operand} of the same step, which is made after it")
        later.difference_update(stage.operands)
