"""A Gaussian process: what it is told of refused points, and what it cannot do."""

from typing import Any

import optuna
import pytest

from archsim.errors import BadInput
from dse.exploration.draws import Draws
from dse.exploration.samplers import gp
from dse.space.space import parse_space


@pytest.fixture
def tree(tree: dict[str, Any]) -> dict[str, Any]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return tree


def test_of_a_refused_point_a_gaussian_process_is_told_the_worst_before_it(tree: dict[str, Any]) -> None:
    """A cost may be negative, as the logarithm of a small area is: 0 is worse than any such."""
    pytest.importorskip("torch")
    space = parse_space(tree | {"sampler": "gp", "trials": 11, "objectives": ["validation_loss", "area_mm2"]}, "t")
    draws = Draws(space)
    within = dict.fromkeys(space.constraints, 0.0)
    for values in ({}, {"validation_loss": 2.0, "area_mm2": 0.01}, {"validation_loss": 1.0, "area_mm2": 0.1}, {}):
        draws.tell(draws.ask(), values, within)
    told = [trial.values for trial in draws._study.get_trials()]
    assert told == [[0.0, 0.0], [2.0, pytest.approx(-2)], [1.0, pytest.approx(-1)], [2.0, pytest.approx(-1)]]


def test_what_a_gaussian_process_cannot_do_is_refused_by_name(
    tree: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="sampler gp: trials must be at most 1000, not 1001"):
        Draws(parse_space(tree | {"sampler": "gp", "trials": 1001}, "t"))
    monkeypatch.setattr(gp, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match="sampler gp: Optuna's Gaussian process needs PyTorch"):
        Draws(parse_space(tree | {"sampler": "gp"}, "t"))
