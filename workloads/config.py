"""What a network is, beside its numbers: its input, its layers, its readout."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from archsim.errors import BadInput
from archsim.frozen import Frozen
from archsim.trace.graph import When
from workloads import cells, formats, tasks
from workloads.state_pruning import Pruned, Pruning
from workloads.stated import LATER, Stated

VERSION = 2
"""The version of the files that models are stored in."""

Inputs = NDArray[Any]
"""Symbols ``(T, B)`` of any unsigned type, or vectors ``(T, B, I)``."""

CellName = Annotated[str, AfterValidator(lambda name: cells.by_name(name).name)]
FormatName = Annotated[str, AfterValidator(lambda name: formats.by_name(name).name)]
DenseActivation = Literal["none", "relu", "tanh", "sigmoid"]
Pooling = Literal["mean", "max"]


class OneHot(Frozen):
    """The first layer reads a symbol as one column of its input weights."""

    kind: Literal["one_hot"] = "one_hot"
    symbols: int = Field(ge=1, le=65536)

    @property
    def width(self) -> int:
        """Elements that the first layer sees."""
        return self.symbols

    @property
    def features(self) -> None:
        """Elements of a vector that enters; None: a symbol enters."""
        return None


class Embedding(Frozen):
    """The first layer reads a symbol's row of a table."""

    kind: Literal["embedding"] = "embedding"
    symbols: int = Field(ge=1, le=65536)
    size: int = Field(ge=1)
    weight_format: FormatName

    @property
    def width(self) -> int:
        return self.size

    @property
    def features(self) -> None:
        return None


class Vector(Frozen):
    """The first layer reads real numbers."""

    kind: Literal["vector"] = "vector"
    size: int = Field(ge=1)

    @property
    def width(self) -> int:
        return self.size

    @property
    def features(self) -> int:
        return self.size

    @property
    def symbols(self) -> None:
        return None


class Dense(Frozen):
    """The first layer reads ``activation(W v + b)`` of real numbers v."""

    kind: Literal["dense"] = "dense"
    features: int = Field(ge=1, description="elements of v")
    width: int = Field(ge=1, description="elements that the first layer sees")
    weight_format: FormatName
    activation: DenseActivation = "none"
    input_bits: int | None = Field(default=None, ge=2, le=16, description="fixed point of v; None: float")
    input_integer_bits: int = Field(default=0, ge=0, le=15)

    @model_validator(mode="after")
    def _fixed_point(self) -> Self:
        _check_integer_bits("input_", self.input_bits, self.input_integer_bits)
        return self

    @property
    def symbols(self) -> None:
        return None

    @property
    def pruning(self) -> Pruning:
        """How v is rounded."""
        return Pruning(0.0, self.input_bits, self.input_integer_bits)


def _check_integer_bits(what: str, bits: int | None, integer: int) -> None:
    if integer >= (bits or 1):
        raise ValueError(f"{what}integer_bits must be below {what}bits = {bits}, not {integer}")


