"""Task files and data that are damaged, or meant to do harm: one line a mistake, or a task that works."""

import copy
import random
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import tomli_w

from archsim.errors import BadInput
from workloads import tasks
from workloads.tasks import SPLITS

MUTATIONS = 100
"""Of each of five kinds of file."""
MEMORY = 64 * 2**20
"""The most that a few kilobytes of data may come to."""
TREE = {
    "kind": "classification", "files": ["data.npz"], "inputs": ["x"], "targets": "y", "lengths": "n",
    "layout": "sequences, steps, features", "normalisation": "standard", "when": "last_step",
    "splits": {"by": "share", "shares": [0.6, 0.2, 0.2], "seed": 1, "group": "g"},
}  # fmt: skip
ROWS = TREE | {"inputs": ["a", "b"], "layout": "steps, features", "lengths": None, "sequence": "id"}
TEXT = {
    "kind": "language-model", "files": ["text.txt"], "tokens": "words", "vocabulary": 5,
    "splits": {"by": "position", "shares": [0.6, 0.2, 0.2]},
}  # fmt: skip
VALUES = [
    None, True, -1, 0, 1, 3, 2**70, 1.5, float("nan"), float("inf"), "", "x", "y", "n", "*", "{split}", "{file}",
    "../..", "every_step", "regression", "language-model", "steps, features", "\x1b[31m\n", [], ["x", "y"], [[]], {},
    {"by": "name"}, {"by": "position", "shares": [0.5, 0.25, 0.25]},
    {"by": "column", "column": "g", "train": 0, "validation": 1, "test": 2},
]  # fmt: skip
KEYS = [
    *TREE, "symbols", "classes", "tokens", "vocabulary", "vocabulary_file", "window", "stride", "target_row", "metric",
    "sequence", "title", "colour", "{split}", "a\nb",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    x, n = rng.normal(size=(30, 5, 2)), rng.integers(1, 6, 30)
    np.savez(tmp_path / "data.npz", x=x, y=np.arange(30) % 3, n=n, g=np.arange(30) // 3)
    rows = pd.DataFrame([(i, i // 3, "uvw"[i % 3], *x[i, t]) for i in range(30) for t in range(n[i])])
    rows.columns = ["id", "g", "y", "a", "b"]
    rows.to_csv(tmp_path / "data.csv", index=False)
    rows.to_parquet(tmp_path / "data.parquet")
    (tmp_path / "text.txt").write_text("a b c d\ne f\n" * 30)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(path):
    """All of a task; its mistakes where it has some."""
    tracemalloc.start()
    try:
        task = tasks.by_name(path)
        for split in SPLITS:
            task.split(split)
        assert task.outputs >= 1
        assert task.sha256
    except BadInput as error:
        return error.lines
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MEMORY
    return ()


def told(path):
    """Whether a task was refused, in lines that can be printed."""
    lines = read(path)
    assert all(line.isprintable() for line in lines)
    return bool(lines)


def written(folder, name, tree):
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps({key: value for key, value in tree.items() if value is not None}))
    return path


def damaged(data, rng):
    """A few bytes changed, left out, or put in, or the end cut off."""
    broken = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(broken))
        kind = rng.randrange(4)
        if kind == 0:
            broken[at] = rng.randrange(256)
        elif kind == 1:
            del broken[at : at + rng.randint(1, 9)]
        elif kind == 2:
            broken[at:at] = rng.randbytes(rng.randint(1, 9))
        else:
            broken = broken[: max(1, at)]
    return bytes(broken)


@pytest.mark.parametrize(
    ("source", "tree"), [("data.npz", TREE), ("data.csv", ROWS), ("data.parquet", ROWS), ("text.txt", TEXT)]
)
def test_the_whole_files_are_tasks(folder, source, tree):
    assert read(written(folder, "whole", tree | {"files": [source]})) == ()


def test_a_mutated_tree_is_a_task_or_told_what_is_wrong_in_a_line_each(folder):
    rng, refused = random.Random(1), 0
    for number in range(2 * MUTATIONS):
        tree = copy.deepcopy(rng.choice([TREE, ROWS | {"files": ["data.csv"]}, TEXT]))
        for _ in range(rng.randint(1, 3)):
            table = tree["splits"] if rng.random() < 0.3 and isinstance(tree.get("splits"), dict) else tree
            table[rng.choice([*table, *KEYS])] = rng.choice(VALUES)
        if isinstance(tree.get("splits"), dict):
            tree["splits"] = {key: value for key, value in tree["splits"].items() if value is not None}
        refused += told(written(folder, f"tree{number}", tree))
    assert refused > MUTATIONS


def test_a_damaged_task_file_is_a_task_or_refused(folder):
    rng, whole = random.Random(2), written(folder, "whole", TREE).read_bytes()
    for number in range(MUTATIONS):
        path = folder / f"bytes{number}.toml"
        path.write_bytes(damaged(whole, rng))
        told(path)


@pytest.mark.parametrize(("source", "tree"), [("data.npz", TREE), ("data.csv", ROWS), ("data.parquet", ROWS)])
def test_damaged_data_are_read_or_refused(folder, source, tree):
    rng, whole = random.Random(3), (folder / source).read_bytes()
    for number in range(MUTATIONS):
        broken = folder / f"{number}{source}"
        broken.write_bytes(damaged(whole, rng))
        told(written(folder, f"data{number}", tree | {"files": [broken.name]}))
