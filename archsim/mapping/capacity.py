"""The capacity of private weight memories: which arrangements of a network's stages fit there together.

How a stage is cut decides how many words it takes: a short last block has few rows for each PE, and every column of
every block begins with a word of its own. So where the fastest arrangements do not fit, those are taken that do, the
fastest of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.dataflows import Schedule
from archsim.mapping.integers import Ints, ceil_divs
from archsim.mapping.plan import NORM_BITS, Stage
from archsim.mapping.private import stage_words, weights_of_a_word
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div

Within = Callable[[int, int], tuple[Schedule, int]]
"""The schedule of a stage, by its number, that is the fastest in so many words of the first memory, and its estimated
cycles; in the fewest words of all if none fits."""


class FirstMemory(NamedTuple):
    """What decides how many words a stage takes in the first private memory, which has the most of every block."""

    room: int
    """Words that the stage may take."""
    pes: int
    """PEs of a lane."""
    own: int
    """Those of them that the memory serves."""
    word_bits: int
    columns: tuple[tuple[int, int, int], ...]
    """Of each stream: rows of a unit, whole weights of a word, columns."""
    norms: tuple[int, int]
    """Rows of a unit, and their row scales and biases."""

    def words(self, units: Ints, unit_by_unit: bool) -> Ints:
        """Words of a block of each of the numbers of `units`."""
        rows_per_unit, values = self.norms
        own_values = ceil_divs(values * self._rows(units, rows_per_unit, unit_by_unit), rows_per_unit)
        words = ceil_divs(own_values * NORM_BITS, self.word_bits)
        for rows_per_unit, per_word, columns in self.columns:
            words = words + columns * ceil_divs(self._rows(units, rows_per_unit, unit_by_unit), per_word)
        return words

    def _rows(self, units: Ints, rows_per_unit: int, unit_by_unit: bool) -> Ints:
        """Rows of the memory; see `BlockUnits.rows_of_groups`."""
        dealt, rows = (units, rows_per_unit) if unit_by_unit else (units * rows_per_unit, 1)
        found: Ints = (dealt // self.pes * self.own + (dealt % self.pes).clip(max=self.own)) * rows
        return found


def first_memory(design: Design, stage: Stage, streams: Sequence[Stream], room: int) -> FirstMemory:
    """The first private memory, of which a stage may take `room` words."""
    pes = design.pes_per_lane
    return FirstMemory(
        room=room,
        pes=pes,
        own=pes // design.weight_memories,
        word_bits=design.weight_word_bits,
        columns=tuple((each.rows_per_unit, weights_of_a_word(design, each), each.cols) for each in streams),
        norms=(stage.rows_per_unit, stage.norm_bits // NORM_BITS),
    )


def fitted(
    design: Design,
    stages: Sequence[Stage],
    streams: Sequence[Sequence[Stream]],
    fastest: Sequence[Schedule],
    within: Within,
) -> list[Schedule]:
    """The `fastest` schedules of a network's stages, or where they do not fit, the fastest that fit together.

    BadInput if not even those with the fewest words fit, with what they need.
    """

    def most(number: int, schedule: Schedule) -> int:
        return stage_words(design, stages[number], streams[number], schedule).most

    capacity = design.words_of_a_memory
    if sum(most(number, schedule) for number, schedule in enumerate(fastest)) <= capacity:
        return list(fastest)
    fewest = [most(number, within(number, 0)[0]) for number in range(len(fastest))]
    spare = capacity - sum(fewest)
    if spare < 0:
        raise _too_small(design, sum(fewest))
    front = [_Chosen(0, 0, ())]
    for number, least in enumerate(fewest):
        options, room = [], least + spare
        while room >= least:
            schedule, cycles = within(number, room)
            words = most(number, schedule)
            options.append(_Chosen(words - least, cycles, (schedule,)))
            room = min(room, words) - 1
        front = _front([before.joined(option) for before in front for option in options], spare)
    return list(front[-1].schedules)


class _Chosen(NamedTuple):
    """Schedules of the first stages."""

    extra: int
    """Words beyond the fewest that these stages need."""
    cycles: int
    schedules: tuple[Schedule, ...]

    def joined(self, other: "_Chosen") -> "_Chosen":
        return _Chosen(self.extra + other.extra, self.cycles + other.cycles, (*self.schedules, *other.schedules))


def _front(found: Sequence[_Chosen], spare: int) -> list[_Chosen]:
    """Those within `spare` that are faster than all with no more words, the fastest last."""
    front: list[_Chosen] = []
    for each in sorted(found, key=lambda each: (each.extra, each.cycles)):
        if each.extra <= spare and (not front or each.cycles < front[-1].cycles):
            front.append(each)
    return front


def _too_small(design: Design, words: int) -> BadInput:
    memory, bits = design.weight_memory, design.weight_word_bits
    needed = ceil_div(words * bits * design.weight_memories, 8 * 1024)
    return BadInput(
        f"design {design.name}: weight_memory.capacity_kib must be at least {needed:,} for this model, not"
        f" {memory.capacity_kib:,}: each of its {design.weight_memories:,} private memories ({memory.organisation})"
        f" holds {design.words_of_a_memory:,} words of {bits} bits, and the first one needs {words:,}"
    )
