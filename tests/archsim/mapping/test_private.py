"""Private weight memories against a count of every row: which PE a row lies in is what the functional check says."""

import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.machine.functional import places
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Block, Plan
from archsim.mapping.planner import plan
from archsim.trace.synthetic import synthesize
from tests.archsim.cuts import largest_blocks
from workloads.config import Config, LayerConfig, OneHot
from workloads.graphs import graph_of

PRIVATE = load_design("edge-private").override({"weight_memory.weights_per_word": 1})
"""16 PEs in 4 tiles, one lane, 8 bits, 64 KiB, a memory of 8-bit words for each PE."""


@given(st.integers(1, 40), st.booleans(), st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))
def test_rows_are_dealt_to_groups_of_pes(units: int, by_unit: bool, rows: int, groups: int, size: int) -> None:
    pes, dealt = groups * size, Counter[int]()
    for row in range(units * rows):
        dealt[(row // rows if by_unit else row) % pes // size] += 1
    found = BlockUnits(units, by_unit).rows_of_groups(rows, groups, pes)
    assert [own for count, own in found for _ in range(count)] == [dealt[group] for group in range(groups)]


def ceil(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


def rows_by_memory(design: Design, planned: Plan, block: Block) -> list[int]:
    """Rows of one sum of each product's stream in each memory, by the PE that accumulates them."""
    found = Counter[int]()
    per_memory = design.pes_per_lane // design.weight_memories
    sums = places(planned, block, design.pes_per_lane)
    for pe in {name: each.pe for name, each in sums.items()}["gates"].tolist():
        found[pe // per_memory] += 1
    return [found[memory] for memory in range(design.weight_memories)]


@pytest.mark.parametrize(
    ("override", "weights", "hidden"),
    [
        ({}, "fixed8", 20),
        ({}, "ternary", 21),
        ({"weight_memory.organisation": "per_tile"}, "fixed8", 21),
        ({"weight_memory.organisation": "per_tile", "lanes": 2}, "binary", 13),
        ({"weight_memory.organisation": "per_tile", "pe_array.tiles": 3, "lanes": 4}, "ternary", 50),
        ({"weight_memory.weights_per_word": 3}, "fixed8", 30),
        ({"weight_memory.weights_per_word": 3, "weight_memory.organisation": "per_tile"}, "ternary", 30),
        ({"pe_array.weight_bits": 9}, "ternary", 30),  # four of them, and a bit that is left over
    ],
)
@largest_blocks()
def test_words_are_those_of_the_rows_in_each_memory(override: dict[str, Any], weights: str, hidden: int) -> None:
    """An LSTM of one group: a column of x or h feeds all rows, each row has one bias, and no lane has a copy."""
    design = PRIVATE.override(override)
    graph = synthesize(hidden, 5, 0.5, steps=1, weight_format=weights).graph
    planned, bits = plan(design, graph, design.lanes), {"fixed8": 8, "ternary": 2, "binary": 1}[weights]
    words = [0] * design.weight_memories
    for block in planned.blocks:
        rows = rows_by_memory(design, planned, block)
        column = [ceil(own, design.weight_word_bits // bits) for own in rows]
        biases = [ceil(own * 16, design.weight_word_bits) for own in rows]
        assert sum(rows) == 4 * block.units
        assert (block.norms.sram_words, block.norms.cycles) == (sum(biases), max(biases))
        for burst in block.bursts:
            assert burst.column_sram_words == sum(column)
            assert burst.column_dram_bits == 0
            assert burst.latency_cycles >= 1
            assert burst.column_words == max(column) == burst.feed.words <= burst.tile_cycles == burst.feed.cycles
        words = [w + b + (5 + hidden) * c for w, b, c in zip(words, biases, column, strict=True)]
    assert planned.resident
    assert planned.resident_bits == sum(words) * design.weight_word_bits
    assert max(words) == words[0]

    # The least capacity is that of the memory that has the most, whatever the others have.
    kib = ceil(words[0] * design.weight_word_bits * design.weight_memories, 8192)
    assert plan(design.override({"weight_memory.capacity_kib": kib}), graph, design.lanes) == planned
    if kib > 1:
        with pytest.raises(BadInput, match=rf"weight_memory\.capacity_kib must be at least {kib} for this model, not"):
            plan(design.override({"weight_memory.capacity_kib": kib - 1}), graph, design.lanes)


def test_what_does_not_fit_a_pe_is_refused_with_the_sizes() -> None:
    """128 units make 512 rows, 32 a PE, of 168 columns and a bias of two words: 32 x 170 words in each memory."""
    graph = synthesize(128, 40, 0.5, steps=1).graph
    message = (
        "design edge-private: weight_memory.capacity_kib must be at least 85 for this model, not 64: each of its 16"
        " private memories (per_pe) holds 4,096 words of 8 bits, and the first one needs 5,440"
    )
    with pytest.raises(BadInput, match=f"^{re.escape(message)}$"):
        plan(PRIVATE, graph, 1)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@largest_blocks()
def test_row_scales_lie_with_the_rows_that_they_scale(cell: str) -> None:
    """Both products of 16 units are normalised apart, a unit for each of 16 PEs. An LSTM's four rows have two scales
    and a bias each; a GRU's three rows have two scales and a bias, and n has a second bias, since r comes between."""
    config = Config(
        name="normalised",
        input=OneHot(symbols=5),
        layers=(LayerConfig(cell=cell, hidden=16, weight_format="fixed8", input_weight_format="fixed8", state_bits=8),),
    )
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: True))
    (block,) = plan(PRIVATE, graph, 1).blocks
    words = {"lstm": 4 * 3 * 2, "gru": (3 * 3 + 1) * 2}[cell]
    assert (block.norms.cycles, block.norms.sram_words) == (words, 16 * words)
