"""Simulations of the machine in Verilog with Icarus Verilog: what they print, parsed."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from archsim.errors import BadInput
from archsim.rtl.compare import Logged

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

    @property
    def complaints(self) -> tuple[str, ...]:
        """What the simulator or a bench says is wrong: files it cannot read whole, a clash, a cycle that is unknown."""
        return tuple(line for line in self.other if line.startswith(("E ", "F ", "WARNING", "ERROR", "FATAL")))


def simulate(folder: Path, bench: str, *, computed: bool = False) -> Simulated:
    """Compile a bench with what was generated into `folder`, and run it there. BadInput without Icarus Verilog.

    `computed`: results are those of the integer cells in the folder (`IntegerCells.write`), not recorded ones.
    """
    if not shutil.which("iverilog"):
        raise BadInput("Icarus Verilog (iverilog) must be installed to simulate the machine in Verilog")
    compiled = folder / f"{bench}.vvp"
    libraries = [f"-I{folder}", f"-I{VERILOG}", "-y", str(VERILOG), "-Y", ".sv"]
    if computed:
        libraries += ["-y", str(folder), "-DINTEGER_CELLS"]
    command = ["iverilog", "-g2012", *libraries, "-s", bench, "-o", str(compiled), str(VERILOG / f"{bench}.sv")]
    for each, where in ((command, None), (["vvp", "-n", compiled.name], folder)):
        done = subprocess.run(each, cwd=where, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{each[0]} ended with {done.returncode}: {done.stdout.strip()}")
    return parsed(done.stdout)


def parsed(text: str) -> Simulated:
    """What the benches print: ``E`` for an event, ``F`` and the cycle at the end, or ``S`` if that never comes.

    A line with an unknown number (``x``) is one of other kinds.
    """
    events, other = [], []
    cycles, sums, different = None, 0, 0
    for line in text.splitlines():
        try:
            match line.split():
                case ["E", cycle, component, event, step, block, column]:
                    events.append(Logged(int(cycle), component, event, int(step), int(block), int(column)))
                case ["F", cycle]:
                    cycles = int(cycle)
                case ["F", cycle, "sums", read, "different", wrong]:
                    cycles, sums, different = int(cycle), int(read), int(wrong)
                case _:
                    other.append(line)
        except ValueError:
            other.append(line)
    return Simulated(tuple(events), cycles, sums, different, tuple(other))
