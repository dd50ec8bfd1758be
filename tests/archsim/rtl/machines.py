"""Runs of the machine in Verilog, and those of engine `column` that they must equal."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from archsim.design import Design
from archsim.machine.steps import run_machine
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work
from archsim.rtl.compare import Logged, difference
from archsim.rtl.program import Program
from archsim.rtl.simulate import simulate, write_control_bench
from archsim.simulation import Job, prepare
from archsim.timing import Timing
from archsim.trace.trace import Trace
from tests.archsim import event_log
from tests.archsim.event_log import LoggedEvents

tools = pytest.mark.skipif(
    not shutil.which("iverilog") and not os.environ.get("CI"), reason="Icarus Verilog (iverilog) is not installed"
)


def control_log(
    design: Design, plan: Plan, work: Work, folder: Path, limit: int
) -> tuple[tuple[Logged, ...], int | None]:
    """The event log of control alone, which is told how long lists are, and the cycle at which it has finished."""
    write_control_bench(Program(design, plan, work), folder, limit)
    simulated = simulate(folder, "control_bench")
    return simulated.events, simulated.cycles


def differs(design: Design, plan: Plan, work: Work, folder: Path) -> str | None:
    """How control in Verilog differs from engine `column`, in words; None if log and cycles are equal."""
    expected: list[Logged] = []
    timing = run_machine(design, plan, work, "column", log=lambda *event: expected.append(Logged(*event)))
    found, cycles = control_log(design, plan, work, folder, timing.cycles + 1000)
    if cycles != timing.cycles:
        return f"cycles: archsim {timing.cycles}, Verilog {cycles}; {difference(expected, found)}"
    return difference(expected, found)


def control_on(folder: Path) -> Callable[[Design, Trace], tuple[LoggedEvents, Timing]]:
    """``event_log.whole_log`` with the events of control in Verilog, which takes the cycles of engine `column`."""

    def whole_log(design: Design, trace: Trace) -> tuple[LoggedEvents, Timing]:
        _, timing = event_log.whole_log(design, trace)
        logged, cycles = control_log(*prepare(Job(design, trace, 1)).triple, folder, limit=timing.cycles + 100)
        assert cycles == timing.cycles
        found: LoggedEvents = {}
        for event in logged:
            found.setdefault(event.component, []).append((event.cycle, event.event, event.step, event.block))
        return found, timing

    return whole_log
