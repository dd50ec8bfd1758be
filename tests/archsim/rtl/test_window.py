"""Windows of a trace: how they are written, and that they are the same steps."""

import numpy as np
import pytest

from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.rtl.drawn import drawn_integers
from archsim.rtl.window import Window
from archsim.trace.synthetic import FORMATS, synthesize
from archsim.trace.trace import Trace


def trace(weight_format: str = "fixed8", steps: int = 7) -> Trace:
    return synthesize(9, 5, 0.5, sequences=3, steps=steps, weight_format=weight_format, seed=4)


@pytest.mark.parametrize(
    ("text", "window"), [("1", (0, 0)), ("3", (0, 2)), ("0:0", (0, 0)), ("4:6", (4, 6)), (" 2 ", (0, 1))]
)
def test_windows_as_they_are_written(text: str, window: tuple[int, int]) -> None:
    assert Window.parse(text) == Window(*window)


@pytest.mark.parametrize("text", ["", "0", "3:2", "-1", "1:", ":1", "1:2:3", "a", "1.5", "٣"])
def test_what_is_no_window(text: str) -> None:
    with pytest.raises(BadInput, match="--steps must be FIRST:LAST or a number of steps, not"):
        Window.parse(text)


def test_a_window_has_the_same_columns() -> None:
    whole = trace()
    shown = Window(2, 4).of_trace(whole, 2)
    for mat_vec in whole.graph.mat_vecs:
        expected = whole.nonzero(mat_vec, 2, 5, 2)
        np.testing.assert_array_equal(shown.nonzero(mat_vec, 2, 3), expected)


def test_lanes_end_where_they_ended() -> None:
    whole = trace()
    lengths = np.array([7, 4, 3])
    arrays = {name: rows[:] for name, rows in whole.arrays.items()}
    short = Trace(whole.header, arrays, lengths)
    assert Window(2, 3).of_trace(short, 3).lengths.tolist() == [5, 2, 1]
    with pytest.raises(BadInput, match="steps 3:3: sequence 2 has ended after 3 steps; begin earlier, or take fewer"):
        Window(3, 3).of_trace(short, 3)
    with pytest.raises(BadInput, match="steps must be between 1 and the trace's 7, not 8"):
        Window(3, 7).of_trace(short, 2)


def test_integers_of_a_window() -> None:
    whole = trace()
    integers = drawn_integers(whole, 3, 7, seed=1)
    shown = Window(2, 4).of_integers(integers, whole)
    np.testing.assert_array_equal(shown.operands["h"], integers.operands["h"][2:6])  # and what the last step makes
    assert shown.weights is integers.weights


def of_codes(integers: Integers, name: str) -> set[int]:
    return set(np.unique(integers.weights[name]).tolist())


def test_integers_are_drawn_as_formats_store_them_and_zero_where_the_trace_is() -> None:
    for name, codes in (("binary", {-1, 1}), ("ternary", {-1, 0, 1}), ("fixed4", set(range(-8, 8)))):
        assert of_codes(drawn_integers(trace(name), 3, 7, seed=1), "W_h") == codes
    powers = of_codes(drawn_integers(trace("exponential5"), 3, 7, seed=1), "W_h")
    assert {abs(code).bit_count() for code in powers} == {1}
    assert max(map(abs, powers)) > 1 << 20
    whole = trace()
    drawn = drawn_integers(whole, 2, 4, seed=1)
    mask = np.unpackbits(np.asarray(whole.arrays["h"][:5][:, :2]), axis=-1, count=9).astype(bool)
    np.testing.assert_array_equal(drawn.operands["h"] != 0, mask)
    again, other = (drawn_integers(whole, 2, 4, seed=seed) for seed in (1, 2))
    np.testing.assert_array_equal(drawn.weights["W_h"], again.weights["W_h"])
    assert np.any(drawn.weights["W_h"] != other.weights["W_h"])


def test_floating_point_is_refused_by_name() -> None:
    assert FORMATS["float32"].multiplier == "float"
    with pytest.raises(BadInput, match="weights of W_x: the machine in Verilog has no PE for floating point"):
        drawn_integers(trace("float32"), 1, 1, seed=1)
