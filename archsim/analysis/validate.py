"""Published hardware figures beside the model's, each marked with what its agreement is worth.

Every row is computed on a design as it ships. Identities and blind rows can fail. Fitted rows are shown with their
error when they are left out of the fit; checked ones without a verdict, since the model was built with them in sight.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from archsim import catalogue
from archsim.analysis.skip_gain import Gain, NetworkRun, gain, network_runs
from archsim.costs.calibration import (
    fits,
    peak_gops,
    published_area_mm2,
    published_power_mw,
    shipped,
)
from archsim.costs.published import Chip, Sure, chipmunk, low_power, rbt, skip
from archsim.design import Design, load_design
from archsim.files import JsonValue
from archsim.report import SimReport
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

Kind = Literal["identity", "fitted", "checked", "blind"]

KINDS: dict[Kind, str] = {
    "identity": "arithmetic on what the paper states: MACs x clock, or bits of a weight",
    "fitted": "one of the six figures that the two fitted numbers rest on",
    "checked": "in sight when a choice of the model or of the design was made, so that agreement proves little",
    "blind": "no choice was made with it in sight",
}
GATING: tuple[Kind, ...] = ("identity", "blind")
"""Kinds of rows that can fail, unless their figure is weak."""


@dataclass(frozen=True)
class Tolerance:
    """The largest allowed error of a figure, in per cent of the published one, and the reason for it."""

    pct: float
    why: str


PRINTED = Tolerance(1.0, "arithmetic; what rounding in print leaves")
BLIND = Tolerance(
    20.0, "mean error of CACTI against real SRAMs (CACTI-D, ISCA 2008; recalled); set before the figure was computed"
)


@dataclass(frozen=True)
class ValidationRow:
    """One published figure beside the model's."""

    chip: str
    figure: str
    """What is compared, in words; a row of drawn zeros says so."""
    quantity: str
    """Its name in ``published.toml``."""
    unit: str
    published: float
    sure: Sure
    ours: float
    kind: Kind
    tolerance: Tolerance | None = None
    """None if the figure is shown but cannot fail."""
    left_out_pct: float | None = None
    """Error with the number fitted to the other chips; None if nothing was fitted to the figure."""
    note: str = ""

    @property
    def error_pct(self) -> float:
        return 100 * (self.ours / self.published - 1)

    @property
    def gates(self) -> bool:
        return self.kind in GATING and self.sure != "weak" and self.tolerance is not None

    @property
    def within(self) -> bool | None:
        """Whether the error is within the tolerance; None without a tolerance."""
        return None if self.tolerance is None else abs(self.error_pct) <= self.tolerance.pct

    @property
    def failed(self) -> bool:
        return self.gates and not self.within

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "chip": self.chip,
            "figure": self.figure,
            "quantity": self.quantity,
            "unit": self.unit,
            "published": self.published,
            "sure": self.sure,
            "ours": self.ours,
            "error_pct": self.error_pct,
            "kind": self.kind,
            "left_out_pct": self.left_out_pct,
            "tolerance_pct": None if self.tolerance is None else self.tolerance.pct,
            "tolerance_why": None if self.tolerance is None else self.tolerance.why,
            "gates": self.gates,
            "within": self.within,
            "note": self.note,
        }


@dataclass(frozen=True)
class Validation:
    """All rows of a validation, of which `ok` determines the exit code, and runs that no paper has a figure for."""

    rows: tuple[ValidationRow, ...]
    runs: tuple[NetworkRun, ...] = ()

    @property
    def ok(self) -> bool:
        return not any(row.failed for row in self.rows)

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "ok": self.ok,
            "kinds": {str(kind): meaning for kind, meaning in KINDS.items()},
            "rows": [row.to_json() for row in self.rows],
            "runs": [run.to_json() for run in self.runs],
        }


def validate(traces: Mapping[str, Trace] | None = None) -> Validation:
    """Compare every published figure, and run SKIP's chip on `traces` (by name), for which there are none."""
    rows = (*(row for chip in rbt() for row in _rbt_rows(chip)), *_skip_rows(skip()), *_measured_rows(chipmunk()))
    return Validation(rows, tuple(run for name, trace in (traces or {}).items() for run in network_runs(name, trace)))


