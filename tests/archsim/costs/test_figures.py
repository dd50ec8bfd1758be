"""A figure cannot be changed."""

from dataclasses import replace

import pytest

from archsim.costs import area
from archsim.design import load_design

SKIP = load_design("skip-65nm")


def test_figures_are_frozen() -> None:
    figure = area(SKIP).components["pe_array"]
    with pytest.raises(AttributeError):
        figure.value = 0.0  # type: ignore[misc]
    assert replace(figure, value=0.0).value == 0
