"""A folder with everything of a design in Verilog: modules, program, images, what must come out, and how to run it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archsim.files import whole_folder
from archsim.rtl.case import Case, Expected
from archsim.rtl.compare import Logged
from archsim.rtl.export import write_bench
from archsim.rtl.gates import SCRIPTS
from archsim.rtl.integer_cells import IntegerCells
from archsim.rtl.readme import readme
from archsim.rtl.simulate import VERILOG
from archsim.rtl.sums import write_sums
from archsim.rtl.tables import Tables
from archsim.rtl.tools import MODULES, SIMULATION

MARK = "archsim-rtl.json"
"""The file by which a folder is known to have been written here, with what it is of."""
EVENTS, SUMS = "expected_events.txt", "expected_sums.txt"
BENCH_FILES = ("testbench.sv", "data_bench.sv", "monitor.sv")
CELLS, SHIFTS = "integer_cells.sv", "row_shifts.sv"
"""What recorded results make superfluous, and models without shifts of their rows."""
LEFT_OUT = ("control_bench.sv", CELLS, SHIFTS)
"""These, and a bench that runs control alone, for archsim's own tests."""
SPARE_CYCLES = 1000
"""Cycles beyond the expected ones after which a simulation gives up."""


@dataclass(frozen=True)
class Exported:
    """A folder that was written, and what its simulation must print."""

    case: Case
    folder: Path
    expected: Expected

    @property
    def words(self) -> str:
        """In one line."""
        case, expected = self.case, self.expected
        return (
            f"{self.folder}: {case.design.name} in Verilog, running {case.workload}, {case.window_words}, with"
            f" {case.integers_words}: {len(expected.events):,} events, {case.sums:,} sums, {expected.cycles:,} cycles"
            " are expected; its README.md says how to run it"
        )

    def to_json(self) -> dict[str, str | int | None]:
        return {"folder": str(self.folder), **_facts(self.case, self.expected)}


def export(case: Case, out: Path, on_step: Callable[[int], None] | None = None) -> Exported:
    """Write the folder, whole or not at all; one that `export` wrote before is replaced.

    BadInput if something else is there. `on_step` is called with the number of steps that engine `column` has run.
    """
    expected = case.expected(on_step)
    with whole_folder(out, MARK) as part:
        write_bench(case.program, case.integers, part, expected.cycles + SPARE_CYCLES)
        if case.cells:
            operands = case.integers.operands
            IntegerCells.of(Tables(case.program), case.cells.functions, operands, case.cells.beside).write(part)
        for name in (MODULES, SIMULATION):
            (part / name).mkdir()
        needed = {*([CELLS] if case.cells else []), *([SHIFTS] if case.integers.most_shift else [])}
        for file in sorted(VERILOG.iterdir()):
            if file.name not in LEFT_OUT or file.name in needed:
                shutil.copyfile(file, part / (SIMULATION if file.name in BENCH_FILES else MODULES) / file.name)
        (part / EVENTS).write_text("".join(map(_line, expected.events)), encoding="utf-8")
        write_sums(case, part / SUMS)
        for name, script in SCRIPTS.items():
            (part / name).write_text(script, encoding="utf-8")
        (part / "README.md").write_text(readme(case, expected), encoding="utf-8")
        (part / MARK).write_text(json.dumps(_facts(case, expected), indent=2) + "\n", encoding="utf-8")
    return Exported(case, out, expected)


def _line(event: Logged) -> str:
    """As the test bench writes an event."""
    return " ".join(map(str, ("E", *event))) + "\n"


def _facts(case: Case, expected: Expected) -> dict[str, str | int | None]:
    return {
        "design": case.design.name,
        "design_sha256": case.design.sha256,
        "workload": case.workload,
        "trace_sha256": case.program.work.trace.sha256,
        "lanes": case.lanes,
        "first_step": case.window.first,
        "last_step": case.window.last,
        "run_steps": case.run_steps,
        "seed": case.seed,
        "events": len(expected.events),
        "sums": case.sums,
        "cycles": expected.cycles,
    }
