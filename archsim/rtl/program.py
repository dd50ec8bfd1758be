"""The program of the machine in Verilog: the static order of a step and all that control needs, made from a plan.

Nothing is recomputed in hardware. A line of bursts.hex describes a burst and where the order goes on, one of blocks.hex
the read-out and listing of a block, and one of feeds.hex a cycle of a column in the PEs. All modules share the sizes of
`parameters`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from archsim.costs.blocks.sequencer import address_bits, bursts_a_cycle, counter_bits, most_words
from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Block, Burst, Feed, Plan
from archsim.mapping.read_out import Groups, groups_of
from archsim.mapping.work import Work
from archsim.rtl.layout import Field, Layout, Vector, bits_for, write_hex, write_parameters
from archsim.rtl.operands import OperandList, list_number, lists_of
from archsim.rtl.refusals import check, of_block
from archsim.specs.base import ceil_div


class Entry(NamedTuple):
    """A burst of a step, with the block that it belongs to."""

    block: Block
    position: int

    @property
    def burst(self) -> Burst:
        return self.block.bursts[self.position]


class Step(NamedTuple):
    """Where the order goes on after an element of it, and whether a step ends with it."""

    next: int
    ends_step: bool


@dataclass(frozen=True)
class Program:
    """The contents of all program memories, and the sizes that control needs."""

    design: Design
    plan: Plan
    work: Work
    largest: bool = False
    """Whether counters and addresses are as wide as they are priced, for the largest network that the design runs;
    otherwise as this network and its steps need."""

    def __post_init__(self) -> None:
        check(self.design, self.plan)

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(Entry(block, n) for block in self.plan.blocks for n in range(len(block.bursts)))

    @cached_property
    def lists(self) -> tuple[OperandList, ...]:
        """The distinct operand lists, in the order in which products first read them."""
        return lists_of(self.design, self.plan, self.work.trace.graph)

    @cached_property
    def bases(self) -> dict[tuple[int, int], int]:
        """Address of the first word of a stream in a block, by (block, first product): one after the other."""
        bases, at = {}, 0
        for entry in self.entries:
            for stream in entry.burst.streams:
                bases[entry.block.index, stream[0]] = at
                at += self.plan.mat_vecs[stream[0]].cols * entry.burst.column_words
        return bases

    @property
    def memory_words(self) -> int:
        """Words of each weight memory, whether they lie in SRAM or in DRAM."""
        return sum(
            self.plan.mat_vecs[stream[0]].cols * entry.burst.column_words
            for entry in self.entries
            for stream in entry.burst.streams
        )

    @property
    def steps(self) -> int:
        """Steps in which any lane runs."""
        return min(self.work.steps, max(self.lane_steps))

    @property
    def lane_steps(self) -> tuple[int, ...]:
        """Steps of each lane's sequence."""
        return tuple(self.work.trace.lengths[: self.plan.lanes].tolist())

    def at_last_steps(self, block: Block) -> bool:
        """Whether a block runs only when some lane is at its last step."""
        return self.plan.mat_vecs[of_block(block)[0]].when == "last_step"

    @cached_property
    def both_sources(self) -> bool:
        """Whether words come from SRAM and from DRAM."""
        return len({entry.burst.streamed for entry in self.entries}) > 1

    @cached_property
    def groups(self) -> tuple[Groups, ...]:
        """How the elements of each block are read."""
        plan = self.plan
        return tuple(
            groups_of(self.design, plan.stages[b.stage], BlockUnits(b.units, b.unit_by_unit), plan.lanes)
            for b in plan.blocks
        )

    @cached_property
    def feeds(self) -> dict[tuple[Feed, Feed], int]:
        """The line at which each kind of column begins: by the words of a memory, and by the rows of a lane."""
        found, at = dict[tuple[Feed, Feed], int](), 0
        for entry in self.entries:
            key = self.feed(entry)
            if key not in found:
                found[key] = at
                at += entry.burst.tile_cycles
        return found

    def feed(self, entry: Entry) -> tuple[Feed, Feed]:
        block, burst = entry.block, entry.burst
        per_unit = burst.rows // block.units
        part = BlockUnits(block.units, block.unit_by_unit)
        return burst.feed, part.feed(per_unit, self.design.pes_per_lane, 1, whole=False)

    @property
    def rounds(self) -> int:
        """The most bursts that the weight path may have its turn with in a cycle.

        A burst without columns is through in the cycle in which it starts, if it takes no time; there is none where
        zeros are not skipped. Row scales, biases and set-up take time. At most as many blocks pass as there are banks,
        and part of another.
        """
        if bursts_a_cycle(self.design) == 1:
            return 1
        if self.design.sequencer.setup_cycles:
            return 2
        counts = [len(block.bursts) for block in self.plan.blocks]
        if all(block.norms.cycles for block in self.plan.blocks):
            return max(counts) + 1
        some = min(self.plan.banks + 1, len(counts))
        return max(sum((counts + counts)[i : i + some]) for i in range(len(counts))) + 1

    def _after(self, index: int, runs: list[bool]) -> Step:
        """The next of an order of which some run, round and round."""
        later = next((i for i in range(index + 1, len(runs)) if runs[i]), None)
        return Step(0, True) if later is None else Step(later, False)

    def burst_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        always = [not self.at_last_steps(entry.block) for entry in self.entries]
        for index, entry in enumerate(self.entries):
            block, burst = entry.block, entry.burst
            usual, at_last = self._after(index, always), self._after(index, [True] * len(always))
            opens, streams = entry.position == 0, [stream[0] for stream in burst.streams]
            lists = [list_number(self.lists, self.plan.mat_vecs[i]) for i in streams]
            whole, part = divmod(burst.pace.cycles, burst.pace.words)
            yield {
                "block": block.index,
                "opens": int(opens),
                "closes": int(entry.position == len(block.bursts) - 1),
                "last_only": int(not always[index]),
                "next": usual.next,
                "ends_step": int(usual.ends_step),
                "next_last": at_last.next,
                "ends_step_last": int(at_last.ends_step),
                "waits_same": [int(any(w.list == m and not w.steps_back for w in burst.waits)) for m in self._made],
                "waits_previous": [int(any(w.list == m and w.steps_back for w in burst.waits)) for m in self._made],
                "reads_inputs": int(burst.reads_inputs),
                "streamed": int(burst.streamed),
                "norms_streamed": int(opens and block.norms.streamed),
                "norms": block.norms.cycles if opens else 0,
                "stream_valid": [1] * len(streams),
                "stream_list": lists,
                "stream_previous": [self.lists[n].steps_back for n in lists],
                "stream_base": [self.bases[block.index, i] for i in streams],
                "words": burst.column_words,
                "pace_whole": whole,
                "pace_part": part,
                "pace_parts": burst.pace.words,
                "latency": burst.latency_cycles,
                "source": int(self.both_sources and burst.streamed),
                "feed": self.feeds[self.feed(entry)],
            }

    def block_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        always = [not self.at_last_steps(block) for block in self.plan.blocks]
        listed = [block.list is not None for block in self.plan.blocks]
        for block, groups in zip(self.plan.blocks, self.groups, strict=True):
            usual, at_last = self._after(block.index, always), self._after(block.index, [True] * len(always))
            later = self._after(block.index, listed)
            yield {
                "stage": block.stage,
                "first_unit": block.first_unit,
                "units": block.units,
                "unit_by_unit": int(block.unit_by_unit),
                "elements": block.units * self.plan.lanes,
                "width": groups.width,
                "turns": groups.turns,
                "next": usual.next,
                "ends_step": int(usual.ends_step),
                "next_last": at_last.next,
                "ends_step_last": int(at_last.ends_step),
                "listed": int(listed[block.index]),
                "made": block.list or 0,
                "ends_list": int(block.ends_list),
                "next_listed": listed.index(True) if later.ends_step else later.next,
                "last_listed": int(later.ends_step),
            }

    def feed_lines(self) -> Iterator[Mapping[str, int | list[int]]]:
        for words, rows in self.feeds:
            released = taken = 0
            for cycle in range(words.cycles):
                release = sum(words.last_cycle(word) == cycle for word in range(words.words))
                active = rows.words_until(cycle) - taken
                yield {
                    "needed": words.words_until(cycle),
                    "released": released,
                    "release": release,
                    "active": active,
                    "last": int(cycle == words.cycles - 1),
                }
                released, taken = released + release, taken + active

    @property
    def _made(self) -> range:
        return range(len(self.plan.lists))

    @cached_property
    def widths(self) -> dict[str, int]:
        """Bits of each kind of number."""
        plan, bursts = self.plan, [entry.burst for entry in self.entries]
        words = max(burst.column_words for burst in bursts)
        width = bits_for(max(group.width for group in self.groups))
        waits = [self.design.sequencer.setup_cycles, self.design.sequencer.empty_burst_cycles]
        waits += [block.norms.cycles for block in plan.blocks]
        waits += [burst.pace.cycles // burst.pace.words + 2 for burst in bursts]
        waits += [*plan.fetch.cycles, plan.fetch.latency_cycles] if plan.fetch else []
        wait = bits_for(max(waits))
        columns_left = bits_for(ceil_div(max(group.width for group in self.groups), plan.lanes) + 1)
        units = 2 * sum(block.units for block in plan.blocks)
        needed = {
            "STEP": bits_for(self.steps + 2),
            "ENTRY": bits_for(len(self.entries) - 1),
            "BLOCK": bits_for(len(plan.blocks) - 1),
            "COUNT": bits_for(max(sum(plan.mat_vecs[s[0]].cols for s in burst.streams) for burst in bursts)),
            "STREAM": bits_for(self.streams - 1),
            "LIST": bits_for(len(self.lists) - 1),
            "MADE": bits_for(len(plan.lists) - 1),
            "UNIT": bits_for(max(units, self.design.skip_encoder.columns_per_cycle)),
            "ELEMENT": max(width, bits_for(max(block.units for block in plan.blocks) * plan.lanes)),
            "WIDTH": width,
            "TURN": bits_for(max(group.turns for group in self.groups)),
            "LANE": bits_for(plan.lanes - 1),
            "LANE_COUNT": bits_for(plan.lanes),
            "BANK": bits_for(plan.banks - 1),
            "BANK_COUNT": bits_for(plan.banks),
            "COLUMNS_LEFT": columns_left,
            "LISTED": bits_for(self.design.skip_encoder.columns_per_cycle),
            "WORD_NUMBER": bits_for(words),
            "CREDIT": bits_for(plan.fifo_words + words),
            "SLOT": bits_for(plan.fifo_words - 1),
            "FEED": bits_for(max(burst.tile_cycles for burst in bursts) - 1),
            "FEED_ADDRESS": bits_for(sum(words.cycles for words, _ in self.feeds) - 1),
            "ACTIVE": bits_for(self.design.pes_per_lane),
            "ADDRESS": bits_for(self.memory_words),
            "WAIT": wait,
            "DELAY": bits_for(max(burst.latency_cycles for burst in bursts) + 2**wait),
            "PART": bits_for(max(burst.pace.words for burst in bursts)),
        }
        return needed | {name: max(bits, needed[name]) for name, bits in self.least_widths.items() if name in needed}

    @property
    def least_widths(self) -> dict[str, int]:
        """Bits that counters have at least."""
        if not self.largest:
            return {}
        counters = dict.fromkeys(
            ("STEP", "ENTRY", "BLOCK", "COUNT", "UNIT", "ELEMENT", "COLUMN"), counter_bits(self.design)
        )
        words = most_words(self.design).bit_length()
        return counters | {"ADDRESS": address_bits(self.design), "WORD_NUMBER": words}

    @property
    def streams(self) -> int:
        """The most streams of a burst."""
        return max(len(entry.burst.streams) for entry in self.entries)

    @cached_property
    def layouts(self) -> dict[str, Layout]:
        """The fields of a line of bursts, blocks and feeds."""
        w, made = self.widths, len(self.plan.lists)

        def fields(*given: tuple[str, int] | tuple[str, int, int]) -> tuple[Field, ...]:
            return tuple(Field(*each) for each in given)

        bursts = fields(
            ("block", w["BLOCK"]), ("opens", 1), ("closes", 1), ("last_only", 1), ("next", w["ENTRY"]),
            ("ends_step", 1), ("next_last", w["ENTRY"]), ("ends_step_last", 1), ("waits_same", 1, made),
            ("waits_previous", 1, made), ("reads_inputs", 1), ("streamed", 1), ("norms_streamed", 1),
            ("norms", w["WAIT"]), ("stream_valid", 1, self.streams), ("stream_list", w["LIST"], self.streams),
            ("stream_previous", 1, self.streams), ("stream_base", w["ADDRESS"], self.streams),
            ("words", w["WORD_NUMBER"]), ("pace_whole", w["WAIT"]), ("pace_part", w["PART"]),
            ("pace_parts", w["PART"]), ("latency", w["DELAY"]), ("source", 1), ("feed", w["FEED_ADDRESS"]),
        )  # fmt: skip
        blocks = fields(
            ("stage", bits_for(len(self.plan.stages) - 1)), ("first_unit", w["UNIT"]), ("units", w["UNIT"]),
            ("unit_by_unit", 1), ("elements", w["ELEMENT"]), ("width", w["WIDTH"]), ("turns", w["TURN"]),
            ("next", w["BLOCK"]), ("ends_step", 1), ("next_last", w["BLOCK"]), ("ends_step_last", 1), ("listed", 1),
            ("made", w["MADE"]), ("ends_list", 1), ("next_listed", w["BLOCK"]), ("last_listed", 1),
        )  # fmt: skip
        feeds = fields(
            ("needed", w["WORD_NUMBER"]), ("released", w["WORD_NUMBER"]), ("release", w["WORD_NUMBER"]),
            ("active", w["ACTIVE"]), ("last", 1),
        )  # fmt: skip
        return {"bursts": Layout("B", bursts), "blocks": Layout("K", blocks), "feeds": Layout("F", feeds)}

    def parameters(self) -> dict[str, int | Vector]:
        """The sizes of control, by their names in Verilog."""
        plan, fetch, lines = self.plan, self.plan.fetch, self.layouts
        design, stages, wait = self.design, latencies(self.design), self.widths["WAIT"]
        listed = [block.index for block in plan.blocks if block.list is not None]
        found: dict[str, int | Vector] = {
            "LANES": plan.lanes,
            "PES": design.pes_per_lane,
            "BANKS": plan.banks,
            "MEMS": design.weight_memories,
            "SOURCES": 1 + self.both_sources,
            "FIFO_WORDS": plan.fifo_words,
            "ENTRIES": len(self.entries),
            "BLOCKS": len(plan.blocks),
            "FEEDS": sum(words.cycles for words, _ in self.feeds),
            "STREAMS": self.streams,
            "LISTS": len(self.lists),
            "MADE": len(plan.lists),
            "ROUNDS": self.rounds,
            "SETUP_CYCLES": design.sequencer.setup_cycles,
            "EMPTY_BURST_CYCLES": design.sequencer.empty_burst_cycles,
            "BANK_CYCLES": design.sequencer.bank_cycles,
            "PE_STAGES": plan.pe_stages,
            "ACTIVATION_STAGES": plan.activation_stages,
            "WIDTH": max(group.width for group in self.groups),
            "SKIPPING": int(design.skip_encoder.enabled),
            "COLUMNS_PER_CYCLE": design.skip_encoder.columns_per_cycle,
            "ENCODER_STAGES": stages.encoder_stages,
            "FIRST_LISTED": listed[0],
            "FETCHES": int(fetch is not None),
            "FETCH_STATIC": int(fetch is not None and fetch.arbitration == "static"),
            "FETCH_CYCLES": Vector(wait, fetch.cycles if fetch else (0,)),
            "FETCH_LATENCY": fetch.latency_cycles if fetch else 0,
            "BURST_BITS": lines["bursts"].bits,
            "BLOCK_LINE_BITS": lines["blocks"].bits,
            "FEED_LINE_BITS": lines["feeds"].bits,
        }
        found |= {f"{name}_BITS": bits for name, bits in self.widths.items()}
        for layout in lines.values():
            found |= layout.positions()
        return found

    def write(self, out: Path, more: Mapping[str, int | Vector] | None = None) -> None:
        """Write the program memories and parameters.svh into a folder; `more` are the parameters of the data path."""
        write_parameters(out / "parameters.svh", {**self.parameters(), **(more or {})}, self.largest)
        lines = {"bursts": self.burst_lines, "blocks": self.block_lines, "feeds": self.feed_lines}
        for name, layout in self.layouts.items():
            write_hex(out / f"{name}.hex", map(layout.line, lines[name]()), layout.bits)
