"""The calibration of the cost model; ``python -m archsim.costs.calibration`` prints the tables of README.md.

Two numbers are fitted to the low-power RBT chips: the weights of SRAM per MAC to their three areas, and the energy
factor of logic to their three powers. The high-speed RBT chips and SKIP are checked: nothing is fitted to them, but
their figures were in sight when the model was built. As a cross-check, the factor is also fitted to SKIP, and the RBT
powers follow. Published chips are modelled by the designs that ship, at their dense peak: every PE busy in every cycle.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np

from archsim import catalogue, designs
from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR
from archsim.costs.model import area, energy, fitted_pj
from archsim.costs.published import Chip, PublishedFigure, chips, low_power, skip
from archsim.design import Design, load_design
from archsim.ledger import Ledger

Quantity = Literal["area_mm2", "power_mw"]

QUANTITIES: tuple[Quantity, ...] = ("area_mm2", "power_mw")


def shipped(chip: Chip) -> Design:
    """The design of a chip as it ships: among the designs, or in ``chips`` where it can hold none of their networks."""
    if chip.design in designs.ALL:
        return load_design(chip.design)
    with resources.as_file(resources.files("archsim.costs").joinpath("chips", f"{chip.design}.toml")) as path:
        return load_design(path)


def outside(chip: Chip) -> tuple[str, ...]:
    """Names of components that a published figure does not cover: RBT has activations in DRAM, by its text (read)."""
    return (catalogue.STATE_BUFFER.name,) if chip.paper == "rbt" else ()


def sums_per_row(chip: Chip) -> int:
    """Accumulators that a row takes: two if both products are normalised separately."""
    return 2 if chip.paper == "rbt" else 1


def peak_ledger(design: Design, cycles: int, sums_per_row: int = 1) -> Ledger:
    """The counts of a dense steady state in closed form: in every cycle all PEs are busy and read a word of weights.

    A column takes as many cycles as a PE has rows. The activation unit and the set-up of bursts are left out, since at
    a thousand columns a row each is below a hundredth of the rest.
    """
    ledger, pes = Ledger(), design.pe_array.pes
    columns = cycles * sums_per_row // design.pe_array.accumulators
    ledger.add(catalogue.COLUMN, columns)
    ledger.add(catalogue.MAC, cycles * pes)
    ledger.add(catalogue.SCRATCH_ACCESS, cycles * pes)
    memory = design.weight_memory
    ledger.add(catalogue.FIFO_WORD, 0 if memory.private else cycles)
    ledger.add(catalogue.H_READ, columns * design.lanes)
    if memory.capacity_kib:
        ledger.add(catalogue.SRAM_READ_WORD, cycles * design.weight_memories)
    else:
        ledger.add(catalogue.READ_BITS, cycles * design.bus_word_bits)
    return ledger


PEAK_CYCLES = 100_000


def peak_gops(design: Design, lanes: int | None = None) -> float:
    """The dense GOPS that PEs, weight bus and DRAM all sustain with `lanes` sequences side by side (None: all)."""
    lanes = design.lanes if lanes is None else lanes
    return 2e-3 * design.clock_mhz * lanes * min(_weights_per_cycle(design), design.pes_per_lane)


def _weights_per_cycle(design: Design) -> float:
    """Weights that reach a lane in a cycle; private memories have one for each of its PEs."""
    memory = design.weight_memory
    if memory.private:
        return design.pes_per_lane
    weights = memory.weights_per_cycle / memory.fifo_cycles(1)
    if not memory.capacity_kib:
        rate_gbps, _ = design.channel.rate_gbps(design.clock_mhz, "weights")
        weights = min(weights, 1000 * rate_gbps / design.clock_mhz / design.pe_array.weight_bits)
    return weights


def peak_power_mw(design: Design) -> float:
    """Power of the chip without DRAM at its dense peak, mW."""
    return energy(design, peak_ledger(design, PEAK_CYCLES), PEAK_CYCLES, tokens=1).power_chip_mw


def published_area_mm2(chip: Chip, weights_per_mac: float = BUFFERED_WEIGHTS_PER_MAC) -> float:
    """The modelled area of the components that a published area covers, mm2; of an RBT chip with another buffer where
    `weights_per_mac` is not what the shipped design has."""
    design = shipped(chip)
    if chip.paper == "rbt":
        design = design.override({"weight_memory.fifo_words": round(weights_per_mac)})
    return sum(figure.value for name, figure in area(design).components.items() if name not in outside(chip))


def published_power_mw(chip: Chip, factor: float = LOGIC_ENERGY_FACTOR) -> float:
    """The modelled power of the components that a published power covers, mW; `factor` scales the energy of logic."""
    logic, rest = _power_parts(chip)
    return factor * logic + rest


@cache
def _power_parts(chip: Chip) -> tuple[float, float]:
    """Power at the dense peak, mW: that of logic with a factor of 1, and that of memories, wires and leakage.

    What is a register array and what is SRAM stays as it is with the factor in use.
    """
    design = shipped(chip)
    ledger = peak_ledger(design, PEAK_CYCLES, sums_per_row(chip))
    report = energy(design, ledger, PEAK_CYCLES, tokens=1)
    mw_per_pj = 1 / (1000 * report.time_us_per_token)
    left_out = (*report.off_chip, *outside(chip))
    # Components that are not covered leak only microwatts, in SRAM of low-standby-power cells.
    covered = sum(figure.value for name, figure in report.components.items() if name not in left_out)
    logic = sum(pj for name, pj in fitted_pj(design, ledger, PEAK_CYCLES).items() if name not in left_out)
    return mw_per_pj * logic / LOGIC_ENERGY_FACTOR, mw_per_pj * (covered - logic)


@dataclass(frozen=True)
class FittedNumber:
    """A number of the cost model that can be fitted to one quantity of some chips."""

    name: str
    quantity: Quantity
    in_use: float
    grid: tuple[float, ...]
    model: Callable[[Chip, float], float]

    def best(self, to: Iterable[Chip]) -> float:
        """The value on the grid with the least squared logarithmic error."""
        fitted = [(chip, chip[self.quantity].value) for chip in to]
        return min(self.grid, key=lambda x: sum(math.log(self.model(c, x) / figure) ** 2 for c, figure in fitted))

    def error_pct(self, chip: Chip, value: float) -> float:
        return 100 * (self.model(chip, value) / chip[self.quantity].value - 1)


WEIGHTS_PER_MAC = FittedNumber(
    "weights of SRAM a MAC",
    "area_mm2",
    BUFFERED_WEIGHTS_PER_MAC,
    tuple(float(x) for x in range(500, 4001, 50)),
    published_area_mm2,
)
ENERGY_FACTOR = FittedNumber(
    "energy factor of logic",
    "power_mw",
    LOGIC_ENERGY_FACTOR,
    tuple(round(float(x), 3) for x in np.arange(0.05, 2.0005, 0.005)),
    published_power_mw,
)
PARAMETERS = (WEIGHTS_PER_MAC, ENERGY_FACTOR)


@dataclass(frozen=True)
class FitResult:
    """A fitted parameter, the chips it was fitted to, and the errors of the fit."""

    name: str
    quantity: Quantity
    in_use: float
    best: float
    fitted_to: tuple[str, ...]
    residuals_pct: tuple[float, ...]
    """Errors with the value in use, in the order of `fitted_to`."""
    left_out_pct: tuple[float, ...]
    """Error of each chip with the parameter fitted to the others."""
    left_out_best: tuple[float, ...]
    """Best value without each chip."""

    @property
    def degrees_of_freedom(self) -> int:
        return len(self.fitted_to) - 1

    @property
    def rms_log_error(self) -> float:
        squares = [math.log(1 + e / 100) ** 2 for e in self.residuals_pct]
        return math.sqrt(sum(squares) / len(squares))


def fit(parameter: FittedNumber, to: Sequence[Chip]) -> FitResult:
    """Refit a parameter to chips, and to all of them but one in turn."""
    others = [parameter.best([c for c in to if c is not chip]) for chip in to]
    return FitResult(
        parameter.name,
        parameter.quantity,
        parameter.in_use,
        parameter.best(to),
        tuple(chip.design for chip in to),
        tuple(parameter.error_pct(chip, parameter.in_use) for chip in to),
        tuple(parameter.error_pct(chip, best) for chip, best in zip(to, others, strict=True)),
        tuple(others),
    )


@cache
def fits() -> tuple[FitResult, ...]:
    """Both parameters, fitted to the low-power RBT chips: six figures, two numbers, four degrees of freedom."""
    return tuple(fit(parameter, low_power()) for parameter in PARAMETERS)


def factor_of_skip() -> float:
    """The energy factor of logic fitted to SKIP's power alone."""
    logic, rest = _power_parts(skip())
    return (skip()["power_mw"].value - rest) / logic


