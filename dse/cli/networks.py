"""Commands about trained networks: train, import, prune, sparsity, ptq, zoo."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archsim.design import load_design
from archsim.errors import BadInput
from dse.cli import tables
from dse.cli.inputs import parse_value
from dse.cli.terminal import Json, complain, notes, out, print_json, progress, say
from dse.evaluation.sparsity import sparsity_curve
from workloads import tasks, zoo
from workloads.fixed_point import Point, search_bits, sweep
from workloads.importers import Choices, Formats, import_model
from workloads.record import given_sample, record_sample
from workloads.sparsify import prune_to, sample_of, zeros
from workloads.tasks import Split
from workloads.zoo import published as zoo_published

if TYPE_CHECKING:
    from workloads.training.train import OnProgress, Progress

PANEL = "Networks"
app = typer.Typer()


@app.command(rich_help_panel=PANEL, short_help="Train a recipe with PyTorch, or go on with it.")
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe (TOML), or the name of a shipped one.")],
    run_folder: Annotated[Path | None, typer.Option("--run", help="Folder of the run; default runs/NAME.")] = None,
    out_: Annotated[Path, typer.Option("--out", help="Folder for the model and its card.")] = Path("results/models"),
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    each: Annotated[
        list[str] | None,
        typer.Option(help="A field and its values, FIELD=A,B,...: compare all combinations, write no model."),
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="With --each: the table as a page has it.")] = False,
    as_json: Json = False,
) -> None:
    """Train a recipe with PyTorch (extra `train`), or variants of it; the same command again resumes.

    archsim train workloads/training/recipes/wp-lstm256-ternary.toml

    archsim train my.toml --each weight_format=float32,ternary --each cell=lstm,gru
    """
    if each:
        _train_variants(recipe, each, run_folder, device, markdown, as_json)
        return
    with _pytorch():
        from workloads.training.export import train_and_export
    path = Path(recipe)
    folder = run_folder or Path("runs") / path.stem
    with progress(f"training {path.stem}", None) as (bar, task), _resumable(folder):
        card = train_and_export(
            path,
            folder,
            out_,
            device,
            lambda p: bar.update(
                task, total=p.epochs * p.batches, completed=p.epoch * p.batches + p.batch, note=_epoch(p)
            ),
        )
    if as_json:
        print_json(card.model_dump(mode="json"))
        return
    out.print(tables.zoo_table([card]))
    say(f"written to {out_}")


@contextmanager
def _pytorch() -> Iterator[None]:
    """BadInput where an import within finds no PyTorch."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise BadInput("archsim train needs PyTorch: pip install 'archsim[train]'") from None


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """One who interrupts it is told how it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        complain(f"stopped; {folder} keeps the epochs that are done, the same command goes on")
        raise typer.Exit(130) from None


def _epoch(p: "Progress") -> str:
    return (
        f"{p.task}, epoch {p.epoch + 1}/{p.epochs}: loss {p.loss_bits:.3f} bits, {p.metric} {p.validation_loss:.3f}, "
        f"zeros {p.sparsity:.0%}"
    )


def _train_variants(
    recipe: str, each: list[str], run_folder: Path | None, device: str, markdown: bool, as_json: bool
) -> None:
    with _pytorch():
        from workloads.training.recipe import load_recipe
        from workloads.training.sequence import fastest
        from workloads.training.sweep import sweep, variants
    base = load_recipe(recipe)
    fitting, refused = variants(base, {key: tuple(values) for key, values in map(_field, each)})
    for reason in refused:
        notes.print(tables.literal(f"left out: {reason}"), soft_wrap=True, highlight=False)
    folder, found = run_folder or Path("runs") / f"{base.name}-variants", []
    with progress(f"training {base.name}", len(fitting)) as (bar, task), _resumable(folder):

        def show(k: int) -> "OnProgress":
            return lambda p: bar.update(task, note=f"{fitting[k]}: {_epoch(p)}")

        for trained in sweep(fitting, folder, device, show, fastest()):
            found.append(trained)
            bar.update(task, completed=len(found))
    if as_json:
        print_json([{**vars(t), "variant": t.variant.values} for t in found])
    elif markdown:
        print(tables.sweep_markdown(found))
    else:
        out.print(tables.sweep_table(found))


def _field(text: str) -> tuple[str, list[Any]]:
    """``FIELD=A,B``, each value a number where it reads as one."""
    key, equals, values = text.partition("=")
    if not equals or not values:
        raise BadInput(f"--each must be FIELD=VALUE,VALUE,..., not {text!r}")
    return key, [parse_value(value) for value in values.split(",")]


@app.command(name="import", rich_help_panel=PANEL, short_help="Your own model, from PyTorch or ONNX.")
def import_(
    path: Annotated[Path, typer.Argument(help="Safetensors or torch.save state dict, or ONNX.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Model file to write; default NAME.safetensors.")] = None,
    name: Annotated[str | None, typer.Option(help="Of the model; default: of the file.")] = None,
    input_: Annotated[str, typer.Option("--input", help="vector or one_hot, where there is no embedding.")] = "vector",
    weights: Annotated[str, typer.Option(help="Format that weights are rounded to.")] = "float32",
    state_bits: Annotated[int | None, typer.Option(help="Fixed point of the states; default: float.")] = None,
    input_bits: Annotated[int | None, typer.Option(help="Fixed point of vectors that enter; default: float.")] = None,
    input_integer_bits: Annotated[int, typer.Option(help="Of those, before the point.")] = 0,
    embedding_weights: Annotated[str | None, typer.Option(help="Of the embedding; default: as the layers.")] = None,
    readout_weights: Annotated[str | None, typer.Option(help="Of the readout; default: as the layers.")] = None,
    output: Annotated[str | None, typer.Option(help="ONNX: the tensor that is the result.")] = None,
    recurrent: Annotated[
        list[str] | None, typer.Option(help="State dict: a recurrent module, from the input up (repeatable).")
    ] = None,
    embedding: Annotated[str | None, typer.Option(help="State dict: the embedding's module.")] = None,
    readout: Annotated[str | None, typer.Option(help="State dict: the readout's module.")] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="State dict: a tensor or module that is not part of it (repeatable).")
    ] = None,
    activation: Annotated[str, typer.Option(help="State dict: of an nn.RNN, tanh or relu.")] = "tanh",
    when: Annotated[str, typer.Option(help="State dict: readout at every_step or last_step.")] = "every_step",
    state_dict: Annotated[str | None, typer.Option(help="torch.save: path of the state dict in it.")] = None,
    as_json: Json = False,
) -> None:
    """Your own model: from a PyTorch state dict, or from ONNX (extra `onnx`).

    archsim import mine.safetensors --ignore batch_norm --out models/mine.safetensors

    archsim import mine.onnx --weights fixed8 --state-bits 8 --input-bits 8 --input-integer-bits 2
    """
    for option, value, allowed in (
        ("--input", input_, ("vector", "one_hot")),
        ("--activation", activation, ("tanh", "relu")),
        ("--when", when, ("every_step", "last_step")),
    ):
        if value not in allowed:
            raise BadInput(f"{option} must be {' or '.join(allowed)}, not {value!r}")
    model = import_model(
        path,
        name,
        input_kind=input_,  # type: ignore[arg-type]
        formats=Formats(weights, embedding_weights, readout_weights),
        choices=Choices(
            recurrent=tuple(recurrent or ()),
            embedding=embedding,
            readout=readout,
            ignore=tuple(ignore or ()),
            activation=activation,  # type: ignore[arg-type]
            when=when,  # type: ignore[arg-type]
            state_dict=state_dict,
        ),
        output=output,
        note=lambda text: notes.print(f"archsim: {tables.literal(text)}", soft_wrap=True, highlight=False),
    )
    if state_bits is not None:
        model = model.with_bits(state_bits, input_bits, input_integer_bits)
    elif input_bits is not None or input_integer_bits:
        raise BadInput("--input-bits and --input-integer-bits need --state-bits")
    target = out_ or Path(f"{model.name}.safetensors")
    if target.resolve() == path.resolve():
        raise BadInput(f"--out: {target} is the file that is imported; name another")
    model.save(target)
    if as_json:
        print_json({"model": str(target), "weight_bytes": model.weight_bytes, **model.config.model_dump(mode="json")})
        return
    layers = ", ".join(f"{layer.cell} {layer.hidden}" for layer in model.config.layers)
    read = "no readout" if model.config.readout is None else f"readout of {model.config.readout.outputs}"
    what = f"{model.config.input.kind} of {model.config.input.width}, {layers}, {read}, {model.weight_bytes:,} bytes"
    say(f"{target}: {what}")


@app.command(rich_help_panel=PANEL, short_help="State thresholds that leave so many zeros, untrained.")
def prune(
    workload: Annotated[str, typer.Argument(help="A zoo model, or a model file.")],
    out_: Annotated[Path, typer.Option("--out", help="File to write (.safetensors).")],
    sparsity: Annotated[
        list[float], typer.Option(help="Share of the state to be zero; repeat it for a share of each layer.")
    ],
    inputs: Annotated[Path | None, typer.Option(help="Inputs (.npy) instead of the task's validation data.")] = None,
    as_json: Json = False,
) -> None:
    """Find the state thresholds that leave so many zeros, without training again.

    archsim prune wp-lstm256-ternary --sparsity 0.5 --out half.safetensors

    archsim prune stack.safetensors --sparsity 0.9 --sparsity 0.8 --inputs mine.npy --out pruned.safetensors
    """
    model = zoo.load_model(workload)
    sample = sample_of(model) if inputs is None else given_sample(inputs)
    with progress("bisecting thresholds", None):
        pruned = prune_to(model, sparsity if len(sparsity) > 1 else sparsity[0], sample)
    pruned.save(out_)
    found = zeros(record_sample(pruned, sample, {}))
    thresholds = [layer.threshold for layer in pruned.config.layers]
    if as_json:
        lying = [{"operand": z.operand, "sparsity": z.sparsity, "union": z.union} for z in found]
        print_json({"model": str(out_), "thresholds": thresholds, "zeros": lying})
        return
    out.print(tables.zeros_table(found))
    say(f"thresholds {', '.join(f'{t:.4g}' for t in thresholds)}: written to {out_}")


@app.command(rich_help_panel=PANEL, short_help="What zeros in the state cost in accuracy, and gain in speed.")
def sparsity(
    workloads: Annotated[list[str], typer.Argument(help="Zoo models, or model files.")],
    design: Annotated[str, typer.Option(help="A shipped design, or a TOML file.")] = "skip-65nm",
    lanes: Annotated[list[int] | None, typer.Option(min=1, help="Sequences side by side; default: 1 and 8.")] = None,
    at: Annotated[list[float] | None, typer.Option(help="Pruned to this share as well (repeatable).")] = None,
    split: Annotated[Split, typer.Option(help="Data that all is measured on.")] = "validation",
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """What zeros in the state cost in accuracy, and gain in speed: models as trained, and pruned harder.

    archsim sparsity wp-lstm256-ternary wp-lstm256-ternary-s50 wp-lstm256-ternary-s90

    archsim sparsity mine.safetensors --at 0.5 --at 0.8 --at 0.9 --design mine.toml --lanes 4
    """
    points = []
    with progress("measuring", len(workloads) * (1 + len(at or []))) as (bar, task):
        for point in sparsity_curve(workloads, load_design(design), lanes or (1, 8), at or (), split):
            points.append(point)
            bar.update(task, advance=1, note=f"{point.model}: {point.sparsity:.0%} zeros, {point.loss:.3f}")
    if as_json:
        print_json([point.to_json() for point in points])
    elif markdown:
        print(tables.sparsity_markdown(points))
    else:
        out.print(tables.sparsity_table(points))


@app.command(rich_help_panel=PANEL, short_help="Integers only, after training: the fewest bits within a loss.")
def ptq(
    workload: Annotated[str, typer.Argument(help="A floating-point zoo model, or a model file.")],
    out_: Annotated[Path | None, typer.Option("--out", help="Write the smallest model found (.safetensors).")] = None,
    max_loss: Annotated[
        float, typer.Option(help="Loss allowed, in per cent: of the metric, of the accuracy if that is an error.")
    ] = 1.0,
    bits: Annotated[str, typer.Option(help="Least and most bits tried, as LEAST:MOST, or one number.")] = "2:12",
    weight_bits: Annotated[str | None, typer.Option(help="The same of weights alone.")] = None,
    activation_bits: Annotated[str | None, typer.Option(help="The same of activations alone.")] = None,
    cell_bits: Annotated[str | None, typer.Option(help="The same of c alone.")] = None,
    embedding_bits: Annotated[str | None, typer.Option(help="The same of an embedding alone.")] = None,
    record_: Annotated[
        bool, typer.Option("--record", help="Measure the one found on the test split too; put it on the model's card.")
    ] = False,
    table: Annotated[bool, typer.Option("--table", help="Instead, measure every combination of bits.")] = False,
    as_json: Json = False,
) -> None:
    """Integers only, after training: the fewest bits of weights and activations within a loss.

    archsim ptq wp-lstm256-float --out small.safetensors

    archsim ptq mine.safetensors --table --weight-bits 4:8 --activation-bits 6:12 --cell-bits 12
    """
    model = zoo.load_model(workload)
    metric = tasks.by_name(model.task).metric
    embedded, has_c = model.config.input.kind == "embedding", model.config.has_cell_state
    if embedding_bits and not embedded:
        raise BadInput(f"--embedding-bits: {model.name} has no embedding")
    if cell_bits and not has_c:
        raise BadInput(f"--cell-bits: {model.name} has no cell state c")
    weights = _widths("--weight-bits", weight_bits, bits)
    activations = _widths("--activation-bits", activation_bits, bits)
    cells = _widths("--cell-bits", cell_bits, bits) if has_c else None
    embeddings = _widths("--embedding-bits", embedding_bits, bits) if embedded else None
    if table:
        if out_ or record_:
            raise BadInput("--table keeps no model: neither --out nor --record goes with it")
        for option, own in (("--cell-bits", cell_bits), ("--embedding-bits", embedding_bits)):
            if own and ":" in own:
                raise BadInput(f"{option} must be one number with --table, which has no column for it, not {own!r}")
        with _points(len(weights) * len(activations)) as show:
            points = sweep(
                model,
                weights,
                activations,
                cells if cell_bits else None,
                embeddings if embedding_bits else None,
                on_point=show,
            )
        if as_json:
            print_json({"model": model.name, "metric": metric, "points": [vars(point) for point in points]})
        else:
            out.print(tables.bits_table(metric, points))
        return
    card = zoo.load_card(workload) if record_ else None
    with _points(None) as show:
        found = search_bits(model, None, max_loss / 100, weights, activations, cells, embeddings, on_point=show)
    if found.best is None or found.model is None:
        whole = "accuracy" if metric == "error_pct" else metric
        raise BadInput(f"no combination of these bits loses at most {max_loss:g} % of {model.name}'s {whole}")
    if out_ is not None:
        found.model.save(out_)
    entry = None if card is None else zoo.record_quantized(workload, card, found.best, found.model)
    if as_json:
        rows = [vars(point) for point in found.points]
        of_card = entry and entry.model_dump()
        print_json({"model": model.name, "metric": metric, "points": rows, "best": vars(found.best), "card": of_card})
        return
    out.print(tables.points_table(metric, found.points, found.best))
    if out_ is not None:
        say(f"written to {out_}")
    if entry is not None:
        say(f"test split {entry.test:.4f}: written to the card of {model.name}")


@contextmanager
def _points(total: int | None) -> Iterator[Callable[..., None]]:
    """A bar of integer models measured, and what is to be called with each."""
    with progress("measuring", total) as (bar, task):

        def show(point: Point, *_: int) -> None:
            note = f"{point.weight_bits} x {point.activation_bits} bits: {point.value:.4g}"
            bar.update(task, advance=1, note=note)

        yield show


def _widths(option: str, own: str | None, bits: str) -> range:
    """From least to most, by an option of its own, else by --bits."""
    option, given = ("--bits", bits) if own is None else (option, own)
    least, colon, most = given.partition(":")
    most = most if colon else least
    if not (least.isdecimal() and most.isdecimal() and 2 <= int(least) <= int(most) <= 16):
        raise BadInput(f"{option} must be LEAST:MOST, or one number, between 2 and 16, not {given!r}")
    return range(int(least), int(most) + 1)


@app.command(name="zoo", rich_help_panel=PANEL, short_help="The shipped models, measured again with --verify.")
def zoo_(
    verify: Annotated[bool, typer.Option("--verify", help="Measure every test metric again, and compare.")] = False,
    only: Annotated[list[str] | None, typer.Argument(help="Models; default: all.")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Beside the papers' figures; what is missing.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """The shipped models; with --verify their test metric is measured again, where the data are at hand.

    archsim zoo --published

    archsim zoo --verify wp-lstm256-ternary
    """
    if published:
        _published_networks(markdown, as_json)
        return
    names = only or list(zoo.ALL)
    if not verify:
        cards = [zoo.load_card(name) for name in names]
        if as_json:
            print_json([card.model_dump(mode="json") for card in cards])
        elif markdown:
            print(tables.zoo_markdown(cards))
        else:
            out.print(tables.zoo_table(cards))
        return
    results: list[zoo.Verification] = []
    for name in names:
        with progress(name, None) as (bar, task):
            results += zoo.verify(name, lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        print_json([{**vars(result), "passed": result.passed} for result in results])
    else:
        out.print(tables.verified(results))
    if not all(result.passed for result in results):
        raise typer.Exit(1)


def _published_networks(markdown: bool, as_json: bool) -> None:
    found, missing = zoo_published.published(), zoo_published.untrained()
    if as_json:
        figures = [{**vars(f), "difference": f.difference} for f in found]
        print_json({"figures": figures, "untrained": [{**vars(u), "command": u.command} for u in missing]})
    elif markdown:
        print(tables.published_markdown(found))
    else:
        out.print(tables.published_networks(found, missing))
