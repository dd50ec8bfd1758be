"""What changed between two runs, by component: parameters, cycles, stalls, energy, area, counts.

Cycles and counts are of whole runs; where these make different numbers of tokens, both are taken per token. What is
largest comes first: the size of an effect is its share of the whole it belongs to (the run's cycles, the system's
energy, the chip's area), or of itself where it belongs to none (a count).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from archsim.catalogue import PE_ARRAY
from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.record import Count, Named, PlainRecord, RunRecord, load_tree
from archsim.report import SimReport

Kind = Literal["cycles", "stalls", "energy", "area", "counts"]

KINDS: tuple[Kind, ...] = ("cycles", "stalls", "energy", "area", "counts")

K = TypeVar("K")

SETTINGS = ("design", "workload", "synthetic", "scope", "engine", "lanes", "steps", "tokens")
"""What a run was of."""

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


class _Occupied(PlainRecord):
    """What a component did: `archsim.analysis.stalls.Occupation`."""

    busy_cycles: Count
    stalls: Named[Count]


class ComparedRun(RunRecord):
    """A record, with the stalls of every component where there are any beside those of the PE array."""

    occupation: Named[_Occupied] = Field(default_factory=dict)

    @property
    def settings(self) -> dict[str, JsonValue]:
        tree = self.to_json()
        return {key: tree[key] for key in SETTINGS}

    @property
    def component_stalls(self) -> dict[tuple[str, str], float]:
        """Cycles of a component: ``busy``, and by the cause of its waits."""
        array = _Occupied(busy_cycles=self.busy_cycles, stalls=self.stalls)
        return {
            (component, state): cycles
            for component, did in ({PE_ARRAY.name: array} | self.occupation).items()
            for state, cycles in ({"busy": did.busy_cycles} | did.stalls).items()
        }

    @property
    def counts(self) -> dict[tuple[str, str], float]:
        return {(component, action): count for component, of in self.ledger.items() for action, count in of.items()}


@dataclass(frozen=True)
class NamedRun:
    """One of the two runs, and what it is called."""

    name: str
    run: ComparedRun


def diff(before: SimReport | NamedRun, after: SimReport | NamedRun) -> Diff:
    """What changed from one run to the other."""
    a, b = (each if isinstance(each, NamedRun) else of_report(each) for each in (before, after))
    per_token = a.run.tokens != b.run.tokens
    changes = sorted(_changes(a.run, b.run, per_token), key=lambda change: -change.effect)
    return Diff(
        before=a.name,
        after=b.name,
        per_token=per_token,
        settings=tuple(_changed(a.run.settings, b.run.settings)),
        parameters=tuple(_parameters(a.run, b.run)) if a.run.parameters and b.run.parameters else None,
        changes=tuple(changes),
    )


def of_report(report: SimReport) -> NamedRun:
    return NamedRun(report.design.name, ComparedRun.of(report, occupation={}))


def load_run(path: Path) -> NamedRun:
    """A record that `archsim run --json` printed; BadInput says what is wrong with the file."""
    tree = load_tree(path, "no such report")
    try:
        run = ComparedRun.model_validate(tree)
    except ValidationError as error:
        raise BadInput(f"{path}: not a report of archsim run --json: {_first_mistake(error)}") from None
    if not run.tokens:
        raise BadInput(f"{path}: not a report of archsim run --json: tokens must be above 0")
    return NamedRun(path.name, run)


def _first_mistake(error: ValidationError) -> str:
    path, _, rule = RunRecord.mistakes_in_order(error)[0].partition(": ")
    return f"{path.rpartition('.')[2]} {rule}"


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


def _parameters(a: ComparedRun, b: ComparedRun) -> Iterator[Changed]:
    """But for the name and the title, which no figure depends on."""
    for changed in _changed(dict(_leaves(a.parameters)), dict(_leaves(b.parameters))):
        if changed.path not in ("name", "title"):
            yield changed


def _changes(a: ComparedRun, b: ComparedRun, per_token: bool) -> Iterator[Change]:
    per_a, per_b, unit = (a.tokens, b.tokens, "/token") if per_token else (1, 1, "")
    total = a.cycles / per_a, b.cycles / per_b
    yield from _change("cycles", "system", "total", f"cycles{unit}", *total, max(total))
    for place, before, after in _beside(a.component_stalls, b.component_stalls):
        yield from _change("stalls", *place, f"cycles{unit}", before / per_a, after / per_b, max(total))
    yield from _parts("energy", "pJ/token", a.energy_pj_per_token, b.energy_pj_per_token, "total_system")
    yield from _parts("area", "mm2", a.area_mm2, b.area_mm2, "total_chip")
    for place, before, after in _beside(a.counts, b.counts):
        yield from _change("counts", *place, f"count{unit}", before / per_a, after / per_b, 0.0)


def _beside(a: Mapping[K, float], b: Mapping[K, float]) -> Iterator[tuple[K, float, float]]:
    """What either has, with 0 where the other has no such thing."""
    for key in dict.fromkeys((*a, *b)):
        yield key, a.get(key, 0.0), b.get(key, 0.0)


def _parts(kind: Kind, unit: str, a: Mapping[str, float], b: Mapping[str, float], whole: str) -> Iterator[Change]:
    most = max(a.get(whole, 0.0), b.get(whole, 0.0))
    for name, before, after in _beside(a, b):
        scope = name.removeprefix("total_")
        component, what = (scope, "total") if scope in SCOPES else (name, kind)
        yield from _change(kind, component, what, unit, before, after, most)


def _change(
    kind: Kind, component: str, name: str, unit: str, before: float, after: float, whole: float
) -> Iterator[Change]:
    if before != after:
        yield Change(kind, component, name, unit, before, after, whole)
