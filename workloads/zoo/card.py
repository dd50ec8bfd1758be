"""What is known of a checkpoint: data, recipe, and what was measured, as TOML beside it."""

import hashlib
from pathlib import Path
from typing import Annotated

import tomli_w
from pydantic import Field, ValidationError

from archsim.errors import BadInput, explain
from archsim.files import read_toml, whole_file
from archsim.frozen import Frozen
from workloads.tasks import Metric, Normalisation
from workloads.training.recipe import Recipe


class Data(Frozen):
    """The task, and how its data were split."""

    task: str
    title: str
    sha256: str
    symbols: int | None = Field(default=None, description="distinct input symbols; absent: inputs are vectors")
    features: int | None = Field(default=None, description="size of an input vector")
    outputs: int = Field(description="symbols to predict, or classes")
    split: str
    normalisation: Normalisation | None = Field(default=None, description="of input vectors, by the training split")


class Training(Frozen):
    """How the run went. The metric by PyTorch, in float32."""

    epochs_run: int
    best_epoch: int
    validation: float
    torch: str
    machine: str
    hours: float | None = None


class StateZeros(Frozen):
    """Zeros in the state of one layer, on the test split."""

    operand: str = Field(description="its name in a trace")
    threshold: float
    sparsity: float = Field(description="share of h that is zero")
    union_sparsity: dict[Annotated[int, Field(strict=False)], float] = Field(
        description="by lanes: share of columns zero in all of them"
    )


class CardMetrics(Frozen):
    """Figures by the numpy reference, on whole splits; texts in 64 streams unless stated (`workloads.evaluate`)."""

    metric: Metric
    validation: float
    test: float
    test_one_stream: float | None = Field(
        default=None, description="of a text: the state carried from the first symbol to the last"
    )
    sequences: int = Field(description="sequences of the test split that the zeros were counted in")
    states: tuple[StateZeros, ...] = Field(min_length=1, description="one a layer")

    @property
    def threshold(self) -> float:
        """The largest of the layers."""
        return max(state.threshold for state in self.states)

    @property
    def state_sparsity(self) -> float:
        """Over all layers, which have as many units each."""
        return sum(state.sparsity for state in self.states) / len(self.states)

    @property
    def union_sparsity(self) -> dict[int, float]:
        """The share by lanes, over all layers."""
        lanes = self.states[0].union_sparsity
        return {n: sum(state.union_sparsity[n] for state in self.states) / len(self.states) for n in lanes}


class Quantized(Frozen):
    """In integers alone, after training (`workloads.fixed_point`): the metric of whole splits, and memory saved."""

    weight_bits: int
    activation_bits: int
    cell_bits: int | None = Field(default=None, description="absent: there is no c")
    embedding_bits: int | None = Field(default=None, description="absent: there is no embedding")
    validation: float
    test: float
    memory_cut: float = Field(description="share of the float32 bytes of weights and of one sequence's states")

    @property
    def bits(self) -> str:
        """``weights/activations/cell/embedding``, without what there is none of."""
        widths = (self.weight_bits, self.activation_bits, self.cell_bits, self.embedding_bits)
        return "/".join(str(width) for width in widths if width is not None)


class StoredWeights(Frozen):
    """The file, and what of it is weights."""

    sha256: str
    bytes: int
    weight_bytes: int = Field(description="all that inference reads: packed weights, row scales and shifts, biases")
    gate_weight_bytes: int = Field(description="packed W_h and W_x alone: RBT's size of a model")


class Card(Frozen):
    """One checkpoint of the zoo. `published` is for orientation: another work's figure on the same text."""

    name: str
    published: str
    data: Data
    recipe: Recipe
    training: Training
    measured: CardMetrics
    file: StoredWeights
    quantized: tuple[Quantized, ...] = Field(default=(), description="by ``archsim ptq MODEL --record``")

    def with_quantized(self, quantized: Quantized) -> "Card":
        """This card and one more entry, in place of an earlier one of the same bits."""
        others = (q for q in self.quantized if q.bits != quantized.bits)
        entries = sorted(
            (*others, quantized),
            key=lambda q: (q.weight_bits, q.activation_bits, q.cell_bits or 0, q.embedding_bits or 0),
        )
        return self.model_copy(update={"quantized": tuple(entries)})

    def to_toml(self) -> str:
        nothing = set() if self.quantized else {"quantized"}
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True, exclude=nothing))

    def save(self, path: str | Path) -> None:
        """Write one file, whole or not at all."""
        with whole_file(path) as part:
            part.write_text(self.to_toml())

    @classmethod
    def load(cls, path: str | Path) -> "Card":
        """A validated card; BadInput names the file and the rule it breaks."""
        try:
            return cls.model_validate(read_toml(path))
        except FileNotFoundError:
            raise BadInput(f"{path}: no such card") from None
        except ValidationError as error:
            raise BadInput(f"{path}: {explain(error)}") from None


def file_sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
