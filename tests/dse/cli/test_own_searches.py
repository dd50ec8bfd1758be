"""Searches over a network of a person's own: without a task, and measured by a task in a file."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w
from typer.testing import CliRunner, Result

from archsim.errors import BadInput
from dse.cli.app import app
from dse.results import store
from tests.dse.conftest import own_tree
from workloads.fixed_point import Settings, calibrate, quantize
from workloads.model import Model


def run(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)


def answer(*words: object) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Where searches and their cache go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder := tmp_path_factory.mktemp("searches"))
        patch.setenv("COLUMNS", "80")
        yield folder


def study(folder: Path, name: str, tree: dict[str, Any]) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(tree | {"name": name}))
    return path


@pytest.fixture(scope="module")
def bare(folder: Path, own: Path) -> dict[str, Any]:
    """A search without a task, and its answer."""
    path = study(folder, "bare", own_tree(own, inputs=str(own / "x.npy"), batch_first=True))
    return {"study": path, "answer": answer("search", path, "--out", folder / "bare"), "folder": folder / "bare"}


def test_a_search_without_a_task_has_a_front(bare: dict[str, Any]) -> None:
    found = bare["answer"]
    assert len(found["front"]) > 1
    assert found["model_evaluations"] == found["model_evaluations_cached"] == 0
    for point in found["front"]:
        assert point["test_loss"] is None
        assert "validation_loss" not in point
        assert {"latency_us_per_step", "area_mm2", "energy_system_pj_per_token"} <= point.keys()


def test_the_exact_front_comes_with_a_search_or_alone(bare: dict[str, Any], folder: Path) -> None:
    exact = pd.read_csv(bare["folder"] / "exact" / "front.csv")
    quality = json.loads((bare["folder"] / "quality.json").read_text())
    assert quality["hypervolume"] <= quality["exact_hypervolume"] * (1 + 1e-12)

    alone = answer("search", bare["study"], "--exact", "--out", folder / "alone")
    assert alone["trials"] == len(alone["front"]) == len(exact)
    for goal in ("latency_us_per_step", "area_mm2"):
        assert sorted(point[goal] for point in alone["front"]) == pytest.approx(sorted(exact[goal]), rel=1e-12)

    answer("search", bare["study"], "--no-exact", "--out", folder / "without")
    assert not (folder / "without" / "exact").exists()
    assert json.loads((folder / "without" / "quality.json").read_text())["exact_hypervolume"] is None


def test_its_tables_have_no_column_of_losses(bare: dict[str, Any]) -> None:
    for name in ("trials", "front", "published", "models"):
        table = pd.read_csv(bare["folder"] / f"{name}.csv")
        assert len(table)
        assert not [column for column in table.columns if "loss" in column], name
    manifest = json.loads((bare["folder"] / "manifest.json").read_text())
    assert len(manifest["inputs_sha256"]) == 64
    assert len(set(pd.read_csv(bare["folder"] / "models.csv")["model"])) == 3


def test_its_page_says_that_there_is_no_accuracy(bare: dict[str, Any]) -> None:
    page = json.loads((bare["folder"] / "report.html").read_text().split('id="data">', 1)[1].split("</script>", 1)[0])
    notes = " ".join(note["text"] for note in page["searches"][0]["notes"])
    assert "on the same 4 sequences of x.npy, of at most 6 steps each" in notes
    assert "The networks were run without a task: their accuracy was not measured." in notes
    assert "validation_loss" not in [goal["name"] for goal in page["goals"]]
    assert all(network["validation"] is None for network in page["networks"])
    assert not page["papers"]["rows"]


def test_what_is_said_fits_80_columns(bare: dict[str, Any], folder: Path) -> None:
    result = run("search", bare["study"], "--out", folder / "said")
    assert result.exit_code == 0
    assert "no task, so no accuracy was measured" in " ".join(result.stdout.split())
    assert "test " not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_it_goes_on_and_is_begun_with(bare: dict[str, Any], folder: Path, own: Path) -> None:
    longer = own_tree(own, inputs=str(own / "x.npy"), batch_first=True) | {"trials": 14}
    path = study(folder, "longer", longer)
    assert answer("search", path, "--out", folder / "longer", "--warm-start", bare["folder"])["trials"] == 14
    path.write_text(tomli_w.dumps(longer | {"name": "longer", "trials": 16}))
    assert answer("search", path, "--out", folder / "longer", "--resume")["trials"] == 16


def test_every_point_is_enumerated_and_compared(folder: Path, own: Path) -> None:
    tree = own_tree(own, inputs=str(own / "x.npy"), batch_first=True)
    tree["parameters"] = {"lanes": {"choices": [1, 2]}, "clock_mhz": {"choices": [100, 200]}}
    path = study(folder, "grid", tree)
    exact = answer("enumerate", path, "--out", folder / "grid" / "exact")
    assert (exact["combinations"], exact["refused"], exact["feasible"]) == (48, 24, 24)
    compared = answer("compare", path, "--samplers", "random:8", "--seeds", 1, "--out", folder / "grid")
    assert (compared["points"], compared["hypervolume"]) == (48, exact["hypervolume"])


def test_pages_of_a_task_and_of_none_are_not_put_side_by_side(bare: dict[str, Any], folder: Path, own: Path) -> None:
    path = study(folder, "digest", own_tree(own, task=str(own / "mine.toml")) | {"trials": 8})
    answer("search", path, "--out", folder / "measured")
    with pytest.raises(BadInput, match=rf"must be a search of no task, as {bare['folder']}, not .*mine\.toml"):
        run("view", bare["folder"], folder / "measured", "--no-open")


def test_losses_of_a_study_s_task_are_those_of_evaluate(folder: Path, own: Path) -> None:
    task = str(own / "mine.toml")
    tree = own_tree(own, task=task) | {"objectives": ["validation_loss", "area_mm2", "energy_system_pj_per_token"]}
    found = answer("search", study(folder, "losses", tree), "--out", folder / "losses")
    assert found["model_evaluations"] + found["model_evaluations_cached"] >= 3
    net = own / "net.safetensors"
    model = Model.load(net).with_task(task)
    files = {"net": net}
    for bits in (3, 8):
        integers = quantize(model, calibrate(model), Settings(weight_bits=bits, activation_bits=8))
        integers.save(files.setdefault(f"net-w{bits}a8", folder / f"net-w{bits}a8.safetensors"))
    for _, row in store.read(folder / "losses").models.iterrows():
        file = files[Path(row["model"]).stem]
        pruned = () if row["as_trained"] else ("--threshold", row["threshold"])
        for split in ("validation", "test"):
            if not pd.isna(row[f"{split}_loss"]):
                (measured,) = answer("evaluate", file, "--task", task, "--split", split, *pruned)
                assert row[f"{split}_loss"] == pytest.approx(measured["value"])


def test_where_nothing_is_feasible_the_reason_is_told(folder: Path, own: Path) -> None:
    tree = own_tree(own, inputs=str(own / "x.npy"), batch_first=True) | {
        "constraints": {"area_mm2": 1e-3, "clock_reachable": False}
    }
    result = run("search", study(folder, "nothing", tree | {"trials": 4}), "--out", folder / "nothing")
    said = " ".join(result.stdout.split())
    assert re.search(r"No point is feasible; most often \(\d trials?\): area_mm2 must be at most 0.001, not ", said)


def test_without_either_the_rule_is_told_in_one_line(folder: Path, own: Path) -> None:
    rule = r"models: must have a task, their own or that of \[scenario\] task, or else \[scenario\] inputs, to run"
    with pytest.raises(BadInput, match=rule) as error:
        run("search", study(folder, "neither", own_tree(own)))
    assert len(error.value.lines) == 1
