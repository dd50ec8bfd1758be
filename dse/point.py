"""What a search passes around: the choice of a model, what was measured on it, and a whole evaluated point."""

from dataclasses import dataclass, replace
from pathlib import Path

from archsim.costs import End, EnergyReport
from archsim.design import Design
from archsim.report import SimReport
from archsim.scenario import Streaming
from archsim.trace import Trace


@dataclass(frozen=True)
class PtqBits:
    """Post-training quantization: widths that a trained model is brought to."""

    weights: int
    activations: int
    cell: int | None = None
    """None: as many as activations."""

    def __str__(self) -> str:
        return f"w{self.weights}a{self.activations}{'' if self.cell is None else f'c{self.cell}'}"


@dataclass(frozen=True)
class ModelChoice:
    """A model by name (or path), in integers of `ptq` or as it is, and the state threshold it runs with."""

    name: str
    threshold: float | None = None
    """None: the threshold it was trained with."""
    ptq: PtqBits | None = None

    @property
    def network(self) -> str:
        """The name (or path) with the bits it was quantized to: what runs, whatever its threshold."""
        if self.ptq is None:
            return self.name
        path = Path(self.name)
        return str(path.with_name(f"{path.stem}-{self.ptq}{path.suffix}"))

    @property
    def label(self) -> str:
        return self._labelled(self.network)

    @property
    def title(self) -> str:
        """The label without the folder and the ending of a file, for tables."""
        return self._labelled(Path(self.network).name.removesuffix(".safetensors"))

    def _labelled(self, network: str) -> str:
        return network if self.threshold is None else f"{network}@{self.threshold:g}"


@dataclass(frozen=True, eq=False)
class Measured:
    """The model side of a point: everything that no hardware parameter can change."""

    choice: ModelChoice
    identity: str
    """Digest of the model's content, the threshold and the task: what the cache is keyed by."""
    threshold: float
    weight_format: str
    weight_bytes: int
    state_sparsity: float
    """Share of zeros among the recurrent operands of the trace, per sequence, 0 to 1."""
    validation_loss: float
    trace: Trace


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One point of the space, both sides: what objectives and facts are taken of."""

    design: Design
    measured: Measured
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
        bits_per_step = self.report.ledger.get("dram", "read_bits") / self.report.steps
        return bits_per_step / min(self.stream.period_us, self.stream.deadline_us) / 1000
