"""`archsim rtl`: a design as hardware, and the check that it does what engine `column` does."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from archsim.costs.liberty import Liberty, read_liberty
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.mapping.plan import RunScope
from archsim.rtl.area import Comparison, compare
from archsim.rtl.case import RUN_STEPS, SEED, Case, case_of, steps_of_run
from archsim.rtl.check import Check, check
from archsim.rtl.folder import Exported, export
from archsim.rtl.synthesis import synthesize
from archsim.rtl.tools import SIMULATORS, Simulator, check_yosys
from archsim.rtl.window import Window
from archsim.trace.trace import Trace
from dse.cli.bars import progress, steps_of
from dse.cli.inputs import SEQUENCES, at_threshold, parse_overrides
from dse.cli.options import DesignArgument, Json, Lanes, Scope, Threshold, WorkloadOption, either, overrides
from dse.cli.tables.gates import area_table
from dse.cli.terminal import complain, out, print_json, say
from dse.evaluation.hardware import recorded
from workloads import zoo
from workloads.fitting import available
from workloads.tasks.base import HeldOutSplit

SimulatorName = Literal["icarus", "verilator"]


def rtl_(
    design: DesignArgument,
    workload: WorkloadOption,
    out_: Annotated[Path, typer.Option("--out", help="Folder to write.")],
    check_: Annotated[
        bool, typer.Option("--check", help="Simulate it too, and compare every event, sum and cycle.")
    ] = False,
    synth: Annotated[
        bool, typer.Option("--synth", help="Make gates of it with Yosys; areas beside the cost model's.")
    ] = False,
    liberty: Annotated[Path | None, typer.Option(help="Library of cells for --synth.")] = None,
    largest: Annotated[
        bool, typer.Option("--largest", help="Counters for the largest network, as priced, not for this one.")
    ] = False,
    set_: Annotated[list[str] | None, overrides("pe_array.tiles=2")] = None,
    lanes: Lanes = None,
    steps: Annotated[str, typer.Option(help="Steps that it runs: FIRST:LAST, counted from 0, or how many.")] = "1",
    run_steps: Annotated[
        int, typer.Option(min=1, help="Steps of the run they are of, as archsim run --steps: it has the same blocks.")
    ] = RUN_STEPS,
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

    archsim rtl edge-8pe --workload t.npz --out hardware --synth --liberty my.lib --set node_nm=130
    """
    window = Window.parse(steps)
    chosen = load_design(design).override(parse_overrides(set_ or []))
    runs = next(each for each in SIMULATORS if each.name == simulator)
    if check_:
        runs.check()
    cells = _library(synth, liberty)
    case = _case(chosen, workload, window, run_steps, lanes, scope, threshold, split, seed)
    if largest:
        case = case.for_the_largest()
    with steps_of("simulating", case.program.steps) as on_step:
        exported = export(case, out_, on_step)
    found = _checked(exported, runs) if check_ else None
    gates = _synthesized(exported, cells) if cells else None
    if as_json:
        facts = exported.to_json() if found is None else found.to_json()
        print_json(facts if gates is None else {**facts, "synthesis": gates.to_json()})
    elif found is None:
        say(exported.words)
    elif found.passed:
        say(found.verdict)
    if gates and not as_json:
        out.print(area_table(gates))
    if found is not None and not found.passed:
        if not as_json:
            for reason in found.reasons:
                complain(reason)
        raise typer.Exit(1)


def _case(
    design: Design,
    workload: str,
    window: Window,
    run_steps: int,
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
        return case_of(design, trace, window, lanes=lanes, scope=scope, seed=seed, run_steps=run_steps)
    model = at_threshold(zoo.load_either(workload), threshold)
    recorded_steps = steps_of_run(run_steps, window)
    most = min(SEQUENCES, available(model, split))
    with progress(f"recording {model.config.name}", None):
        trace, integers, cells = recorded(model, split, lanes or design.lanes, recorded_steps, most, window.first)
    return case_of(
        *(design, trace, window), lanes=lanes, scope=scope, integers=integers, cells=cells, run_steps=run_steps
    )


def _checked(exported: Exported, simulator: Simulator) -> Check:
    with progress("compiling", None) as (bar, task):

        def compiled() -> None:
            bar.update(task, description=simulator.name, total=exported.expected.cycles, completed=0)

        return check(exported, simulator, compiled, lambda cycle: bar.update(task, completed=cycle))


def _library(synth: bool, liberty: Path | None) -> Liberty | None:
    """The library that is synthesised with. BadInput without one, or without Yosys."""
    if synth and liberty is None:
        raise BadInput("--synth: needs --liberty FILE, the standard cells that gates are made of")
    if liberty is not None and not synth:
        raise BadInput("--liberty: is for --synth, which is not given")
    if liberty is None:
        return None
    check_yosys()
    return read_liberty(liberty)


def _synthesized(exported: Exported, liberty: Liberty) -> Comparison:
    with progress("yosys", None) as (bar, task):
        found = synthesize(exported.folder, liberty, lambda words: bar.update(task, description=words))
    compared = compare(exported.case.design, found)
    compared.write(exported.folder / "synthesis.csv")
    return compared
