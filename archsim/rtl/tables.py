"""The tables of the data path, and the sizes that it alone needs; ``verilog/data_path.sv`` unpacks the lines.

They say where rows and sums lie in the PEs, which operands a result becomes, and where those are stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from archsim.mapping.plan import Block
from archsim.mapping.read_out import Groups
from archsim.rtl.arrangement import Arrangement, arrangements_of
from archsim.rtl.layout import Field, Layout, Vector, bits_for, write_hex
from archsim.rtl.operands import OperandList, list_number
from archsim.rtl.program import Entry, Program
from archsim.specs.base import ceil_div

FIXED, BINARY, TERNARY, SHIFT = range(4)
"""Kinds of PE, as pe.sv numbers them."""


@dataclass(frozen=True)
class Tables:
    """The contents of the data path's tables, and its parameters."""

    program: Program

    @property
    def lists(self) -> tuple[OperandList, ...]:
        return self.program.lists

    @cached_property
    def arrangements(self) -> tuple[Arrangement, ...]:
        return arrangements_of(self.program.plan, self.program.design.pes_per_lane)

    # ---- operands ----

    @cached_property
    def parts(self) -> int:
        """The most operands that a result becomes."""
        return max(map(len, self.program.plan.lists), default=1)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Elements of every operand that some product reads."""
        return {each.operand: each.columns for each in self.lists}

    @cached_property
    def stored(self) -> dict[str, int]:
        """The place of every operand that is made and read: of its flags, and twice that of its values."""
        places, at = {}, 0
        for name in (name for names in self.program.plan.lists for name in names if name in self.sizes):
            places[name] = at
            at += self.sizes[name]
        return places

    @property
    def flags(self) -> int:
        """Elements of all operands that are made and read."""
        return max(1, sum(self.sizes[name] for name in self.stored))

    def value_base(self, operand: str, parity: int) -> int:
        """Address of an operand's values in the copy that steps of a parity make."""
        return 2 * self.stored[operand] + parity * self.sizes[operand]

    @cached_property
    def operand_bits(self) -> int:
        """Bits of an operand at a PE; at least 2, since a lit symbol counts as plus one."""
        return max(2, self.program.design.pe_array.act_bits)

    # ---- weights ----

    @cached_property
    def kind(self) -> int:
        array = self.program.design.pe_array
        if array.multiplier == "shift":
            return SHIFT
        if array.weight_bits == 1:
            return BINARY
        return FIXED if array.multiplier == "fixed" else TERNARY

    def width(self, entry: Entry) -> int:
        """Bits of a weight of a burst in its memory."""
        design, mat_vecs = self.program.design, self.program.plan.mat_vecs
        if not design.weight_memory.private:
            return design.pe_array.weight_bits
        return max(mat_vecs[i].weight_format.bits for stream in entry.burst.streams for i in stream)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        return tuple(sorted({self.width(entry) for entry in self.program.entries}))

    @property
    def group(self) -> int:
        """PEs of a lane that a memory serves."""
        return self.program.design.pes_per_lane // self.program.design.weight_memories

    def taken(self, entry: Entry) -> list[int]:
        """Rows that each cycle of a column takes from the words of a memory: those of the first one."""
        return [min(self.group, active) for active in self.active(entry)]

    def active(self, entry: Entry) -> list[int]:
        """PEs of a lane that have a row in each cycle of a column."""
        _, rows = self.program.feed(entry)
        until = [rows.words_until(cycle) for cycle in range(rows.cycles)]
        return [now - before for before, now in zip([0, *until], until, strict=False)]

    def _spans(self) -> Iterator[tuple[int, int]]:
        """The first row of every kind of PE cycle in its word, and the words that it takes rows of."""
        for entry in {self.program.feed(e): e for e in self.program.entries}.values():
            word_rows, at = self.program.design.weight_word_bits // self.width(entry), 0
            for taken in self.taken(entry):
                yield at % word_rows, (at + taken - 1) // word_rows - at // word_rows + 1
                at += taken

    # ---- lines ----

    @cached_property
    def positions(self) -> int:
        """The most rows of a unit; 1 where those of a stream are all alike."""
        return 1 if all(each.alike for each in self.arrangements) else max(each.rows for each in self.arrangements)

    @cached_property
    def bits(self) -> dict[str, int]:
        """Bits of each kind of number that only the data path has."""
        design, plan = self.program.design, self.program.plan
        columns = bits_for(max([each.columns for each in self.lists] + [stage.units for stage in plan.stages]))
        return {
            "STAGE": bits_for(len(plan.stages) - 1),
            "WEIGHT_WIDTH": bits_for(len(self.widths) - 1),
            "PE": bits_for(design.pes_per_lane - 1),
            "PORT": bits_for(design.pe_array.read_ports - 1),
            "POSITION": bits_for(self.positions - 1),
            "PLACE": bits_for(design.pe_array.accumulators - 1),
            "COLUMN": max(columns, self.program.least_widths.get("COLUMN", 1)),
            "STATE_ADDRESS": bits_for(2 * self.flags - 1),
            "FLAG": bits_for(self.flags - 1),
            "OPERAND": self.operand_bits,
            "COLUMN_PLACE": bits_for(self.columns_held - 1),
        }

    @property
    def columns_held(self) -> int:
        """The most columns of which words can be under way: each holds the room of a word or more."""
        plan = self.program.plan
        return min(plan.fifo_words, plan.fifo_words // min(e.burst.column_words for e in self.program.entries) + 2)

    @cached_property
    def ranks(self) -> int:
        """The most elements of one lane in a group."""
        return ceil_div(max(groups.width for groups in self.program.groups), self.program.plan.lanes)

    @property
    def unit_sums(self) -> int:
        """The most sums of a unit."""
        return max(stage.sums_per_unit for stage in self.program.plan.stages)

    @cached_property
    def shown(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """By stage, for each rank and sum: the PE, port and cycle in which it is shown."""
        ports = self.program.design.pe_array.read_ports
        found = []
        for number, each in enumerate(self.arrangements):
            width = max(g.width for b, g in self._read if b.stage == number)
            used = range(ceil_div(width, self.program.plan.lanes))
            rows = [[each.shown(rank, n, ports) for n in range(len(each.sums))] for rank in used]
            rows += [[] for _ in range(self.ranks - len(rows))]
            found.append(tuple(shown for row in rows for shown in (*row, *[(0, 0, 0)] * (self.unit_sums - len(row)))))
        for block, groups in self._read:
            arrangement, ranks = self.arrangements[block.stage], ceil_div(groups.width, self.program.plan.lanes)
            last = max(arrangement.shown(ranks - 1, n, ports)[2] for n in range(len(arrangement.sums)))
            if last >= groups.turns:
                raise ValueError(f"block {block.index}: a group takes {groups.turns} cycles, a sum is shown in {last}")
        return tuple(found)

    @property
    def _read(self) -> Iterator[tuple[Block, Groups]]:
        return zip(self.program.plan.blocks, self.program.groups, strict=True)

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        b, w, pes = self.bits, self.program.widths, self.program.design.pes_per_lane
        shown = b["PE"] + b["PORT"] + w["TURN"]
        return {
            "entries": Layout("", (Field("width", b["WEIGHT_WIDTH"]), Field("stage", b["STAGE"]))),
            "units": Layout(
                "",
                (
                    Field("group_places", b["PLACE"]),
                    Field("group_pes", b["PE"]),
                    Field("group_lanes", w["LANE"]),
                    Field("group_units", w["UNIT"]),
                    Field("first_unit", w["UNIT"]),
                    Field("stage", b["STAGE"]),
                ),
            ),
            "stages": Layout(
                "",
                (
                    Field("made", w["MADE"]),
                    Field("has_made", 1),
                    Field("starts", b["POSITION"], pes),
                    Field("step", b["POSITION"]),
                    Field("unit_by_unit", 1),
                    Field("unit_places", b["PLACE"]),
                    Field("unit_pes", b["PE"]),
                    Field("stride", b["PLACE"]),
                    Field("shown", shown, self.ranks * self.unit_sums),
                ),
            ),
            "distances": Layout(
                "", (Field("last_position", b["POSITION"]), Field("distance", b["PLACE"], self.positions))
            ),
        }

    def _place(self, number: int) -> int:
        """A place, or a distance between two, of which those beyond the bank are of no sum."""
        return number % (1 << self.bits["PLACE"])

    def entry_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        for entry in self.program.entries:
            yield {"width": self.widths.index(self.width(entry)), "stage": entry.block.stage}

    def unit_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        for block, groups in self._read:
            units, lanes = divmod(groups.width, self.program.plan.lanes)
            pes, distance = self.arrangements[block.stage].after(units)
            yield {
                "group_places": self._place(distance),
                "group_pes": pes,
                "group_lanes": lanes,
                "group_units": units,
                "first_unit": block.first_unit,
                "stage": block.stage,
            }

    def stage_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        plan, pes = self.program.plan, self.program.design.pes_per_lane
        port, turn = self.bits["PORT"], self.program.widths["TURN"]
        for stage, each, shown in zip(plan.stages, self.arrangements, self.shown, strict=True):
            by_rows = self.positions > 1 and not each.unit_by_unit
            unit_pes, unit_places = each.after(1)
            yield {
                "made": plan.lists.index(stage.operands) if stage.operands else 0,
                "has_made": int(bool(stage.operands)),
                "starts": [j % each.rows if by_rows else 0 for j in range(pes)],
                "step": pes % each.rows if by_rows else int(each.unit_by_unit and each.rows > 1),
                "unit_by_unit": int(each.unit_by_unit),
                "unit_places": self._place(unit_places),
                "unit_pes": unit_pes,
                "stride": self._place(each.stride),
                "shown": [(pe << port | own_port) << turn | own_turn for pe, own_port, own_turn in shown],
            }

    def distance_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        """By stage and list: how far each row lies from the first place of its line in its PE."""
        mat_vecs = self.program.plan.mat_vecs
        for each in self.arrangements:
            own = {list_number(self.lists, mat_vecs[s[0]]): each.distances(s) for s in each.stage.streams}
            for number in range(len(self.lists)):
                distances = own.get(number, (0,))
                yield {
                    "last_position": len(distances) - 1 if self.positions > 1 else 0,
                    "distance": list(distances[: self.positions]),
                }

    # ---- parameters ----

    def parameters(self) -> dict[str, int | Vector]:
        """The sizes of the data path, by their names in Verilog."""
        design, plan, bits = self.program.design, self.program.plan, self.bits
        spans = list(self._spans())
        found: dict[str, int | Vector] = {f"{name}_BITS": own for name, own in bits.items()}
        found |= {
            "STAGES": len(plan.stages),
            "PE_KIND": self.kind,
            "WEIGHT_BITS": design.pe_array.weight_bits,
            "SUM_BITS": design.pe_array.accumulator_bits,
            "BANK_SUMS": design.pe_array.accumulators,
            "READ_PORTS": design.pe_array.read_ports,
            "READ_SPAN": 1 + max(pe for shown in self.shown for pe, *_ in shown),
            "READ_TURNS": 1 + max(turn for shown in self.shown for *_, turn in shown),
            "RANKS": self.ranks,
            "UNIT_SUMS": self.unit_sums,
            "POSITIONS": self.positions,
            "PARTS": self.parts,
            "RESULT_BITS": self.parts * bits["OPERAND"],
            "STATE_WORDS": 2 * self.flags,
            "STATE_FLAGS": self.flags,
            "WORD_BITS": design.weight_word_bits,
            "SPAN": max(words for _, words in spans),
            "ALIGNED": int(not any(first for first, _ in spans)),
            "OFFSET_BITS": bits_for(design.weight_word_bits // self.widths[0] + self.group),
            "WEIGHT_WIDTHS": len(self.widths),
            "WEIGHT_WIDTH": Vector(16, self.widths),
            "COLUMNS_HELD": self.columns_held,
            "DISTANCE_BITS": bits_for(len(plan.stages) * len(self.lists) - 1),
            "REACH": min(design.skip_encoder.reach, 2**30),
        }
        return found | self._list_parameters() | self._made_parameters()

    def _list_parameters(self) -> dict[str, int | Vector]:
        plan, lists, address = self.program.plan, self.lists, self.bits["STATE_ADDRESS"]
        parts = [plan.lists[e.made].index(e.operand) if e.made is not None else 0 for e in lists]
        bases = [
            self.value_base(e.operand, parity) if e.operand in self.stored else 0 for parity in (0, 1) for e in lists
        ]
        return {
            "LIST_SOURCES": Vector(2, tuple(int(e.source) for e in lists)),
            "LIST_STORED": Vector(1, tuple(int(e.made is not None) for e in lists)),
            "LIST_BACK": Vector(1, tuple(e.steps_back for e in lists)),
            "LIST_LAST": Vector(1, tuple(int(e.when == "last_step") for e in lists)),
            "LIST_COLUMNS": Vector(32, tuple(e.columns for e in lists)),
            "LIST_MADE": Vector(self.program.widths["MADE"], tuple(e.made or 0 for e in lists)),
            "LIST_PARTS": Vector(8, tuple(parts)),
            "LIST_BASES": Vector(address, tuple(bases)),
        }

    def _made_parameters(self) -> dict[str, int | Vector]:
        """By result, for each operand that it can become: whether some product reads it, and where it is stored."""
        names = [(*own, *[""] * (self.parts - len(own))) for own in self.program.plan.lists]
        stored = [name for own in names for name in own]
        bases = [self.value_base(n, parity) if n in self.stored else 0 for parity in (0, 1) for n in stored]
        return {
            "MADE_PARTS": Vector(1, tuple(int(name in self.stored) for name in stored)),
            "MADE_BASES": Vector(self.bits["STATE_ADDRESS"], tuple(bases)),
            "MADE_FLAGS": Vector(self.bits["FLAG"], tuple(self.stored.get(name, 0) for name in stored)),
        }

    def write(self, out: Path) -> None:
        """Write the tables into a folder."""
        lines = {
            "entries": self.entry_lines,
            "units": self.unit_lines,
            "stages": self.stage_lines,
            "distances": self.distance_lines,
        }
        for name, layout in self.layouts.items():
            write_hex(out / f"{name}.hex", map(layout.line, lines[name]()), layout.bits)
