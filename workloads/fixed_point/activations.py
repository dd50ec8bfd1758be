"""Sigmoid and tanh on integers: a table, or piecewise-linear segments; size in bits, and error over the whole domain.

Both map codes of an `argument` number to codes with ``gate.bits - 1`` fraction bits: sigmoid to ``0 .. 2^(bits-1)``, so
that 1 is there exactly (a forget gate that is fully open loses nothing, and ``1 - z`` needs no care), tanh to
``-(2^(bits-1) - 1) .. 2^(bits-1) - 1``. Floats are used to make coefficients, never to apply them.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.rtl.arithmetic import Source
from archsim.rtl.curves import Curve as HardwareCurve
from archsim.rtl.curves import Lines
from archsim.rtl.curves import WordTable as HardwareTable
from workloads.cells import Curve
from workloads.numbers import Ints, Number

CURVES: tuple[Curve, ...] = ("sigmoid", "tanh")
"""What is approximated."""
Floats = NDArray[np.float64]

_CURVES: dict[Curve, Callable[[Floats], Floats]] = {
    "sigmoid": lambda x: 0.5 * (1 + np.tanh(x / 2)),
    "tanh": np.tanh,
}


def flat_from(curve: Curve, gate_bits: int) -> float:
    """The argument from which a curve is within half a unit of its limit: larger ones need not be told apart."""
    half_unit = 2.0**-gate_bits
    tanh = math.atanh(1 - half_unit)
    return tanh if curve == "tanh" else 2 * math.atanh(1 - 2 * half_unit)


class Activation(Protocol):
    """A curve on integers."""

    @property
    def method(self) -> str:
        """What settings call it."""
        ...

    @property
    def curve(self) -> Curve: ...

    @property
    def argument(self) -> Number: ...

    @property
    def gate_bits(self) -> int: ...

    @property
    def entries(self) -> int:
        """Words of a table, or segments."""
        ...

    @property
    def coefficients(self) -> Ints:
        """What is stored: a vector of integers of `coefficient_bits`."""
        ...

    @property
    def coefficient_bits(self) -> int: ...

    @property
    def coefficient_range(self) -> tuple[int, int]:
        """Lowest and highest coefficient; a lowest below 0 means two's complement."""
        ...

    def with_coefficients(self, coefficients: Ints) -> "Activation":
        """The same shape with other coefficients."""
        ...

    def __call__(self, codes: Ints) -> Ints:
        """Codes of `argument` to codes with ``gate_bits - 1`` fraction bits, by integer operations."""
        ...

    def in_hardware(self, argument: Source, module: str) -> HardwareCurve:
        """The same operations as data, of a value called `argument`, in a module of that name."""
        ...


def size_bits(activation: Activation) -> int:
    """Memory of the coefficients."""
    return activation.coefficients.size * activation.coefficient_bits


def _limits(curve: Curve, gate_bits: int) -> tuple[int, int]:
    one = 1 << (gate_bits - 1)
    return (0, one) if curve == "sigmoid" else (1 - one, one - 1)


@dataclass(frozen=True, eq=False)
class WordTable:
    """2^k words; the index is the argument's highest k bits.

    A word is the rounded middle between the curve at both ends of the codes that share it: no other constant has a
    smaller largest error.
    """

    curve: Curve
    argument: Number
    gate_bits: int
    coefficients: Ints  # (2^k,)

    @classmethod
    def empty(cls, curve: Curve, argument: Number, gate_bits: int, table_bits: int) -> "WordTable":
        """All words zero."""
        if not 1 <= table_bits <= argument.bits:
            raise BadInput(f"table_bits must be between 1 and the argument's {argument.bits}, not {table_bits}")
        return cls(curve, argument, gate_bits, np.zeros(1 << table_bits, np.int64))

    @classmethod
    def fit(cls, curve: Curve, argument: Number, gate_bits: int, table_bits: int) -> "WordTable":
        empty = cls.empty(curve, argument, gate_bits, table_bits)
        ends = _exact(curve, argument).reshape(empty.entries, -1)[:, [0, -1]]
        words = np.rint(np.ldexp(ends.mean(axis=1), gate_bits - 1))
        return empty.with_coefficients(np.clip(words, *empty.coefficient_range).astype(np.int64))

    @property
    def method(self) -> str:
        return "table"

    def with_coefficients(self, coefficients: Ints) -> "WordTable":
        return replace(self, coefficients=coefficients)

    @property
    def entries(self) -> int:
        return len(self.coefficients)

    @property
    def coefficient_bits(self) -> int:
        return self.gate_bits

    @property
    def coefficient_range(self) -> tuple[int, int]:
        return _limits(self.curve, self.gate_bits)

    @cached_property
    def _dropped(self) -> int:
        """Low bits of the argument that the index does not see."""
        return self.argument.bits - (self.entries.bit_length() - 1)

    def __call__(self, codes: Ints) -> Ints:
        return self.coefficients.take((codes - self.argument.low) >> self._dropped)

    def in_hardware(self, argument: Source, module: str) -> HardwareCurve:
        return HardwareTable(argument, module, self.argument.bits, tuple(self.coefficients.tolist()))


