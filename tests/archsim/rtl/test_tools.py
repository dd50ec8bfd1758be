"""Every shipped design in Verilog: Verilator has no warning about it, and Yosys makes gates of all of it."""

import re
import subprocess
from pathlib import Path

import pytest

from archsim import designs
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.rtl.case import START, Case, case_of
from archsim.rtl.folder import export
from archsim.rtl.tools import LINT, SYNTHESIZE
from tests.archsim.rtl.integer_bench import needs
from tests.archsim.small_traces import trace_of, weights_of
from tests.sizes import NIGHTLY

REFUSED = {"stationary-65nm": "dataflow weight-stationary, only output-stationary"}
SHIPPED = tuple(name for name in designs.ALL if name not in REFUSED)
WORKLOADS = {
    "edge-private": "gru-stack",
    "rbt-low-power-ternary": "gru-sparse",
    "rbt-high-speed-binary": "lstm-dense",
    "skip-65nm": "gru-dense",
}
"""Others run an LSTM with a sparse state."""
QUICK = ("edge-8pe", "edge-private", "edge-shift", "rbt-low-power-ternary", "skip-65nm")
"""Linted in the quick suite."""
LINTED = tuple(name for name in SHIPPED if NIGHTLY or name != "large")
"""Verilator takes 2 GB for 2,048 PEs."""
SYNTHESISED = SHIPPED if NIGHTLY else ("edge-8pe", "edge-private", "edge-shift", "rbt-low-power-ternary")
"""Without `make nightly` PEs of each kind, ten seconds each; the largest take Yosys minutes."""


def case(name: str) -> Case:
    design = load_design(name)
    workload = trace_of(WORKLOADS.get(name, "lstm-sparse"), weights_of(name), design.lanes)
    return case_of(design, workload, START)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in LINTED]
)
def test_verilator_has_no_warning(name: str, tmp_path: Path) -> None:
    needs("verilator")
    folder = export(case(name), tmp_path / "made").folder
    done = subprocess.run(LINT, shell=True, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


GATES = (
    "abc -g simple; opt_clean; check -assert; stat;"
    " select -assert-none t:$_DLATCH* t:$_SR_* t:$_DLATCHSR*;"
    " select -assert-none t:$* t:$_* %d t:$mem_v2 %d t:$paramod* %d"  # memories are macros
)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYNTHESISED)
def test_yosys_makes_gates(name: str, tmp_path: Path) -> None:
    needs("yosys")
    made = export(case(name), tmp_path / "made")
    done = subprocess.run(f"{SYNTHESIZE} -p '{GATES}'", shell=True, cwd=made.folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    (pes,) = re.findall(r"\\pe +(\d+)$", done.stdout.rpartition("=== design hierarchy ===")[2], re.MULTILINE)
    array = made.case.design.pe_array
    assert int(pes) == array.tiles * array.pes_per_tile


@pytest.mark.parametrize("name", REFUSED)
def test_others_are_refused_by_name(name: str) -> None:
    with pytest.raises(BadInput, match=f"design {name}: the machine in Verilog cannot do {REFUSED[name]}"):
        case(name)
