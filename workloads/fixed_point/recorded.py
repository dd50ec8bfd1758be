"""What integer code does to arrays, written down as operations of one unit: it is run on `Symbols` instead of numbers.

The code is that of the model itself (`layers`, `workloads.cells`), so that hardware and model have one definition. A
constant array is a literal where it is alike for all units, and otherwise a constant that is stored for each.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from archsim.errors import BadInput
from archsim.rtl.arithmetic import (
    Add,
    Magnitude,
    Maximum,
    Multiply,
    Operation,
    Saturate,
    SelectBelow,
    ShiftLeft,
    ShiftRight,
    Source,
    Subtract,
)

_BINARY: dict[Any, tuple[type[Operation], str]] = {
    np.add: (Add, "plus"),
    np.subtract: (Subtract, "minus"),
    np.multiply: (Multiply, "times"),
    np.maximum: (Maximum, "max"),
    np.left_shift: (ShiftLeft, "left"),
}
"""The operation of each function of two arrays, and the word between the names of what it reads."""
_NEUTRAL = (np.add, np.subtract, np.left_shift)
"""What changes nothing where the second number is 0."""
_LONG = 10
"""Characters of a name beyond which it is no part of another one."""
_CONSTANTS: dict[Any, str] = {np.left_shift: "left", np.right_shift: "right", np.less: "threshold"}
"""What a constant is called that a function reads."""


@dataclass
class Recorder:
    """The steps of one unit as they are recorded, and the constants that are stored for each unit."""

    units: int
    steps: dict[str, tuple[Operation, int]] = field(default_factory=dict)
    """Operation and stage by the name of the result, in order."""
    constants: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Values ``(units,)`` by name."""
    stage: int = 0
    _prefix: str | None = None

    def add(self, operation: Operation, name: str, stage: int | None = None) -> str:
        """Write down an operation; returns what its result is called."""
        name = self._free(name)
        self.steps[name] = operation, self.stage if stage is None else stage
        return name

    def result(self, name: str, source: Source) -> Source:
        """Call what was recorded last by another name, if that is `source`."""
        if not self.steps or source != (last := next(reversed(self.steps))):
            return source
        operation, stage = self.steps.pop(last)
        name = self._free(name)
        self.steps[name] = operation, stage
        return name

    def named(self, word: str, a: Source, b: Source = 0) -> str:
        """A name for what an operation, `word`, makes of what it reads: what is computed at present, if that is known,
        or the names of its sources, if they are short."""
        if self._prefix is not None:
            return f"{self._prefix}_{word}"
        sources = [source if isinstance(source, str) else "" for source in (a, b)]
        if any(len(source) > _LONG for source in sources):
            return word
        return "_".join(filter(None, (sources[0], word, sources[1])))

    @contextmanager
    def naming(self, prefix: str) -> Iterator[None]:
        """What is recorded meanwhile has names that begin so."""
        before, self._prefix = self._prefix, prefix
        yield
        self._prefix = before

    def constant(self, values: Any, name: str) -> Source:
        """A literal if all units have the same, otherwise the name of a constant; `values` ``(units,)``."""
        each = tuple(int(v) for v in np.broadcast_to(values, (self.units,)))
        if len(set(each)) == 1:
            return each[0]
        known = next((known for known, given in self.constants.items() if given == each), None)
        if known is None:
            known = self._free(name if self._prefix is None else f"{self._prefix}_{name}")
            self.constants[known] = each
        return known

    def values(self, source: Source) -> tuple[int, ...] | None:
        """What a literal or a constant is, by unit; None of what is computed."""
        return (source,) * self.units if isinstance(source, int) else self.constants.get(source)

    def _free(self, name: str) -> str:
        taken, free, count = self.steps.keys() | self.constants.keys(), name, 1
        while free in taken:
            count += 1
            free = f"{name}_{count}"
        return free

    def symbols(self, *parts: Source) -> "Symbols":
        return Symbols(self, parts)


@dataclass(frozen=True)
class Comparison:
    """Where one value is less than another, part by part."""

    less: tuple[Source, ...]
    than: tuple[Source, ...]


