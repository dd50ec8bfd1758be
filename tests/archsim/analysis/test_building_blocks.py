"""Blocks beside published figures: the page is what the model says, misses are explained, and blind rows hold."""

from pathlib import Path

from archsim.analysis import building_blocks, nodes
from archsim.analysis.building_blocks import CLOSE, compared

DOCS = Path(__file__).parents[3] / "docs"


def between(page: Path, name: str) -> str:
    return page.read_text().split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->")[0].strip()


def test_the_page_is_generated() -> None:
    assert between(DOCS / "results" / "building-blocks.md", "building blocks") == building_blocks.markdown()


def test_the_table_of_nodes_is_generated() -> None:
    assert between(DOCS / "physical.md", "nodes") == nodes.markdown()


def test_at_least_four_blind_rows_agree_and_what_misses_is_explained() -> None:
    found = list(compared())
    assert sum(each.agrees for each in found if each.block.label == "blind") >= 4
    for each in found:
        assert each.agrees or each.block.why, each
        assert each.agrees == (abs(each.value / each.block.published - 1) <= CLOSE / 100)


def test_every_row_has_its_expectation_or_was_compared_before() -> None:
    for each in compared():
        assert each.block.label == "checked" or each.block.expected_pct is not None


def test_kinds_of_block_of_the_acceptance_are_there() -> None:
    named = {(each.of, each.block.name.split(",")[0], each.block.unit) for each in compared()}
    assert {
        ("Horowitz", "adder", "pJ"),
        ("Horowitz", "multiplier", "pJ"),
        ("Horowitz", "DRAM (DDR3)", "pJ"),
        ("Eyeriss", "MAC", "pJ"),
        ("Eyeriss", "register file", "pJ"),
        ("Eyeriss", "buffer", "pJ"),
        ("EIE", "SRAM", "mm2"),
    } <= named
