"""Integer operations as data: each says what it computes, how large its result gets, and how Verilog writes it.

Every value is two's complement, in the fewest bits that hold its proven range; a literal has those that its neighbour
needs. A right shift rounds half up, ``(v + 2^(n-1)) >> n``. Nothing here knows what the operations are for.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import NamedTuple, Self

Source = str | int
"""What an operation reads: a value by its name, or a literal."""


class Range(NamedTuple):
    """The least and the greatest that a value can be."""

    low: int
    high: int

    @classmethod
    def of_bits(cls, bits: int) -> "Range":
        """All that `bits` of two's complement hold."""
        return cls(-(1 << (bits - 1)), (1 << (bits - 1)) - 1)

    @classmethod
    def around(cls, *values: int) -> "Range":
        return cls(min(values), max(values))

    @property
    def bits(self) -> int:
        """The narrowest two's complement that holds it."""
        return 1 + max((v if v >= 0 else ~v).bit_length() for v in self)

    def holds(self, value: int) -> bool:
        return self.low <= value <= self.high

    def within(self, low: int, high: int) -> bool:
        return low <= self.low and self.high <= high


class Wire(NamedTuple):
    """A value in Verilog: a signed net, or a literal."""

    text: str
    range: Range

    @classmethod
    def literal(cls, value: int) -> "Wire":
        return cls("", Range(value, value))

    def to(self, bits: int) -> str:
        """The expression of the value as signed `bits`, cut or with its sign repeated."""
        if not self.text:
            return literal(self.range.low, bits)
        return self.text if bits == self.range.bits else f"{bits}'({self.text})"


def wrapped(value: int, bits: int) -> int:
    """`value` modulo ``2^bits``, in two's complement."""
    half = 1 << (bits - 1)
    return ((value + half) & (2 * half - 1)) - half


def literal(value: int, bits: int) -> str:
    """A signed literal of Verilog, also of the least value that `bits` hold; what does not fit is cut to them."""
    value = wrapped(value, bits)
    if value == -(1 << (bits - 1)):
        return f"{bits}'sh{1 << (bits - 1):x}"
    return f"{'-' if value < 0 else ''}{bits}'sd{abs(value)}"


class Operation(ABC):
    """One operation of integers; its sources are the fields that are declared as such."""

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """What it reads, in the order in which the other methods are given it."""
        return tuple(getattr(self, name) for name in self._source_fields)

    @property
    def _source_fields(self) -> Iterator[str]:
        return (field.name for field in fields(self) if field.type == Source)  # type: ignore[arg-type]

    def reading(self, names: Mapping[str, str]) -> Self:
        """The same operation of sources that are called otherwise; those that `names` lacks keep their names."""
        changed = {field: names.get(str(getattr(self, field)), getattr(self, field)) for field in self._source_fields}
        return replace(self, **changed)  # type: ignore[type-var]

    @abstractmethod
    def range(self, *of: Range) -> Range:
        """The range of its result, proved from those of its sources."""

    @abstractmethod
    def value(self, *of: int) -> int:
        """Its result."""

    @abstractmethod
    def expression(self, bits: int, *of: Wire) -> str:
        """A signed expression of Verilog for its result, of `bits`."""

    def lines(self, name: str, *of: Wire) -> list[str]:
        """What declares its result as the net `name`."""
        bits = self.range(*(wire.range for wire in of)).bits
        return [f"wire signed [{bits - 1}:0] {name} = {self.expression(bits, *of)};"]


@dataclass(frozen=True)
class Add(Operation):
    a: Source
    b: Source

    def range(self, *of: Range) -> Range:
        a, b = of
        return Range(a.low + b.low, a.high + b.high)

    def value(self, *of: int) -> int:
        return of[0] + of[1]

    def expression(self, bits: int, *of: Wire) -> str:
        return f"{of[0].to(bits)} + {of[1].to(bits)}"


@dataclass(frozen=True)
class Subtract(Operation):
    a: Source
    b: Source

    def range(self, *of: Range) -> Range:
        a, b = of
        return Range(a.low - b.high, a.high - b.low)

    def value(self, *of: int) -> int:
        return of[0] - of[1]

    def expression(self, bits: int, *of: Wire) -> str:
        return f"{of[0].to(bits)} - {of[1].to(bits)}"


@dataclass(frozen=True)
class Multiply(Operation):
    a: Source
    b: Source

    def range(self, *of: Range) -> Range:
        return Range.around(*(a * b for a in of[0] for b in of[1]))

    def value(self, *of: int) -> int:
        return of[0] * of[1]

    def expression(self, bits: int, *of: Wire) -> str:
        return f"{of[0].to(bits)} * {of[1].to(bits)}"


