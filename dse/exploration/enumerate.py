"""Every point of a space, evaluated: its front is then exact, and a search can be measured against it.

Points are taken in parts of consecutive numbers (`dse.space.grid`), each written to a file of its own, whole or not at
all. Whatever interrupts an enumeration costs the parts under way; run again it goes on with the rest. No more than the
parts under way and the front so far are held in memory.

=================== =====================================================================================
file                what
=================== =====================================================================================
space.toml          the space
enumeration.json    what was enumerated (before), and what was found: counts, time, reference (after)
points/             one parquet file a part: number of the point, objectives, excess over each constraint, reason
front.csv           the exact front: parameters, objectives, and the pipeline stages that its clocks take
=================== =====================================================================================
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from archsim.columns.designs import FINE
from archsim.errors import BadInput
from archsim.files import NOT_WHOLE, read_text, whole_file
from dse.evaluation.models import ModelSide
from dse.evaluation.outcome import kind_of, point_key
from dse.evaluation.point import MeasuredModel
from dse.evaluation.swept import Sweep, Swept, covers
from dse.evaluation.workers import InProcess, Workers
from dse.results import clocks
from dse.results.files import write_text
from dse.results.pareto import Front
from dse.results.quality import (
    Floats,
    Reference,
    costs,
)
from dse.space.choice import ModelChoice
from dse.space.columns import GridColumns
from dse.space.grid import Grid
from dse.space.space import MODEL, Space, load_space
from dse.space.specs import Value

Ints = NDArray[np.int64]

PART = 2**18
"""Points evaluated together where a sweep covers the space; what an interruption can cost."""
SMALL_PART = 2**13
"""The same where points are simulated one by one."""
CHECKED = 100
"""Points of an enumeration that is carried on that are evaluated again, to see whether they still come out the same."""
SOON = 10**7
"""Points that are enumerated beside a search."""
MOST = 10**9
"""Combinations that are still enumerated."""
EXCESS = "excess "
"""Columns of how far a point is beyond a constraint, as `Space.violations` says it."""


class PointCounts(BaseModel):
    """What became of the points of a space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    combinations: int
    """All parameters and models combined."""
    distinct: int
    """Points: combinations that differ in a parameter that is in force."""
    refused: int
    """Points that no machine of this kind can be."""
    infeasible: int
    """Evaluated, but outside a constraint."""
    feasible: int
    front: int
    """Points that no other beats; those with equal objectives count each."""
    one_by_one: int = 0
    """Points that were simulated one by one, since the sweep covers no such machine or scenario."""
    reasons: dict[str, int]
    """Why points were refused or infeasible, without their figures, and how often."""


