"""What a trial found, as plain values: kept with the trial, and answered again where the same point comes up twice."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal

from archsim.errors import BadInput
from dse import constraints, objectives
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.space.choice import ModelChoice
from dse.space.space import Setting, Space

End = Literal["low", "high"]
"""An end of the band within which energy and area are known."""
ENDS: tuple[End, ...] = ("low", "high")


@dataclass(frozen=True)
class PointOutcome:
    """One point of the space: evaluated, or refused with a reason."""

    key: str
    """Digest of the overrides and of the model: two trials with equal keys are the same point."""
    model: str
    threshold: float
    """NaN where the model could not be measured, as its sparsity is."""
    weight_format: str
    state_sparsity: float
    design_sha256: str
    """Empty where the parameters make no valid design."""
    values: dict[str, float]
    """By objective, all that the space has figures of, and by condition how far the point is from it; empty where the
    point was refused."""
    bands: dict[str, dict[str, float]]
    """At the ends `low` and `high` of the costs' bands: the objectives that differ there. Empty: not looked at."""
    weights_resident: bool
    left_out: str
    """What of the model the design leaves to the host, comma-separated."""
    reason: str
    """Why the point is not feasible; empty where it is."""

    def at(self, end: End) -> dict[str, float]:
        """`values` with all costs at one end of their bands."""
        return self.values | self.bands.get(end, {})

    @property
    def refused(self) -> bool:
        return not self.values

    @property
    def feasible(self) -> bool:
        return not self.reason

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "PointOutcome":
        return cls(**json.loads(text))


NUMBER = re.compile(r"(?<![\w.-])\d+(\.\d+)?(e[+-]?\d+)?(?![\w])")
"""A number that stands alone: not the 8 of fixed8."""


def kind_of(reason: str) -> str:
    """A reason without its figures, so that equal ones can be counted."""
    return NUMBER.sub("#", reason)


def with_bands(found: PointOutcome, evaluation: Evaluation) -> PointOutcome:
    """The same outcome with its objectives at both ends of the costs' bands."""
    bands: dict[str, dict[str, float]] = {}
    for end in ENDS:
        there = evaluation.at(end)
        values = {o.name: float(o.of(there)) for o in objectives.every() if o.name in found.values}
        bands[end] = {name: value for name, value in values.items() if value != found.values[name]}
    return replace(found, bands=bands)


def point_key(overrides: Mapping[str, Setting], identity: str) -> str:
    """Digest of a point: what the parameters set, and the model's identity."""
    return hashlib.sha256(json.dumps([dict(overrides), identity], sort_keys=True).encode()).hexdigest()


_NO_FIGURE = float("nan")


def outcome(
    space: Space,
    key: str,
    choice: ModelChoice,
    side: MeasuredModel | BadInput,
    found: Evaluation | BadInput,
    design: str,
) -> PointOutcome:
    """The outcome of an evaluated or refused point; `design` is the digest of its design, empty where it is none."""
    values: dict[str, float] = {}
    measured = None if isinstance(side, BadInput) else side
    left_out, resident = "", False
    if isinstance(found, BadInput):
        reason = str(found)
    else:
        values = {o.name: float(o.of(found)) for o in space.figures} | {
            f.name: f.excess(found) for f in constraints.every()
        }
        reason, left_out, resident = space.broken(values), ", ".join(found.report.left_out), found.report.resident
    return PointOutcome(
        key=key,
        model=choice.network,
        threshold=_NO_FIGURE if measured is None else measured.threshold,
        weight_format="" if measured is None else measured.weight_format,
        state_sparsity=_NO_FIGURE if measured is None else measured.state_sparsity,
        design_sha256=design,
        values=values,
        bands={},
        weights_resident=resident,
        left_out=left_out,
        reason=reason,
    )
