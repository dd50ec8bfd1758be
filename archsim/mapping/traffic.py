"""The traffic of bursts, row scales and biases, and inputs on the weight path and the DRAM channel."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Burst, Fetch, Norms
from archsim.mapping.streams import Stream
from archsim.specs.base import ceil_div
from archsim.trace.graph import Operand


def burst_of(design: Design, stream: Stream, part: BlockUnits, resident: bool) -> Burst:
    """The burst of one stream for one block. BadInput if a column does not fit into the FIFO."""
    memory, dram = design.weight_memory, design.dram
    rows, bits = part.units * stream.rows_per_unit, part.units * stream.bits_per_unit
    words = ceil_div(rows, memory.weights_per_cycle)
    if words > memory.fifo_words:
        raise BadInput(
            f"design {design.name}: weight_memory.fifo_words must be at least {words}, one column of a block,"
            f" not {memory.fifo_words}"
        )
    return Burst(
        streams=(stream.mat_vecs,),
        waits=stream.waits,
        reads_inputs=not stream.waits,
        rows=rows,
        column_words=words,
        column_sram_words=ceil_div(bits, design.bus_word_bits) if resident else 0,
        column_dram_bits=0 if resident else dram.transferred_bits(bits),
        latency_cycles=1 if resident else dram.latency_cycles(design.clock_mhz),
        stream_cycles=max(memory.fifo_cycles(words), 0 if resident else dram.channel_cycles(bits, design.clock_mhz)),
        tile_cycles=part.rows_of_a_pe(stream.rows_per_unit, design.pes_per_lane),
        fifo_columns=memory.fifo_words // words,
    )


def bursts_of(
    design: Design, groups: Iterable[Sequence[Stream]], part: BlockUnits, resident: Set[Stream]
) -> tuple[Burst, ...]:
    """The bursts of one block: successive streams of a group form one burst if their columns have equal costs.

    BadInput if a column does not fit into the FIFO.
    """
    bursts: list[Burst] = []
    for group in groups:
        joined: list[Burst] = []
        for stream in group:
            burst = burst_of(design, stream, part, stream in resident)
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


def norms_of(design: Design, bits: int, resident: bool) -> Norms:
    """Row scales and biases of `bits`, at a bus word per cycle or as fast as the channel delivers them."""
    words = ceil_div(bits, design.bus_word_bits)
    return Norms(
        cycles=max(words, 0 if resident else design.dram.channel_cycles(bits, design.clock_mhz)),
        sram_words=words if resident else 0,
        dram_bits=0 if resident else design.dram.transferred_bits(bits),
    )


def fetch_of(design: Design, inputs: Iterable[Operand], passed: Iterable[Operand], lanes: int) -> Fetch | None:
    """The fetch of the `inputs`, where the design fetches any, and of what earlier phases have `passed` on.

    None if nothing comes over the channel. A one-hot operand is fetched as its index, and the lanes of a step are
    packed side by side.
    """
    dram = design.dram
    a_lane = bits_of_a_lane((*passed, *(inputs if dram.inputs else ())))
    if not a_lane:
        return None
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
    return tuple(design.dram.transferred_bits(lane * a_lane) for lane in range(lanes + 1)) if a_lane else ()


def bits_of_a_lane(operands: Iterable[Operand]) -> int:
    return sum((o.size - 1).bit_length() if o.kind == "one_hot" else o.size * (o.bits or 0) for o in operands)
