"""`archsim ptq`: a trained network in integers, with the fewest bits that keep its accuracy."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from archsim.errors import BadInput
from dse.cli.bars import progress
from dse.cli.clipping import clipped_json
from dse.cli.inputs import check_raw, normalised
from dse.cli.options import BatchFirst, Json, Raw, TaskOption
from dse.cli.tables.networks import bits_table, clipped_line, points_table
from dse.cli.terminal import notes, out, print_json, say
from workloads import tasks, zoo
from workloads.fixed_point import BitSearch, IntegerModel, MeasuredBits, OwnData, Settings, search_bits, sweep
from workloads.fixed_point.fewest import Method
from workloads.fixed_point.own_data import OwnMetric
from workloads.model import Model
from workloads.record import given_array, given_sample
from workloads.tasks import Metric
from workloads.zoo.verification import record_quantized


def ptq(
    workload: Annotated[str, typer.Argument(help="A floating-point zoo model, or a model file.")],
    task: TaskOption = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Your own inputs (.npy), instead of a task: calibrated and measured on.")
    ] = None,
    targets: Annotated[
        Path | None,
        typer.Option(
            help="What they should give (.npy): integers are classes, floats numbers; default: the float model."
        ),
    ] = None,
    batch_first: BatchFirst = False,
    raw: Raw = False,
    out_: Annotated[Path | None, typer.Option("--out", help="Write the smallest model found (.safetensors).")] = None,
    max_loss: Annotated[
        float, typer.Option(help="Loss allowed, in per cent: of the metric, of the accuracy if that is an error.")
    ] = 1.0,
    bits: Annotated[str, typer.Option(help="Least and most bits tried, as LEAST:MOST, or one number.")] = "2:12",
    weight_bits: Annotated[str | None, typer.Option(help="The same of weights alone.")] = None,
    activation_bits: Annotated[str | None, typer.Option(help="The same of activations alone.")] = None,
    cell_bits: Annotated[str | None, typer.Option(help="The same of c alone.")] = None,
    embedding_bits: Annotated[str | None, typer.Option(help="The same of an embedding alone.")] = None,
    accumulator_bits: Annotated[
        int | None, typer.Option(help="Of every accumulator; default: the fewest that are proved never to overflow.")
    ] = None,
    exhaustive: Annotated[
        bool,
        typer.Option("--exhaustive", help="Try in order of memory: nothing is taken for granted, and it takes long."),
    ] = False,
    record_: Annotated[
        bool, typer.Option("--record", help="Measure the one found on the test split too; put it on the model's card.")
    ] = False,
    table: Annotated[bool, typer.Option("--table", help="Instead, measure every combination of bits.")] = False,
    as_json: Json = False,
) -> None:
    """Integers only, after training: the fewest bits of weights and activations within a loss.

    archsim ptq wp-lstm256-float --out small.safetensors

    archsim ptq mine.safetensors --inputs x.npy --targets y.npy --table --weight-bits 4:8 --activation-bits 6:12
    """
    model = _for_task(zoo.load_model(workload), task, inputs)
    measured = _Measured(_own(model, inputs, targets, batch_first, raw), Settings.of(accumulator_bits=accumulator_bits))
    widths = _widths(model, bits, weight_bits, activation_bits, cell_bits, embedding_bits)
    if table:
        if out_ or record_:
            raise BadInput("--table keeps no model: neither --out nor --record goes with it")
        _table(model, measured, widths, cell_bits, embedding_bits, as_json)
        return
    if record_ and (inputs is not None or task is not None):
        raise BadInput("--record puts on a card what the model's own task measures: no --inputs or --task goes with it")
    card = zoo.load_card(workload) if record_ else None
    found, best, smallest = _fewest(model, measured, max_loss, widths, "exhaustive" if exhaustive else "monotone")
    if out_ is not None:
        smallest.save(out_)
    entry = None if card is None else record_quantized(workload, card, best, smallest)
    metric = measured.metric(model)
    if as_json:
        print_json(
            {
                "model": model.name, "metric": metric, "points": [_json(point) for point in found.points],
                "best": _json(best), "card": entry and entry.model_dump(), "method": found.method,
                "untried": found.untried, "clipped": clipped_json(smallest.constants_clipped),
            }
        )  # fmt: skip
        return
    out.print(points_table(metric, found.points, best, measured.where))
    say(clipped_line(best))
    if note := _taken_for_granted(found):
        notes.print(note, soft_wrap=True, highlight=False)
    if out_ is not None:
        say(f"written to {out_}")
    if entry is not None:
        say(f"test split {entry.test:.4f}: written to the card of {model.name}")


@dataclass(frozen=True)
class _BitRanges:
    """Bits to be tried: of weights, of activations, and where the model has them of c and of an embedding."""

    weights: range
    activations: range
    cells: range | None
    embeddings: range | None


def _widths(
    model: Model, bits: str, weights: str | None, activations: str | None, cells: str | None, embeddings: str | None
) -> _BitRanges:
    """What the options of a command say, those of one kind before `bits`; BadInput where the model has no such part."""
    embedded, has_c = model.config.input.kind == "embedding", model.config.has_cell_state
    if embeddings and not embedded:
        raise BadInput(f"--embedding-bits: {model.name} has no embedding")
    if cells and not has_c:
        raise BadInput(f"--cell-bits: {model.name} has no cell state c")
    return _BitRanges(
        _range("--weight-bits", weights, bits),
        _range("--activation-bits", activations, bits),
        _range("--cell-bits", cells, bits) if has_c else None,
        _range("--embedding-bits", embeddings, bits) if embedded else None,
    )


def _range(option: str, own: str | None, bits: str) -> range:
    """From least to most, by an option of its own, else by --bits."""
    option, given = ("--bits", bits) if own is None else (option, own)
    least, colon, most = given.partition(":")
    most = most if colon else least
    if not (least.isdecimal() and most.isdecimal() and 2 <= int(least) <= int(most) <= 16):
        raise BadInput(f"{option} must be LEAST:MOST, or one number, between 2 and 16, not {given!r}")
    return range(int(least), int(most) + 1)


@dataclass(frozen=True)
class _Measured:
    """What every combination is measured on, the model's task where there are no `own` data, and what all share."""

    own: OwnData | None
    settings: Settings

    @property
    def where(self) -> str:
        return "the validation split" if self.own is None else "your data"

    def metric(self, model: Model) -> Metric | OwnMetric:
        return tasks.by_name(model.task).metric if self.own is None else self.own.metric


