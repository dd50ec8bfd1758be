"""The activation unit: row scales and biases, activations and the state update; it frees a block's scratch bank."""

from collections.abc import Iterable

from archsim.catalogue import Event
from archsim.ledger import Ledger
from archsim.machine.ports import (
    Clock,
    Datapath,
    Elements,
    FinishedBlock,
    NoNumbers,
    Process,
    Queue,
    ScratchBanks,
)
from archsim.machine.turns import BlockTurn


class ActivationUnit:
    """Takes the blocks that the PE array has finished, in order, one at a time."""

    def __init__(
        self,
        depth_cycles: int,
        order: Iterable[BlockTurn],
        sums_in: Queue[FinishedBlock],
        banks: ScratchBanks,
        elements_out: Queue[Elements],
        ledger: Ledger,
        clock: Clock,
        *,
        datapath: Datapath | None = None,
        bank_cycles: int = 0,
        free: int = 0,
        banks_kept: int = 1,
    ) -> None:
        """`elements_out` receives the cycles at which a block's first and last elements have left the pipeline of
        `depth_cycles`, for blocks that the encoder scans. A bank is free `bank_cycles` after its read-out. The unit is
        busy until cycle `free`. `banks_kept`: how many of the latest cycles from which a bank is free are kept."""
        self._depth_cycles, self._order = depth_cycles, order
        self._sums_in, self._banks, self._elements_out = sums_in, banks, elements_out
        self._ledger, self._clock = ledger, clock
        self._datapath: Datapath = datapath or NoNumbers()
        self._bank_cycles, self._banks_kept = bank_cycles, banks_kept
        self.free = free
        self.freed: tuple[int, ...] = ()
        """The latest cycles from which the scratch banks of blocks are free."""
        self.step_ends: dict[int, int] = {}
        """The cycle at which the last result of each step has left the pipeline, by step."""

    @property
    def finished(self) -> int:
        """Cycle at which the last result has left the pipeline."""
        return max(self.step_ends.values(), default=0)

    def process(self) -> Process:
        clock = self._clock
        yield clock.until(self.free)
        for _ in self._order:
            clock.waits_for("a finished block from the PE array")
            finished = yield from self._sums_in.get()
            turn, begin = finished.turn, max(finished.ready, clock.now)
            if turn.block.list is not None:
                first, last = turn.block.elements_after, turn.block.activation_cycles
                leave = begin + self._depth_cycles
                self._elements_out.put(Elements(leave + first, leave + last))
            clock.note(Event.ACTIVATE, turn.step, turn.block.index, at=begin)
            yield clock.until(begin + turn.block.activation_cycles)
            self._datapath.read_out(turn)
            clock.note(Event.END, turn.step, turn.block.index)
            bank_free = clock.now + self._bank_cycles
            self._banks.put(bank_free)
            self.free = clock.now
            self.freed = (*self.freed, bank_free)[-self._banks_kept :]
            self.count(turn)
            self.step_ends[turn.step] = clock.now + self._depth_cycles

    def count(self, turn: BlockTurn, times: int = 1) -> None:
        for action, per_lane in turn.block.results:
            self._ledger.add(action, times * per_lane * turn.lanes)
