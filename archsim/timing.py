"""What an engine yields: time, counts, and why the PE array stood still."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archsim.catalogue import PE_ARRAY
from archsim.ledger import Ledger

STALLS: tuple[str, ...] = PE_ARRAY.causes
"""Why the PE array stands still, in the order of blame; ``analysis.stalls`` says the same of every component."""


@dataclass(frozen=True)
class Timing:
    """What an engine yields: time, counts, and why the PE array stood still."""

    cycles: int
    busy_cycles: int
    stalls: dict[str, int]
    """Cycles without work on the PE array, by cause; together with `busy_cycles` they are `cycles`."""
    step_ends: NDArray[np.int64]
    """Cycle at which the state of each step is known, ``(steps,)``."""
    ledger: Ledger
    reused_steps: int = field(default=0, compare=False)
    """Steps whose time was known from an earlier one (engine `burst`)."""


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a run: of the dense products, really issued, and with a non-zero operand."""

    dense: int
    issued: int
    useful: int