class Record(BaseModel):
    """``enumeration.json``: what is enumerated; once it is complete, what was found."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    signature: str
    part: int
    seconds: float = 0.0
    """Spent on evaluating points, summed over all workers and interruptions; measuring the models is not in it."""
    counts: PointCounts | None = None
    reference: Reference | None = None


@dataclass(frozen=True)
class EnumerationProgress:
    """How far an enumeration is, in combinations."""

    done: int
    total: int
    front: int


OnProgress = Callable[[EnumerationProgress], None]


@dataclass(frozen=True)
class PartWork:
    """Points `first` to `last` - 1, as they are sent to a worker."""

    space: Space
    measured: Mapping[ModelChoice, MeasuredModel | BadInput]
    first: int
    last: int


def evaluate_part(work: PartWork) -> pd.DataFrame:
    """A row for each distinct point of a part. A function of the module, so that it can be sent to another process."""
    began = time.perf_counter()
    space, grid = work.space, Grid(work.space)
    sides = [work.measured[choice] for choice in space.choices.values()]
    tables = [_table(space, work, *each, side) for side, each in zip(sides, _by_model(space, grid, work), strict=True)]
    table = pd.concat(tables).sort_values("point", ignore_index=True)
    table.attrs["seconds"] = time.perf_counter() - began
    table.attrs["one_by_one"] = sum(part.attrs["one_by_one"] for part in tables)
    return table


def enumerate_space(
    space: Space,
    folder: Path,
    models: ModelSide,
    on_progress: OnProgress | None = None,
    workers: Workers | None = None,
) -> "Enumeration":
    """Evaluate every point of `space` that `folder` does not hold yet; BadInput where it holds another space."""
    grid = Grid(space)
    if grid.size > MOST:
        raise BadInput(f"{space.name}: at most {MOST:,} combinations are enumerated, not {grid.size:,}")
    size = PART if covers(space) else min(PART, SMALL_PART)
    _begin(space, folder, models, size)
    measured = models.measure(list(space.choices.values()), lambda _: None)
    parts = [PartWork(space, measured, n, min(n + size, grid.size)) for n in range(0, grid.size, size)]
    tally = _Tally(space)
    done = 0
    for part, table, stored in _tables(folder, parts, workers or InProcess()):
        if stored and not done:
            _check_version(folder, part, table)
        tally.add(table)
        done += part.last - part.first
        if on_progress:
            on_progress(EnumerationProgress(done, grid.size, len(tally.front.labels)))
    _finish(space, folder, grid, tally)
    return Enumeration(folder)


class Enumeration:
    """A complete enumeration, read back: what each point of its space is worth."""

    def __init__(self, folder: Path) -> None:
        record = _record(folder)
        if record is None or record.counts is None or record.reference is None:
            raise BadInput(f"{folder}: holds no complete enumeration; run archsim enumerate")
        self.folder = folder
        self.signature = record.signature
        self.space = load_space(folder / "space.toml")
        self.grid = Grid(self.space)
        self.seconds = record.seconds
        self.counts: PointCounts = record.counts
        self.reference: Reference = record.reference

    @property
    def points_per_second(self) -> float:
        """The pace of one worker, refused points counted in."""
        return self.counts.distinct / self.seconds

    @cached_property
    def points(self) -> pd.DataFrame:
        """Every distinct point, by its number."""
        return pd.concat([_read(path) for path in _files(self.folder)]).set_index("point")

    @property
    def front(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "front.csv")

    def costs(self, rows: pd.DataFrame) -> Floats:
        """``(N, M)``, minimised; infinite where a point is not feasible."""
        found = costs(self.space.goals, {goal.name: rows[goal.name].to_numpy(np.float64) for goal in self.space.goals})
        found[~feasible(rows)] = np.inf
        return found

    @cached_property
    def volume(self) -> float:
        """Hypervolume of the exact front, in the box of its reference."""
        rows = self.points
        return self.reference.hypervolume(self.costs(rows[feasible(rows)]))


def front_alone(found: Enumeration, space: Space) -> tuple[Space, tuple[dict[str, Value], ...]]:
    """The search of an exact front and nothing else: the space with as many trials, and its points to begin with."""
    points = tuple(found.grid.point(int(number)) for number in found.front["point"])
    return space.model_copy(update={"trials": len(points), "seconds": None, "stop_after_still": None}), points


def soon(space: Space) -> bool:
    """Whether all points of a space are evaluated within a minute or two, and it has that much time."""
    return space.size is not None and space.size <= SOON and space.seconds is None and covers(space)


def known_front(space: Space, folder: Path, models: ModelSide) -> Enumeration | None:
    """The complete enumeration of the points of `space`, on these very models, in `folder`, if it holds one."""
    try:
        found = Enumeration(folder)
    except BadInput:
        return None
    return found if found.signature == _signature(space, models) else None


def feasible(rows: pd.DataFrame) -> NDArray[np.bool_]:
    return (rows["reason"] == "").to_numpy(bool)


class _Tally:
    """What is known of the points seen so far."""

    def __init__(self, space: Space) -> None:
        self._goals = space.goals
        self.front = Front(len(space.goals))
        self.reasons: Counter[str] = Counter()
        self.distinct = self.refused = self.feasible = self.one_by_one = 0
        self.seconds = 0.0

    def add(self, table: pd.DataFrame) -> None:
        good = table[feasible(table)]
        self.distinct += len(table)
        self.feasible += len(good)
        self.refused += int(table[self._goals[0].name].isna().sum())
        said = table["reason"].astype(str)
        self.reasons.update(said[said != ""].value_counts().to_dict())  # type: ignore[arg-type]
        self.one_by_one += int(table.attrs.get("one_by_one", 0))
        self.seconds += float(table.attrs.get("seconds", 0.0))
        values = {goal.name: good[goal.name].to_numpy(np.float64) for goal in self._goals}
        self.front.add(costs(self._goals, values), good["point"].to_numpy(np.int64))

    def counts(self, combinations: int) -> PointCounts:
        return PointCounts(
            combinations=combinations,
            distinct=self.distinct,
            refused=self.refused,
            infeasible=self.distinct - self.refused - self.feasible,
            feasible=self.feasible,
            front=len(self.front.labels),
            one_by_one=self.one_by_one,
            reasons=dict(self.reasons.most_common()),
        )


def _by_model(space: Space, grid: Grid, work: PartWork) -> Iterator[tuple[Sweep, Ints]]:
    """For each model its points, and their designs, which are the same for all unless a condition names a model."""
    models = len(space.choices)
    designs = np.arange(work.first // models, -(-work.last // models)) * models
    apart = any(MODEL in parameter.when for parameter in space.parameters.values())
    sweep: Sweep | None = None
    for model in range(models):
        if apart or sweep is None:
            columns = GridColumns(space, grid, designs + model)
            columns = columns.take(columns.distinct)
            numbers, sweep = columns.numbers - model, Sweep(space, columns.designs())
        yield sweep, numbers + model


def _table(space: Space, work: PartWork, sweep: Sweep, numbers: Ints, side: MeasuredModel | BadInput) -> pd.DataFrame:
    """A row for each point of one model."""
    found = sweep.on(side)
    excesses = space.violations(found.values)
    table = pd.DataFrame(
        {
            "point": numbers,
            **{goal.name: found.values[goal.name] for goal in space.goals},
            **{EXCESS + name: excesses[name] for name in space.demanded},
            "reason": _reasons(space, found, excesses),
        }
    )
    inside = (numbers >= work.first) & (numbers < work.last)
    table = table if inside.all() else table[inside]
    table.attrs["one_by_one"] = found.one_by_one
    return table


def _reasons(space: Space, found: Swept, excesses: Mapping[str, Floats]) -> Any:
    """Why each point was refused or is not feasible, without figures; empty for those that are."""
    known = {"": 0}
    codes = np.zeros(len(found.refusals.codes), np.int64)
    of_refusal = [known.setdefault(kind_of(message), len(known)) for message in found.refusals.messages]
    refused = found.refusals.codes != FINE
    codes[refused] = np.array(of_refusal, np.int64)[found.refusals.codes[refused]]
    broken = np.zeros(len(codes), np.int64)
    for place, excess in enumerate(excesses.values()):
        broken |= (np.nan_to_num(excess) > 0).astype(np.int64) << place
    for kind in np.unique(broken[broken > 0]):
        rows = np.flatnonzero(broken == kind)
        said = space.broken({name: float(values[rows[0]]) for name, values in found.values.items()})
        codes[rows] = known.setdefault(kind_of(said), len(known))
    return pd.Categorical.from_codes(codes, list(known))  # type: ignore[call-overload]


def _tables(folder: Path, parts: Iterable[PartWork], workers: Workers) -> Iterator[tuple[PartWork, pd.DataFrame, bool]]:
    """Every part, and whether it was there already."""
    missing = []
    for part in parts:
        table = _stored(_path(folder, part))
        if table is None:
            missing.append(part)
        else:
            yield part, table, True
    for part, table in workers.run(evaluate_part, missing):
        with whole_file(_path(folder, part)) as unfinished:
            table.to_parquet(unfinished, compression="zstd", index=False)
        yield part, table, False


def _check_version(folder: Path, part: PartWork, table: pd.DataFrame) -> None:
    """BadInput where points come out otherwise than they did."""
    again = evaluate_part(replace(part, last=min(part.last, part.first + CHECKED)))
    if not _alike(again, table.head(len(again))):
        raise BadInput(
            f"{folder}: its points do not come out as they did: they were made by another version of archsim; "
            "enumerate again in a new folder"
        )


def _alike(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether points are the same, but for what rounding in another order makes of their figures."""
    figures = one.columns.drop("reason")
    return (
        one.columns.equals(other.columns)
        and np.array_equal(one["reason"].astype(str), other["reason"].astype(str))
        and np.allclose(one[figures], other[figures], rtol=1e-13, atol=0, equal_nan=True)
    )


