"""Integer-only models as hardware: h of every step is computed, in a window that begins anywhere."""

from pathlib import Path

import numpy as np
import pytest

from archsim.design import load_design
from archsim.rtl.case import case_of
from archsim.rtl.check import check
from archsim.rtl.folder import export
from archsim.rtl.window import Window
from dse.evaluation.hardware import recorded_over
from tests.archsim.rtl.integer_bench import needs
from tests.workloads.conftest import drawn_model
from tests.workloads.fixed_point.test_fixed_point import drawn_inputs, drawn_integer_model
from workloads.fixed_point import Settings
from workloads.tasks.base import Sample

DESIGN = load_design("edge-8pe").override({"lanes": 2, "pe_array.weight_bits": 16, "pe_array.act_bits": 8})


@pytest.mark.parametrize("first", [0, 3])
def test_results_are_computed_and_equal(first: int, tmp_path: Path) -> None:
    needs("iverilog")
    settings = Settings(weight_bits=4, activation_bits=6, cell_bits=9)
    model = drawn_integer_model(drawn_model, settings, "lstm", "vector", seed=4, hidden=5, threshold=0.1)
    sample = Sample(drawn_inputs(model, 10, 2, 5), np.array([8, 5]), 2)
    trace, integers, cells = recorded_over(model, sample, first)
    case = case_of(DESIGN, trace, Window(first, first + 2), integers=integers, cells=cells)
    made = export(case, tmp_path / "hw")
    assert "-DINTEGER_CELLS" in (made.folder / "README.md").read_text()
    found = check(made)
    assert found.passed, found.reasons
    lanes = [min(int(length) - first, 3) for length in sample.lengths]
    assert found.results == 5 * sum(lanes)
    assert "and every result computed" in found.verdict
    constants = made.folder / "integer_cell_constants.hex"
    lines = constants.read_text().split()
    constants.write_text("".join(f"{int(line, 16) ^ 0xFF:0{len(line)}x}\n" for line in lines))  # other biases
    wrong = check(made)
    assert not wrong.passed
    assert wrong.wrong_result is not None
    assert wrong.wrong_result.startswith("result of step 0, lane 0, h, unit")
