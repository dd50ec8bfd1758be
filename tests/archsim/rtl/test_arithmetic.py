"""Integer operations: by hand, within their proven ranges, and the same in Verilog, on drawn functions at edges."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from archsim.rtl.arithmetic import (
    Accumulate,
    Add,
    Magnitude,
    Maximum,
    Multiply,
    Operation,
    Range,
    Saturate,
    SelectBelow,
    ShiftLeft,
    ShiftRight,
    Subtract,
    literal,
)
from archsim.rtl.curves import Curve, Lines, WordTable
from archsim.rtl.unit_function import Constant, Output, StatePort, Step, SumRow, UnitFunction, UnitFunctions
from tests.archsim.rtl.integer_bench import Vector, evaluated, simulate

BY_HAND: list[tuple[Operation, tuple[int, ...], int]] = [
    (Add("a", "b"), (-128, -128), -256),
    (Subtract("a", "b"), (-128, 127), -255),
    (Multiply("a", "b"), (-128, -128), 16384),
    (Accumulate("a", "b", 8), (127, 1), -128),
    (Accumulate("a", "b", 8), (-128 - 256, -1), 127),
    (ShiftLeft("a", 3), (-5, 3), -40),
    (ShiftRight("a", 1), (3, 1), 2),  # halves go up
    (ShiftRight("a", 1), (-3, 1), -1),
    (ShiftRight("a", 2), (-6, 2), -1),
    (ShiftRight("a", 2), (-7, 2), -2),
    (ShiftRight("a", 2), (5, 0), 5),
    (Saturate("a", -3, 7), (-4,), -3),
    (Saturate("a", -3, 7), (8,), 7),
    (Saturate("a", -3, 7), (5,), 5),
    (Magnitude("a"), (-128,), 128),
    (Maximum("a", 0), (-1, 0), 0),
    (SelectBelow("a", 3, 0, "b"), (2, 3, 0, 9), 0),
    (SelectBelow("a", 3, 0, "b"), (3, 3, 0, 9), 9),
]


@pytest.mark.parametrize(("operation", "of", "expected"), BY_HAND)
def test_operations_by_hand(operation: Operation, of: tuple[int, ...], expected: int) -> None:
    assert operation.value(*of) == expected


@pytest.mark.parametrize(
    ("ends", "bits"), [((0, 0), 1), ((-1, 0), 1), ((0, 1), 2), ((-128, 127), 8), ((-129, 0), 9), ((0, 128), 9)]
)
def test_bits_of_a_range(ends: tuple[int, int], bits: int) -> None:
    assert Range(*ends).bits == bits


def test_literals_hold_the_least_value_of_their_bits() -> None:
    assert [literal(v, 4) for v in (-8, -7, 0, 7)] == ["4'sh8", "-4'sd7", "4'sd0", "4'sd7"]


# Drawn functions


PORTS = {"sum_g_0": 12, "sum_g_1": 9, "old_h": 7, "old_c": 10}
CONSTANTS = {"k": (-3, 700, 0), "n": (0, 5, 3)}
UNITS = 3
STORED: st.SearchStrategy[str | int] = st.sampled_from(["old_c", 17, -512])


KINDS = (
    Add, Subtract, Multiply, Maximum, ShiftLeft, ShiftRight, ShiftRight, Magnitude, Saturate, Saturate, SelectBelow,
    Accumulate,
)  # fmt: skip


@st.composite
def drawn_operation(draw: st.DrawFn, sources: st.SearchStrategy[str | int]) -> Operation:
    """Any operation of any of the sources; shifts are constants of the unit, or literals."""
    kind: Any = draw(st.sampled_from(KINDS))
    shifts: st.SearchStrategy[str | int] = st.sampled_from(["n", 0, 1, 3, 8])
    low = draw(st.integers(-300, 300))
    by_kind: dict[Any, tuple[Any, ...]] = {
        ShiftLeft: (shifts,),
        ShiftRight: (shifts,),
        Magnitude: (),
        Saturate: (st.just(low), st.sampled_from([low + 1, low + 255])),
        SelectBelow: (sources, sources, sources),
        Accumulate: (sources, st.just(9)),
    }
    made: Operation = kind(draw(sources), *map(draw, by_kind.get(kind, (sources,))))
    return made


@st.composite
def drawn_functions(draw: st.DrawFn, name: str) -> UnitFunction:
    """A function of a dozen operations, each of earlier values, none wider than 40 bits."""
    ranges = {port: Range.of_bits(bits) for port, bits in PORTS.items()}
    ranges |= {each: Range.around(*values) for each, values in CONSTANTS.items()}
    steps: list[Step] = [Step("acc", Accumulate("sum_g_0", "k", 12))]
    ranges["acc"] = Range.of_bits(12)
    for k in range(12):
        operation = draw(drawn_operation(st.sampled_from([*ranges, -70, -1, 0, 1, 9, 66])))
        found = operation.range(*(ranges[s] if isinstance(s, str) else Range(s, s) for s in operation.sources))
        if found.bits <= 40:
            steps.append(Step(f"v{k}", operation))
            ranges[f"v{k}"] = found
    names: list[str] = [step.name for step in steps]
    made = tuple(Output(name, name, ranges[name].bits) for name in names)
    return UnitFunction(
        name=name,
        units=UNITS,
        state="h",
        sums=(SumRow("sum_g_0", f"{name}_g", 0, 12), SumRow("sum_g_1", f"{name}_g", 1, 9)),
        constants=tuple(Constant(each, values) for each, values in CONSTANTS.items()),
        h=StatePort("h", 7),
        beside=(StatePort("z", 3), StatePort("c", 10)),
        steps=tuple(steps),
        made=made,
        stored=(Output("c", draw(STORED), 10),),
    )


def vectors_of(functions: UnitFunctions, count: int, seed: int) -> list[Vector]:
    """Drawn inputs, half of them at an end or beside zero."""
    rng = np.random.default_rng(seed)

    def number(bits: int) -> int:
        low, high = Range.of_bits(bits)
        edge = int(rng.choice([low, low + 1, -1, 0, 1, high - 1, high]))
        return edge if rng.random() < 0.5 else int(rng.integers(low, high + 1))

    return [
        Vector(
            stage,
            int(rng.integers(each.units)),
            tuple(number(row.bits + 3) for row in each.sums),
            {port.name: number(port.bits) for port in each.ports},
        )
        for _ in range(count)
        for stage, each in enumerate(functions.stages)
    ]


@given(functions=drawn_functions("drawn"), seed=st.integers(0, 2**16))
def test_values_lie_within_their_proven_ranges(functions: UnitFunction, seed: int) -> None:
    ranges = functions.ranges
    for vector in vectors_of(UnitFunctions((functions,)), 40, seed):
        (made,) = evaluated(UnitFunctions((functions,)), [vector])
        for name, value in made.results.items():
            assert ranges[name].holds(value), name


@given(a=st.tuples(st.integers(-200, 200), st.integers(0, 90)), n=st.integers(0, 9))
def test_ranges_of_shifts_and_clips_are_met_at_both_ends(a: tuple[int, int], n: int) -> None:
    of = Range(a[0], a[0] + a[1])
    for operation in (ShiftLeft("a", n), ShiftRight("a", n), Magnitude("a"), Saturate("a", -50, 77)):
        by = () if len(operation.sources) == 1 else (n,)
        values = [operation.value(v, *by) for v in range(of.low, of.high + 1)]
        assert operation.range(of, *(Range(v, v) for v in by)) == Range(min(values), max(values))


@settings(max_examples=8, phases=(Phase.generate,))  # what is found is small enough as it is
@given(st.data())
def test_verilog_computes_what_the_evaluator_computes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    functions = UnitFunctions(tuple(data.draw(drawn_functions(f"f{k}")) for k in range(8)))
    vectors = vectors_of(functions, 60, data.draw(st.integers(0, 2**16)))
    assert simulate(functions, vectors, tmp_path_factory.mktemp("verilog"), 16) == evaluated(functions, vectors)


# Curves


def curve_alone(curve: Curve) -> UnitFunctions:
    """A stage that is nothing but a curve of the low bits of its sum."""
    bits = curve.range(Range.of_bits(curve.argument_bits)).bits
    row = SumRow("x", "g", 0, curve.argument_bits)
    return UnitFunctions(
        (UnitFunction("s", 1, None, (row,), (), None, (), (Step("y", curve),), (Output("y", "y", bits),), ()),)
    )


LINES = Lines("x", "curve_l", 8, 3, 2, tuple(range(80, 56, -1)), tuple(range(0, 240, 10)), 1, 4, 6, 200, 200)
CURVES: list[Curve] = [
    LINES,
    WordTable("x", "curve_t", 7, tuple(int(v) for v in np.random.default_rng(1).integers(-128, 128, 128))),
    WordTable("x", "curve_t", 7, tuple(range(-4, 4))),
    WordTable("x", "curve_t", 5, (9, -3)),
    Lines("x", "curve_l", 6, 1, 0, (3, 2, 2, 1, 0), (0, 0, 1, 5, 30), 0, 3, 0, 63, 0),
    Lines("x", "curve_l", 4, 0, 0, (1, 1, 1, 0), (0, 0, 0, 1), 2, 0, 1, 7, 7),
]


@pytest.mark.parametrize("curve", CURVES)
def test_curves_in_verilog_at_every_argument(tmp_path: Path, curve: Curve) -> None:
    low, high = Range.of_bits(curve.argument_bits)
    functions = curve_alone(curve)
    vectors = [Vector(0, 0, (x,), {}) for x in range(low, high + 1)]
    assert simulate(functions, vectors, tmp_path, 16) == evaluated(functions, vectors)


def test_lines_by_hand() -> None:
    """Octaves 0-7, 8-15 and so on in four parts; ``(slope |x| << 1) + (intercept << 4)``, 32 added, shifted by 6."""
    curve = LINES
    assert [curve.segment(m) for m in (0, 1, 2, 7, 8, 9, 10, 15, 16, 31, 64, 127)] == [
        0,
        0,
        1,
        3,
        4,
        4,
        5,
        7,
        8,
        11,
        16,
        19,
    ]
    assert curve.value(9) == (76 * 9 * 2 + 40 * 16 + 32) // 64
    assert curve.value(-9) == 200 - curve.value(9)
    assert curve.value(-128) == 200 - curve.value(127) == 0  # clipped to 200
