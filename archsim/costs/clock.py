"""What reaches the clock: logic is cut into stages, memories are split into banks; what neither fixes is a problem."""

from collections.abc import Iterator
from dataclasses import dataclass

from archsim.costs import technology
from archsim.costs.parts import parts, period_ns
from archsim.costs.tables import least_stage_ns, stage_ns
from archsim.design import Design


@dataclass(frozen=True)
class Reach:
    """How a part meets the clock."""

    part: str
    needed_ns: float
    """The longest stage of a unit, cut into as many as the design itself gives it; of a memory the cycle of a bank."""
    least_ns: float
    """Below this no cut helps: a flip-flop and one full adder; of a memory the cycle of the fastest bank."""
    stages: int
    """Of a unit: those that it needs, and has."""
    banks: int
    """Of a memory: those that it needs, and has."""

    @property
    def reach_mhz(self) -> float:
        """The fastest clock without a further stage or bank."""
        return 1000 / self.needed_ns

    def problem(self, clock_ns: float) -> str | None:
        """None where the clock is met as the design has it."""
        if self.needed_ns <= clock_ns:
            return None
        takes = f"{self.part}: takes {self.needed_ns:.2f} ns, the clock allows {clock_ns:.2f} ns"
        if self.banks:
            return f"{takes}: no number of banks meets it"
        if clock_ns < self.least_ns:
            return f"{takes}: no number of pipeline stages meets it"
        return f"{takes}: {self.stages} pipeline stages (their registers are priced)"


def reaches(design: Design) -> tuple[Reach, ...]:
    """Every part of a design that has a clock to meet."""
    return (*_logic(design), *_memories(design))


def _logic(design: Design) -> Iterator[Reach]:
    p, scale = parts(design), technology.delay_scale(design.node_nm, design.voltage_v)
    least = scale * least_stage_ns()
    depth = max(1, design.activation_unit.depth_cycles)
    yield Reach("pe_array", scale * p.pe.cell.delay_ns, least, p.pe.stages, 0)
    if design.skip_encoder.enabled:
        yield Reach("skip_encoder", scale * p.scan.delay_ns, least, p.scan_stages, 0)
    needed_ns = scale * stage_ns(p.activation_ns, depth)
    yield Reach("activation_unit", needed_ns, least, p.activation_stages, 0)


def _memories(design: Design) -> Iterator[Reach]:
    for name, memory in parts(design).memories:
        yield Reach(name, memory.cycle_ns, memory.cycle_ns, 1, memory.banks)


def clock_problems(design: Design) -> tuple[str, ...]:
    """Parts that miss the clock as they are, one line each, with the pipeline stages that meet it, if any number does.

    The registers of those stages are in every area, energy and leakage; their latency is not in the cycles.
    """
    lines = (reach.problem(period_ns(design)) for reach in reaches(design))
    return tuple(line for line in lines if line is not None)
