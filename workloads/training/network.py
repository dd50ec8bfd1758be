"""The network that is trained: stacked layers of quantized weights, normalised products and pruned, rounded states.

Each product of a layer is normalised by itself, after RBT (Ardakani et al., ICLR 2019), before the two meet::

    gates = norm(W_h h) + norm(W_x x) + bias
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workloads import cells
from workloads.state_pruning import pruned_for
from workloads.tasks import Task
from workloads.training.batches import last_steps
from workloads.training.norms import ProductNorm
from workloads.training.recipe import Norm, Recipe
from workloads.training.sequence import (
    Compile,
    Inputs,
    Pass,
    StepKind,
    StepNorm,
    Tensors,
    kernels,
    prune_and_round,
    rows_of_stages,
    run_layer,
)
from workloads.training.weights import QuantizedWeight, Rng


class BatchWeights(NamedTuple):
    """A layer's weights for one mini-batch: quantized, and weight-normalised where that is the norm."""

    recurrent: Tensor  # (R, H)
    input: Tensor  # (R, I)
    bias: Tensor  # (R,)
    own: Tensor  # (H,) or (2, H), as `run_layer` has it


class Passing(NamedTuple):
    """What a training pass needs beside values, weights and state."""

    active: Tensor | None  # (T, B, 1) bool; None: all sequences run to the end
    product_dtype: torch.dtype
    momentum: float  # by which running statistics follow
    compile_: Compile


