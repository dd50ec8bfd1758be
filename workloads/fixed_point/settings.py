"""How wide everything is, and the memory that takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import Field, ValidationError

from archsim.errors import BadInput, explain
from archsim.frozen import Frozen
from workloads import cells
from workloads.config import Config
from workloads.fixed_point.products import WIDEST_BITS
from workloads.formats import WeightFormat
from workloads.formats.fixed import Fixed

NARROWEST_BITS = 8
"""Of accumulators."""
SHIFT_BITS = 8
"""Storage of a weight's fraction: one a matrix, or one a row."""


class IntegerWidths(Frozen):
    """Widths in bits of everything in an integer model, and how it approximates curves."""

    weight_bits: int = Field(ge=2, le=16)
    activation_bits: int = Field(ge=2, le=16, description="h, r h and vectors that enter")
    cell_bits: int = Field(ge=2, le=16, description="c")
    embedding_bits: int = Field(ge=2, le=16, description="words of the embedding, which enter the first layer")
    gate_bits: int = Field(ge=2, le=16, description="results of sigmoid and tanh, never stored")
    preactivation_bits: int = Field(ge=3, le=16, description="arguments of sigmoid and tanh, never stored")
    bias_bits: int = Field(ge=2, le=16)
    accumulator_bits: int = Field(ge=NARROWEST_BITS, le=WIDEST_BITS)
    per_row: bool = Field(description="a power-of-two scale a row of weights, or one a matrix")
    activation: Literal["table", "segments"]
    table_bits: int = Field(ge=1, le=16, description="log2 of a table's words")
    split_bits: int = Field(ge=0, le=8, description="log2 of the segments of an octave")
    first_breakpoint: int = Field(ge=-16, le=8, description="log2 of the argument at the first breakpoint")

    @property
    def weight_format(self) -> WeightFormat:
        """The format of gates and readout."""
        return Fixed(self.weight_bits, self.per_row)

    @property
    def embedding_format(self) -> WeightFormat:
        """The embedding's format: one scale, since its rows are the first layer's inputs."""
        return Fixed(self.embedding_bits)


class Settings(Frozen):
    """What is asked for; what is None follows from the rest (`widths`)."""

    weight_bits: int = Field(default=8, ge=2, le=16)
    activation_bits: int = Field(default=8, ge=2, le=16)
    cell_bits: int | None = Field(default=None, ge=2, le=16, description="None: activation_bits")
    embedding_bits: int | None = Field(
        default=None, ge=2, le=16, description="None: the fewer of weight_bits and activation_bits"
    )
    gate_bits: int | None = Field(default=None, ge=2, le=16, description="None: activation_bits, at least 8")
    preactivation_bits: int | None = Field(default=None, ge=3, le=16, description="None: two more than gates")
    bias_bits: int | None = Field(default=None, ge=2, le=16, description="None: weight_bits, at least 8")
    accumulator_bits: int | None = Field(
        default=None,
        ge=NARROWEST_BITS,
        le=WIDEST_BITS,
        description="None: the fewest that are proved never to overflow",
    )
    per_row: bool = True
    weight_range: Literal["max", "mse"] = Field(
        default="mse", description="the scale that holds the largest weight, or the one of least squared error"
    )
    activation: Literal["table", "segments"] = "table"
    table_bits: int | None = Field(
        default=None, ge=1, le=16, description="None: a word for every argument, up to 1,024 words"
    )
    split_bits: int = Field(default=2, ge=0, le=8)
    first_breakpoint: int = Field(default=-1, ge=-16, le=8)

    @classmethod
    def of(cls, **given: Any) -> Self:
        """Settings; BadInput names what breaks a rule."""
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise BadInput(f"settings: {explain(error)}") from None

    def but(self, **changed: Any) -> Self:
        """The same but for what is `changed`."""
        return self.of(**(self.model_dump() | changed))

    @property
    def widths(self) -> IntegerWidths:
        gate_bits = self.gate_bits or max(self.activation_bits, 8)
        argument_bits = self.preactivation_bits or min(gate_bits + 2, 16)
        return IntegerWidths.model_validate(
            self.model_dump(exclude={"weight_range"})
            | {
                "accumulator_bits": self.accumulator_bits or WIDEST_BITS,  # until weights are known: `quantize`
                "cell_bits": self.cell_bits or self.activation_bits,
                "embedding_bits": self.embedding_bits or min(self.weight_bits, self.activation_bits),
                "gate_bits": gate_bits,
                "preactivation_bits": argument_bits,
                "bias_bits": self.bias_bits or max(self.weight_bits, 8),
                "table_bits": self.table_bits or min(argument_bits, 10),
            }
        )


