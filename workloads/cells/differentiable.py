"""As much of a PyTorch tensor as a cell's step needs, so that no cell imports PyTorch."""

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar


class Differentiable(Protocol):
    """An array of which gradients can be taken."""

    def __add__(self, other: Any, /) -> Self: ...

    def __mul__(self, other: Any, /) -> Self: ...

    def __rsub__(self, other: Any, /) -> Self: ...

    def sigmoid(self) -> Self: ...

    def tanh(self) -> Self: ...

    def relu(self) -> Self: ...

    def chunk(self, chunks: int, dim: int, /) -> Any:
        """The array in so many equal parts along `dim`."""
        ...


D = TypeVar("D", bound=Differentiable)
Own = Callable[[D], D]
"""What a cell does to a value of each unit ``(B, H)`` by parameters of its own: `gru` shifts its candidate's recurrent
product, and `lstm-normed-cell` normalises c."""


class DifferentiableStep(Protocol):
    """What follows one recurrent product of a step, in training.

    x and y, ``(B, gates * H)``, are the input and the recurrent part of the product's rows, both normalised, biases in
    x; `carried` are those results of the stage before that are needed beside their product (`Stage.carries`). The
    first result is what the next product multiplies: it is rounded, and pruned if it is the new h. Those of the last
    stage are the state.
    """

    def __call__(self, x: D, y: D, own: Own[D], carried: tuple[D, ...]) -> tuple[D, ...]: ...
