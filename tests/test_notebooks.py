"""The notebooks run from their first cell to the last, and show what they say."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "notebooks"


def test_every_notebook_is_run_here() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == {"own_model.py", "paper_figure.py"}


@pytest.mark.slow
@pytest.mark.train
def test_a_model_of_ones_own_is_brought_to_its_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = runpy.run_path(str(FOLDER / "own_model.py"))
    front = shown["found"].front()
    assert front["validation_loss"].nunique() >= 3
    assert front["validation_loss"].is_monotonic_increasing
    assert len(shown["figure"].data) == 2
    assert len(shown["swept"].to_frame()) == 9


def test_the_figure_of_the_paper_rises_with_zeros_and_falls_with_lanes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = runpy.run_path(str(FOLDER / "paper_figure.py"))
    for table in (shown["drawn"], shown["measured"].sort_values("sparsity")):
        for lanes in (1, 4, 8):
            assert table[table["lanes"] == lanes]["speed_up"].is_monotonic_increasing
    at_most = shown["drawn"].pivot(index="sparsity", columns="lanes", values="speed_up").loc[0.9]
    assert at_most[1] > at_most[4] > at_most[8] > 1
    assert len(shown["figure"].data) == 6
