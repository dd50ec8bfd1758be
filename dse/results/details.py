"""What is kept of each point of the front, and of the states of each model: more than a row of a table holds."""

from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from archsim.record import Ends, FigureRecord, PointRecord, ends, figures
from dse.evaluation.outcome import End
from dse.evaluation.point import MeasuredModel
from dse.results.result import FrontPoint, SearchResult
from dse.results.traces import relative
from dse.space.space import Setting
from workloads.sparsify import Zeros, zeros


class FrontDetail(PointRecord):
    """One point of the front, as ``front_details.json`` holds it: its record, and what the search knows beside."""

    model_config = ConfigDict(extra="forbid")

    key_order: ClassVar[tuple[str, ...]] = (
        "trial", "model", "threshold", "weight_format", "state_sparsity", "overrides", "objectives", "test_loss",
        "on_front_at", "lanes", "steps", "cycles", "cycles_per_step", "step_cycles", "gops", "gops_effective",
        "speedup_same_lanes", "busy_cycles", "stalls", "ledger", "weights_resident", "left_out", "energy",
        "energy_chip_pj_per_token", "energy_system_pj_per_token", "energy_system_band_pj_per_token", "energy_basis",
        "area", "area_chip_mm2", "clock_problems", "roofline", "engines", "trace", "command",
    )  # fmt: skip

    trial: int
    model: str
    threshold: float
    weight_format: str
    state_sparsity: float
    overrides: dict[str, Setting]
    objectives: dict[str, float]
    test_loss: float | None
    on_front_at: list[End]
    """Ends of the costs' bands at which it is on the front as well."""
    step_cycles: list[int]
    """From the state of one step to that of the next."""
    energy: dict[str, FigureRecord]
    """By component; of a stream with what its machine takes while it waits."""
    energy_chip_pj_per_token: float
    energy_system_pj_per_token: float
    energy_system_band_pj_per_token: Ends
    energy_basis: str
    area: dict[str, FigureRecord]
    area_chip_mm2: float
    engines: str
    trace: str
    """File of what it ran, in the folder."""
    command: str


class StateDetail(BaseModel):
    """How the zeros of one state lie (`workloads.sparsify.Zeros`), over what every design of the search runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operand: str
    per_unit: list[float]
    per_step: list[float]
    union: dict[int, float]
    """By lanes."""

    @classmethod
    def of(cls, found: Zeros) -> "StateDetail":
        return cls(
            operand=found.operand,
            per_unit=found.per_unit.round(4).tolist(),
            per_step=found.per_step.round(4).tolist(),
            union={lanes: round(share, 4) for lanes, share in found.union.items()},
        )


class ModelDetail(BaseModel):
    """One model and threshold, as ``model_details.json`` holds it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    threshold: float
    states: list[StateDetail]


def front_detail(point: FrontPoint, result: SearchResult) -> FrontDetail:
    evaluation = point.evaluation
    report, side, energy = evaluation.report, evaluation.measured, evaluation.energy
    return FrontDetail.of(
        report,
        trial=point.trial.number,
        model=side.choice.network,
        threshold=side.threshold,
        weight_format=side.weight_format,
        state_sparsity=side.state_sparsity,
        overrides=dict(point.overrides),
        objectives=point.trial.outcome.values,
        test_loss=point.test_loss,
        on_front_at=list(result.stays(point)),
        step_cycles=np.diff(report.step_ends, prepend=0).tolist(),
        energy=figures(energy.components),
        energy_chip_pj_per_token=energy.total_chip,
        energy_system_pj_per_token=energy.total_system,
        energy_system_band_pj_per_token=ends(energy.band),
        energy_basis=evaluation.energy_basis,
        area=figures(report.area.components),
        area_chip_mm2=report.area.total_chip,
        engines="burst equals analytic in cycles, stalls and every count",
        trace=relative(side, result.folder),
        command=point.command,
    )


def model_detail(side: MeasuredModel) -> ModelDetail:
    return ModelDetail(
        model=side.choice.network, threshold=side.threshold, states=[StateDetail.of(z) for z in zeros(side.trace)]
    )
