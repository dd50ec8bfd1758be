"""The result of an engine: cycles, counts, and the stalls of the PE array."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

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
    """Cycle at which the state of each step is known, ``(steps,)``; of a phase without states, its last result."""
    ledger: Ledger
    reused_steps: int = field(default=0, compare=False)
    """Steps whose time was taken from an earlier, equal step (engine `burst`)."""

    @classmethod
    def in_turn(cls, phases: Sequence["Timing"]) -> "Timing":
        """The timing of `phases` of which each begins when the one before has ended."""
        began = accumulate((phase.cycles for phase in phases), initial=0)
        return cls(
            cycles=sum(phase.cycles for phase in phases),
            busy_cycles=sum(phase.busy_cycles for phase in phases),
            stalls={cause: sum(phase.stalls[cause] for phase in phases) for cause in STALLS},
            step_ends=np.concatenate([cycle + phase.step_ends for cycle, phase in zip(began, phases, strict=False)]),
            ledger=Ledger.total(phase.ledger for phase in phases),
            reused_steps=sum(phase.reused_steps for phase in phases),
        )


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a run: those of the dense products, those issued, and those with a non-zero operand."""

    dense: int
    issued: int
    useful: int

    @classmethod
    def total(cls, each: Iterable["Macs"]) -> "Macs":
        """The sum of `each`."""
        macs = tuple(each)
        return cls(sum(m.dense for m in macs), sum(m.issued for m in macs), sum(m.useful for m in macs))
