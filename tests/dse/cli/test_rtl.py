"""`archsim rtl`: what it writes and says, and how it ends."""

import csv
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from archsim.design import load_design
from archsim.machine.functional import run_check
from archsim.rtl.case import case_of
from archsim.rtl.export import write_bench
from archsim.rtl.images import Images
from archsim.rtl.synthesis import Module, Synthesis
from archsim.rtl.tables import Tables
from archsim.rtl.window import Window
from archsim.trace.synthetic import synthesize
from dse.evaluation.hardware import recorded
from tests.archsim.rtl.integer_bench import needs
from tests.archsim.rtl.libraries import library
from tests.dse.cli.test_cli import archsim, refused
from workloads import tasks, zoo
from workloads.integers import integer_run

SMALL = ("--set", "pe_array.pes_per_tile=4", "--set", "pe_array.accumulators=3", "--set", "lanes=2")


@pytest.fixture
def trace(tmp_path: Path) -> str:
    synthesize(6, 4, 0.6, sequences=2, steps=5, weight_format="ternary", seed=3, out=tmp_path / "t.npz")
    return str(tmp_path / "t.npz")


def words(trace: str, folder: Path, *more: str) -> tuple[str, ...]:
    return ("rtl", "edge-8pe", "--workload", trace, "--out", str(folder), *SMALL, *more)


def test_it_writes_a_folder_and_says_what_is_in_it(trace: str, tmp_path: Path) -> None:
    done = archsim(*words(trace, tmp_path / "hw", "--steps", "2:3"))
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith(
        f"{tmp_path / 'hw'}: edge-8pe in Verilog, running synthetic-lstm6-ternary-d0.6, steps 2 to 3"
    )
    assert "integers drawn with seed 1" in line
    assert line.endswith("its README.md says how to run it")
    facts = json.loads(archsim(*words(trace, tmp_path / "hw", "--steps", "2:3", "--json")).stdout)
    assert (facts["first_step"], facts["last_step"], facts["seed"], facts["lanes"]) == (2, 3, 1, 2)
    assert f"{facts['events']:,} events, {facts['sums']:,} sums, {facts['cycles']:,} cycles" in line


def test_the_check_is_a_line(trace: str, tmp_path: Path) -> None:
    needs("iverilog")
    done = archsim(*words(trace, tmp_path / "hw", "--check"))
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.startswith("equal: ")
    found = json.loads(archsim(*words(trace, tmp_path / "hw", "--check", "--json", "--seed", "9")).stdout)
    assert found["equal"] is True
    assert found["drawn_with_seed"] == 9
    assert found["in_verilog"] == {name: found[name] for name in ("events", "sums", "cycles")}
    assert f"equal: {found['events']:,} events, {found['sums']:,} sums, {found['cycles']:,} cycles" in line


def test_counters_may_suit_the_largest_network(trace: str, tmp_path: Path) -> None:
    assert archsim(*words(trace, tmp_path / "hw", "--largest")).returncode == 0
    assert "parameter STEP_BITS = 16,\n" in (tmp_path / "hw" / "parameters.svh").read_text()


