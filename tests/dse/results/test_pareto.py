"""The vectorised front against the definition, written out pair by pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dse.results.pareto import non_dominated


def by_definition(costs: np.ndarray) -> list[bool]:
    def dominates(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True)))

    return [not any(dominates(other, row) for other in costs) for row in costs]


@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(0, 25), st.integers(1, 4)),
        elements=st.one_of(st.integers(0, 4).map(float), st.just(float("inf"))),  # few values, so that ties are common
    )
)
def test_equals_the_definition_with_ties_and_infinities(costs: np.ndarray) -> None:
    assert non_dominated(costs).tolist() == by_definition(costs)


def test_equals_the_definition_on_hundreds_of_points() -> None:
    costs = np.random.default_rng(0).normal(size=(400, 3))
    assert non_dominated(costs).tolist() == by_definition(costs)


def test_a_known_front_of_thousands() -> None:
    """On a sphere's octant every point is on the front; the same points pushed outward are all behind it."""
    directions = np.abs(np.random.default_rng(1).normal(size=(2000, 3)))
    sphere = 1 - directions / np.linalg.norm(directions, axis=1, keepdims=True)
    mask = non_dominated(np.concatenate([sphere, sphere + 0.1]))
    assert mask[:2000].all()
    assert not mask[2000:].any()


def test_equal_points_stay_together() -> None:
    assert non_dominated(np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])).tolist() == [True, True, False]


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="numbers, not NaN"):
        non_dominated(np.array([[1.0, np.nan]]))


def test_shape_is_checked() -> None:
    with pytest.raises(ValueError, match=r"\(points, objectives\), not of 1 dimensions"):
        non_dominated(np.zeros(3))