@dataclass(frozen=True, eq=False)
class Segments:
    """Straight lines over |x|; the curve's symmetry does the rest: ``tanh(-x) = -tanh(x)``, ``s(-x) = 1 - s(x)``.

    Breakpoints lie at powers of two of the argument's code, from ``2**first`` on, so the leading one of |x| finds the
    octave; each octave, and what is below the first, is cut into 2^s equal parts by the s bits that follow. A line is
    ``(slope |x| + (intercept << i)) >> n``, rounded half up: slope and intercept are unsigned, of `coefficient_bits`.
    Slope and intercept of a segment are those of least largest error; the intercept is fitted to the rounded slope.
    """

    curve: Curve
    argument: Number
    gate_bits: int
    first: int
    split_bits: int
    coefficients: Ints  # (2 * segments,): all slopes, then all intercepts

    @classmethod
    def empty(
        cls, curve: Curve, argument: Number, gate_bits: int, first_breakpoint: int, split_bits: int
    ) -> "Segments":
        """All lines zero, and the first breakpoint at a real argument of ``2**first_breakpoint``, or as near to it as
        the argument allows."""
        if not 0 <= split_bits <= argument.bits - 2:
            raise BadInput(f"split_bits must be between 0 and {argument.bits - 2}, not {split_bits}")
        first = min(max(first_breakpoint + argument.fraction, split_bits), argument.bits - 2)
        zeros = np.zeros(2 * (argument.bits - first) << split_bits, np.int64)
        return cls(curve, argument, gate_bits, first, split_bits, zeros)

    @classmethod
    def fit(
        cls, curve: Curve, argument: Number, gate_bits: int, first_breakpoint: int = -1, split_bits: int = 1
    ) -> "Segments":
        empty = cls.empty(curve, argument, gate_bits, first_breakpoint, split_bits)
        magnitudes = np.arange(argument.high + 1)
        exact, owner = _CURVES[curve](argument.values(magnitudes)), empty.segment(magnitudes)
        lines = [empty._line(magnitudes[owner == k], exact[owner == k]) for k in range(empty.entries)]
        return empty.with_coefficients(np.array(lines, np.int64).T.reshape(-1))

    @property
    def method(self) -> str:
        return "segments"

    def with_coefficients(self, coefficients: Ints) -> "Segments":
        return replace(self, coefficients=coefficients)

    @property
    def coefficient_bits(self) -> int:
        """Two more than a gate has, so that rounded lines are not what limits the error."""
        return min(self.gate_bits + 2, 16)

    def _line(self, magnitudes: NDArray[np.int64], exact: Floats) -> tuple[int, int]:
        _, highest = self.coefficient_range
        run = int(magnitudes[-1] - magnitudes[0])
        rise = float(exact[-1] - exact[0])
        slope = round(math.ldexp(rise, self._slope_fraction + self.argument.fraction) / run) if run else 0
        slope = min(max(slope, 0), highest)
        rest = exact - np.ldexp((slope * magnitudes).astype(np.float64), -self._slope_fraction - self.argument.fraction)
        middle = (float(rest.max()) + float(rest.min())) / 2
        return slope, min(max(round(math.ldexp(middle, self._intercept_fraction)), 0), highest)

    @property
    def _slope_fraction(self) -> int:
        """Both slopes are largest at 0: 1, and 1/4. One bit is left in front so that they fit."""
        return self.coefficient_bits - (1 if self.curve == "tanh" else -1)

    @property
    def _intercept_fraction(self) -> int:
        return self.coefficient_bits - 1

    @property
    def _product_fraction(self) -> int:
        return self._slope_fraction + self.argument.fraction

    @property
    def _aligned(self) -> int:
        """Bits behind the point of a line's sum, which is exact."""
        return max(self._product_fraction, self._intercept_fraction, self.gate_bits - 1)

    @property
    def _mirror(self) -> int:
        """What the curve at -x and at x add up to."""
        return _limits(self.curve, self.gate_bits)[1] if self.curve == "sigmoid" else 0

    @property
    def entries(self) -> int:
        return len(self.coefficients) // 2

    @property
    def coefficient_range(self) -> tuple[int, int]:
        return 0, (1 << self.coefficient_bits) - 1

    def segment(self, magnitudes: Ints) -> Ints:
        """Which segment |x| lies in: the leading one's place, then the bits behind it."""
        octave = np.zeros_like(magnitudes)
        for place in range(self.first, self.argument.bits - 1):
            octave += magnitudes >= 1 << place  # leading-one detector
        shift = np.maximum(octave - 1, 0) + self.first - self.split_bits
        segment: Ints = ((octave - (octave > 0)) << self.split_bits) + (magnitudes >> shift)
        return segment

    def line(self, codes: Ints) -> Ints:
        """The integer operations themselves; `__call__` looks their results up."""
        negative = codes < 0
        magnitudes = np.minimum(np.abs(codes), self.argument.high)
        slopes, intercepts = (part.take(self.segment(magnitudes)) for part in np.split(self.coefficients, 2))
        aligned = self._aligned
        sums = (slopes * magnitudes) << (aligned - self._product_fraction)
        sums = sums + (intercepts << (aligned - self._intercept_fraction))
        _, high = _limits(self.curve, self.gate_bits)
        right = aligned - (self.gate_bits - 1)
        y = np.clip((sums + ((1 << right) >> 1)) >> right, 0, high)
        signed: Ints = np.where(negative, self._mirror - y, y)
        return signed

    @cached_property
    def _image(self) -> Ints:
        """What every code of the argument becomes: the same lines, worked out once."""
        return self.line(np.arange(self.argument.low, self.argument.high + 1))

    def __call__(self, codes: Ints) -> Ints:
        return self._image.take(codes - self.argument.low)

    def in_hardware(self, argument: Source, module: str) -> HardwareCurve:
        slopes, intercepts = (tuple(part.tolist()) for part in np.split(self.coefficients, 2))
        aligned = self._aligned
        return Lines(
            argument,
            module,
            self.argument.bits,
            first=self.first,
            split_bits=self.split_bits,
            slopes=slopes,
            intercepts=intercepts,
            product_left=aligned - self._product_fraction,
            intercept_left=aligned - self._intercept_fraction,
            right=aligned - (self.gate_bits - 1),
            highest=_limits(self.curve, self.gate_bits)[1],
            mirror=self._mirror,
        )