def _row(
    chip: Chip,
    figure: str,
    quantity: str,
    unit: str,
    ours: float,
    kind: Kind,
    tolerance: Tolerance | None = None,
    left_out_pct: float | None = None,
    note: str = "",
) -> ValidationRow:
    at, name = chip[quantity], f"{chip.paper.upper()} {chip.name.replace('_', ' ')}".removesuffix(" chip")
    return ValidationRow(name, figure, quantity, unit, at.value, at.sure, ours, kind, tolerance, left_out_pct, note)


PEAK = "what PEs, bus and DRAM sustain"
WITHOUT_STATE = "sum over the components but the state buffer: the paper keeps activations in DRAM"
DENSE_PEAK = "every PE busy in every cycle, chip without DRAM"


def _rbt_rows(chip: Chip) -> Iterator[ValidationRow]:
    design = load_design(chip.design)
    yield _row(chip, "peak throughput", "gops", "GOPS", peak_gops(design), "identity", PRINTED, note=PEAK)
    area_mm2, power_mw = published_area_mm2(chip), published_power_mw(chip)
    yield _cost_row(chip, "area", "area_mm2", "mm²", area_mm2, WITHOUT_STATE)
    yield _cost_row(chip, "power", "power_mw", "mW", power_mw, f"{DENSE_PEAK}; {WITHOUT_STATE}")
    for quantity, rows in (("speedup_over_full", _speed_rows), ("memory_saving_over_full", _memory_rows)):
        if quantity in dict(chip.figures):
            yield from rows(chip, load_design(low_power()[0].design))


def _cost_row(chip: Chip, figure: str, quantity: str, unit: str, ours: float, note: str) -> ValidationRow:
    """An area or a power of an RBT chip; the high-speed full-precision chip is the low-power one, so it is fitted."""
    left_out = _left_out_pct().get((chip.design, quantity))
    kind: Kind = "checked" if left_out is None else "fitted"
    return _row(chip, figure, quantity, unit, ours, kind, left_out_pct=left_out, note=note)


@cache
def _left_out_pct() -> dict[tuple[str, str], float]:
    """By shipped design and quantity: the error with the number that is fitted to it fitted to the other chips."""
    return {
        (design, fitted.quantity): error
        for fitted in fits()
        for design, error in zip(fitted.fitted_to, fitted.left_out_pct, strict=True)
    }


def _speed_rows(chip: Chip, full: Design) -> Iterator[ValidationRow]:
    quantity, unit, design = "speedup_over_full", "x", load_design(chip.design)
    ours = peak_gops(design) / peak_gops(full)
    yield _row(chip, "peak over that of full precision", quantity, unit, ours, "identity", PRINTED, note=PEAK)
    ours = _dense_run(full).cycles / _dense_run(design).cycles
    note = f"a step of {HIDDEN} units, all columns; the paper says at equal area and power"
    yield _row(chip, "speed over full precision, synthetic dense run", quantity, unit, ours, "checked", note=note)


def _memory_rows(chip: Chip, full: Design) -> Iterator[ValidationRow]:
    quantity, unit, design = "memory_saving_over_full", "x", load_design(chip.design)
    ours = full.pe_array.weight_bits / design.pe_array.weight_bits
    yield _row(chip, "bits of a weight, full over this", quantity, unit, ours, "identity", PRINTED)
    ours = _dense_run(full).ledger.get(catalogue.READ_BITS) / _dense_run(design).ledger.get(catalogue.READ_BITS)
    note = f"bits read from DRAM in a step of {HIDDEN} units, with biases and inputs, which stay as wide"
    yield _row(chip, "DRAM bits, full over this, synthetic dense run", quantity, unit, ours, "checked", note=note)


HIDDEN, INPUTS, STEPS = 1000, 50, 50
"""The character model of both papers (PTB); more steps would only change the share of the drain."""

OWN_FORMATS = {12: "fixed12", 2: "ternary", 1: "binary"}
"""The weight formats of RBT's chips, by the bits of a weight."""


@cache
def _dense_run(design: Design) -> SimReport:
    """One lane of a design with no zeros, its weights in its own format."""
    weights = OWN_FORMATS[design.pe_array.weight_bits]
    trace = synthesize(HIDDEN, INPUTS, 1.0, sequences=1, steps=STEPS, weight_format=weights)
    return simulate(design, trace, "analytic", scope="recurrent")


