"""The choice of a model in a search: which one, at which state threshold, in which bits."""

from dataclasses import dataclass
from pathlib import Path


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
