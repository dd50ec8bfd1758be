"""Weights rounded on the device they lie on, as `workloads.formats` rounds them on the host."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workloads.formats import WeightFormat
from workloads.formats.binary import Binary
from workloads.formats.exponential import Exponential
from workloads.formats.fixed import Fixed
from workloads.formats.floating import Float
from workloads.formats.pow2_ternary import Pow2Ternary
from workloads.formats.ternary import Ternary


def known(weight_format: WeightFormat) -> bool:
    """Whether `rounded` has its rule; an added format is rounded on the host."""
    return type(weight_format) in _RULES


def rounded(weight_format: WeightFormat, full: Tensor, gates: int) -> Tensor:
    """`full` ``(rows, cols)`` as the format holds it, deterministically; nothing of it is read by the host."""
    return _RULES[type(weight_format)](weight_format, full, gates)


def _scale_of_shape(weight_format: WeightFormat, full: Tensor, gates: int) -> float:
    """The scale of a format whose scale does not depend on the weights, in their type."""
    (scale,) = weight_format.fit_scale(np.broadcast_to(np.float32(0), full.shape), gates)
    return float(torch.tensor(scale, dtype=full.dtype))


def _ternary(weight_format: Ternary | Pow2Ternary, full: Tensor, gates: int) -> Tensor:
    scale = _scale_of_shape(weight_format, full, gates)
    beyond = full.abs() >= scale / 2 if isinstance(weight_format, Pow2Ternary) else full.abs() > scale / 2
    return torch.where(beyond, full.sign() * scale, 0.0)


def _binary(weight_format: Binary, full: Tensor, gates: int) -> Tensor:
    scale = _scale_of_shape(weight_format, full, gates)
    return torch.where(full >= 0, scale, -scale).to(full.dtype)


def _float(weight_format: Float, full: Tensor, gates: int) -> Tensor:
    return (
        full.clamp(-weight_format.reach, weight_format.reach)
        .to({16: torch.float16, 32: torch.float32}[weight_format.bits])
        .to(full.dtype)
    )


def _least_power_of_two(values: Tensor, lowest: int = -126) -> Tensor:
    mantissas, exponents = torch.frexp(values)
    return torch.ldexp(torch.ones_like(values), (exponents - (mantissas == 0.5).int()).clamp(lowest, 127))


def _fixed(weight_format: Fixed, full: Tensor, gates: int) -> Tensor:
    magnitudes = full.detach().abs().double()
    largest = magnitudes.amax(1, keepdim=True) if weight_format.per_row else magnitudes.amax()
    limit = weight_format.largest_code
    smallest = 2.0 ** -(weight_format.bits - 1)
    scale = torch.where(largest > 0, _least_power_of_two(largest / limit), smallest).to(full.dtype)
    return (full / scale).round().clamp(-limit, limit) * scale


def _exponential(weight_format: Exponential, full: Tensor, gates: int) -> Tensor:
    lowest, highest = weight_format.lowest, weight_format.lowest + weight_format.steps
    scale = torch.ones((), dtype=full.dtype, device=full.device)
    if weight_format.lowest_given is None:
        least = -126 + weight_format.steps
        scale = _least_power_of_two(full.detach().abs().amax().double().clamp(min=2.0**least), least).to(full.dtype)
    mantissas, exponents = torch.frexp(full.abs() / scale)
    exponents = exponents - 1 + (2 * mantissas - 1 > 0.5).int()
    exponents = torch.where(mantissas == 0, lowest, exponents).clamp(lowest, highest)
    return torch.ldexp(torch.where(full > 0, 1.0, -1.0).to(full.dtype), exponents) * scale


_RULES: Mapping[type, Callable[[Any, Tensor, int], Tensor]] = {
    Binary: _binary,
    Exponential: _exponential,
    Fixed: _fixed,
    Float: _float,
    Pow2Ternary: _ternary,
    Ternary: _ternary,
}
