"""What the physical section adds to a chip: the clock tree, and the ring of pads around the core."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from archsim.costs.block import BuiltBlock, LogicPrice
from archsim.costs.conditions import conditions
from archsim.costs.figures import Band, Figure, of_band, total
from archsim.costs.logic import register_file
from archsim.costs.memories import Memory
from archsim.costs.sources import LOGIC_ENERGY_SOURCE
from archsim.design import Design

CLOCK_TREE = "clock_tree"
PADS = "pads"

# Energy of the tree in a cycle over that of the clock pins it ends at. A pin of the library takes 6.9 fJ within the
# flip-flop (table) and 0.95 fF at its gate; its share of the wires is 0.75 sqrt(area of a flip-flop and its logic),
# about 2.5 um at 0.177 fF/um; buffers add half to twice as much again: 2 to 5 fJ at 1.1 V. High: EIE's clock network
# takes 1.8 times the power of its registers (Han et al., ISCA 2016, recalled).
TREE_OVER_PINS = Band(0.3, 0.5, 1.8)
CLOCK_TREE_SOURCE = (
    f"{TREE_OVER_PINS.mid:g} of the energy of all clock pins, never gated (band {TREE_OVER_PINS.low:g}: gates, wires "
    f"and small buffers, to {TREE_OVER_PINS.high:g}: EIE, recalled)"
)

# A pad with its driver. Pads hardly shrink with the node. Middle: SG13G2's I/O cells, 80 x 180 um (read,
# IHP-Open-PDK); high: the same with 70 um of bond pad outside; low: 60 x 120 um, usual at 65 nm (recalled).
PAD_PITCH_UM = Band(60.0, 80.0, 80.0)
PAD_DEPTH_UM = Band(120.0, 180.0, 250.0)
PADS_SOURCE = "a ring of I/O cells of 80 x 180 um, as SG13G2's (60 x 120 to 80 x 250); energy in that of DRAM"


def pins_pj(block: BuiltBlock) -> float:
    """Energy of a block's clock pins in a cycle, pJ at 45 nm: flip-flops, and clock gates of register arrays."""
    gates = (placed.copies * placed.memory.registers * _gates_pj(placed.memory) for placed in block.memories)
    return sum(gates, block.logic.clock_pj if block.logic else 0.0)


def _gates_pj(memory: Memory) -> float:
    if not memory.registers:
        return 0.0
    whole, one = (register_file(n, memory.width_bits) for n in (memory.capacity_bits / memory.width_bits, 1))
    return max(0.0, whole.clock_pj - one.clock_pj)


def clock_tree_pj(design: Design, blocks: Iterable[BuiltBlock]) -> Figure:
    """Energy of the clock tree in a cycle, pJ."""
    pins = LogicPrice(sum(map(pins_pj, blocks))).figure(conditions(design), 0.0)
    band = Band(*clock_tree_ends(np.array([pins.value]))[0].tolist())
    return of_band(band, "pJ", pins.status, f"{CLOCK_TREE_SOURCE}; {LOGIC_ENERGY_SOURCE}")


def clock_tree_ends(pins_pj: NDArray[np.float64]) -> NDArray[np.float64]:
    """Energy of the trees of N chips in a cycle, (N, 3) pJ: low, middle and high, for (N,) pJ of their clock pins."""
    over = TREE_OVER_PINS
    ends: NDArray[np.float64] = pins_pj[:, None] * np.array((over.low, over.mid, over.high))
    return ends


def pads_mm2(count: int, core: Iterable[Figure]) -> Figure:
    """Area of `count` pads in a square ring, mm2: what the die is larger than its core.

    Where the core's edge is too short for a quarter of them, the die grows until they fit.
    """
    ring = ring_mm2(np.array([count]), np.array([total(core).mid]))
    return of_band(Band(*ring[0].tolist()), "mm2", "predicted", PADS_SOURCE)


def ring_mm2(counts: NDArray[np.int64], core_mm2: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of the pads of N chips, (N, 3): low, middle and high; `counts` and `core_mm2` are (N,)."""
    return np.stack(
        [
            _ring_mm2(counts, core_mm2, pitch / 1000, depth / 1000)
            for pitch, depth in (
                (PAD_PITCH_UM.low, PAD_DEPTH_UM.low),
                (PAD_PITCH_UM.mid, PAD_DEPTH_UM.mid),
                (PAD_PITCH_UM.high, PAD_DEPTH_UM.high),
            )
        ],
        axis=-1,
    )


def _ring_mm2(
    counts: NDArray[np.int64], core_mm2: NDArray[np.float64], pitch_mm: float, depth_mm: float
) -> NDArray[np.float64]:
    side = np.maximum(np.sqrt(core_mm2), np.ceil(counts / 4) * pitch_mm)
    ring: NDArray[np.float64] = (side + 2 * depth_mm) ** 2 - core_mm2
    return ring
