"""What a front says of its clocks: nothing where all are met, how many stages are missing, and what cannot be."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dse.evaluation.models import ModelSide
from dse.exploration.enumerate import enumerate_space
from dse.exploration.study import search
from dse.results import clocks, store
from dse.space.space import parse_space


def test_words() -> None:
    nothing = float("nan")
    assert clocks.in_words([]) == clocks.in_words([0.0, 0.0]) == ()
    assert clocks.in_words([0.0, 2.0, 1.0, 2.0]) == (
        "Clock: 3 of 4 points of the front need more pipeline stages than their designs state (1 need 1, 2 need 2); "
        "area, energy and time include them.",
    )
    (said,) = clocks.in_words([0.0, nothing])
    assert said.startswith("Clock: 1 of 2 points of the front have a clock that no number of pipeline stages or banks")
    assert len(clocks.in_words([nothing, 1.0])) == 2


@pytest.fixture
def fast(tree: dict[str, Any]) -> dict[str, Any]:
    """A space whose fastest clock is met by no circuit, and would win."""
    parameters = {"clock_mhz": {"choices": [200, 5000]}, "lanes": {"choices": [4]}}
    goals = ["area_mm2", "latency_us_per_step"]
    return tree | {"parameters": parameters, "variants": {}, "constraints": {}, "objectives": goals}


@pytest.mark.parametrize("waived", [False, True])
def test_an_impossible_clock_is_on_no_front_unless_it_is_asked_for(
    fast: dict[str, Any], models: ModelSide, tmp_path: Path, waived: bool
) -> None:
    asked = {"clock_reachable": False} if waived else {}
    space = parse_space(fast | {"constraints": asked, "trials": 20}, "t")
    exact = enumerate_space(space, tmp_path / "exact", models).front
    search(space, tmp_path / "found", models=models)
    found = store.read(tmp_path / "found").front
    for front in (exact, found):
        assert (5000 in set(front["clock_mhz"])) == waived
        assert pd.isna(front[clocks.COLUMN]).any() == waived
        said = " ".join(clocks.in_words(front[clocks.COLUMN].tolist()))
        assert ("no circuit can be built" in said) == waived
