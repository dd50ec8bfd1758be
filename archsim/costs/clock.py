"""Timing closure: logic is cut into pipeline stages and memories are split into banks until both meet the clock."""

from dataclasses import dataclass

from archsim.costs.block import BuiltBlock, CriticalPath, PlacedMemory, period_ns
from archsim.costs.conditions import Conditions, conditions
from archsim.costs.library import chip
from archsim.costs.logic import least_stage_ns
from archsim.costs.own import SHIPPED, CostTable
from archsim.design import Design


@dataclass(frozen=True)
class Reach:
    """How fast a clock a part of the chip can meet."""

    part: str
    needed_ns: float
    """For a unit, its longest stage, in as many stages as the design gives it; for a memory, the cycle of a bank."""
    least_ns: float
    """The shortest period that any cut reaches: for a unit, a flip-flop and a full adder, or all of a path that cannot
    be cut; for a memory, its fastest bank."""
    stages: int
    """Pipeline stages that a unit needs and is built with; 1 for a memory."""
    banks: int
    """Banks that a memory needs and is built with; 0 for a unit."""
    given: int = 1
    """Pipeline stages that the design itself gives a unit."""
    instead: str | None = None
    """What shortens a path that cannot be cut; None for any other."""

    @property
    def extra_stages(self) -> int:
        """Pipeline stages that a unit needs beyond those the design gives it."""
        return max(0, self.stages - self.given)

    @property
    def shortest_ns(self) -> float:
        """The shortest period with any number of stages and banks."""
        return min(self.needed_ns, self.least_ns)

    @property
    def reach_mhz(self) -> float:
        """The fastest clock without a further stage or bank."""
        return 1000 / self.needed_ns

    def problem(self, clock_ns: float) -> str | None:
        """What is wrong if the part as designed misses a clock of `clock_ns`; None if it meets it."""
        if self.needed_ns <= clock_ns:
            return None
        takes = f"{self.part}: takes {self.needed_ns:.2f} ns, the clock allows {clock_ns:.2f} ns"
        if self.banks:
            return f"{takes}: no number of banks meets it"
        if self.instead is not None:
            return f"{takes}: no pipeline stage shortens a loop; {self.instead}"
        if clock_ns < self.least_ns:
            return f"{takes}: no number of pipeline stages meets it"
        return f"{takes}: {self.stages} pipeline stages (their registers are priced)"


def reaches(design: Design, costs: CostTable = SHIPPED) -> tuple[Reach, ...]:
    """Every part of a design that must meet the clock: logic, then memories."""
    blocks = chip(design, costs.library).built.items()
    found = [reach for name, block in blocks for reach in reaches_of(name, block, conditions(design))]
    return tuple(sorted(found, key=lambda reach: reach.banks > 0))


def reaches_of(name: str, block: BuiltBlock, at: Conditions) -> tuple[Reach, ...]:
    """The parts of one block that must meet the clock: its logic, then its memories."""
    logic = () if block.path is None else (_of_logic(name, block.path, at.delay),)
    return (*logic, *(_of_memory(placed) for placed in block.memories if placed.memory.banks))


def _of_logic(name: str, path: CriticalPath, scale: float) -> Reach:
    least_ns = least_stage_ns() if path.instead is None else path.delay_ns
    return Reach(name, scale * path.delay_ns, scale * least_ns, path.stages, 0, path.given, path.instead)


def _of_memory(placed: PlacedMemory) -> Reach:
    return Reach(placed.name, placed.memory.cycle_ns, placed.memory.cycle_ns, 1, placed.memory.banks)


def reachable(design: Design, costs: CostTable = SHIPPED) -> bool:
    """Whether some number of pipeline stages and banks meets the clock; otherwise no circuit can be built like that."""
    clock_ns = period_ns(design)
    return all(reach.shortest_ns <= clock_ns for reach in reaches(design, costs))


def extra_stages(design: Design, costs: CostTable = SHIPPED) -> int | None:
    """Pipeline stages that the clock takes beyond those the design states, over all parts; None if none suffice."""
    if not reachable(design, costs):
        return None
    return sum(reach.extra_stages for reach in reaches(design, costs))


def clock_problems(design: Design, costs: CostTable = SHIPPED) -> tuple[str, ...]:
    """The parts that miss the clock as designed, one line each, with the number of pipeline stages that meets it.

    The registers of those stages are included in area, energy and leakage, and their latency in the cycles
    (``costs/latencies.py``).
    """
    lines = (reach.problem(period_ns(design)) for reach in reaches(design, costs))
    return tuple(line for line in lines if line is not None)
