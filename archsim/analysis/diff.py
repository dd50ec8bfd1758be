"""What changed between two runs, by component: parameters, cycles, stalls, energy, area, counts.

Cycles and counts are of whole runs; where these make different numbers of tokens, both are taken per token. What is
largest comes first: the size of an effect is its share of the whole it belongs to (the run's cycles, the system's
energy, the chip's area), or of itself where it belongs to none (a count).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from typing import Literal

from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.report import SimReport

Kind = Literal["cycles", "stalls", "energy", "area", "counts"]

KINDS: tuple[Kind, ...] = ("cycles", "stalls", "energy", "area", "counts")

SETTINGS = ("design", "workload", "synthetic", "scope", "engine", "lanes", "steps", "tokens")
"""What a run was of.
"""

SCOPES = ("chip", "system")
"""Components of totals."""


@dataclass(frozen=True)
class Changed:
    """A parameter of the design, or a setting of the run, that differs; None: the other run has no such thing."""

    path: str
    before: JsonValue
    after: JsonValue

    def to_json(self) -> dict[str, JsonValue]:
        return {"path": self.path, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Change:
    """A figure that differs; 0 where a run has no such thing."""

    kind: Kind
    component: str
    name: str
    unit: str
    before: float
    after: float
    whole: float
    """What `before` and `after` are a part of, in the run that has more of it; 0: they are of nothing."""

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def ratio(self) -> float:
        """After over before; infinite where there was nothing before."""
        return self.after / self.before if self.before else inf

    @property
    def effect(self) -> float:
        """Size of the change: its share of the whole, or of the larger of the two."""
        return abs(self.difference) / (self.whole or max(self.before, self.after))

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "kind": self.kind,
            "component": self.component,
            "name": self.name,
            "unit": self.unit,
            "before": self.before,
            "after": self.after,
            "difference": self.difference,
            "ratio": None if isinf(self.ratio) else self.ratio,
            "effect": self.effect,
        }


@dataclass(frozen=True)
class Diff:
    """Two runs, the first as `before`."""

    before: str
    after: str
    per_token: bool
    """Cycles and counts are per token, since the runs make different numbers of them."""
    settings: tuple[Changed, ...]
    parameters: tuple[Changed, ...] | None
    """By dotted path; None where a report does not have them."""
    changes: tuple[Change, ...]
    """The largest effect first."""

    def of(self, kind: Kind) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.kind == kind)

    def by_component(self) -> dict[str, tuple[Change, ...]]:
        """Components in the order of their largest effect; totals of chip and system are components of their own."""
        names = dict.fromkeys(change.component for change in self.changes)
        return {name: tuple(change for change in self.changes if change.component == name) for name in names}

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "before": self.before,
            "after": self.after,
            "per_token": self.per_token,
            "settings": [changed.to_json() for changed in self.settings],
            "parameters": None if self.parameters is None else [changed.to_json() for changed in self.parameters],
            "changes": [change.to_json() for change in self.changes],
        }


@dataclass(frozen=True)
class Run:
    """A report as `archsim run --json` writes it, checked."""

    name: str
    settings: Mapping[str, JsonValue]
    parameters: Mapping[str, JsonValue] | None
    cycles: float
    stalls: Mapping[tuple[str, str], float]
    """Cycles of a component: ``busy``, and by the cause of its waits."""
    energy: Mapping[str, float]
    area: Mapping[str, float]
    counts: Mapping[tuple[str, str], float]

    @property
    def tokens(self) -> float:
        return _number(self.settings, "tokens", self.name)


def diff(before: SimReport | Run, after: SimReport | Run) -> Diff:
    """What changed from one run to the other."""
    a, b = (run if isinstance(run, Run) else of_report(run) for run in (before, after))
    per_token = a.tokens != b.tokens
    changes = sorted(_changes(a, b, per_token), key=lambda change: -change.effect)
    return Diff(
        before=a.name,
        after=b.name,
        per_token=per_token,
        settings=tuple(_changed(a.settings, b.settings)),
        parameters=None if None in (a.parameters, b.parameters) else tuple(_parameters(a, b)),
        changes=tuple(changes),
    )


def of_report(report: SimReport) -> Run:
    tree = {**report.to_json(), "parameters": report.design.stated()}
    return _run(tree, report.design.name, report.design.name)


def load_run(path: Path) -> Run:
    """A report that `archsim run --json` wrote; BadInput says what is wrong with the file."""
    try:
        tree = json.loads(path.read_text())
    except FileNotFoundError:
        raise BadInput(f"{path}: no such report") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, a number of 5,000 digits; too deep
        raise BadInput(f"{path}: not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise BadInput(f"{path}: must be one object, as archsim run --json writes it")
    return _run(tree, path.name, str(path))


def _run(tree: Mapping[str, JsonValue], name: str, where: str) -> Run:
    missing = [key for key in SETTINGS if key not in tree]
    if missing:
        raise BadInput(f"{where}: not a report of archsim run --json: {missing[0]} is missing")
    if not _number(tree, "tokens", where):
        raise BadInput(f"{where}: not a report of archsim run --json: tokens must be above 0")
    ledger = _table(tree, "ledger", where)
    counts = {component: _numbers(ledger, component, where) for component in ledger}
    return Run(
        name=name,
        settings={key: tree[key] for key in SETTINGS},
        parameters=dict(_leaves(_table(tree, "parameters", where))) if "parameters" in tree else None,
        cycles=_number(tree, "cycles", where),
        stalls=_stalls(tree, where),
        energy=_numbers(tree, "energy_pj_per_token", where),
        area=_numbers(tree, "area_mm2", where),
        counts={(c, action): count for c, actions in counts.items() for action, count in actions.items()},
    )


def _stalls(tree: Mapping[str, JsonValue], where: str) -> dict[tuple[str, str], float]:
    """Of every component where the report has them (``timeline.Occupation``), else of the PE array."""
    of: dict[str, JsonValue] = {"pe_array": {"busy_cycles": tree.get("busy_cycles"), "stalls": tree.get("stalls")}}
    of |= _table(tree, "occupation", where) if "occupation" in tree else {}
    stalls: dict[tuple[str, str], float] = {}
    for component in of:
        told = _table(of, component, where)
        stalls[component, "busy"] = _number(told, "busy_cycles", where)
        stalls |= {(component, cause): cycles for cause, cycles in _numbers(told, "stalls", where).items()}
    return stalls


def _table(tree: Mapping[str, JsonValue], key: str, where: str) -> dict[str, JsonValue]:
    value = tree.get(key)
    if not isinstance(value, dict):
        raise BadInput(f"{where}: not a report of archsim run --json: {key} must be an object, not {value!r}")
    return value


def _number(tree: Mapping[str, JsonValue], key: str, where: str) -> float:
    value = tree.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise BadInput(f"{where}: not a report of archsim run --json: {key} must be a number from 0 on, not {value!r}")
    return value


def _numbers(tree: Mapping[str, JsonValue], key: str, where: str) -> dict[str, float]:
    table = _table(tree, key, where)
    return {name: _number(table, name, where) for name in table}


def _leaves(tree: Mapping[str, JsonValue], prefix: str = "") -> Iterator[tuple[str, JsonValue]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _changed(before: Mapping[str, JsonValue], after: Mapping[str, JsonValue]) -> Iterator[Changed]:
    for path in dict.fromkeys((*before, *after)):
        if before.get(path) != after.get(path):
            yield Changed(path, before.get(path), after.get(path))


def _parameters(a: Run, b: Run) -> Iterator[Changed]:
    """But for the name and the title, which no figure depends on."""
    for changed in _changed(a.parameters or {}, b.parameters or {}):
        if changed.path not in ("name", "title"):
            yield changed


def _changes(a: Run, b: Run, per_token: bool) -> Iterator[Change]:
    per_a, per_b, unit = (a.tokens, b.tokens, "/token") if per_token else (1.0, 1.0, "")
    total = a.cycles / per_a, b.cycles / per_b
    yield from _change("cycles", "system", "total", f"cycles{unit}", *total, max(total))
    for place in dict.fromkeys((*a.stalls, *b.stalls)):
        of = a.stalls.get(place, 0.0) / per_a, b.stalls.get(place, 0.0) / per_b
        yield from _change("stalls", *place, f"cycles{unit}", *of, max(total))
    yield from _parts("energy", "pJ/token", a.energy, b.energy, "total_system")
    yield from _parts("area", "mm2", a.area, b.area, "total_chip")
    for place in dict.fromkeys((*a.counts, *b.counts)):
        of = a.counts.get(place, 0.0) / per_a, b.counts.get(place, 0.0) / per_b
        yield from _change("counts", *place, f"count{unit}", *of, 0.0)


def _parts(kind: Kind, unit: str, a: Mapping[str, float], b: Mapping[str, float], whole: str) -> Iterator[Change]:
    most = max(a.get(whole, 0.0), b.get(whole, 0.0))
    for name in dict.fromkeys((*a, *b)):
        scope = name.removeprefix("total_")
        component, what = (scope, "total") if scope in SCOPES else (name, kind)
        yield from _change(kind, component, what, unit, a.get(name, 0.0), b.get(name, 0.0), most)


def _change(
    kind: Kind, component: str, name: str, unit: str, before: float, after: float, whole: float
) -> Iterator[Change]:
    if before != after:
        yield Change(kind, component, name, unit, before, after, whole)
