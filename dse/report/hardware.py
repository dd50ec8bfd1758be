"""The hardware of a design of the front: the command that makes and checks it, or why there is none."""

import shlex
from functools import cache
from pathlib import Path

from archsim.design import Design
from archsim.errors import BadInput
from archsim.rtl.case import planned
from archsim.trace.trace import Trace
from dse.report.designs import trace_file
from dse.report.shapes import HardwareTab
from dse.results.command import settings
from dse.results.details import FrontDetail
from dse.results.store import Results
from workloads import zoo

FEW_PE_CYCLES = 300_000
"""Cycles of a step times PEs up to which Icarus Verilog, at some 25,000 a second, is done first."""


def front_hardware(results: Results, folder: Path) -> list[HardwareTab | None]:
    """Of every design of the front, in their order; None where the trace that it ran is gone."""
    load = cache(Trace.load)
    found: list[HardwareTab | None] = []
    for detail in results.details:
        try:
            trace = load(trace_file(detail, folder))
        except BadInput:
            found.append(None)
            continue
        found.append(_hardware(detail, results, folder, trace))
    return found


def _hardware(detail: FrontDetail, results: Results, folder: Path, trace: Trace) -> HardwareTab:
    design, scope = results.space.design(detail.overrides), results.space.scenario.scope
    run_steps = results.space.scenario.steps
    try:
        planned(design, trace, scope=scope, run_steps=run_steps)
    except BadInput as reason:
        return HardwareTab(command="", reason=str(reason))
    words = ["archsim", "rtl", _anywhere(results.space.base), *_workload(detail, folder, trace), "--scope", scope]
    words += ["--run-steps", str(run_steps)]
    words += ["--out", f"hardware-{detail.trial}", "--check", *_simulator(design, detail)]
    return HardwareTab(command=" ".join(filter(None, (shlex.join(words), settings(detail.overrides)))), reason="")


def _workload(detail: FrontDetail, folder: Path, trace: Trace) -> list[str]:
    """The model with its own codes, where it is a file and computes with integers; otherwise the trace that was run."""
    integers = all(operand.bits is not None for operand in trace.graph.operands)
    if integers and not trace.header.synthetic and (detail.model in zoo.ALL or Path(detail.model).is_file()):
        return [
            "--workload",
            _anywhere(detail.model),
            "--threshold",
            f"{detail.threshold:.6g}",
            "--split",
            "validation",
        ]
    return ["--workload", _anywhere(str(trace_file(detail, folder)))]


def _anywhere(name: str) -> str:
    """A file by its whole path, so that the command runs in any folder; other names as they are."""
    path = Path(name)
    return str(path.absolute()) if path.is_file() else name


def _simulator(design: Design, detail: FrontDetail) -> list[str]:
    few = design.lanes * design.pes_per_lane * detail.cycles_per_step <= FEW_PE_CYCLES
    return [] if few else ["--simulator", "verilator"]