def _path(folder: Path, part: PartWork) -> Path:
    return folder / "points" / f"{part.first:08d}.parquet"


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "points").glob("*.parquet"))


def _stored(path: Path) -> pd.DataFrame | None:
    return _read(path) if path.exists() else None


def _read(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
    except NOT_WHOLE as error:
        raise BadInput(f"{path}: is not a whole part of an enumeration ({error})") from None
    return table.assign(reason=table["reason"].astype(str).astype("category"))


def _begin(space: Space, folder: Path, models: ModelSide, part: int) -> None:
    record = Record(signature=_signature(space, models), part=part)
    before = _record(folder)
    if before is not None and (before.signature, before.part) != (record.signature, record.part):
        raise BadInput(f"{folder}: holds the enumeration of another space, base design or models; name another folder")
    if before is None:
        write_text(folder / "space.toml", space.to_toml())
        write_text(folder / "enumeration.json", record.model_dump_json(indent=1))


def _record(folder: Path) -> Record | None:
    path = folder / "enumeration.json"
    try:
        return Record.model_validate_json(read_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole record of an enumeration ({str(error).splitlines()[0]})") from None


def _signature(space: Space, models: ModelSide) -> str:
    """Digest of all that the values of points depend on."""
    identities = [models.identity(choice) for choice in space.choices.values()]
    return point_key({"space": _points_sha256(space)}, " ".join(identities))


def _points_sha256(space: Space) -> str:
    """Digest of a space but for its name and for how a search draws points."""
    return space.model_copy(update={"name": "", "title": "", "sampler": "random", "seed": 0, "population": 4}).sha256


def _finish(space: Space, folder: Path, grid: Grid, tally: _Tally) -> None:
    if not tally.feasible:
        (reason, times), *_ = tally.reasons.most_common(1)
        none = f"{space.name}: none of its {tally.distinct:,} points is feasible"
        raise BadInput(f"{none}; most often ({times:,}): {reason}")
    order = np.lexsort(tally.front.costs.T[::-1])
    numbers = tally.front.labels[order]
    rows = [table[table["point"].isin(numbers)] for table in map(_read, _files(folder))]
    values = pd.concat(rows).set_index("point")[[goal.name for goal in space.goals]]
    points = {int(n): grid.point(int(n)) for n in numbers}
    front = pd.DataFrame([{"point": n, **picked} for n, picked in points.items()]).join(values, on="point")
    front[clocks.COLUMN] = clocks.column(space.design(space.overrides(picked)) for picked in points.values())
    write_text(folder / "front.csv", front.to_csv(index=False, lineterminator="\n"))
    before = _record(folder)
    assert before is not None
    record = before.model_copy(
        update={
            "seconds": tally.seconds,
            "counts": tally.counts(grid.size),
            "reference": Reference.of(tally.front.costs),
        }
    )
    write_text(folder / "enumeration.json", record.model_dump_json(indent=1))
