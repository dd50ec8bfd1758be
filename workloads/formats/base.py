"""What every weight format answers: how weights become codes, and how codes are stored."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput

Multiplier = Literal["float", "fixed", "mux", "shift"]
"""The arithmetic a format needs: a floating-point MAC, an integer MAC, a multiplexer and an adder, or a shifter and an
adder."""

Weights = NDArray[np.floating]
Scale = NDArray[np.float64]


class WeightFormat(Protocol):
    """A number format for weights: ``weights ~= codes * scale[:, None]``, one scale a matrix or one a row."""

    @property
    def name(self) -> str: ...

    @property
    def bits(self) -> int:
        """Storage bits of one weight."""
        ...

    @property
    def multiplier(self) -> Multiplier: ...

    @property
    def stochastic(self) -> bool:
        """Whether `quantize` takes a generator. Where it does not, BadInput says so."""
        ...

    def fit_scale(self, weights: Weights, gates: int = 1) -> Scale:
        """Scale ``(1,)`` or ``(rows,)`` of a matrix ``(rows, cols)``.

        `gates` is how many matrices of equal height are stacked in it: LIMP's scales are those of one gate.
        """
        ...

    def closest_scale(self, weights: Weights) -> Scale:
        """Scale ``(1,)`` or ``(rows,)`` with the least squared error of `quantize`: what an import takes."""
        ...

    @property
    def reach(self) -> float:
        """Largest magnitude, in scales, that is rounded and not clipped: half a step above the largest code."""
        ...

    def quantize(self, weights: Weights, scale: Scale, rng: np.random.Generator | None = None) -> NDArray[np.generic]:
        """Codes ``(rows, cols)``: int8 up to 8 bits, int16 above; float32 where a code is a float or a power of two.

        Deterministic without `rng`; with it each weight is drawn. A weight that has a code is never changed.
        """
        ...

    def pack(self, codes: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Codes of any shape to a flat byte array of ``ceil(size * bits / 8)`` bytes."""
        ...

    def unpack(self, packed: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Inverse of `pack`. ValueError where the byte count does not fit the shape, or a code stands for nothing."""
        ...


def rounded(
    weight_format: WeightFormat, weights: Weights, rng: np.random.Generator | None = None, gates: int = 1
) -> Weights:
    """`weights` ``(rows, cols)`` as `weight_format` holds them, in the type they came in: training's forward pass."""
    scale = weight_format.fit_scale(weights, gates)
    codes = weight_format.quantize(weights, scale, rng)
    values: Weights = codes.astype(weights.dtype) * by_row(scale, weights)
    return values


def by_row(scale: Scale, weights: Weights) -> Weights:
    """`scale` as a column ``(1 or rows, 1)`` in the type of `weights`, so that float32 stays float32."""
    return np.reshape(scale, (-1, 1)).astype(weights.dtype)


def draws(rng: np.random.Generator, weights: Weights) -> NDArray[np.float32]:
    """One number a weight, uniform in [0, 1): ``draws < p`` is Bernoulli(p), never for p = 0 and always for p = 1."""
    return rng.random(weights.shape, dtype=np.float32)


def deterministic_only(name: str, rng: np.random.Generator | None) -> None:
    """BadInput where a generator is handed to a format that no paper samples."""
    if rng is not None:
        raise BadInput(f"weight format {name} has no stochastic rounding")


def least_power_of_two(values: NDArray[np.floating], lowest: int = -126) -> Scale:
    """The least power of two not below each of `values` > 0, within 2**lowest and 2**127: normal float32 by default."""
    mantissas, exponents = np.frexp(values.astype(np.float64))  # mantissa in [0.5, 1), exact where log2 is not
    powers: Scale = np.ldexp(1.0, np.clip(exponents - (mantissas == 0.5), lowest, 127))
    return powers


def glorot_alpha(weights: Weights, gates: int = 1) -> float:
    """RBT's alpha: half the Glorot-uniform bound of the fused matrix ``(rows, cols)``, all its gates together.

    Ardakani et al., ICLR 2019, the authors' code: ``sqrt(6 / (n_in + 4 n_h)) / 2``, fixed.
    """
    rows, cols = weights.shape
    return float(np.sqrt(6.0 / (rows + cols)) / 2)


def glorot_bound(weights: Weights, gates: int = 1) -> float:
    """LIMP's W0: the Glorot-uniform bound ``sqrt(6 / (n_in + n_out))`` of one gate's matrix ``(rows / gates, cols)``.

    Ott et al., arXiv 1608.06902, the authors' code (``high`` and ``high_hid`` of rounding_rnn.py).
    """
    rows, cols = weights.shape
    return float(np.sqrt(6.0 / (rows / gates + cols)))
