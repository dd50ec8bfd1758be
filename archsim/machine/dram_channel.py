"""The DRAM channel, whose time weights and inputs share."""

from collections.abc import Generator
from typing import Any

import simpy
from simpy.events import NORMAL, EventPriority

from archsim.machine.ports import Process, Signals
from archsim.machine.turns import BurstTurn, InputTurn
from archsim.specs.dram import Arbitration, Reader


class _EndOfCycle(simpy.Event):
    """An event that fires after all others of this cycle."""

    def __init__(self, env: simpy.Environment) -> None:
        super().__init__(env)
        self._ok, self._value = True, None  # as a Timeout does, but for the priority
        env.schedule(self, EventPriority(NORMAL + 1))


class DramChannel:
    """Admits weights and inputs to the channel: ``static`` in a fixed order, ``fcfs`` to whoever asks first.

    Under ``fcfs``, inputs win if both ask in the same cycle, and the channel is granted for a burst of weights (engine
    `burst`) or for one of its columns (`column`). Nobody waits under ``tdm``, or if weights have the channel alone.
    """

    def __init__(self, env: simpy.Environment, arbitration: Arbitration | None, *, by_columns: bool) -> None:
        """`arbitration` None: inputs do not come over the channel. `by_columns`: the engine is `column`."""
        self._env, self._order, self._by_columns = env, arbitration, by_columns
        self._turns = simpy.Resource(env)
        self._granted: dict[Reader, Any] = {}
        self._opened = Signals(env)
        """Given under ``static`` when the first burst of a step has left the channel."""
        self._fetched = Signals(env)
        """Given under ``static`` when the inputs fetched during a step have left the channel."""

    def needed_by(self, turn: BurstTurn) -> bool:
        """Whether a burst and the inputs may have to wait for each other."""
        return self._order in ("static", "fcfs") and turn.on_channel

    def granted_by_columns(self, turn: BurstTurn) -> bool:
        """Whether a burst takes the channel column by column, after the row scales and biases of a block it opens."""
        return self._by_columns and self._order == "fcfs" and self.needed_by(turn)

    def admit_burst(self, turn: BurstTurn) -> Process:
        """Wait until a burst may take the channel: until the inputs ordered before it have left, or it is granted."""
        if self._order == "static":
            yield self._fetched.at(turn.step - turn.opens_step)
        elif not self._by_columns or (turn.opens_block and turn.block.norms.dram_bits):
            yield from self.admit_column()

    def burst_left(self, turn: BurstTurn) -> None:
        if self._order == "static" and turn.opens_step:
            self._opened.give(turn.step)
        elif self._order == "fcfs" and not self._by_columns:
            self._leave("weights")

    def admit_column(self) -> Process:
        yield _EndOfCycle(self._env)
        yield from self._ask("weights")

    def column_left(self) -> None:
        self._leave("weights")

    def admit_inputs(self, turn: InputTurn) -> Process:
        """Wait until the inputs that are fetched while a step runs may take the channel."""
        if self._order == "static" and turn.follows_burst:
            yield self._opened.at(turn.step)
            self._opened.forget(turn.step)
        elif self._order == "fcfs":
            yield from self._ask("inputs")

    def inputs_left(self, step: int) -> None:
        """Pass the channel on: the inputs fetched while `step` ran, if any, have left it."""
        if self._order == "static":
            self._fetched.give(step)
        elif "inputs" in self._granted:
            self._leave("inputs")

    def forget(self, step: int) -> None:
        """Forget the inputs fetched while `step` ran: no burst waits for them any more."""
        self._fetched.forget(step)

    def _ask(self, reader: Reader) -> Generator[simpy.Event, Any, None]:
        request = self._turns.request()
        yield request
        self._granted[reader] = request

    def _leave(self, reader: Reader) -> None:
        self._turns.release(self._granted.pop(reader))
