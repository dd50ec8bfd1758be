"""What every cell answers, and the layer it computes with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.trace.graph import UnitOperations
from workloads.state_pruning import Pruning

Floats = NDArray[np.floating]
State = tuple[Floats, ...]
"""Arrays ``(B, H)``: what a layer carries from one step to the next, h first."""

Curve = Literal["sigmoid", "tanh"]
LAYER_NORM_EPSILON = 1e-5


@dataclass(frozen=True)
class Product:
    """``factor * (W v)``, or ``factor * norm(scale * (W v))`` where the layer is normalised at run time.

    The product is that of the codes, scaled afterwards as hardware does it: with quantized weights and states it is
    exact in float32 while an accumulator fits 24 bits, so its value does not hang on the order of the sum, and a
    sequence runs alike alone or beside others. Of float weights `weight` has the scale in it already.
    """

    weight: Floats  # (I, R) codes
    scale: Floats | None  # (R,)
    factor: Floats | None  # (R,) gain after the layer norm; None: no norm

    def __call__(self, v: Floats) -> Floats:
        """``(..., I)`` to ``(..., R)``."""
        out: Floats = v @ self.weight
        if self.scale is not None:
            out *= self.scale
        return out if self.factor is None else layer_normalised(out, self.factor)


def layer_normalised(z: Floats, gain: Floats) -> Floats:
    """`z` ``(..., R)`` less its mean, over its standard deviation, times `gain`; in place.

    Ba et al., Layer Normalization (2016), Eq. 4, with the biased variance.
    """
    z -= z.mean(axis=-1, keepdims=True)
    z *= gain / np.sqrt(np.square(z).mean(axis=-1, keepdims=True) + LAYER_NORM_EPSILON)
    return z


class InputPart(Protocol):
    """The input products of a run, shifts included."""

    def __call__(self, inputs: NDArray[np.generic]) -> Iterator[Floats]:
        """``(B, R)`` for every step of `inputs` ``(T, B[, I])``; the caller may overwrite what it gets."""
        ...


@dataclass(frozen=True)
class Folded:
    """Parameters of a layer, ready to compute with.

    Rows of sigmoid gates are halved (exact in binary), because ``sigmoid(x) = (1 + tanh(x/2)) / 2``: one tanh then
    serves them and the others alike.
    """

    recurrent: tuple[Product, ...]  # one for each of Cell.recurrent_gates
    input_part: InputPart
    shift_recurrent: Floats | None  # (H,)
    pruning: Pruning


class Cell(Protocol):
    """One kind of recurrent cell. Rows are gate-major, in the order of `gates`."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str:
        """What a step computes after its products, in two or three words a stage: for lists of cells."""
        ...

    @property
    def gates(self) -> tuple[str, ...]: ...

    @property
    def curves(self) -> tuple[Curve | None, ...]:
        """What each gate's sum goes through; None: its positive part is taken."""
        ...

    @property
    def states(self) -> tuple[str, ...]:
        """What is carried along, h first."""
        ...

    @property
    def recurrent_gates(self) -> tuple[tuple[str, ...], ...]:
        """Gates of each recurrent product, in order: more than one where a product waits for another."""
        ...

    @property
    def results(self) -> tuple[str, ...]:
        """Operands computed within a step, beside h: those of the later recurrent products."""
        ...

    @property
    def elementwise(self) -> tuple[tuple[str, UnitOperations], ...]:
        """What is computed after each recurrent product: its name in a trace, and what a unit of it takes."""
        ...

    @property
    def input_groups(self) -> tuple[str, ...]:
        """Accumulators that each gate's rows of the input product are added to."""
        ...

    @property
    def recurrent_groups(self) -> tuple[str, ...]:
        """Accumulators that each gate's rows of the recurrent product are added to."""
        ...

    @property
    def shifts_candidate(self) -> bool:
        """Whether the last gate's recurrent product has a shift of its own, inside a reset."""
        ...

    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        """One step from the input part `gates` ``(B, R)``, which is overwritten.

        The new h is written to `h` ``(B, H)``, pruned and rounded. Returns the new state and the `results`.
        """
        ...
