"""Points for a search to begin with, from what is known already: published designs, and earlier searches."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from archsim import designs
from archsim.design import Design, load_design
from archsim.errors import BadInput
from dse.exploration.database import stored_trials
from dse.exploration.draws import REFUSED
from dse.results.pareto import non_dominated
from dse.space.space import (
    MODEL,
    Space,
    Value,
    agrees,
    load_space,
    value_at,
)
from dse.space.specs import ParameterSpec

PUBLISHED = "published"
"""Stands for the designs of `archsim.designs.PUBLISHED`, on every model as trained."""


def warm_points(space: Space, sources: Sequence[str]) -> tuple[dict[str, Value], ...]:
    """Points of `space` that stand for what the `sources` know: ``published``, or folders of earlier searches.

    Of an earlier search, of this or of another space, the points of its front are taken that run a model of this one.
    Their designs become points where they agree with a variant of every group; a number takes the nearest value that it
    can have here. They are evaluated again: scenario, models and objectives may be others. BadInput names a source of
    which nothing fits.
    """
    points: list[dict[str, Value]] = []
    for source in sources:
        found = _published(space) if source == PUBLISHED else _earlier(space, Path(source))
        fitting = [{**picked, MODEL: label} for label, picked in found if picked is not None]
        if not fitting:
            raise BadInput(f"--warm-start {source}: none of its {len(found)} points fits the space {space.name}")
        points += fitting
    return tuple(space.canonical(point) for point in points)


def placed(space: Space, design: Design) -> dict[str, Value] | None:
    """The parameters that make the space's base most like `design`; None where they cannot."""
    tree = design.model_dump(mode="json")
    picked = {path: nearest(parameter, value_at(tree, path)) for path, parameter in space.parameters.items()}
    for group, variants in space.variants.items():
        picked[group] = next((name for name, settings in variants.items() if agrees(tree, settings)), None)
    known = {name: value for name, value in picked.items() if value is not None}
    return known if len(known) == len(picked) else None


def nearest(parameter: ParameterSpec, value: Value) -> Value | None:
    """The value of a parameter that is nearest to `value`; None for another word or truth."""
    if (found := parameter.find(value)) is not None:
        return found
    if isinstance(value, (bool, str)):
        return None
    if parameter.size is None:
        low, high = (float(end) for end in parameter.extremes)
        return min(max(float(value), low), high)
    numbers = [each for each in parameter.values if not isinstance(each, (bool, str))]
    return min(numbers, key=lambda each: abs(each - value), default=None)


def _published(space: Space) -> list[tuple[str, dict[str, Value] | None]]:
    at = [placed(space, load_design(name)) for name in designs.PUBLISHED]
    return [(choice.label, picked) for picked in at for choice in space.as_trained]


def _earlier(space: Space, folder: Path) -> list[tuple[str, dict[str, Value] | None]]:
    """The front of an earlier search, finished or not."""
    before = load_space(folder / "config.toml")
    trials = [t for t in stored_trials(folder) if t.constraints[REFUSED] <= 0 and max(t.constraints.values()) <= 0]
    if not trials:
        return []
    signs = [goal.sign for goal in before.goals]
    front = non_dominated(np.array([trial.values for trial in trials]) * signs)
    found: dict[str, tuple[str, dict[str, Value] | None]] = {}
    for trial, on_front in zip(trials, front, strict=True):
        label = str(trial.params[MODEL])
        if on_front and label in space.choices:
            found[repr(trial.params)] = (label, placed(space, before.design(before.overrides(trial.params))))
    return list(found.values())
