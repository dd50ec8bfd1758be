"""`archsim trace`: traces drawn, recorded, shown."""

from pathlib import Path
from typing import Annotated

import typer

from archsim.trace.synthetic import FORMATS, synthesize
from archsim.trace.trace import Trace
from dse.cli.bars import steps_of
from dse.cli.clipping import MORE_BITS, clipped_json, say_clipped
from dse.cli.inputs import at_threshold, check_raw, for_task, normalised, record_text
from dse.cli.options import BatchFirst, Json, Raw, TaskOption, Threshold, either
from dse.cli.tables.layout import figures, literal
from dse.cli.tables.networks import zeros_table
from dse.cli.terminal import out, print_json, say
from workloads import zoo
from workloads.model import Model
from workloads.numbers import Clipped
from workloads.record import given_sample, record_sample
from workloads.sparsify import zeros
from workloads.tasks.base import HeldOutSplit

app = typer.Typer(name="trace", no_args_is_help=True, add_completion=False, help="Make and look at traces.")


@app.command()
def synth(
    out_: Annotated[Path, typer.Option("--out", help="File to write (.npz).")],
    hidden: Annotated[int, typer.Option(help="Units.")] = 1000,
    input_: Annotated[int, typer.Option("--input", help="Symbols of the one-hot input.")] = 50,
    density: Annotated[float, typer.Option(help="Share of state elements that are not zero.")] = 0.19,
    correlation: Annotated[float, typer.Option(help="Between any two lanes.")] = 0.0,
    sequences: Annotated[int, typer.Option(help="Sequences recorded.")] = 8,
    steps: Annotated[int, typer.Option(help="Steps recorded.")] = 100,
    weights: Annotated[str, typer.Option(help=f"Weight format: {', '.join(FORMATS)}.")] = "fixed8",
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 1,
    as_json: Json = False,
) -> None:
    """Draw a synthetic trace, marked as such wherever it is shown.

    archsim trace synth --hidden 1000 --input 50 --density 0.19 --correlation 0.8 --seed 1 --out t.npz

    archsim trace synth --density 1.0 --weights binary --out dense.npz
    """
    with steps_of("drawing", steps) as on_step:
        trace = synthesize(
            hidden,
            input_,
            density,
            correlation=correlation,
            sequences=sequences,
            steps=steps,
            weight_format=weights,
            seed=seed,
            out=out_,
            on_step=on_step,
        )
    _written(out_, trace, "synthetic", as_json)


@app.command(name="record")
def record_(
    workload: Annotated[str, typer.Option(help="A zoo model, or a model file.")],
    out_: Annotated[Path, typer.Option("--out", help="File to write (.npz).")],
    split: Annotated[
        HeldOutSplit, typer.Option(help="validation or test.", **either("--split", HeldOutSplit))
    ] = "test",
    sequences: Annotated[int, typer.Option(min=1, help="Sequences recorded.")] = 16,
    steps: Annotated[int, typer.Option(min=1, help="Steps recorded.")] = 1000,
    threshold: Threshold = None,
    task: TaskOption = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Your own inputs (.npy): (steps, sequences) symbols or (..., size) vectors.")
    ] = None,
    batch_first: BatchFirst = False,
    raw: Raw = False,
    as_json: Json = False,
) -> None:
    """Record a model over real data: that of its task, or your own.

    archsim trace record --workload wp-lstm256-ternary-s90 --out t.npz

    archsim trace record --workload mine.safetensors --inputs mine.npy --out t.npz
    """
    model = for_task(at_threshold(zoo.load_either(workload), threshold), task).counting()
    if inputs is None:
        check_raw(raw)
        trace, what = record_text(model, split, sequences, steps, out_), f"of the {split} split"
    else:
        sample = normalised(given_sample(inputs, batch_first), model.config.normalisation, raw)
        with steps_of("recording", int(sample.lengths.max())) as on_step:
            trace = record_sample(model, sample, {"inputs": inputs.name}, out_, on_step)
        what = f"of {inputs.name}"
    clips = (*model.constants_clipped, *model.saturations.places)
    if not as_json:
        say_clipped(clips, MORE_BITS if inputs is not None and isinstance(model, Model) else None)
    _written(out_, trace, what, as_json, clips)


def _written(path: Path, trace: Trace, what: str, as_json: bool, clips: tuple[Clipped, ...] = ()) -> None:
    workload, sequences, steps = trace.header.workload, trace.sequences, trace.steps
    if as_json:
        size = {"sequences": sequences, "steps": steps}
        print_json({"trace": str(path), "workload": workload, **size, "clipped": clipped_json(clips)})
    else:
        say(f"{path}: {workload}, {sequences} sequences x {steps} steps, {what}")


@app.command()
def show(path: Annotated[Path, typer.Argument(help="A trace (.npz).")], as_json: Json = False) -> None:
    """What a trace is of, how many columns its products list, and how the zeros of its states lie.

    archsim trace show t.npz

    archsim trace show t.npz --json
    """
    trace = Trace.load(path)
    lanes = [n for n in (1, 2, 4, 8, 16) if n <= trace.sequences]
    listed = {
        mv.name: {n: float(phase.columns(mv, n, phase.steps).listed.mean()) for n in lanes}
        for phase in trace.phases
        for mv in phase.graph.mat_vecs
    }
    states = zeros(trace)
    if as_json:
        header = trace.header.model_dump(mode="json")
        lying = [{**vars(z), "per_step": z.per_step.tolist(), "per_unit": z.per_unit.tolist()} for z in states]
        size = {"steps": trace.steps, "sequences": trace.sequences}
        print_json({**header, **size, "columns_listed": listed, "zeros": lying})
        return
    kind = "[yellow]synthetic[/]" if trace.header.synthetic else "recorded"
    out.print(
        f"{literal(trace.header.workload)}: {kind}, {trace.sequences} sequences x {trace.steps} steps{_phases(trace)}"
    )
    rows = [
        (mv.name, f"{mv.rows} x {mv.cols}", mv.weight_format.name, *(f"{listed[mv.name][n]:.1f}" for n in lanes))
        for phase in trace.phases
        for mv in phase.graph.mat_vecs
    ]
    out.print(figures("Columns listed a step, by lanes", ("product", "size", "weights", *map(str, lanes)), rows))
    out.print(zeros_table(states))


def _phases(trace: Trace) -> str:
    return f", {len(trace.phases)} phases" if trace.header.later else ""
