"""The functional check: the `column` engine with real integers in its FIFO, PEs and accumulators.

The weight path fetches the weights of each column on the operand list and the FIFO carries them. Each PE multiplies the
weights of its rows by its lane's operand and adds the products to its own scratch entries, which wrap around at
``pe_array.accumulator_bits``. The activation unit reads the sums out of the bank. They must equal, bit for bit, the
sums of the network's own reference, which is computed outside archsim.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from archsim.design import Design
from archsim.machine.steps import run_machine
from archsim.machine.turns import BlockTurn, BurstTurn
from archsim.mapping.plan import Block, Plan
from archsim.mapping.work import Work
from archsim.trace.columns import padded

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Integers:
    """The weights of a network, and its operands in every step, as the integers that a machine computes with."""

    weights: Mapping[str, Ints]
    """Weights by product, ``(rows, cols)``, rows gate-major."""
    operands: Mapping[str, Ints]
    """Values by operand, ``(T, S, size)``, or ``(T + 1, S, size)`` for a state; the trace has the one-hot operands."""
    shifts: Mapping[str, Ints] = field(default_factory=dict)
    """Places, ``(rows,)``, by which products are shifted left, row by row, before they are added: `weights` are what is
    stored, shifted by them. A product that is missing has none."""

    def stored(self, product: str) -> Ints:
        """What a PE multiplies by, ``(rows, cols)``: weights without the shifts of their rows."""
        shifts = self.shifts.get(product)
        return self.weights[product] if shifts is None else self.weights[product] >> shifts[:, None]

    @property
    def most_shift(self) -> int:
        """The farthest that a product is shifted; 0: none is."""
        return max((int(shifts.max()) for shifts in self.shifts.values()), default=0)


@dataclass
class Token:
    """A column on its way through the FIFO."""

    stream: tuple[int, ...]
    column: int | None
    """Index of the column; None for padding between two columns on the list."""
    weights: Ints
    """Weights of the block's rows, ``(rows,)``, for all products of the stream, one product after the other."""


@dataclass(frozen=True)
class Places:
    """Where the rows of one sum of a block lie; all arrays are ``(rows of the block,)``."""

    rows: Ints
    """Rows of the whole sum, gate-major."""
    pe: Ints
    """PE of the lane that accumulates each row."""
    entry: Ints
    """Entry of the PE's scratch bank that holds each row."""