def _exact(curve: Curve, argument: Number) -> Floats:
    """The curve at every code of `argument`, lowest first."""
    return _CURVES[curve](argument.values(np.arange(argument.low, argument.high + 1)))


@dataclass(frozen=True)
class Squashing:
    """Both curves as integers see them; None where no layer needs it."""

    gate_bits: int
    sigmoid: Activation | None
    tanh: Activation | None

    @property
    def fraction(self) -> int:
        """Bits behind the point of a gate."""
        return self.gate_bits - 1

    @property
    def tanh_fraction(self) -> int | None:
        """Bits behind the point of what enters tanh."""
        return None if self.tanh is None else self.tanh.argument.fraction

    def of(self, curve: Curve | None) -> Activation | None:
        """What computes a curve; None for None, the positive part."""
        return {"sigmoid": self.sigmoid, "tanh": self.tanh, None: None}[curve]


@dataclass(frozen=True)
class ActivationError:
    """How far an activation is from its curve, over every code of its argument."""

    method: str
    curve: Curve
    entries: int
    size_bits: int
    max_error: float
    mean_error: float
    max_error_units: float
    """`max_error` in units of the result's last place."""


def error(activation: Activation) -> ActivationError:
    """Measured on the whole domain, exhaustively, against double precision."""
    codes = np.arange(activation.argument.low, activation.argument.high + 1)
    unit = 2.0 ** (1 - activation.gate_bits)
    off = np.abs(activation(codes) * unit - _exact(activation.curve, activation.argument))
    return ActivationError(
        method=activation.method,
        curve=activation.curve,
        entries=activation.entries,
        size_bits=size_bits(activation),
        max_error=float(off.max()),
        mean_error=float(off.mean()),
        max_error_units=float(off.max()) / unit,
    )


def error_table(
    curve: Curve,
    argument: Number,
    gate_bits: int,
    table_bits: Sequence[int] | None = None,
    split_bits: Sequence[int] = (0, 1, 2, 3, 4),
    first_breakpoint: int = -1,
) -> list[ActivationError]:
    """Error against size: tables of every `table_bits` (default: 2 to all of the argument's), then segments."""
    sizes = range(2, argument.bits + 1) if table_bits is None else table_bits
    return [
        error(activation) for activation in _candidates(curve, argument, gate_bits, sizes, split_bits, first_breakpoint)
    ]


def _candidates(
    curve: Curve, argument: Number, gate_bits: int, table_bits: Sequence[int], split_bits: Sequence[int], first: int
) -> Iterator[Any]:
    yield from (WordTable.fit(curve, argument, gate_bits, k) for k in table_bits)
    yield from (Segments.fit(curve, argument, gate_bits, first, s) for s in split_bits if s <= argument.bits - 2)
