"""Simulations of the machine in Verilog: their commands run, and what they print, parsed."""

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def run(command: str, folder: Path, on_cycle: Callable[[int], None] | None = None) -> str:
    """What a command prints in a folder; `on_cycle` gets the cycle of every event. RuntimeError if it fails."""
    with subprocess.Popen(
        command, shell=True, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if on_cycle and (at := _CYCLE.match(line)):
                on_cycle(int(at[1]))
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}: {''.join(lines[-20:]).strip()}")
    return "".join(lines)


_CYCLE = re.compile(r"E (\d+) ")


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
