"""Models to test: small ones with drawn weights, of every cell, and checkpoints of the zoo."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from workloads import cells, formats, tasks, zoo
from workloads.config import Config, Embedding, LayerConfig, OneHot, Readout, Vector
from workloads.layer import Layer
from workloads.model import Model
from workloads.tasks.char_lm import TINY_SHAKESPEARE
from workloads.tasks.language_model import Text, sizes_by_tenths
from workloads.training.recipe import load_recipe

TINY: dict[str, dict[str, Any]] = {
    "tiny-float": {"weight_format": "float32", "state_bits": None, "threshold": 0.0},
    "tiny-float-pruned": {"weight_format": "float32", "state_bits": None, "threshold": 0.2},
    "tiny-fixed8": {"weight_format": "fixed8", "state_bits": 8, "threshold": 0.0},
    "tiny-ternary": {"weight_format": "ternary", "state_bits": 8, "threshold": 0.15},
    "tiny-binary": {"weight_format": "binary", "state_bits": 6, "threshold": 0.3},
}
INPUT_FIELDS = ("input_bits", "input_integer_bits", "input_threshold")  # which a one-hot input has not
SHIPPED = [name for name in zoo.ALL if load_recipe(name).group == "war-and-peace lstm 256"]
"""The models of the zoo that the quick tests run: every format, on a text that ships."""


def drawn_codes(weight_format: str, shape: tuple[int, int], rng: np.random.Generator) -> tuple[Any, Any]:
    """Codes, and the scale of each row, of weights of Glorot's size."""
    fmt = formats.by_name(weight_format)
    weights = rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape))
    scale = np.asarray(fmt.fit_scale(weights))
    return fmt.quantize(weights, scale), scale


def drawn_layer(config: LayerConfig, inputs: int, rng: np.random.Generator, initial: bool = False) -> Layer:
    """A layer with weights from a generator, scaled so that gates swing and states differ."""
    cell = cells.by_name(config.cell)
    rows = len(cell.gates) * config.hidden
    recurrent, recurrent_scale = drawn_codes(config.weight_format, (rows, config.outputs), rng)
    codes, input_scale = drawn_codes(config.input_weight_format, (rows, inputs), rng)
    gain = 1.0 if None in cell.curves else 4.0  # the positive part has no bound

    def row(low: float, high: float) -> Any:
        return rng.uniform(low, high, rows).astype(np.float32)

    normed, projection, scale_projection = config.norm == "layer", None, None
    if config.projection is not None:
        projection, scale = drawn_codes(config.weight_format, (config.projection, config.hidden), rng)
        scale_projection = np.broadcast_to(scale * 2, config.projection).astype(np.float32)
    start = (len(cell.states), config.hidden) if projection is None else (sum(config.state_sizes),)
    return Layer(
        config,
        recurrent,
        codes,
        scale_recurrent=(recurrent_scale * row(0.25, 1) * gain).astype(np.float32),
        scale_input=(input_scale * row(0.5, 1) * 2.5 * gain).astype(np.float32),
        shift=rng.normal(0, 0.3, rows).astype(np.float32),
        shift_recurrent=rng.normal(0, 0.3, config.hidden).astype(np.float32) if cell.shifts_candidate else None,
        gain_recurrent=row(0.2, 0.8) if normed else None,
        gain_input=row(0.2, 0.8) if normed else None,
        initial_state=rng.uniform(-1, 1, start).astype(np.float32) if initial else None,
        projection_codes=projection,
        scale_projection=scale_projection,
        peepholes=rng.normal(0, 0.5, (3, config.hidden)).astype(np.float32) if cell.peepholes else None,
        affine_cell=rng.normal(0.5, 0.5, (2, config.hidden)).astype(np.float32) if cell.normed_cell else None,
    )


