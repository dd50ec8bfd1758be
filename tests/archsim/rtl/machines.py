"""Runs of the machine in Verilog, and those of engine `column` that they must equal."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archsim.design import Design
from archsim.machine.functional import Integers
from archsim.machine.steps import run_machine
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work
from archsim.rtl import drawn
from archsim.rtl.case import Case
from archsim.rtl.check import check
from archsim.rtl.compare import Logged, difference
from archsim.rtl.export import write_control_bench
from archsim.rtl.folder import export
from archsim.rtl.program import Program
from archsim.rtl.simulate import VERILOG, Simulated, parsed, run
from archsim.rtl.tools import ICARUS, MODULES, SIMULATION
from archsim.rtl.window import Window
from archsim.simulation import Job, prepare
from archsim.timing import Timing
from archsim.trace.trace import Trace
from tests.archsim import event_log
from tests.archsim.event_log import LoggedEvents

tools = pytest.mark.skipif(
    not shutil.which("iverilog") and not os.environ.get("CI"), reason="Icarus Verilog (iverilog) is not installed"
)


def control_alone(design: Design, plan: Plan, work: Work, folder: Path, limit: int) -> Simulated:
    """A run of control, which is told how long lists are, and gives up at cycle `limit`."""
    write_control_bench(Program(design, plan, work), folder, limit)
    for name in (MODULES, SIMULATION):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(VERILOG)
    run(ICARUS.compiled(bench="control_bench"), folder)
    return parsed(run(ICARUS.run, folder))


def control_differs(design: Design, plan: Plan, work: Work, folder: Path) -> str | None:
    """How control in Verilog differs from engine `column`, in words; None if log and cycles are equal."""
    expected: list[Logged] = []
    timing = run_machine(design, plan, work, "column", log=lambda *event: expected.append(Logged(*event)))
    found = control_alone(design, plan, work, folder, timing.cycles + 1000)
    if found.complaints:
        return "; ".join(found.complaints)
    if found.cycles != timing.cycles:
        return f"cycles: archsim {timing.cycles}, Verilog {found.cycles}; {difference(expected, found.events)}"
    return difference(expected, found.events)


def differences(design: Design, plan: Plan, work: Work, folder: Path, integers: Integers) -> tuple[str, ...]:
    """How the whole machine in Verilog differs from engine `column` and from the matrix products, in words."""
    case = Case(Program(design, plan, work), integers, Window(0, work.steps - 1), work.steps, None)
    return check(export(case, folder)).reasons


def drawn_integers(trace: Trace, seed: int) -> Integers:
    """Integers for all sequences and steps of a trace."""
    return drawn.drawn_integers(trace, trace.sequences, trace.steps, seed)


def with_row_shifts(integers: Integers, most: int, seed: int) -> Integers:
    """The same stored weights, whose rows are shifted left by up to `most` places, product by product."""
    rng = np.random.default_rng(seed)
    shifts = {name: rng.integers(0, most, len(rows), endpoint=True) for name, rows in integers.weights.items()}
    weights = {name: rows << shifts[name][:, None] for name, rows in integers.weights.items()}
    return Integers(weights, integers.operands, shifts)


def control_on(folder: Path) -> Callable[[Design, Trace], tuple[LoggedEvents, Timing]]:
    """``event_log.whole_log`` with the events of control in Verilog, which takes the cycles of engine `column`."""

    def whole_log(design: Design, trace: Trace) -> tuple[LoggedEvents, Timing]:
        _, timing = event_log.whole_log(design, trace)
        simulated = control_alone(*prepare(Job(design, trace, 1)).triple, folder, limit=timing.cycles + 100)
        assert simulated.cycles == timing.cycles
        found: LoggedEvents = {}
        for event in simulated.events:
            found.setdefault(event.component, []).append((event.cycle, event.event, event.step, event.block))
        return found, timing

    return whole_log