def cycles(*words: str) -> int:
    done = archsim(*words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found: int = json.loads(done.stdout)["cycles"]
    return found


@pytest.mark.parametrize("steps", ["1", "2"])
def test_it_is_the_run_that_it_says(steps: str, tmp_path: Path) -> None:
    """`archsim run` over a step or two cuts other blocks than over 40; the same run has the same cycles."""
    path = tmp_path / "t.npz"
    synthesize(32, 10, 0.2, sequences=2, steps=40, seed=3, out=path)
    of = ("--workload", str(path), "--lanes", "1", "--steps", steps)
    alone = cycles("run", "--design", "skip-65nm", *of)
    first = ("rtl", "skip-65nm", *of, "--out", str(tmp_path / "hw"))
    assert cycles(*first) != alone
    assert cycles(*first, "--run-steps", steps) == alone
    (line,) = archsim(*first).stdout.splitlines()
    assert f"step{' 0' if steps == '1' else 's 0 to 1'} of a run of 40 steps, with integers" in line
    facts = json.loads(archsim(*first, "--json", "--run-steps", steps).stdout)
    assert facts["run_steps"] == int(steps)


@pytest.mark.slow
def test_a_model_reads_what_the_same_run_reads(tmp_path: Path) -> None:
    """Of a text, a piece that depends on how many steps are recorded."""
    of = ("--workload", "wp-lstm256-ternary-s90", "--lanes", "1", "--steps", "2")
    first = ("rtl", "skip-65nm", *of, "--out", str(tmp_path / "hw"))
    alone = cycles("run", "--design", "skip-65nm", *of)
    assert cycles(*first) != alone
    assert cycles(*first, "--run-steps", "2") == alone


def test_a_difference_ends_with_1_and_names_the_component(
    trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that the Verilog takes to be known a cycle later than engine column does."""
    needs("iverilog")

    def late(*given: object) -> None:
        write_bench(*given)  # type: ignore[arg-type]
        parameters = Path(str(given[2])) / "parameters.svh"
        text = parameters.read_text()
        assert "ENCODER_STAGES = 1," in text
        parameters.write_text(text.replace("ENCODER_STAGES = 1,", "ENCODER_STAGES = 2,"))

    monkeypatch.setattr("archsim.rtl.folder.write_bench", late)
    done = archsim(*words(trace, tmp_path / "hw", "--check"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("archsim: skip_encoder, event ")
    assert done.stderr.count("archsim: ") >= 2
    found = archsim(*words(trace, tmp_path / "hw", "--check", "--json"))
    assert (found.returncode, found.stderr) == (1, "")
    assert json.loads(found.stdout)["equal"] is False


def test_without_a_simulator_a_line_names_the_package(
    trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = refused(*words(trace, tmp_path / "hw", "--check"))
    assert "apt-get install iverilog" in line
    assert not (tmp_path / "hw").exists()
    assert archsim(*words(trace, tmp_path / "hw")).returncode == 0


def test_without_yosys_a_line_names_the_package(trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    cells = str(library(tmp_path / "a.lib"))
    line = refused(*words(trace, tmp_path / "hw", "--synth", "--liberty", cells))
    assert "--synth needs Yosys, and yosys is not installed: apt-get install yosys" in line
    assert not (tmp_path / "hw").exists()


def half(path: Path) -> Path:
    path.write_bytes(gzip.compress(b"library (a) { }" * 100)[:40])
    return path


def text(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (lambda folder: folder / "none.lib", r"none\.lib: cannot be read as a liberty file \(No such file"),
        (
            lambda folder: half(folder / "half.lib.gz"),
            r"half\.lib\.gz: cannot be read as a liberty file \(Compressed file",
        ),
        (lambda folder: text(folder / "a.lib", b"no library"), r"a\.lib: has no cells"),
        (lambda folder: text(folder / "a.lib", b"cell (A) { area : 1"), r"a\.lib: has no end of its last cell"),
        (lambda folder: text(folder / "a.lib", b"\xff\xfe\x00"), r"a\.lib: cannot be read as a liberty file \('utf-8'"),
    ],
)
def test_a_broken_library_is_refused_in_a_line(
    trace: str, tmp_path: Path, of: Callable[[Path], Path], reason: str
) -> None:
    needs("yosys")
    line = refused(*words(trace, tmp_path / "hw", "--synth", "--liberty", str(of(tmp_path))))
    assert re.search(reason, line), line
    assert not (tmp_path / "hw").exists()


PE = Module("pe", copies=4, cells=300, area_um2=2_000_000.0, delay_ns=4.25)
FOUND = Synthesis("a.lib", 4.0, "Yosys 0.23", (PE, Module("control", 1, 2000, 10_000.0, 9.5)), (), clock_gates=24)


def test_areas_are_a_table_of_80_columns(trace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.cli.rtl.check_yosys", lambda: None)
    monkeypatch.setattr("dse.cli.rtl.synthesize", lambda *_: FOUND)
    synth = ("--synth", "--liberty", str(library(tmp_path / "a.lib")))
    done = archsim(*words(trace, tmp_path / "hw", *synth))
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].endswith("its README.md says how to run it")
    assert max(map(len, lines[1:])) <= 80
    assert re.search(r"^ *PEs \+ scratch +1,200 +8,000\.00 +2,000\.00 .* 4\.25 *$", done.stdout, re.MULTILINE)
    assert re.search(r"^ *total +3,200 +8,010\.00 +2,002\.50 ", done.stdout, re.MULTILINE)
    found = json.loads(archsim(*words(trace, tmp_path / "hw", "--json", *synth)).stdout)
    assert found["folder"] == str(tmp_path / "hw")
    of_pes, *_, total = found["synthesis"]["components"]
    assert (of_pes["gate_equivalents"], total["gate_equivalents"]) == (2e6, 2_002_500)
    assert found["synthesis"]["modules"][0] == vars(PE)
    with (tmp_path / "hw" / "synthesis.csv").open(newline="", encoding="utf-8") as file:
        assert [row["component"] for row in csv.DictReader(file)] == [
            row["component"] for row in found["synthesis"]["components"]
        ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (("--synth",), "--synth: needs --liberty FILE, the standard cells that gates are made of"),
        (("--liberty", "a.lib"), "--liberty: is for --synth, which is not given"),
        (
            ("--set", "dram.inputs=true", "--set", "dram.arbitration=fcfs"),
            "design edge-8pe: the machine in Verilog cannot do dram.arbitration fcfs",
        ),
        (("--steps", "4:5"), "steps must be between 1 and the trace's 5, not 6"),
        (("--steps", "none"), "--steps must be FIRST:LAST or a number of steps, not 'none'"),
        (("--lanes", "3"), "lanes must be between 1 and the trace's 2 sequences, not 3"),
        (("--threshold", "0.1"), "is a trace, which has its threshold already; give a model"),
        (("--simulator", "vcs"), "--simulator must be icarus or verilator, not 'vcs'"),
        (("--set", "pe_array.multiplier=shift"), "ternary weights need a multiplexer or a multiplier"),
    ],
)
def test_what_it_cannot_do_is_refused_in_a_line(trace: str, tmp_path: Path, more: tuple[str, ...], reason: str) -> None:
    assert reason in refused(*words(trace, tmp_path / "hw", *more))
    assert not (tmp_path / "hw").exists()


def test_other_dataflows_are_refused_by_name(trace: str, tmp_path: Path) -> None:
    line = refused("rtl", "stationary-65nm", "--workload", trace, "--lanes", "1", "--out", str(tmp_path / "hw"))
    assert "the machine in Verilog cannot do dataflow weight-stationary, only output-stationary" in line


def test_a_model_of_floating_point_is_refused_by_name(tmp_path: Path) -> None:
    out = str(tmp_path / "hw")
    line = refused("rtl", "edge-8pe", "--workload", "wp-lstm256-float", "--lanes", "1", "--out", out)
    assert "float" in line


def test_a_model_has_its_own_codes_and_sums() -> None:
    """The expected sums of the Verilog are those of the model's reference, and of the functional check."""
    model = zoo.load_model("wp-lstm256-ternary-s90")
    trace, integers, _ = recorded(model, "test", 1, 5)
    case = case_of(load_design("edge-8pe"), trace, Window(2, 3), lanes=1, integers=integers)
    assert case.integers_words == "the model's own integers"
    sums = Images(case.program, Tables(case.program), case.integers).sums()
    reference = integer_run(model, tasks.by_name(model.task).sample("test", 1, 5, seed=0)).sums
    program = case.program
    functional = run_check(program.design, program.plan, program.work, case.integers)
    for name, found in sums.items():
        assert (found == reference[name][2:4, :1]).all()
        assert (found == functional[name]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wp-lstm256-ternary-s90", "wp-lstm256-fixed8"])
def test_a_shipped_model_is_equal(name: str, tmp_path: Path) -> None:
    needs("iverilog")
    done = archsim("rtl", "edge-8pe", "--workload", name, "--lanes", "1", "--out", str(tmp_path / "hw"), "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "the model's own integers" in done.stdout