@dataclass(frozen=True)
class Accumulate(Operation):
    """``a + b`` modulo ``2^bits``: exact where the sum is known to fit, however far `a` alone has wrapped around."""

    a: Source
    b: Source
    bits: int

    def range(self, *of: Range) -> Range:
        return Range.of_bits(self.bits)

    def value(self, *of: int) -> int:
        return wrapped(of[0] + of[1], self.bits)

    def expression(self, bits: int, *of: Wire) -> str:
        return f"{of[0].to(bits)} + {of[1].to(bits)}"


@dataclass(frozen=True)
class ShiftLeft(Operation):
    """``a << by``, exact; `by` must not be negative."""

    a: Source
    by: Source

    def range(self, *of: Range) -> Range:
        return Range.around(*(a << n for a in of[0] for n in of[1]))

    def value(self, *of: int) -> int:
        return of[0] << of[1]

    def expression(self, bits: int, *of: Wire) -> str:
        return f"{of[0].to(bits)} <<< {_count(of[1])}"


@dataclass(frozen=True)
class ShiftRight(Operation):
    """``(a + 2^(by-1)) >> by``: rounded half up; `by` must not be negative, and 0 changes nothing."""

    a: Source
    by: Source

    def range(self, *of: Range) -> Range:
        return Range.around(*(self.value(a, n) for a in of[0] for n in of[1]))

    def value(self, *of: int) -> int:
        a, n = of
        return (a + ((1 << n) >> 1)) >> n

    def expression(self, bits: int, *of: Wire) -> str:
        a, by = of
        most = (1 << by.range.high) >> 1
        wide = Range(a.range.low, a.range.high + most).bits
        if not by.text:
            return f"{bits}'(({a.to(wide)} + {literal(most, wide)}) >>> {by.range.low})"
        wide = max(wide, Range(0, 2 * most).bits)
        half = f"(({literal(1, wide)} <<< {by.text}) >>> 1)"
        return f"{bits}'(({a.to(wide)} + {half}) >>> {by.text})"


def _count(by: Wire) -> str:
    return by.text or str(by.range.low)


@dataclass(frozen=True)
class Saturate(Operation):
    """The nearest to `a` of what lies between `low` and `high`."""

    a: Source
    low: int
    high: int

    def range(self, *of: Range) -> Range:
        return Range(*(self.value(end) for end in of[0]))

    def value(self, *of: int) -> int:
        return min(max(of[0], self.low), self.high)

    def expression(self, bits: int, *of: Wire) -> str:
        (a,) = of
        wide = max(a.range.bits, Range(self.low, self.high).bits)
        below, above = a.range.low < self.low, a.range.high > self.high
        under = f"({a.to(wide)} < {literal(self.low, wide)}) ? {literal(self.low, bits)} : " if below else ""
        over = f"({a.to(wide)} > {literal(self.high, wide)}) ? {literal(self.high, bits)} : " if above else ""
        return f"{under}{over}{a.to(bits)}"


@dataclass(frozen=True)
class Magnitude(Operation):
    """``|a|``"""

    a: Source

    def range(self, *of: Range) -> Range:
        ends = sorted(abs(end) for end in of[0])
        return Range(0 if of[0].holds(0) else ends[0], ends[1])

    def value(self, *of: int) -> int:
        return abs(of[0])

    def expression(self, bits: int, *of: Wire) -> str:
        (a,) = of
        return f"({a.to(a.range.bits)} < {literal(0, a.range.bits)}) ? -({a.to(bits)}) : {a.to(bits)}"


@dataclass(frozen=True)
class Maximum(Operation):
    a: Source
    b: Source

    def range(self, *of: Range) -> Range:
        a, b = of
        return Range(max(a.low, b.low), max(a.high, b.high))

    def value(self, *of: int) -> int:
        return max(of)

    def expression(self, bits: int, *of: Wire) -> str:
        a, b = of
        wide = max(a.range.bits, b.range.bits)
        return f"({a.to(wide)} < {b.to(wide)}) ? {b.to(bits)} : {a.to(bits)}"


@dataclass(frozen=True)
class SelectBelow(Operation):
    """`then` if ``a < b``, else `otherwise`."""

    a: Source
    b: Source
    then: Source
    otherwise: Source

    def range(self, *of: Range) -> Range:
        return Range.around(*of[2], *of[3])

    def value(self, *of: int) -> int:
        a, b, then, otherwise = of
        return then if a < b else otherwise

    def expression(self, bits: int, *of: Wire) -> str:
        a, b, then, otherwise = of
        wide = max(a.range.bits, b.range.bits)
        return f"({a.to(wide)} < {b.to(wide)}) ? {then.to(bits)} : {otherwise.to(bits)}"
