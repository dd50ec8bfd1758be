"""Integer-only models as hardware: h of every step is computed, in a window that begins anywhere."""

import re
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
from workloads import zoo
from workloads.fixed_point import Settings, analyse, quantize
from workloads.fixed_point.integers import product_shifts
from workloads.tasks.base import Sample

DESIGN = load_design("edge-8pe").override({"lanes": 2})


@pytest.mark.parametrize("first", [0, 3])
def test_results_are_computed_and_equal(first: int, tmp_path: Path) -> None:
    needs("iverilog")
    settings = Settings(weight_bits=4, activation_bits=6, cell_bits=9)
    model = drawn_integer_model(drawn_model, settings, "lstm", "vector", seed=4, hidden=5, threshold=0.1)
    sample = Sample(drawn_inputs(model, 10, 2, 5), np.array([8, 5]), 2)
    trace, integers, cells = recorded_over(model, sample, first)
    case = case_of(DESIGN, trace, Window(first, first + 2), integers=integers, cells=cells)
    made = export(case, tmp_path / "hw")
    readme = (made.folder / "README.md").read_text()
    assert "-DINTEGER_CELLS" in readme
    named = set(re.findall(r"`((?:row|first|integer)_[a-z_]+\.[a-z]+)`", readme)) - {"integer_cells.sv"}
    assert {"row_shifts.hex", "integer_cells_kept.hex"} <= named <= {path.name for path in made.folder.iterdir()}
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


SHIPPED = {"spoken-gru64-float": 2, "spoken-lstm64-float": 3, "imdb-gru64-float": 1, "wp-lstm256-float": 1}
"""Steps by model; the first is quick."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.slow] if k else []) for k, n in enumerate(SHIPPED)]
)
def test_a_shipped_model_in_integers(name: str, tmp_path: Path) -> None:
    """Quantized as `archsim ptq` does, on inputs that are drawn, since not all data ship."""
    needs("iverilog")
    model = zoo.load_model(name)
    integers = quantize(model, analyse(model, drawn_inputs(model, 60, 4, 6)), Settings(cell_bits=12))
    assert max(int(shifts.max()) for shifts in product_shifts(integers).values()) > 2
    steps = SHIPPED[name]
    sample = Sample(drawn_inputs(integers, 10 + steps, 1, 7), np.array([steps]), 10)
    trace, values, cells = recorded_over(integers, sample)
    case = case_of(load_design("edge-8pe"), trace, Window(0, steps - 1), integers=values, cells=cells)
    found = check(export(case, tmp_path / "hw"))
    assert found.passed, found.reasons
    assert found.results >= steps * model.layers[-1].config.hidden
