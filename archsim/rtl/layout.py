"""Lines of a memory that consist of named fields, and their text for Verilog."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


def bits_for(largest: int) -> int:
    """Bits of an unsigned number up to `largest`, at least 1."""
    return max(1, largest.bit_length())


@dataclass(frozen=True)
class Field:
    """A field of a line, of `count` numbers of `bits` each, the first of them in the lowest bits."""

    name: str
    bits: int
    count: int = 1


class Vector(NamedTuple):
    """A parameter of several numbers of `bits` each, the first of them in the lowest bits."""

    bits: int
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The fields of a line, the first of them in its lowest bits; `prefix` begins their names in Verilog."""

    prefix: str
    fields: tuple[Field, ...]

    @property
    def bits(self) -> int:
        return sum(each.bits * each.count for each in self.fields)

    def positions(self) -> dict[str, int]:
        """The lowest bit of each field, by its name in Verilog."""
        found, at = {}, 0
        for each in self.fields:
            found[f"{self.prefix}_{each.name.upper()}"] = at
            at += each.bits * each.count
        return found

    def line(self, values: Mapping[str, int | Sequence[int]]) -> int:
        """A line with the given values, which must be those of all fields. ValueError if one does not fit."""
        line = at = 0
        if set(values) != {each.name for each in self.fields}:
            raise ValueError(f"fields must be {[each.name for each in self.fields]}, not {list(values)}")
        for each in self.fields:
            given = values[each.name]
            numbers = [given] if isinstance(given, int) else given
            if len(numbers) > each.count or any(not 0 <= number < 1 << each.bits for number in numbers):
                raise ValueError(f"field {each.name}: must be at most {each.count} of {each.bits} bits, not {numbers}")
            for place, number in enumerate(numbers):
                line |= number << (at + place * each.bits)
            at += each.bits * each.count
        return line


def write_hex(path: Path, lines: Iterable[int], bits: int) -> None:
    """Write numbers of `bits` as $readmemh reads them."""
    digits = -(-bits // 4)
    path.write_text("".join(f"{line:0{digits}x}\n" for line in lines))


def write_parameters(path: Path, values: Mapping[str, int | Vector], wide: bool = False) -> None:
    """Write the inside of a module's parameter list; vectors and wide values are sized.

    `wide`: numbers of lines may have more bits than a memory needs, of which Verilator warns otherwise.
    """
    off = "  /* verilator lint_off WIDTH */\n  /* verilator lint_off UNUSEDSIGNAL */\n" if wide else ""
    lines = (f"  parameter {_assigned(name, value)}" for name, value in values.items())
    path.write_text(
        "  // Generated from a plan. A module uses only some of these.\n"
        f"{off}  /* verilator lint_off UNUSEDPARAM */\n"
        + ",\n".join(lines)
        + "\n  /* verilator lint_on UNUSEDPARAM */\n"
    )


def _assigned(name: str, value: int | Vector) -> str:
    if isinstance(value, int):
        return f"{name} = {_literal(value)}"
    size = value.bits * len(value.numbers)
    whole = sum(number << (value.bits * place) for place, number in enumerate(value.numbers))
    return f"[{size - 1}:0] {name} = {size}'h{whole:x}"


def _literal(value: int) -> str:
    return str(value) if value < 2**31 else f"{value.bit_length()}'h{value:x}"
