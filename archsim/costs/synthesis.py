"""The logic of the shipped designs, synthesised with a library that the user names, beside its price.

``python -m archsim.costs.synthesis LIBERTY...`` prints the table of ``docs/results/logic-area.md``. It needs yosys; no
library is shipped. The modules are those of ``costs/rtl``: written for these tables, with the parameters that
``parts`` gives them.
"""

import ast
import gzip
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import product
from operator import and_, or_, xor
from pathlib import Path

from archsim.costs.parts import Part, distinct
from archsim.errors import BadInput

LONGEST_S = 180
"""The longest that one synthesis may take, s."""
_UNUSED = re.compile(r"lpflow|probe|dly|clkinv|clkbuf|antenna|decap|fill")
"""Cells that a synthesis does not choose by itself: for power domains, delays, clock trees and layout."""
_CELL = re.compile(r"^\s*cell\s*\(\s*\"?(\w+)\"?\s*\)", re.MULTILINE)


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
        return self._smallest("two-input NAND", (c for c in self.cells if _has(c, 2, (1, 1, 1, 0)))).area

    @property
    def full_adder(self) -> Cell | None:
        """The smallest cell that adds three bits; None if the library has none."""
        found = (c for c in self.cells if _has(c, 3, (0, 1, 1, 0, 1, 0, 0, 1)) and _has(c, 3, (0, 0, 0, 1, 0, 1, 1, 1)))
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
    except OSError as error:
        raise BadInput(f"{path}: cannot be read as a liberty file ({error.strerror or error})") from None
    starts = list(_CELL.finditer(text))
    if not starts:
        raise BadInput(f"{path}: has no cells")
    last = text.rindex("}")  # that of the library
    spans = [
        (m, text[m.start() : end]) for m, end in zip(starts, [*(m.start() for m in starts[1:]), last], strict=True)
    ]
    used = [(m[1], span) for m, span in spans if not _UNUSED.search(m[1])]
    kept = text[: starts[0].start()] + "".join(span for _, span in used) + text[last:]
    return Liberty(path, tuple(_cell(name, span) for name, span in used), kept)


def _cell(name: str, body: str) -> Cell:
    area = re.search(r"\barea\s*:\s*\"?([\d.]+)", body)
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


# --- Synthesis --------------------------------------------------------------------------------------------------------

_FA = """module fa(input a, b, c, output s, co);
  parameter _TECHMAP_CONSTMSK_a_ = 0; parameter _TECHMAP_CONSTMSK_b_ = 0; parameter _TECHMAP_CONSTMSK_c_ = 0;
  generate if ({use_gates} || _TECHMAP_CONSTMSK_a_ || _TECHMAP_CONSTMSK_b_ || _TECHMAP_CONSTMSK_c_) begin
    assign s = a ^ b ^ c; assign co = (a & b) | (c & (a ^ b));
  end else begin
    {cell}
  end endgenerate
endmodule
module gate(input clk, en, output gclk);
  {gate}
endmodule
"""
_PORTS = "module fa(input a, b, c, output s, co); endmodule\nmodule gate(input clk, en, output gclk); endmodule\n"


def _mapping(liberty: Liberty) -> str:
    """Verilog that makes full adders and clock gates of the library's cells; full adders of gates where it has none."""
    adder, gate = liberty.full_adder, liberty.clock_gate
    cell = "assign s = a ^ b ^ c; assign co = (a & b) | (c & (a ^ b));"
    if adder is not None:
        sums = [pin for pin in adder.functions if adder.computes((0, 1, 1, 0, 1, 0, 0, 1), pin)]
        carries = [pin for pin in adder.functions if adder.computes((0, 0, 0, 1, 0, 1, 1, 1), pin)]
        inputs = ", ".join(f".{pin}({wire})" for pin, wire in zip(adder.inputs, "abc", strict=True))
        cell = f"{adder.name} f ({inputs}, .{sums[0]}(s), .{carries[0]}(co));"
    pins = gate.clock_gate
    gated = f"{gate.name} g (.{pins['clock']}(clk), .{pins['enable']}(en), .{pins['out']}(gclk));"
    return _FA.format(use_gates=int(adder is None), cell=cell, gate=gated)


def gates(part: Part, liberty: Liberty) -> float:
    """The gate equivalents of a part, synthesised by yosys. BadInput if yosys is missing or takes too long."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "cells.lib").write_text(liberty.text)
        (work / "ports.v").write_text(_PORTS)
        (work / "mapping.v").write_text(_mapping(liberty))
        return _area(_yosys(_script(part, work), work)) / liberty.nand2


def _script(part: Part, work: Path) -> str:
    rtl = resources.files("archsim.costs") / "rtl"
    sources = sorted(str(path) for path in rtl.iterdir() if path.name.endswith(".v"))
    chosen = " ".join(f"-chparam {name} {value}" for name, value in part.parameters)
    return "\n".join(
        [
            f"read_liberty -lib {work}/cells.lib",
            f"read_verilog -lib {work}/ports.v",
            f"read_verilog -sv {' '.join(sources)}",
            f"hierarchy -top {part.module} {chosen}",
            "proc; flatten; opt; opt_expr -full",
            f"techmap -map {work}/mapping.v",
            "synth -run coarse: -noabc",
            f"dfflibmap -liberty {work}/cells.lib",
            f"abc -liberty {work}/cells.lib",
            "opt_clean -purge",
            f"stat -liberty {work}/cells.lib",
        ]
    )


def _yosys(script: str, work: Path) -> str:
    (work / "script.ys").write_text(script)
    command = ["yosys", "-q", "-l", str(work / "log"), "-s", str(work / "script.ys")]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST_S)
    except FileNotFoundError:
        raise BadInput("synthesis: yosys is not installed") from None
    except subprocess.TimeoutExpired:
        raise BadInput(f"synthesis: yosys took more than {LONGEST_S} s") from None
    except subprocess.CalledProcessError as error:
        raise BadInput(f"synthesis: yosys failed: {error.stderr.strip().splitlines()[-1]}") from None
    return (work / "log").read_text()


def _area(log: str) -> float:
    """The area of the top module. BadInput where a cell has none."""
    unknown = re.search(r"Area for cell type (\S+) is unknown", log)
    if unknown:
        raise BadInput(f"synthesis: no area for cell {unknown[1]}")
    return float(re.findall(r"Chip area for (?:top )?module .*: ([\d.]+)", log)[-1])


# --- The table --------------------------------------------------------------------------------------------------------


def table(liberties: Sequence[Liberty]) -> str:
    """Every part of the shipped designs, priced and synthesised with each library, as a Markdown table."""
    names = " | ".join(f"{liberty.path.name.partition('.')[0]} | %" for liberty in liberties)
    lines = [f"| part | of | priced | {names} |", "|---|---|---|" + "---|---|" * len(liberties)]
    for part, used in distinct():
        cells = " | ".join(_beside(part, liberty) for liberty in liberties)
        lines.append(f"| {part.name} | {', '.join(used)} | {part.priced_gates:,.0f} | {cells} |")
    return "\n".join(lines)


def _beside(part: Part, liberty: Liberty) -> str:
    """A synthesised area, and by how much the price differs from it."""
    found = gates(part, liberty)
    return f"{found:,.0f} | {100 * (part.priced_gates / found - 1):+.0f}"


def main(paths: Sequence[str]) -> int:
    """Print the table for the liberty files at `paths`; returns the exit code."""
    try:
        if not paths:
            raise BadInput("synthesis: name one or more liberty files")
        print(table([read_liberty(path) for path in paths]))
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
