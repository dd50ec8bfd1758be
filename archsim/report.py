"""SimReport: what one simulation says; `archsim.record` makes plain values of it, to print or to save."""

from dataclasses import dataclass, field
from functools import cached_property

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
    """The same run with skipping off: what a speed-up is over."""

    cycles_same_lanes: int
    cycles_per_token_best: float
    """The fewest, at the run's lanes or at all of the design's that the trace fills."""
    macs_streamed: int
    """MACs issued."""


@dataclass(frozen=True)
class SimReport:
    """One design running one trace. Energy is per token: a step of 8 lanes makes 8 tokens."""

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
    """What of the model lies in on-chip SRAM (see `load`); the rest streams from DRAM each step."""
    model_bits: int
    reused_steps: int
    """Steps that `burst` did not simulate again, since they met what an earlier one met."""
    left_out: tuple[str, ...]
    dense: DenseRuns | None
    """None where nobody asked for speed-ups, as in a search (``simulate_many``)."""
    costs: CostTable
    step_ends: NDArray[np.int64] = field(compare=False, repr=False)
    """Cycle at which the state of each step is known, ``(steps,)``."""

    @property
    def resident(self) -> bool:
        """The whole model lies in on-chip SRAM."""
        return self.resident_bits == self.model_bits

    @cached_property
    def load(self) -> Load | None:
        """Filling the SRAM once, before the first step: in no other figure. None where nothing is resident."""
        return load(self.design, self.resident_bits, self.costs)

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
    def gops(self) -> float:
        """Achieved: operations really issued (a MAC is two), 10^9 per second."""
        return 2e-9 * self.macs.issued / self.seconds

    @property
    def gops_effective(self) -> float:
        """Dense-equivalent: operations of the unpruned model, 10^9 per second."""
        return 2e-9 * self.macs.dense / self.seconds

    @property
    def against(self) -> DenseRuns:
        """What speed-ups are over; ValueError where the run was made without."""
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
        """Share of the streamed columns (of the issued MACs, which go with them) that is skipped."""
        return 1 - self.macs.issued / self.against.macs_streamed

    @property
    def speedup_ideal(self) -> float:
        """What skipping would gain if time went with issued MACs."""
        return self.against.macs_streamed / self.macs.issued if self.macs.issued else float("inf")

    @property
    def dram_gbps(self) -> float:
        """Mean DRAM bandwidth used, 10^9 bits per second."""
        return self.ledger.get(catalogue.READ_BITS) / self.seconds * 1e-9
