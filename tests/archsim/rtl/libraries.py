"""A library of a few invented cells, with all that Yosys and ABC need of one."""

from pathlib import Path

AREAS = {"INV": 2.0, "BUF": 3.0, "NAND2": 4.0, "NOR2": 5.0, "XOR2": 9.0, "DFF": 20.0, "ICG": 16.0}
"""Areas, um2: no process has these."""

_HEAD = """library (invented) {
  time_unit : "1ns"; voltage_unit : "1V"; capacitive_load_unit (1, pf);
  lu_table_template (t) {
    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    index_1 ("0.01, 1"); index_2 ("0.001, 0.1");
  }
"""
_PIN = "    pin ({name}) {{ direction : input; capacitance : 0.002; {more} }}\n"
_TABLE = '{kind} (t) {{ values ("0.1, 0.2", "0.2, 0.3"); }}'


def _gate(name: str, function: str, *inputs: str) -> str:
    tables = " ".join(_TABLE.format(kind=k) for k in ("cell_rise", "cell_fall", "rise_transition", "fall_transition"))
    timing = "".join(
        f'      timing () {{ related_pin : "{pin}"; timing_sense : non_unate; {tables} }}\n' for pin in inputs
    )
    pins = "".join(_PIN.format(name=pin, more="") for pin in inputs)
    out = f'    pin (Y) {{\n      direction : output; function : "{function}"; max_capacitance : 0.1;\n{timing}    }}\n'
    return f"  cell ({name}) {{\n    area : {AREAS[name]};\n{pins}{out}  }}\n"


_DFF = f"""  cell (DFF) {{
    area : {AREAS["DFF"]};
    ff (IQ, IQN) {{ clocked_on : "CK"; next_state : "D"; }}
    pin (CK) {{ direction : input; clock : true; capacitance : 0.002; }}
    pin (D) {{ direction : input; capacitance : 0.002; }}
    pin (Q) {{ direction : output; function : "IQ"; }}
  }}
"""
_ICG = f"""  cell (ICG) {{
    area : {AREAS["ICG"]};
    clock_gating_integrated_cell : "latch_posedge";
    pin (CK) {{ direction : input; capacitance : 0.002; clock_gate_clock_pin : true; }}
    pin (E) {{ direction : input; capacitance : 0.002; clock_gate_enable_pin : true; }}
    pin (GCK) {{ direction : output; clock_gate_out_pin : true; }}
  }}
"""
CELLS = {
    "INV": _gate("INV", "!A", "A"),
    "BUF": _gate("BUF", "A", "A"),
    "NAND2": _gate("NAND2", "!(A&B)", "A", "B"),
    "NOR2": _gate("NOR2", "!(A|B)", "A", "B"),
    "XOR2": _gate("XOR2", "(A^B)", "A", "B"),
    "DFF": _DFF,
    "ICG": _ICG,
}


def library(path: Path, *without: str) -> Path:
    """Write the library, without the cells that are named."""
    path.write_text(_HEAD + "".join(text for name, text in CELLS.items() if name not in without) + "}\n")
    return path
