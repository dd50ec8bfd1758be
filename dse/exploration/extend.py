"""A search on a space that has grown: every trial of an earlier run that is a point of it is kept.

Kept trials are drawn first, in their order, and evaluated like all others, since scenario, objectives and prices may
be others; an accuracy comes from the cache, where it is there.
"""

from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsim.errors import BadInput
from dse.exploration import samplers
from dse.exploration.database import stored_trials
from dse.exploration.warm import warm_points
from dse.results.result import Extended
from dse.space.hardware import table_of
from dse.space.space import MODEL, Setting, Space, Value, agrees, load_space, value_at


@dataclass(frozen=True)
class Beginning:
    """How a search was asked to begin."""

    resume: bool = False
    warm_start: tuple[str, ...] = ()
    """Sources as `warm_points` takes them."""
    extend: Path | None = None
    """Folder of the run whose trials are kept."""

    def check_with(self, exact: bool | None) -> None:
        """BadInput where a search of an exact front alone is to begin with something."""
        if exact and self != Beginning(self.resume):
            raise BadInput("--exact: every point is evaluated, so that there is nothing to begin with")

    def points(self, space: Space) -> tuple[tuple[dict[str, Value], ...], Extended | None]:
        """What is drawn first, and what was kept; BadInput names a mistake in what was asked for."""
        for option, given in (("--warm-start", self.warm_start), ("--extend", self.extend)):
            if self.resume and given:
                raise BadInput(f"{option}: a search that is resumed has begun already")
        kept, extended = ((), None) if self.extend is None else kept_trials(space, self.extend)
        return (*kept, *warm_points(space, self.warm_start)), extended


class _Misfit(Exception):
    """Why a trial is no point of a space."""


def kept_trials(space: Space, run: Path) -> tuple[tuple[dict[str, Value], ...], Extended]:
    """Points of `space` that are trials of `run`, finished or not, each once and in order; and how many fit.

    A trial fits where its model is in the space and parameters of the space make the very same design of its base.
    BadInput where `run` holds no search, where nothing fits, and where the search would end with what it keeps.
    """
    if samplers.by_name(space.sampler).name == "grid":
        raise BadInput(f"--extend {run}: sampler grid draws every point of a space anyway; choose another one")
    before = load_space(run / "config.toml") if (run / "config.toml").is_file() else None
    trials = stored_trials(run)
    if before is None:
        raise BadInput(f"{run}: holds no whole search (no config.toml)")
    old, new = (_tree(each.base_design.model_dump(mode="json"), {}) for each in (before, space))
    points: list[dict[str, Value]] = []
    misfits = Counter[str]()
    for trial in trials:
        try:
            points.append(_point(space, new, str(trial.params[MODEL]), _tree(old, before.overrides(trial.params))))
        except _Misfit as why:
            misfits[str(why)] += 1
    found = Extended(str(run), len(trials), len(points), dict(misfits.most_common()))
    if not points:
        raise BadInput(f"--extend {run}: none of its {len(trials)} trials fits the space {space.name}{found.reasons}")
    distinct = {tuple(sorted(point.items())) for point in (*points, *space.starts)}
    if space.trials is not None and space.trials <= len(distinct):
        raise BadInput(
            f"--extend {run}: trials must be more than the {len(distinct)} points that are kept or begin a search, "
            f"not {space.trials}"
        )
    return tuple(points), found


def _point(space: Space, base: dict[str, Any], label: str, tree: dict[str, Any]) -> dict[str, Value]:
    """Parameters that make `base` the design of `tree`."""
    if label not in space.choices:
        raise _Misfit("their model is not in the space")
    point: dict[str, Any] = {MODEL: label}
    for group, variants in space.variants.items():
        point[group] = next((name for name, settings in variants.items() if _agrees(tree, settings)), None)
        if point[group] is None:
            raise _Misfit(f"no variant of {group} sets what they have")
    for path, parameter in space.parameters.items():
        point[path] = parameter.find(_value(tree, path))
    for path in space.parameters.keys() - space.inactive(point):
        if point[path] is None:
            raise _Misfit(f"{path} cannot be what it was")
    point = space.canonical(point)
    if other := _difference(_tree(base, space.overrides(point)), tree):
        raise _Misfit(f"{other} is not what it was")
    return point


def _tree(base: dict[str, Any], settings: Mapping[str, Setting]) -> dict[str, Any]:
    """A design as plain values, valid or not, without its name."""
    tree = {key: value for key, value in deepcopy(base).items() if key != "name"}
    for path, value in settings.items():
        table, leaf = table_of(tree, path)
        table[leaf] = list(value) if isinstance(value, tuple) else value
    return tree


def _agrees(tree: dict[str, Any], settings: Mapping[str, Setting]) -> bool:
    try:
        return agrees(tree, settings)
    except (KeyError, TypeError):  # a part that the other design lacks
        return False


def _value(tree: dict[str, Any], path: str) -> Any:
    try:
        return value_at(tree, path)
    except (KeyError, TypeError):
        return None


def _difference(one: Mapping[str, Any], other: Mapping[str, Any], within: str = "") -> str:
    """The dotted path of the first value that differs; empty where none does."""
    for key in (*one, *(other.keys() - one.keys())):
        ours, theirs = one.get(key), other.get(key)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            if found := _difference(ours, theirs, f"{within}{key}."):
                return found
        elif ours != theirs:
            return f"{within}{key}"
    return ""
