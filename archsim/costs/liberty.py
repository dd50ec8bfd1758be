"""A library of standard cells, read from a liberty file as far as a synthesis of areas needs it."""

import ast
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from operator import and_, or_, xor
from pathlib import Path

from archsim.errors import BadInput

_UNUSED = re.compile(r"lpflow|probe|dly|clkinv|clkbuf|antenna|decap|fill")
"""Cells that a synthesis does not choose by itself: for power domains, delays, clock trees and layout."""
_CELL = re.compile(r"^\s*cell\s*\(\s*\"?(\w+)\"?\s*\)", re.MULTILINE)

NAND = (1, 1, 1, 0)
SUM, CARRY = (0, 1, 1, 0, 1, 0, 0, 1), (0, 0, 0, 1, 0, 1, 1, 1)
"""Truth tables over inputs in alphabetical order, the last one fastest: of a full adder, its sum and its carry."""


@dataclass(frozen=True)
class Cell:
    """A cell of a library: its area, and the Boolean function of each output."""

    name: str
    area: float
    functions: Mapping[str, str]
    clock_gate: Mapping[str, str]
    """For a clock gate, its clock, enable and output pins; empty for any other cell."""

    @property
    def inputs(self) -> list[str]:
        """The names that its functions read."""
        return sorted({name for text in self.functions.values() for name in re.findall(r"[A-Za-z_]\w*", text)})

    def computes(self, wanted: Sequence[int], output: str) -> bool:
        """Whether an output has the truth table `wanted` over the inputs in alphabetical order."""
        text = re.sub(r"(\w+)\s*'", r"!\1", self.functions[output])  # A' is !A
        try:
            tree = ast.parse(text.replace("!", "~").replace("*", "&").replace("+", "|").strip(), mode="eval").body
        except SyntaxError:
            raise _not_boolean(self.functions[output]) from None
        rows = product((0, 1), repeat=len(self.inputs))
        return [_value(tree, dict(zip(self.inputs, row, strict=True))) for row in rows] == list(wanted)


_OPERATIONS: Mapping[type[ast.AST], Callable[[int, int], int]] = {
    ast.BitAnd: and_,
    ast.BitOr: or_,
    ast.BitXor: xor,
}


def _value(node: ast.expr, pins: Mapping[str, int]) -> int:
    """The value of a Boolean expression, 0 or 1. BadInput for anything else."""
    if isinstance(node, ast.Name):
        return pins[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        return 1 - _value(node.operand, pins)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left, pins), _value(node.right, pins))
    raise _not_boolean(ast.unparse(node))


def _not_boolean(text: str) -> BadInput:
    return BadInput(f"liberty: {text!r} is not a Boolean expression of pins")


@dataclass(frozen=True)
class Liberty:
    """A library of cells, read as far as is needed here."""

    path: Path
    cells: tuple[Cell, ...]
    text: str
    """The file without the cells that a synthesis does not choose by itself."""

    @property
    def nand2(self) -> float:
        """The area of the smallest two-input NAND. BadInput if there is none."""
        return self._smallest("two-input NAND", (c for c in self.cells if _has(c, 2, NAND))).area

    @property
    def full_adder(self) -> Cell | None:
        """The smallest cell that adds three bits; None if the library has none."""
        found = (c for c in self.cells if _has(c, 3, SUM) and _has(c, 3, CARRY))
        return min(found, key=lambda cell: cell.area, default=None)

    @property
    def clock_gate(self) -> Cell:
        """The smallest clock gate. BadInput if there is none."""
        return self._smallest("clock gate", (c for c in self.cells if c.clock_gate))

    def _smallest(self, what: str, found: Iterable[Cell]) -> Cell:
        cell = min(found, key=lambda each: each.area, default=None)
        if cell is None:
            raise BadInput(f"{self.path}: has no {what}")
        return cell


def _has(cell: Cell, inputs: int, wanted: Sequence[int]) -> bool:
    return len(cell.inputs) == inputs and any(cell.computes(wanted, output) for output in cell.functions)


def read_liberty(path: str | Path) -> Liberty:
    """The cells of a liberty file, also compressed by gzip. BadInput if there is no such file, or no cell in it."""
    path = Path(path)
    try:
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:  # no file, or half a compressed one; no text
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path}: cannot be read as a liberty file ({reason})") from None
    starts = list(_CELL.finditer(text))
    if not starts:
        raise BadInput(f"{path}: has no cells")
    last = text.rfind("}")  # that of the library
    if last < starts[-1].start():
        raise BadInput(f"{path}: has no end of its last cell")
    spans = [
        (m, text[m.start() : end]) for m, end in zip(starts, [*(m.start() for m in starts[1:]), last], strict=True)
    ]
    used = [(m[1], span) for m, span in spans if not _UNUSED.search(m[1])]
    kept = text[: starts[0].start()] + "".join(span for _, span in used) + text[last:]
    return Liberty(path, tuple(_cell(name, span) for name, span in used), kept)


def _cell(name: str, body: str) -> Cell:
    area = re.search(r"\barea\s*:\s*\"?(\d+\.?\d*|\.\d+)", body)
    pins = [(m[1], body[m.end() :]) for m in re.finditer(r"\bpin\s*\(\s*\"?(\w+)\"?\s*\)\s*\{", body)]
    functions: dict[str, str] = {}
    gate: dict[str, str] = {}
    for pin, text in pins:
        text = text.split("pin (", 1)[0].split("pin(", 1)[0]
        function = re.search(r"\bfunction\s*:\s*\"([^\"]*)\"", text)
        if function:
            functions[pin] = function[1]
        for role in ("clock", "enable", "out"):
            if re.search(rf"\bclock_gate_{role}_pin\s*:\s*\"?true", text):
                gate[role] = pin
    sequential = re.search(r"\b(ff|latch|statetable)\s*\(", body)
    whole = len(gate) == 3 and not re.search(r"\bclock_gate_test_pin\s*:\s*\"?true", body)
    return Cell(name, float(area[1]) if area else 0.0, {} if sequential else functions, gate if whole else {})
