"""What a cell is given to step in integers, and to say how large its numbers get. Only ranges are floats.

A value is written ``name[f]`` where it has f bits behind the point; ``>> n`` rounds half up (`numbers.Shift`).
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from archsim.frozen import Frozen
from workloads.numbers import Ints, Number

Codes = tuple[NDArray[Any], ...]
"""The state as integers, h first."""
Doubles = NDArray[np.float64]


class LayerNumbers(Frozen):
    """Fixed-point numbers of a layer; None where it has no such thing."""

    input: Number | None = Field(default=None, description="x; None: one-hot")
    state: Number = Field(description="h, and r h of gru-classic")
    cell: Number | None = Field(default=None, description="c of an LSTM")
    reset: Number | None = Field(default=None, description="W_n h + b_n of `gru`, which its reset gate multiplies")
    bias: Number
    recurrent_bias: Number | None = Field(default=None, description="b_n of `gru`")

    @property
    def states(self) -> tuple[Number, ...]:
        """The numbers of what is carried along, h first."""
        return (self.state,) if self.cell is None else (self.state, self.cell)


@dataclass(frozen=True, eq=False)
class Fractions:
    """Bits behind the point of gates, of what enters tanh, and of each row's accumulators."""

    gate: int
    tanh: int | None
    """None where no layer of the model has a tanh."""
    accumulator: Ints  # (R,) of what the input product is added to
    reset: Ints  # (H,) of what W_n h is added to, where that is an accumulator of its own


class IntegerParts(Protocol):
    """What a cell steps with in integers."""

    def product(self, stage: int, start: Ints, operand: NDArray[Any]) -> Ints:
        """Accumulators ``(B, rows)`` after the recurrent product number `stage`."""
        ...

    def gate(self, name: str, accumulators: Ints) -> Ints:
        """Value of a gate ``(B, H)``."""
        ...

    def clip(self, what: Literal["cell", "reset", "accumulator"], codes: Ints) -> Ints:
        """`codes` within the layer's number called `what`: cell, reset or accumulator."""
        ...

    def new_h(self, value: Ints) -> Ints:
        """h of a value at the precision it is made with: pruned by comparison, shifted, clipped."""
        ...

    def tanh(self, argument: Ints) -> Ints:
        """tanh of an argument that need not fit its number yet."""
        ...

    @property
    def recurrent_bias(self) -> Ints: ...


IntegerResults = tuple[Codes, tuple[Ints, ...]]
"""New state, h first, and the cell's other results."""


class IntegerStep(Protocol):
    """A cell's step in integers, its shifts worked out for one layer."""

    @property
    def h_fraction(self) -> Ints | int:
        """Bits behind the point of the value that h is made of."""
        ...

    def __call__(self, parts: IntegerParts, start: Ints, state: Codes) -> IntegerResults:
        """From accumulators ``(B, R)`` that hold bias and input product."""
        ...


@dataclass(frozen=True)
class EffectiveWeights:
    """Real weights of a layer: codes times scales, in double precision."""

    recurrent: Doubles  # (R, H)
    inputs: Doubles  # (R, I)
    bias: Doubles  # (R,)
    recurrent_bias: Doubles  # (H,)
    initial: Doubles  # (states, H)


def sigmoid(x: Doubles) -> Doubles:
    """``1 / (1 + exp(-x))`` without overflow."""
    return 0.5 * (1 + np.tanh(x / 2))
