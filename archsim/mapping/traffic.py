"""The traffic of bursts, row scales and biases, and inputs on the weight path and the DRAM channel."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import gcd

from archsim.costs.latencies import latencies
from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Burst, Fetch, Norms, Pace, Stage
from archsim.mapping.private import private_burst, private_norms
from archsim.mapping.refusals import LARGEST
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div
from archsim.trace.graph import Operand

MOST_WORDS = 2**24
"""The most words of a burst, up to which `Pace.of` is exact."""


def burst_of(design: Design, stream: Stream, part: BlockUnits, resident: bool, lanes: int) -> Burst:
    """The burst of one stream for one block, on `lanes` lanes.

    BadInput if the FIFO is too small for what the PEs need at once, or if a burst is too long to be counted exactly.
    """
    burst = _column_by_column(design, stream, part, resident)
    return _in_groups(design, burst, lanes * stream.steps_at_once) if design.shape.stationary else burst


def _in_groups(design: Design, burst: Burst, vectors: int) -> Burst:
    """A burst whose weights stay in the PEs, a group of columns at a time, while `vectors` pass them, one a cycle.

    The next group is loaded meanwhile, a word a cycle, and its last word takes a cycle more into its registers.
    """
    memory, columns = design.weight_memory, design.shape.columns
    words = columns * burst.column_words
    if words > memory.fifo_words:
        raise BadInput(
            f"design {design.name}: weight_memory.fifo_words must be at least {words}, a column for each of"
            f" {columns} tiles, not {memory.fifo_words}"
        )
    beat = max(vectors, memory.fifo_cycles(words))
    return replace(
        burst,
        group=columns,
        tile_cycles=beat,
        idle_cycles=beat - vectors,
        latency_cycles=burst.latency_cycles + 1,
    )


def _column_by_column(design: Design, stream: Stream, part: BlockUnits, resident: bool) -> Burst:
    memory = design.weight_memory
    if memory.private:
        return private_burst(design, stream, part)
    dram = None if resident else design.channel
    rows, bits = part.units * stream.rows_per_unit, part.units * stream.bits_per_unit
    feed = part.feed(stream.rows_per_unit, design.pes_per_lane, memory.weights_per_cycle, memory.stores)
    words = feed.words
    least = feed.most_held
    if least > memory.fifo_words:
        raise BadInput(
            f"design {design.name}: weight_memory.fifo_words must be at least {least}, what the PEs need at once of a"
            f" column, not {memory.fifo_words}"
        )
    return Burst(
        streams=(stream.mat_vecs,),
        waits=stream.waits,
        reads_inputs=not stream.waits,
        rows=rows,
        column_words=words,
        column_sram_words=ceil_div(bits, design.bus_word_bits) if resident else 0,
        column_dram_bits=dram.transferred_bits(bits) if dram else 0,
        latency_cycles=dram.latency_cycles(design.clock_mhz) if dram else latencies(design).sram_cycles,
        pace=_pace(design, words, 0 if resident else bits, stream.cols),
        tile_cycles=part.rows_of_a_pe(stream.rows_per_unit, design.pes_per_lane),
        fifo_words=memory.fifo_words,
        feed=feed,
    )


def _pace(design: Design, words: int, streamed_bits: int, columns: int) -> Pace:
    """The pace of the words of a column, which come from DRAM if it has `streamed_bits` there.

    It equals the exact rate for every burst of the products; a rate whose denominator is large is replaced by the next
    fraction above it that up to `MOST_WORDS` words cannot tell from it.
    """
    port = design.weight_memory.fifo_cycles(1)
    if not streamed_bits:
        return Pace(port, 1)
    cycles, parts = design.channel.channel_time(streamed_bits, design.clock_mhz)
    if cycles <= port * words * parts:
        return Pace(port, 1)
    exact = upper_fraction(cycles, words * parts, MOST_WORDS)
    if columns * words > MOST_WORDS or columns * words * exact.cycles > LARGEST:
        raise BadInput(
            f"design {design.name}: a burst of {columns} columns must take at most {MOST_WORDS} words and 2^62 parts of"
            f" a cycle, not {columns * words} words of {cycles / words / parts:g} cycles: raise dram.bandwidth_gbps or"
            " weight_memory.weights_per_cycle"
        )
    return exact


def upper_fraction(numerator: int, denominator: int, largest: int) -> Pace:
    """The least fraction that is at least ``numerator / denominator``, with a denominator up to `largest`.

    Any multiple of it by up to `largest`, rounded up, equals that of the fraction itself.
    """
    common = gcd(numerator, denominator)
    if denominator // common <= largest:
        return Pace(numerator // common, denominator // common)
    exact = Fraction(numerator, denominator)
    near = exact.limit_denominator(largest)
    above = near if near >= exact else _next_above(near, exact, largest)
    return Pace(above.numerator, above.denominator)


def _next_above(near: Fraction, exact: Fraction, largest: int) -> Fraction:
    """The neighbour above `near` among fractions with denominators up to `largest`, where `near` is below `exact`.

    Neighbours a/b < p/q satisfy ``p b - a q = 1``, so q is the largest one up to the limit that solves it.
    """
    a, b = near.numerator, near.denominator
    q = -pow(a, -1, b) % b if b > 1 else 0
    q += (largest - q) // b * b
    return Fraction(a * q + 1, b * q)


def bursts_of(groups: Iterable[Sequence[Stream]], alone: Mapping[tuple[int, ...], Burst]) -> tuple[Burst, ...]:
    """The bursts of one block; `alone` gives that of each stream, by its products.

    Successive streams of one of `groups` form one burst if their columns have equal costs.
    """
    bursts: list[Burst] = []
    for group in groups:
        joined: list[Burst] = []
        for stream in group:
            burst = alone[stream.mat_vecs]
            if joined and joined[-1].costs == burst.costs:
                joined[-1] = _joined(joined[-1], burst)
            else:
                joined.append(burst)
        bursts += joined
    return tuple(bursts)


def _joined(first: Burst, second: Burst) -> Burst:
    return replace(
        first,
        streams=(*first.streams, *second.streams),
        waits=tuple(dict.fromkeys((*first.waits, *second.waits))),
        reads_inputs=first.reads_inputs or second.reads_inputs,
    )


def norms_of(design: Design, stage: Stage, part: BlockUnits, resident: bool) -> Norms:
    """Row scales and biases of a block, at a bus word per cycle or as fast as the channel delivers them."""
    if design.weight_memory.private:
        return private_norms(design, stage, part)
    bits = stage.norm_bits * part.units
    words = ceil_div(bits, design.bus_word_bits)
    if resident:
        return Norms(cycles=words, sram_words=words, dram_bits=0)
    dram = design.channel
    return Norms(
        cycles=max(words, dram.channel_cycles(bits, design.clock_mhz)),
        sram_words=0,
        dram_bits=dram.transferred_bits(bits),
    )


def fetch_of(design: Design, inputs: Iterable[Operand], passed: Iterable[Operand], lanes: int) -> Fetch | None:
    """The fetch of the `inputs`, where the design fetches any, and of what earlier phases have `passed` on.

    None if nothing comes over the channel. A one-hot operand is fetched as its index, and the lanes of a step are
    packed side by side. BadInput if anything is passed on a design without DRAM.
    """
    takes_inputs = design.dram is not None and design.dram.inputs
    a_lane = bits_of_a_lane((*passed, *(inputs if takes_inputs else ())))
    if not a_lane:
        return None
    if design.dram is None:
        raise BadInput(f"design {design.name}: has no [dram], in which a phase leaves its results for the next one")
    dram = design.dram
    bits = [lane * a_lane for lane in range(lanes + 1)]
    return Fetch(
        bits=tuple(map(dram.transferred_bits, bits)),
        cycles=tuple(dram.channel_cycles(n, design.clock_mhz, "inputs") for n in bits),
        latency_cycles=dram.latency_cycles(design.clock_mhz),
        arbitration=dram.arbitration if dram.inputs else "static",  # where inputs take no turns, what is passed does
    )


def written_of(design: Design, passed: Iterable[Operand], lanes: int) -> tuple[int, ...]:
    """Bits that are written to DRAM for a step that reads what is `passed`, in whole accesses, by lanes that run.

    Empty if nothing is passed.
    """
    a_lane = bits_of_a_lane(passed)
    return tuple(design.channel.transferred_bits(lane * a_lane) for lane in range(lanes + 1)) if a_lane else ()


def bits_of_a_lane(operands: Iterable[Operand]) -> int:
    return sum((o.size - 1).bit_length() if o.kind == "one_hot" else o.size * (o.bits or 0) for o in operands)
