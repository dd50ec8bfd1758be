"""The result of an engine: cycles, counts, and the stalls of the PE array."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archsim.catalogue import PE_ARRAY
from archsim.ledger import Ledger

STALLS: tuple[str, ...] = PE_ARRAY.causes
"""Causes for which the PE array stalls, in the order of blame; ``analysis.stalls`` covers every component."""


@dataclass(frozen=True)
class Timing:
    """The result of an engine: cycles, counts, and the stalls of the PE array."""

    cycles: int
    busy_cycles: int
    stalls: dict[str, int]
    """Stall cycles of the PE array by cause; together with `busy_cycles` they add up to `cycles`."""
    step_ends: NDArray[np.int64]
    """Cycle at which the state of each step is known, ``(steps,)``."""
    ledger: Ledger
    reused_steps: int = field(default=0, compare=False)
    """Steps whose time was taken from an earlier, equal step (engine `burst`)."""


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a run: those of the dense products, those issued, and those with a non-zero operand."""

    dense: int
    issued: int
    useful: int