def _for_task(model: Model, task: str | None, inputs: Path | None) -> Model:
    """The same network with the task that it is measured on."""
    if task is None:
        return model
    if inputs is not None:
        raise BadInput("--task and --inputs both say what to measure on: give one of them")
    return model.with_task(task)


def _own(model: Model, inputs: Path | None, targets: Path | None, batch_first: bool, raw: bool) -> OwnData | None:
    """A person's own data, steps first; None where there are none."""
    if inputs is None:
        check_raw(raw)
        if targets is not None or batch_first:
            raise BadInput("--targets and --batch-first go with --inputs")
        return None
    sample = normalised(given_sample(inputs), model.config.normalisation, raw)
    given = OwnData(sample.inputs, None if targets is None else given_array(targets, "targets"))
    return given.steps_first(model.config) if batch_first else given


def _json(point: MeasuredBits) -> dict[str, Any]:
    """A loss that is infinite, where nothing of the float model was right, is none."""
    return vars(point) | {"relative_loss": point.relative_loss if math.isfinite(point.relative_loss) else None}


def _taken_for_granted(found: BitSearch) -> str | None:
    """What the search took for granted, if that left anything out."""
    if not found.untried:
        return None
    return (
        f"archsim: more bits are taken never to be worse: {found.untried:,} combinations of less memory were not "
        "measured, each below two that lose too much (--exhaustive measures all of less memory)"
    )


def _table(
    model: Model,
    measured: _Measured,
    widths: _BitRanges,
    cell_bits: str | None,
    embedding_bits: str | None,
    as_json: bool,
) -> None:
    """Measure every combination of weights and activations; c and an embedding have one width, or follow these."""
    for option, own in (("--cell-bits", cell_bits), ("--embedding-bits", embedding_bits)):
        if own and ":" in own:
            raise BadInput(f"{option} must be one number with --table, which has no column for it, not {own!r}")
    cells = widths.cells if cell_bits else None
    embeddings = widths.embeddings if embedding_bits else None
    with _points(len(widths.weights) * len(widths.activations)) as show:
        points = sweep(
            model, widths.weights, widths.activations, cells, embeddings, settings=measured.settings, own=measured.own,
            on_point=show,
        )  # fmt: skip
    metric = measured.metric(model)
    if as_json:
        print_json({"model": model.name, "metric": metric, "points": [_json(point) for point in points]})
    else:
        out.print(bits_table(metric, points))


def _fewest(
    model: Model, measured: _Measured, max_loss: float, widths: _BitRanges, method: Method
) -> tuple[BitSearch, MeasuredBits, IntegerModel]:
    """What was found, the smallest that loses at most `max_loss` per cent, and its model; BadInput where none is."""
    with _points(None) as show:
        found = search_bits(
            model,
            None,
            max_loss / 100,
            widths.weights,
            widths.activations,
            widths.cells,
            widths.embeddings,
            method=method,
            settings=measured.settings,
            own=measured.own,
            on_point=show,
        )
    if found.best is None or found.model is None:
        metric = measured.metric(model)
        whole = "accuracy" if metric == "error_pct" else metric
        raise BadInput(
            f"no combination of these bits loses at most {max_loss:g} % of {model.name}'s {whole}{_unseen(found)}"
        )
    return found, found.best, found.model


def _unseen(found: BitSearch) -> str:
    """What of the combinations was not measured, where none was found."""
    if not found.untried:
        return ""
    return f": {found.untried:,} of them, with no more bits than some that lose more, were not measured (--exhaustive)"


@contextmanager
def _points(total: int | None) -> Iterator[Callable[..., None]]:
    """A bar of integer models measured, and what is to be called with each."""
    with progress("measuring", total) as (bar, task):

        def show(point: MeasuredBits, *_: int) -> None:
            note = f"{point.weight_bits} x {point.activation_bits} bits: {point.value:.4g}"
            bar.update(task, advance=1, note=note)

        yield show
