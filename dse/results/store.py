"""The folder of a search: tidy tables, the front in detail, and what it all rests on. Written whole or not at all.

=================== =====================================================================================
file                what
=================== =====================================================================================
study.db            the Optuna study (SQLite); what a resumed search reads
config.toml         the space
trials.csv          one row a trial: parameters, model, format, sparsity, every objective, and what became of it
trials.parquet      the same with types: a parameter that is not in force is null
front.csv           the rows of the front, with test loss, and whether they stay on it if costs are low or high
published.csv       the shipped designs on the models of the space, same scenario and objectives
models.csv          one row a model and threshold: losses, sparsity, size, and the trace it was run on
points.parquet      one row a point that was simulated: cycles, stalls, GOPS, roofline (`dse.results.breakdown`)
components.parquet  one row of each component of its energy and its area, with band, status and source
front_details.json  per point of the front: energy and area by component, stalls, cycles of steps, ledger, command
model_details.json  per model and threshold: how the zeros of its states lie, by unit, over time and over lanes
quality.json        hypervolume of what was found, its reference, and that of the exact front where it is known
traces/             what the points ran
manifest.json       versions, seed, hashes, counts, wall time
=================== =====================================================================================

Of a search without a task, no table has a column of losses.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import TypeAdapter
from pydantic_core import to_json

from archsim.errors import BadInput
from archsim.files import read_text, read_toml
from dse.evaluation.point import MeasuredModel
from dse.exploration.database import only_one
from dse.results import tables
from dse.results.breakdown import Breakdowns
from dse.results.details import FrontDetail, ModelDetail, front_detail, model_detail
from dse.results.files import write_text
from dse.results.manifest import Manifest, manifest_of
from dse.results.quality import Quality
from dse.results.result import PublishedDesigns, SearchResult
from dse.space.choice import ModelChoice
from dse.space.space import Space, load_space

_T = TypeVar("_T")

FILES = (
    "study.db",
    "study.db-wal",
    "study.db-shm",
    "config.toml",
    "trials.csv",
    "trials.parquet",
    "front.csv",
    "published.csv",
    "models.csv",
    "points.parquet",
    "components.parquet",
    "front_details.json",
    "model_details.json",
    "quality.json",
    "manifest.json",
    "report.html",
    "search.lock",
)
FOLDERS = ("traces", "cache")


@dataclass(frozen=True)
class Results:
    """A folder read back."""

    space: Space
    trials: pd.DataFrame
    front: pd.DataFrame
    published: pd.DataFrame
    models: pd.DataFrame
    parts: Breakdowns
    details: list[FrontDetail]
    model_details: list[ModelDetail]
    manifest: Manifest
    quality: Quality | None


_DETAILS = TypeAdapter(list[FrontDetail])
_MODELS = TypeAdapter(list[ModelDetail])
_MANIFEST = TypeAdapter(Manifest)
_QUALITY: TypeAdapter[Quality | None] = TypeAdapter(Quality | None)


def clear(folder: Path, name: str) -> None:
    """Remove what an earlier search of the space called `name` wrote, and nothing else.

    BadInput where one is at work, and where the folder holds anything that no such search began.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return
    config = folder / "config.toml"
    if not (folder / "study.db").exists() or not config.exists() or read_toml(config).get("name") != name:
        raise BadInput(f"{folder}: holds something other than the search {name}; name another folder with --out")
    with only_one(folder):
        for file in FILES:
            (folder / file).unlink(missing_ok=True)
        for sub in FOLDERS:
            shutil.rmtree(folder / sub, ignore_errors=True)


def write_config(space: Space, folder: Path) -> None:
    write_text(folder / "config.toml", space.to_toml())


def write(
    result: SearchResult,
    space: Space,
    published: PublishedDesigns,
    sides: Mapping[ModelChoice, MeasuredModel | BadInput],
    parts: Breakdowns,
) -> None:
    """Every table, and the manifest last: a folder that has one is complete."""
    folder = result.folder
    measured = {choice: side for choice, side in sides.items() if isinstance(side, MeasuredModel)}
    trials = tables.trials_table(result, space)
    tables.write_csv(trials, folder / "trials.csv")
    tables.write_parquet(trials, folder / "trials.parquet")
    tables.write_csv(tables.front_table(trials, result, space), folder / "front.csv")
    tables.write_csv(tables.published_table(published, space), folder / "published.csv")
    tables.write_csv(tables.models_table(measured, result, space), folder / "models.csv")
    tables.write_parquet(parts.points, folder / "points.parquet")
    tables.write_parquet(parts.components, folder / "components.parquet")
    details = [front_detail(point, result).to_json() for point in result.front]
    write_text(folder / "front_details.json", to_json(details, indent=1).decode())
    models = [model_detail(side) for side in measured.values()]
    write_text(folder / "model_details.json", _MODELS.dump_json(models).decode())
    write_text(folder / "quality.json", _QUALITY.dump_json(result.quality, indent=1).decode())
    write_text(folder / "manifest.json", manifest_of(result, space, published, measured).model_dump_json(indent=1))


def read(folder: Path) -> Results:
    """A finished search; BadInput names what is missing or not whole."""
    if not (folder / "manifest.json").is_file():
        raise BadInput(f"{folder}: holds no finished search (no manifest.json)")
    space = load_space(folder / "config.toml")
    breakdowns = (tables.read_parquet(folder / f"{name}.parquet") for name in ("points", "components"))
    return Results(
        space=space,
        trials=tables.read_csv(folder / "trials.csv", space.variants),
        front=tables.read_csv(folder / "front.csv", space.variants),
        published=tables.read_csv(folder / "published.csv"),
        models=tables.read_csv(folder / "models.csv"),
        parts=Breakdowns(*breakdowns),
        details=_json(folder / "front_details.json", _DETAILS),
        model_details=_json(folder / "model_details.json", _MODELS),
        manifest=_json(folder / "manifest.json", _MANIFEST),
        quality=_json(folder / "quality.json", _QUALITY),
    )


def _json(path: Path, adapter: TypeAdapter[_T]) -> _T:
    try:
        return adapter.validate_json(read_text(path))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole file of a search ({str(error).splitlines()[0]})") from None
