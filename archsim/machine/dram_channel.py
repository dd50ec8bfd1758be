"""The DRAM channel that weights stream from, and inputs where they come over it."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy
from simpy.events import NORMAL, EventPriority

if TYPE_CHECKING:
    from archsim.machine.assembly import Run
    from archsim.machine.sequencer import Transfer
from archsim.specs.dram import Reader


class _EndOfCycle(simpy.Event):
    """Fires once all else has that happens in this cycle."""

    def __init__(self, env: simpy.Environment) -> None:
        super().__init__(env)
        self._ok, self._value = True, None  # as a Timeout does, but for the priority
        env.schedule(self, EventPriority(NORMAL + 1))


class DramChannel:
    """Lets weights and inputs onto the channel where they share its time: ``static`` by a fixed order, ``fcfs`` by
    who asks first; inputs first where both ask in one cycle.

    ``fcfs`` grants the channel for a burst of weights (engine `burst`) or for one column of it (`column`).
    """

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.order = run.plan.fetch.arbitration if run.plan.fetch else None
        self.by_columns = False
        self._turns = simpy.Resource(run.env)
        self._granted: dict[Reader, Any] = {}
        self._opened: dict[int, simpy.Event] = {}
        """Static: the first burst of a step has left the channel."""
        self._fetched: dict[int, simpy.Event] = {}
        """Static: so have the inputs fetched during a step."""

    def needed_by(self, transfer: "Transfer") -> bool:
        """Whether a burst and the inputs keep each other waiting."""
        return self.order in ("static", "fcfs") and transfer.block.on_channel(transfer.position, transfer.columns)

    def granted_by_columns(self, transfer: "Transfer") -> bool:
        """Norms and biases first, where there are some, then column by column."""
        return self.by_columns and self.order == "fcfs" and self.needed_by(transfer)

    def admit_burst(self, transfer: "Transfer") -> Generator[simpy.Event, Any, None]:
        """Weights may begin once inputs that come before them have left, or once it is their turn."""
        self.run.waits("weight_stream", "the DRAM channel (from the input reader)")
        if self.order == "static":
            yield self._event(self._fetched, transfer.step - transfer.opens_step)
        elif not self.by_columns or (transfer.opens_block and transfer.block.norms.dram_bits):
            yield from self._ask_for_weights()

    def burst_left(self, transfer: "Transfer") -> None:
        if self.order == "static" and transfer.opens_step:
            self._event(self._opened, transfer.step).succeed()
        elif self.order == "fcfs" and not self.by_columns:
            self._leave("weights")

    def admit_column(self) -> Generator[simpy.Event, Any, None]:
        self.run.waits("weight_stream", "the DRAM channel (from the input reader)")
        yield from self._ask_for_weights()

    def column_left(self) -> None:
        self._leave("weights")

    def admit_inputs(self, step: int) -> Generator[simpy.Event, Any, None]:
        """Inputs fetched during `step`; those of the step before a run hold the channel when it begins."""
        self.run.waits("input_reader", "the DRAM channel (from the weight stream)")
        if self.order == "static" and step >= self.run.first and self.run.sequencer.opens_on_channel(step):
            yield self._event(self._opened, step)
            del self._opened[step]
        elif self.order == "fcfs":
            yield from self._ask("inputs")

    def inputs_left(self, step: int) -> None:
        """Also where none were fetched."""
        if self.order == "static":
            self._event(self._fetched, step).succeed()
        elif "inputs" in self._granted:
            self._leave("inputs")

    def forget(self, step: int) -> None:
        """No burst waits any more for inputs fetched during `step`."""
        self._fetched.pop(step, None)

    def _event(self, events: dict[int, simpy.Event], step: int) -> simpy.Event:
        return events.setdefault(step, self.run.env.event())

    def _ask_for_weights(self) -> Generator[simpy.Event, Any, None]:
        yield _EndOfCycle(self.run.env)
        yield from self._ask("weights")

    def _ask(self, reader: Reader) -> Generator[simpy.Event, Any, None]:
        request = self._turns.request()
        yield request
        self._granted[reader] = request

    def _leave(self, reader: Reader) -> None:
        self._turns.release(self._granted.pop(reader))
