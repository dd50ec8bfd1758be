"""What a network is, beside its numbers: its input, its layers, its readout."""

from typing import Annotated, Any, Literal, Self

from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from archsim.errors import BadInput
from archsim.trace.graph import Frozen, When
from workloads import cells, formats, tasks
from workloads.state_pruning import Pruning

VERSION = 2
"""The version of the files that models are stored in."""
NO_TASK = "has no task, so its accuracy is not known, nor what to run it on (your own: archsim trace record --inputs)"

Inputs = NDArray[Any]
"""Symbols ``(T, B)`` of any unsigned type, or vectors ``(T, B, I)``."""

CellName = Annotated[str, AfterValidator(lambda name: cells.by_name(name).name)]
FormatName = Annotated[str, AfterValidator(lambda name: formats.by_name(name).name)]


class OneHot(Frozen):
    """The first layer reads a symbol as one column of its input weights."""

    kind: Literal["one_hot"] = "one_hot"
    symbols: int = Field(ge=1, le=65536)

    @property
    def width(self) -> int:
        """Elements that the first layer sees."""
        return self.symbols


class Embedding(Frozen):
    """The first layer reads a symbol's row of a table."""

    kind: Literal["embedding"] = "embedding"
    symbols: int = Field(ge=1, le=65536)
    size: int = Field(ge=1)
    weight_format: FormatName

    @property
    def width(self) -> int:
        return self.size


class Vector(Frozen):
    """The first layer reads real numbers."""

    kind: Literal["vector"] = "vector"
    size: int = Field(ge=1)

    @property
    def width(self) -> int:
        return self.size

    @property
    def symbols(self) -> None:
        return None


class LayerConfig(Frozen):
    """A recurrent layer, beside its numbers."""

    cell: CellName
    hidden: int = Field(ge=1)
    weight_format: FormatName = Field(description="of W_h")
    input_weight_format: FormatName = Field(description="of W_x")
    norm: Literal["none", "layer"] = Field(
        default="none", description="what is left to do at run time: batch and weight norm are folded"
    )
    state_bits: int | None = Field(default=None, ge=2, le=16, description="fixed point of h; None: float")
    state_integer_bits: int = Field(default=0, ge=0, le=15, description="m of Qm.n")
    threshold: float = Field(default=0.0, ge=0.0, allow_inf_nan=False, description="|h| below it is zero")
    input_bits: int | None = Field(default=None, ge=2, le=16, description="fixed point of a vector that enters")
    input_integer_bits: int = Field(default=0, ge=0, le=15)
    input_threshold: float = Field(default=0.0, ge=0.0, allow_inf_nan=False, description="|x| below it is zero")

    @model_validator(mode="after")
    def _fixed_points(self) -> Self:
        for what, bits, integer in (
            ("state", self.state_bits, self.state_integer_bits),
            ("input", self.input_bits, self.input_integer_bits),
        ):
            if integer >= (bits or 1):
                raise ValueError(f"{what}_integer_bits must be below {what}_bits = {bits}, not {integer}")
        return self

    @property
    def pruning(self) -> Pruning:
        return Pruning(self.threshold, self.state_bits, self.state_integer_bits)

    @property
    def input_pruning(self) -> Pruning:
        return Pruning(self.input_threshold, self.input_bits, self.input_integer_bits)


class Readout(Frozen):
    """Logits from the last layer's h."""

    outputs: int = Field(ge=1)
    weight_format: FormatName
    when: When = "every_step"


class Config(Frozen):
    """What a model is, beside its numbers."""

    version: int = VERSION
    name: str = Field(min_length=1)
    task: Annotated[str, AfterValidator(lambda name: tasks.by_name(name).name)] | None = None
    input: Annotated[OneHot | Embedding | Vector, Field(discriminator="kind")]
    layers: tuple[LayerConfig, ...] = Field(min_length=1)
    readout: Readout | None = None

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.input.kind == "one_hot" and self.layers[0].input_pruning.changes:
            raise ValueError("layers.0: a one-hot input is neither rounded nor pruned")
        if self.task is None:
            return self
        task = tasks.by_name(self.task)
        if self.readout is None:
            raise ValueError(f"readout: is missing, and {self.task} needs one")
        given = {
            "symbols": self.input.symbols,
            "features": self.input.width if self.input.kind == "vector" else None,
            "outputs": self.readout.outputs,
            "readout": self.readout.when,
        }
        for what, value in given.items():
            expected = getattr(task, what)
            if value != expected:
                raise ValueError(f"{what} must be {expected}, as in {self.task}, not {value}")
        return self

    @property
    def has_cell_state(self) -> bool:
        """Whether a layer carries a c beside its h."""
        return any("c" in cells.by_name(layer.cell).states for layer in self.layers)

    def suffix(self, layer: int) -> str:
        """What names of layer `layer` end with: nothing where there is one layer."""
        return "" if len(self.layers) == 1 else f"_{layer + 1}"

    def input_operand(self, layer: int) -> str:
        """Name of the vector that enters a layer: ``x``, or the h below where nothing is done to it on the way."""
        if layer == 0:
            return "x"
        if self.layers[layer].input_pruning.changes:
            return f"x{self.suffix(layer)}"
        return f"h{self.suffix(layer - 1)}"

    def check_inputs(self, inputs: Inputs) -> None:
        """BadInput where a network of this kind cannot read `inputs`."""
        if self.input.symbols is None:
            size = self.input.width
            if inputs.ndim != 3 or inputs.shape[2] != size:
                raise BadInput(f"model {self.name}: inputs must be (steps, sequences, {size}), not {inputs.shape}")
        elif inputs.ndim != 2 or inputs.dtype.kind not in "ui":
            given = f"{inputs.dtype} {inputs.shape}"
            raise BadInput(f"model {self.name}: inputs must be symbols (steps, sequences), not {given}")
        elif inputs.size and not 0 <= int(inputs.min()) <= int(inputs.max()) < self.input.symbols:
            raise BadInput(f"model {self.name}: symbols must be below {self.input.symbols}")
