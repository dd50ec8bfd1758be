"""A search that costs nothing: models that are synthetic traces with a formula for an accuracy.

Run as a script it makes or carries on searches, for the tests that kill them: for each line ``SPACE FOLDER`` on its
standard input it forks a process that does one, and says that process's number.
"""

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.trace.synthetic import synthesize
from dse.evaluation.models import OnDone
from dse.evaluation.point import MeasuredModel
from dse.exploration.study import search
from dse.results.result import SearchResult
from dse.space.choice import ModelChoice
from dse.space.space import (
    Space,
    load_space,
    parse_space,
)
from workloads.config import Config, LayerConfig, Readout, Vector
from workloads.layer import Layer
from workloads.model import Model

MODELS = {
    "wp-lstm256-fixed8": ("fixed8", 1.0),
    "wp-lstm256-ternary": ("ternary", 1.0),
    "wp-lstm256-ternary-s90": ("ternary", 0.1),
}
LOSS = {"fixed8": 1.9, "ternary": 1.95}


class FakeModels:
    """A ModelSide that counts what is asked of it."""

    def __init__(self) -> None:
        self.measured: list[ModelChoice] = []
        self.tested: list[ModelChoice] = []

    def identity(self, choice: ModelChoice) -> str:
        return f"fake {choice.label}"

    def measure(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, MeasuredModel]:
        found = {}
        for choice in choices:
            self.measured.append(choice)
            found[choice] = self._one(choice)
            on_done(choice)
        return found

    def test_loss(self, choices: Iterable[ModelChoice], on_done: OnDone) -> dict[ModelChoice, float]:
        found = {}
        for choice in choices:
            self.tested.append(choice)
            found[choice] = self._one(choice).validation_loss + 0.05
            on_done(choice)
        return found

    def _one(self, choice: ModelChoice) -> MeasuredModel:
        weight_format, density = MODELS[choice.name]
        threshold = choice.threshold or 0.0
        density = max(0.0, density - threshold / 5)
        return MeasuredModel(
            choice=choice,
            identity=self.identity(choice),
            threshold=threshold,
            weight_format=weight_format,
            weight_bytes=1000,
            state_sparsity=1 - density,
            validation_loss=LOSS[weight_format] + 0.1 * (1 - density),
            trace=synthesize(16, 5, density, sequences=4, steps=6, weight_format=weight_format),
        )


def tiny_tree() -> dict[str, Any]:
    """A space of a few hundred points over the tiny models, a third of them refused."""
    return {
        "name": "tiny",
        "base": "skip-65nm",
        "scenario": {"scope": "recurrent", "sequences": 4, "steps": 6},
        "models": [{"name": name, "thresholds": [0.25]} for name in MODELS],
        "objectives": ["validation_loss", "area_mm2", "energy_system_pj_per_token"],
        "constraints": {"latency_us_per_step": 0.8},
        "trials": 30,
        "population": 8,
        "seed": 3,
        "parameters": {
            "lanes": {"choices": [1, 2, 3, 4]},
            "pe_array.tiles": {"choices": [1, 2, 4]},
            "pe_array.pes_per_tile": {"low": 4, "high": 16, "step": 4},
            "clock_mhz": {"low": 100, "high": 400, "log": True},
        },
        "variants": {
            "array": {
                "multiplier": {"pe_array.multiplier": "fixed", "pe_array.weight_bits": 8},
                "mux": {"pe_array.multiplier": "mux", "pe_array.weight_bits": 2},
            }
        },
    }


def drawn_network(path: Path, task: str | None, features: int, outputs: int) -> Path:
    """A file of a classifier of sequences: 4 units with drawn ternary weights."""
    rng = np.random.default_rng(0)

    def codes(*shape: int) -> Any:
        return rng.integers(-1, 2, shape, dtype=np.int8)

    def floats(size: int) -> Any:
        return rng.normal(0, 0.5, size).astype(np.float32)

    layer = LayerConfig(
        cell="lstm",
        hidden=4,
        weight_format="ternary",
        input_weight_format="ternary",
        state_bits=8,
        threshold=0.05,
        input_bits=8,
        input_integer_bits=2,
    )
    config = Config(
        name=path.stem,
        task=task,
        input=Vector(size=features),
        layers=(layer,),
        readout=Readout(outputs=outputs, weight_format="fixed8", when="last_step"),
    )
    numbers = Layer(layer, codes(16, 4), codes(16, features), floats(16), floats(16), floats(16))
    readout = codes(outputs, 4), floats(1), floats(outputs)
    Model(config, (numbers,), readout_codes=readout[0], readout_scale=readout[1], readout_bias=readout[2]).save(path)
    return path


@pytest.fixture
def digits_file(tmp_path: Path) -> Path:
    """A model of the task `digits`."""
    return drawn_network(tmp_path / "digits.safetensors", "digits", 8, 10)


TASK = """\
kind = "classification"
files = "sensors.npz"
inputs = "x"
targets = "y"
layout = "sequences, steps, features"
splits = { by = "share", shares = [0.5, 0.25, 0.25], seed = 1 }
"""


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a person's own: a network without a task, sequences to run it on, and a task. Not to be changed."""
    folder = tmp_path_factory.mktemp("own")
    drawn_network(folder / "net.safetensors", None, 3, 2)
    x = np.random.default_rng(1).normal(0, 1, (80, 7, 3)).astype(np.float32)
    np.savez(folder / "sensors.npz", x=x, y=(x[..., 0].sum(1) > 0).astype(int))
    np.save(folder / "x.npy", x[:6])
    (folder / "mine.toml").write_text(TASK)
    return folder


def own_tree(own: Path, **scenario: object) -> dict[str, Any]:
    """A space over the network of a person's own, as it is, pruned harder and in integers."""
    net = str(own / "net.safetensors")
    return tiny_tree() | {
        "scenario": {"sequences": 4, "steps": 6} | scenario,
        "models": [
            {"name": net, "thresholds": [0.2]},
            {"name": net, "ptq": {"weights": [3, 8], "activations": 8}, "thresholds": [0.2]},
        ],
        "objectives": ["latency_us_per_step", "area_mm2", "energy_system_pj_per_token"],
        "constraints": {"clock_reachable": False},
        "trials": 12,
    }


@pytest.fixture
def tree() -> dict[str, Any]:
    return tiny_tree()


@pytest.fixture
def space(tree: dict[str, Any]) -> Space:
    return parse_space(tree, "tiny.toml")


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    """One finished search, for tests that only look at it."""
    return search(parse_space(tiny_tree(), "tiny.toml"), tmp_path_factory.mktemp("finished"), models=FakeModels())


def go_on(space: Path, folder: Path) -> SearchResult:
    """Begin a search, or carry it on where there is one."""
    return search(load_space(space), folder, (folder / "study.db").exists(), models=FakeModels())


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what it forks
    for line in sys.stdin:
        space, folder = map(Path, line.split())
        child = os.fork()
        if child == 0:
            go_on(space, folder)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
