"""One layer over a whole sequence, forward and backward, as one autograd function.

A cell is plain differentiable arithmetic on one step (`workloads.cells`). Forward keeps the products and what
is carried from step to step. Backward takes the gradient of a step from PyTorch (``torch.func.vjp``), which computes it
from the product anew: cheaper than to keep every gate, and one kernel each way where it is compiled. The gradient of
the weights is one product over all steps. Equal to plain autograd (tests/workloads/training/test_sequence.py).

The state is pruned after SKIP (Ardakani et al., DATE 2019): elements below a threshold become zero, of h as it is
stored or as recurrent products read it. Their gradient is zero as well, unless a recipe asks for it to be passed
straight through as SKIP has it: by quantile, training to 90 % sparsity then runs away (the threshold follows |h|
towards 1; 3.7 BPC after 14 epochs, where the exact gradient is at 2.0 after 4). Rounding is passed straight through
within the range of the format, and stops the gradient beyond it.
"""

import functools
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from workloads.cells import Cell, CellStage
from workloads.state_pruning import Pruned
from workloads.training.norms import batch_normalised, batch_statistics, layer_normalised

Tensors = tuple[Tensor, ...]

SAMPLED_STEPS = 4
"""Steps of a sequence whose |h| the threshold follows."""
COMPILED_VARIANTS = 64
"""Shapes and kinds of step one process may compile. PyTorch's own limit, 8, is met by a sweep over cells and norms."""

StepNorm = Literal["none", "batch", "layer"]
"""What is done to a product within a step: batch norm takes its statistics from that step."""


def prune_and_round(v: Tensor, threshold: Tensor | float, bits: int | None, integer_bits: int = 0) -> Tensor:
    """`v` with ``|v| < threshold`` set to zero, then rounded to Qm.n as `workloads.state_pruning.Pruning` does."""
    return _rounded(pruned(v, threshold), bits, integer_bits)


def pruned(v: Tensor, threshold: Tensor | float) -> Tensor:
    """`v` with ``|v| < threshold`` set to zero, and their gradient; `threshold`: one, or one an element ``(H,)``."""
    return torch.where(v.abs() < threshold, 0.0, v)


def _rounded(v: Tensor, bits: int | None, integer_bits: int) -> Tensor:
    if bits is None:
        return v
    per_unit, limit = 2.0 ** (bits - 1 - integer_bits), 2.0 ** (bits - 1)
    inside = v.clamp(-limit / per_unit, limit / per_unit)
    nearest = (inside.detach() * per_unit).round().clamp(-limit, limit - 1) / per_unit
    return inside + (nearest - inside).detach()  # exact: the two differ by less than a factor of 2, or one is zero


@dataclass(frozen=True)
class StepKind:
    """What decides the arithmetic of a layer's steps; one kernel each way is compiled for each."""

    cell: Cell
    norm: StepNorm
    bits: int | None
    integer_bits: int
    keep_magnitudes: bool
    """Whether |h| before pruning is wanted."""
    pruned: Pruned = "all"
    straight_through: bool = False
    """Whether what is pruned has a gradient."""
    unpruned: int = 0
    """Units, the first ones, whose threshold is zero, and whose |h| is not wanted."""

    def is_last(self, stage: CellStage) -> bool:
        return stage is self.cell.stages[-1]

    def finished(self, stage: CellStage, results: Tensors, threshold: Tensor, active: Tensor | None) -> Tensors:
        """The results of a stage, the first of them as it is stored.

        A sequence that has ended (not `active` ``(B, 1)``) has a state of zeros.
        """
        first, last = results[0], self.is_last(stage)
        if last and self.pruned == "all":
            kept = pruned(first, threshold)
            first = first + (kept - first).detach() if self.straight_through else kept
        results = (_rounded(first, self.bits, self.integer_bits), *results[1:])
        return tuple(torch.where(active, r, 0.0) for r in results) if last and active is not None else results

    def operand(self, first: Tensor, threshold: Tensor) -> Tensor:
        """The first result of a stage as the next product reads it."""
        return first if self.pruned == "all" else pruned(first, threshold)

    def through_operand(self, grad: Tensor, first: Tensor, threshold: Tensor) -> Tensor:
        """The gradient of the first result of a stage from that of the next product's operand."""
        dense = self.pruned == "all" or self.straight_through
        return grad if dense else torch.where(first.abs() < threshold, 0.0, grad)


