"""The LSTM that is trained: batch-normalised products, quantized weights, pruned and quantized state.

One autograd function runs the whole sequence, forward and backward, so that the weight gradient is a single
product over all steps and nothing is dispatched per step but the arithmetic itself. Its gradient equals
PyTorch's own (tests/workloads/test_training.py).

Gates, after RBT (Ardakani et al., ICLR 2019)::

    i, f, g, o = BN(W_h h; phi_h, 0) + BN(W_x x; phi_x, 0) + b
    c' = sigmoid(f) c + sigmoid(i) tanh(g),   h' = sigmoid(o) tanh(c')

The state is pruned after SKIP (Ardakani et al., DATE 2019): elements below a threshold become zero. Their gradient is
zero as well; passed straight through, as SKIP has it, training to 90 % sparsity by quantile runs away (the threshold
follows |h| towards 1; 3.7 BPC after 14 epochs, where the exact gradient is at 2.0 after 4). Rounding is passed
straight through. What the recurrence and the readout see is the pruned, quantized h.
"""

import shutil
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workloads.formats import by_name

EPSILON = 1e-5


class Sequence(NamedTuple):
    """What one run over ``T`` steps of ``B`` sequences yields."""

    states: Tensor  # (T, B, H) pruned and quantized h
    cell: Tensor  # (B, H) c after the last step
    means: Tensor  # (4H,) mean over time of the batch means of W_h h
    variances: Tensor  # (4H,) mean over time of the batch variances of W_h h
    unpruned_tail: Tensor  # (min(T, 4), B, H) |h| of the last steps before pruning


def quantize_state(h: Tensor, threshold: Tensor, state_bits: int | None) -> Tensor:
    """h with ``|h| < threshold`` set to zero, then rounded to `state_bits` (Q0.n), or not at all for None."""
    pruned = torch.where(h.abs() < threshold, 0.0, h)
    if state_bits is None:
        return pruned
    unit = 2.0 ** (state_bits - 1)
    return (pruned * unit).round().clamp(-unit, unit - 1) / unit


def _forward_step(
    product: Tensor,  # (B, 4H) W_h h
    input_gates: Tensor,  # (B, 4H)
    phi: Tensor,  # (4H,)
    c: Tensor,  # (B, H)
    threshold: Tensor,  # ()
    state_bits: int | None,
    normalised: Tensor,  # (B, 4H), written
    gates: Tensor,  # (B, 4H), written
    tanh_cell: Tensor,  # (B, H), written
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """One step after the product: its mean, variance and 1/std over the batch, h before and after pruning, and c."""
    z = product.to(input_gates.dtype)
    mean = z.mean(0)
    centred = z - mean
    variance = centred.square().mean(0)
    inv_std = torch.rsqrt(variance + EPSILON)
    zn = centred * inv_std
    i, f, g, o = (zn * phi + input_gates).chunk(4, 1)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    new_c = f * c + i * g
    th = torch.tanh(new_c)
    raw = o * th
    normalised.copy_(zn)
    gates.copy_(torch.cat([i, f, g, o], 1))
    tanh_cell.copy_(th)
    return mean, variance, inv_std, raw, quantize_state(raw, threshold, state_bits), new_c


def _backward_step(
    grad_h: Tensor,  # (B, H) of h after pruning
    grad_c: Tensor,  # (B, H)
    gates: Tensor,  # (B, 4H)
    tanh_cell: Tensor,  # (B, H)
    c: Tensor,  # (B, H) before the step
    normalised: Tensor,  # (B, 4H)
    phi_inv_std: Tensor,  # (4H,)
    threshold: Tensor,  # ()
    grad_gates: Tensor,  # (B, 4H), written
    grad_product: Tensor,  # (B, 4H), written
) -> tuple[Tensor, Tensor]:
    """Gradients of c before the step, and of phi over the batch; nothing flows through a pruned element."""
    i, f, g, o = gates.chunk(4, 1)
    dh = torch.where((o * tanh_cell).abs() < threshold, 0.0, grad_h)
    dc = grad_c + dh * o * (1 - tanh_cell * tanh_cell)
    d = torch.cat([dc * g * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - g * g), dh * tanh_cell * o * (1 - o)], 1)
    mean_dz = (d * normalised).mean(0)
    grad_gates.copy_(d)
    grad_product.copy_(phi_inv_std * (d - d.mean(0) - normalised * mean_dz))
    return dc * f, mean_dz * len(d)


