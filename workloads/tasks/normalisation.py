"""Normalisation of input vectors, feature by feature, by figures of the training data alone."""

from collections.abc import Iterable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from archsim.errors import BadInput
from archsim.frozen import Frozen

Method = Literal["standard", "min-max"]


class Normalisation(Frozen):
    """A vector enters a network as ``(x - offset) / scale``, each feature by itself, in double precision."""

    method: Method
    offset: tuple[float, ...] = Field(min_length=1, description="mean, or least value, of each feature")
    scale: tuple[float, ...] = Field(
        min_length=1, description="standard deviation, or range; 1 where a feature never changes"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.offset) != len(self.scale):
            raise ValueError(f"scale must have {len(self.offset)} numbers, as offset, not {len(self.scale)}")
        if not np.all(np.isfinite([*self.offset, *self.scale])) or not all(self.scale):
            raise ValueError("offset and scale must be finite, and no scale 0")
        return self

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """`values` ``(..., F)``, normalised. BadInput where the number of features is another."""
        if values.ndim < 1 or values.shape[-1] != len(self.offset):
            raise BadInput(f"inputs must have {len(self.offset)} features to be normalised, not shape {values.shape}")
        normalised: NDArray[np.float64] = (values.astype(np.float64) - np.array(self.offset)) / np.array(self.scale)
        return normalised.astype(np.float32)

    @classmethod
    def fitted(cls, method: Method, pieces: Iterable[NDArray[Any]]) -> Self:
        """Of the values of sequences, ``(steps, F)`` each, in one pass (Chan et al.'s update of a variance)."""
        count = 0
        mean = squares = np.zeros(1)
        low, high = np.full(1, np.inf), np.full(1, -np.inf)
        for piece in pieces:
            values = np.asarray(piece, np.float64)
            steps, average = len(values), values.mean(axis=0)
            apart = average - mean
            squares = squares + np.square(values - average).sum(axis=0) + apart**2 * (count * steps / (count + steps))
            mean = mean + apart * (steps / (count + steps))
            low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
            count += steps
        offset, scale = (mean, np.sqrt(squares / count)) if method == "standard" else (low, high - low)
        same = low == high  # rounding leaves a deviation a little above 0
        return cls(method=method, offset=tuple(offset), scale=tuple(np.where(same | (scale == 0), 1.0, scale)))
