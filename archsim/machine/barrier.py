"""The barrier between two steps: the times that one step leaves to the next."""

from dataclasses import dataclass

from archsim.mapping.fifo import State
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work


@dataclass(frozen=True, slots=True)
class Barrier:
    """Times that one step leaves to the next, in cycles from some origin.

    Together with the work that remains, they determine all later times.
    """

    path: int
    """Cycle at which the weight path can take the next burst."""
    tiles: int
    """Cycle at which the PEs have consumed the last column."""
    banks: tuple[int, ...]
    """Cycles at which the scratch banks are free, the earliest first."""
    activated: int
    """Cycle at which the activation unit is free."""
    encoded: int
    """Cycle at which the encoder is free."""
    lists: tuple[int, ...]
    """Cycles at which the latest operand lists are known, one for each of ``Plan.lists``."""
    channel: int
    """Cycle at which the inputs of the next step have left the DRAM channel."""
    inputs: int
    """Cycle at which the inputs of the next step have arrived."""
    fifo: State
    """What the last burst has left in the FIFO (``mapping.fifo``)."""

    @classmethod
    def start(cls, plan: Plan, work: Work) -> "Barrier":
        """The barrier before the first step: nothing has run, and the first inputs are fetched from cycle 0 on."""
        channel = inputs = 0
        if plan.fetch:
            channel = plan.fetch.cycles[work.inputs_at(plan, 0)]
            inputs = channel + plan.fetch.latency_cycles
        return cls(0, 0, (0,) * plan.banks, 0, 0, (0,) * len(plan.lists), channel, inputs, ())

    def after(self, origin: int) -> "Barrier":
        """The same times relative to `origin`.

        Times that have passed before anything can depend on them are raised to the first cycle at which something can,
        so that equivalent barriers compare equal.
        """
        tiles = self.tiles - origin
        activated = max(self.activated - origin, tiles)  # a block is activated once it is consumed
        return Barrier(
            path=self.path - origin,
            tiles=tiles,
            banks=tuple(max(bank - origin, tiles) for bank in self.banks),
            activated=activated,
            encoded=max(self.encoded - origin, activated),
            lists=tuple(max(known, self.path) - origin for known in self.lists),
            channel=max(self.channel, self.path) - origin,
            inputs=max(self.inputs, self.path) - origin,
            fifo=self.fifo,
        )
