"""What a search costs beside its evaluations, in CPU time: it grows with its trials, and storing them is cheap."""

import time
from collections.abc import Callable
from functools import partial
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial

from dse.exploration.database import opened
from dse.exploration.draws import Draws, quiet_optuna
from dse.space.space import Space, parse_space
from tests.dse.conftest import tiny_tree

pytestmark = pytest.mark.slow

OUTCOME: dict[str, str | float] = {"outcome": "x" * 900, "seconds": 1.0}
"""As long as that of a point with bands."""


def wide(trials: int, sampler: str) -> Space:
    """A space of 14 million points."""
    parameters: dict[str, Any] = {
        "lanes": {"choices": [1, 2, 3, 4]},
        "pe_array.tiles": {"choices": [1, 2, 4]},
        "pe_array.pes_per_tile": {"low": 4, "high": 32, "step": 4},
        "clock_mhz": {"low": 100, "high": 400, "step": 5},
        "dram.bandwidth_gbps": {"low": 1.0, "high": 50.0, "step": 0.5},
        "weight_memory.capacity_kib": {"choices": [8, 16, 32, 64, 128, 256]},
    }
    changed = {"parameters": parameters, "trials": trials, "sampler": sampler, "population": 50}
    return parse_space(tiny_tree() | changed, "t")


def drawn(space: Space, trials: int) -> list[FrozenTrial]:
    """Trials whose values are drawn, a generation after the other."""
    rng, draws, told = np.random.default_rng(0), Draws(space), list[FrozenTrial]()
    while len(told) < trials:
        for one in [draws.ask() for _ in range(draws.batch)]:
            values = dict(zip(space.objectives, rng.uniform(1, 2, len(space.goals)).tolist(), strict=True))
            told.append(draws.tell(one, values, dict.fromkeys(space.demanded, -0.1), OUTCOME))
    return told


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


@pytest.mark.parametrize("sampler", ["nsga2", "nsga3", "qmc", "random"])
def test_drawing_grows_with_the_trials(sampler: str) -> None:
    """The least of two, since a machine has other work; exponents up to 1.2 are what is left of that."""
    with quiet_optuna():
        small, large = (min(cpu_seconds(partial(drawn, wide(n, sampler), n)) for _ in range(2)) for n in (1000, 4000))
    exponent = log(large / small) / log(4)
    print(f"{sampler}: {1e3 * large / 4000:.2f} ms a trial, exponent {exponent:.2f}")
    assert exponent < 1.2


def test_storing_costs_next_to_nothing(tmp_path: Path) -> None:
    with quiet_optuna():
        space = wide(2000, "random")
        told = drawn(space, 2000)
        goals = {goal.name: goal.direction for goal in space.goals}
        with opened(tmp_path / "bulk", False, goals, "s") as disk:
            stored = sum(cpu_seconds(partial(disk.add, told[begin : begin + 50])) for begin in range(0, 2000, 50))
        one = optuna.create_study(storage=f"sqlite:///{tmp_path / 'one.db'}", directions=["minimize"] * 3)
        by_optuna = cpu_seconds(lambda: one.add_trials(told[:100]))
    print(f"{1e3 * stored / 2000:.3f} ms a trial, {1e3 * by_optuna / 100:.1f} ms by Optuna")
    assert stored / 2000 < by_optuna / 100 / 40
