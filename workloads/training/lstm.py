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


def quantize_state(h: Tensor, threshold: float, state_bits: int | None) -> Tensor:
    """h with ``|h| < threshold`` set to zero, then rounded to `state_bits` (Q0.n), or not at all for None."""
    pruned = torch.where(h.abs() < threshold, torch.zeros((), dtype=h.dtype, device=h.device), h)
    if state_bits is None:
        return pruned
    unit = 2.0 ** (state_bits - 1)
    return pruned.mul_(unit).round_().clamp_(-unit, unit - 1).div_(unit)


def _tanh(x: Tensor) -> Tensor:
    return torch.sigmoid(2 * x).mul_(2).sub_(1)  # on CPU several times faster than torch.tanh


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
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        steps, batch, rows = input_gates.shape
        hidden = rows // 4
        empty, zeros = input_gates.new_empty, input_gates.new_zeros
        w = weight.to(product_dtype)
        w_t = w.t()
        normalised = empty(steps, batch, rows)
        gates = empty(steps, batch, rows)
        inv_std = empty(steps, rows)
        means = zeros(rows)
        variances = zeros(rows)
        states = empty(steps + 1, batch, hidden)
        cells = empty(steps + 1, batch, hidden)
        tanh_cells = empty(steps, batch, hidden)
        tail = []
        states[0], cells[0] = h, c
        for t in range(steps):
            product = torch.mm(states[t].to(product_dtype), w_t).to(input_gates.dtype)
            zn, mean, rstd = torch.native_batch_norm(product, None, None, None, None, True, 0.0, EPSILON)
            normalised[t], inv_std[t] = zn, rstd
            means += mean
            variances += rstd.pow(-2).sub_(EPSILON)
            gate = torch.mul(zn, phi, out=gates[t]).add_(input_gates[t])
            g = gate[:, 2 * hidden : 3 * hidden]
            g.mul_(2)
            gate.sigmoid_()
            g.mul_(2).sub_(1)
            i, f, _, o = gate.chunk(4, 1)
            torch.addcmul(i * g, f, cells[t], out=cells[t + 1])
            tanh_cells[t] = _tanh(cells[t + 1])
            raw = o * tanh_cells[t]
            if t >= steps - 4:
                tail.append(raw.abs())
            states[t + 1] = quantize_state(raw, threshold, state_bits)
        ctx.save_for_backward(weight, phi, normalised, gates, inv_std, states, cells, tanh_cells)
        ctx.product_dtype, ctx.threshold = product_dtype, threshold
        outputs = states[1:], cells[steps].clone(), means / steps, variances / steps, torch.stack(tail)
        ctx.mark_non_differentiable(*outputs[1:])
        return outputs

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        weight, phi, normalised, gates, inv_std, states, cells, tanh_cells = ctx.saved_tensors
        grad_states = grads[0]
        steps, batch, rows = gates.shape
        hidden = rows // 4
        w = weight.to(ctx.product_dtype)
        grad_gates = torch.empty_like(gates)
        grad_products = torch.empty(steps, batch, rows, dtype=ctx.product_dtype, device=gates.device)
        grad_phi = torch.zeros_like(phi)
        grad_h = torch.zeros_like(cells[0])
        grad_c = torch.zeros_like(cells[0])
        ones = torch.full((1, batch), 1.0 / batch, dtype=gates.dtype, device=gates.device)
        for t in reversed(range(steps)):
            i, f, g, o = gates[t].chunk(4, 1)
            th = tanh_cells[t]
            dh = grad_states[t] + grad_h
            if ctx.threshold:
                dh.mul_((o * th).abs() >= ctx.threshold)
            grad_c.addcmul_(dh * o, 1 - th * th)
            d = grad_gates[t]
            di, df, dg, do = d.chunk(4, 1)
            torch.mul(grad_c, g, out=di)
            torch.mul(grad_c, cells[t], out=df)
            torch.mul(grad_c, i, out=dg)
            torch.mul(dh, th, out=do)
            slope = gates[t] * (1 - gates[t])
            slope[:, 2 * hidden : 3 * hidden] = 1 - g * g
            d.mul_(slope)
            grad_c = grad_c * f
            zn = normalised[t]
            mean_d = torch.mm(ones, d)  # (1, 4H)
            mean_dz = torch.mm(ones, d * zn)
            grad_phi.add_(mean_dz[0], alpha=batch)
            centred = (d - mean_d).sub_(zn * mean_dz)
            grad_products[t] = centred.mul_(phi * inv_std[t])
            grad_h = torch.mm(grad_products[t], w).to(gates.dtype)
        before = states[:-1].reshape(steps * batch, hidden).to(ctx.product_dtype)
        grad_weight = torch.mm(grad_products.view(steps * batch, rows).t(), before).to(gates.dtype)
        return grad_gates, grad_weight, grad_phi, None, None, None, None, None


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

    def run(self, symbols: Tensor, h: Tensor, c: Tensor, product_dtype: torch.dtype, momentum: float) -> Sequence:
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
            h = quantize_state(torch.sigmoid(o) * torch.tanh(c), float(self.threshold), self.state_bits)
            states.append(h)
        return self.readout(torch.stack(states)), h, c
