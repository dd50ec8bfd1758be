"""The estimate by which blocks are cut, compared with blocks taken one by one, and with the machine."""

from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.design import load_design
from archsim.mapping.dataflows.base import Cut
from archsim.mapping.estimate import PARTS, Columns, StageTime
from archsim.mapping.work import LIKELY, expected_columns
from archsim.simulation import Job, prepare, time_run
from archsim.trace.synthetic import synthesize
from tests.archsim.small_traces import TRACES, trace_of


@st.composite
def drawn_times(draw: st.DrawFn) -> StageTime:
    """Stages and machines of which nothing divides anything, with one list or two in the same block."""
    small, steps = st.integers(1, 9), draw(st.integers(1, 3))
    streamed = draw(st.booleans())

    def columns() -> Columns:
        counts = draw(st.tuples(*[st.integers(0, 30)] * steps))
        early = draw(st.sampled_from([counts, (0,) * steps]))
        return Columns(draw(st.integers(1, 4)), draw(st.integers(1, 40)) if streamed else 0, counts, early)

    return StageTime(
        units=draw(st.integers(1, 24)),
        columns=tuple(columns() for _ in range(draw(st.integers(1, 2)))),
        pes=draw(small),
        banks=draw(st.integers(1, 2)),
        private=False,
        word_rows=draw(small),
        word_cycles=draw(st.integers(1, 2)),
        fifo_words=draw(st.integers(1, 60)),
        stores=False,
        access_bits=draw(st.sampled_from([1, 7, 64])),
        access_parts=draw(st.integers(1, 5 * PARTS)) if streamed else 0,
        norm_bits=draw(st.sampled_from([0, 16, 80])),
        word_bits=draw(st.integers(1, 99)),
        turn=draw(st.integers(0, 30)),
        lanes=draw(st.integers(1, 4)),
        at_once=draw(small),
        element_cycles=(draw(small), draw(small)),
        stages=draw(small),
        listed_at_once=draw(st.integers(0, 9)),
        lists=draw(st.booleans()),
    )


def by_block(time: StageTime, size: int, unit_by_unit: bool) -> int:
    """The cycles of the steps, block by block and in exact fractions, as the page on the mapping describes them."""
    sizes = [min(size, time.units - first) for first in range(0, time.units, size)]
    return sum(one_step(time, step, sizes, unit_by_unit) for step in range(len(time.columns[0].all))) + results(
        time, sizes[-1], unit_by_unit
    )


def activation(time: StageTime, units: int, unit_by_unit: bool) -> int:
    return ceil(Fraction(units * time.lanes, time.at_once)) * time.element_cycles[unit_by_unit]


def results(time: StageTime, units: int, unit_by_unit: bool) -> int:
    """From the last column to when the results can be consumed."""
    return activation(time, units, unit_by_unit) + known(time, units, unit_by_unit)


def known(time: StageTime, units: int, unit_by_unit: bool) -> int:
    after = 0
    if time.listed_at_once:
        groups = ceil(Fraction(units, time.listed_at_once))
        first = activation(time, min(units, time.listed_at_once), unit_by_unit)
        after = max(0, first - 1 + groups - activation(time, units, unit_by_unit))
    return time.turn + time.stages + after


def one_step(time: StageTime, step: int, sizes: list[int], unit_by_unit: bool) -> int:
    consumed = activated = before = first = 0
    began: list[int] = []  # the activation of each block
    for number, units in enumerate(sizes):
        path, pes, used, _, words = column_times(time, step, units, unit_by_unit)
        cycles = max(ceil(max(path, used)), time.turn)
        if time.banks == 1 and number:  # the FIFO fills while the block before is activated
            in_fifo = path.numerator * PARTS // path.denominator // max(words, 1) * min(words, time.fifo_words) // PARTS
            cycles = max(pes, cycles - min(in_fifo, activation(time, sizes[number - 1], unit_by_unit)))
        consumed = max(consumed, before if time.banks > 1 else activated) + cycles
        began.append(max(activated, consumed))
        before, activated = activated, began[-1] + activation(time, units, unit_by_unit)
        first = first or consumed
    if not time.lists:
        return consumed if time.banks > 1 else activated
    if time.listed_at_once:
        groups = [ceil(Fraction(units, time.listed_at_once)) for units in sizes]
        full = sum(units == sizes[0] for units in sizes)
        listed = max(began[full - 1] + groups[0], first + full * groups[0])
        activated = max(activated, listed + sum(groups[full:]))
    idle = known(time, sizes[-1], unit_by_unit) + (activated - consumed if time.banks > 1 else 0)
    early = int(column_times(time, step, sizes[0], unit_by_unit)[3])
    return activated + known(time, sizes[-1], unit_by_unit) - min(early, idle)


