"""One step of every cell in integers: products of codes, shifts, clips. Nothing here is a float.

A value is written ``name[f]`` where it has f bits behind the point; ``>> n`` rounds half up (`Shift`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from workloads.cells import Cell
from workloads.fixed_point.activations import Activation
from workloads.fixed_point.numbers import Aligned, Ints, Number, Shift

State = tuple[NDArray[Any], ...]


class LayerNumbers(BaseModel):
    """Fixed-point numbers of a layer; None where it has no such thing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Number | None = Field(default=None, description="x; None: one-hot")
    state: Number = Field(description="h, and r h of gru-classic")
    cell: Number | None = Field(default=None, description="c of an LSTM")
    reset: Number | None = Field(default=None, description="W_n h + b_n of `gru`, which its reset gate multiplies")
    bias: Number
    recurrent_bias: Number | None = Field(default=None, description="b_n of `gru`")

    @property
    def states(self) -> tuple[Number, ...]:
        """Of what is carried along, h first."""
        return (self.state,) if self.cell is None else (self.state, self.cell)


@dataclass(frozen=True)
class Squashing:
    """Both curves as integers see them; None where no layer needs it."""

    gate_bits: int
    sigmoid: Activation | None
    tanh: Activation | None

    @property
    def fraction(self) -> int:
        """Bits behind the point of a gate."""
        return self.gate_bits - 1

    def of(self, cell: Cell, gate: str) -> Activation | None:
        """Curve of a gate; None: the positive part."""
        return {"sigmoid": self.sigmoid, "tanh": self.tanh, None: None}[cell.curves[cell.gates.index(gate)]]


@dataclass(frozen=True, eq=False)
class Fractions:
    """Bits behind the point of gates, and of each row's accumulators."""

    gate: int
    accumulator: Ints  # (R,) of what the input product is added to
    reset: Ints  # (H,) of what W_n h is added to, where that is an accumulator of its own


class Parts(Protocol):
    """What a cell steps with."""

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


Stepped = tuple[State, tuple[Ints, ...]]
"""New state, h first, and the cell's other results."""


class Step(Protocol):
    """One kind of cell."""

    @property
    def h_fraction(self) -> Ints | int:
        """Bits behind the point of the value that h is made of."""
        ...

    def __call__(self, parts: Parts, start: Ints, state: State) -> Stepped:
        """From accumulators ``(B, R)`` that hold bias and input product."""
        ...


@dataclass(frozen=True)
class LSTM:
    """``c' = (f[g] c[k] + i[g] tanh(g)[g]) >> ..``, ``h' = prune(o[g] tanh(c')[g]) >> ..``

    The sum for c' is exact: both products are shifted left to the finer fraction of the two, and rounded once.
    """

    kept: Aligned
    to_cell: Shift
    to_tanh: Shift
    h_fraction: int

    @classmethod
    def of(cls, numbers: LayerNumbers, squashing: Squashing, fractions: Fractions) -> Self:
        assert numbers.cell is not None
        assert squashing.tanh is not None
        c = numbers.cell.fraction
        kept = Aligned.of(fractions.gate + c, 2 * fractions.gate)
        to_tanh = Shift.right_by(c - squashing.tanh.argument.fraction)
        return cls(kept, Shift.right_by(kept.fraction - c), to_tanh, 2 * fractions.gate)

    def __call__(self, parts: Parts, start: Ints, state: State) -> Stepped:
        h, c = state
        rows = np.split(parts.product(0, start, h), 4, axis=1)
        i, f, g, o = (parts.gate(name, row) for name, row in zip("ifgo", rows, strict=True))
        c = parts.clip("cell", self.to_cell(self.kept(f * c, i * g)))
        return (parts.new_h(o * parts.tanh(self.to_tanh(c))), c), ()


@dataclass(frozen=True)
class Interpolation:
    """``h' = prune((1 - z)[g] n[g] + z[g] h[s]) >> ..``, the sum exact as in the LSTM."""

    one: int
    aligned: Aligned

    @classmethod
    def of(cls, fractions: Fractions, state: Number) -> Self:
        return cls(1 << fractions.gate, Aligned.of(2 * fractions.gate, fractions.gate + state.fraction))

    def __call__(self, z: Ints, n: Ints, h: Ints) -> Ints:
        return self.aligned((self.one - z) * n, z * h)


