"""What every cell answers, and the layer it computes with."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from archsim.trace.graph import UnitOperations
from workloads.cells.differentiable import DifferentiableStep
from workloads.cells.integer import Doubles, EffectiveWeights, Fractions, IntegerStep, LayerNumbers
from workloads.state_pruning import Pruning

Floats = NDArray[np.floating]
State = tuple[Floats, ...]
"""Arrays ``(B, H)``: what a layer carries from one step to the next, h first."""

Curve = Literal["sigmoid", "tanh"]
LAYER_NORM_EPSILON = 1e-5
EXACT = 2.0**24
"""Every integer up to it is a float32."""


@dataclass(frozen=True)
class Product:
    """``factor * (W v)``, or ``factor * norm(scale * (W v))`` where the layer is normalised at run time.

    The product is that of the codes, scaled afterwards as hardware does it: with quantized weights and states it is
    exact in float32 while an accumulator fits 24 bits, so its value does not depend on the order of the sum, and a
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

    def exact(self, operand: Pruning) -> bool:
        """Whether every partial sum is an integer that float32 holds, of operands that are rounded so."""
        if self.scale is None or operand.bits is None or np.any(np.rint(self.weight) != self.weight):
            return False
        largest = np.abs(self.weight).sum(axis=0, dtype=np.float64).max()
        return bool(largest * 2.0 ** (operand.bits - 1) <= EXACT)

    def onto(self, sums: Floats, v: Floats) -> None:
        """Adds it to `sums` ``(..., R)``."""
        sums += self(v)


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

    def exact(self, entering: Pruning) -> bool:
        """Whether what it makes at run time is exact, of inputs that are rounded so."""
        ...

    def with_product(self, made: Callable[[Product], Product]) -> Self:
        """The same with what is `made` of its product, where it makes one at run time."""
        ...


@dataclass(frozen=True)
class Folded:
    """Parameters of a layer, ready to compute with.

    Rows of sigmoid gates are halved (exact in binary), because ``sigmoid(x) = (1 + tanh(x/2)) / 2``: one tanh then
    serves them and the others alike.
    """

    recurrent: tuple[Product, ...]  # one for each of Cell.stages
    input_part: InputPart
    shift_recurrent: Floats | None  # (H,)
    pruning: Pruning  # of h before it is stored
    recurrence: Pruning  # of what recurrent products read
    projection: Product | None = None  # of (P, H)
    peepholes: Floats | None = None  # (3, H) of i, f and o
    affine_cell: Floats | None = None  # (2, H) scale and shift of the c that tanh reads

    def entering(self, v: Floats) -> Floats:
        """`v` ``(B, P)``, an h or what a stage makes of it, as a recurrent product reads it."""
        return self.recurrence.seen(v)

    def new_h(self, made: Floats, h: Floats) -> tuple[Floats, ...]:
        """Writes to `h` ``(B, P)``, pruned and rounded, what the cell has made ``(B, H)``, which may lie in `h` itself.

        A projection multiplies it first. It is then an operand of its own, rounded as a state and not pruned, and
        returned: the step's last result.
        """
        if self.projection is None:
            self.pruning(made, out=h)
            return ()
        self.pruning.rounded(made)
        self.pruning(self.projection(made), out=h)
        return (made,)


Step: TypeAlias = Callable[[Floats, Folded, State, Floats], tuple[State, tuple[Floats, ...]]]
"""`Cell.step`."""


@dataclass(frozen=True)
class CellStage:
    """What follows one recurrent product of a step. A cell has more than one where a product waits for a result of the
    same step."""

    name: str
    """The elementwise operation's name in a trace."""
    gates: tuple[str, ...]
    """The gates whose rows the product has."""
    unit: UnitOperations
    result: str
    """The operand that is made: of the last stage h."""
    carries: tuple[int, ...]
    """Which results of the stage before `differentiable` needs beside their product; of the first, which states."""
    differentiable: DifferentiableStep


@dataclass(frozen=True)
class Cell(ABC):
    """One kind of recurrent cell: its reference in numpy, its step in integers and its step in training.

    Rows are gate-major, in the order of `gates`. The three share no line, so that each can be held against the others.
    """

    name: str
    what: str
    """What a step computes after its products, in two or three words a stage: for lists of cells."""
    curves: tuple[Curve | None, ...]
    """What each gate's sum goes through; None: its positive part is taken."""
    states: tuple[str, ...]
    """What is carried along, h first."""
    stages: tuple[CellStage, ...]
    input_groups: tuple[str, ...]
    """Accumulators that each gate's rows of the input product are added to."""
    recurrent_groups: tuple[str, ...]
    """Accumulators that each gate's rows of the recurrent product are added to."""
    shifts_candidate: bool = False
    """Whether the last gate's recurrent product has a shift of its own, inside a reset."""
    projects: bool = False
    """Whether h may be a product of what the last stage makes (LSTMP)."""
    peepholes: bool = False
    """Whether gates see c. Such a cell is not trained."""
    normed_cell: bool = False
    """Whether tanh reads c normalised: by batch norm in training, by an affine of each unit once it is trained."""
    beyond_integers: str | None = None
    """What of it integers do not compute."""

    @property
    def gates(self) -> tuple[str, ...]:
        return tuple(gate for stage in self.stages for gate in stage.gates)

    @property
    def results(self) -> tuple[str, ...]:
        """Operands computed within a step, beside h: those of the later recurrent products."""
        return tuple(stage.result for stage in self.stages[:-1])

    @property
    def bounded(self) -> bool:
        """Whether no h it computes leaves [-1, 1], whatever it reads: it lies between values of tanh and an earlier
        h, while a positive part has no bound."""
        return None not in self.curves

    def curve(self, gate: str) -> Curve | None:
        return self.curves[self.gates.index(gate)]

    @abstractmethod
    def step(self, gates: Floats, layer: Folded, state: State, h: Floats) -> tuple[State, tuple[Floats, ...]]:
        """The reference: one step from the input part `gates` ``(B, R)``, which is overwritten.

        The new h is written to `h` ``(B, P)``, pruned and rounded. Returns the new state and the `results`, with what a
        projection multiplies as the last.
        """

    @abstractmethod
    def integer_step(self, numbers: LayerNumbers, fractions: Fractions) -> IntegerStep:
        """The step in integers, its shifts worked out for a layer of these numbers."""

    @abstractmethod
    def ranges(self, weights: EffectiveWeights, x: Doubles, before: Doubles) -> Iterator[tuple[str, Doubles]]:
        """What to know the range of beside x and h, ``(T, B, H)`` each, by its field of `fixed_point.LayerRanges`.

        `x` ``(T, B, R)`` is the input part, biases included, and `before` ``(T, B, H)`` the h that each step meets.
        """
