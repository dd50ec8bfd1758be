"""Simulations of the machine in Verilog with Icarus Verilog: what they print, parsed."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.rtl.compare import Logged
from archsim.rtl.images import Images
from archsim.rtl.layout import write_hex
from archsim.rtl.program import Program
from archsim.rtl.tables import Tables

VERILOG = Path(__file__).parent / "verilog"


@dataclass(frozen=True)
class Simulated:
    """What a simulation has printed."""

    events: tuple[Logged, ...]
    cycles: int | None
    """The cycle in which the machine had finished; None if it had not within the limit."""
    sums: int
    """Sums that were read out and compared; none on the bench of control alone."""
    different: int
    """How many of them were not as expected."""
    other: tuple[str, ...]
    """Lines of other kinds."""


def simulate(folder: Path, bench: str) -> Simulated:
    """Compile a bench with what was generated into `folder`, and run it there. BadInput without Icarus Verilog."""
    if not shutil.which("iverilog"):
        raise BadInput("Icarus Verilog (iverilog) must be installed to simulate the machine in Verilog")
    compiled = folder / f"{bench}.vvp"
    libraries = [f"-I{folder}", f"-I{VERILOG}", "-y", str(VERILOG), "-Y", ".sv"]
    command = ["iverilog", "-g2012", *libraries, "-s", bench, "-o", str(compiled), str(VERILOG / f"{bench}.sv")]
    for each, where in ((command, None), (["vvp", "-n", compiled.name], folder)):
        done = subprocess.run(each, cwd=where, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{each[0]} ended with {done.returncode}: {done.stderr.strip()}")
    return parsed(done.stdout)


def parsed(text: str) -> Simulated:
    """What the benches print: ``E`` for an event, ``F`` and the cycle at the end, or ``S`` if that never comes."""
    events, other = [], []
    cycles, sums, different = None, 0, 0
    for line in text.splitlines():
        match line.split():
            case ["E", cycle, component, event, step, block, column]:
                events.append(Logged(int(cycle), component, event, int(step), int(block), int(column)))
            case ["F", cycle]:
                cycles = int(cycle)
            case ["F", cycle, "sums", read, "different", wrong]:
                cycles, sums, different = int(cycle), int(read), int(wrong)
            case _:
                other.append(line)
    return Simulated(tuple(events), cycles, sums, different, tuple(other))


def write_control_bench(program: Program, out: Path, limit: int) -> None:
    """Write what control_bench.sv reads beside the program: lengths of lists, and the steps of the run.

    It gives up at cycle `limit`.
    """
    program.write(out)
    counts = list(_counts(program))
    write_hex(out / "counts.hex", [*counts, *[0] * (2 * len(program.listings))], program.widths["COUNT"])
    write_run(program, out, limit)


def write_bench(program: Program, integers: Integers, out: Path, limit: int) -> None:
    """Write what testbench.sv reads: the program, the tables of the data path, and the integers of a run."""
    tables = Tables(program)
    program.write(out, tables.parameters())
    tables.write(out)
    Images(program, tables, integers).write(out)
    write_run(program, out, limit)


def write_run(program: Program, out: Path, limit: int) -> None:
    """Write the steps of a run and of its lanes."""
    bits = program.widths["STEP"]
    lane_steps = sum(min(steps, program.steps + 1) << (lane * bits) for lane, steps in enumerate(program.lane_steps))
    lanes = program.plan.lanes * bits
    previous = sum((each.edge == "previous_step") << n for n, each in enumerate(program.listings))
    (out / "run.svh").write_text(
        f"  localparam RUN_STEPS = {program.steps}, RUN_LIMIT = {limit};\n"
        f"  localparam [{lanes - 1}:0] RUN_LANE_STEPS = {lanes}'h{lane_steps:x};\n"
        f"  localparam [{len(program.listings) - 1}:0] PREVIOUS = {len(program.listings)}'h{previous:x};\n"
    )


def _counts(program: Program) -> Iterator[int]:
    """The columns of each list as each step reads it."""
    reads = [
        next(i for i in range(len(program.plan.mat_vecs)) if program.listing(i) == each) for each in program.listings
    ]
    for step in range(program.steps):
        for mat_vec in reads:
            yield program.work.streamed_at(mat_vec, step)[0]
