"""Validation against published hardware figures: which are fitted, which are predicted, and which can fail.

Only figures marked "read" or "agrees" can fail. The cost model is fitted to RBT's low-power areas and powers; its
high-speed chips and SKIP are predicted (``costs/calibration.py``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from archsim.costs.calibration import (
    as_published,
    peak_gops,
    published_area_mm2,
    published_power_mw,
)
from archsim.costs.published import Chip, Sure, low_power, rbt, skip
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.report import SimReport
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

Basis = Literal["fitted", "predicted"]

GATING: tuple[Sure, ...] = ("read", "agrees")


@dataclass(frozen=True)
class Tolerance:
    """The largest allowed error of a figure, in per cent of the published one, and the reason for it."""

    pct: float
    why: str


PRINTED = Tolerance(1.0, "arithmetic; what rounding in print leaves")
SRAM_MODEL = Tolerance(
    20.0, "mean error of CACTI against real SRAMs (CACTI-D, ISCA 2008; recalled): SRAM is most of it"
)
OVERHEAD = Tolerance(10.0, "chosen: the share is derived for a machine that loses no cycle to list, latency and drain")


@dataclass(frozen=True)
class ValidationRow:
    """One published figure beside the model's."""

    chip: str
    quantity: str
    unit: str
    published: float
    sure: Sure
    ours: float | None
    """The model's figure; None if the design cannot run it, and `note` says why."""
    basis: Basis
    tolerance: Tolerance | None
    """None if the figure is shown but cannot fail."""
    note: str = ""

    @property
    def error_pct(self) -> float | None:
        return None if self.ours is None else 100 * (self.ours / self.published - 1)

    @property
    def gates(self) -> bool:
        return self.sure in GATING and self.tolerance is not None

    @property
    def within(self) -> bool | None:
        """Whether the error is within the tolerance; None without an error or a tolerance."""
        error = self.error_pct
        return None if self.tolerance is None or error is None else abs(error) <= self.tolerance.pct

    @property
    def failed(self) -> bool:
        return self.gates and not self.within

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "chip": self.chip,
            "quantity": self.quantity,
            "unit": self.unit,
            "published": self.published,
            "sure": self.sure,
            "ours": self.ours,
            "error_pct": self.error_pct,
            "basis": self.basis,
            "tolerance_pct": None if self.tolerance is None else self.tolerance.pct,
            "tolerance_why": None if self.tolerance is None else self.tolerance.why,
            "gates": self.gates,
            "within": self.within,
            "note": self.note,
        }


@dataclass(frozen=True)
class Validation:
    """All rows of a validation; `ok` determines the exit code."""

    rows: tuple[ValidationRow, ...]

    @property
    def ok(self) -> bool:
        return not any(row.failed for row in self.rows)

    def to_json(self) -> dict[str, JsonValue]:
        return {"ok": self.ok, "rows": [row.to_json() for row in self.rows]}


def validate(traces: Mapping[str, Trace] | None = None) -> Validation:
    """Compare every published figure, and SKIP's speed-up on recorded `traces` (by name), which can never fail."""
    rows = [row for chip in rbt() for row in _rbt_rows(chip)]
    rows += _skip_rows()
    rows += [_recorded_row(name, trace, lanes) for name, trace in (traces or {}).items() for lanes in _lanes(trace)]
    return Validation(tuple(rows))


def _lanes(trace: Trace) -> tuple[int, ...]:
    """The numbers of lanes to run: all that SKIP and the trace have, and one, which skips the most columns."""
    return tuple(dict.fromkeys((min(load_design(skip().design).lanes, trace.sequences), 1)))


def _row(
    chip: Chip,
    quantity: str,
    unit: str,
    ours: float,
    tolerance: Tolerance | None,
    basis: Basis = "predicted",
    note: str = "",
) -> ValidationRow:
    published = chip[quantity]
    name = f"{chip.paper.upper()} {chip.name.replace('_', ' ')}".removesuffix(" chip")
    return ValidationRow(name, quantity, unit, published.value, published.sure, ours, basis, tolerance, note)


