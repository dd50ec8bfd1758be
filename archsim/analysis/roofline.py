"""The bounds of a run: its roofline, the ideal and achieved speed-up of skipping, histograms of non-zero columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, isinf

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.errors import BadInput
from archsim.files import JsonValue
from archsim.report import SimReport
from archsim.trace.graph import MatVec
from archsim.trace.trace import Trace


@dataclass(frozen=True)
class Roofline:
    """The ceilings of a run for issued MACs, 10^9 operations per second (a MAC is two)."""

    macs_per_dram_bit: float
    """Operational intensity; infinite if nothing is read from DRAM."""
    ceiling_pes_gops: float
    """All PEs busy in every cycle."""
    ceiling_lanes_gops: float
    """The PEs of the lanes that run, busy in every cycle."""
    ceiling_bus_gops: float
    """The bus words that the FIFO's ports let through, times the MACs that a word feeds in this run; infinite where no
    word passes a FIFO, as with private memories."""
    ceiling_dram_gops: float
    """The DRAM's bandwidth, times this run's intensity; infinite if nothing is read from DRAM."""
    ceiling_accesses_gops: float
    """The rate that the DRAM accesses under way sustain, times this run's intensity."""
    achieved_gops: float

    @property
    def bound(self) -> str:
        """The name of the lowest ceiling."""
        return min(self._ceilings(), key=lambda each: each[1])[0]

    @property
    def ceiling_gops(self) -> float:
        return min(gops for _, gops in self._ceilings())

    @property
    def share(self) -> float:
        """Achieved throughput as a share of the lowest ceiling."""
        return self.achieved_gops / self.ceiling_gops if self.ceiling_gops else 0.0

    def _ceilings(self) -> Iterator[tuple[str, float]]:
        yield "PEs", self.ceiling_lanes_gops
        yield "weight bus", self.ceiling_bus_gops
        yield "DRAM bandwidth", self.ceiling_dram_gops
        yield "DRAM accesses under way", self.ceiling_accesses_gops


def roofline(report: SimReport) -> Roofline:
    """The roofline of a run (Williams, Waterman, Patterson 2009)."""
    design, issued = report.design, report.macs.issued
    bits, words = report.ledger.get(catalogue.READ_BITS), report.ledger.get(catalogue.FIFO_WORD)
    intensity = issued / bits if bits else inf
    gigacycles, dram = design.clock_mhz * 1e-3, design.dram
    sustained = dram.sustained_gbps(design.clock_mhz) if dram else inf
    return Roofline(
        macs_per_dram_bit=intensity,
        ceiling_pes_gops=2 * design.pe_array.pes * gigacycles,
        ceiling_lanes_gops=2 * design.shape.pes_for(report.lanes) * gigacycles,
        ceiling_bus_gops=2 * issued / design.weight_memory.fifo_cycles(words) * gigacycles if words else inf,
        ceiling_dram_gops=2 * intensity * dram.bandwidth_gbps if dram and bits else inf,
        ceiling_accesses_gops=2 * intensity * sustained if bits and sustained < inf else inf,
        achieved_gops=report.gops,
    )


@dataclass(frozen=True)
class Speedup:
    """The speed-up that skipping gives over the same lanes with skipping switched off."""

    ideal: float
    """Speed-up if time were proportional to issued MACs; infinite if none are issued."""
    achieved: float
    best_dense: float
    """Speed-up per token over the best number of lanes without skipping."""

    @property
    def share(self) -> float:
        """Achieved over ideal speed-up; 0 if the ideal is infinite."""
        return 0.0 if isinf(self.ideal) else self.achieved / self.ideal

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "ideal": _finite(self.ideal),
            "achieved": self.achieved,
            "best_dense": self.best_dense,
            "share": self.share,
        }


def speedup(report: SimReport) -> Speedup:
    return Speedup(report.speedup_ideal, report.speedup_same_lanes, report.speedup_best_dense)


