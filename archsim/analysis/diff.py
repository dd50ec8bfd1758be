"""The differences between two runs, by component: parameters, cycles, stalls, energy, area and counts.

Cycles and counts are those of whole runs, or per token if the runs make different numbers of tokens. The largest effect
comes first: its size is the change as a share of the whole that the figure belongs to (the run's cycles, the system's
energy, the chip's area), or of the figure itself if it belongs to none, as a count does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import inf, isinf
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from archsim.catalogue import DRAM, PE_ARRAY
from archsim.costs.model import DRAM_CONTROLLER
from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.record import Count, Named, PlainRecord, RunRecord, load_tree
from archsim.report import SimReport

Kind = Literal["cycles", "stalls", "energy", "area", "counts"]

KINDS: tuple[Kind, ...] = ("cycles", "stalls", "energy", "area", "counts")

K = TypeVar("K")

SETTINGS = ("design", "workload", "synthetic", "scope", "engine", "lanes", "steps", "tokens")
"""Keys of a record that identify the run."""

SCOPES = ("chip", "system")
"""Names under which totals appear among the components."""


@dataclass(frozen=True)
class Changed:
    """A parameter of the design, or a setting of the run, that differs; a value is None if that run lacks it."""

    path: str
    before: JsonValue
    after: JsonValue

    def to_json(self) -> dict[str, JsonValue]:
        return {"path": self.path, "before": self.before, "after": self.after}


@dataclass(frozen=True)
class Change:
    """A figure that differs; it is 0 for a run that lacks it."""

    kind: Kind
    component: str
    name: str
    unit: str
    before: float
    after: float
    whole: float
    """The whole that `before` and `after` are parts of, in the run where it is larger; 0 if they belong to none."""

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def ratio(self) -> float:
        """`after` over `before`; infinite if `before` is 0."""
        return self.after / self.before if self.before else inf

    @property
    def effect(self) -> float:
        """Size of the change, as a share of the whole, or of the larger of both figures if they belong to none."""
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
    """The differences between two runs, the first of which is `before`."""

    before: str
    after: str
    per_token: bool
    """Whether cycles and counts are per token, since the runs make different numbers of tokens."""
    before_lacks: tuple[str, ...]
    """What the energies of `before` do not count, since it is not known or left out, and those of `after` do not lack;
    nothing where a file does not say what is counted."""
    after_lacks: tuple[str, ...]
    settings: tuple[Changed, ...]
    parameters: tuple[Changed, ...] | None
    """Parameters by dotted path; None if a report lacks them."""
    changes: tuple[Change, ...]
    """Figures that differ, the largest effect first."""

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
            "before_lacks": list(self.before_lacks),
            "after_lacks": list(self.after_lacks),
            "settings": [changed.to_json() for changed in self.settings],
            "parameters": None if self.parameters is None else [changed.to_json() for changed in self.parameters],
            "changes": [change.to_json() for change in self.changes],
        }


class _Occupied(PlainRecord):
    """The record of ``archsim.analysis.stalls.Occupation``."""

    busy_cycles: Count
    stalls: Named[Count]


class ComparedRun(RunRecord):
    """The record of a run, with the stalls of further components than the PE array if the file has them."""

    occupation: Named[_Occupied] = Field(default_factory=dict)

    @property
    def settings(self) -> dict[str, JsonValue]:
        tree = self.to_json()
        return {key: tree[key] for key in SETTINGS}

    @property
    def component_stalls(self) -> dict[tuple[str, str], float]:
        """Cycles by component and state: ``busy``, or the cause of a stall."""
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
    """One of the two runs, with its name."""

    name: str
    run: ComparedRun


def diff(before: SimReport | NamedRun, after: SimReport | NamedRun) -> Diff:
    """The differences from one run to the other."""
    a, b = (each if isinstance(each, NamedRun) else of_report(each) for each in (before, after))
    per_token = a.run.tokens != b.run.tokens
    changes = sorted(_changes(a.run, b.run, per_token), key=lambda change: -change.effect)
    return Diff(
        before=a.name,
        after=b.name,
        per_token=per_token,
        before_lacks=_lacks(a.run, b.run),
        after_lacks=_lacks(b.run, a.run),
        settings=tuple(_changed(a.run.settings, b.run.settings)),
        parameters=tuple(_parameters(a.run, b.run)) if a.run.parameters and b.run.parameters else None,
        changes=tuple(changes),
    )


def _lacks(run: ComparedRun, other: ComparedRun) -> tuple[str, ...]:
    lacks, others = run.energy_not_counted, other.energy_not_counted
    if lacks is None or others is None:
        return ()
    absent = () if DRAM.name in other.energy_pj_per_token else (DRAM_CONTROLLER,)  # nothing to count
    return tuple(part for part in lacks if part not in (*others, *absent))


def of_report(report: SimReport) -> NamedRun:
    return NamedRun(report.design.name, ComparedRun.of(report, occupation={}))


def load_run(path: Path) -> NamedRun:
    """Read a record that `archsim run --json` printed. BadInput says what is wrong with the file."""
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
    """Parameters that differ, except for name and title, on which no figure depends."""
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
    """The keys of either mapping with both values, 0 where a mapping lacks the key."""
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