@dataclass(frozen=True)
class MemoryBits:
    """Bits that a model takes to run one sequence."""

    weight_bits: int
    """W_h, W_x and readout."""
    embedding_bits: int
    bias_bits: int
    """Biases and initial states."""
    shift_bits: int
    """Fractions of weights."""
    table_bits: int
    """Coefficients of sigmoid and tanh."""
    activation_bits: int
    """h, c, r h, and vectors that enter, of one sequence."""
    float32_bits: int
    """The same numbers at 32 bits each, without shifts and tables, which float does not have."""

    @property
    def total_bits(self) -> int:
        return (
            self.weight_bits + self.embedding_bits + self.bias_bits + self.shift_bits + self.table_bits
            + self.activation_bits
        )  # fmt: skip

    @property
    def total_bytes(self) -> int:
        return -(-self.total_bits // 8)

    @property
    def float32_bytes(self) -> int:
        return self.float32_bits // 8

    @property
    def cut(self) -> float:
        """Share of the float32 memory that is saved."""
        return 1 - self.total_bits / self.float32_bits


def memory(config: Config, wide: IntegerWidths, table_bits: int, initial: Sequence[bool]) -> MemoryBits:
    """Memory of a network of the shapes of `config`, whatever its own formats.

    `table_bits` is the size of sigmoid's and tanh's coefficients; `initial` says which layers have an initial state of
    their own.
    """
    weights = embedding = biases = bias_bits = shifts = states = state_bits = 0
    if config.input.kind == "embedding":
        embedding = config.input.symbols * config.input.width
    if config.input.kind == "dense":
        weights, biases = config.input.features * config.input.width, config.input.width
        bias_bits, shifts = biases * wide.bias_bits, config.input.width if wide.per_row else 1
    if config.input.kind != "one_hot":
        width = config.input.width + (config.input.features if config.input.kind == "dense" else 0)
        states, state_bits = width, width * (wide.embedding_bits if embedding else wide.activation_bits)
    for k, (layer, started) in enumerate(zip(config.layers, initial, strict=True)):
        cell, hidden = cells.by_name(layer.cell), layer.hidden
        rows, carried = len(cell.gates) * hidden, len(cell.states) * hidden
        own = hidden * ((1 + len(cell.results)) * wide.activation_bits + (len(cell.states) - 1) * wide.cell_bits)
        weights += rows * (config.input_width(k) + hidden)
        shifts += 2 * (rows if wide.per_row else 1)
        biases += rows + hidden * cell.shifts_candidate
        bias_bits += (rows + hidden * cell.shifts_candidate) * wide.bias_bits
        if started:
            biases += carried
            bias_bits += hidden * (wide.activation_bits + (len(cell.states) - 1) * wide.cell_bits)
        states += carried + hidden * len(cell.results)
        state_bits += own
    if config.readout is not None:
        width, outputs = config.level_outputs(-1), [*(each.outputs for each in config.readout.head)]
        states += sum(outputs)
        state_bits += sum(outputs) * wide.activation_bits
        for rows in (*outputs, config.readout.outputs):
            weights += rows * width
            shifts += rows if wide.per_row else 1
            biases += rows
            bias_bits += rows * wide.bias_bits
            width = rows
    return MemoryBits(
        weight_bits=weights * wide.weight_bits,
        embedding_bits=embedding * wide.embedding_bits,
        bias_bits=bias_bits,
        shift_bits=shifts * SHIFT_BITS + (SHIFT_BITS if embedding else 0),
        table_bits=table_bits,
        activation_bits=state_bits,
        float32_bits=32 * (weights + embedding + biases + states),
    )
