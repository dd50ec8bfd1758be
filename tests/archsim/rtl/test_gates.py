"""Small machines after synthesis to gates of Yosys' own kinds: the check of their folder says that they are equal."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import load_design
from archsim.rtl.case import Case, case_of
from archsim.rtl.check import check
from archsim.rtl.folder import Exported, export
from archsim.rtl.simulate import VERILOG
from archsim.rtl.window import Window
from archsim.trace.synthetic import synthesize
from dse.evaluation.hardware import recorded_over
from tests.archsim.rtl.integer_bench import needs
from tests.workloads.conftest import drawn_model
from tests.workloads.fixed_point.test_fixed_point import drawn_inputs, drawn_integer_model
from workloads.fixed_point import Settings
from workloads.tasks.base import Sample

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {
    "pe_array.pes_per_tile": 2,
    "pe_array.accumulators": 6,
    "weight_memory.weights_per_cycle": 3,
    "weight_memory.fifo_words": 4,
    "activation_unit.units_per_cycle": 1,
    "skip_encoder.columns_per_cycle": 2,
    "skip_encoder.offset_bits": 1,
}
TILES: dict[str, Any] = {
    "lanes": 2,
    "pe_array.tiles": 2,
    "weight_memory.organisation": "per_tile",
    "weight_memory.capacity_kib": 8,
    "weight_memory.weights_per_word": 2,
}
INTEGERS = {"lanes": 1, "pe_array.weight_bits": 4, "pe_array.accumulator_bits": 24}


def skipping() -> Case:
    """Two lanes on two tiles, each with a memory of its own."""
    machine = load_design("skip-65nm").override(SMALL | TILES)
    return case_of(machine, synthesize(6, 3, 0.4, sequences=2, steps=3, seed=1), Window(0, 2))


def integer_only() -> Case:
    """An LSTM whose h is computed: two banks, weights that are streamed and whose rows are shifted."""
    narrow = Settings(weight_bits=4, activation_bits=6, cell_bits=9)
    model = drawn_integer_model(drawn_model, narrow, "lstm", "one_hot", seed=4, hidden=5, threshold=0.1)
    sample = Sample(drawn_inputs(model, 6, 1, 5), np.array([4]), 2)
    trace, integers, cells = recorded_over(model, sample, 0)
    machine = load_design("edge-8pe").override(SMALL | INTEGERS)
    return case_of(machine, trace, Window(0, 3), integers=integers, cells=cells)


@pytest.mark.parametrize("case", [skipping, integer_only])
def test_gates_agree(case: Callable[[], Case], tmp_path: Path) -> None:
    needs("yosys")
    needs("iverilog")
    made = export(case(), tmp_path / "made")
    synthesize_in_place(made)
    found = check(made)
    assert found.passed, found.reasons
    assert found.simulated.sums == made.case.sums
    assert (found.results > 0) == (made.case.cells is not None)


def synthesize_in_place(made: Exported) -> None:
    """Put gates in the place of all modules in Verilog."""
    modules = made.folder / "rtl"
    generated = " *.sv" if made.case.cells else ""
    netlists = {}
    for top in ("core", "integer_cells") if made.case.cells else ("core",):
        script = (
            f"read_verilog -sv -I. -Irtl rtl/*.sv{generated}; hierarchy -check -top {top}; proc; flatten",
            f"setattr -set keep 1 {' '.join(f'w:control.{name} w:control.{name}[*]' for name in watched())}",
            "synth -run coarse:; check -assert; select -assert-none t:$* t:$_* %d t:$_DLATCH* t:$_SR_* t:$_DLATCHSR*",
            f"write_verilog -noattr {top}.netlist",
        )
        (made.folder / "gates.ys").write_text("\n".join(script).replace("; ", "\n"))
        subprocess.run(["yosys", "-q", "gates.ys"], cwd=made.folder, check=True, capture_output=True)
        netlists[top] = (made.folder / f"{top}.netlist").read_text()
    for path in [*modules.glob("*.sv"), *made.folder.glob("*.sv")]:
        path.unlink()
    for top, netlist in netlists.items():
        (modules / f"{top}.sv").write_text(netlist.replace("endmodule", names(made.folder, netlist) + "endmodule"))


TABLES = {"sequencer.bursts": ("BURST_BITS", "ENTRIES"), "skip_encoder.blocks": ("BLOCK_LINE_BITS", "BLOCKS")}
"""What the event log looks up in read-only memories, of which gates leave nothing: bits and number of words."""


def watched() -> list[str]:
    """What the event log looks at in control."""
    text = (VERILOG / "monitor.sv").read_text().replace("`SEQUENCER", "`CONTROL.sequencer")
    return sorted({*re.findall(r"`CONTROL\.([\w.]+)", text)} - {"sequencer"})


def names(folder: Path, netlist: str) -> str:
    """The nets of a flat netlist by the names that the event log has for them: scopes, and arrays of nets."""
    parameters = dict(re.findall(r"parameter (\w+) = (\d+)", (folder / "parameters.svh").read_text()))
    scopes = defaultdict(list)
    for name in watched():
        scope, _, own = name.rpartition(".")
        declared = re.findall(rf"^  (?:wire|reg) (\[\d+:0\] )?\\control\.{name}(\[\d+\])? ", netlist, re.MULTILINE)
        for bits, place in declared:
            if place in ("", "[0]"):
                scopes[scope].append(f"wire {bits or '[0:0] '}{own}{place and f' [0:{len(declared) - 1}]'};")
            scopes[scope].append(f"assign {own}{place} = \\control.{name}{place} ;")
        if name in TABLES:
            bits, words = (parameters[each] for each in TABLES[name])
            scopes[scope].append(f'reg [{bits}-1:0] {own} [0:{words}-1]; initial $readmemh("{own}.hex", {own});')
    text = ""
    for scope, lines in scopes.items():
        parts = scope.split(".") if scope else []
        text += "".join(f"if (1) begin : {part}\n" for part in parts) + "\n".join(lines) + "\nend" * len(parts) + "\n"
    return f"generate if (1) begin : control\n{text}end endgenerate\n" if scopes else ""
