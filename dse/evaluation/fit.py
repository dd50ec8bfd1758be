"""Formats against on-chip SRAM, PEs and DRAM being given: where a model begins to fit, and what that saves."""

from collections.abc import Sequence
from dataclasses import dataclass

from archsim.costs import Band
from archsim.design import Design
from archsim.errors import BadInput
from archsim.simulation import Job, simulate_many
from archsim.trace.synthetic import FORMATS, synthesize

WEIGHTS = ("fixed12", "fixed8", "fixed4", "ternary", "binary")
CAPACITIES_KIB = (0, 64, 128, 256, 512, 1024, 2048)


@dataclass(frozen=True)
class FormatFit:
    """One format with so much SRAM."""

    weights: str
    capacity_kib: int
    model_kib: float
    resident_share: float
    """Share of the model's bits that lie in SRAM."""
    time_us_per_token: float
    chip_pj_per_token: float
    system_pj_per_token: Band
    """Over the band of what sources say of DRAM and leakage."""
    area_mm2: float


def fit(
    design: Design,
    hidden: int = 512,
    inputs: int = 83,
    density: float = 0.2,
    weights: Sequence[str] = WEIGHTS,
    capacities_kib: Sequence[int] = CAPACITIES_KIB,
    steps: int = 20,
) -> list[FormatFit]:
    """An LSTM on `design` in every format with every SRAM, weights part and part where they do not all fit.

    PEs, lanes, DRAM and weights of a bus word stay, so that a bus of fewer bits takes longer for biases, which have 16;
    a PE is as wide as the format, a multiplexer for binary and ternary weights, a shifter for powers of two. The state
    is drawn, `density` of it non-zero (`synthesize`), the same for all. BadInput names what cannot be.
    """
    pairs = [(name, kib) for name in weights for kib in capacities_kib]
    traces = {
        name: synthesize(hidden, inputs, density, sequences=design.lanes, steps=steps, weight_format=name)
        for name in weights
    }
    jobs = [Job(_varied(design, name, kib), traces[name]) for name, kib in pairs]
    found = []
    for (name, kib), report in zip(pairs, simulate_many(jobs), strict=True):
        if isinstance(report, BadInput):
            raise report
        found.append(
            FormatFit(
                weights=name,
                capacity_kib=kib,
                model_kib=report.model_bits / 8192,
                resident_share=report.resident_bits / report.model_bits,
                time_us_per_token=report.time_us_per_token,
                chip_pj_per_token=report.energy.total_chip,
                system_pj_per_token=report.energy.band,
                area_mm2=report.area.total_chip,
            )
        )
    return found


def _varied(design: Design, weights: str, capacity_kib: int) -> Design:
    weight_format = FORMATS[weights]
    return design.override(
        {
            "weight_memory.capacity_kib": capacity_kib,
            "weight_memory.residency": "part",
            "pe_array.weight_bits": weight_format.bits,
            "pe_array.multiplier": weight_format.multiplier,
        }
    )
