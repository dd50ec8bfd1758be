"""What every command keeps to: two examples, `--json`, 80 columns, silence where there is no terminal, exit codes."""

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from rich.console import Console
from typer.main import get_command

from archsim.analysis.scenario import streaming
from archsim.analysis.validate import Validation, validate
from archsim.design import load_design
from archsim.machine.functional import Functional
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from dse import cli
from dse.cli import bars, terminal
from dse.cli.app import app
from workloads import zoo
from workloads.evaluate import evaluate
from workloads.model import Model
from workloads.record import record
from workloads.tasks import Split
from workloads.zoo.card import file_sha256


def walk(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by the words that call it."""
    group = getattr(group, "called", group)  # of a command that is loaded once it is called
    children: dict[str, click.Command] = getattr(group, "commands", {})
    if not children:
        yield " ".join(path), group
    for name, child in children.items():
        yield from walk(child, (*path, name))


ROOT: Any = get_command(app)  # of the click that typer carries
COMMANDS = dict(walk(ROOT))


def examples(name: str) -> list[list[str]]:
    lines = [line.strip() for line in (COMMANDS[name].help or "").splitlines()]
    called = [line for line in lines if re.match(rf"archsim {name}( |$)", line)]
    return [shlex.split(line)[1 + len(name.split()) :] for line in called]


def test_there_are_commands() -> None:
    assert {"run", "search", "trace synth", "import", "view"} <= set(COMMANDS)
    assert len(COMMANDS) > 15


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_two_examples_which_it_can_read(name: str) -> None:
    assert len(examples(name)) == 2
    for words in examples(name):
        COMMANDS[name].make_context(name, list(words)).close()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_json(name: str) -> None:
    assert any("--json" in option.opts for option in COMMANDS[name].params)


Said = tuple[int, str, str]
Archsim = Callable[..., Said]


@pytest.fixture
def archsim(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Archsim:
    """The command line in this process and an empty folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)

    def call(*words: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["archsim", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


NASTY = "[bold]n[/] <script>alert(1)</script> \x1b[31m \\"
SEEN = r"[bold]n[/] <script>alert(1)</script> \x1b[31m"


@pytest.fixture
def nasty(tmp_path: Path) -> None:
    """A trace and a design whose names are markup, a script and a control sequence."""
    drawn = synthesize(40, 10, 0.2, sequences=8, steps=10)
    named = drawn.header.model_copy(update={"workload": NASTY})
    replace(drawn, header=named).save(tmp_path / "t.npz")
    design = load_design("skip-65nm").model_copy(update={"name": NASTY, "title": NASTY})
    (tmp_path / "d.toml").write_text(design.to_toml())


ON = ("--design", "d.toml", "--workload", "t.npz")
QUICK = (
    ("run", *ON),
    ("stream", *ON, "--period", "100"),
    ("fit", "--hidden", "16"),
    ("explain", "d.toml"),
    ("validate", "--no-traces"),
    ("list",),
    ("zoo",),
    ("zoo", "--published"),
    ("trace", "synth", "--steps", "5", "--hidden", "8", "--out", "s.npz"),
    ("trace", "show", "t.npz"),
    ("trace", "record", "--workload", "wp-lstm256-ternary", "--steps", "3", "--sequences", "2", "--out", "r.npz"),
    ("import", "mine.safetensors", "--out", "own.safetensors"),
    ("sparsity", "digits.safetensors", "--at", "0.9"),
)


@pytest.fixture
def state_dict(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (32, 5), "weight_hh_l0": (32, 8), "bias_ih_l0": (32,), "bias_hh_l0": (32,)}
    tensors = {f"lstm.{name}": rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(tensors, tmp_path / "mine.safetensors")


@pytest.mark.parametrize("words", QUICK, ids=" ".join)
@pytest.mark.usefixtures("nasty", "state_dict", "digits_file")
def test_what_a_command_prints(words: tuple[str, ...], archsim: Archsim) -> None:
    """80 columns, no control character, the same as JSON, and nothing beside the result where there is no terminal."""
    code, table, errors = archsim(*words)
    assert (code, errors) == (0, "")
    assert table
    assert max(map(len, table.splitlines())) <= 80
    assert all(c.isprintable() or c == "\n" for c in table)
    code, text, errors = archsim(*words, "--json")
    assert (code, errors) == (0, "")
    assert json.loads(text)


@pytest.mark.usefixtures("nasty")
def test_a_name_is_shown_as_it_is(archsim: Archsim) -> None:
    for words in (("run", *ON), ("stream", *ON, "--period", "100"), ("trace", "show", "t.npz")):
        shown = " ".join(archsim(*words)[1].split())
        assert SEEN in shown
    code, _, errors = archsim("run", *ON, "--set", "[bold]x[/]\x1b=1")
    assert code == 2
    assert r"[bold]x[/]\x1b" in errors


@pytest.mark.usefixtures("nasty")
def test_progress_and_quiet(archsim: Archsim, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bar on a terminal, none with --quiet; results and mistakes either way."""
    monkeypatch.setattr(terminal.notes, "_force_terminal", True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(terminal.notes, "is_interactive", True)
    code, table, shown = archsim("run", *ON)
    assert code == 0
    assert "simulating" in shown
    code, same, silence = archsim("--quiet", "run", *ON)
    assert (code, silence) == (0, "")
    assert same == table
    code, nothing, mistake = archsim("-q", "run", "--design", "none", "--workload", "t.npz")
    assert (code, nothing) == (2, "")
    assert mistake.startswith("archsim: none: ")


REFUSED = (
    (("--window", "0:1"), "--window: says which steps --timeline or --html show"),
    (("--check", "--html", "x.html"), "--check: compares sums and simulates nothing that --html could show"),
    (("--split", "tset"), "--split must be validation or test, not 'tset'"),
    (("--check",), "t.npz: is a trace, and a model is needed"),
)


@pytest.mark.parametrize(("words", "said"), REFUSED)
@pytest.mark.usefixtures("nasty")
def test_what_a_run_could_only_ignore_is_refused(words: tuple[str, ...], said: str, archsim: Archsim) -> None:
    code, table, errors = archsim("run", *ON, *words)
    assert (code, table) == (2, "")
    assert said in errors
    assert not Path("x.html").exists()


@pytest.mark.usefixtures("nasty")
def test_two_runs_alike_have_no_difference(archsim: Archsim) -> None:
    Path("one.json").write_text(archsim("run", *ON, "--json")[1])
    assert archsim("diff", "one.json", "one.json")[1].rstrip().endswith("no difference")
    Path("two.json").write_text(archsim("run", *ON, "--set", "clock_mhz=100", "--json")[1])
    assert "energy, pJ" in archsim("diff", "one.json", "two.json")[1]


@pytest.mark.usefixtures("state_dict")
def test_inputs_that_are_seldom_meant_are_pointed_out(archsim: Archsim) -> None:
    bits = ("--state-bits", "8", "--input-bits", "8")
    assert archsim("import", "mine.safetensors", "--weights", "fixed8", *bits, "--out", "own.safetensors")[0] == 0
    for name, inputs, said in (
        ("fine", np.full((6, 2, 5), -1.0), ""),
        (
            "wide",
            np.repeat([[[0.5, -9.0, 9.0, 1.0, 0.0]] * 2], 6, axis=0),
            "x: 60.0% do not fit -1 to 0.9922 and are clipped; import the model with more --input-integer-bits",
        ),
        ("short", np.zeros((2, 6, 5)), ""),  # which axis is longer says nothing of which is which
    ):
        np.save(f"{name}.npy", inputs)
        code, _, errors = archsim(
            "trace", "record", "--workload", "own.safetensors", "--inputs", f"{name}.npy", "--out", "o.npz"
        )
        assert code == 0
        assert (said in errors) if said else not errors
    np.save("turned.npy", np.zeros((2, 6, 5)))
    _, shown, _ = archsim(
        "trace", "record", "--workload", "own.safetensors", "--inputs", "turned.npy", "--batch-first", "--out", "o.npz"
    )
    assert "2 sequences x 6 steps" in shown
    np.save("nan.npy", np.array([[[0.0, np.nan, np.inf, 0.0, 0.0]]]))
    _, _, errors = archsim("trace", "record", "--workload", "own.safetensors", "--inputs", "nan.npy", "--out", "o.npz")
    assert "nan.npy: inputs must be finite; 2 of 5 are not" in errors
    Path("mine.pt").write_bytes(b"PK")
    _, _, errors = archsim("run", "--design", "edge-8pe", "--workload", "mine.pt")
    assert "mine.pt: is no model of archsim yet: `archsim import` makes one of it" in errors


def test_pace_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    from io import StringIO

    clock = [0.0]
    screen = StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(bars, "notes", console)
    with bars.progress("working", 100) as (bar, task):
        bar.get_time = lambda: clock[0]
        bar.reset(task)
        for clock[0] in (1.0, 2.0):
            bar.advance(task, 25)
        bar.update(task, note="what is going on, " * 6)
        bar.refresh()
    last = screen.getvalue()
    assert "50/100" in last
    assert "25/s" in last
    assert "00:02 left" in last
    notes = [line for line in last.splitlines() if "what is going on" in line]
    assert notes
    assert all("working" not in line and line.rstrip().endswith("…") for line in notes), "a line of its own, cut"


def test_exit_codes(archsim: Archsim, monkeypatch: pytest.MonkeyPatch) -> None:
    assert archsim("list", "formats")[0] == 0
    assert archsim("run", "--no-such-option")[0] == 2
    assert archsim("view", "none")[0] == 2
    assert archsim("compare", "exact", "--samplers", "best")[0] == 2  # before anything is enumerated
    assert not Path("results").exists()
    monkeypatch.setattr("dse.cli.analyses.fit", _interrupted)
    assert archsim("fit")[0] == 130
    for code in ("0 done", "1 failed", "2 bad input", "130 interrupted"):
        assert code in archsim("--help")[1]


def test_the_demo_leaves_a_folder_alone_that_is_not_its_own(archsim: Archsim) -> None:
    (mine := Path("mine")).mkdir()
    (mine / "config.toml").write_text('name = "mine"')
    refusal = "archsim: mine: holds something other than the search demo; name another folder with --out\n"
    assert archsim("demo", "--out", "mine") == (2, "", refusal)
    assert [path.name for path in mine.iterdir()] == ["config.toml"]


def _interrupted(*arguments: object, **options: object) -> None:
    raise KeyboardInterrupt


def test_a_sum_that_is_not_the_references_is_a_failure(
    digits_file: Path, archsim: Archsim, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("run", "--design", "skip-65nm", "--workload", str(digits_file), "--check", "--steps", "3", "--json")
    code, said, _ = archsim(*words)
    assert (code, json.loads(said)["passed"]) == (0, True)
    right, seen = Functional.accumulate, iter(range(10**9))
    monkeypatch.setattr(Functional, "accumulate", lambda self, *a: None if next(seen) == 2 else right(self, *a))
    code, said, _ = archsim(*words)
    assert (code, json.loads(said)["passed"]) == (1, False)
    assert any(json.loads(said)["different"].values())


def test_a_published_figure_that_is_missed_is_a_failure(archsim: Archsim, monkeypatch: pytest.MonkeyPatch) -> None:
    found = validate()
    wrong = next(row for row in found.rows if row.gates)
    rows = tuple(replace(row, ours=3 * row.published) if row is wrong else row for row in found.rows)
    for made, expected in ((found, 0), (Validation(rows), 1)):
        monkeypatch.setattr("dse.cli.analyses.validate", lambda _, made=made: made)
        code, said, _ = archsim("validate", "--no-traces", "--json")
        assert (code, json.loads(said)["ok"]) == (expected, not expected)


def write_card(path: Path, test: float) -> None:
    """A card for a model of the digits, whose error on the test split is said to be `test`."""
    card = zoo.load_card("wp-lstm256-ternary")
    file = card.file.model_copy(update={"sha256": file_sha256(path)})
    measured = card.measured.model_copy(update={"test": test, "metric": "error_pct"})
    card.model_copy(update={"file": file, "measured": measured}).save(path.with_suffix(".toml"))


def test_a_card_that_says_another_error_is_a_failure(digits_file: Path, archsim: Archsim) -> None:
    right = evaluate(Model.load(digits_file), "test")
    for test, expected in ((right, 0), (right - 10, 1)):
        write_card(digits_file, test)
        code, said, _ = archsim("zoo", "--verify", str(digits_file), "--json")
        assert (code, [each["passed"] for each in json.loads(said)]) == (expected, [not expected])


SKIP = load_design("skip-65nm")
DIGITS = ("--workload", "digits.safetensors")
RUN = ("run", "--design", "skip-65nm", *DIGITS, "--steps", "8")
STREAM = ("stream", "--design", "skip-65nm", *DIGITS, "--period", "100", "--steps", "8")
RECORD = ("trace", "record", *DIGITS, "--sequences", "4", "--steps", "8", "--out", "r.npz")
SPARSITY = ("sparsity", "digits.safetensors", "--lanes", "1")
OWN = """
name = "ours"
[area.pe_array]
value = 1000
unit = "um2/PE"
source = "our synthesis"
"""
OWN_MM2 = 192 * 1000 / 1e6
"""The area of SKIP's 192 PEs at 1,000 µm² each."""


def digits(split: Split = "test", threshold: float | None = None, sequences: int = 16) -> Trace:
    """What a command records of the model in this folder."""
    model = Model.load(Path("digits.safetensors"))
    return record(model if threshold is None else model.with_threshold(threshold), split, sequences, 8)


def system_pj(said: Any) -> float:
    return float(said["energy_pj_per_token"]["total_system"])


OPTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...], Callable[[Any], object], Callable[[], object]]] = {
    "run --split": (
        RUN,
        ("--split", "validation"),
        system_pj,
        lambda: simulate(SKIP, digits("validation")).energy.total_system,
    ),
    "run --threshold": (
        RUN,
        ("--threshold", "0.3"),
        system_pj,
        lambda: simulate(SKIP, digits(threshold=0.3)).energy.total_system,
    ),
    "run --window": (
        (*RUN, "--timeline", "t.json"),
        ("--window", "3:5"),
        lambda _: json.loads(Path("t.json").read_text())["otherData"]["first_step"],
        lambda: 3,
    ),
    "run --costs": (RUN, ("--costs", "own.toml"), lambda said: said["area_mm2"]["pe_array"], lambda: OWN_MM2),
    "explain --costs": (
        ("explain", "skip-65nm"),
        ("--costs", "own.toml"),
        lambda said: next(r["value"] for r in said if (r["component"], r["figure"]) == ("pe_array", "area")),
        lambda: OWN_MM2,
    ),
    "stream --deadline": (
        STREAM,
        ("--deadline", "50"),
        lambda said: said["slack_us"]["least"],
        lambda: 50 - streaming(SKIP, digits(), 100, lanes=8).latency_us.most,
    ),
    "stream --lanes": (
        STREAM,
        ("--lanes", "2"),
        system_pj,
        lambda: streaming(SKIP, digits(), 100, lanes=2).energy.total_system,
    ),
    "trace record --split": (
        RECORD,
        ("--split", "validation"),
        lambda _: Trace.load(Path("r.npz")).sha256,
        lambda: digits("validation", sequences=4).sha256,
    ),
    "trace record --threshold": (
        RECORD,
        ("--threshold", "0.3"),
        lambda _: Trace.load(Path("r.npz")).sha256,
        lambda: digits(threshold=0.3, sequences=4).sha256,
    ),
    "sparsity --split": (
        SPARSITY,
        ("--split", "test"),
        lambda said: said[0]["loss"],
        lambda: evaluate(Model.load(Path("digits.safetensors")), "test"),
    ),
}
"""By name: a command, an option, the figure that it changes, and what that must be."""


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.usefixtures("digits_file")
def test_an_option_changes_what_it_should(name: str, archsim: Archsim) -> None:
    words, option, figure, expected = OPTIONS[name]
    Path("own.toml").write_text(OWN)
    before = figure(json.loads(archsim(*words, "--json")[1]))
    code, said, errors = archsim(*words, *option, "--json")
    assert (code, errors) == (0, "")
    assert figure(json.loads(said)) == pytest.approx(expected())
    assert before != pytest.approx(expected())


STUDY = """
name = "few"
base = "skip-65nm"
objectives = ["validation_loss", "area_mm2"]
trials = 4
population = 4
scenario = { sequences = 8, steps = 8 }
models = [{ name = "digits.safetensors" }]
parameters = { clock_mhz = { choices = [100, 200] } }
"""


@pytest.mark.usefixtures("digits_file")
def test_a_fresh_search_measures_what_is_cached(archsim: Archsim) -> None:
    """The validation split, and the test split of the front."""
    Path("few.toml").write_text(STUDY)
    counted = []
    for words in (("--out", "a"), ("--out", "b"), ("--out", "c", "--fresh")):
        code, said, _ = archsim("search", "few.toml", *words, "--json")
        assert code == 0
        found = json.loads(said)
        counted.append((found["model_evaluations"], found["model_evaluations_cached"]))
    assert counted == [(2, 0), (0, 2), (2, 0)]


def test_a_run_of_training_is_kept_where_it_is_said(archsim: Archsim, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    folders = []

    def noted(recipe: Path, folder: Path, *_: object) -> object:
        folders.append(folder)
        return zoo.load_card("wp-lstm256-ternary")

    monkeypatch.setattr("dse.cli.training.train_and_export", noted)
    for words in ((), ("--run", "mine")):
        assert archsim("train", "some.toml", *words)[0] == 0
    assert folders == [Path("runs/some"), Path("mine")]


@pytest.mark.usefixtures("nasty")
def test_a_value_that_cannot_be_read_is_one_line(archsim: Archsim) -> None:
    code, said, errors = archsim("run", *ON, "--set", f"lanes={'9' * 5000}")
    assert (code, said) == (2, "")
    assert errors.startswith("archsim: 99999999999999999999...: cannot be read (")
    assert len(errors.splitlines()) == 1


PTQ = ("ptq", "digits.safetensors", "--max-loss", "50")


@pytest.mark.usefixtures("digits_file")
def test_a_loss_is_one_of_the_accuracy_where_the_metric_is_an_error(archsim: Archsim) -> None:
    code, said, errors = archsim(*PTQ[:-1], "-90", "--bits", "8")
    assert (code, said) == (2, "")
    assert errors == "archsim: no combination of these bits loses at most -90 % of digits's accuracy\n"


@pytest.mark.usefixtures("digits_file")
def test_integers_of_given_bits_are_recorded_on_the_card_and_verified(archsim: Archsim, tmp_path: Path) -> None:
    path = tmp_path / "digits.safetensors"
    test = evaluate(Model.load(path), "test")
    write_card(path, test)
    bits = ("--weight-bits", "8", "--activation-bits", "8:9", "--cell-bits", "10")
    code, said, _ = archsim(*PTQ, *bits, "--record", "--json")
    assert code == 0
    found = json.loads(said)
    (entry,) = zoo.load_card(path).quantized
    assert found["card"] == entry.model_dump()
    assert entry.bits == "8/{activation_bits}/10".format(**found["best"])
    assert entry.validation == found["best"]["value"]
    code, said, _ = archsim("zoo", "--verify", "digits.safetensors", "--json")
    assert code == 0
    assert [(each["bits"], each["measured_loss"]) for each in json.loads(said)] == [
        (None, test),
        (entry.bits, entry.test),
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cell-bits", "8:4"), "--cell-bits must be LEAST:MOST, or one number, between 2 and 16, not '8:4'"),
        (("--bits", "1"), "--bits must be LEAST:MOST, or one number, between 2 and 16, not '1'"),
        (("--table", "--record"), "--table keeps no model: neither --out nor --record goes with it"),
        (("--table", "--cell-bits", "4:5"), "--cell-bits must be one number with --table, which has no column for it"),
        (("--record",), "digits.toml: no such card"),
        (("--embedding-bits", "4"), "--embedding-bits: digits has no embedding"),
    ],
    ids=["order", "one", "record", "column", "card", "embedding"],
)
@pytest.mark.usefixtures("digits_file")
def test_a_mistake_in_bits_is_said_before_anything_is_measured(
    words: tuple[str, ...], message: str, archsim: Archsim
) -> None:
    code, _, errors = archsim(*PTQ, *words)
    assert code == 2
    assert message in errors
