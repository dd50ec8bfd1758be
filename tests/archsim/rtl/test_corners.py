"""The machine in Verilog at the least and the most that a design may have of something."""

from pathlib import Path
from typing import Any

import pytest

from archsim.design import load_design
from archsim.rtl.case import case_of
from archsim.rtl.check import check
from archsim.rtl.folder import export
from archsim.rtl.window import Window
from archsim.trace.synthetic import synthesize
from tests.archsim.rtl.integer_bench import needs

SMALL = {"lanes": 1, "pe_array.pes_per_tile": 2, "pe_array.accumulators": 4}
ONE_OF_ALL = {
    "lanes": 1,
    "pe_array.pes_per_tile": 1,
    "pe_array.accumulators": 4,
    "pe_array.double_buffered": False,
    "weight_memory.weights_per_cycle": 1,
    "weight_memory.fifo_words": 1,
    "activation_unit.units_per_cycle": 1,
    "activation_unit.depth_cycles": 0,
    "skip_encoder.columns_per_cycle": 1,
    "skip_encoder.offset_bits": 0,
}
"""A PE, a bank, a word of one weight; columns that are listed reach the next one."""
CORNERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "one of all": (ONE_OF_ALL, {"hidden": 1, "inputs": 1}),
    "one of all but units": (ONE_OF_ALL, {"density": 0.1}),
    "one of all, and no encoder": (ONE_OF_ALL | {"skip_encoder.enabled": False}, {}),
    "sums of 64 bits": (SMALL | {"pe_array.accumulator_bits": 64}, {}),
    "sums of 8 bits": (SMALL | {"pe_array.accumulator_bits": 8}, {}),
    "numbers of 16 bits": (SMALL | {"pe_array.act_bits": 16, "pe_array.weight_bits": 16}, {"state_bits": 16}),
    "everything in one cycle": (
        SMALL
        | {
            "pe_array.pes_per_tile": 64,
            "pe_array.read_ports": 16,
            "skip_encoder.columns_per_cycle": 64,
            "skip_encoder.offset_bits": 32,
            "activation_unit.units_per_cycle": 64,
            "weight_memory.weights_per_cycle": 64,
        },
        {},
    ),
    "long pipelines": (SMALL | {"pe_array.stages": 5, "activation_unit.depth_cycles": 9}, {}),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_corner(corner: str, tmp_path: Path) -> None:
    needs("iverilog")
    changes, drawn = CORNERS[corner]
    trace = synthesize(**{"hidden": 5, "inputs": 2, "density": 0.4, "sequences": 1, "steps": 3, "seed": 1} | drawn)
    found = check(export(case_of(load_design("edge-8pe").override(changes), trace, Window(0, 2)), tmp_path / "made"))
    assert found.passed, found.reasons