def places(plan: Plan, block: Block, pes: int) -> dict[str, Places]:
    """The PE and scratch entry of every row of every sum of a block, by the name of the sum.

    The rows of a unit that one column feeds are numbered by position; sums that different columns feed at the same
    position share a PE. Either rows or whole units are dealt out to the PEs in turn. ValueError if the products of a
    sum lie at different positions.
    """
    stage = plan.stages[block.stage]
    at_position: dict[int, list[str]] = {}
    position_of: dict[str, int] = {}
    for stream in stage.streams:
        start = 0
        for i in stream:
            owner = next(each for each in stage.sums if i in each.mat_vecs)
            if position_of.setdefault(owner.name, start) != start:
                raise ValueError(f"sum {owner.name}: its products lie at different rows of their columns")
            for k in range(owner.rows_per_unit):
                sharing = at_position.setdefault(start + k, [])
                sharing += [] if owner.name in sharing else [owner.name]
            start += owner.rows_per_unit
    unit, found, offset = np.arange(block.units), {}, 0
    for each in stage.sums:
        rows, pe, entry = [], [], []
        for k in range(each.rows_per_unit):
            position = position_of[each.name] + k
            rows.append(k * stage.units + block.first_unit + unit)
            if block.unit_by_unit:
                pe.append(unit % pes)
                entry.append(unit // pes * stage.sums_per_unit + offset + k)
            else:
                index = unit * stage.rows_per_unit + position
                pe.append(index % pes)
                entry.append(index // pes * stage.sums_per_row + at_position[position].index(each.name))
        offset += each.rows_per_unit
        found[each.name] = Places(np.concatenate(rows), np.concatenate(pe), np.concatenate(entry))
    return found


@dataclass(eq=False)
class Functional:
    """The datapath of one run with real integers; `sums` is filled as blocks are read out."""

    design: Design
    plan: Plan
    work: Work
    integers: Integers
    sums: dict[str, Ints] = field(default_factory=dict)
    """Sums by accumulator (a product if it is scaled on its own, otherwise a group), ``(T, lanes, rows)``."""

    def __post_init__(self) -> None:
        lanes, pes = self.plan.lanes, self.design.pes_per_lane
        self._banks = np.zeros((self.plan.banks, lanes, pes, self.design.shape.sums), np.int64)
        self._opened = self._read = 0
        self._kept: dict[tuple[int, int], Ints] = {}
        """Sums of later steps' inputs, by block and step, ``(lanes, PEs, entries)``, until their step is read out."""
        self._places = [places(self.plan, block, pes) for block in self.plan.blocks]
        for stage in self.plan.stages:
            for each in stage.sums:
                self.sums[each.name] = np.zeros((self.work.steps, lanes, each.rows_per_unit * stage.units), np.int64)

    def fetch(self, turn: BurstTurn) -> list[Token]:
        """The tokens of a burst: every column on the operand list, with the weights of this block's rows."""
        tokens = []
        for stream in turn.burst.streams:
            tokens += [self._fetch(turn.block, stream, column) for column in self._listed(stream[0], turn.step)]
        return tokens

    def open(self) -> None:
        """Clear the next scratch bank for a new block."""
        self._banks[self._opened % self.plan.banks] = 0
        self._opened += 1

    def accumulate(self, turn: BurstTurn, token: object) -> None:
        """Add each PE's weights times its lane's operand to its sums. TypeError for a token of another datapath."""
        if not isinstance(token, Token):
            raise TypeError(f"the FIFO must carry tokens of this datapath, not {token!r}")
        if token.column is None:
            return
        block, bank = turn.block, self._banks[(self._opened - 1) % self.plan.banks]
        for step in self._steps_of(token.stream[0], turn.step):
            operand = self._operand(token.stream[0], token.column, step)  # (lanes,)
            sums = bank if step == turn.step else self._kept.setdefault((block.index, step), np.zeros_like(bank))
            start = 0
            for i in token.stream:
                here = self._places[block.index][self._sum_of(block, i)]
                weights = token.weights[start : start + len(here.rows)]
                sums[:, here.pe, here.entry] += weights * operand[:, None]
                start += len(here.rows)

    def read_out(self, turn: BlockTurn) -> None:
        """Read the sums of the oldest full bank."""
        whole = self._banks[self._read % self.plan.banks] + self._kept.pop((turn.block.index, turn.step), 0)
        bank = _wrapped(whole, self.design.pe_array.accumulator_bits)
        self._read += 1
        for name, here in self._places[turn.block.index].items():
            self.sums[name][turn.step][:, here.rows] = bank[:, here.pe, here.entry]

    def _steps_of(self, mat_vec: int, step: int) -> range:
        """The steps for which a product is computed at a step."""
        at_once = self.plan.steps_at_once[mat_vec]
        return range(step, min(step + at_once, self.work.steps) if step % at_once == 0 else step)

    def _sum_of(self, block: Block, mat_vec: int) -> str:
        return next(each.name for each in self.plan.stages[block.stage].sums if mat_vec in each.mat_vecs)

    def _operand(self, mat_vec: int, column: int, step: int) -> Ints:
        """Element `column` of a product's operand, ``(lanes,)``; 0 in a lane that does not run the product."""
        mv, lanes = self.plan.mat_vecs[mat_vec], self.plan.lanes
        running = self.work.trace.active(lanes, step + 1, mv.when)[step]
        operand = self.work.trace.graph.operand(mv.operand)
        if operand.kind == "one_hot":
            symbols = self.work.trace.arrays[mv.operand][step : step + 1][0, :lanes]
            lit: Ints = ((symbols == column) & running).astype(np.int64)
            return lit
        row = step + (operand.kind == "state" and mv.edge == "same_step")
        values: Ints = self.integers.operands[mv.operand][row, :lanes, column] * running
        return values

    def _listed(self, mat_vec: int, step: int) -> list[int | None]:
        mv = self.plan.mat_vecs[mat_vec]
        kind = self.work.trace.graph.operand(mv.operand).kind
        steps = self._steps_of(mat_vec, step)
        if not steps or not self.work.streamed_at(mat_vec, step)[2]:
            return []
        if not self.design.skip_encoder.enabled and kind != "one_hot":
            return list(range(mv.cols))
        union = self.work.trace.nonzero(mv, self.plan.lanes, steps.stop, steps.start).any(axis=(0, 1))
        nonzero = dict.fromkeys(np.flatnonzero(union).tolist())
        reach = self.design.skip_encoder.reach if kind != "one_hot" else mv.cols + 1
        return [column if column in nonzero else None for column in padded(nonzero, reach)]

    def _fetch(self, block: Block, stream: tuple[int, ...], column: int | None) -> Token:
        rows = [self._places[block.index][self._sum_of(block, i)].rows for i in stream]
        if column is None:
            return Token(stream, None, np.zeros(sum(map(len, rows)), np.int64))
        weights = [self.integers.weights[self.plan.mat_vecs[i].name] for i in stream]
        parts = [matrix[own, column] for matrix, own in zip(weights, rows, strict=True)]
        return Token(stream, column, np.concatenate(parts))


def _wrapped(sums: Ints, bits: int) -> Ints:
    """`sums` wrapped to `bits` of two's complement; wrapping once at the end equals wrapping at every addition."""
    if bits == 64:
        return sums
    half = 1 << (bits - 1)
    return ((sums + half) & (2 * half - 1)) - half


def run_check(design: Design, plan: Plan, work: Work, integers: Integers) -> dict[str, Ints]:
    """The sums of every step of a phase, accumulated in the machine's own order of columns, lanes, PEs and banks.

    The result is by accumulator (a product if it is scaled on its own, otherwise a group): ``(T, lanes, rows)``, rows
    gate-major, with zeros where a lane does not run.
    """
    functional = Functional(design, plan, work, integers)
    run_machine(design, plan, work, "column", datapath=functional)
    return functional.sums


def differences(sums: Mapping[str, Ints], reference: Mapping[str, Ints]) -> dict[str, int]:
    """The number of sums that differ from the reference, by accumulator. ValueError if the reference lacks one."""
    missing = set(sums) - set(reference)
    if missing:
        raise ValueError(f"reference must have the sums {', '.join(sorted(missing))}")
    return {name: int(np.count_nonzero(sums[name] != reference[name])) for name in sums}
