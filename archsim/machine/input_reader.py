"""The reader of inputs: fetches x of the next step over the DRAM channel while this step runs."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import simpy

from archsim import catalogue

if TYPE_CHECKING:
    from archsim.machine.assembly import Run


class InputReader:
    """Two buffers: one is read while the other is filled.

    Inputs of step t + 1 are asked for once step t - 1 has been consumed, whose buffer they take; the very first ones at
    the start. Bursts that read x wait until all of it has arrived.
    """

    def __init__(self, run: "Run") -> None:
        self.run = run
        self.free = run.barrier.channel
        """Cycle at which the last inputs have left the channel."""
        self.arrives = run.barrier.inputs
        """Cycle at which they are there."""
        self._arrivals: dict[int, simpy.Event] = {}
        """Fire with the cycle at which a step's inputs are there, ahead of it."""
        self._consumed: dict[int, simpy.Event] = {}
        """Fire when the PEs have consumed a step."""
        if run.plan.fetch:
            self._event(self._arrivals, run.first).succeed(self.arrives)

    def process(self) -> Generator[simpy.Event, Any, None]:
        run, fetch = self.run, self.run.plan.fetch
        if fetch is None:
            return
        yield from run.channel.admit_inputs(run.first - 1)
        if run.first == 0:
            self._note("turn", 0)
            self._note("fetch", 0)
        yield run.env.timeout(self.free)
        if run.first == 0:
            self._note("end", 0)
        run.channel.inputs_left(run.first - 1)
        for step in run.steps:
            self.count(step)
            lanes = run.work.inputs_at(run.plan, step + 1)
            if lanes:
                yield from self._wait_for_buffer(step)
                self._arrivals.pop(step - 1, None)
                run.channel.forget(step - 2)
                yield from run.channel.admit_inputs(step)
                self._note("fetch", step + 1)
                yield run.env.timeout(fetch.cycles[lanes])
                self._note("end", step + 1)
                self.free, self.arrives = run.now, run.now + fetch.latency_cycles
            run.channel.inputs_left(step)
            self._event(self._arrivals, step + 1).succeed(self.arrives)

    def _wait_for_buffer(self, step: int) -> Generator[simpy.Event, Any, None]:
        self.run.waits("input_reader", f"the PE array to have consumed step {step - 1}")
        if step > self.run.first:
            yield self._event(self._consumed, step - 1)
            del self._consumed[step - 1]  # keeps memory flat, as what is forgotten below does
        else:
            yield self.run.env.timeout(max(0, self.run.barrier.tiles - self.run.now))
        self._note("turn", step + 1)

    def wait(self, step: int) -> Generator[simpy.Event, Any, None]:
        """Until the inputs of a step are there."""
        self.run.waits("weight_stream", "inputs from the input reader")
        arrives: int = yield self._event(self._arrivals, step)
        yield self.run.env.timeout(max(0, arrives - self.run.now))

    def step_consumed(self, step: int) -> None:
        if self.run.plan.fetch:
            self._event(self._consumed, step).succeed()

    def count(self, step: int) -> None:
        plan = self.run.plan
        if plan.fetch:
            self.run.ledger.add(catalogue.READ_BITS, plan.fetch.bits[self.run.work.inputs_at(plan, step)])

    def _note(self, event: str, step: int) -> None:
        self.run.note("input_reader", event, step, -1)

    def _event(self, events: dict[int, simpy.Event], step: int) -> simpy.Event:
        return events.setdefault(step, self.run.env.event())