def drawn_model(
    name: str = "drawn",
    weight_format: str = "ternary",
    state_bits: int | None = 8,
    threshold: float = 0.15,
    hidden: int = 24,
    task: str | None = "tiny-shakespeare",
    seed: int = 1,
    cell: str = "lstm",
    layers: int = 1,
    inputs: OneHot | Embedding | Vector | None = None,
    outputs: int | None = None,
    when: Literal["every_step", "last_step"] = "every_step",
    initial: bool = False,
    **layer: Any,
) -> Model:
    """A model with drawn weights. `layer`: more fields of every layer's config (input ones: not where one-hot)."""
    rng = np.random.default_rng(seed)
    if inputs is None:
        inputs = OneHot(symbols=tasks.by_name(task or "tiny-shakespeare").symbols)
    outputs = outputs or inputs.symbols or 5
    readout_format = "float32" if weight_format == "float32" else "fixed8"
    configs = tuple(
        LayerConfig(
            cell=cell,
            hidden=hidden,
            weight_format=weight_format,
            state_bits=state_bits,
            state_integer_bits=1 if cell == "rnn-relu" and state_bits else 0,
            threshold=threshold,
            **{"input_weight_format": weight_format}
            | {k: v for k, v in layer.items() if not (n == 0 and inputs.kind == "one_hot" and k in INPUT_FIELDS)},
        )
        for n in range(layers)
    )
    config = Config(
        name=name,
        task=task,
        input=inputs,
        layers=configs,
        readout=Readout(outputs=outputs, weight_format=readout_format, when=when),
    )
    readout, readout_scale = drawn_codes(readout_format, (outputs, hidden), rng)
    table = table_scale = None
    if inputs.kind == "embedding":
        table, table_scale = drawn_codes(inputs.weight_format, (inputs.symbols, inputs.size), rng)
    widths = [inputs.width, *[hidden] * layers]
    return Model(
        config,
        tuple(drawn_layer(c, width, rng, initial) for c, width in zip(configs, widths, strict=False)),
        embedding_codes=table,
        embedding_scale=None if table_scale is None else np.asarray(3 * table_scale, np.float32).reshape(-1),
        readout_codes=readout,
        readout_scale=np.asarray(3 * readout_scale, np.float32).reshape(-1),
        readout_bias=rng.normal(0, 0.3, outputs).astype(np.float32),
    )


@pytest.fixture(scope="session")
def drawn_numbers() -> tuple[Callable[..., Any], Callable[..., Layer]]:
    return drawn_codes, drawn_layer


@pytest.fixture(scope="session")
def draw() -> Callable[..., Model]:
    return drawn_model


def retyped(path: Path, tensor: str, dtype: str, elements: int) -> None:
    """The safetensors file at `path`, the bytes of a tensor said to be so many elements of another type."""
    raw = path.read_bytes()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    header[tensor] |= {"dtype": dtype, "shape": [elements]}
    said = json.dumps(header).encode()
    path.write_bytes(len(said).to_bytes(8, "little") + said + raw[end:])


@pytest.fixture(scope="session")
def retype() -> Callable[[Path, str, str, int], None]:
    return retyped


QUARTER = sum(TINY_SHAKESPEARE.sizes) // 4


def first_quarter(files: tuple[bytes, ...]) -> Text:
    whole = TINY_SHAKESPEARE.parse(files)
    return Text(whole.symbols[:QUARTER], whole.vocabulary)


@pytest.fixture(scope="module")
def shorter_text() -> Iterator[None]:
    """A quarter of the text tiny-shakespeare under its name, where epochs and searches need no more of it."""
    shorter = replace(TINY_SHAKESPEARE, sizes=sizes_by_tenths(QUARTER), parse=first_quarter)
    shipped = tuple(shorter if task.name == shorter.name else task for task in tasks.ALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "PLUGINS", replace(tasks.PLUGINS, shipped=shipped))
        yield


@pytest.fixture(scope="session", params=[*TINY, *SHIPPED])
def model(request: pytest.FixtureRequest) -> Model:
    """Each small model, and each shipped one that quick tests run."""
    name = request.param
    return drawn_model(name, **TINY[name]) if name in TINY else zoo.load_model(name)