@dataclass(frozen=True)
class ColumnHistogram:
    """The distribution of the number of columns that are non-zero in at least one lane, over steps and lane groups."""

    operand: str
    edge: str
    columns: int
    """All columns of the operand, whether non-zero or not."""
    lanes: int
    groups: int
    """Number of groups: sequences `lanes` * g to `lanes` * (g + 1) - 1 are group g; remaining ones are left out."""
    edges: tuple[int, ...]
    """Bin k holds column counts from ``edges[k]`` to ``edges[k + 1] - 1``."""
    counts: tuple[int, ...]
    """Number of group steps in each bin."""
    mean_by_group: tuple[float, ...]
    least: int
    mean: float
    most: int

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "operand": self.operand,
            "edge": self.edge,
            "columns": self.columns,
            "lanes": self.lanes,
            "groups": self.groups,
            "edges": list(self.edges),
            "counts": list(self.counts),
            "mean_by_group": list(self.mean_by_group),
            "least": self.least,
            "mean": self.mean,
            "most": self.most,
        }


def listed_columns(trace: Trace, mat_vec: MatVec, lanes: int, steps: int) -> NDArray[np.int64]:
    """Columns that are non-zero in at least one lane of a group, without padding, ``(steps, groups)``.

    The count is -1 where no lane of a group runs the product. BadInput if the trace has fewer sequences or steps.
    """
    if not 1 <= lanes <= trace.sequences:
        raise BadInput(f"lanes must be between 1 and the trace's {trace.sequences} sequences, not {lanes}")
    groups = trace.sequences // lanes
    grouped = groups * lanes
    runs = trace.active(grouped, steps, mat_vec.when).reshape(steps, groups, lanes).any(axis=-1)
    listed = np.full((steps, groups), -1, np.int64)
    chunk = max(1, 2**22 // (grouped * mat_vec.cols))
    for first in range(0, steps, chunk):
        stop = min(first + chunk, steps)
        mask = trace.nonzero(mat_vec, grouped, stop, first)
        listed[first:stop] = mask.reshape(stop - first, groups, lanes, mat_vec.cols).any(axis=2).sum(axis=-1)
    return np.where(runs, listed, -1)


def column_histograms(
    trace: Trace, lanes: int, steps: int | None = None, bins: int = 10
) -> tuple[ColumnHistogram, ...]:
    """One histogram for each operand that a product reads, with at most `bins` bins, equally wide except for the last.

    `steps` None: all steps of the trace. BadInput for bins below 1, or if the trace has fewer sequences or steps.
    """
    if bins < 1:
        raise BadInput(f"bins must be at least 1, not {bins}")
    trace.check(lanes, trace.steps if steps is None else steps)
    return tuple(found for phase in trace.phases for found in _histograms(phase, lanes, steps, bins))


def _histograms(phase: Trace, lanes: int, steps: int | None, bins: int) -> Iterator[ColumnHistogram]:
    """The histograms of a phase, over at most `steps` of its steps."""
    few = phase.steps if steps is None else min(steps, phase.steps)
    read = {(mv.operand, mv.edge, mv.when): mv for mv in phase.graph.mat_vecs}
    return (_histogram(phase, mv, lanes, few, bins) for mv in read.values())


def _histogram(trace: Trace, mat_vec: MatVec, lanes: int, steps: int, bins: int) -> ColumnHistogram:
    listed = listed_columns(trace, mat_vec, lanes, steps)
    ran = listed[listed >= 0]
    width = -(-(mat_vec.cols + 1) // bins)
    edges = (*range(0, mat_vec.cols + 1, width), mat_vec.cols + 1)
    means = [float(group[group >= 0].mean()) if (group >= 0).any() else 0.0 for group in listed.T]
    return ColumnHistogram(
        operand=mat_vec.operand,
        edge=mat_vec.edge,
        columns=mat_vec.cols,
        lanes=lanes,
        groups=listed.shape[1],
        edges=edges,
        counts=tuple(np.histogram(ran, np.array(edges) - 0.5)[0].tolist()),
        mean_by_group=tuple(means),
        least=int(ran.min(initial=mat_vec.cols)) if len(ran) else 0,
        mean=float(ran.mean()) if len(ran) else 0.0,
        most=int(ran.max(initial=0)),
    )


def _finite(value: float) -> float | None:
    return None if isinf(value) else value