@dataclass(frozen=True)
class CalibrationRow:
    """One published figure beside the model's."""

    chip: str
    design: str
    quantity: Quantity
    published: PublishedFigure
    modelled: float
    kind: Literal["fitted", "checked"]
    left_out_error_pct: float | None
    """Error with the parameter fitted to the other chips; None if it is not fitted to this one."""
    from_skip_error_pct: float | None
    """Error with the parameter fitted to SKIP; None for areas, since no fitted number enters SKIP's area."""

    @property
    def error_pct(self) -> float:
        return 100 * (self.modelled / self.published.value - 1)


def calibration_table() -> tuple[CalibrationRow, ...]:
    """Every published area and power beside the model's."""
    rows: list[CalibrationRow] = []
    for parameter, result in zip(PARAMETERS, fits(), strict=True):
        left_out = dict(zip((c.name for c in low_power()), result.left_out_pct, strict=True))
        for chip in chips():
            rows.append(_row(parameter, chip, left_out.get(chip.name)))
    return tuple(rows)


def _row(parameter: FittedNumber, chip: Chip, left_out_pct: float | None) -> CalibrationRow:
    return CalibrationRow(
        chip=f"{chip.paper} {chip.name.replace('_', ' ')}",
        design=chip.design,
        quantity=parameter.quantity,
        published=chip[parameter.quantity],
        modelled=parameter.model(chip, parameter.in_use),
        kind=_kind(chip, left_out_pct),
        left_out_error_pct=left_out_pct,
        from_skip_error_pct=parameter.error_pct(chip, factor_of_skip()) if parameter is ENERGY_FACTOR else None,
    )