class LayerConfig(Stated):
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
    reverse: Annotated[bool, LATER] = Field(default=False, description="reads a sequence from its last step on")
    beside: Annotated[bool, LATER] = Field(
        default=False, description="reads what the layer before it reads; what lies above reads the h of both"
    )
    projection: Annotated[int | None, LATER] = Field(
        default=None, ge=1, description="P: h is a product of what the cell makes, its weights in the format of W_h"
    )
    pruned: Annotated[Pruned, LATER] = Field(
        default="all", description="which consumers read h pruned: all; or the recurrence alone, the others a dense h"
    )
    unpruned: Annotated[int, LATER] = Field(default=0, ge=0, description="the first elements of h, never pruned")

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.beside and not self.reverse:
            raise ValueError("beside must be that of a layer that reads in reverse, beside one that reads forwards")
        if self.projection is not None and not cells.by_name(self.cell).projects:
            able = ", ".join(cell.name for cell in cells.every() if cell.projects)
            raise ValueError(f"projection must be none in cell {self.cell}: only {able} can have one")
        if self.unpruned > self.outputs:
            raise ValueError(f"unpruned must be at most {self.outputs}, the elements of h, not {self.unpruned}")
        _check_integer_bits("state_", self.state_bits, self.state_integer_bits)
        _check_integer_bits("input_", self.input_bits, self.input_integer_bits)
        return self

    @property
    def outputs(self) -> int:
        """P, elements of h."""
        return self.projection or self.hidden

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """Elements of what is carried from step to step, h first."""
        return (self.outputs, *(self.hidden for _ in cells.by_name(self.cell).states[1:]))

    @property
    def results(self) -> tuple[str, ...]:
        """Operands of H elements that are computed within a step, beside h; ``m`` is what a projection multiplies."""
        return (*cells.by_name(self.cell).results, *(() if self.projection is None else ("m",)))

    @property
    def state_number(self) -> tuple[int | None, int]:
        """Bits of h, and how many of them are integer bits."""
        return self.state_bits, self.state_integer_bits

    @property
    def splits(self) -> bool:
        """Whether the recurrence reads another h than what lies above."""
        return self.pruned == "recurrence" and self.threshold > 0

    @property
    def pruning(self) -> Pruning:
        """What becomes of h before it is stored."""
        threshold = 0.0 if self.splits else self.threshold
        return Pruning(threshold, self.state_bits, self.state_integer_bits, self.unpruned)

    @property
    def recurrence(self) -> Pruning:
        """What becomes of the stored h before recurrent products read it."""
        return Pruning(self.threshold if self.splits else 0.0, unpruned=self.unpruned)

    @property
    def input_pruning(self) -> Pruning:
        return Pruning(self.input_threshold, self.input_bits, self.input_integer_bits)


def _shown(number: tuple[int | None, int]) -> str:
    bits, integer = number
    return "floating point" if bits is None else f"{bits} bits, {integer} of them integer bits"


class HeadLayer(Frozen):
    """A dense layer between the last h and the readout: ``activation(W v + b)``."""

    outputs: int = Field(ge=1)
    weight_format: FormatName
    activation: DenseActivation = "none"
    bits: int | None = Field(default=None, ge=2, le=16, description="fixed point of its results; None: float")
    integer_bits: int = Field(default=0, ge=0, le=15)

    @model_validator(mode="after")
    def _fixed_point(self) -> Self:
        _check_integer_bits("", self.bits, self.integer_bits)
        return self

    @property
    def pruning(self) -> Pruning:
        """How its results are rounded."""
        return Pruning(0.0, self.bits, self.integer_bits)


class Readout(Stated):
    """Logits from the last layer's h, of a bidirectional one both, side by side."""

    outputs: int = Field(ge=1)
    weight_format: FormatName
    when: When = "every_step"
    head: Annotated[tuple[HeadLayer, ...], LATER] = Field(default=(), description="dense layers below it")
    pooling: Annotated[Pooling | None, LATER] = Field(default=None, description="of h over a sequence, below head")
    at_last_position: Annotated[bool, LATER] = Field(
        default=False, description="reads a reverse layer's h at the last position, its first step; else after its last"
    )

    @model_validator(mode="after")
    def _once_a_sequence(self) -> Self:
        for what in ("pooling", "at_last_position"):
            if getattr(self, what) and self.when != "last_step":
                raise ValueError(f"{what} needs when = 'last_step', not {self.when!r}: it reads one vector a sequence")
        if self.pooling and self.at_last_position:
            raise ValueError("at_last_position and pooling exclude each other: pooling reads every position")
        return self


