"""The command line as a person meets it: bad input is one line and exit code 2, JSON has what it promises."""

import json
import signal
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from archsim.design import load_design
from archsim.mapping.plan import Plan
from archsim.mapping.planner import plans
from archsim.trace.header import VERSION
from archsim.trace.synthetic import synthesize
from dse import cli
from dse.cli import searching

PROMISED = {
    "design", "workload", "engine", "scope", "lanes", "steps", "cycles", "cycles_per_step", "time_us_per_token", "gops",
    "gops_effective", "speedup_same_lanes", "speedup_best_dense", "speedup_ideal", "stalls", "ledger",
    "energy_pj_per_token", "area_mm2",
}  # fmt: skip


def archsim(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line in this process, as if it were one of its own: importing everything anew takes a second."""
    out, err = StringIO(), StringIO()
    argv = mock.patch.object(sys, "argv", ["archsim", *arguments])
    with argv, redirect_stdout(out), redirect_stderr(err), chdir(cwd or "."), pytest.raises(SystemExit) as left:
        cli.main()
    return subprocess.CompletedProcess(arguments, int(left.value.code or 0), out.getvalue(), err.getvalue())


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "t.npz"
    synthesize(100, 10, 0.2, sequences=8, steps=10).save(path)
    return path


def refused(*arguments: str) -> str:
    done = archsim(*arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("archsim: ")
    return lines[0]


@pytest.mark.parametrize(("arguments", "count"), [((), 3), (("--workers", "2"), 2)])
def test_a_search_measures_on_every_core_unless_told(
    arguments: tuple[str, ...], count: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ARCHSIM_WORKERS")
    monkeypatch.setattr(searching, "cores", lambda: 3)
    found: list[int] = []
    monkeypatch.setattr(searching, "_search", lambda space, folder, workers, *_: found.append(workers.count))
    assert archsim("search", "demo", "--out", str(tmp_path), *arguments).returncode == 0
    assert found == [count]


@pytest.mark.parametrize("engine", ["burst", "column", "analytic"])
def test_run_prints_what_it_promises_as_json(trace: Path, engine: str) -> None:
    done = archsim("run", "--design", "skip-65nm", "--workload", str(trace), "--engine", engine, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert set(report) >= PROMISED
    energy, area = report["energy_pj_per_token"], report["area_mm2"]
    parts = {name: pj for name, pj in energy.items() if not name.startswith("total_")}
    assert energy["total_system"] == pytest.approx(sum(parts.values()))
    assert energy["total_chip"] == pytest.approx(energy["total_system"] - energy["dram"])
    assert area["total_chip"] == pytest.approx(sum(v for k, v in area.items() if k != "total_chip"))
    assert "total" not in energy | area
    assert report["synthetic"] is True
    assert report["speedup_ideal"] >= report["speedup_same_lanes"] > 1


def test_tables_fit_80_columns_and_say_that_a_trace_is_synthetic(trace: Path) -> None:
    done = archsim("run", "--design", "skip-65nm", "--workload", str(trace))
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "synthetic trace" in done.stdout


def test_set_changes_the_design_and_lanes_the_run(trace: Path) -> None:
    def cycles(*more: str) -> int:
        done = archsim("run", "--design", "skip-65nm", "--workload", str(trace), "--json", *more)
        return int(json.loads(done.stdout)["cycles"])

    assert cycles("--set", "weight_memory.weights_per_cycle=12") > cycles()
    assert cycles("--lanes", "1") < cycles()


def test_unknown_key_in_a_design_is_refused(trace: Path, tmp_path: Path) -> None:
    design = tmp_path / "mine.toml"
    design.write_text("colour = 1\n" + load_design("skip-65nm").to_toml())
    message = refused("run", "--design", str(design), "--workload", str(trace))
    assert message.endswith("mine.toml: colour: unknown key")


def test_missing_files_are_named(trace: Path) -> None:
    assert "none.npz: no such trace file" in refused("run", "--design", "skip-65nm", "--workload", "none.npz")
    assert "none: no such model file" in refused("run", "--design", "skip-65nm", "--workload", "none")
    assert "none: no such design file" in refused("run", "--design", "none", "--workload", str(trace))


def test_a_trace_of_another_version_is_refused(tmp_path: Path) -> None:
    import numpy as np

    path = tmp_path / "old.npz"
    synthesize(8, 2, 0.5, steps=2).save(path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(bytes(arrays["header"])) | {"version": VERSION + 1}
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(path, **arrays)
    message = refused("run", "--design", "skip-65nm", "--workload", str(path))
    assert f"old.npz: trace version must be {VERSION}, not {VERSION + 1}" in message


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    from workloads import zoo

    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(zoo.model_path("wp-lstm256-ternary").read_bytes()[:5000])
    assert "cut.safetensors: " in refused("run", "--design", "skip-65nm", "--workload", str(cut))


def test_a_format_that_the_design_cannot_do_is_refused() -> None:
    message = refused("run", "--design", "rbt-low-power-binary", "--workload", "wp-lstm256-ternary", "--steps", "5")
    assert "design rbt-low-power-binary cannot run operation W_x: ternary weights take 2 bits, a PE takes 1" in message
    message = refused("run", "--design", "skip-65nm", "--workload", "wp-lstm256-float", "--steps", "5")
    assert "float16 weights need a floating-point MAC" in message


def test_bad_arguments_are_refused(trace: Path, tmp_path: Path) -> None:
    run = ("run", "--design", "skip-65nm", "--workload", str(trace))
    assert "--set must be dotted.path=value, not 'x'" in refused(*run, "--set", "x")
    assert "lanes must be between 1 and 8, not 9" in refused(*run, "--lanes", "9")
    assert "engine must be one of burst, column, analytic" in refused(*run, "--engine", "fast")
    assert "scope must be one of model, recurrent" in refused(*run, "--scope", "all")
    assert "density must be between 0 and 1, not 2.0" in refused(
        "trace", "synth", "--density", "2", "--out", str(tmp_path / "x.npz")
    )
    assert list(tmp_path.glob("x.npz*")) == []


def test_synth_and_show_agree(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    assert archsim("trace", "synth", "--hidden", "64", "--density", "1", "--out", str(path)).returncode == 0
    shown = json.loads(archsim("trace", "show", str(path), "--json").stdout)
    assert shown["synthetic"] is True
    assert shown["columns_listed"]["W_h"]["8"] == 64.0


@pytest.mark.parametrize("what", ["designs", "workloads", "tasks", "formats", "studies"])
def test_everything_listed_is_listed_as_json_too(what: str) -> None:
    assert json.loads(archsim("list", what, "--json").stdout)[what]
    table = archsim("list", what)
    assert table.returncode == 0
    assert max(map(len, table.stdout.splitlines())) <= 80


SEARCH = {"pandas", "optuna", "sqlalchemy", "plotly", "moocore", "pyarrow"}
"""What only a search needs."""
COMPILER = {"numba", "scipy"}
NOT_OF_A_RUN = {
    *COMPILER,
    "workloads.fixed_point",
    "workloads.importers",
    "workloads.zoo.card",
    "archsim.analysis.diff",
}
"""What a short run needs only for some of its options, or of its workloads."""


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (("--help",), {"numpy", "pydantic", "rich.markdown", "archsim.design", "workloads"}),
        (("list",), {*COMPILER, "simpy", "archsim.simulation", "archsim.costs", "workloads.model", "pooch"}),
        (("run", "--design", "skip-65nm", "--workload", "t.npz"), NOT_OF_A_RUN),
        (("run", "--design", "skip-65nm", "--workload", "wp-lstm256-ternary", "--steps", "3"), NOT_OF_A_RUN),
    ],
)
def test_what_a_command_does_not_load(words: tuple[str, ...], absent: set[str], trace: Path) -> None:
    """The names of modules that were looked at, as Python itself says."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "dse.cli", *words],
        capture_output=True, text=True, cwd=trace.parent, timeout=120, check=True,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "archsim" in loaded
    assert not (SEARCH | absent) & loaded


def test_help_fits_one_screen() -> None:
    done = archsim("--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) <= 40


STUDY = """
name = "small"
base = "skip-65nm"
objectives = ["validation_loss", "area_mm2", "energy_system_pj_per_token"]
trials = 6
population = 4
[scenario]
scope = "recurrent"
sequences = 8
steps = 20
[[models]]
name = "wp-lstm256-ternary"
[parameters]
clock_mhz = { choices = [100, 150, 200, 250] }
"pe_array.tiles" = { choices = [2, 4] }
"""


@pytest.mark.slow
def test_a_search_is_made_carried_on_and_viewed(tmp_path: Path) -> None:
    study = tmp_path / "small.toml"
    study.write_text(STUDY)
    done = archsim("search", "small.toml", "--out", "run", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["trials"] == 6
    assert found["front"]
    assert (found["model_evaluations"], found["model_evaluations_cached"]) == (2, 0)
    assert "already holds a search" in archsim("search", "small.toml", "--out", "run", cwd=tmp_path).stderr
    study.write_text(STUDY.replace("trials = 6", "trials = 9"))
    more = archsim("search", "small.toml", "--out", "run", "--resume", cwd=tmp_path)
    assert more.returncode == 0, more.stderr
    assert "Pareto front" in more.stdout
    assert max(map(len, more.stdout.splitlines())) <= 80
    again = archsim("search", "small.toml", "--out", "second", "--json", cwd=tmp_path)
    found = json.loads(again.stdout)
    assert (found["model_evaluations"], found["model_evaluations_cached"]) == (
        0,
        2,
    )  # validation, and test of the front
    viewed = archsim("view", "run", "--no-open", "--out", "copy.html", cwd=tmp_path)
    assert viewed.returncode == 0
    assert (tmp_path / "copy.html").read_text().startswith("<!doctype html>")


def test_mistakes_in_a_study_are_refused(tmp_path: Path) -> None:
    study = tmp_path / "wrong.toml"
    study.write_text(STUDY.replace("clock_mhz", "clock_ghz"))
    assert "clock_ghz" in refused("search", str(study), "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert "none" in refused("view", str(tmp_path / "none"), "--no-open")


@pytest.mark.slow
def test_an_interruption_exits_with_130_and_the_search_goes_on(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(STUDY.replace("trials = 6", "trials = 3000"))
    search = [sys.executable, "-m", "dse.cli", "search", "small.toml", "--out", "run"]

    def hear_interrupts() -> None:
        """Also where the tests run in the background of a shell, which tells its children to ignore them."""
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with subprocess.Popen(
        search, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts
    ) as process:
        deadline = time.monotonic() + 100
        while not (tmp_path / "run" / "study.db").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors == "archsim: stopped; run keeps its trials, --resume goes on\n"
    (tmp_path / "small.toml").write_text(STUDY)
    resumed = archsim("search", "small.toml", "--out", "run", "--resume", "--json", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["trials"] >= 6


def test_five_mistakes_in_a_space_are_five_lines(tmp_path: Path) -> None:
    """Each with its path, its rule and what was given; nothing is run."""
    path = tmp_path / "five.toml"
    path.write_text(
        'name = "five"\nbase = "skip-65nm"\ntrials = 0\nobjectives = ["area_mm2", "beauty"]\n'
        '[[models]]\nname = "wp-lstm256-ternary-s90"\nthresholds = [0.1]\n'
        '[parameters]\n"pe_array.tilez" = { choices = [1] }\nclock_mhz = { low = 9, high = 2 }\n'
    )
    done = archsim("search", str(path), "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert not (tmp_path / "out").exists()
    expected = [
        ("trials", "greater than or equal to 1", "0"),
        ("parameters.clock_mhz", "low must be at most high", "9 and 2"),
        ("objectives.1", "must be of validation_loss, area_mm2, ", "'beauty'"),
        ("models.0.thresholds", "must be larger than the 0.2201 it was trained with", "0.1"),
        ("parameters.pe_array.tilez", "such as pe_array.tiles", "'pe_array.tilez'"),
    ]
    lines = done.stderr.splitlines()
    assert len(lines) == len(expected)
    for line, (where, rule, given) in zip(lines, expected, strict=True):
        assert line.startswith(f"archsim: {path}: {where}: ")
        assert rule in line
        assert line.endswith(f", not {given}")


def test_a_machine_that_stands_still_says_who_waits_for_whom(
    trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No design is known to (what would is refused), so the plan is broken here: a cycle of the PEs needs more words
    than the FIFO holds."""

    def broken(*arguments: Any, **options: Any) -> tuple[Plan]:
        (made,) = plans(*arguments, **options)
        block = made.runs[0].block
        first = block.bursts[0]
        feed = first.feed._replace(rows=65, word_rows=1, pes=65, full_rows=65)
        wide = tuple(replace(burst, column_words=65, feed=feed) for burst in block.bursts)
        return (replace(made, runs=(replace(made.runs[0], block=replace(block, bursts=wide)), *made.runs[1:])),)

    monkeypatch.setattr("archsim.simulation.plans", broken)
    command = ["archsim", "run", "--design", "skip-65nm", "--workload", str(trace), "--engine", "column"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    said = capsys.readouterr().err
    # the row scales and biases of the block have come by then
    assert said.startswith(
        "archsim: design skip-65nm: deadlock at cycle 8, in step 0: weight_stream waits for room for a word"
    )
    assert "pe_array waits for a word of a column in the FIFO (from the weight stream)" in said
    assert len(said.splitlines()) == 1
