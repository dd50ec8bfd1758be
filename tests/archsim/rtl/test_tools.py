"""Verilator has no warning about the Verilog of the machine."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from archsim.design import Design, load_design
from archsim.rtl.export import write_bench
from archsim.rtl.program import Program
from archsim.rtl.simulate import VERILOG
from archsim.simulation import Job, prepare
from archsim.trace.trace import Trace
from tests.archsim.rtl.machines import drawn_integers
from tests.archsim.small_traces import trace_of


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
