"""Hypervolume and front on problems whose fronts are known in closed form, and against brute force on small sets."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dse import objectives
from dse.results.pareto import Front, non_dominated
from dse.results.quality import (
    MARGIN,
    Reference,
    costs,
)


def zdt1(x: np.ndarray) -> np.ndarray:
    """Zitzler, Deb & Thiele, "Comparison of Multiobjective Evolutionary Algorithms" (2000), ``(N, n)``."""
    g = 1 + 9 * x[:, 1:].mean(axis=1)
    return np.stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))], axis=1)


def zdt2(x: np.ndarray) -> np.ndarray:
    g = 1 + 9 * x[:, 1:].mean(axis=1)
    return np.stack([x[:, 0], g * (1 - (x[:, 0] / g) ** 2)], axis=1)


def dtlz2(x: np.ndarray) -> np.ndarray:
    """Deb, Thiele, Laumanns & Zitzler, "Scalable Test Problems" (2005), three objectives: an octant of the sphere."""
    g = 1 + ((x[:, 2:] - 0.5) ** 2).sum(axis=1)
    a, b = x[:, 0] * math.pi / 2, x[:, 1] * math.pi / 2
    return np.stack([g * np.cos(a) * np.cos(b), g * np.cos(a) * np.sin(b), g * np.sin(a)], axis=1)


def optimal(first: np.ndarray, rest: float, variables: int) -> np.ndarray:
    """Points whose variables behind the position are all at the optimum."""
    return np.concatenate([first, np.full((len(first), variables - first.shape[1]), rest)], axis=1)


BOX = Reference(ideal=(0.0, 0.0), corner=(11.0, 11.0))


@pytest.mark.parametrize(("problem", "published"), [(zdt1, 120 + 2 / 3), (zdt2, 120 + 1 / 3)])
def test_the_front_of_zdt(problem, published: float) -> None:  # type: ignore[no-untyped-def]
    """120 2/3 and 120 1/3 at the corner (11, 11): 110, and the integral of 11 - f2 over f1 from 0 to 1."""
    points = 2001
    front = problem(optimal(np.linspace(0, 1, points)[:, None], 0.0, 30))
    behind = problem(optimal(np.linspace(0, 1, points)[:, None], 0.1, 30))
    mask = non_dominated(np.concatenate([behind, front]))
    assert not mask[:points].any()
    assert mask[points:].all()
    found = 121 * BOX.hypervolume(np.concatenate([behind, front]))
    steps = np.abs(np.diff(front, axis=0)).prod(axis=1).sum()  # what steps between the points can leave out at most
    assert published - steps <= found < published


def test_the_front_of_dtlz2() -> None:
    """A cube of side 1.1 less an eighth of the unit ball. Every front of finitely many points has less."""
    exact = 1.1**3 - math.pi / 6
    cube = Reference((0.0, 0.0, 0.0), (1.1, 1.1, 1.1))
    shares = []
    for side in (20, 40, 80, 160):
        grid = np.linspace(0, 1, side)
        position = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        front, behind = dtlz2(optimal(position, 0.5, 12)), dtlz2(optimal(position, 0.6, 12))
        assert not non_dominated(np.concatenate([front, behind]))[len(front) :].any()
        shares.append(1.331 * cube.hypervolume(np.concatenate([front, behind])) / exact)
    missing = 1 - np.array(shares)
    assert (missing > 0).all()
    assert missing[-1] < 0.01
    assert (missing[:-1] / missing[1:] > 1.7).all()  # half the spacing, half the gap


def by_inclusion_and_exclusion(points: np.ndarray) -> float:
    """Volume dominated within the unit box: boxes, less their overlaps, and so on."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for chosen in combinations(points, size):
            side = np.maximum(0.0, 1 - np.max(chosen, axis=0))
            total += (-1) ** (size + 1) * float(side.prod())
    return total


SMALL = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 7), st.integers(2, 5)),
    elements=st.one_of(st.integers(0, 5).map(lambda n: n / 4), st.floats(0, 1.5, width=32)),
)


@given(SMALL)
def test_hypervolume_equals_inclusion_and_exclusion(points: np.ndarray) -> None:
    unit = Reference((0.0,) * points.shape[1], (1.0,) * points.shape[1])
    assert unit.hypervolume(points) == pytest.approx(by_inclusion_and_exclusion(points), abs=1e-12)


@given(SMALL)
def test_the_course_is_the_hypervolume_of_every_beginning(points: np.ndarray) -> None:
    points[0] = np.inf  # an infeasible trial
    unit = Reference((0.0,) * points.shape[1], (1.0,) * points.shape[1])
    course = unit.course(points)
    assert course.tolist() == pytest.approx([unit.hypervolume(points[: n + 1]) for n in range(len(points))], abs=1e-12)
    assert (np.diff(course) >= 0).all()


@given(SMALL, st.integers(1, 4))
def test_a_front_kept_batch_by_batch_is_the_front_of_all(points: np.ndarray, batch: int) -> None:
    front = Front(points.shape[1])
    for first in range(0, len(points), batch):
        front.add(points[first : first + batch], np.arange(first, min(first + batch, len(points))))
    assert sorted(front.labels.tolist()) == np.flatnonzero(non_dominated(points)).tolist()
    assert np.array_equal(front.costs, points[front.labels])


def test_a_reference_is_made_of_the_front_alone() -> None:
    reference = Reference.of(np.array([[0.0, 4.0, 7.0], [2.0, 0.0, 7.0], [50.0, 50.0, 7.0]]))
    assert reference.ideal == (0.0, 0.0, 7.0)
    assert reference.corner == pytest.approx((2 + 2 * MARGIN, 4 + 4 * MARGIN, 8.0))
    assert reference.hypervolume(np.array([[2.2, 0.0, 7.0]])) == 0.0
    assert reference.hypervolume(np.array([[0.0, 0.0, 7.0]])) == pytest.approx(1.0)


@pytest.mark.parametrize("points", [np.empty((0, 2)), np.full((1, 2), np.inf)])
def test_a_reference_needs_a_front(points: np.ndarray) -> None:
    with pytest.raises(ValueError, match="needs a front of finite costs"):
        Reference.of(points)


def test_costs_are_minimised_and_in_decades_where_the_axis_is() -> None:
    goals = [objectives.by_name(name) for name in ("area_mm2", "tokens_per_second")]
    found = costs(goals, {"area_mm2": np.array([0.1, 10.0, 0.0]), "tokens_per_second": np.array([1e3, 1e4, 1e5])})
    assert found[:2].tolist() == [[-1.0, -3.0], [1.0, -4.0]]
    assert np.isfinite(found).all()
