"""The skip encoder, which writes the operand list: the non-zero columns of a new state, block by block."""

from collections.abc import Callable, Iterable

from archsim import catalogue
from archsim.catalogue import Event
from archsim.ledger import Ledger
from archsim.machine.ports import Clock, Elements, OperandLists, Process, Queue
from archsim.machine.turns import BlockTurn
from archsim.specs.skip_encoder import SkipEncoderSpec


class SkipEncoder:
    """Lists the elements of blocks as they leave the activation unit; an operand list is known when its last block in a
    step has been listed."""

    def __init__(
        self,
        spec: SkipEncoderSpec,
        order: Iterable[BlockTurn],
        elements_in: Queue[Elements],
        lists: OperandLists,
        ledger: Ledger,
        clock: Clock,
        *,
        on_step: Callable[[int], None] | None = None,
        free: int = 0,
    ) -> None:
        """`order` has the blocks to scan, and `elements_in` the cycles at which their elements leave the
        activation unit. The encoder is busy until cycle `free`. `on_step` is called with the number of steps whose list
        is known."""
        self._spec, self._order = spec, order
        self._elements_in, self._lists, self._on_step = elements_in, lists, on_step
        self._ledger, self._clock = ledger, clock
        self.free = free
        self.step_ends: dict[int, int] = {}
        """The cycle at which the last list of each step is known, by step."""

    def process(self) -> Process:
        clock = self._clock
        yield clock.until(self.free)
        for turn in self._order:
            clock.waits_for("an activated block from the activation unit")
            elements = yield from self._elements_in.get()
            block, begin = turn.block, max(elements.first, clock.now)
            clock.note(Event.ENCODE, turn.step, block.index, at=begin)
            yield clock.until(max(begin + block.encode_cycles, elements.last + block.encode_tail))
            clock.note(Event.END, turn.step, block.index)
            self.free = clock.now
            self.count(turn)
            if turn.block.list is not None and turn.block.ends_list:
                self._end_list(turn.block.list, turn.step)

    def count(self, turn: BlockTurn, times: int = 1) -> None:
        if self._spec.enabled:
            self._ledger.add(catalogue.SCAN_COLUMN, times * turn.block.units)
            self._ledger.add(catalogue.LIST_COLUMN, times * turn.listed)

    def _end_list(self, index: int, step: int) -> None:
        self.step_ends[step] = self._clock.now
        self._lists.give(index, step, self._clock.now)
        if self._on_step:
            self._on_step(step + 1)
