"""What archsim has never heard of, as hardware: it works where nothing of it is in the Verilog, and else is refused."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.machine.steps import run_machine
from archsim.mapping import dataflows
from archsim.mapping.dataflows.base import Schedule, Shape, by_lists, cut
from archsim.mapping.dataflows.output_stationary import OutputStationary
from archsim.rtl.case import Case, case_of
from archsim.rtl.check import check
from archsim.rtl.folder import export
from archsim.rtl.window import Window
from archsim.trace.graph import Elementwise, MatVec, NumberFormat, UnitOperations
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from dse.evaluation.hardware import recorded_over
from tests.archsim.new_component import STORE, with_store
from tests.archsim.rtl.integer_bench import needs
from tests.dse.cli.test_cli import archsim, refused
from tests.test_plugins import distribution
from tests.workloads.conftest import drawn_model
from workloads.fixed_point import IntegerModel, Settings, calibrate, quantize
from workloads.tasks.base import Sample

TINY: dict[str, Any] = {
    "lanes": 2,
    "pe_array.pes_per_tile": 4,
    "pe_array.accumulators": 3,
    "pe_array.accumulator_bits": 24,
}
SET = tuple(word for path, value in TINY.items() for word in ("--set", f"{path}={value}"))
STEPS = 3


def passes(case: Case, folder: Path) -> None:
    needs("iverilog")
    found = check(export(case, folder))
    assert found.passed, found.reasons


def synthetic() -> Trace:
    return synthesize(6, 4, 0.6, sequences=2, steps=STEPS, weight_format="ternary", seed=3)


def with_operations(trace: Trace, **changes: Any) -> Trace:
    """The trace with other fields of its products, or of its cell's arithmetic."""
    operations = tuple(
        op.model_copy(update={name: value for name, value in changes.items() if name in type(op).model_fields})
        if isinstance(op, MatVec | Elementwise)
        else op
        for op in trace.graph.operations
    )
    graph = trace.graph.model_copy(update={"operations": operations})
    return Trace(trace.header.model_copy(update={"graph": graph}), trace.arrays, trace.lengths)


def run_words(trace: Trace, folder: Path) -> tuple[str, ...]:
    trace.save(folder / "t.npz")
    return ("rtl", "edge-8pe", "--workload", str(folder / "t.npz"), "--out", str(folder / "made"), *SET)


# A component


def test_a_component_without_a_module_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = run_words(synthetic(), tmp_path)
    assert archsim(*words).returncode == 0
    monkeypatch.setattr("archsim.rtl.case.run_machine", with_store(run_machine))
    line = refused(*words)
    assert line == f"archsim: component {STORE.name}: the machine in Verilog has no module of it"


# A dataflow


class UnitByUnit(OutputStationary):
    """A block for each unit, which no other dataflow makes: another plan for the same array."""

    name = "unit-by-unit"

    def schedule(self, stage: Any, streams: Any, pes: int, accumulators: int, time: Any) -> Schedule:
        largest = super().schedule(stage, streams, pes, accumulators, time).blocks[0]
        return Schedule(cut(stage.units, replace(largest, units=1)), *by_lists(streams))


