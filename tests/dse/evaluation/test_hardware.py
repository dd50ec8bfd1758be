"""Integer-only models as hardware: h of every step is computed, in a window that begins anywhere."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.rtl.case import Case, case_of
from archsim.rtl.check import check
from archsim.rtl.folder import export
from archsim.rtl.window import Window
from dse.evaluation.hardware import recorded_over
from tests.archsim.rtl.integer_bench import needs
from tests.workloads.conftest import drawn_model
from tests.workloads.fixed_point.test_fixed_point import drawn_inputs, drawn_integer_model
from workloads import zoo
from workloads.fixed_point import IntegerModel, Settings, analyse, quantize
from workloads.fixed_point.integers import product_shifts
from workloads.tasks.base import Sample

DESIGN = load_design("edge-8pe").override({"lanes": 2})


def computed(model: IntegerModel, sample: Sample, design: Design, window: Window) -> Case:
    """A model over a sample on a design, with results that hardware computes."""
    trace, integers, cells = recorded_over(model, sample, window.first)
    return case_of(design, trace, window, integers=integers, cells=cells)


@pytest.mark.parametrize("first", [0, 3])
def test_results_are_computed_and_equal(first: int, tmp_path: Path) -> None:
    needs("iverilog")
    settings = Settings(weight_bits=4, activation_bits=6, cell_bits=9)
    model = drawn_integer_model(drawn_model, settings, "lstm", "vector", seed=4, hidden=5, threshold=0.1)
    sample = Sample(drawn_inputs(model, 10, 2, 5), np.array([8, 5]), 2)
    made = export(computed(model, sample, DESIGN, Window(first, first + 2)), tmp_path / "hw")
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


SHIPPED = {"spoken-gru64-float": 2, "spoken-lstm64-float": 3, "imdb-gru64-float": 1}
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
    design = load_design("edge-8pe").override({"pe_array.accumulator_bits": 32})
    found = check(export(computed(integers, sample, design, Window(0, steps - 1)), tmp_path / "hw"))
    assert found.passed, found.reasons
    assert found.results >= steps * model.layers[-1].config.hidden


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "accumulators that may saturate": (
        {"wide": Settings(accumulator_bits=12)},
        {},
        r"layer \w+ product: accumulators of 12 bits may saturate, and a machine's wrap around: state accumulator_bits",
    ),
    "phases": ({"reverse": True}, {}, r"model drawn\S*: must have one phase to run on integer cells, not 2"),
    "accumulators that do not hold the sums": (
        {},
        {"pe_array.accumulator_bits": 12},
        r"pe_array.accumulator_bits must be at least the \d\d of this model's sums, not 12",
    ),
    "codes wider than a PE's": (
        {},
        {"pe_array.weight_bits": 7},
        r"fixed8\S* weights take 8 bits, a PE takes 7",
    ),
}
"""What is drawn otherwise, what of the design is, and the reason."""


@pytest.mark.parametrize("of", REFUSED)
def test_what_no_machine_computes_is_refused_by_name(of: str, tmp_path: Path) -> None:
    drawn, changes, reason = REFUSED[of]
    model = drawn_integer_model(drawn_model, **({"wide": Settings(), "seed": 3} | drawn))
    sample = Sample(drawn_inputs(model, 5, 2, 5), np.array([5, 5]), 0)
    with pytest.raises(BadInput, match=reason):
        export(computed(model, sample, DESIGN.override(changes), Window(0, 1)), tmp_path / "hw")
    assert not (tmp_path / "hw").exists()
