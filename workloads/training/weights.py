"""Weights as they are trained: a full-precision copy, and the quantized value that the network sees."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workloads.formats import WeightFormat
from workloads.training import rounding

Rng = np.random.Generator | None
"""Rounding is stochastic where there is a generator."""


class _StraightThrough(torch.autograd.Function):
    """The quantized value forward, its gradient to the full-precision copy backward."""

    @staticmethod
    def forward(ctx: Any, full: Tensor, value: Tensor) -> Tensor:
        return value

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0], None


class QuantizedWeight(nn.Module):
    """A matrix whose value in the forward pass is quantized; the gradient passes straight through."""

    def __init__(self, initial: Tensor, weight_format: WeightFormat, gates: int = 1) -> None:
        """`gates`: how many matrices are stacked in it (see `WeightFormat.fit_scale`)."""
        super().__init__()
        self.full = nn.Parameter(initial)
        self.format, self.gates = weight_format, gates

    @property
    def quantizes(self) -> bool:
        return self.format.bits < 32

    def codes(self, rng: Rng = None) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Codes ``(rows, cols)`` and their scale ``(1,)`` or ``(rows,)``; drawn where there is a generator."""
        full = self.full.detach().cpu().numpy()
        scale = self.format.fit_scale(full, self.gates)
        return self.format.quantize(full, scale, self._allowed(rng)), scale

    def forward(self, rng: Rng = None) -> Tensor:
        if not self.quantizes:
            return self.full
        if self.full.device.type != "cpu" and self._allowed(rng) is None and rounding.known(self.format):
            return _straight_through(self.full, rounding.rounded(self.format, self.full.detach(), self.gates))
        codes, scale = self.codes(rng)
        return _through(self.full, codes, scale)

    def bias(self, full: Tensor, rng: Rng = None) -> Tensor:
        """The bias `full` ``(rows,)`` of this matrix' product, in the format and at the scale of its last rows."""
        if not self.quantizes:
            return full
        scale = self.format.fit_scale(self.full.detach().cpu().numpy(), self.gates)[-len(full) :]
        column = full.detach().cpu().numpy()[:, None]
        return _through(full[:, None], self.format.quantize(column, scale, self._allowed(rng)), scale)[:, 0]

    def _allowed(self, rng: Rng) -> Rng:
        return rng if self.format.stochastic else None


def _through(full: Tensor, codes: NDArray[Any], scale: NDArray[np.float64]) -> Tensor:
    dtype = np.float64 if full.dtype == torch.float64 else np.float32
    return _straight_through(full, torch.from_numpy(codes.astype(dtype) * scale[:, None].astype(dtype)).to(full))


def _straight_through(full: Tensor, value: Tensor) -> Tensor:
    quantized: Tensor = _StraightThrough.apply(full, value)  # type: ignore[no-untyped-call]
    return quantized


def draw(seed: int, *which: int) -> np.random.Generator:
    """Generator of the stochastic rounding of one mini-batch (`which`: epoch and mini-batch, from 1), or, of none, of
    the one draw that is validated and exported."""
    return np.random.default_rng((seed, *which))