def _kind(chip: Chip, left_out_pct: float | None) -> Literal["fitted", "checked"]:
    """Whether a figure is fitted: the high-speed full-precision row repeats the low-power one, so it is fitted too."""
    fitted = left_out_pct is not None or chip.design in {c.design for c in low_power()}
    return "fitted" if fitted else "checked"


def markdown() -> str:
    """The tables of README.md."""
    lines = [
        "| fitted | to | in use | best | residuals % | left out, % (best without) | degrees of freedom | rms of log |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in fits():
        left_out = [f"{e:+.0f} ({b:g})" for e, b in zip(result.left_out_pct, result.left_out_best, strict=True)]
        lines.append(
            f"| {result.name} | {result.quantity} of {', '.join(result.fitted_to)} | {result.in_use:g} |"
            f" {result.best:g} | {_signed(result.residuals_pct)} |"
            f" {', '.join(left_out)} | {result.degrees_of_freedom} | {result.rms_log_error:.3f} |"
        )
    lines += [
        "",
        "| chip | quantity | published | how sure | modelled | error % | left out, % | fitted to SKIP, % | kind |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in calibration_table():
        extra = ["" if e is None else f"{e:+.0f}" for e in (row.left_out_error_pct, row.from_skip_error_pct)]
        lines.append(
            f"| {row.chip} | {row.quantity} | {row.published.value:g} | {row.published.sure} | {row.modelled:.3g} |"
            f" {row.error_pct:+.0f} | {extra[0]} | {extra[1]} | {row.kind} |"
        )
    return "\n".join(lines)


def _signed(values: Iterable[float]) -> str:
    return ", ".join(f"{value:+.0f}" for value in values)


if __name__ == "__main__":
    print(markdown())
    print(f"\nenergy factor of logic that SKIP's power alone asks for: {factor_of_skip():.3f}")