class TrainedLayer(nn.Module):
    """Parameters and running statistics of one layer; rows gate-major, as in `workloads.layer.Layer`."""

    threshold: Tensor

    def __init__(self, recipe: Recipe, inputs: int, one_hot: bool, steps: int, last: bool = True) -> None:
        """`inputs`: size of what enters; `steps` of every sequence, for batch-per-step; `last`: a readout follows."""
        super().__init__()
        self.hidden, self.one_hot, self.round_biases = recipe.hidden, one_hot, recipe.round_biases
        self.cell = cells.by_name(recipe.cell)
        self.kind = StepKind(
            self.cell,
            _step_norm(recipe),
            recipe.state_bits,
            recipe.state_integer_bits,
            keep_magnitudes=any(recipe.sparsities),
            pruned=pruned_for(recipe.pruned, last),
            straight_through=recipe.pruning_gradient == "straight-through",
            unpruned=recipe.unpruned_units,
        )
        gates, rows = self.cell.gates, len(self.cell.gates) * recipe.hidden
        bound = (6.0 / (inputs + rows)) ** 0.5 if recipe.input_std is None else 3**0.5 * recipe.input_std
        w_x = torch.empty(rows, inputs).uniform_(-bound, bound)
        w_h = torch.cat([nn.init.orthogonal_(torch.empty(self.hidden, self.hidden)) for _ in gates])
        spread = w_h.std() if self.hidden > 1 else 1.0  # one unit: +-1, of which all may be the same
        w_h *= (6.0 / (self.hidden + rows)) ** 0.5 / (3**0.5) / spread  # Glorot's variance for the fused matrix
        self.input_weight = QuantizedWeight(w_x, recipe.input, len(gates))
        self.recurrent_weight = QuantizedWeight(w_h, recipe.recurrent, len(gates))
        self.input_norm, self.recurrent_norm = (ProductNorm(recipe.norm, w, steps) for w in (w_x, w_h))
        self.bias = nn.Parameter(_first_bias(gates, recipe.hidden, recipe.memory_steps))
        self.bias_candidate = nn.Parameter(torch.zeros(self.hidden)) if self.cell.shifts_candidate else None
        self.cell_norm, self.bias_cell = None, None
        if self.cell.normed_cell:
            by: Norm = "batch-per-step" if recipe.norm == "batch-per-step" else "batch"
            self.cell_norm = ProductNorm(by, torch.zeros(self.hidden, 1), steps)
            self.bias_cell = nn.Parameter(torch.zeros(self.hidden))
        learned = recipe.initial_state == "learned"
        self.initial = nn.Parameter(torch.zeros(len(self.cell.states), self.hidden)) if learned else None
        self.register_buffer("threshold", torch.tensor(recipe.threshold))

    @property
    def thresholds(self) -> Tensor:
        """The threshold, or, where some units are never pruned, that of each ``(H,)``."""
        if not self.kind.unpruned:
            return self.threshold
        never = self.threshold.new_zeros(self.kind.unpruned)
        return torch.cat([never, self.threshold.expand(self.hidden - self.kind.unpruned)])

    def lit(self, states: Tensor) -> Tensor:
        """Stored states ``(..., H)`` as recurrent products read them; what is pruned has no gradient."""
        return self.kind.operand(states, self.thresholds)

    def weights(self, rng: Rng = None) -> BatchWeights:
        """For one mini-batch, drawn with `rng` where there is one, always in the same order."""
        recurrent = self.recurrent_norm.weight(self.recurrent_weight(rng))
        input_ = self.input_norm.weight(self.input_weight(rng))
        bias, candidate = self.biases(rng)
        own = bias.new_zeros(self.hidden) if candidate is None else candidate
        if self.cell_norm is not None and self.bias_cell is not None:
            own = torch.stack([self.cell_norm.gain, self.bias_cell])
        return BatchWeights(recurrent, input_, bias, own)

    def biases(self, rng: Rng = None) -> tuple[Tensor, Tensor | None]:
        """``(R,)``, and ``(H,)`` of the candidate's recurrent product where the cell has one; rounded if asked for."""
        if not self.round_biases:
            return self.bias, self.bias_candidate
        bias = self.input_weight.bias(self.bias, rng)
        return bias, None if self.bias_candidate is None else self.recurrent_weight.bias(self.bias_candidate, rng)

    def run(self, values: Tensor, weights: BatchWeights, state: Tensors, passing: Passing) -> Pass:
        """Training pass over symbols ``(T, B)`` or vectors ``(T, B, I)``; batch norm by their own statistics."""
        x = self._input_part(values, weights, passing.active, passing.product_dtype, passing.momentum)
        gain = self.recurrent_norm.gain if self.kind.norm != "none" else torch.ones_like(weights.bias)
        inputs = Inputs(
            self.kind,
            kernels(self.kind, passing.compile_),
            self.thresholds,
            state,
            passing.active,
            passing.product_dtype,
        )
        out = run_layer(x, weights.recurrent, gain, weights.own, inputs)
        followers = [norm for norm in (self.recurrent_norm, self.cell_norm) if norm is not None and norm.by_batch]
        for norm, (mean, variance) in zip(followers, out.statistics, strict=True):
            if norm.norm == "batch":
                share = _share_of_steps(x, passing.active)
                mean, variance = share @ mean, share @ variance
            norm.follow(mean, variance, passing.momentum)
        return out

    @torch.no_grad()
    def infer(self, values: Tensor, weights: BatchWeights, state: Tensors) -> tuple[Tensor, Tensors]:
        """h of every step ``(T, B, H)`` and the state after the last, by the running statistics."""
        x = self._input_part(values, weights, None, weights.input.dtype, None)
        rows = rows_of_stages(self.cell, self.hidden)
        transposed = [weights.recurrent[r].t() for r in rows]
        thresholds, states = self.thresholds, []
        for t, gates in enumerate(x):
            own = self._own(weights, t)
            for stage, r, weight in zip(self.cell.stages, rows, transposed, strict=True):
                carried = tuple(state[i] for i in stage.carries)
                y = self.recurrent_norm.of_state(self.kind.operand(state[0], thresholds) @ weight, t, r)
                results = stage.differentiable(gates[:, r], y, own, carried)
                state = self.kind.finished(stage, results, thresholds, None)
            states.append(state[0])
        return torch.stack(states), state

    def _own(self, weights: BatchWeights, step: int) -> Callable[[Tensor], Tensor]:
        """What the cell does by its own parameters at a step, by the running statistics."""
        norm = self.cell_norm
        if norm is None:
            return lambda v: v + weights.own
        return lambda c: norm.of_state(c, step, slice(None)) + weights.own[1]

    def start(self, batch: int) -> Tensors:
        """What sequences begin with ``(B, H)``, one for each state of the cell, h pruned and rounded as every h is."""
        if self.initial is None:
            return tuple(self.bias.new_zeros(batch, self.hidden) for _ in self.cell.states)
        state = tuple(row.expand(batch, self.hidden) for row in self.initial)
        return self.kind.finished(self.cell.stages[-1], state, self.thresholds, None)

    def _input_part(
        self,
        values: Tensor,
        weights: BatchWeights,
        active: Tensor | None,
        dtype: torch.dtype,
        momentum: float | None,
    ) -> Tensor:
        """``(T, B, R)``: the normalised input product plus the bias. `momentum` None: by running statistics.

        A one-hot product is a column of W_x, so it is normalised symbol by symbol: its mean and variance over a
        mini-batch follow from how often each symbol occurs.
        """
        apart = self.input_norm.norm == "batch-per-step"
        share = active
        if self.one_hot:
            z = weights.input.t()  # (V, R)
            share = _occurrences(values, active, len(z))
        else:
            z = (values.to(dtype) @ weights.input.to(dtype).t()).to(weights.input.dtype)
        if apart:
            z = nn.functional.embedding(values, z) if self.one_hot else z
            return self.input_norm.of_inputs(z, None, momentum) + weights.bias
        if not self.one_hot:
            z, share = z.flatten(0, 1), None if active is None else active.flatten(0, 1)
        y = self.input_norm.of_inputs(z, share, momentum) + weights.bias
        return nn.functional.embedding(values, y) if self.one_hot else y.view(*values.shape[:2], -1)


