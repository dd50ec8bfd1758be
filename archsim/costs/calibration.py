"""What is fitted, to what, and how well: ``python -m archsim.costs.calibration`` prints the table of README.md.

Two numbers are fitted, each to five published figures of the RBT chips: the weights of SRAM a MAC to their areas, the
energy factor of logic to their powers. SKIP's area and power are not fitted to. The published chips are at their dense
peak: every PE at work, every cycle.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from archsim.costs.fitted import BUFFERED_WEIGHTS_PER_MAC, LOGIC_ENERGY_FACTOR
from archsim.costs.model import LOGIC_ENERGY_SOURCE, Status, area, energy
from archsim.design import Design, load_design
from archsim.ledger import Ledger

Quantity = Literal["area_mm2", "power_mw"]


@dataclass(frozen=True)
class Published:
    """A chip's figures at its peak: TSMC 65 nm, synthesis, without DRAM."""

    design: str
    area_mm2: float
    power_mw: float


RBT = (  # Ardakani et al., ICLR 2019; the high-speed full-precision design is the low-power one
    Published("rbt-low-power-full", 2.56, 336.0),
    Published("rbt-low-power-ternary", 0.42, 61.0),
    Published("rbt-low-power-binary", 0.24, 37.0),
    Published("rbt-high-speed-ternary", 2.16, 302.0),
    Published("rbt-high-speed-binary", 2.54, 347.0),
)
SKIP = Published("skip-65nm", 1.1, 83.0)  # Ardakani et al., DATE 2019; power: 76.8 GOPS over 925.3 GOPS/W


@dataclass(frozen=True)
class Row:
    """One published figure beside the model's."""

    design: str
    quantity: Quantity
    published: float
    modelled: float
    status: Status
    left_out_error_pct: float | None
    """Error with the parameter fitted to the other figures of the kind; None where nothing is fitted."""

    @property
    def error_pct(self) -> float:
        return 100 * (self.modelled / self.published - 1)


def peak_ledger(design: Design, cycles: int) -> Ledger:
    """A dense steady state in closed form: all PEs at work, a word of weights and a share of a column every cycle.

    A column stays for as many cycles as a PE has accumulators. The activation unit is left out: at a thousand columns
    a row it is below a hundredth of the rest.
    """
    ledger, pes = Ledger(), design.pe_array.pes
    ledger.add("pe_array", "mac", cycles * pes)
    ledger.add("pe_array", "scratch_access", cycles * pes)
    ledger.add("weight_memory", "fifo_word", cycles)
    ledger.add("state_buffer", "h_read", cycles * design.lanes // design.pe_array.accumulators)
    if design.weight_memory.capacity_kib:
        ledger.add("weight_memory", "sram_read_word", cycles)
    else:
        ledger.add("dram", "read_bits", cycles * design.weight_memory.weights_per_cycle * design.pe_array.weight_bits)
    return ledger


PEAK_CYCLES = 100_000


def peak_power_mw(design: Design) -> float:
    """Power of the chip, without DRAM, at its dense peak."""
    return energy(design, peak_ledger(design, PEAK_CYCLES), PEAK_CYCLES, tokens=1).power_chip_mw


def _power_with_factor(design: Design, factor: float) -> float:
    """Peak power, were the energy factor of logic `factor`."""
    report = energy(design, peak_ledger(design, PEAK_CYCLES), PEAK_CYCLES, tokens=1)
    logic = sum(f.value for f in report.components.values() if f.source == LOGIC_ENERGY_SOURCE)
    return report.power_chip_mw * (1 + (factor / LOGIC_ENERGY_FACTOR - 1) * logic / report.total_chip)


def _area_with_buffer(design: Design, weights_per_mac: float) -> float:
    """Area, were there SRAM for `weights_per_mac` weights a MAC."""
    kib = math.ceil(weights_per_mac * design.pe_array.pes * design.pe_array.weight_bits / 8192)
    return area(design.override({"weight_memory.capacity_kib": kib})).total_chip


Model = Callable[[Design, float], float]

AREA_GRID = tuple(range(500, 4001, 50))  # weights a MAC
ENERGY_GRID = tuple(float(x) for x in np.geomspace(0.1, 4.0, 370))  # one per cent apart


def _best(model: Model, grid: Iterable[float], chips: Sequence[tuple[Design, float]]) -> float:
    """The parameter of least squared logarithmic error, on a grid."""
    return min(grid, key=lambda x: sum(math.log(model(design, x) / figure) ** 2 for design, figure in chips))


@dataclass(frozen=True)
class Fit:
    """A fitted parameter: two of them to ten figures leave eight degrees of freedom."""

    name: str
    best: float
    rms_log_error: float
    left_out_errors_pct: tuple[float, ...]
    """By figure, in the order of ``RBT``."""


def fit(quantity: Quantity) -> Fit:
    """The parameter that explains a quantity of the five RBT chips best, and its leave-one-out errors."""
    model, grid, name = {
        "area_mm2": (_area_with_buffer, AREA_GRID, "weights of SRAM a MAC"),
        "power_mw": (_power_with_factor, ENERGY_GRID, "energy factor of logic"),
    }[quantity]
    chips = [(load_design(chip.design), float(getattr(chip, quantity))) for chip in RBT]
    best = _best(model, grid, chips)
    errors = [math.log(model(design, best) / figure) for design, figure in chips]
    left_out = []
    for i, (design, figure) in enumerate(chips):
        others = _best(model, grid, chips[:i] + chips[i + 1 :])
        left_out.append(100 * (model(design, others) / figure - 1))
    return Fit(name, best, math.sqrt(sum(e * e for e in errors) / len(errors)), tuple(left_out))


def calibration_table() -> tuple[Row, ...]:
    """Every published area and power beside the model's, for the designs as shipped."""
    rows = []
    for quantity, model in _MODELLED.items():
        left_out = fit(quantity).left_out_errors_pct
        for i, chip in enumerate((*RBT, SKIP)):
            fitted = chip is not SKIP
            rows.append(
                Row(
                    chip.design,
                    quantity,
                    getattr(chip, quantity),
                    model(load_design(chip.design)),
                    "calibrated" if fitted else "predicted",
                    left_out[i] if fitted else None,
                )
            )
    return tuple(rows)


_MODELLED: dict[Quantity, Callable[[Design], float]] = {
    "area_mm2": lambda design: area(design).total_chip,
    "power_mw": peak_power_mw,
}


def markdown() -> str:
    """The table as README.md has it."""
    lines = [
        "| design | quantity | published | modelled | error % | left out, error % | status |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in calibration_table():
        left_out = "" if row.left_out_error_pct is None else f"{row.left_out_error_pct:+.0f}"
        lines.append(
            f"| {row.design} | {row.quantity} | {row.published:g} | {row.modelled:.3g} | {row.error_pct:+.0f} |"
            f" {left_out} | {row.status} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown())
    in_use: dict[Quantity, float] = {"area_mm2": BUFFERED_WEIGHTS_PER_MAC, "power_mw": LOGIC_ENERGY_FACTOR}
    for kind, used in in_use.items():
        result = fit(kind)
        print(
            f"{result.name}: best {result.best:g} (in use {used:g}), rms logarithmic error {result.rms_log_error:.3f}"
        )
