"""Normalisation of one product ``z = W v`` of a layer.

==================== ===============================================================================================
norm                 of the product
==================== ===============================================================================================
``none``             z
``batch``            gain (z - mean) / sqrt(variance + eps), mean and variance of a row over the sequences at each
                     step (of an input product: over all steps as well); inference has one running mean and variance
                     that all steps share. RBT (Ardakani et al., ICLR 2019)
``batch-per-step``   the same, with running statistics of each time step, as RBT's code has it
``layer``            gain (z - mean) / sqrt(variance + eps), mean and variance over the rows. Ba et al. 2016
``weight``           gain (w / |w|) v, row by row, of the quantized weights. Salimans & Kingma 2016
==================== ===============================================================================================
"""

import torch
from torch import Tensor, nn

from archsim.errors import BadInput
from workloads.training.recipe import Norm

EPSILON = 1e-5
FIRST_BATCH_GAIN = 0.1
"""RBT's: a tanh of small numbers still has a gradient (Cooijmans et al. 2017)."""


def batch_statistics(z: Tensor, share: Tensor | None) -> tuple[Tensor, Tensor]:
    """Mean and biased variance ``(..., R)`` over the rows of `z` ``(..., N, R)``.

    `share` ``(N, 1)``: how often each row counts, if not once.
    """
    if share is None:
        mean = z.mean(-2)
        return mean, (z - mean.unsqueeze(-2)).square().mean(-2)
    weight = share.to(z.dtype) / share.sum()
    mean = (z * weight).sum(-2)
    return mean, ((z - mean.unsqueeze(-2)).square() * weight).sum(-2)


def batch_normalised(z: Tensor, mean: Tensor, variance: Tensor, gain: Tensor) -> Tensor:
    """`z` ``(..., N, R)`` by statistics ``(..., R)``."""
    return (z - mean.unsqueeze(-2)) * (gain * torch.rsqrt(variance + EPSILON)).unsqueeze(-2)


def layer_normalised(z: Tensor, gain: Tensor) -> Tensor:
    """`z` ``(..., R)`` by its own mean and variance over the rows."""
    centred = z - z.mean(-1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(-1, keepdim=True) + EPSILON) * gain


def row_norms(weight: Tensor) -> Tensor:
    """|w| of each row ``(R,)``; a row of zeros (ternary weights) has one that can be divided by."""
    return (weight.square().sum(1) + EPSILON).sqrt()


class ProductNorm(nn.Module):
    """Gain and running statistics of one product with `weight` ``(R, cols)``."""

    mean: Tensor
    variance: Tensor
    gain: Tensor

    def __init__(self, norm: Norm, weight: Tensor, steps: int) -> None:
        """`steps` of every sequence, for batch-per-step."""
        super().__init__()
        self.norm = norm
        rows = len(weight)
        if norm != "none":
            first = {"weight": row_norms(weight), "layer": torch.ones(rows)}
            self.gain = nn.Parameter(first.get(norm, torch.full((rows,), FIRST_BATCH_GAIN)))
        if self.by_batch:
            shape = (steps, rows) if norm == "batch-per-step" else (rows,)
            self.register_buffer("mean", torch.zeros(shape))
            self.register_buffer("variance", torch.ones(shape))

    @property
    def by_batch(self) -> bool:
        return self.norm in ("batch", "batch-per-step")

    def weight(self, quantized: Tensor) -> Tensor:
        """The weights as the product has them."""
        if self.norm != "weight":
            return quantized
        return quantized * (self.gain / row_norms(quantized))[:, None]

    def of_inputs(self, z: Tensor, share: Tensor | None, momentum: float | None) -> Tensor:
        """A product that needs no state, all at once: `z` ``(N, R)``, or ``(T, B, R)`` where steps are apart.

        Statistics over N or B, rows counted by `share` ``(N, 1)``, which the running ones follow by `momentum`; without
        one the running ones are used.
        """
        if self.norm == "layer":
            return layer_normalised(z, self.gain)
        if not self.by_batch:
            return z
        if momentum is None:
            return batch_normalised(z, *self._running(slice(0, z.shape[0])), self.gain)
        mean, variance = batch_statistics(z, share)
        self.follow(mean, variance, momentum)
        return batch_normalised(z, mean, variance, self.gain)

    def of_state(self, z: Tensor, step: int, rows: slice) -> Tensor:
        """Inference: some `rows` of the product ``(B, R)`` at one step."""
        if self.norm == "layer":
            return layer_normalised(z, self.gain[rows])
        if not self.by_batch:
            return z
        mean, variance = self._running(step)
        return batch_normalised(z, mean[rows], variance[rows], self.gain[rows])

    @torch.no_grad()
    def follow(self, mean: Tensor, variance: Tensor, momentum: float) -> None:
        """Move the running statistics towards those of a mini-batch."""
        self.mean.lerp_(mean, momentum)
        self.variance.lerp_(variance, momentum)

    def _running(self, steps: int | slice) -> tuple[Tensor, Tensor]:
        """Statistics of one step, of a few, or those that all share."""
        if self.norm == "batch":
            return self.mean, self.variance
        last = steps if isinstance(steps, int) else steps.stop - 1
        if last >= len(self.mean):
            given = f"{last + 1} steps"
            raise BadInput(
                f"norm batch-per-step has statistics of {len(self.mean)} steps, not of the {given} it is given"
            )
        return self.mean[steps], self.variance[steps]