@dataclass(frozen=True, eq=False)
class Symbols(NDArrayOperatorsMixin):
    """Stands for an array ``(1, parts * units)``: each part is one value of every unit."""

    recorder: Recorder
    parts: tuple[Source, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return 1, len(self.parts) * self.recorder.units

    def astype(self, kind: object) -> "Symbols":
        """Itself: all are integers."""
        return self

    def clipped(self, low: int, high: int) -> "Symbols":
        return self._each(lambda a: self.recorder.add(Saturate(a, low, high), self.recorder.named("clipped", a)))

    def _each(self, record: Callable[[Source], Source]) -> "Symbols":
        return Symbols(self.recorder, tuple(map(record, self.parts)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **more: Any) -> Any:
        if method != "__call__" or more:
            raise BadInput(f"integer step: {ufunc.__name__} has no hardware in this form")
        if ufunc is np.absolute:
            return self._each(lambda a: self.recorder.add(Magnitude(a), self.recorder.named("magnitude", a)))
        if len(inputs) != 2:
            raise BadInput(f"integer step: {ufunc.__name__} has no hardware")
        pairs = self._pairs(_CONSTANTS.get(ufunc, "constant"), *inputs)
        if ufunc is np.less:
            return Comparison(*zip(*pairs, strict=True))
        if ufunc is np.right_shift:
            return Symbols(self.recorder, tuple(self._rounded(a, by) for a, by in pairs))
        if ufunc not in _BINARY:
            raise BadInput(f"integer step: {ufunc.__name__} has no hardware")
        return Symbols(self.recorder, tuple(self._binary(ufunc, a, b) for a, b in pairs))

    def _pairs(self, name: str, a: Any, b: Any) -> list[tuple[Source, Source]]:
        parts = next(len(each.parts) for each in (a, b) if isinstance(each, Symbols))
        return list(zip(self._parts(a, parts, name), self._parts(b, parts, name), strict=True))

    def _parts(self, value: Any, parts: int, name: str = "constant") -> tuple[Source, ...]:
        """What stands for `value`, one for each part."""
        if isinstance(value, Symbols):
            return value.parts
        rows = np.broadcast_to(np.asarray(value).reshape(-1) if np.ndim(value) else value, parts * self.recorder.units)
        return tuple(self.recorder.constant(part, name) for part in np.split(rows, parts))

    def _binary(self, ufunc: np.ufunc, a: Source, b: Source) -> Source:
        if ufunc in _NEUTRAL and b == 0:
            return a
        operation, word = _BINARY[ufunc]
        made: Any = operation
        return self.recorder.add(made(a, b), self.recorder.named(word, a, b))

    def _rounded(self, a: Source, by: Source) -> Source:
        """A right shift, which must be of a value and half a unit."""
        if by == 0:
            return a
        shifts = self.recorder.values(by)
        added, _ = self.recorder.steps.get(str(a), (None, 0))
        if shifts is None or not isinstance(added, Add):
            raise BadInput("integer step: a right shift that does not round half up has no hardware")
        if self.recorder.values(added.b) != tuple((1 << n) >> 1 for n in shifts):
            raise BadInput("integer step: a right shift that does not round half up has no hardware")
        return self.recorder.add(ShiftRight(added.a, by), self.recorder.named("rounded", added.a))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function not in _FUNCTIONS:
            raise BadInput(f"integer step: {function.__name__} has no hardware")
        return _FUNCTIONS[function](self, *args, **kwargs)


def _split(owner: Symbols, array: Symbols, at: int | Sequence[int], axis: int) -> list[Symbols]:
    units, parts = owner.recorder.units, array.parts
    cuts = [rows // units for rows in at] if isinstance(at, list) else list(range(0, len(parts), len(parts) // at))[1:]  # type: ignore[operator]
    ends = zip([0, *cuts], [*cuts, len(parts)], strict=True)
    return [Symbols(owner.recorder, parts[first:last]) for first, last in ends]


def _concatenate(owner: Symbols, arrays: Sequence[Any], axis: int) -> Symbols:
    def parts(array: Any) -> int:
        return int(array.shape[-1]) // owner.recorder.units

    return Symbols(owner.recorder, tuple(part for each in arrays for part in owner._parts(each, parts(each))))


def _where(owner: Symbols, condition: Comparison, then: Any, otherwise: Any) -> Symbols:
    count = len(condition.less)
    columns = condition.less, condition.than, owner._parts(then, count), owner._parts(otherwise, count)
    made = (SelectBelow(*each) for each in zip(*columns, strict=True))
    return Symbols(
        owner.recorder, tuple(owner.recorder.add(each, owner.recorder.named("kept", each.otherwise)) for each in made)
    )


def _broadcast(owner: Symbols, array: Symbols, shape: object) -> Symbols:
    return array


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.split: _split,
    np.concatenate: _concatenate,
    np.where: _where,
    np.broadcast_to: _broadcast,
}