class Kernels(NamedTuple):
    """The elementwise part of a stage, forward and backward."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


Compile = Callable[[Callable[..., Any]], Callable[..., Any]]


def eager(function: Callable[..., Any]) -> Callable[..., Any]:
    """No compiler: each operation by itself."""
    return function


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """One kernel a step (torch.compile): several times as fast on a CPU. Needs a C++ compiler."""
    torch._dynamo.config.cache_size_limit = max(torch._dynamo.config.cache_size_limit, COMPILED_VARIANTS)
    return torch.compile(function, dynamic=False)


def fastest() -> Compile:
    """`compiled` where there is a C++ compiler."""
    return eager if shutil.which("c++") is None else compiled


@functools.cache
def kernels(kind: StepKind, compile_: Compile) -> tuple[Kernels, ...]:
    """The kernels of every stage of a cell."""
    return tuple(
        Kernels(compile_(_forward(kind, stage)), compile_(_backward(kind, stage))) for stage in kind.cell.stages
    )


def _normalised(norm: StepNorm, z: Tensor, gain: Tensor, active: Tensor | None) -> tuple[Tensor, Tensors]:
    """A product as the cell sees it, and the statistics taken from it."""
    if norm == "batch":
        mean, variance = batch_statistics(z, active)
        return batch_normalised(z, mean, variance, gain), (mean.detach(), variance.detach())
    return (layer_normalised(z, gain) if norm == "layer" else z), ()


def _own(cell: Cell, own: Tensor, active: Tensor | None) -> tuple[Callable[[Tensor], Tensor], list[Tensor]]:
    """What a cell does by its `own` parameters, and where the statistics that it takes will be."""
    taken: list[Tensor] = []

    def normalised(c: Tensor) -> Tensor:
        mean, variance = batch_statistics(c, active)
        taken.extend((mean.detach(), variance.detach()))
        gain, shift = own
        z: Tensor = batch_normalised(c, mean, variance, gain) + shift
        return z

    def shifted(v: Tensor) -> Tensor:
        return v + own

    return normalised if cell.normed_cell else shifted, taken


def _forward(kind: StepKind, stage: CellStage) -> Callable[..., Any]:
    def forward(
        product: Tensor,  # (B, R) in the type of products
        x: Tensor,  # (B, R)
        gain: Tensor,  # (R,)
        own: Tensor,  # (H,) or (2, H)
        threshold: Tensor,  # () or (H,)
        active: Tensor | None,  # (B, 1)
        carried: Tensors,
        operand: Tensor,  # (B, H) in the type of products, written: what the next product multiplies
    ) -> tuple[Tensors, Tensors, Tensors]:
        y, statistics = _normalised(kind.norm, product.to(x.dtype), gain, active)
        does, taken = _own(kind.cell, own, active)
        results = stage.differentiable(x, y, does, carried)
        magnitudes = (results[0][:, kind.unpruned :].abs(),) if kind.keep_magnitudes and kind.is_last(stage) else ()
        results = kind.finished(stage, results, threshold, active)
        operand.copy_(kind.operand(results[0], threshold))
        return results, (*statistics, *taken), magnitudes

    return forward


def _backward(kind: StepKind, stage: CellStage) -> Callable[..., Any]:
    def backward(
        product: Tensor,
        x: Tensor,
        gain: Tensor,
        own: Tensor,
        threshold: Tensor,
        active: Tensor | None,
        carried: Tensors,
        grad_operand: Tensor,  # (B, H) of what the next product multiplies
        grads_of_first: Tensors,  # each (B, H); their sum is the gradient of the first result but for that
        grads_of_rest: Tensors,
        grad_product: Tensor,  # (B, R) in the type of products, written
        grad_x: Tensor,  # (B, R), written
    ) -> tuple[Tensor, Tensor, Tensors]:
        """Gradients of gain, own and what was carried."""

        def step(z: Tensor, x: Tensor, gain: Tensor, own: Tensor, *carried: Tensor) -> Tensors:
            y, _ = _normalised(kind.norm, z, gain, active)
            does, _ = _own(kind.cell, own, active)
            return kind.finished(stage, stage.differentiable(x, y, does, carried), threshold, active)

        results, gradient = torch.func.vjp(step, product.to(x.dtype), x, gain, own, *carried)[:2]
        through = kind.through_operand(grad_operand.to(x.dtype), results[0], threshold)
        first = functools.reduce(torch.add, grads_of_first, through)
        dz, dx, dgain, down, *dcarried = gradient((first, *grads_of_rest))
        grad_product.copy_(dz)
        grad_x.copy_(dx)
        return dgain, down, tuple(dcarried)

    return backward


class Inputs(NamedTuple):
    """What a layer runs on, beside its parameters; a state that sequences begin with has a gradient where it asks."""

    kind: StepKind
    kernels: tuple[Kernels, ...]
    threshold: Tensor  # () or (H,)
    state: Tensors  # (B, H) each, h first
    active: Tensor | None  # (T, B, 1) bool; None: all
    product_dtype: torch.dtype


class Pass(NamedTuple):
    """What a layer yields over ``T`` steps of ``B`` sequences. Only `states` carries a gradient.

    `statistics` are means and variances at each step, ``(T, R)`` of the product under batch norm, then ``(T, H)`` of c
    where the cell normalises it.
    """

    states: Tensor  # (T, B, H) h as it is stored
    state: Tensors  # (B, H) each, after the last step
    statistics: tuple[tuple[Tensor, Tensor], ...]
    magnitudes: Tensor | None  # (N,) |h| before pruning at a few steps, of units that may be pruned


def run_layer(x: Tensor, weight: Tensor, gain: Tensor, own: Tensor, inputs: Inputs) -> Pass:
    """A layer over the input part `x` ``(T, B, R)`` of its gates, with W_h `weight` ``(R, H)``.

    `gain` ``(R,)`` follows the normalisation of the recurrent product; `own` is the shift ``(H,)`` of the candidate's
    product, or gain and shift ``(2, H)`` of c. Either is left unused where the norm or the cell has none.
    """
    out = _LayerFunction.apply(x, weight, gain, own, inputs, *inputs.state)  # type: ignore[no-untyped-call]
    count = 1 + len(inputs.state)
    last = len(out) - inputs.kind.keep_magnitudes
    statistics = tuple(zip(out[count:last:2], out[count + 1 : last : 2], strict=True))
    return Pass(out[0], out[1:count], statistics, out[-1] if inputs.kind.keep_magnitudes else None)


class _LayerFunction(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, gain: Tensor, own: Tensor, inputs: Inputs, *state: Tensor
    ) -> Tensors:
        kind, stages = inputs.kind, inputs.kind.cell.stages
        (steps, batch, _), hidden, dtype = x.shape, weight.shape[1], inputs.product_dtype
        rows = rows_of_stages(kind.cell, hidden)
        transposed = [weight[r].to(dtype).t() for r in rows]
        gains = [gain[r] for r in rows]
        products = [x.new_empty(steps, batch, r.stop - r.start, dtype=dtype) for r in rows]
        operands = [x.new_empty(steps + 1, batch, hidden, dtype=dtype) for _ in stages]
        operands[0][0] = kind.operand(state[0], inputs.threshold)
        results, carried, statistics, magnitudes = state, [], [], []
        states = []
        sampled = _sampled(steps)
        for t in range(steps):
            active = None if inputs.active is None else inputs.active[t]
            for k, stage in enumerate(stages):
                carried.append(tuple(results[i] for i in stage.carries))
                torch.mm(operands[k][t], transposed[k], out=products[k][t])
                following = operands[0][t + 1] if kind.is_last(stage) else operands[k + 1][t]
                results, taken, magnitude = inputs.kernels[k].forward(
                    products[k][t], x[t][:, rows[k]], gains[k], own, inputs.threshold, active, carried[-1], following
                )
                statistics.append(taken)
                if magnitude and t in sampled:
                    magnitudes.append(magnitude[0] if active is None else magnitude[0][active[:, 0]])
            states.append(results[0])
        ctx.save_for_backward(x, weight, gain, own, *state)
        ctx.inputs, ctx.products, ctx.operands, ctx.carried = inputs, products, operands, carried
        side = [*results, *_by_step(statistics, len(stages))]
        if kind.keep_magnitudes:
            side.append(torch.cat([m.flatten() for m in magnitudes]))
        ctx.mark_non_differentiable(*side)
        return torch.stack(states), *side

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, gain, own, *state = ctx.saved_tensors
        inputs, products, operands, carried = ctx.inputs, ctx.products, ctx.operands, ctx.carried
        kind, stages = inputs.kind, inputs.kind.cell.stages
        (steps, batch, _), hidden, dtype = x.shape, weight.shape[1], inputs.product_dtype
        rows = rows_of_stages(kind.cell, hidden)
        weights = [weight[r].to(dtype) for r in rows]
        gains = [gain[r] for r in rows]
        grad_x = torch.empty_like(x)
        grad_products = [torch.empty_like(product) for product in products]
        grad_gains, grad_own = [torch.zeros_like(g) for g in gains], torch.zeros_like(own)
        through_product = x.new_zeros(batch, hidden, dtype=dtype)
        zeros, from_state = torch.zeros_like(state[0]), any(ctx.needs_input_grad[-len(state) :])
        carried_back = {i: zeros for i in range(len(state)) if i or 0 in stages[0].carries}
        for t in reversed(range(steps)):
            active = None if inputs.active is None else inputs.active[t]
            for k in reversed(range(len(stages))):
                first = (grads[0][t],) if kind.is_last(stages[k]) else ()
                if 0 in carried_back:
                    first = (*first, carried_back[0])
                rest = tuple(grad for i, grad in sorted(carried_back.items()) if i)
                dgain, down, dcarried = inputs.kernels[k].backward(
                    products[k][t], x[t][:, rows[k]], gains[k], own, inputs.threshold, active, carried.pop(),
                    through_product, first, rest, grad_products[k][t], grad_x[t][:, rows[k]],
                )  # fmt: skip
                grad_gains[k] += dgain
                grad_own += down
                carried_back = dict(zip(stages[k].carries, dcarried, strict=True))
                if t or k or from_state:
                    through_product = torch.mm(grad_products[k][t], weights[k])
        grad_weight = [
            torch.mm(grad.flatten(0, 1).t(), operand[:steps].flatten(0, 1)).to(weight.dtype)
            for grad, operand in zip(grad_products, operands, strict=True)
        ]
        grad_state: list[Tensor | None] = [None] * len(state)
        if from_state:
            grad_state = [carried_back.get(i, zeros) for i in range(len(state))]
            through = kind.through_operand(through_product.to(x.dtype), state[0], inputs.threshold)
            grad_state[0] = through + carried_back.get(0, zeros)
        return grad_x, torch.cat(grad_weight), torch.cat(grad_gains), grad_own, None, *grad_state


def rows_of_stages(cell: Cell, hidden: int) -> list[slice]:
    """Rows of W_h that each stage's product has."""
    bounds = list(itertools.accumulate((len(stage.gates) * hidden for stage in cell.stages), initial=0))
    return [slice(first, last) for first, last in itertools.pairwise(bounds)]


def _sampled(steps: int) -> set[int]:
    """The last step, and a few more at equal distances before it."""
    return {steps * k // SAMPLED_STEPS - 1 for k in range(1, SAMPLED_STEPS + 1)}


def _by_step(statistics: list[Tensors], stages: int) -> Tensors:
    """Statistics of every stage of every step, as ``(T, R)`` each: means, then variances; or nothing."""
    return tuple(
        torch.cat([torch.stack([taken[which] for taken in statistics[k::stages]]) for k in range(stages)], 1)
        for which in range(len(statistics[0]))
    )
