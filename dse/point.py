"""What a search passes around: the choice of a model, what was measured on it, and a whole evaluated point."""

from dataclasses import dataclass

from archsim.design import Design
from archsim.report import SimReport
from archsim.trace import Trace


@dataclass(frozen=True, order=True)
class ModelChoice:
    """A model by name (or path) and the state threshold it runs with; None: the threshold it was trained with."""

    name: str
    threshold: float | None = None

    @property
    def label(self) -> str:
        return self.name if self.threshold is None else f"{self.name}@{self.threshold:g}"


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
    """One point of the space, both sides: what objectives are taken of."""

    design: Design
    measured: Measured
    report: SimReport
