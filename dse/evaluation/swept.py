"""Many designs on one measured model at once: objectives and constraints as arrays (``archsim.analytic.bulk``).

What is shipped is taken of arrays as it is of one point, by the same functions. A stream, an objective or a constraint
of an entry point, and a machine that the sweep does not cover, are evaluated point by point, and counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archsim.analytic import bulk_positions as at
from archsim.analytic.bulk import Machines, Runs, reasons
from archsim.analytic.bulk_timing import COUNTED
from archsim.catalogue import Action
from archsim.columns.designs import FINE, Designs, Reasons
from archsim.costs.columns import Energies, Priced, priced
from archsim.costs.model import Powers
from archsim.design import Design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.report import RunTimes
from dse import constraints, objectives
from dse.evaluation.evaluator import run_all
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.space.space import Space

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Swept:
    """N designs on one model."""

    values: dict[str, Floats]
    """Of every objective that the search has figures of and every constraint's excess, ``(N,)``; NaN where refused."""
    refusals: Reasons
    """Why a design cannot be evaluated."""
    one_by_one: int
    """Designs that were simulated one by one."""


def covers(space: Space) -> bool:
    """Whether all that is wanted of a point can be swept."""
    shipped = set(objectives.ALL)
    return (
        space.scenario.period_us is None
        and all(objectives.by_name(figure.name) in shipped for figure in space.figures)
        and set(constraints.every()) == set(constraints.ALL)
    )


class Sweep:
    """Designs of a space, ready to run any of its models."""

    def __init__(self, space: Space, designs: Designs) -> None:
        self._space, self._designs = space, designs
        self._machines: Machines | None = None
        self._priced: Priced | None = None
        if covers(space):
            self._machines, self._priced = Machines(designs), priced(designs)

    def on(self, side: MeasuredModel | BadInput) -> Swept:
        """All designs on a model."""
        count = len(self._designs)
        names = [o.name for o in self._space.figures] + [c.name for c in constraints.every()]
        values = {name: np.full(count, np.nan) for name in names}
        if isinstance(side, BadInput):
            known = self._designs.problems
            codes = np.where(known.codes == FINE, len(known.messages), known.codes)
            return Swept(values, Reasons(codes.astype(np.int32), (*known.messages, str(side))), 0)
        refusals = Reasons(np.full(count, FINE, np.int32), ())
        left = np.arange(count)
        if self._machines is not None and self._priced is not None:
            runs = self._machines.run(side.trace, self._space.scenario.scope)
            refused, left = runs.refused, runs.not_covered
            refusals = refusals.then(refused, reasons(self._designs, side.trace, self._space.scenario.scope, refused))
            unpriced = np.flatnonzero(runs.ran & (self._priced.unpriced.codes != FINE))
            refusals = refusals.then(unpriced, self._priced.unpriced.of_rows(unpriced))
            ran = np.flatnonzero(runs.ran & (self._priced.unpriced.codes == FINE))
            self._fill(values, ran, _swept_evaluation(side, runs, self._priced, ran))
        return self._one_by_one(values, refusals, left, side)

    def _fill(self, values: Mapping[str, Floats], rows: Ints, found: Evaluation) -> None:
        for objective in self._space.figures:
            values[objective.name][rows] = np.asarray(objective.of(found))
        for constraint in constraints.every():
            values[constraint.name][rows] = np.asarray(constraint.excess(found))

    def _one_by_one(self, values: dict[str, Floats], refusals: Reasons, left: Ints, side: MeasuredModel) -> Swept:
        said: dict[str, int] = {}
        codes = np.full(len(left), FINE, np.int32)
        for k, n in enumerate(left.tolist()):
            found = self._one(n, side)
            if isinstance(found, BadInput):
                codes[k] = said.setdefault(str(found), len(said))
            else:
                self._fill(values, np.array([n]), found)
        return Swept(values, refusals.then(left, Reasons(codes, tuple(said))), len(left))

    def _one(self, n: int, side: MeasuredModel) -> Evaluation | BadInput:
        try:
            design = self._designs.design(n)
        except BadInput as refusal:
            return refusal
        (found,) = run_all([(design, side)], self._space.scenario)
        return found


class _Energy(Powers):
    """Energies of many runs."""

    def __init__(self, found: Energies) -> None:
        self._found = found
        self.time_us_per_token = cast("float", found.us_per_token)

    @property
    def total_chip(self) -> Any:
        return self._found.chip[:, 1]

    @property
    def total_system(self) -> Any:
        return self._found.system[:, 1]


class _Counts:
    """The counts of many runs, as a ledger gives those of one."""

    def __init__(self, counts: Mapping[Action, Ints]) -> None:
        self._counts = counts

    def get(self, action: Action) -> Any:
        return self._counts.get(action, 0)


class _Report(RunTimes):
    """The reports of many runs."""

    def __init__(self, runs: Runs, rows: Ints, costs: Priced, energy: _Energy) -> None:
        numbers = runs.rows[runs.codes[rows]]
        self.design = cast("Design", SimpleNamespace(clock_mhz=costs.clock_mhz[rows]))
        self.cycles = cast("int", numbers[:, at.CYCLES])
        self.tokens, self.steps = cast("int", runs.tokens[runs.codes[rows]]), runs.steps
        counts = numbers[:, at.COUNTS :]
        self.ledger = cast("Ledger", _Counts({action: counts[:, k] for k, action in enumerate(COUNTED)}))
        self.energy, self.area = energy, SimpleNamespace(total_chip=costs.area_mm2[rows, 1])
        self.resident_bits, self.model_bits = numbers[:, at.RESIDENT_BITS], runs.model_bits[rows]


class _SweptEvaluation(Evaluation):
    """Many points: each number is an array."""

    def __init__(self, side: MeasuredModel, report: _Report, costs: Priced, rows: Ints) -> None:
        for name, value in (("design", report.design), ("measured", side), ("report", report), ("stream", None)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_clock", (costs.slowest_ns[rows], costs.shortest_ns[rows]))

    @property
    def slowest_ns(self) -> Any:
        return self._clock[0]  # type: ignore[attr-defined]

    @property
    def shortest_ns(self) -> Any:
        return self._clock[1]  # type: ignore[attr-defined]


def _swept_evaluation(side: MeasuredModel, runs: Runs, costs: Priced, rows: Ints) -> Evaluation:
    numbers = runs.rows[runs.codes[rows]]
    counts = runs.counts_of(rows, costs.actions)
    energy = _Energy(costs.energy(rows, counts, numbers[:, at.CYCLES], runs.tokens[runs.codes[rows]]))
    return _SweptEvaluation(side, _Report(runs, rows, costs, energy), costs, rows)
