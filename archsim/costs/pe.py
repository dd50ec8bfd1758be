"""Processing elements by kind and bits (Nangate 45 nm), cut into as many pipeline stages as a clock requires."""

import math
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Literal

import numpy as np

from archsim.costs.logic import Logic, between, by_bits, cell_of, full_adder_ns, pipelined, register_bits, stages
from archsim.costs.tables import rows
from archsim.errors import BadInput

Multiplier = Literal["fixed", "mux", "shift"]

MUX_FORMATS = {1: "binary", 2: "ternary"}
_FIXED_WEIGHT_BITS: tuple[int, ...] = (2, 3, 4, 6, 8, 12, 16)
_SHIFT_WEIGHT_BITS: tuple[int, ...] = (3, 4, 5)
"""Weight bits of the table's shift PEs: a sign and 2 to 4 bits of exponent."""
WIDEST_SHIFT_BITS = 6
"""A sign and five bits of exponent, as in LIMP's format, extrapolated from the rows of 3 and 4 bits."""


@dataclass(frozen=True)
class _PERows:
    """The part of the table for one kind of PE."""

    multiplier: Multiplier
    table_bits: tuple[int, ...]
    table_acts: tuple[int, ...] = (4, 8, 12, 16)

    def unit(self, weight_bits: int) -> str:
        if self.multiplier == "mux":
            return MUX_FORMATS[weight_bits]
        return "fixed" if self.multiplier == "fixed" else f"po2_exp{weight_bits - 1}"

    def size(self, weight_bits: int) -> int:
        """The size in which a PE's cost is linear: the bits of the weight, or the distance of a shifter."""
        return 2 ** (weight_bits - 1) if self.multiplier == "shift" else weight_bits

    def product_bits(self, weight_bits: int, act_bits: int) -> int:
        """Bits that cross a pipeline cut: the product, or a mux PE's operand, whose carry ripples a stage later."""
        if self.multiplier == "mux":
            return act_bits + 1
        return act_bits + (weight_bits if self.multiplier == "fixed" else self.size(weight_bits) - 1)

    def accumulator_bits(self, weight_bits: int, act_bits: int) -> int:
        """Bits of the table's accumulators."""
        return act_bits + 12 if self.multiplier == "mux" else self.product_bits(weight_bits, act_bits) + 10


@dataclass(frozen=True)
class PE:
    """One PE; its energy, area and leakage include the registers between its stages."""

    cell: Logic
    """The logic of the PE; its `delay_ns` is that of the whole, uncut."""
    stages: int


@lru_cache(maxsize=65536)
def pe(
    multiplier: Multiplier, weight_bits: int, act_bits: int, accumulator_bits: int, delay_ns: float, least: int = 1
) -> PE:
    """A PE with operand registers, multiplier (or shifter, or adder/subtractor) and accumulator.

    It has at least `least` pipeline stages, and meets a clock of `delay_ns` at 45 nm. Of the netlists synthesised for
    200 and 400 MHz, it is the one of less area with the registers of the stages that it needs. Costs are interpolated
    linearly between the table's weight and activation bits, or in the distance of a shifter. The table's accumulators
    (act + weight + 10 bits; act + 12 for mux; act + distance + 10 for shift) are extended to `accumulator_bits` by a
    flip-flop and a full adder per bit.
    BadInput names what the table does not cover.
    """
    if not 4 <= act_bits <= 16:
        raise BadInput(f"PE costs: pe_array.act_bits must be 4 to 16, not {act_bits}")
    kind = _rows_of(multiplier, weight_bits)
    options: list[PE] = []
    for target_mhz in _TARGETS_MHZ:
        netlist = _netlist(kind, weight_bits, act_bits, target_mhz)
        cell = _widened(netlist, accumulator_bits - kind.accumulator_bits(weight_bits, act_bits))
        count = max(least, stages(cell.delay_ns, delay_ns))
        options.append(PE(pipelined(cell, count, kind.product_bits(weight_bits, act_bits)), count))
    return min(options, key=lambda option: option.cell.area_um2)


_TARGETS_MHZ = (200, 400)


