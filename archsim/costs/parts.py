"""The logic of a design part by part, in gate equivalents, so that it can be compared with synthesis in any library.

Control, read-out and the flags of accumulators are not among them: their Verilog is that of a whole design, which
``archsim rtl --synth`` compares. A gate equivalent is the area of a library's smallest two-input NAND, a unit in which
nodes hardly differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from archsim import designs
from archsim.costs.block import process
from archsim.costs.blocks.activation_unit import datapath
from archsim.costs.blocks.pe_array import pe_of
from archsim.costs.blocks.rotation import rotation
from archsim.costs.blocks.scratch import scratch
from archsim.costs.blocks.skip_encoder import flagged_units, logic_of
from archsim.costs.blocks.weight_memory import word_register
from archsim.design import Design, load_design

NAND2_UM2 = 0.798
"""Area of NAND2_X1 in the library of the table (Nangate 45 nm)."""
_KINDS = {"fixed": 0, "mux": 1, "shift": 2}


DESCRIBED = tuple(name for name in designs.ALL if not load_design(name).shape.stationary)
"""The shipped designs whose logic ``costs/rtl`` describes: it has no PE that keeps its weight."""


@dataclass(frozen=True)
class Part:
    """A part of a design's logic, and the module of ``costs/rtl`` that describes it."""

    name: str
    module: str
    parameters: tuple[tuple[str, int], ...]
    priced_um2: float
    """Its area in the cost model at 45 nm."""

    @property
    def priced_gates(self) -> float:
        return self.priced_um2 / NAND2_UM2


def parts(design: Design) -> Iterator[Part]:
    """The parts of a design: one PE with its scratch, one unit of the activation unit, the word register of one private
    memory, and everything there is once."""
    for name, module, values, priced_um2 in (
        _pe(design),
        _activation(design),
        *_encoder(design),
        *_rotation(design),
        *_word_register(design),
    ):
        yield Part(name, module, tuple(values.items()), priced_um2)


def distinct() -> tuple[tuple[Part, list[str]], ...]:
    """The parts of all shipped designs, those alike once, each with the names of the designs that have it."""
    found: dict[tuple[str, tuple[tuple[str, int], ...]], tuple[Part, list[str]]] = {}
    for name in DESCRIBED:
        for part in parts(load_design(name)):
            found.setdefault((part.module, part.parameters), (part, []))[1].append(name)
    return tuple(found[key] for key in sorted(found))


_Row = tuple[str, str, Mapping[str, int], float]


def _pe(design: Design) -> _Row:
    array, one = design.pe_array, pe_of(design)
    values = {
        "KIND": _KINDS[array.multiplier],
        "W": array.weight_bits,
        "A": array.act_bits,
        "N": array.accumulator_bits,
        "ENTRIES": array.accumulators,
        "BANKS": array.banks,
        "STAGES": one.stages,
    }
    scratch_um2 = scratch(design).area_mm2 * 1e6 / process(design).registers.area
    return "PE", "pe", values, one.cell.area_um2 + scratch_um2


def _activation(design: Design) -> _Row:
    path = datapath(design)
    values = {"N": design.pe_array.accumulator_bits, "B": design.state_buffer.cell_bits, "STAGES": path.stages}
    return "activation, a unit a cycle", "activation", values, path.unit.area_um2


def _encoder(design: Design) -> Iterator[_Row]:
    encoder = design.skip_encoder
    if encoder.enabled:
        values = {
            "LANES": design.lanes,
            "A": design.pe_array.act_bits,
            "COLUMNS": encoder.columns_per_cycle,
            "FLAGS": flagged_units(design),
            "B": design.state_buffer.units.bit_length(),
            "OFFSET": encoder.offset_bits,
        }
        yield "skip encoder", "encoder", values, logic_of(design).area_um2


def _rotation(design: Design) -> Iterator[_Row]:
    logic = rotation(design)
    if logic is not None:
        bus, pes = design.weight_memory.weights_per_cycle, design.pes_per_lane
        yield "rotation", "rotation", {"BUS": bus, "PES": pes, "W": design.pe_array.weight_bits}, logic.area_um2


def _word_register(design: Design) -> Iterator[_Row]:
    logic = word_register(design) if design.weight_memory.private else None
    if logic is not None:
        weights, bits = design.weight_memory.weights_per_word, design.pe_array.weight_bits
        values = {"PES": design.weight_word_bits // weights // bits, "WEIGHTS": weights, "W": bits}
        yield "word register", "word_register", values, logic.area_um2