def _rbt_rows(chip: Chip) -> Iterator[ValidationRow]:
    # The high-speed full-precision chip repeats the low-power one.
    basis: Basis = "fitted" if chip.design in {c.design for c in low_power()} else "predicted"
    yield _row(chip, "gops", "GOPS", peak_gops(as_published(chip)), PRINTED, note="peak: PEs, bus and DRAM")
    note = "without the state buffer: the paper keeps activations in DRAM"
    yield _row(chip, "area_mm2", "mm²", published_area_mm2(chip), SRAM_MODEL, basis, note)
    yield _row(chip, "power_mw", "mW", published_power_mw(chip), SRAM_MODEL, basis, f"dense peak, {note}")


def _skip_rows() -> Iterator[ValidationRow]:
    chip = skip()
    design = load_design(chip.design)
    gops, power_mw = peak_gops(design), published_power_mw(chip)
    yield _row(chip, "gops", "GOPS", gops, PRINTED, note="peak: PEs, bus and DRAM")
    yield _row(chip, "gops_one_lane", "GOPS", peak_gops(design, 1), PRINTED, note="peak of one lane of eight")
    yield _row(chip, "area_mm2", "mm²", published_area_mm2(chip), SRAM_MODEL)
    yield _row(chip, "power_mw", "mW", power_mw, SRAM_MODEL, note="dense peak, chip without DRAM")
    yield _row(chip, "gops_per_w", "GOPS/W", 1000 * gops / power_mw, SRAM_MODEL, note="dense peak, chip without DRAM")
    yield from _speedup_rows(chip)


HIDDEN, INPUTS, STEPS = 1000, 50, 50
"""SKIP's character model (PTB); more steps would only change the share of the drain."""


def _skipping_trace(skipped_share: float, lanes: int) -> Trace:
    """A synthetic trace in which `skipped_share` of the columns that a dense run streams are skipped in all lanes.

    All lanes are equal (correlation 1), so that their union has the density of each. The input columns of a step, one
    for each distinct symbol, are never skipped, and more zeros in the state make up for them.
    """
    density = max(0.0, 1 - skipped_share * (HIDDEN + lanes) / HIDDEN)
    return synthesize(HIDDEN, INPUTS, density, correlation=1.0, sequences=lanes, steps=STEPS)


@cache
def _run(skipped_share: float) -> SimReport:
    """A run of SKIP with all its lanes, in which `skipped_share` of the columns are skipped."""
    design = load_design(skip().design)
    return simulate(design, _skipping_trace(skipped_share, design.lanes), "analytic", scope="recurrent")


def _speedup_rows(chip: Chip) -> Iterator[ValidationRow]:
    report = _run(chip["skipped_share"].value)
    ideal = f"(ideal {report.speedup_ideal:.2f} x)"
    note = f"synthetic, {report.skipped:.1%} of the streamed columns skipped {ideal}, against "
    row = _row(chip, "speedup_max", "x", report.speedup_same_lanes, OVERHEAD, note=f"{note}the same lanes, dense")
    yield row
    yield replace(row, ours=report.speedup_best_dense, tolerance=None, note=f"{note}the best dense run")
    note = f"synthetic: what {chip['speedup_max'].value:g} x takes here"
    yield _row(chip, "skipped_share", "", _share_for(chip["speedup_max"].value), PRINTED, note=note)


def _share_for(speedup: float) -> float:
    """The share of skipped columns at which SKIP reaches `speedup`, to a tenth of a per cent."""
    low, high = 0.0, 0.95
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if _run(middle).speedup_same_lanes >= speedup else (middle, high)
    return _run(high).skipped


def _recorded_row(name: str, trace: Trace, lanes: int) -> ValidationRow:
    """SKIP's speed-up on the zeros of a trained network; the paper's 5.2 is the largest that it reports."""
    chip = skip()
    design = load_design(chip.design)
    kind = "synthetic trace" if trace.header.synthetic else "recorded trace"
    row = _row(chip, "speedup_max", "x", 0.0, None)
    try:
        report = simulate(design, trace, "analytic", lanes=lanes, scope="recurrent")
    except BadInput as refusal:
        return replace(row, ours=None, note=f"{kind} {name}: {refusal}")
    width = "1 lane" if lanes == 1 else f"{lanes} lanes"
    note = f"{kind} {name}, {width}, {report.skipped:.1%} of the streamed columns skipped"
    return replace(row, ours=report.speedup_same_lanes, note=note)