def _skip_rows(chip: Chip) -> Iterator[ValidationRow]:
    design = load_design(chip.design)
    gops, one, power_mw = peak_gops(design), peak_gops(design, 1), published_power_mw(chip)
    yield _row(chip, "peak throughput", "gops", "GOPS", gops, "identity", PRINTED, note=PEAK)
    beside = f"one lane of {design.lanes}; the best dense run of this chip has all of them: {gops:.4g} GOPS"
    yield _row(chip, "peak throughput of one lane", "gops_one_lane", "GOPS", one, "identity", PRINTED, note=beside)
    yield _row(chip, "area", "area_mm2", "mm²", published_area_mm2(chip), "checked")
    yield _row(chip, "power", "power_mw", "mW", power_mw, "checked", note=DENSE_PEAK)
    per_watt = 1000 * gops / power_mw
    yield _row(chip, "efficiency", "gops_per_w", "GOPS/W", per_watt, "checked", note=DENSE_PEAK)
    yield from _claim_rows(chip)


MEASURED = "measured at 0.75 V; here the SRAM is at 0.9 V, the least that the tables cover"


def _measured_rows(chip: Chip) -> Iterator[ValidationRow]:
    """A chip that the cost model was built without, by a design whose choices were made with its title in sight."""
    gops, power_mw = peak_gops(shipped(chip)), published_power_mw(chip)
    yield _row(chip, "peak throughput", "gops", "GOPS", gops, "identity", PRINTED, note=PEAK)
    yield _row(chip, "area", "area_mm2", "mm²", published_area_mm2(chip), "checked", note="placed core")
    yield _row(chip, "power", "power_mw", "mW", power_mw, "checked", note=MEASURED)
    yield _row(chip, "efficiency", "gops_per_w", "GOPS/W", 1000 * gops / power_mw, "checked", note=MEASURED)


def _skipping_trace(skipped_share: float, lanes: int) -> Trace:
    """A synthetic trace in which `skipped_share` of the columns that a dense run streams are skipped in all lanes.

    All lanes are equal (correlation 1), so that their union has the density of each. The input columns of a step, one
    for each distinct symbol, are never skipped, and more zeros in the state make up for them.
    """
    density = max(0.0, 1 - skipped_share * (HIDDEN + lanes) / HIDDEN)
    return synthesize(HIDDEN, INPUTS, density, correlation=1.0, sequences=lanes, steps=STEPS)


@cache
def _gain(skipped_share: float) -> Gain:
    """A run of SKIP with all its lanes, in which `skipped_share` of the columns are skipped."""
    return gain(_skipping_trace(skipped_share, load_design(skip().design).lanes))


EQUAL_ZEROS = "synthetic lanes with equal zeros"


def _claim_rows(chip: Chip) -> Iterator[ValidationRow]:
    """Both halves of the paper's claim, at the share of skipped columns whose ideal speed-up is the claimed one."""
    skipped = chip["skipped_share"].value
    found, at = _gain(skipped), f"at {skipped:.1%} of the streamed columns skipped, derived from the claim"
    for against, ours in (
        ("the same lanes dense", found.speed_same_lanes),
        ("the best dense run", found.speed_best_dense),
    ):
        yield _row(chip, f"speed-up over {against}, {EQUAL_ZEROS}", "speedup_max", "x", ours, "checked", note=at)
    note = f"{at}; the best dense run's energy a token over this one's"
    for part, ours, tolerance in (("chip", found.energy_chip, BLIND), ("chip and DRAM", found.energy_system, None)):
        yield _row(
            chip, f"energy gain, {part}, {EQUAL_ZEROS}", "energy_gain_max", "x", ours, "blind", tolerance, note=note
        )
    share = _share_for(chip["speedup_max"].value)
    note = f"what {chip['speedup_max'].value:g} x takes here"
    yield _row(chip, f"skipped share, {EQUAL_ZEROS}", "skipped_share", "", share, "checked", note=note)


def _share_for(speedup: float) -> float:
    """The share of skipped columns at which SKIP reaches `speedup`, to a tenth of a per cent."""
    low, high = 0.0, 0.95
    while high - low > 0.001:
        middle = (low + high) / 2
        low, high = (low, middle) if _gain(middle).speed_same_lanes >= speedup else (middle, high)
    return high
