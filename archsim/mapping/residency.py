"""Residency: which weights lie in on-chip SRAM."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.dataflows import Schedule
from archsim.mapping.plan import Stage
from archsim.mapping.private import stage_words
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div


@dataclass(frozen=True)
class Residency:
    """The part of a model that lies in SRAM."""

    streams: tuple[tuple[frozenset[Stream], ...], ...]
    """The streams whose weights are resident, for every block of every stage."""
    norms: bool
    """Whether row scales and biases are resident."""
    bits: int
    """Bits of everything resident, in whole SRAM words."""
    model_bits: int
    """Bits that the whole model would take."""


@dataclass(frozen=True)
class _Piece:
    """The weights of one stream for one block, which are resident either together or not at all."""

    stage: int
    block: int
    stream: Stream
    bits: int


def residency_of(
    design: Design, stages: Sequence[Stage], streams: Sequence[Sequence[Stream]], schedules: Sequence[Schedule]
) -> Residency:
    """The whole model if it fits into the SRAM, with each column padded to whole words.

    Otherwise, a design with ``residency = "part"`` keeps row scales and biases, and then as many pieces as fit, those
    read most often first. BadInput for a model that does not fit a design without DRAM. Private memories have room for
    the `schedules` (`fitted`).
    """
    memory = design.weight_memory
    if memory.private:
        words = sum(stage_words(design, *each).all for each in zip(stages, streams, schedules, strict=True))
        bits = words * design.weight_word_bits
        return Residency(_alike(streams, schedules), norms=True, bits=bits, model_bits=bits)
    norms, model = _norms(stages), _model_bits(design, stages, streams)
    if 0 < model <= memory.capacity_bits:
        return Residency(_alike(streams, schedules), norms=True, bits=model, model_bits=model)
    if design.dram is None:
        raise BadInput(
            f"design {design.name}: weight_memory.capacity_kib must be at least {ceil_div(model, 8 * 1024):,} for this"
            f" model, not {memory.capacity_kib:,}: a design without [dram] holds all weights, row scales and biases"
        )
    if memory.residency == "whole" or norms > memory.capacity_bits:
        return Residency(_alike([()] * len(schedules), schedules), norms=False, bits=0, model_bits=model)
    kept: list[list[set[Stream]]] = [[set() for _ in schedule.blocks] for schedule in schedules]
    used = norms
    for piece in sorted(_pieces(design, streams, schedules), key=lambda piece: -piece.stream.read):
        if used + piece.bits <= memory.capacity_bits:
            kept[piece.stage][piece.block].add(piece.stream)
            used += piece.bits
    return Residency(
        tuple(tuple(map(frozenset, of_stage)) for of_stage in kept), norms=True, bits=used, model_bits=model
    )


def _alike(
    streams: Sequence[Sequence[Stream]], schedules: Sequence[Schedule]
) -> tuple[tuple[frozenset[Stream], ...], ...]:
    """The same streams for all blocks of a stage."""
    return tuple((frozenset(own),) * len(schedule.blocks) for own, schedule in zip(streams, schedules, strict=True))


def all_fit(design: Design, stages: Sequence[Stage], streams: Sequence[Sequence[Stream]]) -> bool:
    """Whether a model lies in SRAM as a whole, as it always does in private memories."""
    memory = design.weight_memory
    return memory.private or 0 < _model_bits(design, stages, streams) <= memory.capacity_bits


def _model_bits(design: Design, stages: Sequence[Stage], streams: Sequence[Sequence[Stream]]) -> int:
    """Bits that all weights, row scales and biases take in SRAM, with each column padded to whole words."""
    return _norms(stages) + sum(
        _stored(design, stream, stage.units) for stage, own in zip(stages, streams, strict=True) for stream in own
    )


def _norms(stages: Sequence[Stage]) -> int:
    return sum(stage.norm_bits * stage.units for stage in stages)


def _pieces(design: Design, streams: Sequence[Sequence[Stream]], schedules: Sequence[Schedule]) -> Iterator[_Piece]:
    for stage, (own, schedule) in enumerate(zip(streams, schedules, strict=True)):
        for stream in own:
            for block, part in enumerate(schedule.blocks):
                yield _Piece(stage, block, stream, _stored(design, stream, part.units))


def _stored(design: Design, stream: Stream, units: int) -> int:
    """Bits that a stream's columns take in SRAM for `units` units."""
    return ceil_div(units * stream.bits_per_unit, design.bus_word_bits) * design.bus_word_bits * stream.cols
