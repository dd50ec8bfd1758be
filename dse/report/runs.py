"""Runs as designs of the page: one just done, or saved by ``archsim run --json``."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import Field, ValidationError

from archsim.design import Design
from archsim.errors import BadInput
from archsim.record import Ends, FigureRecord, RooflineRecord, RunRecord, figures, load_tree
from archsim.report import SimReport
from dse.report.designs import (
    PJ_PER_NJ,
    Texts,
    clock_words,
    energy_words,
    labelled,
    network_key,
    not_counted,
    parts,
    weights_words,
)
from dse.report.shapes import DesignTab, TermValue
from dse.report.values import leaves
from dse.report.words import model_label, short

SOURCE = "as the saved run has it; `archsim explain` names the sources"


class SavedRun(RunRecord):
    """A record that has all that the page shows: the first versions of archsim did not write these fields."""

    hardware: Design = Field(validation_alias="parameters")
    energy_system_band_pj_per_token: Ends
    energy_bands_pj_per_token: dict[str, tuple[float, float]]
    power_chip_mw: float
    clock_problems: tuple[str, ...]
    area_bands_mm2: dict[str, tuple[float, float]]
    roofline: RooflineRecord

    @property
    def energy(self) -> dict[str, FigureRecord]:
        return _priced(self.energy_pj_per_token, self.energy_bands_pj_per_token, self.energy_status, "pJ/token")

    @property
    def area(self) -> dict[str, FigureRecord]:
        return _priced(self.area_mm2, self.area_bands_mm2, self.area_status, "mm2")


def _priced(
    values: Mapping[str, float], bands: Mapping[str, tuple[float, float]], status: Mapping[str, str], unit: str
) -> dict[str, FigureRecord]:
    return {
        name: FigureRecord(value=values[name], low=low, high=high, unit=unit, status=status[name], source=SOURCE)
        for name, (low, high) in bands.items()
    }


def run_design(report: SimReport, at: str, command: str, texts: Texts) -> DesignTab:
    """A run just done: as it would be saved, with the sources of its figures and the cycles of its steps."""
    made = saved_design(SavedRun.model_validate(RunRecord.of(report).to_json()), "", at, texts)
    return made.model_copy(
        update={
            "title": f"{model_label(report.workload)} on {report.design.name}",
            "energy": parts(figures(report.energy.components), PJ_PER_NJ, texts),
            "area": parts(figures(report.area.components), 1.0, texts),
            "step_cycles": np.diff(report.step_ends, prepend=0).tolist(),
            "command": command,
        }
    )


def load_saved(path: Path) -> SavedRun:
    """BadInput says what is wrong with the file."""
    tree = load_tree(path, "no such run, nor a folder of a search")
    try:
        return SavedRun.model_validate(tree)
    except ValidationError as error:
        said = "; ".join(SavedRun.mistakes_in_order(error))
        raise BadInput(f"{path}: not a report of archsim run --json: {said}") from None


def saved_design(run: SavedRun, name: str, at: str, texts: Texts) -> DesignTab:
    """A saved run, called after its file."""
    return DesignTab(
        key=at,
        title=f"{name}: {model_label(run.workload)} on {run.design}",
        says=energy_words(run.energy_pj_per_token["total_chip"], run.energy_system_band_pj_per_token),
        model=network_key(run.workload, None),
        facts=_facts(run),
        parameters=leaves(run.hardware),
        energy=parts(run.energy, PJ_PER_NJ, texts),
        area=parts(run.area, 1.0, texts),
        cycles=run.cycles,
        busy_cycles=run.busy_cycles,
        stalls=run.stalls,
        step_cycles=[],
        roofline=run.roofline,
        command="",
        clock=clock_words(run.clock_problems),
        hardware=None,
    )


def _facts(run: SavedRun) -> list[TermValue]:
    energy = run.energy_pj_per_token
    return [
        TermValue(term="Latency per step", value=short(run.latency_us_per_step), unit="µs"),
        TermValue(term="Throughput", value=short(run.tokens_per_second), unit="tokens/s"),
        TermValue(term="Energy per token, system", value=short(energy["total_system"] / PJ_PER_NJ), unit="nJ"),
        TermValue(term="Energy per token, chip", value=short(energy["total_chip"] / PJ_PER_NJ), unit="nJ"),
        TermValue(term="Power, chip", value=short(run.power_chip_mw), unit="mW"),
        TermValue(term="Chip area", value=short(run.area_mm2["total_chip"]), unit="mm²"),
        *labelled(run),
        TermValue(term="Lanes", value=run.lanes),
        TermValue(term="Steps", value=run.steps),
        TermValue(term="Engine", value=run.engine),
        TermValue(term="Weights", value=weights_words(run.weights_resident)),
        TermValue(term="Model", value=short(run.model_kib), unit="KiB"),
        TermValue(term="Trace", value="synthetic" if run.synthetic else "recorded"),
        TermValue(term="Left out", value="; ".join(run.left_out) or "nothing"),
        not_counted(run),
    ]
