"""Which weights lie in on-chip SRAM."""

from collections.abc import Sequence
from dataclasses import dataclass

from archsim.design import Design
from archsim.mapping.plan import Stage
from archsim.specs.base import ceil_div
from archsim.trace.graph import (
    MatVec,
)


@dataclass(frozen=True)
class Slice:
    """The units of one block."""

    units: int
    units_per_pe: int | None
    """Units that a PE owns whole; None: rows are dealt out to the PEs one by one."""


def residents(
    design: Design,
    mat_vecs: Sequence[MatVec],
    stages: Sequence[Stage],
    slices: Sequence[Sequence[Slice]],
    reads: Sequence[float],
) -> tuple[list[list[frozenset[tuple[int, ...]]]], bool, int, int]:
    """The streams whose weights lie in SRAM, for every block of every stage; whether norms and biases do; the bits of
    both; those of the model.

    Every column is padded to whole SRAM words. Where not all fit, a design with ``residency = "part"`` keeps what is
    read most often: `reads` is the share of its columns that a product reads at a step, at most (a one-hot operand: one
    a lane). Norms and biases come first.
    """
    memory, word_bits = design.weight_memory, design.bus_word_bits

    def stored(stage: Stage, stream: tuple[int, ...], units: int) -> int:
        column = sum(mat_vecs[i].rows // stage.units * units * mat_vecs[i].weight_format.bits for i in stream)
        return ceil_div(column, word_bits) * word_bits * mat_vecs[stream[0]].cols

    norms = sum(stage.norm_bits * stage.units for stage in stages)
    model = norms + sum(stored(stage, stream, stage.units) for stage in stages for stream in stage.streams)
    fits = 0 < model <= memory.capacity_bits
    if fits or memory.residency == "whole" or norms > memory.capacity_bits:
        of_stage = [frozenset(stage.streams if fits else ()) for stage in stages]
        return [[own] * len(cut) for own, cut in zip(of_stage, slices, strict=True)], fits, fits * model, model
    items = [
        (index, stream, number, stored(stage, stream, part.units), reads[stream[0]])
        for index, stage in enumerate(stages)
        for stream in stage.streams
        for number, part in enumerate(slices[index])
    ]
    kept: list[list[set[tuple[int, ...]]]] = [[set() for _ in cut] for cut in slices]
    used = norms
    for index, stream, number, bits, _ in sorted(items, key=lambda item: -item[4]):
        if used + bits <= memory.capacity_bits:
            kept[index][number].add(stream)
            used += bits
    return [[frozenset(streams) for streams in stage] for stage in kept], True, used, model
