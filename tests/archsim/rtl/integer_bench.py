"""A test bench for `integer_cell`: vectors in, what Icarus Verilog makes of them out."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from archsim.rtl import integer_cell
from archsim.rtl.arithmetic import wrapped
from archsim.rtl.integer_cell import Layout
from archsim.rtl.layout import write_parameters
from archsim.rtl.unit_function import UnitFunctions

BENCH = """\
`default_nettype none
module bench #(
`include "integer_cell_parameters.svh"
);
  localparam SUMS = INTEGER_CELL_ROWS * {sum_bits};
  localparam WIDE = SUMS + INTEGER_CELL_H_BITS + INTEGER_CELL_BESIDE_BITS + 64;
  reg [WIDE-1:0] vectors [0:{count}-1];
  reg [INTEGER_CELL_CONSTANT_BITS-1:0] constants [0:INTEGER_CELL_CONSTANT_WORDS-1];
  reg [WIDE-1:0] now;
  wire [31:0] stage = now[WIDE-1 -: 32], address = now[WIDE-33 -: 32];
  wire [INTEGER_CELL_RESULTS*INTEGER_CELL_RESULT_BITS-1:0] results;
  wire [INTEGER_CELL_BESIDE_BITS-1:0] beside;
  integer_cell #(.SUM_BITS({sum_bits})) cell_under_test (
    .stage(stage[INTEGER_CELL_STAGE_BITS-1:0]), .sums(now[SUMS-1:0]), .constants(constants[address]),
    .h_in(now[SUMS +: INTEGER_CELL_H_BITS]), .beside_in(now[SUMS+INTEGER_CELL_H_BITS +: INTEGER_CELL_BESIDE_BITS]),
    .results(results), .beside_out(beside));
  integer k;
  initial begin
    $readmemh("integer_cell_constants.hex", constants);
    $readmemh("vectors.hex", vectors);
    for (k = 0; k < {count}; k = k + 1) begin
      now = vectors[k]; #1 $display("%h %h", results, beside);
    end
  end
endmodule
"""


class Vector(NamedTuple):
    """One unit of one lane in one step."""

    stage: int
    unit: int
    sums: tuple[int, ...]
    """In the order of the stage's rows."""
    state: Mapping[str, int]
    """h and what lies beside it, by name."""


@dataclass(frozen=True)
class Made:
    """What comes out for a vector: by operand, and by field beside h."""

    results: dict[str, int]
    beside: dict[str, int]


def needs(program: str) -> None:
    """Skip where a program is missing; under CI that is a failure."""
    if shutil.which(program) is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} must be installed: apt-get install {program}")
        pytest.skip(f"{program} is not installed: apt-get install {program}")


def write(texts: Mapping[str, str], folder: Path) -> list[str]:
    """Write the files; returns the names of those that are compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [name for name in texts if name.endswith(".sv")]


def simulate(
    functions: UnitFunctions,
    vectors: Sequence[Vector],
    folder: Path,
    sum_bits: int,
    texts: Mapping[str, str] | None = None,
) -> list[Made]:
    """Run the Verilog of `functions`, or `texts` in its place, over `vectors` in accumulators of `sum_bits`."""
    needs("iverilog")
    layout = Layout.of(functions, sum_bits)
    modules = write(texts or integer_cell.files(functions, sum_bits), folder)
    write_parameters(folder / "integer_cell_parameters.svh", layout.parameters)
    (folder / "bench.sv").write_text(BENCH.format(sum_bits=sum_bits, count=len(vectors)))
    (folder / "vectors.hex").write_text("".join(_packed(functions, layout, each) for each in vectors))
    compiled = ["iverilog", "-g2012", "-Wall", "-s", "bench", "-o", "bench.vvp", "bench.sv", *modules]
    done = subprocess.run(compiled, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    ran = subprocess.run(["vvp", "-N", "bench.vvp"], cwd=folder, capture_output=True, text=True, check=True)
    lines = ran.stdout.splitlines()
    assert len(lines) == len(vectors), ran.stdout[-500:] + ran.stderr
    return [_unpacked(functions, layout, *each) for each in zip(vectors, lines, strict=True)]


def _packed(functions: UnitFunctions, layout: Layout, vector: Vector) -> str:
    stage, word, at = functions.stages[vector.stage], 0, 0

    def put(value: int, bits: int) -> None:
        nonlocal word, at
        word |= (value & ((1 << bits) - 1)) << at
        at += bits

    for value in vector.sums:
        put(value, layout.sum_bits)
    at = layout.rows * layout.sum_bits
    put(vector.state["h"] if stage.h is not None else 0, layout.h_bits)
    for port in stage.beside:
        put(vector.state[port.name], port.bits)
    at = layout.rows * layout.sum_bits + layout.h_bits + layout.beside_bits
    put(layout.first_constant[vector.stage] + vector.unit, 32)
    put(vector.stage, 32)
    return f"{word:x}\n"


def _unpacked(functions: UnitFunctions, layout: Layout, vector: Vector, line: str) -> Made:
    if "x" in line:
        return Made({}, {})  # unknown, as in a loop without registers
    stage, (results, beside) = functions.stages[vector.stage], (int(part, 16) for part in line.split())
    bits = layout.result_bits
    made = {output.name: wrapped(results >> (n * bits), bits) for n, output in enumerate(stage.made)}
    found = {}
    for port in stage.beside:
        found[port.name] = wrapped(beside, port.bits)
        beside >>= port.bits
    return Made(made, found)


def evaluated(functions: UnitFunctions, vectors: Iterable[Vector]) -> list[Made]:
    """The same in Python's integers, by the evaluator of the description."""
    found = []
    for vector in vectors:
        stage = functions.stages[vector.stage]
        sums = dict(zip((row.name for row in stage.sums), vector.sums, strict=True))
        values = stage.evaluate(vector.unit, sums, vector.state)
        beside = {port.name: values.get(port.name, vector.state[port.name]) for port in stage.beside}
        found.append(Made({output.name: values[output.name] for output in stage.made}, beside))
    return found