class Config(Stated):
    """What a model is, beside its numbers."""

    version: int = VERSION
    name: str = Field(min_length=1)
    task: Annotated[str, AfterValidator(tasks.known_as)] | None = None
    normalisation: Annotated[tasks.Normalisation | None, LATER] = Field(
        default=None, description="of the vectors it was trained on, before they enter"
    )
    input: Annotated[OneHot | Embedding | Vector | Dense, Field(discriminator="kind")]
    layers: tuple[LayerConfig, ...] = Field(min_length=1)
    readout: Readout | None = None

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.normalisation is not None and self.input.features != len(self.normalisation.offset):
            raise ValueError(f"normalisation is of {len(self.normalisation.offset)} features, which do not enter")
        if self.task is not None and not tasks.is_file(self.task):  # a file may be gone: it is asked when it is needed
            for misfit in self.misfits(tasks.by_name(self.task)):
                raise ValueError(misfit)
        return self

    def misfits(self, task: tasks.Task[Any]) -> Iterator[str]:
        """Rules that a network for `task` must obey and this one breaks."""
        if self.readout is None:
            yield f"readout: is missing, and {task.name} needs one"
            return
        own, asked = (self.input.symbols, self.input.features), (task.symbols, task.features)
        of_one_kind = (own[0] is None) == (asked[0] is None)
        entering = (("symbols", own[0], asked[0]), ("features", own[1], asked[1]))
        given = (
            *(entering if of_one_kind else (("inputs", _entering(*own), _entering(*asked)),)),
            ("outputs", self.readout.outputs, task.outputs),
            ("readout", self.readout.when, task.readout),
        )
        yield from (
            f"{what} must be {expected}, as in {task.name}, not {value}"
            for what, value, expected in given
            if value != expected
        )
        if task.predicts == "symbols" and self.reversed_layer is not None:
            yield (
                f"layers.{self.reversed_layer} reads a sequence from its last step on, and so what {task.name} asks it"
                " to predict: all layers must read forwards"
            )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        before: LayerConfig | None = None
        for k, layer in enumerate(self.layers):
            if layer.beside and (before is None or before.reverse):
                raise ValueError(f"layers.{k}: beside must follow a layer that reads forwards")
            if layer.beside and before is not None and layer.state_number != before.state_number:
                expected, given = _shown(before.state_number), _shown(layer.state_number)
                raise ValueError(
                    f"layers.{k}: h must have {expected}, as the layer beside it, not {given}:"
                    " both are read as one vector"
                )
            if self.is_one_hot(k) and layer.input_pruning.changes:
                raise ValueError(f"layers.{k}: a one-hot input is neither rounded nor pruned")
            before = layer
        if self.readout and self.readout.at_last_position and not self._reverse(self.levels[-1]):
            raise ValueError("readout: at_last_position needs a last layer that reads in reverse")
        return self

    @property
    def has_cell_state(self) -> bool:
        """Whether a layer carries a c beside its h."""
        return any("c" in cells.by_name(layer.cell).states for layer in self.layers)

    @property
    def levels(self) -> tuple[tuple[int, ...], ...]:
        """Layers from the input up, those side by side together: what lies above a level reads the h of all of it."""
        levels: list[tuple[int, ...]] = []
        for k, layer in enumerate(self.layers):
            if layer.beside:
                levels[-1] = (*levels[-1], k)
            else:
                levels.append((k,))
        return tuple(levels)

    @property
    def reversed_layer(self) -> int | None:
        """The first layer that reads in reverse, so that no state can be carried from one piece of a text on."""
        return next((k for k, layer in enumerate(self.layers) if layer.reverse), None)

    @property
    def title(self) -> str:
        """What it is made of, from the input up, in a line."""
        read = self.readout
        above = ["no readout"] if read is None else [f"readout of {read.outputs}"]
        if read is not None:
            head = [f"dense {layer.outputs} ({layer.activation})" for layer in read.head]
            above = [*([f"{read.pooling} pooling"] if read.pooling else []), *head, *above]
        return ", ".join([f"{self.input.kind} of {self.input.width}", *map(self._level_title, self.levels), *above])

    def _level_title(self, level: tuple[int, ...]) -> str:
        layer = self.layers[level[0]]
        projected = "" if layer.projection is None else f" to {layer.projection}"
        direction = " in both directions" if len(level) > 1 else " in reverse" if layer.reverse else ""
        return f"{layer.cell} {layer.hidden}{projected}{direction}"

    @property
    def needs_whole_sequences(self) -> bool:
        """Whether something reads a sequence from its end, or is computed once for all of it."""
        return self.reversed_layer is not None or self.readout_apart == "one"

    def beyond_integers(self) -> Iterator[tuple[str, str]]:
        """What integers do not compute: where, and what it is.

        They have stacked layers, of one direction or both, a readout that may pool, and dense layers with ReLU.
        """
        if self.input.kind == "dense" and self.input.activation in ("tanh", "sigmoid"):
            yield "input", f"{self.input.activation} of a dense layer"
        for k, layer in enumerate(self.layers):
            if layer.projection is not None:
                yield f"layers.{k}", "h is projected"
            if (what := cells.by_name(layer.cell).beyond_integers) is not None:
                yield f"layers.{k}", what
            if layer.splits:
                yield f"layers.{k}", "h is pruned for its recurrence alone"
            if layer.threshold and layer.unpruned:
                yield f"layers.{k}", "some elements of h are never pruned"
        for k, each in enumerate(() if self.readout is None else self.readout.head):
            if each.activation in ("tanh", "sigmoid"):
                yield f"readout.head.{k}", f"{each.activation} of a dense layer"

    def level_of(self, layer: int) -> int:
        return next(i for i, level in enumerate(self.levels) if layer in level)

    def level_outputs(self, level: int) -> int:
        """Elements that what lies above a level reads."""
        return sum(self.layers[k].outputs for k in self.levels[level])

    def input_width(self, layer: int) -> int:
        """Elements that enter a layer."""
        level = self.level_of(layer)
        return self.level_outputs(level - 1) if level else self.input.width

    def rounding_of_input(self, layer: int) -> Pruning:
        """How what enters a layer is rounded: by the layer, or as the h below is."""
        own, level = self.layers[layer].input_pruning, self.level_of(layer)
        return own if own.bits is not None or not level else self.layers[self.levels[level - 1][0]].pruning

    def is_one_hot(self, layer: int) -> bool:
        """Whether a layer reads symbols as columns of its input weights."""
        return self.input.kind == "one_hot" and not self.level_of(layer)

    def waits(self, level: int) -> bool:
        """Whether a level begins once the whole of a sequence is there below: where it or what lies below is reversed.

        Level 0 has a phase of its own where it is reversed and its input is computed.
        """
        if not level:
            return self.input.kind in ("embedding", "dense") and self._reverse(self.levels[0])
        return self._reverse(self.levels[level]) or self._reverse(self.levels[level - 1])

    @property
    def readout_apart(self) -> Literal["all", "one"] | None:
        """The steps of a readout that is a phase of its own; None: it is part of the last level's step.

        It is one where it is more than a product, or reads both directions by position.
        """
        read = self.readout
        if read is None:
            return None
        if not read.head and not read.pooling:
            by_position = read.when == "every_step" or read.at_last_position
            if not (by_position and self._reverse(self.levels[-1])):
                return None
        return "all" if read.when == "every_step" else "one"

    def _reverse(self, level: tuple[int, ...]) -> bool:
        return any(self.layers[k].reverse for k in level)

    def suffix(self, layer: int) -> str:
        """What names of layer `layer` end with: nothing where there is one layer."""
        return "" if len(self.layers) == 1 else f"_{layer + 1}"

    def input_operand(self, layer: int) -> str:
        """Name of the vector that enters a layer: ``x``, or the h below where both layers read it alike.

        What a layer in reverse reads has a name of its own, since its steps are other positions: ``x_reverse``.
        """
        level = self.level_of(layer)
        first = self.levels[level][0]
        if level and not self.waits(level):
            below = self.levels[level - 1][0]
            if not (self.layers[below].splits or self.layers[layer].input_pruning.changes):
                return f"h{self.suffix(below)}"
        return f"x{self.suffix(first) if level else ''}{'_reverse' if self.layers[layer].reverse else ''}"

    def readout_operand(self, layer: int) -> str:
        """Name of the h of a layer as a readout within its step reads it: ``y`` where its recurrence reads another."""
        return f"{'y' if self.layers[layer].splits else 'h'}{self.suffix(layer)}"

    def check_inputs(self, inputs: Inputs) -> None:
        """BadInput where a network of this kind cannot read `inputs`."""
        if self.input.symbols is None:
            size = self.input.features
            if inputs.ndim != 3 or inputs.shape[2] != size:
                raise BadInput(f"model {self.name}: inputs must be (steps, sequences, {size}), not {inputs.shape}")
        elif inputs.ndim != 2 or inputs.dtype.kind not in "ui":
            given = f"{inputs.dtype} {inputs.shape}"
            raise BadInput(f"model {self.name}: inputs must be symbols (steps, sequences), not {given}")
        elif inputs.size and not 0 <= int(inputs.min()) <= int(inputs.max()) < self.input.symbols:
            raise BadInput(f"model {self.name}: symbols must be below {self.input.symbols}")


def _entering(symbols: int | None, features: int | None) -> str:
    """What enters a network, in words."""
    return f"vectors of {features}" if symbols is None else f"symbols, {symbols} of them"
