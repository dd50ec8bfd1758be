"""`archsim rtl`: a design as hardware, and the check that it does what engine `column` does."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.mapping.plan import RunScope
from archsim.rtl.case import PLANNED_STEPS, SEED, Case, case_of
from archsim.rtl.check import Check, check
from archsim.rtl.folder import Exported, export
from archsim.rtl.tools import SIMULATORS, Simulator
from archsim.rtl.window import Window
from archsim.trace.trace import Trace
from dse.cli.inputs import SEQUENCES, at_threshold, parse_overrides
from dse.cli.options import DesignArgument, Json, Lanes, Scope, Threshold, WorkloadOption, either, overrides
from dse.cli.terminal import complain, print_json, progress, say, steps_of
from dse.evaluation.hardware import recorded
from dse.evaluation.point import HeldOutSplit
from workloads import zoo
from workloads.fitting import available

PANEL = "Simulate"
app = typer.Typer()

SimulatorName = Literal["icarus", "verilator"]


@app.command(name="rtl", rich_help_panel=PANEL, short_help="A design as Verilog that runs, checked cycle for cycle.")
def rtl_(
    design: DesignArgument,
    workload: WorkloadOption,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write.")],
    check_: Annotated[
        bool, typer.Option("--check", help="Simulate it too, and compare every event, sum and cycle.")
    ] = False,
    set_: Annotated[list[str] | None, overrides("pe_array.tiles=2")] = None,
    lanes: Lanes = None,
    steps: Annotated[str, typer.Option(help="Steps that it runs: FIRST:LAST, counted from 0, or how many.")] = "1",
    scope: Scope = "model",
    threshold: Threshold = None,
    split: Annotated[
        HeldOutSplit,
        typer.Option(help="Data the model reads: validation or test.", **either("--split", HeldOutSplit)),
    ] = "test",
    simulator: Annotated[
        SimulatorName, typer.Option(help="icarus or verilator.", **either("--simulator", SimulatorName))
    ] = "icarus",
    seed: Annotated[int, typer.Option(min=0, help="Draws the integers of a trace, which has none.")] = SEED,
    as_json: Json = False,
) -> None:
    """Write a design as Verilog that runs a workload, and check it against engine column, cycle for cycle.

    archsim rtl edge-8pe --workload wp-lstm256-ternary-s90 --out hardware --check

    archsim rtl skip-65nm --workload t.npz --steps 10:11 --out hardware --check --simulator verilator
    """
    window = Window.parse(steps)
    chosen = load_design(design).override(parse_overrides(set_ or []))
    runs = next(each for each in SIMULATORS if each.name == simulator)
    if check_:
        runs.check()
    case = _case(chosen, workload, window, lanes, scope, threshold, split, seed)
    with steps_of("simulating", case.program.steps) as on_step:
        exported = export(case, out_, on_step)
    found = _checked(exported, runs) if check_ else None
    if as_json:
        print_json(exported.to_json() if found is None else found.to_json())
    elif found is None:
        say(exported.words)
    elif found.passed:
        say(found.verdict)
    if found is not None and not found.passed:
        if not as_json:
            for reason in found.reasons:
                complain(reason)
        raise typer.Exit(1)


def _case(
    design: Design,
    workload: str,
    window: Window,
    lanes: int | None,
    scope: RunScope,
    threshold: float | None,
    split: HeldOutSplit,
    seed: int,
) -> Case:
    """The case of a trace, whose integers are drawn, or of a model with its own."""
    if workload.endswith(".npz"):
        if threshold is not None:
            raise BadInput(f"--threshold: {workload} is a trace, which has its threshold already; give a model")
        trace = Trace.load(Path(workload))
        return case_of(design, trace, window, lanes=lanes, scope=scope, seed=seed)
    model = at_threshold(zoo.load_either(workload), threshold)
    planned = max(PLANNED_STEPS, window.last + 1)
    most = min(SEQUENCES, available(model, split))
    with progress(f"recording {model.config.name}", None):
        trace, integers, cells = recorded(model, split, lanes or design.lanes, planned, most, window.first)
    return case_of(design, trace, window, lanes=lanes, scope=scope, integers=integers, cells=cells)


def _checked(exported: Exported, simulator: Simulator) -> Check:
    with progress("compiling", None) as (bar, task):

        def compiled() -> None:
            bar.update(task, description=simulator.name, total=exported.expected.cycles, completed=0)

        return check(exported, simulator, compiled, lambda cycle: bar.update(task, completed=cycle))