def column_times(
    time: StageTime, step: int, units: int, unit_by_unit: bool
) -> tuple[Fraction, int, Fraction, Fraction, int]:
    """Cycles on the path, in the PEs, of both, of the early ones, and words."""

    def channel(bits: int) -> Fraction:
        return Fraction(ceil(Fraction(bits, time.access_bits)) * time.access_parts, PARTS)

    norms = time.norm_bits * units
    path = max(Fraction(ceil(Fraction(norms, time.word_bits))), channel(norms))
    pes, words, used, early = 0, 0, Fraction(0), Fraction(0)
    for each in time.columns:
        column = ceil(Fraction(units * each.rows_per_unit, time.word_rows))
        sent = max(Fraction(column * time.word_cycles), channel(units * each.bits_per_unit))
        held = [0] * time.pes  # rows are dealt out to the PEs one by one, or a unit at a time
        for dealt in range(units if unit_by_unit else units * each.rows_per_unit):
            held[dealt % time.pes] += each.rows_per_unit if unit_by_unit else 1
        path += each.all[step] * sent
        pes += each.all[step] * max(held)
        words += each.all[step] * column
        slower = max(sent, Fraction(max(held)))
        used, early = used + each.all[step] * slower, early + each.early[step] * slower
    return path, pes, used, early, words


