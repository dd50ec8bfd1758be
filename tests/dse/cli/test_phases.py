"""Commands on a trace of several phases: each shows all of them, or refuses in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.archsim.phased import stacked
from tests.dse.cli.test_cli import archsim, refused


@pytest.fixture
def trace(tmp_path: Path) -> str:
    path = tmp_path / "t.npz"
    stacked(np.random.default_rng(4), np.array([6, 3, 6, 5]), outputs=3).save(path)
    return str(path)


def test_show_has_the_products_and_states_of_all_phases(trace: str) -> None:
    shown = archsim("trace", "show", trace)
    assert shown.returncode == 0, shown.stderr
    assert "4 sequences x 6 steps, 3 phases" in shown.stdout
    told = json.loads(archsim("trace", "show", trace, "--json").stdout)
    products = [f"{weight}_{layer}{end}" for layer in (0, 1) for end in "fb" for weight in ("W_x", "W_h")]
    assert list(told["columns_listed"]) == [*products, "readout"]
    assert [zeros["operand"] for zeros in told["zeros"]] == ["h_0f", "h_0b", "h_1f", "h_1b"]


def test_run_shows_any_window_of_all_phases(trace: str, tmp_path: Path) -> None:
    """Steps are numbered through: 6 of each layer, and one of the readout."""
    files = "--html", str(tmp_path / "run.html"), "--timeline", str(tmp_path / "t.json")
    run = "run", "--design", "edge-8pe", "--workload", trace
    done = archsim(*run, *files, "--window", "5:12", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["steps"], report["lanes"]) == (6, 1)
    assert report["ledger"]["dram"]["write_bits"] == (6 + 1) * 128  # 12 elements of 8 bits, in accesses of 64
    shown = {event["args"]["step"] for event in _slices(tmp_path / "t.json")}
    assert shown == set(range(5, 13))
    assert (tmp_path / "run.html").stat().st_size > 10_000
    beyond = refused(*run, *files, "--window", "5:13")
    assert beyond == ("archsim: window must lie within steps 0 to 12, the first not after the last, not 5:13")


def _slices(path: Path) -> list[dict[str, dict[str, int]]]:
    return [event for event in json.loads(path.read_text())["traceEvents"] if event["ph"] == "X"]


def test_streams_and_fewer_steps_are_refused(trace: str) -> None:
    of = "--design", "edge-8pe", "--workload", trace
    assert "cannot run as a stream, a step every period" in refused("stream", *of, "--period", "100")
    assert "steps must be all 6 of the trace, not 2: workload stacked: " in refused("run", *of, "--steps", "2")
