"""The organisation of the weight memory: what a private memory lacks, and what the lanes and its size must be."""

import re
import tomllib
from typing import Any

import pytest

from archsim.design import Design, load_design
from archsim.errors import BadInput

PRIVATE = load_design("edge-private").override({"weight_memory.weights_per_word": 1})
"""16 PEs in 4 tiles, one lane, 8 bits, 64 KiB, a memory of 8-bit words for each PE."""


@pytest.mark.parametrize(
    ("override", "memories", "word_bits", "words"),
    [
        ({}, 16, 8, 4096),
        ({"weight_memory.organisation": "per_tile"}, 4, 32, 4096),
        ({"weight_memory.organisation": "per_tile", "lanes": 2}, 4, 16, 8192),  # a word serves both lanes
        ({"weight_memory.organisation": "per_tile", "lanes": 4}, 4, 8, 16384),
        ({"weight_memory.weights_per_word": 4}, 16, 32, 1024),
        ({"weight_memory.weights_per_word": 4, "weight_memory.organisation": "per_tile", "lanes": 2}, 4, 64, 2048),
        ({"pe_array.weight_bits": 3}, 16, 3, 10922),  # what is left of 4 KiB holds no word
        ({"pe_array.tiles": 3, "weight_memory.capacity_kib": 1}, 12, 8, 85),
    ],
)
def test_memories_and_their_words(override: dict[str, Any], memories: int, word_bits: int, words: int) -> None:
    design = PRIVATE.override(override)
    assert (design.weight_memories, design.weight_word_bits, design.words_of_a_memory) == (memories, word_bits, words)
    assert design.bus_word_bits == 0


def test_a_shared_memory_is_one_and_has_a_bus() -> None:
    design = load_design("edge-resident")
    assert (design.weight_memories, design.weight_word_bits, design.bus_word_bits) == (1, 512, 512)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {"lanes": 2},
            "weight_memory.organisation per_pe: lanes must be 1, not 2: lanes share every weight, which needs a memory"
            " for the PEs of all lanes (per_tile, with pes_per_tile = lanes)",
        ),
        (
            {"lanes": 8, "weight_memory.organisation": "per_tile"},
            "weight_memory.organisation per_tile: lanes must divide the 4 PEs of a tile, whose memory serves all lanes,"
            " not 8",
        ),
        (
            {"pe_array.tiles": 4096, "weight_memory.capacity_kib": 1},
            "weight_memory.organisation per_pe: weight_memory.capacity_kib must hold a word of 8 bits in each of the"
            " 16384 memories, not 1",
        ),
        (
            {"weight_memory.capacity_kib": 0},
            "weight_memory: organisation per_pe: capacity_kib must be at least 1, not 0",
        ),
        (
            {"weight_memory.residency": "part"},
            "weight_memory: organisation per_pe: residency must be whole, not part: private memories hold all weights"
            " of a model, since nothing can be streamed past them",
        ),
        (
            {"weight_memory.organisation": "shared"},
            "weight_memory: weights_per_cycle must be at least 1 for a shared memory, which has a bus and a FIFO, not"
            " 0",
        ),
        (
            {"weight_memory.organisation": "shared", "weight_memory.weights_per_cycle": 8},
            "weight_memory: fifo_words must be at least 1 for a shared memory, which has a bus and a FIFO, not 0",
        ),
        (
            {"weight_memory.organisation": "everywhere"},
            "weight_memory.organisation: Input should be 'shared', 'per_tile' or 'per_pe', not 'everywhere'",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(override: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=f"^design edge-private: {re.escape(message)}$"):
        PRIVATE.override(override)


def test_a_shared_memory_says_how_many_ports_its_fifo_has() -> None:
    tree = tomllib.loads(load_design("skip-65nm").to_toml())
    del tree["weight_memory"]["ports"]
    with pytest.raises(ValueError, match="ports of the FIFO must be given for a shared memory"):
        Design.model_validate(tree)


def test_bus_and_fifo_of_a_private_memory_are_not_read() -> None:
    """So that a search may choose the organisation of one design."""
    resident = load_design("edge-resident").override({"weight_memory.residency": "whole"})
    private = resident.override({"weight_memory.organisation": "per_pe"})
    assert private.weight_memory.fifo_words == resident.weight_memory.fifo_words
    assert (private.weight_memories, private.weight_word_bits, private.bus_word_bits) == (64, 8, 0)