class Sequence(NamedTuple):
    """What a training pass of a network yields."""

    states: Tensor  # (T, B, H) of the last layer, as the readout sees them
    state: Tensors  # flat over the layers, (B, H) each, after the last step
    layers: tuple[Pass, ...]


@dataclass(frozen=True, eq=False)
class Unit:
    """What a network's numbers are counted in and from: deviation and mean of the training targets, ``(V,)``."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, targets: NDArray[np.floating[Any]]) -> "Unit":
        deviation = targets.std(axis=0, dtype=np.float64)
        return cls(targets.mean(axis=0, dtype=np.float64), np.where(deviation == 0, 1.0, deviation))

    def counted(self, targets: Tensor) -> Tensor:
        """Targets ``(..., V)`` in this unit."""
        mean, deviation = (torch.from_numpy(each).to(targets) for each in (self.mean, self.deviation))
        return (targets - mean) / deviation


class TrainedNetwork(nn.Module):
    """Symbols or vectors -> embedding, where there is one -> layers -> readout."""

    def __init__(self, recipe: Recipe, task: Task[Any], steps: int = 1) -> None:
        """`steps` of every sequence, for batch-per-step."""
        super().__init__()
        self.recipe = recipe
        inputs = task.symbols if task.features is None else task.features
        assert inputs is not None
        self.symbols, self.embedding = task.symbols, None
        if recipe.embedding:
            table = torch.empty(inputs, recipe.embedding).uniform_(-0.1, 0.1)  # Zaremba et al. 2014
            self.embedding, inputs = QuantizedWeight(table, recipe.table), recipe.embedding
        self.one_hot = task.symbols is not None and not recipe.embedding
        sizes = (inputs, *(recipe.hidden,) * (recipe.layers - 1))
        self.layers = nn.ModuleList(
            TrainedLayer(recipe, size, self.one_hot and not k, steps, last=k == len(sizes) - 1)
            for k, size in enumerate(sizes)
        )
        readout = torch.empty(task.outputs, recipe.hidden).uniform_(-(recipe.hidden**-0.5), recipe.hidden**-0.5)
        self.readout_weight = QuantizedWeight(readout, recipe.readout)
        self.readout_bias = nn.Parameter(torch.zeros(task.outputs))
        self.unit = Unit.of(task.split("train").targets) if task.predicts == "numbers" else None

    def start(self, batch: int) -> Tensors:
        """The state that sequences begin with, flat over the layers as in `workloads.model.Model`."""
        return tuple(state for layer in self.stack for state in layer.start(batch))

    @property
    def stack(self) -> list[TrainedLayer]:
        return [layer for layer in self.layers if isinstance(layer, TrainedLayer)]

    def run(self, inputs: Tensor, state: Tensors, passing: Passing, rng: Rng = None) -> Sequence:
        """Training pass over symbols ``(T, B)`` or vectors ``(T, B, I)``."""
        values, given = self.entering(inputs), iter(state)
        values = nn.functional.dropout(values, self.recipe.input_dropout) if self.recipe.input_dropout else values
        passes = []
        for layer in self.stack:
            passes.append(layer.run(values, layer.weights(rng), tuple(next(given) for _ in layer.cell.states), passing))
            values = passes[-1].states
            values = nn.functional.dropout(values, self.recipe.output_dropout) if self.recipe.output_dropout else values
        return Sequence(values, tuple(state for out in passes for state in out.state), tuple(passes))

    def entering(self, inputs: Tensor) -> Tensor:
        """What the first layer sees: symbols where one-hot, else vectors, pruned and rounded."""
        if self.one_hot:
            return inputs
        x = inputs if self.embedding is None else nn.functional.embedding(inputs, self.embedding())
        r = self.recipe
        return prune_and_round(x, r.input_threshold, r.input_bits, r.input_integer_bits)

    def readout(self, states: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Logits, or numbers in their `unit`, ``(..., V)`` of states ``(..., H)``; `dtype`: of the product, if not
        that of the states."""
        weight = self.readout_weight()
        if dtype is None or dtype == states.dtype:
            return nn.functional.linear(states, weight, self.readout_bias)
        return nn.functional.linear(states.to(dtype), weight.to(dtype)).to(states.dtype) + self.readout_bias

    def inference(self, rng: Rng = None) -> "Inference":
        """What the trained network computes, by the running statistics; its weights are drawn with `rng`, once."""
        return Inference(self, rng)


