"""Published hardware figures beside the model's: which are fitted, which predicted, and which decide.

Only figures marked "read" or "agrees" can fail. RBT's low-power areas and powers are what the cost model is fitted to;
its high-speed chips and SKIP are predicted (``costs/calibration.py``).
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
    """How far a figure may be off, in per cent of the published one, and where that comes from."""

    pct: float
    why: str


PRINTED = Tolerance(1.0, "arithmetic; what rounding in print leaves")
SRAM_MODEL = Tolerance(
    20.0, "mean error of CACTI against real SRAMs (CACTI-D, ISCA 2008; recalled): SRAM is most of it"
)
OVERHEAD = Tolerance(10.0, "chosen: the share is derived for a machine that loses no cycle to list, latency and drain")


@dataclass(frozen=True)
class ValidationRow:
    """One published figure beside ours."""

    chip: str
    quantity: str
    unit: str
    published: float
    sure: Sure
    ours: float | None
    """None: the design cannot run it; `note` says why."""
    basis: Basis
    tolerance: Tolerance | None
    """None: shown, whatever it is."""
    note: str = ""

    @property
    def error_pct(self) -> float | None:
        return None if self.ours is None else 100 * (self.ours / self.published - 1)

    @property
    def gates(self) -> bool:
        return self.sure in GATING and self.tolerance is not None

    @property
    def within(self) -> bool | None:
        """Whether the error is within the tolerance; None where there is none."""
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
    """All rows; `ok` is what an exit code says."""

    rows: tuple[ValidationRow, ...]

    @property
    def ok(self) -> bool:
        return not any(row.failed for row in self.rows)

    def to_json(self) -> dict[str, JsonValue]:
        return {"ok": self.ok, "rows": [row.to_json() for row in self.rows]}


def validate(traces: Mapping[str, Trace] | None = None) -> Validation:
    """Every published figure, and SKIP's speed-up on recorded `traces` (by name): shown, never a gate."""
    rows = [row for chip in rbt() for row in _rbt_rows(chip)]
    rows += _skip_rows()
    rows += [_recorded_row(name, trace, lanes) for name, trace in (traces or {}).items() for lanes in _lanes(trace)]
    return Validation(tuple(rows))


def _lanes(trace: Trace) -> tuple[int, ...]:
    """All that SKIP and the trace have, and one: a column is skipped where it is zero in every lane."""
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
    # the high-speed full-precision chip is the low-power one again
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
"""SKIP's character model (PTB); steps beyond the first few change nothing but the drain."""


def _skipping_trace(skipped_share: float, lanes: int) -> Trace:
    """A synthetic trace of which `skipped_share` of the columns that a dense run streams are skipped in all lanes.

    The lanes are alike (correlation 1), so that their union has the density drawn. Of input columns, as many as lanes
    have distinct symbols, none is skipped: more zeros in the state make up for them.
    """
    density = max(0.0, 1 - skipped_share * (HIDDEN + lanes) / HIDDEN)
    return synthesize(HIDDEN, INPUTS, density, correlation=1.0, sequences=lanes, steps=STEPS)


@cache
def _run(skipped_share: float) -> SimReport:
    """SKIP with all its lanes, at a share of columns skipped."""
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
    """The share of columns skipped at which SKIP gains `speedup`, to a tenth of a per cent."""
    low, high = 0.0, 0.95
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if _run(middle).speedup_same_lanes >= speedup else (middle, high)
    return _run(high).skipped


def _recorded_row(name: str, trace: Trace, lanes: int) -> ValidationRow:
    """What a trained network's own zeros gain on SKIP; the paper's 5.2 is the most that it saw."""
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
