"""The DRAM channel where weights and inputs share its time."""

from collections.abc import Generator
from typing import Any

import simpy
from simpy.events import NORMAL, EventPriority

from archsim.machine.ports import Process, Signals
from archsim.machine.turns import BurstTurn, InputTurn
from archsim.specs.dram import Arbitration, Reader


class _EndOfCycle(simpy.Event):
    """Fires once all else has that happens in this cycle."""

    def __init__(self, env: simpy.Environment) -> None:
        super().__init__(env)
        self._ok, self._value = True, None  # as a Timeout does, but for the priority
        env.schedule(self, EventPriority(NORMAL + 1))


class DramChannel:
    """Lets weights and inputs onto the channel: ``static`` by a fixed order, ``fcfs`` by who asks first, inputs first
    where both ask in one cycle; ``tdm`` keeps nobody waiting, and so does a channel that weights have for themselves.

    ``fcfs`` grants the channel for a burst of weights (engine `burst`) or for one column of it (`column`).
    """

    def __init__(self, env: simpy.Environment, arbitration: Arbitration | None, *, by_columns: bool) -> None:
        """`arbitration` None: inputs do not come over the channel."""
        self._env, self._order, self._by_columns = env, arbitration, by_columns
        self._turns = simpy.Resource(env)
        self._granted: dict[Reader, Any] = {}
        self._opened = Signals(env)
        """Static: the first burst of a step has left the channel."""
        self._fetched = Signals(env)
        """Static: so have the inputs fetched during a step."""

    def needed_by(self, turn: BurstTurn) -> bool:
        """Whether a burst and the inputs keep each other waiting."""
        return self._order in ("static", "fcfs") and turn.on_channel

    def granted_by_columns(self, turn: BurstTurn) -> bool:
        """Row scales and biases first, where there are some, then column by column."""
        return self._by_columns and self._order == "fcfs" and self.needed_by(turn)

    def admit_burst(self, turn: BurstTurn) -> Process:
        """Weights may begin once inputs that come before them have left, or once it is their turn."""
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
        """Inputs that are fetched while a step runs."""
        if self._order == "static" and turn.follows_burst:
            yield self._opened.at(turn.step)
            self._opened.forget(turn.step)
        elif self._order == "fcfs":
            yield from self._ask("inputs")

    def inputs_left(self, step: int) -> None:
        """Those that were fetched while `step` ran, or none."""
        if self._order == "static":
            self._fetched.give(step)
        elif "inputs" in self._granted:
            self._leave("inputs")

    def forget(self, step: int) -> None:
        """No burst waits any more for inputs fetched while `step` ran."""
        self._fetched.forget(step)

    def _ask(self, reader: Reader) -> Generator[simpy.Event, Any, None]:
        request = self._turns.request()
        yield request
        self._granted[reader] = request

    def _leave(self, reader: Reader) -> None:
        self._turns.release(self._granted.pop(reader))
