"""What one step leaves to the next."""

from dataclasses import dataclass

from archsim.mapping.plan import Plan
from archsim.mapping.work import Work


@dataclass(frozen=True)
class Barrier:
    """Times that one step leaves to the next, in cycles from some origin: all that what follows depends on."""

    path: int
    """The weight path can take the next burst."""
    tiles: int
    """The PEs have consumed the last column."""
    banks: tuple[int, ...]
    """The scratch banks are free, the earliest first."""
    activated: int
    """The activation unit is free."""
    encoded: int
    """The encoder is free."""
    lists: tuple[int, ...]
    """The latest list of each operand is known."""
    channel: int
    """The inputs of the next step have left the DRAM channel."""
    inputs: int
    """They are there."""

    @classmethod
    def start(cls, plan: Plan, work: Work) -> "Barrier":
        """Nothing has run, and the first inputs are fetched."""
        channel = inputs = 0
        if plan.fetch:
            channel = plan.fetch.cycles[work.inputs_at(plan, 0)]
            inputs = channel + plan.fetch.latency_cycles
        return cls(0, 0, (0,) * plan.banks, 0, 0, (0,) * len(plan.lists), channel, inputs)

    def after(self, origin: int) -> "Barrier":
        """The same seen from `origin`. Times that are over before anything can depend on them are as good as any
        other such time, and are all given one value, so that equal situations compare equal."""
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
        )