@dataclass(frozen=True)
class GRU:
    """Reset after the product: ``n = tanh(x_n + (r[g] (W_n h + b_n)[p] >> ..))``, the product added to the accumulators
    of the input part; W_n h + b_n has accumulators of its own."""

    to_reset: Shift
    to_accumulator: Shift
    interpolation: Interpolation

    @classmethod
    def of(cls, numbers: LayerNumbers, squashing: Squashing, fractions: Fractions) -> Self:
        assert numbers.reset is not None
        reset, hidden = numbers.reset.fraction, len(fractions.reset)
        return cls(
            Shift.right_by(fractions.reset - reset),
            Shift.right_by(fractions.gate + reset - fractions.accumulator[2 * hidden :]),
            Interpolation.of(fractions, numbers.state),
        )

    @property
    def h_fraction(self) -> int:
        return self.interpolation.aligned.fraction

    def __call__(self, parts: Parts, start: Ints, state: State) -> Stepped:
        (h,) = state
        of_rz, of_n = np.split(start, [2 * h.shape[1]], axis=1)
        own = np.broadcast_to(parts.recurrent_bias, h.shape)
        r, z, n_h = np.split(parts.product(0, np.concatenate([of_rz, own], axis=1), h), 3, axis=1)
        r, z = parts.gate("r", r), parts.gate("z", z)
        n_h = parts.clip("reset", self.to_reset(n_h))
        n = parts.gate("n", parts.clip("accumulator", of_n + self.to_accumulator(r * n_h)))
        return (parts.new_h(self.interpolation(z, n, h)),), ()


@dataclass(frozen=True)
class ClassicGRU:
    """Reset before the product: the operand ``r[g] h[s] >> g`` has the number of h, and always fits it."""

    to_state: Shift
    interpolation: Interpolation

    @classmethod
    def of(cls, numbers: LayerNumbers, squashing: Squashing, fractions: Fractions) -> Self:
        return cls(Shift.right_by(fractions.gate), Interpolation.of(fractions, numbers.state))

    @property
    def h_fraction(self) -> int:
        return self.interpolation.aligned.fraction

    def __call__(self, parts: Parts, start: Ints, state: State) -> Stepped:
        (h,) = state
        of_rz, of_n = np.split(start, [2 * h.shape[1]], axis=1)
        r, z = np.split(parts.product(0, of_rz, h), 2, axis=1)
        r, z = parts.gate("r", r), parts.gate("z", z)
        rh = self.to_state(r * h)
        n = parts.gate("n", parts.product(1, of_n, rh))
        return (parts.new_h(self.interpolation(z, n, h)),), (rh,)


@dataclass(frozen=True)
class TanhRNN:
    """``h' = prune(tanh(acc)[g]) >> ..``"""

    h_fraction: int

    @classmethod
    def of(cls, numbers: LayerNumbers, squashing: Squashing, fractions: Fractions) -> Self:
        return cls(fractions.gate)

    def __call__(self, parts: Parts, start: Ints, state: State) -> Stepped:
        return (parts.new_h(parts.gate("h", parts.product(0, start, state[0]))),), ()


@dataclass(frozen=True, eq=False)
class ReluRNN:
    """``h' = prune(max(acc, 0)) >> ..``, straight from the accumulators."""

    h_fraction: Ints

    @classmethod
    def of(cls, numbers: LayerNumbers, squashing: Squashing, fractions: Fractions) -> Self:
        return cls(fractions.accumulator)

    def __call__(self, parts: Parts, start: Ints, state: State) -> Stepped:
        return (parts.new_h(np.maximum(parts.product(0, start, state[0]), 0)),), ()


STEPS: dict[str, Callable[[LayerNumbers, Squashing, Fractions], Step]] = {
    "lstm": LSTM.of,
    "gru": GRU.of,
    "gru-classic": ClassicGRU.of,
    "rnn-tanh": TanhRNN.of,
    "rnn-relu": ReluRNN.of,
}
"""What steps a cell, by its name in `workloads.cells`."""
