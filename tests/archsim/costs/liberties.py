"""A small library of cells, as a liberty file writes them."""

from pathlib import Path

PIN = '    pin({name}) {{ direction : output; function : "{function}"; }}'


def cell(name: str, area: float, *pins: str) -> str:
    return f"  cell ({name}) {{\n    area : {area};\n" + "\n".join(pins) + "\n  }\n"


def out(name: str, function: str) -> str:
    return PIN.format(name=name, function=function)


GATE = cell(
    "ICG",
    14.0,
    "    clock_gating_integrated_cell : latch_posedge;",
    "    pin(CK) { clock_gate_clock_pin : true; }",
    "    pin(E) { clock_gate_enable_pin : true; }",
    "    pin(GCK) { clock_gate_out_pin : true; }",
)
CELLS = (
    cell("NAND2X2", 6.0, out("Y", "!(A*B)")),
    cell("NAND2X1", 4.0, out("Y", "A' + B'")),
    cell("OR2", 3.0, out("Y", "A | B")),
    cell("XOR3", 9.0, out("Y", "(A ^ B ^ C)")),
    cell("FA", 20.0, out("CO", "(A&B) | (A&CI) | (B&CI)"), out("S", "A^B^CI")),
    cell("clkbuf_NAND", 1.0, out("Y", "!(A&B)")),
    cell("DFF", 18.0, "    ff (IQ,IQN) { next_state : D; }", out("Q", "IQ")),
    GATE,
)


def library(path: Path, *cells: str) -> Path:
    path.write_text("library (small) {\n" + "".join(cells) + "}\n")
    return path
