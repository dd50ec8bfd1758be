"""What `row_shifts.sv` reads: how far the product of each row is shifted left before it is added to its sum.

An integer-only model may have a binary point for each row of its weights, while all products of a row meet in one
accumulator (`Integers.shifts`). A model without such shifts has no tables, and its PEs no shifter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsim.rtl.images import Images
from archsim.rtl.layout import Field, Layout, bits_for, write_hex
from archsim.rtl.operands import list_number
from archsim.rtl.program import Entry

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class RowShifts:
    """The shifts of a run's products."""

    images: Images

    @property
    def _bits(self) -> int:
        return bits_for(self.images.integers.most_shift)

    def parameters(self) -> dict[str, int]:
        """The sizes of the shifters and of the tables, by their names in Verilog."""
        program = self.images.program
        return {
            "MOST_SHIFT": self.images.integers.most_shift,
            "SHIFT_BITS": self._bits,
            "SHIFT_LINES": self._cycles,
            "SHIFT_LINE_BITS": bits_for(self._cycles - 1),
            "SHIFT_FIRST_BITS": bits_for(len(program.entries) * len(program.lists) - 1),
        }

    def firsts(self) -> Iterator[int]:
        """By burst and list: the line of the first cycle of a column; 0 where the burst reads other lists."""
        program, at = self.images.program, 0
        for entry in program.entries:
            lines = [0] * len(program.lists)
            for stream in entry.burst.streams:
                lines[list_number(program.lists, program.plan.mat_vecs[stream[0]])] = at
                at += entry.burst.tile_cycles
            yield from lines

    def lines(self) -> Iterator[int]:
        """By burst, list and cycle of a column: the shift of each PE's row, the first one lowest; 0 without one."""
        layout = Layout("", (Field("shifts", self._bits, self.images.program.design.pes_per_lane),))
        for entry in self.images.program.entries:
            for stream in entry.burst.streams:
                for shifts in self._of(entry, stream).tolist():
                    yield layout.line({"shifts": shifts})

    def _of(self, entry: Entry, stream: tuple[int, ...]) -> Ints:
        """Shifts by cycle of a column and PE, ``(cycles, PEs)``."""
        mat_vecs, given = self.images.program.plan.mat_vecs, self.images.integers.shifts
        own = [given.get(mat_vecs[i].name, np.zeros(mat_vecs[i].rows, np.int64)) for i in stream]
        rows = self.images.rows(entry, stream)
        shifts: Ints = np.where(rows >= 0, np.concatenate(own)[rows], 0)
        return shifts

    @cached_property
    def _cycles(self) -> int:
        return sum(entry.burst.tile_cycles * len(entry.burst.streams) for entry in self.images.program.entries)

    def write(self, out: Path) -> None:
        """Write the tables into a folder, where there are shifts."""
        if self.images.integers.most_shift:
            write_hex(out / "first_shifts.hex", self.firsts(), bits_for(self._cycles - 1))
            write_hex(out / "row_shifts.hex", self.lines(), self._bits * self.images.program.design.pes_per_lane)
