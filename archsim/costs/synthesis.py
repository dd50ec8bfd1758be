"""The logic of the shipped designs, synthesised with a library that the user names, beside its price.

``python -m archsim.costs.synthesis LIBERTY...`` prints the table of ``docs/results/logic-area.md``, a line at a time,
in about an hour. It needs yosys; no library is shipped. The modules are those of ``costs/rtl``: written for these
tables, with the parameters that ``parts`` gives them.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path

from archsim.costs.liberty import CARRY, SUM, Liberty, read_liberty
from archsim.costs.parts import Part, distinct
from archsim.errors import BadInput

LONGEST_S = 180
"""The longest that one synthesis may take, s."""


class TooLong(BadInput):
    """A synthesis that takes longer than `LONGEST_S`."""


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
        sums = [pin for pin in adder.functions if adder.computes(SUM, pin)]
        carries = [pin for pin in adder.functions if adder.computes(CARRY, pin)]
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
        raise TooLong(f"synthesis: yosys took more than {LONGEST_S} s") from None
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


def table(liberties: Sequence[Liberty]) -> Iterator[str]:
    """The lines of a Markdown table: every part of the shipped designs, priced and synthesised with each library."""
    names = " | ".join(f"{liberty.path.name.partition('.')[0]} | %" for liberty in liberties)
    yield f"| part | parameters | of | priced | {names} |"
    yield "|---|---|---|---|" + "---|---|" * len(liberties)
    for part, used in distinct():
        values = ", ".join(f"{name} {value}" for name, value in part.parameters)
        cells = " | ".join(_beside(part, liberty) for liberty in liberties)
        yield f"| {part.name} | {values} | {', '.join(used)} | {part.priced_gates:,.0f} | {cells} |"


def _beside(part: Part, liberty: Liberty) -> str:
    """A synthesised area, and by how much the price differs from it; dashes if it takes too long."""
    try:
        found = gates(part, liberty)
    except TooLong:
        return "- | -"
    return f"{found:,.0f} | {100 * (part.priced_gates / found - 1):+.0f}"


def main(paths: Sequence[str]) -> int:
    """Print the table for the liberty files at `paths`; returns the exit code."""
    try:
        if not paths:
            raise BadInput("synthesis: name one or more liberty files")
        for line in table([read_liberty(path) for path in paths]):
            print(line, flush=True)
    except BadInput as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
