"""Ranges and choices of a parameter: what is drawn is what is written, whatever the numbers."""

import warnings
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import FloatDistribution
from pydantic import ValidationError

from dse.exploration.coordinates import _distribution
from dse.space.specs import ParameterSpec

quick = settings(max_examples=60)
digits = st.integers(1, 9999)


@quick
@given(digits, digits, st.integers(1, 40), st.integers(0, 3))
def test_steps_lead_from_low_to_high_without_a_warning(low: int, step: int, count: int, places: int) -> None:
    """Also where neither is a binary fraction: 0.1, 0.2, ... 0.7."""
    unit = Decimal(1).scaleb(-places)
    first, each = low * unit, step * unit
    last = first + count * each
    numbers = [int(n) if not places else float(n) for n in (first, last, each)]
    spec = ParameterSpec(low=numbers[0], high=numbers[1], step=numbers[2])
    assert spec.values[-1] == pytest.approx(numbers[1], rel=1e-12)
    assert spec.size == len(spec.values) == count + 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = _distribution(spec)
    assert drawn._contains(drawn.to_internal_repr(numbers[1]))


@quick
@given(digits, st.integers(2, 99), st.integers(0, 40), st.data())
def test_a_high_between_two_steps_is_a_mistake(low: int, step: int, count: int, data: st.DataObject) -> None:
    high = low + count * step + data.draw(st.integers(1, step - 1))
    with pytest.raises(
        ValidationError, match=f"such as {low + count * step} or {low + (count + 1) * step}, not {high}"
    ):
        ParameterSpec(low=low, high=high, step=step)


@pytest.mark.parametrize("step", [1 / 3, 0.3333333333, 1 / 7])
def test_a_step_that_is_no_decimal_fraction_gives_no_warning(step: float) -> None:
    spec = ParameterSpec(low=0.0, high=round(1 / step) * step, step=step)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = _distribution(spec)
    assert isinstance(drawn, FloatDistribution)
    assert drawn.high == pytest.approx(spec.high, rel=1e-12)


@quick
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=6, unique=True), st.data())
def test_choices_are_told_apart_by_value(numbers: list[int], data: st.DataObject) -> None:
    choices = [data.draw(st.sampled_from([n, float(n)])) for n in numbers]
    assert ParameterSpec(choices=tuple(choices)).size == len(numbers)
    twice = data.draw(st.sampled_from(numbers))
    with pytest.raises(ValidationError, match="choices must be distinct"):
        ParameterSpec(choices=(*choices, data.draw(st.sampled_from([twice, float(twice)]))))


def test_a_truth_is_no_number_among_choices() -> None:
    spec = ParameterSpec(choices=(True, 1, False, 0.0, "1"))
    assert spec.size == 5
    assert (spec.find(True), spec.find(1.0), spec.find("1")) == (True, 1, "1")
    assert spec.find(True) is True
