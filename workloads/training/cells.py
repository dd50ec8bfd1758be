"""Recurrent cells as PyTorch trains them: plain differentiable arithmetic, one function for each product of a step.

What is computed, and the order of the gates, is that of the numpy reference (`workloads.cells`), which does not share a
line with it. A step is one stage or, where a product waits for a result of the same step (the GRU that resets first),
two: each turns a product of W_h into what the next product multiplies.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from archsim.errors import BadInput

Tensors = tuple[Tensor, ...]


@dataclass(frozen=True)
class Stage:
    """What follows one product of W_h.

    ``compute(x, y, shift, carried)``: x and y, ``(B, gates * H)``, are the input and the recurrent part of its rows,
    both normalised, biases in x; `shift` ``(H,)`` is the bias of the candidate's recurrent product, where the cell has
    one; `carried` are those results of the stage before, by `carries`, that are needed beside their product. The first
    result is what the next product multiplies: it is rounded, and pruned if it is the new h.
    """

    gates: int
    carries: tuple[int, ...]
    compute: Callable[[Tensor, Tensor, Tensor, Tensors], Tensors]


@dataclass(frozen=True)
class TrainedCell:
    """A cell's stages; the results of the last are its state, h first."""

    name: str
    stages: tuple[Stage, ...]

    @property
    def gates(self) -> int:
        return sum(stage.gates for stage in self.stages)


def _lstm(x: Tensor, y: Tensor, shift: Tensor, carried: Tensors) -> Tensors:
    i, f, g, o = (x + y).chunk(4, 1)
    c = torch.sigmoid(f) * carried[0] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def _gru(x: Tensor, y: Tensor, shift: Tensor, carried: Tensors) -> Tensors:
    (r_x, z_x, n_x), (r_y, z_y, n_y) = x.chunk(3, 1), y.chunk(3, 1)
    n = torch.tanh(n_x + torch.sigmoid(r_x + r_y) * (n_y + shift))
    z = torch.sigmoid(z_x + z_y)
    return ((1 - z) * n + z * carried[0],)


def _reset(x: Tensor, y: Tensor, shift: Tensor, carried: Tensors) -> Tensors:
    r, z = torch.sigmoid(x + y).chunk(2, 1)
    return r * carried[0], z, carried[0]


def _update(x: Tensor, y: Tensor, shift: Tensor, carried: Tensors) -> Tensors:
    z, h = carried
    return ((1 - z) * torch.tanh(x + y) + z * h,)


def _tanh(x: Tensor, y: Tensor, shift: Tensor, carried: Tensors) -> Tensors:
    return (torch.tanh(x + y),)


def _relu(x: Tensor, y: Tensor, shift: Tensor, carried: Tensors) -> Tensors:
    return (torch.relu(x + y),)


ALL: tuple[TrainedCell, ...] = (
    TrainedCell("lstm", (Stage(4, (1,), _lstm),)),
    TrainedCell("gru", (Stage(3, (0,), _gru),)),
    TrainedCell("gru-classic", (Stage(2, (0,), _reset), Stage(1, (1, 2), _update))),
    TrainedCell("rnn-tanh", (Stage(1, (), _tanh),)),
    TrainedCell("rnn-relu", (Stage(1, (), _relu),)),
)


def by_name(name: str) -> TrainedCell:
    """The cell called `name`; BadInput lists those that can be trained."""
    for cell in ALL:
        if cell.name == name:
            return cell
    raise BadInput(f"cell must be one of {', '.join(c.name for c in ALL)} for training, not {name!r}")
