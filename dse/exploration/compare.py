"""Samplers against each other and against the exact front: the share of its hypervolume that each has found, by trial.

Every run draws from the very `Draws` that a search draws from, and is answered from an enumeration of the space instead
of the machine. Runs are kept, so that a comparison can be stopped, carried on, and made larger.

=================== =====================================================================================
file                what
=================== =====================================================================================
runs/               one parquet file a sampler, seed and population: the number of each point drawn, in order
compare.csv         sampler, trials, and over the seeds the mean, least and largest share at that trial
compare.json        what was compared: space, reference, budgets, seeds; shares at the end, trials to reach a share
=================== =====================================================================================
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from archsim.errors import BadInput
from archsim.files import read_text, whole_file
from dse.evaluation.workers import Workers
from dse.exploration import samplers
from dse.exploration.draws import Draws, quiet_optuna
from dse.exploration.enumerate import EXCESS, Enumeration
from dse.results.files import write_text
from dse.results.quality import Floats, Reference

SHARE_OF_SPACE = 0.02
"""Trials of a run, where none are given, as a share of the space's points."""
LEVELS = (0.5, 0.9, 0.95, 0.99)
CHECKPOINTS = 60
"""Rows of a sampler in compare.csv, the first trials closer together than the last."""


@dataclass(frozen=True)
class SamplerRun:
    """One search, answered from the enumeration in `exact`; picklable, so that it can be sent to a worker."""

    exact: Path
    sampler: str
    seed: int
    trials: int
    population: int

    @property
    def name(self) -> str:
        return f"{self.sampler}-{self.seed}-{self.population}"


class Lookup:
    """What a search would be told of a point, from an enumeration."""

    def __init__(self, exact: Enumeration) -> None:
        points = exact.points
        self._space, self._grid = exact.space, exact.grid
        self._row = np.full(exact.grid.size, -1)
        self._row[points.index] = np.arange(len(points))
        self._goals = [goal.name for goal in exact.space.goals]
        self._values = points[self._goals].to_numpy(np.float64)
        self._excesses = points[[EXCESS + name for name in exact.space.demanded]].to_numpy(np.float64)

    def number(self, picked: Mapping[str, bool | int | float | str]) -> int:
        return self._grid.index(self._space.canonical(picked))

    def answer(self, number: int) -> tuple[dict[str, float], dict[str, float]]:
        """Values and excesses of a point; both empty where it is refused."""
        row = self._row[number]
        if np.isnan(self._values[row, 0]):
            return {}, {}
        excesses = zip(self._space.demanded, self._excesses[row].tolist(), strict=True)
        return dict(zip(self._goals, self._values[row].tolist(), strict=True)), dict(excesses)


def carry_out(run: SamplerRun) -> NDArray[np.int64]:
    """Numbers of the points that a search draws, in order. A function of the module, so that workers can do it."""
    exact = Enumeration(run.exact)
    lookup = Lookup(exact)
    numbers: list[int] = []
    with quiet_optuna():
        draws = _draws(exact, run)
        while len(numbers) < run.trials and not draws.exhausted:
            asked = [draws.ask() for _ in range(min(draws.batch, run.trials - len(numbers)))]
            for drawn in asked:
                number = lookup.number(drawn.picked)
                draws.tell(drawn, *lookup.answer(number))
                numbers.append(number)
    return np.array(numbers)


def _draws(exact: Enumeration, run: SamplerRun) -> Draws:
    wanted = {"sampler": run.sampler, "seed": run.seed, "trials": run.trials, "population": run.population}
    return Draws(exact.space.model_copy(update=wanted))


class SamplerCurve(BaseModel):
    """Runs of one sampler: shares of the exact front's hypervolume, over the seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sampler: str
    trials: int
    share_of_space: float
    seeds: tuple[int, ...]
    final: tuple[float, ...]
    """Share after all trials, by seed."""
    on_front: tuple[int, ...]
    """Points of the exact front that were drawn, by seed."""
    repeated: tuple[int, ...]
    """Trials at a point that was drawn before, by seed."""
    trials_to: dict[str, tuple[int | None, ...]]
    """By share of the hypervolume, the trials it took, by seed; None where it was not reached."""

    @property
    def mean(self) -> float:
        return float(np.mean(self.final))


class SamplerComparison(BaseModel):
    """``compare.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    space: str
    points: int
    front: int
    hypervolume: float
    """The exact front's, in the box of `reference`."""
    reference: Reference
    population: int
    curves: tuple[SamplerCurve, ...]


