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
models.csv          one row a model and threshold: accuracy, sparsity, size, and the trace it was run on
points.parquet      one row a point that was simulated: cycles, stalls, GOPS, roofline (`dse.results.breakdown`)
components.parquet  one row of each component of its energy and its area, with band, status and source
front_details.json  per point of the front: energy and area by component, stalls, cycles of steps, ledger, command
model_details.json  per model and threshold: how the zeros of its states lie, by unit, over time and over lanes
quality.json        hypervolume of what was found, its reference, and that of the exact front where it is known
traces/             what the points ran
manifest.json       versions, seed, hashes, counts, wall time
=================== =====================================================================================
"""

import platform
import shutil
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from archsim.analysis.roofline import roofline
from archsim.costs import Figure, clock_problems
from archsim.design import Design
from archsim.errors import BadInput
from archsim.files import read_toml, whole_file
from archsim.trace.header import VERSION
from dse import constraints, objectives
from dse.evaluation.outcome import End, PointOutcome
from dse.evaluation.point import MeasuredModel
from dse.results.breakdown import Breakdowns
from dse.results.files import write_text
from dse.results.quality import Quality
from dse.results.result import (
    FrontPoint,
    SearchResult,
    Trial,
)
from dse.search.database import only_one
from dse.space.choice import ModelChoice
from dse.space.space import (
    MODEL,
    Setting,
    Space,
    load_space,
)
from workloads.sparsify import Zeros, zeros

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
WORDS = ("reason", "left_out")
"""Columns of text that may be empty."""
PACKAGES = ("archsim", "numpy", "pandas", "pyarrow", "optuna", "moocore", "plotly", "simpy", "pydantic")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FigureJson(_Frozen):
    """One priced component; `low` and `high` equal `value` where no two sources disagree."""

    value: float
    low: float
    high: float
    unit: str
    status: str
    source: str

    @classmethod
    def of(cls, figure: Figure) -> "FigureJson":
        band = figure.band
        return cls(
            value=figure.value,
            low=band.low,
            high=band.high,
            unit=figure.unit,
            status=figure.status,
            source=figure.source,
        )


class RooflineJson(_Frozen):
    """Where a point lies under its roofs (`archsim.analysis.roofline.Roofline`); None: no ceiling of that kind."""

    macs_per_dram_bit: float | None
    ceiling_pes_gops: float
    ceiling_lanes_gops: float
    ceiling_bus_gops: float | None
    ceiling_dram_gops: float | None
    ceiling_accesses_gops: float | None
    achieved_gops: float
    bound: str
    share: float


class FrontDetail(_Frozen):
    """One point of the front, as ``front_details.json`` holds it."""

    trial: int
    model: str
    threshold: float
    weight_format: str
    state_sparsity: float
    overrides: dict[str, Setting]
    objectives: dict[str, float]
    test_loss: float | None
    on_front_at: list[End]
    """Ends of the costs' bands at which it is on the front as well."""
    lanes: int
    steps: int
    cycles: int
    cycles_per_step: float
    step_cycles: list[int]
    """From the state of one step to that of the next."""
    gops: float
    gops_effective: float
    speedup_same_lanes: float
    busy_cycles: int
    stalls: dict[str, int]
    ledger: dict[str, dict[str, int]]
    weights_resident: bool
    left_out: list[str]
    energy: dict[str, FigureJson]
    energy_chip_pj_per_token: float
    energy_system_pj_per_token: float
    energy_system_band_pj_per_token: list[float]
    energy_basis: str
    area: dict[str, FigureJson]
    area_chip_mm2: float
    clock_problems: list[str]
    roofline: RooflineJson
    engines: str
    trace: str
    """File of what it ran, in the folder."""
    command: str


class StateDetail(_Frozen):
    """How the zeros of one state lie (`workloads.sparsify.Zeros`), over what every design of the search runs."""

    operand: str
    per_unit: list[float]
    per_step: list[float]
    union: dict[int, float]
    """By lanes."""

    @classmethod
    def of(cls, found: Zeros) -> "StateDetail":
        return cls(
            operand=found.operand,
            per_unit=found.per_unit.round(4).tolist(),
            per_step=found.per_step.round(4).tolist(),
            union={lanes: round(share, 4) for lanes, share in found.union.items()},
        )


class ModelDetail(_Frozen):
    """One model and threshold, as ``model_details.json`` holds it."""

    model: str
    threshold: float
    states: list[StateDetail]


class Counts(_Frozen):
    """What a search went through."""

    trials: int
    distinct_points: int
    distinct_designs: int
    refused: int
    infeasible: int
    front: int
    models: int
    model_evaluations: int
    """Accuracies and test losses measured by the process that completed the search."""
    model_evaluations_cached: int
    """That it found in the cache."""


class Manifest(_Frozen):
    """What a search rests on."""

    written: str
    wall_seconds: float
    python: str
    versions: dict[str, str]
    trace_version: int
    seed: int
    space_sha256: str
    base_design_sha256: str
    published_designs_sha256: dict[str, str]
    models: dict[str, str]
    traces: dict[str, str]
    counts: Counts


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

