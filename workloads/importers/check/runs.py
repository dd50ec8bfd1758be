"""What a source computes, by whatever runs it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class SourceRun:
    """One run of the source of a network."""

    by: str
    """What ran it."""
    inputs: Numbers
    """What it was given, as models here read it: symbols ``(T, B)`` or vectors ``(T, B, I)``."""
    layers: tuple[NDArray[Any] | None, ...]
    """h of each layer by position ``(T, B, P)``; None where the source does not tell."""
    outputs: tuple[NDArray[Any], ...]
    """What it answers: ``(T, B, V)``, ``(B, T, V)``, ``(B, V)``, or one of these with its first axes merged."""
