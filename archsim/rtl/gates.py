"""Scripts for Yosys that make gates of an exported folder: those that its README names are those that `--synth` runs.

Components stay apart, so that one PE is synthesised once, and cells are counted by module.
"""

from collections.abc import Mapping

from archsim.catalogue import ACTIVATION_UNIT, PE_ARRAY, SEQUENCER, SKIP_ENCODER, WEIGHT_MEMORY, Component
from archsim.costs.liberty import Liberty
from archsim.rtl.tools import CORE, MODULES

COMPONENTS: Mapping[str, Component | None] = {
    "pe": PE_ARRAY,
    "row_places": PE_ARRAY,
    "word_fifo": WEIGHT_MEMORY,
    "column_queue": WEIGHT_MEMORY,
    "state_buffer": SKIP_ENCODER,  # without its memories: the encoder's flags, and the port that writes them
    "operand_list": SKIP_ENCODER,
    "scan_pipeline": SKIP_ENCODER,
    "read_places": ACTIVATION_UNIT,
    "read_out": ACTIVATION_UNIT,
    "result_pipeline": None,  # a part of the arithmetic, which the core does not have
    "control": SEQUENCER,
    "data_path": SEQUENCER,  # its own logic: addresses of words, operands of the lanes
    CORE: SEQUENCER,
}
"""The component of the cost model that a module's gates are compared with; None: with nothing.

A module that is not named belongs to the one that has it, and is flattened into it.
"""

REGISTERS = (r"A:hdlname=\pe", r"A:hdlname=\state_buffer/*flag*")
"""Memories that are made of registers, as the cost model prices them: scratch banks and the encoder's flags.

All others are macros and no logic: words of the FIFO and their columns, the state, operand lists, the program.
"""

GATED_BITS = 8
"""The narrowest register of a PE with an enable that gets a clock gate of its own."""

SYNTHESIS, LIBRARY, MAPPING, CLOCK_GATES = "synthesis.ys", "library.ys", "library.abc", "clock_gates.v"
"""Scripts: gates of Yosys' own kinds, then cells of a library; what ABC does; and the library's clock gate."""
CELLS = "cells.lib"
"""The library, which is never written into a folder."""
AREAS, MEMORIES = "areas.txt", "memories.il"
"""What library.ys writes."""


def _kept() -> str:
    return " ".join(rf"A:hdlname=\{name}" for name in COMPONENTS) + " control data_path"  # those without parameters


SCRIPTS: Mapping[str, str] = {
    SYNTHESIS: rf"""# The machine as gates of Yosys' own kinds, component by component; library.ys then takes cells.
read_verilog -sv -I. -I{MODULES} {MODULES}/*.sv
hierarchy -check -top {CORE}
proc
setattr -mod -set keep_hierarchy 1 {_kept()}
flatten
opt_expr
opt_clean
opt -nodffe -nosdff
fsm
opt
wreduce
peepopt
opt_clean
alumacc
share
opt
memory -nomap -nosat
opt_clean
opt -fast -full
# Scratch banks and flags are registers; other memories stay macros.
memory_map {" ".join(REGISTERS)}
opt -undriven -fine
check -assert
techmap -map {CLOCK_GATES} A:hdlname=\pe
techmap
opt -fast
opt_clean
stat
""",
    LIBRARY: f"""# After synthesis.ys: cells of the library in {CELLS}.
dfflibmap -liberty {CELLS}
abc -liberty {CELLS} -script {MAPPING}
opt_clean
tee -q -o {MEMORIES} dump t:$mem_v2
tee -o {AREAS} stat -liberty {CELLS}
""",
    MAPPING: """strash; &get -n; &fraig -x; &put; scorr; dc2; dretime; strash; &get -n; &dch -f; &nf; &put
backup; topo; buffer -c; topo; upsize; dnsize; stime; restore
""",
    CLOCK_GATES: "// Empty: a register's enable is a multiplexer. archsim rtl --synth writes a library's gate here.\n",
}

_GATED = """// A register of a PE with an enable has a clock gate of its own, {name}.
(* techmap_celltype = "$dffe" *)
module gated_register (input [WIDTH-1:0] D, input CLK, EN, output [WIDTH-1:0] Q);
  parameter WIDTH = 1;
  parameter CLK_POLARITY = 1;
  parameter EN_POLARITY = 1;
  wire _TECHMAP_FAIL_ = WIDTH < {bits} || !CLK_POLARITY;
  wire gated;
  {name} gate (.{clock}(CLK), .{enable}(EN_POLARITY ? EN : !EN), .{out}(gated));
  \\$dff #(.WIDTH(WIDTH), .CLK_POLARITY(1'b1)) register (.CLK(gated), .D(D), .Q(Q));
endmodule
"""


def clock_gates(liberty: Liberty) -> str:
    """What CLOCK_GATES holds for a library; nothing more than without one if it has no clock gate."""
    if not any(cell.clock_gate for cell in liberty.cells):
        return SCRIPTS[CLOCK_GATES]
    cell = liberty.clock_gate
    return _GATED.format(name=cell.name, bits=GATED_BITS, **cell.clock_gate)
