"""Runs as designs of the page: one just done, or saved by ``archsim run --json``."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from archsim.analysis.roofline import run_json
from archsim.costs import Figure
from archsim.design import Design as Hardware
from archsim.errors import BadInput, explain
from archsim.report import SimReport
from dse.report.designs import PJ_PER_NJ, Texts, clock_words, energy_words, network_key, weights_words
from dse.report.shapes import Design, Fact, Part
from dse.report.values import leaves
from dse.report.words import model_label, short
from dse.results.store import RooflineJson


class SavedRun(BaseModel):
    """What the page needs of a saved run; other keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    design: str
    workload: str
    synthetic: bool
    engine: str
    scope: str
    lanes: int
    steps: int
    cycles: int
    cycles_per_step: float
    latency_us_per_step: float
    tokens_per_second: float
    gops: float
    gops_effective: float
    speedup_same_lanes: float
    busy_cycles: int
    stalls: dict[str, int]
    parameters: Hardware
    weights_resident: bool
    model_kib: float
    left_out: list[str]
    energy_pj_per_token: dict[str, float]
    energy_bands_pj_per_token: dict[str, tuple[float, float]]
    energy_system_band_pj_per_token: tuple[float, float, float]
    energy_status: dict[str, str]
    power_chip_mw: float
    clock_problems: list[str]
    area_mm2: dict[str, float]
    area_bands_mm2: dict[str, tuple[float, float]]
    area_status: dict[str, str]
    roofline: RooflineJson


def run_design(report: SimReport, at: str, command: str, texts: Texts) -> Design:
    """A run just done: as it would be saved, with the sources of its figures and the cycles of its steps."""
    made = saved_design(SavedRun.model_validate(run_json(report)), "", at, texts)
    return made.model_copy(
        update={
            "title": f"{model_label(report.workload)} on {report.design.name}",
            "energy": _sourced(made.energy, report.energy.components, texts),
            "area": _sourced(made.area, report.area.components, texts),
            "step_cycles": np.diff(report.step_ends, prepend=0).tolist(),
            "command": command,
        }
    )


def _sourced(parts: list[Part], figures: Mapping[str, Figure], texts: Texts) -> list[Part]:
    return [part.model_copy(update={"source": texts(figures[part.name].source)}) for part in parts]


def load_saved(path: Path) -> SavedRun:
    """BadInput says what is wrong with the file."""
    try:
        return SavedRun.model_validate(json.loads(path.read_text()))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such run, nor a folder of a search") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BadInput(f"{path}: not JSON: {error}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: not a report of archsim run --json: {explain(error)}") from None


def saved_design(run: SavedRun, name: str, at: str, texts: Texts) -> Design:
    """A saved run, called after its file."""
    source = texts("as the saved run has it; `archsim explain` names the sources")
    return Design(
        key=at,
        title=f"{name}: {model_label(run.workload)} on {run.design}",
        says=energy_words(run.energy_pj_per_token["total_chip"], run.energy_system_band_pj_per_token),
        model=network_key(run.workload, None),
        facts=_facts(run),
        parameters=leaves(run.parameters),
        energy=_parts(run.energy_pj_per_token, run.energy_bands_pj_per_token, run.energy_status, PJ_PER_NJ, source),
        area=_parts(run.area_mm2, run.area_bands_mm2, run.area_status, 1.0, source),
        cycles=run.cycles,
        busy_cycles=run.busy_cycles,
        stalls=run.stalls,
        step_cycles=[],
        roofline=run.roofline,
        command="",
        clock=clock_words(tuple(run.clock_problems)),
    )


def _facts(run: SavedRun) -> list[Fact]:
    energy = run.energy_pj_per_token
    return [
        Fact(term="Latency per step", value=short(run.latency_us_per_step), unit="µs"),
        Fact(term="Throughput", value=short(run.tokens_per_second), unit="tokens/s"),
        Fact(term="Energy per token, system", value=short(energy["total_system"] / PJ_PER_NJ), unit="nJ"),
        Fact(term="Energy per token, chip", value=short(energy["total_chip"] / PJ_PER_NJ), unit="nJ"),
        Fact(term="Power, chip", value=short(run.power_chip_mw), unit="mW"),
        Fact(term="Chip area", value=short(run.area_mm2["total_chip"]), unit="mm²"),
        Fact(term="Speed-up by skipping", value=short(run.speedup_same_lanes), unit="x"),
        Fact(term="Achieved", value=short(run.gops), unit="GOPS"),
        Fact(term="Dense-equivalent", value=short(run.gops_effective), unit="GOPS"),
        Fact(term="Cycles per step", value=short(run.cycles_per_step), unit="cycles"),
        Fact(term="Lanes", value=run.lanes),
        Fact(term="Steps", value=run.steps),
        Fact(term="Engine", value=run.engine),
        Fact(term="Weights", value=weights_words(run.weights_resident)),
        Fact(term="Model", value=short(run.model_kib), unit="KiB"),
        Fact(term="Trace", value="synthetic" if run.synthetic else "recorded"),
        Fact(term="Left out", value="; ".join(run.left_out) or "nothing"),
    ]


def _parts(
    values: dict[str, float],
    bands: dict[str, tuple[float, float]],
    status: dict[str, str],
    scale: float,
    source: int,
) -> list[Part]:
    return [
        Part(
            name=name,
            value=short(values[name] / scale),
            low=short(low / scale),
            high=short(high / scale),
            status=status[name],
            source=source,
        )
        for name, (low, high) in bands.items()
    ]
