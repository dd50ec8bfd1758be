"""What `integer_cells.sv` reads of a plan and its unit functions: where constants and states of each block lie."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsim.rtl import integer_cell
from archsim.rtl.integer_cell import Layout as CellLayout
from archsim.rtl.layout import Field, Layout, bits_for, write_hex, write_parameters
from archsim.rtl.tables import Tables
from archsim.rtl.unit_function import UnitFunction, UnitFunctions

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class IntegerCells:
    """The integer cells of a run."""

    tables: Tables
    functions: UnitFunctions
    """Of the stages of the plan, in its order."""
    h: Mapping[str, Ints]
    """What each state is when the run begins, ``(S, H)``, by its operand."""
    beside: Mapping[tuple[str, str], Ints]
    """What lies beside it, ``(S, H)``, by operand and field; 0 where nothing is given."""

    @classmethod
    def of(
        cls,
        tables: Tables,
        functions: UnitFunctions,
        operands: Mapping[str, Ints],
        beside: Mapping[tuple[str, str], Ints],
    ) -> "IntegerCells":
        """For the plan of `tables`; `operands` are those of `Integers`, whose states begin with the first row.

        BadInput where the plan has a stage without integer operations.
        """
        plan = tables.program.plan
        ordered = functions.in_order(tuple(tuple(own.name for own in stage.sums) for stage in plan.stages))
        states = {stage.state for stage in ordered.stages}
        return cls(tables, ordered, {name: rows[0] for name, rows in operands.items() if name in states}, beside)

    @cached_property
    def cell(self) -> CellLayout:
        return CellLayout.of(self.functions, self.tables.program.design.pe_array.accumulator_bits)

    @property
    def lanes(self) -> int:
        return self.tables.program.plan.lanes

    @cached_property
    def first_kept(self) -> dict[str, int]:
        """The word of the first element of each state."""
        found: dict[str, int] = {}
        at = 0
        for stage in self.functions.stages:
            if stage.state is not None and stage.state not in found:
                found[stage.state] = at
                at += stage.units * self.lanes
        return found

    @cached_property
    def words(self) -> int:
        """Words that lie beside the operands."""
        units = {stage.state: stage.units for stage in self.functions.stages if stage.state is not None}
        return max(1, sum(units.values()) * self.lanes)

    @property
    def word_bits(self) -> int:
        """Bits of such a word: h, and what lies beside it."""
        return self.cell.h_bits + self.cell.beside_bits

    @property
    def address_bits(self) -> dict[str, int]:
        """Bits of an address in the words beside the operands, and in the constants."""
        return {"KEPT_BITS": bits_for(self.words - 1), "CONSTANT_BITS": bits_for(self.cell.constant_words - 1)}

    @property
    def line(self) -> Layout:
        """A line of the table of blocks."""
        return Layout(
            "INTEGER_CELLS",
            (
                Field("first_kept", self.address_bits["KEPT_BITS"]),
                Field("first_constant", self.address_bits["CONSTANT_BITS"]),
                Field("stage", self.cell.stage_bits),
                Field("keeps", 1),
                Field("makes_h", 1),
            ),
        )

    def lines(self) -> Iterator[int]:
        """By block of the plan."""
        for block in self.tables.program.plan.blocks:
            stage = self.functions.stages[block.stage]
            kept = 0 if stage.state is None else self.first_kept[stage.state] + block.first_unit * self.lanes
            yield self.line.line(
                {
                    "first_kept": kept,
                    "first_constant": self.cell.first_constant[block.stage] + block.first_unit,
                    "stage": block.stage,
                    "keeps": int(stage.state is not None),
                    "makes_h": int(stage.made[0].name == stage.state),
                }
            )

    def kept(self) -> Iterator[int]:
        """What the words hold when the run begins: h, and beside it the fields of its layer."""
        stages = {stage.state: stage for stage in self.functions.stages if stage.state is not None}
        for name, stage in stages.items():
            for unit in range(stage.units):
                for lane in range(self.lanes):
                    yield self._word(name, stage, unit, lane)
        if not stages:
            yield 0

    def _word(self, name: str, stage: UnitFunction, unit: int, lane: int) -> int:
        h_bits = self.cell.h_bits
        word, at = int(self.h[name][lane, unit]) & ((1 << h_bits) - 1), h_bits
        for port in stage.beside:
            given = self.beside.get((name, port.name))
            word |= (0 if given is None else int(given[lane, unit]) & ((1 << port.bits) - 1)) << at
            at += port.bits
        return word

    def write(self, out: Path) -> None:
        """Write modules, parameters and contents into a folder."""
        texts = integer_cell.files(self.functions, self.cell.sum_bits)
        for name, text in texts.items():
            (out / name).write_text(text)
        sizes = {"WORDS": self.words, "WORD_BITS": self.word_bits, "LINE_BITS": self.line.bits, **self.address_bits}
        own = {f"INTEGER_CELLS_{name}": size for name, size in sizes.items()}
        parameters = self.cell.parameters | own | self.line.positions()
        write_parameters(out / "integer_cell_parameters.svh", parameters)
        write_hex(out / "integer_cells.hex", self.lines(), self.line.bits)
        write_hex(out / "integer_cells_kept.hex", self.kept(), self.word_bits)
