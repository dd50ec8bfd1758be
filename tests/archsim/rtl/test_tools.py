"""The Verilog of the machine in other tools: Verilator has no warning, and gates that Yosys makes of it still agree."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from archsim.design import Design, load_design
from archsim.rtl.export import write_bench
from archsim.rtl.program import Program
from archsim.rtl.simulate import VERILOG, parsed
from archsim.simulation import Job, prepare
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.rtl.machines import drawn_integers, sums_of, tools
from tests.archsim.small_traces import trace_of

SMALL = {
    "pe_array.tiles": 1,
    "pe_array.pes_per_tile": 4,
    "pe_array.accumulators": 3,
    "weight_memory.weights_per_cycle": 3,
    "weight_memory.fifo_words": 4,
    "activation_unit.units_per_cycle": 1,
    "skip_encoder.columns_per_cycle": 2,
    "skip_encoder.offset_bits": 1,
    "lanes": 2,
}
"""Two lanes of two PEs, whose rows begin in the middle of words."""


def needs(tool: str) -> pytest.MarkDecorator:
    missing = not shutil.which(tool) and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason=f"{tool} is not installed")


def written(design: Design, trace: Trace, folder: Path) -> Program:
    program = Program(*prepare(Job(design, trace, design.lanes)).triple)
    write_bench(program, drawn_integers(trace, 1), folder, 10**6)
    return program


def files() -> list[str]:
    """The modules of the machine itself."""
    benches = {"testbench", "data_bench", "control_bench", "monitor"}
    return [
        str(path) for path in sorted(VERILOG.glob("*.sv")) if path.stem not in benches and "integer" not in path.stem
    ]


@needs("verilator")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("edge-8pe", "lstm-sparse"),
        ("edge-private", "gru-stack"),
        ("edge-shift", "lstm-sparse"),
        ("rbt-low-power-ternary", "gru-sparse"),
        pytest.param("rbt-high-speed-binary", "lstm-dense", marks=pytest.mark.slow),
        ("skip-65nm", "gru-dense"),
    ],
)
def test_verilator_has_no_warning(name: str, kind: str, tmp_path: Path) -> None:
    design = load_design(name)
    weights = {"edge-shift": "exponential5", "rbt-low-power-ternary": "ternary", "rbt-high-speed-binary": "binary"}
    written(design, trace_of(kind, weights.get(name, "fixed8"), design.lanes), tmp_path)
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "core", f"-I{tmp_path}", f"-I{VERILOG}", *files()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
@tools
@needs("yosys")
@pytest.mark.parametrize(
    "changed",
    [{}, {"lanes": 1, "pe_array.double_buffered": True, "weight_memory.weights_per_cycle": 2}],
    ids=["two lanes", "two banks"],
)
def test_gates_make_the_same_sums_in_the_same_cycles(changed: dict[str, Any], tmp_path: Path) -> None:
    design = load_design("skip-65nm").override({**SMALL, **changed})
    program = written(design, synthesize(4, 3, 0.5, sequences=2, steps=2, seed=1), tmp_path)
    whole = simulated(tmp_path, files())
    (tmp_path / "gates.ys").write_text(
        f"read_verilog -sv -I{tmp_path} -I{VERILOG} {' '.join(files())}\nhierarchy -check -top core\nproc\nflatten\n"
        "synth -run coarse:\nopt_clean -purge\nwrite_verilog -noattr gates.v\n"
    )
    subprocess.run(["yosys", "-q", "-s", "gates.ys"], cwd=tmp_path, check=True, capture_output=True)
    cells = Path(shutil.which("yosys") or "").resolve().parents[1] / "share" / "yosys" / "simcells.v"
    gates = simulated(tmp_path, [str(tmp_path / "gates.v"), str(cells)])
    assert gates == whole
    assert whole[1:] == (sums_of(program.plan, program.work), 0)


def simulated(folder: Path, modules: list[str]) -> tuple[int | None, int, int]:
    """Cycles, sums and differing ones of a run without event log, for which a netlist has no names."""
    bench = [str(VERILOG / "testbench.sv"), str(VERILOG / "data_bench.sv")]
    command = ["iverilog", "-g2012", "-DNETLIST", f"-I{folder}", f"-I{VERILOG}", "-s", "testbench", "-o", "netlist.vvp"]
    subprocess.run([*command, *bench, *modules], cwd=folder, check=True, capture_output=True)
    done = subprocess.run(["vvp", "-n", "netlist.vvp"], cwd=folder, check=True, capture_output=True, text=True)
    found = parsed(done.stdout)
    return found.cycles, found.sums, found.different
