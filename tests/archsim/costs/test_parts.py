"""The parts of a design's logic: with what `archsim rtl --synth` compares they are all the logic that is priced."""

import pytest

from archsim.costs.block import process
from archsim.costs.library import chip
from archsim.costs.parts import DESCRIBED, parts
from archsim.design import Design, load_design


def copies(design: Design, name: str) -> int:
    each = {
        "PE": design.pe_array.pes,
        "activation, a unit a cycle": design.activation_unit.units_per_cycle,
        "word register": design.weight_memories,
    }
    return each.get(name, 1)


@pytest.mark.parametrize("name", DESCRIBED)
@pytest.mark.parametrize("more", [{}, {"weight_memory.weights_per_cycle": 7}, {"skip_encoder.enabled": False}])
def test_all_logic_but_control_read_out_and_flags_is_in_one_part(name: str, more: dict[str, int]) -> None:
    design = load_design(name).override(more)
    built = chip(design).built
    cells_um2 = sum(block.logic.area_um2 for block in built.values() if block.logic)
    scratch_um2 = built["scratch"].memory_mm2 * 1e6 / process(design).registers.area
    elsewhere = [part for name in ("activation_unit", "scratch") for part in built[name].parts]
    whole_um2 = sum(part.logic.area_um2 for part in elsewhere if part.name in ("read-out", "flags"))
    assert built["sequencer"].logic is not None
    priced = cells_um2 + scratch_um2 - whole_um2 - built["sequencer"].logic.area_um2
    assert sum(copies(design, part.name) * part.priced_um2 for part in parts(design)) == pytest.approx(priced)


def test_a_part_that_is_not_there_is_not_listed() -> None:
    skip = load_design("skip-65nm")
    assert "rotation" not in [part.name for part in parts(skip)]
    assert "rotation" in [part.name for part in parts(skip.override({"weight_memory.weights_per_cycle": 16}))]
    assert "skip encoder" not in [part.name for part in parts(skip.override({"skip_encoder.enabled": False}))]
