"""The report of one simulation, from which `archsim.record` makes plain values to print or to save."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.analysis.load import Load, load
from archsim.costs import AreaReport, CostTable, EnergyReport
from archsim.design import Design
from archsim.ledger import Ledger
from archsim.timing import Macs


@dataclass(frozen=True)
class DenseRuns:
    """The same run with skipping switched off: the baseline of every speed-up."""

    cycles_same_lanes: int
    cycles_per_token_best: float
    """The lower of two runs' cycles per token: on the run's lanes, and on all lanes that the trace can fill."""
    macs_streamed: int
    """MACs issued when no column is skipped."""


class RunTimes:
    """The times of a run, and what follows from them; of many runs at once where its numbers are arrays."""

    design: Design
    steps: int
    tokens: int
    cycles: int
    ledger: Ledger

    @property
    def seconds(self) -> float:
        return self.cycles / (self.design.clock_mhz * 1e6)

    @property
    def cycles_per_step(self) -> float:
        return self.cycles / self.steps

    @property
    def latency_us_per_step(self) -> float:
        return self.seconds * 1e6 / self.steps

    @property
    def time_us_per_token(self) -> float:
        return self.seconds * 1e6 / self.tokens

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds

    @property
    def dram_gbps(self) -> float:
        """Mean DRAM bandwidth in use, 10^9 bits per second."""
        bits = self.ledger.get(catalogue.READ_BITS) + self.ledger.get(catalogue.WRITE_BITS)
        return bits / self.seconds * 1e-9


@dataclass(frozen=True)
class SimReport(RunTimes):
    """The results of one design running one trace. Energy is per token: a step of 8 lanes makes 8 tokens."""

    design: Design
    workload: str
    synthetic: bool
    engine: str
    scope: str
    lanes: int
    steps: int
    tokens: int
    cycles: int
    busy_cycles: int
    stalls: dict[str, int]
    macs: Macs
    ledger: Ledger
    energy: EnergyReport
    area: AreaReport
    resident_bits: int
    """Bits of the model that lie in on-chip SRAM (see `load`); the rest is streamed from DRAM in each step."""
    model_bits: int
    reused_steps: int
    """Steps that engine `burst` did not simulate, since an earlier step had the same columns and start times."""
    left_out: tuple[str, ...]
    dense: DenseRuns | None
    """None if speed-ups were not requested, as in a search (``simulate_many``)."""
    costs: CostTable
    step_ends: NDArray[np.int64] = field(compare=False, repr=False)
    """Cycle at which the state of each step is known, one phase after the other, ``(steps of all phases,)``."""

    @property
    def resident(self) -> bool:
        """Whether the whole model lies in on-chip SRAM."""
        return self.resident_bits == self.model_bits

    @cached_property
    def load(self) -> Load | None:
        """The cost of filling the SRAM once, before the first step, which no other figure includes.

        None if nothing is resident.
        """
        return load(self.design, self.resident_bits, self.costs)

    @property
    def gops(self) -> float:
        """Achieved throughput: operations that were issued (a MAC is two), 10^9 per second."""
        return 2e-9 * self.macs.issued / self.seconds

    @property
    def gops_effective(self) -> float:
        """Dense-equivalent throughput: operations that the model would take without skipping, 10^9 per second."""
        return 2e-9 * self.macs.dense / self.seconds

    @property
    def against(self) -> DenseRuns:
        """The dense runs that speed-ups are relative to. ValueError if the run was made without them."""
        if self.dense is None:
            raise ValueError(f"the run of {self.workload} on {self.design.name} was made without dense runs")
        return self.dense

    @property
    def speedup_same_lanes(self) -> float:
        return self.against.cycles_same_lanes / self.cycles

    @property
    def speedup_best_dense(self) -> float:
        return self.against.cycles_per_token_best * self.tokens / self.cycles

    @property
    def skipped(self) -> float:
        """The share of MACs that skipping spares, of those that a run in which no column is skipped issues."""
        return 1 - self.macs.issued / self.against.macs_streamed

    @property
    def speedup_ideal(self) -> float:
        """The speed-up that skipping would give if time were proportional to issued MACs."""
        return self.against.macs_streamed / self.macs.issued if self.macs.issued else float("inf")

    @property
    def figures(self) -> dict[str, Any]:
        """The figures of the run by name, each with its unit in its name; figures a system has include DRAM."""
        return {
            "design": self.design.name,
            "workload": self.workload,
            "engine": self.engine,
            "lanes": self.lanes,
            "steps": self.steps,
            "cycles": self.cycles,
            "busy_cycles": self.busy_cycles,
            "latency_us_per_step": self.latency_us_per_step,
            "tokens_per_second": self.tokens_per_second,
            "gops": self.gops,
            "gops_effective": self.gops_effective,
            "energy_chip_pj_per_token": self.energy.total_chip,
            "energy_system_pj_per_token": self.energy.total_system,
            "power_chip_mw": self.energy.power_chip_mw,
            "power_system_mw": self.energy.power_system_mw,
            "area_mm2": self.area.total_chip,
            "dram_gbps": self.dram_gbps,
        }

    def to_frame(self) -> Any:
        """`figures` as a pandas DataFrame of one row, so that those of several runs can be put below each other."""
        import pandas  # only here: it takes longer to load than most runs

        return pandas.DataFrame([self.figures])

    def plot(self) -> Any:
        """A Plotly figure of what every cycle of the PE array was: busy, or stalled for one of the causes."""
        import plotly.graph_objects as go

        cycles = {"busy": self.busy_cycles, **{str(cause): count for cause, count in self.stalls.items()}}
        figure = go.Figure(go.Bar(x=list(cycles), y=list(cycles.values())))
        title = f"{self.design.name} on {self.workload}: {self.cycles:,} cycles"
        return figure.update_layout(title=title, yaxis_title="cycles of the PE array")

    def _repr_html_(self) -> str:
        return str(self.to_frame().T.to_html(header=False))
