"""What skipping gains on SKIP's chip as it ships, in time and in energy, on real networks and on drawn zeros."""

from dataclasses import asdict, dataclass
from typing import Literal

from archsim.costs.published import skip
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.simulation import simulate
from archsim.trace.trace import Trace

Source = Literal["recorded", "synthetic"]


@dataclass(frozen=True)
class Gain:
    """A run that skips, against dense runs of the same chip: the same trace with skipping switched off."""

    lanes: int
    skipped: float
    """Share of the MACs that a dense run on as many lanes issues."""
    speed_same_lanes: float
    speed_best_dense: float
    """Against the most tokens a second that a dense run reaches, on as many lanes as chip and trace have."""
    energy_chip: float
    """The dense energy a token over the run's, without DRAM; the dense run has all lanes."""
    energy_system: float


@dataclass(frozen=True)
class NetworkRun:
    """What SKIP's chip gains on one network; the paper has no figure for it."""

    network: str
    source: Source
    lanes: int
    gain: Gain | None
    """None if the chip cannot run it, and `note` says why."""
    note: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        gain = None if self.gain is None else asdict(self.gain)
        return {"network": self.network, "source": self.source, "lanes": self.lanes, "gain": gain, "note": self.note}


def gain(trace: Trace, lanes: int | None = None) -> Gain:
    """What skipping gains on `trace`, on `lanes` of the chip's lanes (None: all); BadInput if it cannot run it."""
    design = load_design(skip().design)
    report = simulate(design, trace, "analytic", lanes=lanes, scope="recurrent")
    dense = simulate(_dense(design), trace, "analytic", lanes=_all_lanes(design, trace), scope="recurrent")
    return Gain(
        lanes=report.lanes,
        skipped=report.skipped,
        speed_same_lanes=report.speedup_same_lanes,
        speed_best_dense=report.speedup_best_dense,
        energy_chip=dense.energy.total_chip / report.energy.total_chip,
        energy_system=dense.energy.total_system / report.energy.total_system,
    )


def network_runs(name: str, trace: Trace) -> tuple[NetworkRun, ...]:
    """On all lanes that SKIP and the trace have, and on one, which skips the most columns."""
    lanes = dict.fromkeys((_all_lanes(load_design(skip().design), trace), 1))
    return tuple(_network_run(name, trace, each) for each in lanes)


def _network_run(name: str, trace: Trace, lanes: int) -> NetworkRun:
    source: Source = "synthetic" if trace.header.synthetic else "recorded"
    try:
        return NetworkRun(name, source, lanes, gain(trace, lanes))
    except BadInput as refusal:
        return NetworkRun(name, source, lanes, None, str(refusal))


def _dense(design: Design) -> Design:
    """The same chip in a run that skips nothing."""
    return design.override({"skip_encoder.enabled": False})


def _all_lanes(design: Design, trace: Trace) -> int:
    return min(design.lanes, trace.sequences)