def compare(
    exact: Enumeration,
    folder: Path,
    budgets: Mapping[str, int | None],
    seeds: Sequence[int],
    population: int,
    workers: Workers,
    on_done: Callable[[SamplerRun], None],
) -> SamplerComparison:
    """Run each sampler of `budgets` with each seed, but for the runs that `folder` holds.

    To so many trials, or to a share of the points where none are given; generations are of `population` trials.
    """
    share = max(1, int(SHARE_OF_SPACE * exact.counts.distinct))
    runs = [
        SamplerRun(exact.folder, sampler, seed, trials or share, population)
        for sampler, trials in budgets.items()
        for seed in seeds
    ]
    with quiet_optuna():
        for run in runs:
            _draws(exact, run)  # what does not fit is refused before anything runs
    found: dict[SamplerRun, NDArray[np.int64]] = {}
    for run, numbers in _numbers(folder, runs, workers):
        found[run] = numbers
        on_done(run)
    costs = _Costs(exact)
    courses = {run: costs.course(numbers) for run, numbers in found.items()}
    curves = []
    rows: list[dict[str, object]] = []
    for sampler in budgets:
        mine = [run for run in runs if run.sampler == sampler]
        curves.append(_curve(exact, mine, [found[run] for run in mine], [courses[run] for run in mine]))
        rows += _rows(sampler, np.stack([courses[run] for run in mine]))
    result = SamplerComparison(
        space=exact.space.name,
        points=exact.counts.distinct,
        front=exact.counts.front,
        hypervolume=exact.volume,
        reference=exact.reference,
        population=population,
        curves=tuple(curves),
    )
    write_text(folder / "compare.csv", pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
    write_text(folder / "compare.json", result.model_dump_json(indent=1))
    return result


def stored(folder: Path) -> SamplerComparison:
    """``compare.json`` read back."""
    path = folder / "compare.json"
    try:
        return SamplerComparison.model_validate_json(read_text(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole comparison ({str(error).splitlines()[0]})") from None


def parse_budgets(text: str) -> dict[str, int | None]:
    """``nsga2,tpe:2000``: samplers, each with its trials, where they are given."""
    budgets: dict[str, int | None] = {}
    for part in text.split(","):
        name, colon, trials = part.strip().partition(":")
        if name not in samplers.PLUGINS.names or name in budgets:
            raise BadInput(f"--samplers must be distinct, of {', '.join(samplers.PLUGINS.names)}, not {part.strip()!r}")
        if colon and not (trials.isdigit() and int(trials)):
            raise BadInput(f"--samplers: trials of {name} must be a positive number, not {trials!r}")
        budgets[name] = int(trials) if colon else None
    return budgets


class _Costs:
    def __init__(self, exact: Enumeration) -> None:
        self._costs = np.full((exact.grid.size, len(exact.space.goals)), np.inf)
        self._costs[exact.points.index] = exact.costs(exact.points)
        self._reference, self._volume = exact.reference, exact.volume

    def course(self, numbers: NDArray[np.int64]) -> Floats:
        """Share of the exact hypervolume after each trial."""
        return self._reference.course(self._costs[numbers]) / self._volume


def _numbers(
    folder: Path, runs: Sequence[SamplerRun], workers: Workers
) -> Iterator[tuple[SamplerRun, NDArray[np.int64]]]:
    """Every run, those that are kept first."""
    missing = []
    for run in runs:
        kept = _kept(folder / "runs" / f"{run.name}.parquet")
        if kept is None or len(kept) < run.trials:
            missing.append(run)
        else:
            yield run, kept[: run.trials]
    for run, numbers in workers.run(carry_out, missing):
        with whole_file(folder / "runs" / f"{run.name}.parquet") as unfinished:
            pd.DataFrame({"point": numbers}).to_parquet(unfinished, compression="zstd", index=False)
        yield run, numbers


def _kept(path: Path) -> NDArray[np.int64] | None:
    return pd.read_parquet(path)["point"].to_numpy(np.int64) if path.exists() else None


def _curve(
    exact: Enumeration, runs: Sequence[SamplerRun], drawn: Sequence[NDArray[np.int64]], courses: Sequence[Floats]
) -> SamplerCurve:
    front = set(exact.front["point"])

    def first(course: Floats, level: float) -> int | None:
        reached = np.flatnonzero(course >= level)
        return int(reached[0]) + 1 if len(reached) else None

    return SamplerCurve(
        sampler=runs[0].sampler,
        trials=runs[0].trials,
        share_of_space=runs[0].trials / exact.counts.distinct,
        seeds=tuple(run.seed for run in runs),
        final=tuple(float(course[-1]) for course in courses),
        on_front=tuple(len(front.intersection(numbers.tolist())) for numbers in drawn),
        repeated=tuple(len(numbers) - len(np.unique(numbers)) for numbers in drawn),
        trials_to={str(level): tuple(first(course, level) for course in courses) for level in LEVELS},
    )


def _rows(sampler: str, shares: Floats) -> list[dict[str, object]]:
    """`shares` ``(seeds, trials)``."""
    trials = shares.shape[1]
    at = np.unique(np.geomspace(1, trials, CHECKPOINTS).astype(int))
    return [
        {
            "sampler": sampler,
            "trials": int(n),
            "mean": float(shares[:, n - 1].mean()),
            "min": float(shares[:, n - 1].min()),
            "max": float(shares[:, n - 1].max()),
        }
        for n in at
    ]