@settings(max_examples=25)
@given(drawn_times(), st.booleans(), st.integers(1, 24))
def test_the_estimate_is_that_of_blocks_one_by_one(time: StageTime, unit_by_unit: bool, most: int) -> None:
    most = min(most, time.units)
    expected = [by_block(time, size, unit_by_unit) for size in range(1, most + 1)]
    assert time.cycles(most, unit_by_unit).tolist() == expected
    alike = [size for size in range(1, most + 1) if 1024 * expected[size - 1] <= 1025 * min(expected)]
    blocks = min(-(-time.units // size) for size in alike)
    fewest = [size for size in alike if -(-time.units // size) == blocks]
    cut = time.fastest(most, unit_by_unit)
    assert cut == Cut(min(expected[size - 1] for size in fewest), blocks, unit_by_unit, cut.units)
    assert cut.cycles == expected[cut.units - 1]


@settings(max_examples=10)
@given(drawn_times(), st.booleans())
def test_numbers_beyond_64_bits_are_exact(time: StageTime, unit_by_unit: bool) -> None:
    """A channel of a bit a year; the same estimate as with Python's integers."""
    slow = time._replace(access_parts=2**55 if time.access_parts else 0, turn=2**45)
    expected = [by_block(slow, size, unit_by_unit) for size in range(1, slow.units + 1)]
    assert slow.cycles(slow.units, unit_by_unit).tolist() == expected


def test_a_column_is_no_wider_than_a_fifo_that_must_hold_it() -> None:
    """Store-and-forward: 64 words of 24 rows hold a column of 384 units of four rows and no more."""
    skip = load_design("skip-65nm").override({"weight_memory.forwarding": "store-and-forward"})
    for fifo_words, most in ((64, 384), (8, 48), (1, 6)):
        design = skip.override({"weight_memory.fifo_words": fifo_words, "pe_array.accumulators": 64})
        planned = prepare(Job(design, trace_of("lstm-dense", "fixed8", 8))).only.plan
        assert max(block.units for block in planned.blocks) <= most


def test_a_fifo_too_small_for_a_cycle_of_the_pes_holds_a_narrower_column() -> None:
    """24 PEs need up to six words of 5 rows at once; three of them hold a column of 3 units, 12 rows."""
    design = load_design("skip-65nm").override({"weight_memory.weights_per_cycle": 5, "weight_memory.fifo_words": 3})
    planned = prepare(Job(design, trace_of("lstm-dense", "fixed8", 8))).only.plan
    assert max(block.units for block in planned.blocks) <= 3


MACHINES: dict[str, dict[str, Any]] = {
    "skip-65nm": {},
    "edge-8pe": {},
    "edge-resident": {},
    "stream-only": {},
    "rbt-low-power-full": {"weight_memory.fifo_words": 64},
}


@pytest.mark.parametrize("kind", TRACES)
@pytest.mark.parametrize("name", MACHINES)
def test_no_arrangement_is_faster_on_the_machine(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every size of a block, by rows and unit by unit, is run: the one that is chosen is the fastest to within 2 %."""
    design = load_design(name).override(MACHINES[name])
    trace = trace_of(kind, "fixed12" if "full" in name else "fixed8", max(2, design.lanes))
    chosen = time_run(prepare(Job(design, trace, lanes=design.lanes))).cycles
    fastest = chosen
    for unit_by_unit in (False, True):
        for size in range(1, 101, 1 if kind == "gru-sparse" else 3):
            monkeypatch.setattr(StageTime, "fastest", forced(size, unit_by_unit))
            fastest = min(fastest, time_run(prepare(Job(design, trace, lanes=design.lanes))).cycles)
    assert chosen <= 1.02 * fastest


def forced(size: int, unit_by_unit: bool) -> Any:
    """Blocks of `size` units, or of fewer where the accumulators hold no more, and dealt out in one of the two ways."""

    def fastest(time: StageTime, most: int, way: bool) -> Cut:
        return Cut(0 if way == unit_by_unit else 10**15, 1, way, min(size, most))

    return fastest


@pytest.mark.parametrize("accumulators", [2, 3, 4, 6, 8, 16, 32])
def test_an_upper_layer_of_a_gru_is_dealt_out_by_rows(accumulators: int) -> None:
    """128 PEs hold the 120 rows of a layer of 40 units: one cycle a column, where unit by unit takes three."""
    trace = trace_of("gru-stack", "ternary", 6)
    runs = [
        time_run(prepare(Job(load_design("large").override({"pe_array.accumulators": count}), trace, lanes=6)))
        for count in (2, accumulators)
    ]
    assert runs[1].busy_cycles == runs[0].busy_cycles
    assert runs[1].cycles <= runs[0].cycles


def test_wider_blocks_are_cut_only_where_they_are_faster() -> None:
    """PEs, tiles or accumulators that make room for wider columns do not make a step slower."""
    trace = synthesize(127, 13, 0.2, correlation=0.5, steps=5, weight_format="ternary")
    edge = load_design("edge-8pe")
    for knob, values in (("pe_array.tiles", (1, 2, 3, 4, 6)), ("pe_array.accumulators", (8, 16, 32, 48, 96))):
        cycles = [time_run(prepare(Job(edge.override({knob: value}), trace, lanes=1))).cycles for value in values]
        assert cycles == sorted(cycles, reverse=True), knob


def test_what_is_expected_are_quantiles_of_the_steps() -> None:
    trace = trace_of("lstm-sparse", "fixed8", 2)
    found = expected_columns(trace, 2, trace.steps, True, None)
    masks = np.unpackbits(np.asarray(trace.arrays["h"])[:-1], axis=-1, count=100).any(axis=1).sum(axis=1)
    ordered = sorted(masks.tolist())
    assert found["W_h"] == tuple(ordered[int((k + 0.5) * len(ordered) / LIKELY)] for k in range(LIKELY))
    assert expected_columns(trace, 2, trace.steps, False, None)["W_h"] == (100,) * LIKELY