_Mac = tuple[str, int, int, int]
"""Weight format, weight bits, activation bits, and the clock in MHz that the netlist was synthesised for."""


@cache
def _macs() -> dict[_Mac, Logic]:
    """The netlists, with delays made monotonic in their bits.

    Synthesis may give a wider netlist a faster adder at a higher price; with its own delay, the wider PE would need
    fewer stages than the narrower one.
    """
    table: dict[_Mac, Logic] = {
        (row["weight_format"], int(row["weight_bits"]), int(row["act_bits"]), int(row["clock_target_mhz"])): cell_of(
            row
        )
        for row in rows("mac_nangate45.csv")
        if row["unit"] == "mac"
    }

    def slowest(key: _Mac) -> float:
        family = key[0][:3]  # po2_exp2, po2_exp3 and po2_exp4 are the same kind
        return max(
            cell.delay_ns
            for other, cell in table.items()
            if other[0][:3] == family and other[1] <= key[1] and other[2] <= key[2] and other[3] == key[3]
        )

    return {key: replace(cell, delay_ns=slowest(key)) for key, cell in table.items()}


@lru_cache(maxsize=4096)
def _netlist(kind: _PERows, weight_bits: int, act_bits: int, target_mhz: int) -> Logic:
    def of_weight(w: int) -> Logic:
        return between(kind.table_acts, act_bits, lambda a: _macs()[kind.unit(w), w, round(a), target_mhz])

    if len(kind.table_bits) == 1:
        return of_weight(weight_bits)
    by_size = {float(kind.size(w)): w for w in kind.table_bits}
    return between(tuple(by_size), kind.size(weight_bits), lambda size: of_weight(by_size[size]))


def _rows_of(multiplier: Multiplier, weight_bits: int) -> _PERows:
    if multiplier == "mux":
        if weight_bits not in MUX_FORMATS:
            raise BadInput(f"PE costs: a mux PE takes weights of 1 bit (binary) or 2 (ternary), not {weight_bits}")
        return _PERows("mux", (weight_bits,))
    bits, widest = (_FIXED_WEIGHT_BITS, 16) if multiplier == "fixed" else (_SHIFT_WEIGHT_BITS, WIDEST_SHIFT_BITS)
    if not bits[0] <= weight_bits <= widest:
        raise BadInput(f"PE costs: a {multiplier} PE takes weights of {bits[0]} to {widest} bits, not {weight_bits}")
    return _PERows("fixed", bits) if multiplier == "fixed" else _PERows("shift", bits, (8, 12, 16))


def _widened(cell: Logic, bits: int) -> Logic:
    """`cell` with `bits` more accumulator bits (fewer if negative), of a flip-flop and a full adder each."""
    wider = cell + (register_bits(1) + by_bits("adder", 32).times(1 / 8) + by_bits("adder", 24).times(-1 / 8)).times(
        bits
    )
    # The carry ripples through added bits. Removed bits shorten nothing, since the critical path may lie elsewhere.
    return replace(wider, delay_ns=cell.delay_ns + max(bits, 0) * full_adder_ns())


# Energy of a MAC whose operand is zero over that of any other: 2 E(half zero) / E(uniform) - 1, from the stimulus table
# in the method of mac_nangate45. Registers and accumulator stay clocked. Fixed point: by weight bits x activation bits.
_ZERO_SHARE_FIXED = ((32, 0.614), (64, 0.568), (144, 0.517), (256, 0.478))  # 4x8, 8x8, 12x12, 16x16
_ZERO_SHARE = {"binary": 0.769, "ternary": 0.807, "shift": 0.731}  # 12-bit activations; shift: 3 bits of exponent


@cache
def zero_operand_share(multiplier: Multiplier, weight_bits: int, act_bits: int) -> float:
    """Energy of a MAC with a zero operand over that of any other, linear in the logarithm of weight x act bits."""
    if multiplier != "fixed":
        return _ZERO_SHARE[MUX_FORMATS[weight_bits] if multiplier == "mux" else multiplier]
    sizes, shares = zip(*_ZERO_SHARE_FIXED, strict=True)
    return float(np.interp(math.log(weight_bits * act_bits), np.log(sizes), shares))