class Steps(NamedTuple):
    """The elementwise part of a step, forward and backward."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]


EAGER = Steps(_forward_step, _backward_step)


@cache
def fastest() -> Steps:
    """The same with each step one kernel (torch.compile), where there is a C++ compiler: twice as fast on a CPU."""
    if shutil.which("c++") is None:
        return EAGER
    return Steps(torch.compile(_forward_step, dynamic=False), torch.compile(_backward_step, dynamic=False))


class _RunSequence(torch.autograd.Function):
    """Forward and backward over a sequence; batch statistics per step (training)."""

    @staticmethod
    def forward(
        ctx: Any,
        input_gates: Tensor,  # (T, B, 4H) normalised input product with the bias
        weight: Tensor,  # (4H, H)
        phi: Tensor,  # (4H,)
        h: Tensor,  # (B, H)
        c: Tensor,  # (B, H)
        threshold: float,
        state_bits: int | None,
        product_dtype: torch.dtype,
        run: Steps,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        steps, batch, rows = input_gates.shape
        hidden = rows // 4
        empty, zeros = input_gates.new_empty, input_gates.new_zeros
        w_t = weight.to(product_dtype).t()
        limit = torch.tensor(threshold, dtype=input_gates.dtype, device=input_gates.device)
        normalised, gates = empty(steps, batch, rows), empty(steps, batch, rows)
        inv_std, means, variances = empty(steps, rows), zeros(rows), zeros(rows)
        states, cells = empty(steps + 1, batch, hidden), empty(steps + 1, batch, hidden)
        tanh_cells = empty(steps, batch, hidden)
        tail = []
        states[0], cells[0] = h, c
        for t in range(steps):
            product = torch.mm(states[t].to(product_dtype), w_t)
            written = normalised[t], gates[t], tanh_cells[t]
            mean, variance, inv_std[t], raw, states[t + 1], cells[t + 1] = run.forward(
                product, input_gates[t], phi, cells[t], limit, state_bits, *written
            )
            means += mean
            variances += variance
            if t >= steps - 4:
                tail.append(raw.abs())
        ctx.save_for_backward(weight, phi, normalised, gates, inv_std, states, cells, tanh_cells, limit)
        ctx.product_dtype, ctx.run = product_dtype, run
        outputs = states[1:], cells[steps].clone(), means / steps, variances / steps, torch.stack(tail)
        ctx.mark_non_differentiable(*outputs[1:])
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, phi, normalised, gates, inv_std, states, cells, tanh_cells, limit = ctx.saved_tensors
        grad_states = grads[0]
        steps, batch, rows = gates.shape
        w = weight.to(ctx.product_dtype)
        grad_gates = torch.empty_like(gates)
        grad_products = torch.empty(steps, batch, rows, dtype=ctx.product_dtype, device=gates.device)
        grad_phi = torch.zeros_like(phi)
        grad_h, grad_c = grad_states[-1], torch.zeros_like(cells[0])
        for t in reversed(range(steps)):
            saved = gates[t], tanh_cells[t], cells[t], normalised[t]
            written = grad_gates[t], grad_products[t]
            grad_c, grad_phi_t = ctx.run.backward(grad_h, grad_c, *saved, phi * inv_std[t], limit, *written)
            grad_phi += grad_phi_t
            if t:
                grad_h = grad_states[t - 1] + torch.mm(grad_products[t], w)
        before = states[:-1].reshape(steps * batch, -1).to(ctx.product_dtype)
        grad_weight = torch.mm(grad_products.view(steps * batch, rows).t(), before).to(gates.dtype)
        return grad_gates, grad_weight, grad_phi, None, None, None, None, None, None


class QuantizedWeight(nn.Module):
    """A full-precision copy whose value in the forward pass is quantized; the gradient passes straight through."""

    def __init__(self, initial: Tensor, weight_format: str) -> None:
        super().__init__()
        self.full = nn.Parameter(initial)
        self.format = by_name(weight_format)

    def forward(self) -> Tensor:
        if self.format.multiplier == "float":
            return self.full
        detached = self.full.detach()
        weights = detached.cpu().numpy()
        scale = self.format.fit_scale(weights)
        codes = self.format.quantize(weights, scale)
        value = torch.from_numpy(codes.astype(weights.dtype) * np.asarray(scale, weights.dtype)).to(detached.device)
        return self.full + (value - detached)


class CharLSTM(nn.Module):
    """One-hot symbols -> LSTM with batch-normalised products -> readout at every step.

    Gate rows in PyTorch's order (input, forget, cell, output). Readout weights are fixed8 where the LSTM's are
    quantized, so that an integer array can run the whole model; biases stay in full precision.
    """

    input_mean: Tensor
    input_variance: Tensor
    recurrent_mean: Tensor
    recurrent_variance: Tensor
    threshold: Tensor

    def __init__(self, symbols: int, hidden: int, weight_format: str, state_bits: int | None) -> None:
        super().__init__()
        self.symbols, self.hidden, self.state_bits = symbols, hidden, state_bits
        quantized = by_name(weight_format).multiplier != "float"
        bound_x = (6.0 / (symbols + 4 * hidden)) ** 0.5
        w_x = torch.empty(4 * hidden, symbols).uniform_(-bound_x, bound_x)
        w_h = torch.cat([nn.init.orthogonal_(torch.empty(hidden, hidden)) for _ in range(4)])
        w_h *= (6.0 / (5 * hidden)) ** 0.5 / (3**0.5) / w_h.std()  # Glorot's variance for the fused matrix
        self.input_weight = QuantizedWeight(w_x, weight_format)
        self.recurrent_weight = QuantizedWeight(w_h, weight_format)
        self.phi_input = nn.Parameter(torch.full((4 * hidden,), 0.1))
        self.phi_recurrent = nn.Parameter(torch.full((4 * hidden,), 0.1))
        bias = torch.zeros(4 * hidden)
        bias[hidden : 2 * hidden] = 1.0  # forget bias
        self.bias = nn.Parameter(bias)
        readout = torch.empty(symbols, hidden).uniform_(-(hidden**-0.5), hidden**-0.5)
        self.readout_weight = QuantizedWeight(readout, "fixed8" if quantized else "float32")
        self.readout_bias = nn.Parameter(torch.zeros(symbols))
        for product in ("input", "recurrent"):  # shared over time, as inference uses them
            self.register_buffer(f"{product}_mean", torch.zeros(4 * hidden))
            self.register_buffer(f"{product}_variance", torch.ones(4 * hidden))
        self.register_buffer("threshold", torch.zeros(()))

    def input_table(self, symbols: Tensor | None, momentum: float = 0.1) -> Tensor:
        """``(symbols, 4H)``: normalised input product of every symbol, plus the bias.

        A one-hot product is a column of W_x, so its mean and variance over a mini-batch ``symbols`` follow from
        how often each symbol occurs. None: the running statistics.
        """
        table = self.input_weight().t()
        if symbols is None:
            mean, variance = self.input_mean, self.input_variance
        else:
            share = torch.bincount(symbols.reshape(-1), minlength=self.symbols).to(table.dtype) / symbols.numel()
            mean = share @ table
            variance = share @ (table - mean).square()
            with torch.no_grad():
                self.input_mean.lerp_(mean, momentum)
                self.input_variance.lerp_(variance, momentum)
        normalised: Tensor = (table - mean) * (self.phi_input * torch.rsqrt(variance + EPSILON))
        return normalised + self.bias

    def run(
        self,
        symbols: Tensor,
        h: Tensor,
        c: Tensor,
        product_dtype: torch.dtype,
        momentum: float,
        steps: Steps = EAGER,
    ) -> Sequence:
        """Training pass over symbols ``(T, B)`` with batch statistics; updates the running ones."""
        input_gates = nn.functional.embedding(symbols, self.input_table(symbols, momentum))
        out = Sequence(
            *_RunSequence.apply(  # type: ignore[no-untyped-call]
                input_gates,
                self.recurrent_weight(),
                self.phi_recurrent,
                h,
                c,
                float(self.threshold),
                self.state_bits,
                product_dtype,
                steps,
            )
        )
        self.recurrent_mean.lerp_(out.means, momentum)
        self.recurrent_variance.lerp_(out.variances, momentum)
        return out

    def readout(self, states: Tensor) -> Tensor:
        """Logits ``(..., symbols)`` of states ``(..., H)``."""
        return nn.functional.linear(states, self.readout_weight(), self.readout_bias)

    @torch.no_grad()
    def infer(self, symbols: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inference over ``(T, B)`` with the running statistics: logits ``(T, B, symbols)``, h and c."""
        table = self.input_table(None)
        scale = self.phi_recurrent * torch.rsqrt(self.recurrent_variance + EPSILON)
        weight = self.recurrent_weight().t() * scale  # (H, 4H)
        table = table - self.recurrent_mean * scale
        states = []
        for t in range(len(symbols)):
            i, f, g, o = torch.addmm(table[symbols[t]], h, weight).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = quantize_state(torch.sigmoid(o) * torch.tanh(c), self.threshold, self.state_bits)
            states.append(h)
        return self.readout(torch.stack(states)), h, c
