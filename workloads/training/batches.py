"""Mini-batches of a task: windows of a text whose state is carried on, or whole sequences of similar length."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from archsim.errors import BadInput
from workloads import tasks
from workloads.tasks import Sequences, Symbols
from workloads.training.recipe import Recipe

POOL = 20
"""Mini-batches whose sequences are drawn together and then sorted by length."""


class MiniBatch(NamedTuple):
    """`lengths` None: a window of a text, to be continued; else whole sequences, padded with 0 at their ends."""

    inputs: Tensor  # (T, B) symbols or (T, B, I) vectors
    targets: Tensor  # (T, B) next symbols; (B,) classes or (B, V) numbers, or at every step (T, B) or (T, B, V)
    lengths: Tensor | None  # (B,)
    every_step: bool = True

    @property
    def active(self) -> Tensor | None:
        """Which sequences run at each step ``(T, B, 1)``; None: all at all."""
        steps = len(self.inputs)
        if self.lengths is None or int(self.lengths.min()) == steps:
            return None
        return (torch.arange(steps, device=self.lengths.device)[:, None] < self.lengths)[..., None]

    def answering(self, states: Tensor) -> Tensor:
        """Those states ``(M, H)`` of ``(T, B, H)`` that there is a target for."""
        if not self.every_step and self.lengths is not None:
            return last_steps(states, self.lengths)
        return states.flatten(0, 1) if self.active is None else states[self.active[..., 0]]

    @property
    def wanted(self) -> Tensor:
        """The targets of `answering`, ``(M,)`` or ``(M, V)``."""
        if not self.every_step:
            return self.targets
        return self.targets.flatten(0, 1) if self.active is None else self.targets[self.active[..., 0]]


def last_steps(states: Tensor, lengths: Tensor) -> Tensor:
    """``(B, H)`` of states ``(T, B, H)``, each sequence at its own last step."""
    return states[lengths - 1, torch.arange(len(lengths), device=states.device)]


class Batches(Protocol):
    """The training split of a task, cut up; `count` mini-batches of equal size an epoch."""

    @property
    def count(self) -> int: ...

    @property
    def steps(self) -> int:
        """Steps of every sequence, or 1 where they differ."""
        ...

    def epoch(self, epoch: int) -> Iterator[MiniBatch]: ...


@dataclass(frozen=True, eq=False)
class TextBatches:
    """A text in `batch` contiguous streams side by side, `steps` steps at a time; what fills no window is left out."""

    inputs: Tensor  # (length, B)
    targets: Tensor  # (length, B)
    window: int

    @classmethod
    def of(cls, symbols: Symbols, recipe: Recipe, device: str) -> "TextBatches":
        length = (len(symbols) - 1) // recipe.batch
        if length < recipe.steps:
            raise BadInput(
                f"recipe {recipe.name}: batch x steps must be at most the {len(symbols) - 1} transitions of the "
                f"training split of {recipe.task}, not {recipe.batch} x {recipe.steps}"
            )
        streams = torch.from_numpy(symbols[: recipe.batch * length + 1].astype(np.int64))
        inputs, targets = (
            part.view(recipe.batch, length).t().contiguous().to(device) for part in (streams[:-1], streams[1:])
        )
        return cls(inputs, targets, recipe.steps)

    @property
    def count(self) -> int:
        return len(self.inputs) // self.window

    @property
    def steps(self) -> int:
        return 1

    def epoch(self, epoch: int) -> Iterator[MiniBatch]:
        for first in range(0, self.count * self.window, self.window):
            window = slice(first, first + self.window)
            yield MiniBatch(self.inputs[window], self.targets[window], None)


@dataclass(frozen=True, eq=False)
class SequenceBatches:
    """Whole sequences in an order drawn for each epoch; the few that do not fill a mini-batch sit that epoch out."""

    data: Sequences
    batch: int
    seed: int
    device: str

    @classmethod
    def of(cls, data: Sequences, recipe: Recipe, device: str) -> "SequenceBatches":
        if len(data) < recipe.batch:
            raise BadInput(
                f"recipe {recipe.name}: batch must be at most the {len(data)} training sequences of {recipe.task}, "
                f"not {recipe.batch}"
            )
        return cls(data, recipe.batch, recipe.seed, device)

    @property
    def count(self) -> int:
        return len(self.data) // self.batch

    @property
    def steps(self) -> int:
        lengths = self.data.lengths
        return int(lengths[0]) if np.all(lengths == lengths[0]) else 1

    def epoch(self, epoch: int) -> Iterator[MiniBatch]:
        rng = np.random.default_rng((self.seed, epoch + 1))
        order = rng.permutation(len(self.data))[: self.count * self.batch]
        pools = np.split(order, range(POOL * self.batch, len(order), POOL * self.batch))
        by_length = np.concatenate([pool[np.argsort(self.data.lengths[pool], kind="stable")] for pool in pools])
        for indices in rng.permutation(by_length.reshape(self.count, self.batch)):
            inputs, lengths, targets = self.data.batch(indices)
            symbols = inputs.dtype.kind in "ui"
            yield MiniBatch(
                torch.from_numpy(inputs.astype(np.int64 if symbols else np.float32)).to(self.device),
                torch.from_numpy(targets).to(self.device),
                torch.from_numpy(lengths).to(self.device),
                self.data.every_step,
            )


def batches_of(recipe: Recipe, device: str) -> Batches:
    """The training split of the recipe's task. BadInput where a mini-batch or the norm does not fit it."""
    data: Any = tasks.by_name(recipe.task).split("train")
    if not isinstance(data, Sequences):
        return TextBatches.of(data, recipe, device)
    batches = SequenceBatches.of(data, recipe, device)
    if recipe.norm == "batch-per-step" and batches.steps == 1:
        raise BadInput(
            f"recipe {recipe.name}: norm batch-per-step is for sequences of one length, those of {recipe.task} differ"
        )
    return batches
