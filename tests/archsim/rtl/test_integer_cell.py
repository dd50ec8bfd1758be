"""What a unit function may be, how its Verilog is laid out, and that a wrong line of it is found."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from archsim.errors import BadInput
from archsim.rtl import integer_cell
from archsim.rtl.arithmetic import (
    Accumulate,
    Add,
    Magnitude,
    Maximum,
    Multiply,
    Range,
    Saturate,
    SelectBelow,
    ShiftLeft,
    ShiftRight,
    Subtract,
)
from archsim.rtl.curves import WordTable
from archsim.rtl.unit_function import Constant, Output, StatePort, Step, SumRow, UnitFunction, UnitFunctions
from tests.archsim.rtl.integer_bench import Vector, evaluated, needs, simulate, write


def function(**changes: Any) -> UnitFunction:
    whole: dict[str, Any] = {
        "name": "s", "units": 2, "state": None, "sums": (SumRow("x", "g", 0, 8),), "constants": (), "h": None,
        "beside": (), "steps": (), "made": (Output("y", "x", 8),), "stored": (),
    }  # fmt: skip
    return UnitFunction(**(whole | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"made": (Output("y", "x", 7),)}, r"s: y must fit 7 bits, not be within Range\(low=-128, high=127\)"),
        ({"made": (Output("y", "z", 8),)}, "s: reads z before it is there"),
        ({"steps": (Step("x", Magnitude("x")),)}, "s: x is there twice"),
        ({"stored": (Output("c", "x", 8),)}, "s: stores c, which do not lie beside h"),
        ({"constants": (Constant("k", (1, 2, 3)),)}, "s: k must have 2 values"),
    ],
)
def test_functions_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        function(**changes)


def test_a_plan_takes_the_functions_in_its_own_order() -> None:
    functions = UnitFunctions((function(), function(name="t", sums=(SumRow("x", "other", 0, 8),))))
    assert [stage.name for stage in functions.in_order((("other",), ("g",))).stages] == ["t", "s"]
    with pytest.raises(BadInput, match="sums gates, more: no integer operations are known for their stage"):
        functions.in_order((("gates", "more"),))


def test_constants_lie_unit_by_unit_and_stage_by_stage() -> None:
    first = function(constants=(Constant("k", (-1, 2)), Constant("n", (0, 9))), steps=(Step("y", Add("k", "n")),))
    second = function(name="t", sums=(SumRow("x", "o", 0, 8),), constants=(Constant("k", (1, -2)),))
    functions = UnitFunctions((first, second))
    layout = integer_cell.Layout.of(functions, 8)
    assert (layout.constant_bits, layout.first_constant, layout.constant_words) == (8, (0, 2), 4)
    assert integer_cell.constants_image(functions, layout) == "07\n4a\n01\n02\n"


# Other tools


def test_verilator_has_no_warning_and_yosys_takes_it(tmp_path: Path) -> None:
    functions = UnitFunctions((mixed(),))
    needs("verilator")
    needs("yosys")
    modules = write(integer_cell.files(functions, 16), tmp_path)
    lint = ["verilator", "--lint-only", "-Wall", "--top-module", "integer_cell", *modules]
    done = subprocess.run(lint, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    script = f"read_verilog -sv {' '.join(modules)}; synth -flatten -top integer_cell; check -assert; stat"
    done = subprocess.run(["yosys", "-p", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(re.findall(r"Number of cells: +(\d+)", done.stdout)[-1]) > 50


def mixed() -> UnitFunction:
    """One of each operation."""
    steps = {
        "acc": Accumulate("x", "k", 12),
        "doubled": ShiftLeft("acc", 1),
        "moved": ShiftLeft("k", "n"),
        "near": ShiftRight("acc", 3),
        "nearer": ShiftRight("acc", "n"),
        "clipped": Saturate("near", -64, 63),
        "y": WordTable("clipped", "curve_t", 7, (*range(-63, 64), -64)),
        "less": Subtract("doubled", "moved"),
        "sized": Magnitude("less"),
        "most": Maximum("nearer", 0),
        "kept": SelectBelow("sized", 100, 0, "most"),
        "product": Multiply("kept", "y"),
        "sum": Add("product", "old_h"),
        "total": Add("sum", "y"),
    }
    bits = Range(-(1 << 20), 1 << 20).bits
    return function(
        sums=(SumRow("x", "g", 0, 12),), constants=(Constant("k", (-3, 50)), Constant("n", (2, 4))),
        h=StatePort("h", 8), steps=tuple(Step(*each) for each in steps.items()), made=(Output("h", "total", bits),),
    )  # fmt: skip


MUTANTS = {
    "a wrong shift": ("near", r">>> 3", ">>> 2"),
    "no rounding": ("near", r"\+ \d+'sd4\)", ")"),
    "a shift to the wrong side": ("doubled", "<<< 1", "<<< 2"),
    "no saturation above": ("clipped", r"\(near > [^?]*\? [^:]*: ", ""),
    "no saturation below": ("clipped", r"\(near < [^?]*\? [^:]*: ", ""),
    "a threshold off by one": ("kept", " < ", " <= "),
    "no positive part": ("most", r"= .*;", "= nearer;"),
    "a lost sign": ("sized", r"-\(less\)", "less"),
    "another operand": ("less", " - ", " + "),
    "a bias forgotten": ("acc", r" \+ .*;", ";"),
}


@pytest.mark.parametrize("name", [None, *MUTANTS])
def test_a_mutant_of_the_verilog_fails(tmp_path: Path, name: str | None) -> None:
    functions = UnitFunctions((mixed(),))
    texts = integer_cell.files(functions, 16)
    if name is not None:
        net, pattern, instead = MUTANTS[name]
        lines = texts["unit_s.sv"].splitlines()
        (at,) = (n for n, line in enumerate(lines) if re.search(rf"\] {net} =", line))
        head, expression = lines[at].split(" = ", 1)
        changed = re.sub(pattern, instead, f"= {expression}", count=1)
        assert changed != f"= {expression}"
        lines[at] = f"{head} {changed}"
        texts = texts | {"unit_s.sv": "\n".join(lines)}
    vectors = [Vector(0, unit, (x,), {"h": x % 7}) for x in range(-2048, 2048) for unit in (0, 1)]
    same = simulate(functions, vectors, tmp_path, 16, texts) == evaluated(functions, vectors)
    assert same == (name is None)