class TwoColumns(OutputStationary):
    """Half of the PEs take the rows of one column, the others those of the next."""

    name = "two-columns"

    def shape(self, array: Any, lanes: int) -> Shape:
        own = super().shape(array, lanes)
        return replace(own, rows=own.rows // 2, columns=2)


@pytest.fixture
def more_dataflows(monkeypatch: pytest.MonkeyPatch) -> None:
    every = (*dataflows.ALL, UnitByUnit(), TwoColumns())
    monkeypatch.setattr(dataflows, "ALL", every)
    monkeypatch.setattr(dataflows, "NAMES", tuple(each.name for each in every))


def test_another_plan_for_the_same_array_runs(tmp_path: Path, more_dataflows: None) -> None:
    case = case_of(load_design("edge-8pe").override({**TINY, "dataflow": "unit-by-unit"}), synthetic(), Window(0, 2))
    assert [block.units for block in case.program.plan.blocks][:2] == [1, 1]
    passes(case, tmp_path / "made")


def test_another_array_is_refused_by_name(tmp_path: Path, more_dataflows: None) -> None:
    line = refused(*run_words(synthetic(), tmp_path), "--set", "dataflow=two-columns", "--set", "lanes=1")
    reason = "the machine in Verilog cannot do dataflow two-columns, only output-stationary"
    assert line == f"archsim: design edge-8pe: {reason}"


# A format


def of_format(name: str, bits: int, multiplier: Any) -> Trace:
    return with_operations(synthetic(), weight_format=NumberFormat(name=name, bits=bits, multiplier=multiplier))


def test_a_format_runs_whose_codes_a_pe_multiplies(tmp_path: Path) -> None:
    case = case_of(load_design("edge-8pe").override(TINY), of_format("my-format", 5, "fixed"), Window(0, 2))
    assert len(np.unique(case.integers.weights["W_h"])) > 16
    passes(case, tmp_path / "made")


def test_a_format_of_more_codes_than_a_multiplexer_has_is_refused_by_name(tmp_path: Path) -> None:
    words = run_words(of_format("seven-levels", 3, "mux"), tmp_path)
    line = refused(*words, "--set", "pe_array.multiplier=mux", "--set", "pe_array.weight_bits=3")
    assert line == "archsim: PE costs: a mux PE takes weights of 1 bit (binary) or 2 (ternary), not 3"


def test_codes_that_no_pe_has_are_refused_by_name(tmp_path: Path) -> None:
    trace = of_format("my-format", 2, "mux")
    mux = {"pe_array.multiplier": "mux", "pe_array.weight_bits": 2}
    case = case_of(load_design("edge-8pe").override(TINY | mux), trace, Window(0, 2))
    integers = Integers({**case.integers.weights, "W_h": 2 * case.integers.weights["W_h"]}, case.integers.operands)
    with pytest.raises(BadInput, match=r"weights of W_h: the machine in Verilog has no code of 2 bits for -?2$"):
        export(case_of(case.design, trace, case.window, integers=integers), tmp_path / "made")
    assert not (tmp_path / "made").exists()


# A cell


def test_a_cell_that_archsim_does_not_know_runs(tmp_path: Path) -> None:
    """A plan knows only products and counts of operations: results are recorded."""
    unit = UnitOperations(curves=4, multiplies=2, adds=7, state_reads=3, state_writes=2, cell_reads=2, cell_writes=5)
    trace = with_operations(synthetic(), unit=unit)
    passes(case_of(load_design("edge-8pe").override(TINY), trace, Window(0, 2)), tmp_path / "made")


CELLS = """
from dataclasses import dataclass

import numpy as np

from workloads.cells.rnn import TanhRNN


@dataclass(frozen=True)
class Step:
    h_fraction: int
    name: str

    def __call__(self, parts, start, state):
        gate = parts.gate("h", parts.product(0, start, state[0]))
        if self.name == "squares":
            gate = np.square(gate) >> self.h_fraction
        if self.name == "slices":
            gate = np.concatenate([gate[..., 1:], gate[..., :1]], axis=-1)
        return (parts.new_h(np.maximum(gate, state[0] << 1)),), ()


@dataclass(frozen=True)
class Own(TanhRNN):
    def integer_step(self, numbers, fractions):
        return Step(fractions.gate, self.name)


KEEPS, SQUARES, SLICES = Own(name="keeps"), Own(name="squares"), Own(name="slices")
"""
POINTS = "[archsim.cells]\nkeeps = own_cells:KEEPS\nsquares = own_cells:SQUARES\nslices = own_cells:SLICES\n"


@pytest.fixture
def own_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Cells of another distribution: the integers of one are recorded, those of the others cannot be."""
    site = tmp_path / "site"
    distribution(site, "own-cells", POINTS)
    (site / "own_cells.py").write_text(CELLS)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("own_cells", None)


def integer_model(cell: str) -> IntegerModel:
    float_model = drawn_model(weight_format="float32", state_bits=None, hidden=5, cell=cell, seed=2)
    return quantize(float_model, calibrate(float_model), Settings(weight_bits=4, activation_bits=6, per_row=False))


def test_an_integer_cell_of_another_distribution_is_computed(tmp_path: Path, own_cells: None) -> None:
    model = integer_model("keeps")
    sample = Sample(np.random.default_rng(1).integers(0, 5, (STEPS + 2, 2)), np.full(2, STEPS), warmup=2)
    trace, integers, cells = recorded_over(model, sample)
    design = load_design("edge-8pe").override({**TINY, "pe_array.weight_bits": 16, "pe_array.act_bits": 8})
    case = case_of(design, trace, Window(0, STEPS - 1), integers=integers, cells=cells)
    assert cells is not None
    passes(case, tmp_path / "made")


@pytest.mark.parametrize(
    ("cell", "reason"),
    [("squares", "integer step: square has no hardware"), ("slices", "integer step: .*, which has no hardware")],
)
def test_an_integer_step_that_is_not_recorded_is_refused_by_its_cell(
    cell: str, reason: str, tmp_path: Path, own_cells: None
) -> None:
    integer_model(cell).save(tmp_path / "own.safetensors")
    words = ("rtl", "edge-8pe", "--workload", str(tmp_path / "own.safetensors"), "--out", str(tmp_path / "made"))
    line = refused(*words, "--lanes", "1")
    assert re.fullmatch(rf"archsim: cell {cell}: {reason}", line)
    assert not (tmp_path / "made").exists()
