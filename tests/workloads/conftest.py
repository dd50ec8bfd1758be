"""Models to test: small ones with drawn weights, one a format, and every checkpoint the zoo holds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from workloads import formats, tasks, zoo
from workloads.model import Config, Model

TINY: dict[str, dict[str, Any]] = {
    "tiny-float": {"weight_format": "float32", "state_bits": None, "threshold": 0.0},
    "tiny-float-pruned": {"weight_format": "float32", "state_bits": None, "threshold": 0.2},
    "tiny-fixed8": {"weight_format": "fixed8", "state_bits": 8, "threshold": 0.0},
    "tiny-ternary": {"weight_format": "ternary", "state_bits": 8, "threshold": 0.15},
    "tiny-binary": {"weight_format": "binary", "state_bits": 6, "threshold": 0.3},
}
SHIPPED = [name for name in zoo.ALL if (zoo.FOLDER / f"{name}.safetensors").is_file()]


def drawn_model(
    name: str = "drawn",
    weight_format: str = "ternary",
    state_bits: int | None = 8,
    threshold: float = 0.15,
    hidden: int = 24,
    task: str = "tiny-shakespeare",
    seed: int = 1,
) -> Model:
    """A model with weights from a generator, scaled so that gates swing and states differ."""
    rng = np.random.default_rng(seed)
    symbols, rows = tasks.by_name(task).symbols, 4 * hidden
    gates = formats.by_name(weight_format)
    readout = formats.by_name("float32" if weight_format == "float32" else "fixed8")

    def codes(fmt: formats.WeightFormat, shape: tuple[int, int]) -> tuple[Any, float]:
        weights = rng.uniform(-1, 1, shape) * 2 * formats.base.glorot_alpha(np.empty(shape))
        scale = fmt.fit_scale(weights)
        return fmt.quantize(weights, scale), scale

    recurrent, recurrent_scale = codes(gates, (rows, hidden))
    inputs, input_scale = codes(gates, (rows, symbols))
    out, out_scale = codes(readout, (symbols, hidden))
    config = Config(
        name=name,
        task=task,
        cell="lstm",
        hidden=hidden,
        symbols=symbols,
        weight_format=gates.name,
        readout_format=readout.name,
        state_bits=state_bits,
        threshold=threshold,
    )
    return Model(
        config,
        recurrent,
        inputs,
        out,
        scale_recurrent=(recurrent_scale * rng.uniform(1, 4, rows)).astype(np.float32),
        scale_input=(input_scale * rng.uniform(4, 10, rows)).astype(np.float32),
        shift=rng.normal(0, 0.3, rows).astype(np.float32),
        readout_scale=np.array([3 * out_scale], np.float32),
        readout_bias=rng.normal(0, 0.3, symbols).astype(np.float32),
    )


@pytest.fixture(scope="session")
def draw() -> Callable[..., Model]:
    return drawn_model


@pytest.fixture(scope="session", params=[*TINY, *SHIPPED])
def model(request: pytest.FixtureRequest) -> Model:
    """Each small model, and each of the zoo."""
    name = request.param
    return drawn_model(name, **TINY[name]) if name in TINY else zoo.load_model(name)
