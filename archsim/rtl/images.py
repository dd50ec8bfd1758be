"""Memory images of a run: weights as they are stored, what comes from outside, and the sums that must result.

Weights are codes as wide as a PE takes them, in private memories as wide as the widest of their burst: 1 for +1 and 0
for -1 where they have one bit, a sign above an exponent for powers of two, and two's complement otherwise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.mapping.plan import Block
from archsim.rtl.layout import write_hex
from archsim.rtl.operands import OperandList, Source, list_number
from archsim.rtl.program import Entry, Program
from archsim.rtl.tables import BINARY, SHIFT, TERNARY, Tables
from archsim.specs.base import ceil_div
from archsim.trace.columns import padded
from archsim.trace.graph import MatVec

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """The integers of a run of a program, as its test bench reads them."""

    program: Program
    tables: Tables
    integers: Integers

    # ---- weights ----

    def weights(self) -> Iterator[str]:
        """The words of all memories side by side, address by address, in hexadecimal digits."""
        for entry in self.program.entries:
            for stream in entry.burst.streams:
                yield from self._columns(entry, stream)

    def rows(self, entry: Entry, stream: tuple[int, ...]) -> Ints:
        """The row of the stream's products, one after the other, that each PE takes in each cycle of a column.

        ``(cycles, PEs)``; -1 where it takes none.
        """
        plan, block, pes = self.program.plan, entry.block, self.program.design.pes_per_lane
        stage = plan.stages[block.stage]
        own = [plan.mat_vecs[i].rows // stage.units for i in stream]
        active = np.array(self.tables.active(entry))
        cycle, pe = np.arange(len(active))[:, None], np.arange(pes)[None, :]
        if block.unit_by_unit:
            unit, position = cycle // sum(own) * pes + pe, cycle % sum(own) + 0 * pe
        else:
            unit, position = np.divmod(cycle * pes + pe, sum(own))
        row_of_position = np.concatenate(
            [
                np.arange(rows) * stage.units + before * stage.units
                for rows, before in zip(own, _before(own), strict=True)
            ]
        )
        rows: Ints = np.where(pe < active[:, None], row_of_position[position] + block.first_unit + unit, -1)
        return rows

    def _columns(self, entry: Entry, stream: tuple[int, ...]) -> Iterator[str]:
        design, plan, group = self.program.design, self.program.plan, self.tables.group
        width, memories = self.tables.width(entry), design.weight_memories
        matrix = np.concatenate([self.integers.stored(plan.mat_vecs[i].name) for i in stream])
        codes = self._codes(matrix, width, " and ".join(plan.mat_vecs[i].name for i in stream))
        rows = self.rows(entry, stream)
        taken = np.where((rows >= 0)[..., None], codes[rows], 0)  # (cycles, PEs, columns)
        by_memory = taken.reshape(len(rows), memories, group, -1)
        slots = [by_memory[cycle, :, :count] for cycle, count in enumerate(self.tables.taken(entry))]
        dealt = np.concatenate(slots, axis=1).transpose(2, 1, 0)  # (columns, rows of a memory, memories)
        word_rows, words = design.weight_word_bits // width, entry.burst.column_words
        full = np.zeros((len(dealt), words * word_rows, memories), np.int64)
        full[:, : dealt.shape[1]] = dealt
        parts = full.reshape(len(dealt) * words, word_rows, memories).transpose(0, 2, 1)
        bits = _bits(parts, width)  # (words, memories, bits)
        padded = np.zeros((*bits.shape[:2], design.weight_word_bits), np.uint8)
        padded[..., : bits.shape[2]] = bits
        yield from _hex(padded.reshape(len(parts), -1))

    def _codes(self, weights: Ints, width: int, name: str) -> Ints:
        """The codes of weights; BadInput if a PE has none for one of them."""
        kind, given = self.tables.kind, np.abs(weights)
        if kind == SHIFT:
            exponents = np.maximum(np.bitwise_count(np.maximum(given, 1) - 1), 0).astype(np.int64)
            fits = (given > 0) & (given & (given - 1) == 0) & (exponents < 1 << (width - 1))
            codes = exponents | ((weights < 0).astype(np.int64) << (width - 1))
        elif width == 1:
            fits, codes = given == 1, (weights > 0).astype(np.int64)
        else:
            largest = 1 if kind in (BINARY, TERNARY) else (1 << (width - 1)) - 1
            fits, codes = (weights <= largest) & (weights >= -largest - (kind not in (BINARY, TERNARY))), weights
        if not np.all(fits):
            raise BadInput(
                f"weights of {name}: the machine in Verilog has no code of {width} bits for {int(weights[~fits][0])}"
            )
        masked: Ints = codes & ((1 << width) - 1)
        return masked

    # ---- what comes from outside, and what a sequence begins with ----

    def read_of(self, each: OperandList) -> MatVec:
        """A product that reads a list."""
        plan, lists = self.program.plan, self.tables.lists
        return next(mv for mv in plan.mat_vecs if lists[list_number(lists, mv)] == each)

    def listed(self, each: OperandList, step: int) -> list[int]:
        """The columns on a list when a step reads it, with those that pad it."""
        design, trace = self.program.design, self.program.work.trace
        found = trace.nonzero(self.read_of(each), self.program.plan.lanes, step + 1, step).any(axis=(0, 1))
        return padded(np.flatnonzero(found).tolist(), design.skip_encoder.reach)

    @cached_property
    def outside(self) -> tuple[OperandList, ...]:
        """The lists of vectors that come from outside."""
        return tuple(e for e in self.tables.lists if e.source != Source.SYMBOLS and e.made is None)

    def symbols(self) -> Iterator[int]:
        """By step, list and lane; 0 for lists of other operands."""
        arrays, lanes = self.program.work.trace.arrays, self.program.plan.lanes
        for step in range(self.program.steps):
            for each in self.tables.lists:
                of_lanes = [0] * lanes
                if each.source == Source.SYMBOLS:
                    of_lanes = arrays[each.operand][step : step + 1][0, :lanes].tolist()
                yield from of_lanes

    def vectors(self) -> Iterator[str]:
        """By list from outside, step and column: the values of all lanes."""
        for each in self.outside:
            values = self._operand(each.operand)[: self.program.steps, : self.program.plan.lanes]
            yield from self._values(values.transpose(0, 2, 1).reshape(-1, self.program.plan.lanes))

    def loads(self) -> Iterator[tuple[int, int, int, int]]:
        """What is put on lists before the first step: list, copy, place and column; a place after the last ends it."""
        for number, each in enumerate(self.tables.lists):
            if each.source == Source.MADE:
                for copy in (0, 1):
                    columns = self.listed(each, 0) if each.steps_back and copy else []
                    for place, column in enumerate([*columns, 0]):
                        yield number, copy, place, column

    def state(self) -> Iterator[str]:
        """The values of all lanes at each address of the state buffer before the first step."""
        lanes, graph = self.program.plan.lanes, self.program.work.trace.graph
        values = np.zeros((2 * self.tables.flags, lanes), np.int64)
        for name in self.tables.stored:
            if graph.operand(name).kind == "state":
                base = self.tables.value_base(name, 1)
                values[base : base + self.tables.sizes[name]] = self._operand(name)[0, :lanes].T
        yield from self._values(values)

    # ---- results and sums ----

    def results(self) -> Iterator[str]:
        """By step, block, unit and lane: the values that become operands."""
        lanes, graph, plan = self.program.plan.lanes, self.program.work.trace.graph, self.program.plan
        for step in range(self.program.steps):
            for block in plan.blocks:
                made = np.zeros((block.units, lanes, self.tables.parts), np.int64)
                for part, name in enumerate(plan.stages[block.stage].operands):
                    if name in self.tables.stored:
                        row = step + (graph.operand(name).kind == "state")
                        made[..., part] = self._operand(name)[row, :lanes, _units(block)].T
                yield from _hex(_bits(made.reshape(block.units * lanes, -1), self.tables.operand_bits))

    def sums(self) -> dict[str, Ints]:
        """The sums of every step as plain products over all columns, ``(T, lanes, rows)``, by accumulator."""
        plan, trace, steps = self.program.plan, self.program.work.trace, self.program.steps
        found: dict[str, Ints] = {}
        for each in (own for stage in plan.stages for own in stage.sums):
            whole: Ints = np.zeros((), np.int64)
            for mv in (plan.mat_vecs[i] for i in each.mat_vecs):
                operand = trace.graph.operand(mv.operand)
                if operand.kind == "one_hot":
                    symbols = trace.arrays[mv.operand][:steps][:, : plan.lanes]
                    values = (symbols[..., None] == np.arange(mv.cols)).astype(np.int64)
                else:
                    after = int(operand.kind == "state" and mv.edge == "same_step")
                    values = self._operand(mv.operand)[after : steps + after, : plan.lanes]
                running = trace.active(plan.lanes, steps, mv.when)[..., None]
                whole = whole + (values * running) @ self.integers.weights[mv.name].T
            found[each.name] = whole
        return found

    def expected(self) -> Iterator[str]:
        """By step, block, unit and lane: the sums of the unit, one after the other, as wide as a PE's."""
        plan, sums, bits = self.program.plan, self.sums(), self.program.design.pe_array.accumulator_bits
        for step in range(self.program.steps):
            for block in plan.blocks:
                stage = plan.stages[block.stage]
                found = np.zeros((block.units, plan.lanes, self.tables.unit_sums), np.int64)
                number = 0
                for each in stage.sums:
                    for k in range(each.rows_per_unit):
                        rows = k * stage.units + np.arange(block.units) + block.first_unit
                        found[..., number] = sums[each.name][step][:, rows].T
                        number += 1
                yield from _hex(_bits(found.reshape(block.units * plan.lanes, -1), bits))

    # ---- files ----

    def write(self, out: Path) -> None:
        """Write all images and the sizes of the test bench into a folder; sizes are the same for any sequences."""
        program, plan, bits = self.program, self.program.plan, self.tables.bits
        w, lists = program.widths, self.tables.lists
        loads = list(self.loads())
        outside = [self.listed(each, step) for each in self.outside for step in range(program.steps)]
        columns = [column for own in outside for column in own]
        columns += [0] * (program.steps * sum(each.columns for each in self.outside) - len(columns))
        texts = {"weights": self.weights(), "vectors": self.vectors(), "state": self.state()}
        texts |= {"results": self.results(), "sums": self.expected()}
        for name, lines in texts.items():
            (out / f"{name}.hex").write_text("".join(f"{line}\n" for line in lines) or "0\n")
        write_hex(out / "symbols.hex", self.symbols(), bits["COLUMN"])
        counts, column = w["COUNT"], bits["COLUMN"]
        packed = [((number << 1 | copy) << counts | place) << column | own for number, copy, place, own in loads]
        packed += packed[-1:] * (2 * sum(e.columns + 1 for e in lists if e.source == Source.MADE) - len(packed))
        write_hex(out / "loads.hex", packed or [0], w["LIST"] + 1 + counts + column)
        write_hex(out / "outside_counts.hex", [len(own) for own in outside] or [0] * program.steps, 32)
        write_hex(out / "outside_first.hex", _before([len(own) for own in outside]) or [0] * program.steps, 32)
        write_hex(out / "outside_columns.hex", columns or [0], bits["COLUMN"])
        elements = [block.units * plan.lanes for block in plan.blocks]
        write_hex(out / "elements.hex", _before(elements), 32)
        write_hex(out / "unit_sums.hex", [plan.stages[b.stage].sums_per_unit for b in plan.blocks], 32)
        numbers = [self.outside.index(each) if each in self.outside else 0 for each in lists]
        firsts = _before([each.columns * program.steps for each in self.outside])
        write_hex(out / "outside_numbers.hex", numbers, 32)
        write_hex(out / "vector_first.hex", firsts or [0], 32)
        write_hex(out / "vector_columns.hex", [each.columns for each in self.outside] or [0], 32)
        write_hex(out / "lane_steps.hex", (min(n, program.steps + 1) for n in program.lane_steps), w["STEP"])
        sizes = {
            "RUN_STEPS": program.steps,
            "MEMORY_WORDS": program.memory_words,
            "ELEMENTS": sum(elements),
            "LOADS": len(packed),
            "OUTSIDE": max(1, len(self.outside)),
            "OUTSIDE_COLUMNS": max(1, len(columns)),
            "VECTOR_WORDS": max(1, sum(each.columns for each in self.outside) * program.steps),
        }
        (out / "bench.svh").write_text("".join(f"localparam {name} = {size};\n" for name, size in sizes.items()))

    def _operand(self, name: str) -> Ints:
        values, bits = self.integers.operands[name], self.tables.operand_bits
        half = 1 << (bits - 1)
        if values.size and (values.min() < -half or values.max() >= half):
            raise BadInput(f"operand {name}: must be integers of {bits} bits, not {values.min()} to {values.max()}")
        return values

    def _values(self, values: Ints) -> Iterator[str]:
        """Lines of the values of all lanes, ``(lines, lanes)``."""
        return _hex(_bits(values, self.tables.operand_bits))


def _units(block: Block) -> slice:
    return slice(block.first_unit, block.first_unit + block.units)


def _before(counts: "list[int]") -> list[int]:
    """The sum of those before each of some counts."""
    return [sum(counts[:n]) for n in range(len(counts))]


def _bits(values: Ints, width: int) -> NDArray[np.uint8]:
    """The low `width` bits of the values of the last axis, end to end, the first value's lowest bit first."""
    planes = (values[..., None] >> np.arange(width)) & 1
    return planes.astype(np.uint8).reshape(*values.shape[:-1], -1)


def _hex(bits: NDArray[np.uint8]) -> Iterator[str]:
    """Lines of hexadecimal digits, of bits ``(lines, bits)`` with the lowest first."""
    digits = ceil_div(bits.shape[1], 4)
    for line in np.packbits(bits, axis=1, bitorder="little"):
        yield line[::-1].tobytes().hex()[-digits:]
