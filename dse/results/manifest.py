"""What a search rests on: versions, digests, and how much it went through."""

import platform
import time
from collections.abc import Mapping
from importlib.metadata import version

from pydantic import BaseModel, ConfigDict

from archsim.trace.header import VERSION
from dse.evaluation.point import MeasuredModel
from dse.results.result import Extended, PublishedDesigns, SearchResult
from dse.space.choice import ModelChoice
from dse.space.space import Space

PACKAGES = ("archsim", "numpy", "pandas", "pyarrow", "optuna", "moocore", "plotly", "simpy", "pydantic")


class SearchCounts(BaseModel):
    """What a search went through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    """Those that it found in the cache."""


class Manifest(BaseModel):
    """What a search rests on, as ``manifest.json`` holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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
    inputs_sha256: str | None = None
    """None: they ran data of their task."""
    stood_still: int | None = None
    """Trials after which the hypervolume stood still; None where a budget ended the search."""
    extended: Extended | None = None
    counts: SearchCounts


def manifest_of(
    result: SearchResult, space: Space, published: PublishedDesigns, measured: Mapping[ModelChoice, MeasuredModel]
) -> Manifest:
    own = [side for side in measured.values() if "inputs_sha256" in side.trace.header.provenance]
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
        inputs_sha256=next((str(each.trace.header.provenance["inputs_sha256"]) for each in own), None),
        stood_still=result.stood_still,
        extended=result.extended,
        counts=SearchCounts(
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