Published = list[tuple[Design, ModelChoice, PointOutcome]]


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


def trace_path(measured: MeasuredModel, folder: Path) -> Path:
    """File of the trace of a choice; two models of one name differ in their identity."""
    choice = measured.choice
    threshold = "" if choice.threshold is None else f"@{choice.threshold:g}"
    return folder / "traces" / f"{Path(choice.network).stem}{threshold}-{measured.identity[:8]}.npz"


def write_traces(measured: Iterable[MeasuredModel], folder: Path) -> None:
    """What points ran, so that they can be run again as they were."""
    for path, one in {trace_path(one, folder): one for one in measured}.items():
        one.trace.save(path)


def write(
    result: SearchResult,
    space: Space,
    published: Published,
    sides: Mapping[ModelChoice, MeasuredModel | BadInput],
    parts: Breakdowns,
) -> None:
    """Every table, and the manifest last: a folder that has one is complete."""
    folder = result.folder
    measured = {choice: side for choice, side in sides.items() if isinstance(side, MeasuredModel)}
    on_front = {point.trial.number: point for point in result.front}
    trials = pd.DataFrame([_trial_row(trial, trial.number in on_front, space) for trial in result.trials])
    trials = trials.assign(hypervolume=result.course)
    trials = trials.assign(**{f"on_front_{end}": trials["trial"].isin(list(n)) for end, n in result.fronts.items()})
    _csv(trials, folder / "trials.csv")
    _parquet(trials, folder / "trials.parquet")
    front = trials[trials["on_front"]].drop(columns=["reason", "feasible", "on_front", "distinct", "hypervolume"])
    front = front.assign(test_loss=np.array([on_front[number].test_loss for number in front["trial"]], float))
    _csv(front, folder / "front.csv")
    _csv(_published_table(published), folder / "published.csv")
    _csv(_models_table(measured, result), folder / "models.csv")
    _parquet(parts.points, folder / "points.parquet")
    _parquet(parts.components, folder / "components.parquet")
    details = [_detail(point, result) for point in result.front]
    write_text(folder / "front_details.json", _DETAILS.dump_json(details, indent=1).decode())
    models = [_model_detail(side) for side in measured.values()]
    write_text(folder / "model_details.json", _MODELS.dump_json(models).decode())
    write_text(folder / "quality.json", _QUALITY.dump_json(result.quality, indent=1).decode())
    write_text(folder / "manifest.json", _manifest(result, space, published, measured).model_dump_json(indent=1))


def read(folder: Path) -> Results:
    """A finished search; BadInput names what is missing or not whole."""
    if not (folder / "manifest.json").is_file():
        raise BadInput(f"{folder}: holds no finished search (no manifest.json)")
    space = load_space(folder / "config.toml")
    return Results(
        space=space,
        trials=_table(folder / "trials.csv", space.variants),
        front=_table(folder / "front.csv", space.variants),
        published=_table(folder / "published.csv"),
        models=_table(folder / "models.csv"),
        parts=Breakdowns(_typed(folder / "points.parquet"), _typed(folder / "components.parquet")),
        details=_json(folder / "front_details.json", _DETAILS),
        model_details=_json(folder / "model_details.json", _MODELS),
        manifest=_json(folder / "manifest.json", _MANIFEST),
        quality=_json(folder / "quality.json", _QUALITY),
    )


def _trial_row(trial: Trial, on_front: bool, space: Space) -> dict[str, object]:
    found, inactive = trial.outcome, space.inactive(trial.parameters)
    return {
        "trial": trial.number,
        "model": found.model,
        "threshold": found.threshold,
        "weight_format": found.weight_format,
        "state_sparsity": found.state_sparsity,
        **{name: None if name in inactive else value for name, value in trial.parameters.items() if name != MODEL},
        **{o.name: found.values.get(o.name, float("nan")) for o in objectives.ALL},
        **{f.name: found.values[f.name] <= 0 if f.name in found.values else None for f in constraints.ALL},
        "weights_resident": found.weights_resident,
        "left_out": found.left_out,
        "feasible": found.feasible,
        "reason": found.reason,
        "on_front": on_front,
        "distinct": trial.distinct,
        "design_sha256": found.design_sha256,
    }


PUBLISHED_COLUMNS = ("design", "title", "model", "weight_format", "state_sparsity")


def _published_table(published: Published) -> pd.DataFrame:
    rows = [
        {
            "design": design.name,
            "title": design.title,
            "model": choice.network,
            "weight_format": found.weight_format,
            "state_sparsity": found.state_sparsity,
            **{o.name: found.values[o.name] for o in objectives.ALL},
            "weights_resident": found.weights_resident,
            "left_out": found.left_out,
            "feasible": found.feasible,
            "reason": found.reason,
        }
        for design, choice, found in published
    ]
    columns = (*PUBLISHED_COLUMNS, *(o.name for o in objectives.ALL))
    return pd.DataFrame(rows, columns=[*columns, "weights_resident", "left_out", "feasible", "reason"])


MODELS_COLUMNS = (
    "model", "threshold", "as_trained", "weight_format", "weight_kib", "state_sparsity", "validation_loss", "test_loss",
    "on_front", "identity", "trace",
)  # fmt: skip


