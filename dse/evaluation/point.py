"""What was measured on a model, and a whole evaluated point."""

from dataclasses import dataclass, replace

from archsim import catalogue
from archsim.analysis.scenario import Streaming
from archsim.costs import End, EnergyReport
from archsim.costs.clock import reaches
from archsim.design import Design
from archsim.report import SimReport
from archsim.trace.trace import Trace
from dse.space.choice import ModelChoice


@dataclass(frozen=True, eq=False)
class MeasuredModel:
    """The model side of a point: everything that no hardware parameter can change."""

    choice: ModelChoice
    identity: str
    """Digest of the model's content, the threshold, and the task or inputs: what the cache is keyed by."""
    threshold: float
    weight_format: str
    weight_bytes: int
    state_sparsity: float
    """Share of zeros among the recurrent operands of the trace, per sequence, 0 to 1."""
    validation_loss: float | None
    """None: it was run on inputs, without a task."""
    trace: Trace


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One point of the space, both sides: what objectives and constraints are taken of."""

    design: Design
    measured: MeasuredModel
    report: SimReport
    """Steps back to back."""
    stream: Streaming | None = None
    """The same design on a stream, where that is the scenario."""

    def at(self, end: End) -> "Evaluation":
        """As if every cost lay at one end of its band."""
        report = replace(self.report, energy=self.report.energy.at(end), area=self.report.area.at(end))
        stream = None if self.stream is None else replace(self.stream, energy=self.stream.energy.at(end))
        return replace(self, report=report, stream=stream)

    @property
    def slowest_ns(self) -> float:
        """What the slowest part of the design takes as it is."""
        return max(reach.needed_ns for reach in reaches(self.design))

    @property
    def shortest_ns(self) -> float:
        """The shortest period that any number of pipeline stages and banks reaches."""
        return max(reach.shortest_ns for reach in reaches(self.design))

    @property
    def energy(self) -> EnergyReport:
        """Per token; of a stream with what its machine takes while it waits."""
        return self.report.energy if self.stream is None else self.stream.energy

    @property
    def energy_basis(self) -> str:
        return self.report.energy.basis if self.stream is None else self.stream.energy_basis

    @property
    def latency_us_per_step(self) -> float:
        """Mean; of a stream, from a step's input to its end."""
        if self.stream is None:
            return self.report.latency_us_per_step
        return self.stream.deadline_us - self.stream.slack_us.mean

    @property
    def tokens_per_second(self) -> float:
        return (
            self.report.tokens_per_second if self.stream is None else 1e6 * self.stream.tokens / self.stream.elapsed_us
        )

    @property
    def dram_gbps_needed(self) -> float:
        """What a step reads of DRAM, over the time it has: 10^9 bits per second."""
        if self.stream is None:
            return self.report.dram_gbps
        bits_per_step = self.report.ledger.get(catalogue.READ_BITS) / self.report.steps
        return bits_per_step / min(self.stream.period_us, self.stream.deadline_us) / 1000