class Inference:
    """A network as `workloads.tasks` measures it; arrays are numpy's."""

    def __init__(self, network: TrainedNetwork, rng: Rng = None) -> None:
        self._network = network
        with torch.no_grad():
            self._weights = [layer.weights(rng) for layer in network.stack]

    def run(self, inputs: NDArray[Any], state: Tensors | None = None, /) -> tuple[NDArray[np.floating[Any]], Tensors]:
        """Logits ``(T, B, V)`` over symbols ``(T, B)`` or vectors ``(T, B, I)``, and the state after the last step."""
        states, state = self.states(inputs, state)
        return self._logits(states), state

    def last(self, inputs: NDArray[Any], lengths: NDArray[np.integer[Any]], /) -> NDArray[np.floating[Any]]:
        """Logits ``(B, V)`` at each sequence's own last step."""
        states, _ = self.states(inputs)
        return self._logits(last_steps(states, torch.from_numpy(np.asarray(lengths, np.int64)).to(states.device)))

    @torch.no_grad()
    def states(self, inputs: NDArray[Any], state: Tensors | None = None) -> tuple[Tensor, Tensors]:
        """h of the last layer ``(T, B, H)``, and the state after the last step."""
        network = self._network
        values = network.entering(as_tensor(inputs, network.readout_bias))
        given = iter(network.start(inputs.shape[1]) if state is None else state)
        after: list[Tensor] = []
        for layer, weights in zip(network.stack, self._weights, strict=True):
            values, last = layer.infer(values, weights, tuple(next(given) for _ in layer.cell.states))
            after += last
        return values, tuple(after)

    @torch.no_grad()
    def _logits(self, states: Tensor) -> NDArray[np.floating[Any]]:
        logits: NDArray[np.floating[Any]] = self._network.readout(states).cpu().numpy()
        unit = self._network.unit
        return logits if unit is None else (logits * unit.deviation + unit.mean).astype(logits.dtype)


def as_tensor(inputs: NDArray[Any], like: Tensor) -> Tensor:
    """Symbols as int64, vectors in the type of `like`, where it lies."""
    if inputs.dtype.kind in "ui":
        return torch.from_numpy(inputs.astype(np.int64)).to(like.device)
    return torch.from_numpy(np.ascontiguousarray(inputs)).to(like)


def _first_bias(gates: tuple[str, ...], hidden: int, memory_steps: int | None) -> Tensor:
    """``(R,)``: 0, and of a forget gate 1, or the log of memories of 1 to `memory_steps` - 1 steps, which the input
    gate then has with the other sign."""
    bias = torch.zeros(len(gates), hidden)
    if cells.keeps_by_gates(gates):
        spans = torch.empty(hidden).uniform_(1, memory_steps - 1).log() if memory_steps else None
        bias[gates.index("f")] = 1.0 if spans is None else spans
        if spans is not None:
            bias[gates.index("i")] = -spans
    return bias.flatten()


def _step_norm(recipe: Recipe) -> StepNorm:
    """What of the norm is left to do within a step; weight norm is in the weights."""
    of: dict[str, StepNorm] = {"batch": "batch", "batch-per-step": "batch", "layer": "layer"}
    return of.get(recipe.norm, "none")


def _occurrences(symbols: Tensor, active: Tensor | None, count: int) -> Tensor:
    """How often each symbol occurs, ``(count, 1)``."""
    counted = symbols.flatten() if active is None else symbols[active[..., 0]]
    # Not bincount, which lets the host read the largest symbol.
    return counted.new_zeros(count).index_add_(0, counted, torch.ones_like(counted))[:, None]


def _share_of_steps(x: Tensor, active: Tensor | None) -> Tensor:
    """Share of a mini-batch's active sequence steps that lie in each step, ``(T,)``."""
    if active is None:
        return x.new_full((len(x),), 1 / len(x))
    return active.sum((1, 2)).to(x.dtype) / active.sum()
