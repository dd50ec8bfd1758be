"""Designs as columns: each is what override makes of its settings, and is refused in the same words."""

from typing import Annotated, Self

import numpy as np
import pytest
from pydantic import model_validator

from archsim import designs
from archsim.columns.designs import FINE, NOT_SET, Designs, digits
from archsim.design import Design, Value, load_design, parameters
from archsim.errors import BadInput
from archsim.specs.base import LATER, Spec
from tests.archsim.columns.drawn import POOL, settings


def refusal(base: Design, given: dict[str, Value]) -> str | None:
    try:
        base.override(given)
    except BadInput as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", designs.ALL)
def test_designs_are_refused_in_the_words_of_override(name: str) -> None:
    base, rng = load_design(name), np.random.default_rng(len(name))
    drawn = settings(base, rng, 60) + settings(base, rng, 30, most=3)
    found = Designs.of_settings(base, drawn)
    expected = [refusal(base, each) for each in drawn]
    assert [found.problems.of(n) for n in range(len(drawn))] == expected
    assert found.valid.tolist() == [n for n, reason in enumerate(expected) if reason is None]
    for n in found.valid[:10]:
        assert found.design(n) == base.override(drawn[n])


def test_several_broken_rules_are_all_named() -> None:
    base = load_design("edge-8pe")
    given: dict[str, Value] = {"clock_mhz": 0, "lanes": True, "pe_array.tiles": 0.5, "dram.arbitration": "tdm"}
    found = Designs.of_settings(base, [given, {}])
    assert found.problems.of(0) == refusal(base, given)
    assert found.problems.of(0).count(";") == 3
    assert found.problems.of(1) is None


def test_a_value_is_known_by_its_type_and_sign() -> None:
    base = load_design("skip-65nm")
    drawn: list[dict[str, Value]] = [{"lanes": 1}, {"lanes": 1.0}, {"lanes": True}, {"lanes": np.int64(1)}]  # type: ignore[dict-item]
    found = Designs.of_settings(base, drawn)
    assert found.values == ((1, 1.0, True),)
    assert found.codes[:, 0].tolist() == [0, 1, 2, 0]
    assert (found.problems.codes == FINE).tolist() == [True, False, False, True]


def test_the_last_path_of_a_grid_changes_first() -> None:
    base = load_design("skip-65nm")
    axes: dict[str, tuple[Value, ...]] = {"clock_mhz": (100, 200, 300), "lanes": (1, 5), "pe_array.tiles": (1, 2)}
    whole = Designs.of_grid(base, axes)
    expected = [
        {"clock_mhz": clock, "lanes": lanes, "pe_array.tiles": tiles}
        for clock in (100, 200, 300)
        for lanes in (1, 5)
        for tiles in (1, 2)
    ]
    assert [whole.settings(n) for n in range(len(whole))] == expected
    part = Designs.of_grid(base, axes, 5, 9)
    assert [part.settings(n) for n in range(len(part))] == expected[5:9]
    assert len(Designs.of_grid(base, axes, 12)) == 0
    with pytest.raises(ValueError, match=r"must lie within 0 to 12, not 0 to 13"):
        Designs.of_grid(base, axes, 0, 13)


def test_an_axis_may_set_several_paths_or_none() -> None:
    """As variants of a space do, and parameters that are in force on a condition."""
    base = load_design("skip-65nm")
    kinds, skips, windows = digits([2, 2, 3]).T
    codes = np.stack([kinds, kinds, skips, np.where(skips == 0, windows, NOT_SET)], axis=1)
    paths = ("pe_array.multiplier", "pe_array.weight_bits", "skip_encoder.enabled", "skip_encoder.columns_per_cycle")
    found = Designs(base, paths, (("fixed", "mux"), (8, 2), (True, False), (1, 2, 4)), codes)
    expected: list[dict[str, Value]] = [
        {
            "pe_array.multiplier": kind,
            "pe_array.weight_bits": bits,
            "skip_encoder.enabled": on,
            **({"skip_encoder.columns_per_cycle": window} if on else {}),
        }
        for kind, bits in (("fixed", 8), ("mux", 2))
        for on in (True, False)
        for window in (1, 2, 4)
    ]
    assert [found.settings(n) for n in range(len(found))] == expected


def test_paths_and_codes_are_checked() -> None:
    base = load_design("skip-65nm")
    with pytest.raises(BadInput, match=r"design skip-65nm: no parameter 'clock'; choose from clock_mhz"):
        Designs.of_settings(base, [{"clock": 3}])
    with pytest.raises(ValueError, match="a code must be that of a value"):
        Designs(base, ("lanes",), ((1, 2),), np.array([[2]], np.int32))
    with pytest.raises(ValueError, match="a path must be given once"):
        Designs(base, ("lanes", "lanes"), ((1,), (2,)), np.array([[0, 0]], np.int32))
    with pytest.raises(ValueError, match=r"codes must be \(N, 1\), not \(1, 2\)"):
        Designs(base, ("lanes",), ((1, 2),), np.array([[0, 1]], np.int32))


def test_what_is_not_set_is_the_bases() -> None:
    base = load_design("skip-65nm")
    found = Designs(base, ("lanes",), ((1, 2),), np.array([[NOT_SET], [1]], np.int32))
    assert found.design(0) == base
    assert found.design(1).lanes == 2


class Cooler(Spec):
    """A component that no shipped design has."""

    fans: int = 1


class Cooled(Design):
    """A design of one's own, with a rule between its parts."""

    cooler: Annotated[Cooler, LATER] = Cooler()

    @model_validator(mode="after")
    def _fans_for_the_clock(self) -> Self:
        if self.clock_mhz > 100 * self.cooler.fans:
            raise ValueError(f"{self.cooler.fans} fans are too few")
        return self


def test_a_design_of_ones_own_keeps_its_own_rules() -> None:
    base = Cooled.model_validate({**load_design("skip-65nm").model_dump(mode="json"), "clock_mhz": 100})
    axes: dict[str, tuple[Value, ...]] = {"clock_mhz": (50, 150, 250), "cooler.fans": (1, 2), "lanes": (1, 5, 0)}
    found = Designs.of_grid(base, axes)
    assert [found.problems.of(n) for n in range(18)] == [refusal(base, found.settings(n)) for n in range(18)]
    assert "design skip-65nm: 1 fans are too few" in found.problems.messages


def test_every_parameter_is_drawn() -> None:
    """Otherwise a new one would go untested; its title is not read."""
    known = {path for name in designs.ALL for path in parameters(load_design(name))}
    assert known - POOL.keys() == {"title"}
