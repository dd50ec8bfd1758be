"""The examples of docs/tasks.md, on made data of the shapes that it describes."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workloads import tasks
from workloads.tasks import SPLITS

PAGE = (Path(__file__).parents[4] / "docs" / "tasks.md").read_text()
EXAMPLES = [block for block in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("kind")]
EXPECTED = {"sensors.npz": ("f1_loss_pct", 3, 3), "pump.csv": ("mae", 2, 1), "notes.txt": ("ppw", None, 50)}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    x, person = rng.normal(size=(60, 7, 3)), np.arange(60) % 12
    np.savez(tmp_path / "sensors.npz", x=x, y=np.arange(60) % 3, n=rng.integers(1, 8, 60), person=person)
    rows = pd.DataFrame(rng.normal(size=(120, 3)), columns=["pressure", "flow", "wear"])
    rows.assign(run=np.arange(120) // 20, part=np.repeat(["train", "test"], [80, 40])).to_csv(tmp_path / "pump.csv")
    words = [f"w{number}" for number in rng.zipf(1.5, 3000) % 90]
    (tmp_path / "notes.txt").write_text("\n".join(" ".join(words[k : k + 10]) for k in range(0, 3000, 10)))
    return tmp_path


def test_the_page_has_three_examples():
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split('"')[1])
def test_an_example_is_a_task(folder, example):
    (folder / "mine.toml").write_text(example)
    task = tasks.by_name(folder / "mine.toml")
    assert EXPECTED[task.spec.files[0]] == (task.metric, task.features, task.outputs)
    assert all(len(task.split(split)) for split in SPLITS)