def _models_table(measured: Mapping[ModelChoice, MeasuredModel], result: SearchResult) -> pd.DataFrame:
    test = {point.evaluation.measured.choice: point.test_loss for point in result.front}
    rows = [
        {
            "model": choice.network,
            "threshold": side.threshold,
            "as_trained": choice.threshold is None,
            "weight_format": side.weight_format,
            "weight_kib": side.weight_bytes / 1024,
            "state_sparsity": side.state_sparsity,
            "validation_loss": side.validation_loss,
            "test_loss": test.get(choice),
            "on_front": choice in test,
            "identity": side.identity,
            "trace": str(trace_path(side, result.folder).relative_to(result.folder)),
        }
        for choice, side in sorted(measured.items(), key=lambda item: (item[0].network, item[1].threshold))
    ]
    return pd.DataFrame(rows, columns=[*MODELS_COLUMNS])


def _detail(point: FrontPoint, result: SearchResult) -> FrontDetail:
    evaluation = point.evaluation
    report, side, energy = evaluation.report, evaluation.measured, evaluation.energy
    band = energy.band
    return FrontDetail(
        trial=point.trial.number,
        model=side.choice.network,
        threshold=side.threshold,
        weight_format=side.weight_format,
        state_sparsity=side.state_sparsity,
        overrides=dict(point.overrides),
        objectives=point.trial.outcome.values,
        test_loss=point.test_loss,
        on_front_at=list(result.stays(point)),
        lanes=report.lanes,
        steps=report.steps,
        cycles=report.cycles,
        cycles_per_step=report.cycles_per_step,
        step_cycles=np.diff(report.step_ends, prepend=0).tolist(),
        gops=report.gops,
        gops_effective=report.gops_effective,
        speedup_same_lanes=report.speedup_same_lanes,
        busy_cycles=report.busy_cycles,
        stalls=dict(report.stalls),
        ledger={component: dict(actions) for component, actions in report.ledger.counts.items()},
        weights_resident=report.resident,
        left_out=list(report.left_out),
        energy=_figures(energy.components),
        energy_chip_pj_per_token=energy.total_chip,
        energy_system_pj_per_token=energy.total_system,
        energy_system_band_pj_per_token=[band.low, band.mid, band.high],
        energy_basis=evaluation.energy_basis,
        area=_figures(report.area.components),
        area_chip_mm2=report.area.total_chip,
        clock_problems=list(clock_problems(report.design)),
        roofline=RooflineJson.model_validate(roofline(report).to_json()),
        engines="burst equals analytic in cycles, stalls and every count",
        trace=str(trace_path(side, result.folder).relative_to(result.folder)),
        command=point.command,
    )


def _figures(components: Mapping[str, Figure]) -> dict[str, FigureJson]:
    return {name: FigureJson.of(figure) for name, figure in components.items()}


def _model_detail(side: MeasuredModel) -> ModelDetail:
    return ModelDetail(
        model=side.choice.network, threshold=side.threshold, states=[StateDetail.of(z) for z in zeros(side.trace)]
    )


def _manifest(
    result: SearchResult, space: Space, published: Published, measured: Mapping[ModelChoice, MeasuredModel]
) -> Manifest:
    return Manifest(
        written=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        wall_seconds=round(result.seconds, 3),
        python=platform.python_version(),
        versions={name: version(name) for name in PACKAGES},
        trace_version=VERSION,
        seed=space.seed,
        space_sha256=space.sha256,
        base_design_sha256=space.base_design.sha256,
        published_designs_sha256={design.name: design.sha256 for design, _, _ in published},
        models={choice.label: side.identity for choice, side in measured.items()},
        traces={choice.label: side.trace.sha256 for choice, side in measured.items()},
        counts=Counts(
            trials=len(result.trials),
            distinct_points=result.distinct_points,
            distinct_designs=result.distinct_designs,
            refused=result.refused,
            infeasible=result.infeasible,
            front=len(result.front),
            models=result.models_run,
            model_evaluations=result.model_evaluations,
            model_evaluations_cached=result.model_evaluations_cached,
        ),
    )


def _csv(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _parquet(table: pd.DataFrame, path: Path) -> None:
    objects = {name: table[name].convert_dtypes() for name in table.columns if table[name].dtype == object}
    mixed = [name for name, column in objects.items() if column.dtype == object]  # a choice of numbers and words
    typed = table.assign(**objects).astype(dict.fromkeys(mixed, "string"))
    with whole_file(path) as unfinished:
        typed.to_parquet(unfinished, compression="zstd", index=False)


def _table(path: Path, groups: Iterable[str] = ()) -> pd.DataFrame:
    """`groups` of variants are text whatever their variants are called: true, or 07."""
    words = (*WORDS, *groups)
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(words, str))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole table of a search ({error})") from None
    return table.fillna(dict.fromkeys(words, ""))


def _typed(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole table of a search ({error})") from None


def _json(path: Path, adapter: TypeAdapter[_T]) -> _T:
    try:
        return adapter.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadInput(f"{path}: is not a whole file of a search ({str(error).splitlines()[0]})") from None
