"""Row affine, gate activations and the cell update; frees the accumulators of a block."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

import simpy
from pydantic import Field, model_validator

from archsim.components.base import MOST, Spec
from archsim.trace import ElementwiseKind

if TYPE_CHECKING:
    from archsim.machine import Run
    from archsim.mapping import Block


Curve = Literal["table", "segments"]
"""How sigmoid and tanh are made: looked up, or straight lines."""


class ActivationUnitSpec(Spec):
    """A pipeline that takes `units_per_cycle` units (all gates of one lane's unit) a cycle, `depth_cycles` long.

    `curve` and `entries` (words of a table, or segments) decide what it costs. What they do to accuracy is measured in
    ``workloads.fixed_point``: a trace does not say how its activations were computed.
    """

    units_per_cycle: int = Field(ge=1, le=MOST)
    depth_cycles: int = Field(ge=0, le=MOST)
    curve: Curve
    entries: int = Field(ge=1, le=65536)

    @model_validator(mode="after")
    def _table_has_an_address(self) -> Self:
        if self.curve == "table" and self.entries & (self.entries - 1):
            raise ValueError(f"entries of a table must be a power of two, not {self.entries}")
        return self


@dataclass(frozen=True)
class UnitOps:
    """What one unit of one lane asks of the activation unit and the state buffer."""

    curves: int
    """Evaluations of sigmoid or tanh."""
    multiplies: int = 0
    adds: int = 0
    state_reads: int = 0
    """Elements of h (or of the update gate, kept from the stage before) read back for the update."""
    state_writes: int = 0
    cell_reads: int = 0
    cell_writes: int = 0


OPS: dict[ElementwiseKind | None, UnitOps] = {
    "lstm_cell": UnitOps(5, multiplies=3, adds=1, state_writes=1, cell_reads=1, cell_writes=1),
    "gru_cell": UnitOps(3, multiplies=2, adds=3, state_reads=1, state_writes=1),  # r n_h; n + z (h - n)
    "gru_reset": UnitOps(2, multiplies=1, state_reads=1, state_writes=2),  # r h is an operand, z is kept
    "gru_update": UnitOps(1, multiplies=1, adds=2, state_reads=2, state_writes=1),
    "rnn_cell": UnitOps(1, state_writes=1),
    "bias": UnitOps(0, adds=1),
    None: UnitOps(0, state_writes=1),  # an embedding: rows are handed on
}


def results(kind: ElementwiseKind | None, units: int, norms_per_unit: int) -> tuple[tuple[str, str, int], ...]:
    """(component, action, count per active lane) of a block of `units`."""
    ops = OPS[kind]
    counts = (
        ("activation_unit", "row_affine", norms_per_unit),
        ("activation_unit", "curve", ops.curves),
        ("activation_unit", "multiply", ops.multiplies),
        ("activation_unit", "add", ops.adds),
        ("state_buffer", "c_read", ops.cell_reads),
        ("state_buffer", "c_write", ops.cell_writes),
        ("state_buffer", "h_read", ops.state_reads),
        ("state_buffer", "h_write", ops.state_writes),
    )
    return tuple((component, action, units * each) for component, action, each in counts if each)


class ActivationUnit:
    """Takes the blocks the PE array has finished, in order."""

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.inbox: simpy.Store = simpy.Store(run.env)
        self.free = run.barrier.activated
        self.freed: list[int] = []
        """Cycles at which this run's blocks gave their scratch bank back: the last few."""

    def process(self) -> Generator[simpy.Event, Any, None]:
        run = self.run
        depth = run.design.activation_unit.depth_cycles
        yield run.env.timeout(max(0, self.free))
        for step in run.steps:
            for block in run.blocks(step):
                run.waits("activation_unit", "a finished block from the PE array")
                yield self.inbox.get()
                run.note("activation_unit", "activate", step, block.index)
                yield run.env.timeout(block.activation_cycles)
                if run.functional:
                    run.functional.read_out(block, step)
                run.note("activation_unit", "end", step, block.index)
                yield run.scratch_banks.put(run.now)
                self.free = run.now
                self.freed = [*self.freed[1 - run.plan.banks :], run.now] if run.plan.banks > 1 else [run.now]
                self.count(block, step)
                run.finished = max(run.finished, run.now + depth)
                if block.list is not None:
                    yield run.encoder.inbox.put(run.now)

    def count(self, block: "Block", step: int) -> None:
        for component, action, per_lane in block.results:
            self.run.ledger.add(component, action, per_lane * self.run.work.active_in(block, step))
