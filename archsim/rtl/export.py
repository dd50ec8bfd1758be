"""Everything that a bench reads, written into a folder beside which the modules of ``verilog/`` are compiled."""

from collections.abc import Iterator
from pathlib import Path

from archsim.machine.functional import Integers
from archsim.rtl.images import Images
from archsim.rtl.layout import write_hex
from archsim.rtl.operands import list_number
from archsim.rtl.program import Program
from archsim.rtl.row_shifts import RowShifts
from archsim.rtl.tables import Tables


def write_control_bench(program: Program, out: Path, limit: int) -> None:
    """Write what control_bench.sv reads beside the program: lengths of lists, and the steps of the run.

    It gives up at cycle `limit`.
    """
    program.write(out)
    counts = list(_counts(program))
    write_hex(out / "counts.hex", [*counts, *[0] * (2 * len(program.lists))], program.widths["COUNT"])
    write_run(program, out, limit)


def write_bench(program: Program, integers: Integers, out: Path, limit: int) -> None:
    """Write what testbench.sv reads: the program, the tables of the data path, and the integers of a run."""
    tables = Tables(program)
    images = Images(program, tables, integers)
    shifts = RowShifts(images)
    program.write(out, {**tables.parameters(), **shifts.parameters()})
    tables.write(out)
    images.write(out)
    shifts.write(out)
    write_run(program, out, limit)


def write_run(program: Program, out: Path, limit: int) -> None:
    """Write the steps of a run and of its lanes."""
    bits = program.widths["STEP"]
    lane_steps = sum(min(steps, program.steps + 1) << (lane * bits) for lane, steps in enumerate(program.lane_steps))
    lanes = program.plan.lanes * bits
    previous = sum(each.steps_back << n for n, each in enumerate(program.lists))
    (out / "run.svh").write_text(
        f"  localparam RUN_STEPS = {program.steps}, RUN_LIMIT = {limit};\n"
        f"  localparam [{lanes - 1}:0] RUN_LANE_STEPS = {lanes}'h{lane_steps:x};\n"
        f"  localparam [{len(program.lists) - 1}:0] PREVIOUS = {len(program.lists)}'h{previous:x};\n"
    )


def _counts(program: Program) -> Iterator[int]:
    """The columns of each list as each step reads it."""
    numbers = [list_number(program.lists, mat_vec) for mat_vec in program.plan.mat_vecs]
    reads = [numbers.index(number) for number in range(len(program.lists))]
    for step in range(program.steps):
        for mat_vec in reads:
            yield program.work.streamed_at(mat_vec, step)[0]
