"""A function gathered over many designs gives what it gives for each of them, with few calls."""

import gc
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest

from archsim import designs
from archsim.columns.designs import Designs
from archsim.columns.gather import Gatherer, gathered
from archsim.columns.reading import per_design
from archsim.design import Design, Value, load_design
from archsim.errors import BadInput
from tests.archsim.columns.drawn import settings
from tests.archsim.columns.test_designs import Cooled, Cooler

SKIP = load_design("skip-65nm")
GRID: dict[str, tuple[Value, ...]] = {
    "clock_mhz": (100, 200, 300),
    "lanes": (1, 2, 4),
    "pe_array.tiles": (1, 2, 4),
    "pe_array.pes_per_tile": (8, 16, 32),
    "skip_encoder.enabled": (True, False),
}


def by_properties(design: Design) -> list[float]:
    shape = design.shape
    return [shape.rows, shape.block_sums, shape.pes_for(2), design.pe_array.pes, design.weight_word_bits]


def by_branch(design: Design) -> list[float]:
    if design.skip_encoder.enabled:
        return [design.skip_encoder.reach, design.clock_mhz]
    return [design.pe_array.pes, 0]


def by_channel(design: Design) -> list[float]:
    channel = design.channel
    return [channel.channel_cycles(1000, design.clock_mhz), channel.latency_cycles(design.clock_mhz)]


def by_memory(design: Design) -> list[float]:
    if design.weight_memory.private:
        return [design.words_of_a_memory, design.weight_memories]
    return [design.weight_memory.fifo_cycles(3), design.bus_word_bits]


def by_digest(design: Design) -> list[float]:
    return [int(design.sha256[:8], 16), len(design.name)]


def by_hash(design: Design) -> list[float]:
    return [hash(design) % 1000, len(design.model_dump()["pe_array"])]


def by_field(design: Design) -> list[float]:
    return [getattr(design.pe_array, name) for name, _ in design.pe_array if name.startswith("acc")]


def by_type(design: Design) -> list[float]:
    """The type of a reading is not that of a design."""
    return [len(type(design.pe_array).model_fields), design.lanes]


@lru_cache(maxsize=64)
def by_own_cache(design: Design) -> list[float]:
    return [design.lanes * design.clock_mhz, 1]


FUNCTIONS = (by_properties, by_branch, by_channel, by_memory, by_digest, by_hash, by_field, by_type, by_own_cache)


@pytest.mark.parametrize("name", designs.ALL)
def test_gathered_is_what_the_function_gives_for_each_design(name: str) -> None:
    base, rng = load_design(name), np.random.default_rng(len(name))
    found = Designs.of_settings(base, settings(base, rng, 60, most=4))
    for function in FUNCTIONS:
        expected = [_given(function, found, n) for n in range(len(found))]
        width = next((len(each) for each in expected if not isinstance(each, str)), 1)
        numbers = gathered(found, function, width)
        assert [numbers.reasons.of(n) for n in range(len(found))] == [
            e if isinstance(e, str) else None for e in expected
        ]
        none = [np.nan] * width
        np.testing.assert_array_equal(numbers.values, [none if isinstance(each, str) else each for each in expected])


def _given(function: Callable[[Design], Sequence[float]], found: Designs, n: int) -> Sequence[float] | str:
    try:
        return function(found.design(n))
    except BadInput as error:
        return str(error)


class TestCalls:
    """How often a function is called is how often it reads something else, whatever else there is."""

    def test_only_what_is_read_counts(self) -> None:
        gather = Gatherer(lambda design: [design.clock_mhz, design.lanes], 2)
        found = Designs.of_grid(SKIP, GRID)
        assert gather(found).values[:, 0].tolist() == [found.settings(n)["clock_mhz"] for n in range(len(found))]
        assert (len(found), gather.calls) == (162, 9)

    def test_reads_by_branch_are_those_of_the_branch(self) -> None:
        gather = Gatherer(by_branch, 2)
        gather(Designs.of_grid(SKIP, GRID))
        assert gather.calls == 3 + 5  # clocks where enabled; otherwise PEs: 8, 16, 32, 64, 128

    def test_a_property_counts_by_its_value(self) -> None:
        gather = Gatherer(lambda design: [design.shape.rows], 1)
        numbers = gather(Designs.of_grid(SKIP, GRID))
        assert sorted(set(numbers.values.ravel())) == [2, 4, 8, 16, 32, 64, 128]
        assert gather.calls == 7

    def test_later_designs_share_the_readings_of_earlier_ones(self) -> None:
        gather = Gatherer(by_properties, 5)
        gather(Designs.of_grid(SKIP, GRID, 0, 81))
        before = gather.calls
        first = gather(Designs.of_settings(SKIP, [{"clock_mhz": 77, "lanes": 2}, {"lanes": 4, "name": "other"}]))
        assert gather.calls <= before + 2
        again = gather(Designs.of_settings(SKIP, [{"lanes": 4, "clock_mhz": 13}, {"lanes": 2}]))
        assert gather.calls <= before + 2
        np.testing.assert_array_equal(again.values, first.values[::-1])

    def test_bases_do_not_share_what_they_do_not_have_in_common(self) -> None:
        gather = Gatherer(lambda design: [design.clock_mhz if design.dram else -1, design.lanes], 2)
        for name in ("skip-65nm", "edge-private", "skip-65nm"):
            base = load_design(name)
            assert gather(Designs.of_settings(base, [{}])).values.tolist() == [
                [base.clock_mhz if base.dram else -1, base.lanes]
            ]
        assert gather.calls == 2

    def test_a_design_of_ones_own_is_read_with_its_own_parameters(self) -> None:
        base = Cooled.model_validate({**SKIP.model_dump(mode="json"), "clock_mhz": 100})
        gather = Gatherer(lambda design: [design.cooler.fans, isinstance(design.cooler, Cooler)], 2)  # type: ignore[attr-defined]
        found = gather(Designs.of_grid(base, {"clock_mhz": (50, 150), "cooler.fans": (1, 2), "lanes": (1, 2)}))
        assert found.values[:, 0].tolist()[:4] == [1, 1, 2, 2]
        assert np.isnan(found.values[4:6]).all()
        assert (found.values[[0, 7], 1] == 1).all()
        assert gather.calls == 2


class TestCaches:
    def test_no_cache_has_a_reading_as_its_key(self) -> None:
        by_own_cache.cache_clear()
        found = Designs.of_grid(SKIP, GRID)
        gathered(found, by_own_cache, 2)
        for n in range(0, len(found), 40):
            assert by_own_cache(found.design(n)) == [found.design(n).lanes * found.design(n).clock_mhz, 1]

    def test_a_function_with_per_design_counts_by_its_value_and_caches_designs(self) -> None:
        calls: list[int] = []

        @per_design
        def halves(design: Design, of: int = 1) -> int:
            calls.append(design.clock_mhz)
            return of * (design.clock_mhz // 200)

        gather = Gatherer(lambda design: [halves(design), halves(design, of=2), design.lanes], 3)
        numbers = gather(Designs.of_grid(SKIP, GRID))
        assert (numbers.values[:, 1] == 2 * numbers.values[:, 0]).all()
        assert (gather.calls, len(calls)) == (2 * 3, 2 * 3)
        assert halves(SKIP) == halves(SKIP) == SKIP.clock_mhz // 200
        assert len(calls) == 7

    def test_designs_are_forgotten_with_what_was_gathered(self) -> None:
        """What functions remember holds values, not the columns of the designs that they were read of."""
        gather = Gatherer(by_channel, 2)
        found = Designs.of_grid(load_design("edge-private"), {"clock_mhz": (10, 20)})
        columns = weakref.ref(found.columns)
        assert "has no [dram]" in str(gather(found).reasons.messages)
        del found
        gc.collect()
        assert columns() is None

    def test_what_keeps_a_reading_depends_on_the_whole_design(self) -> None:
        @per_design
        def holder(design: Design) -> Holder:
            return Holder(design)

        found = Designs.of_grid(SKIP, {"lanes": (1, 2), "clock_mhz": (100, 200)})
        gather = Gatherer(lambda design: [holder(design).design.lanes], 1)
        assert gather(found).values.ravel().tolist() == [1, 1, 2, 2]
        assert gather.calls == 4


@dataclass(frozen=True, eq=False)
class Holder:
    design: Design


class TestIntegers:
    def test_are_exact(self) -> None:
        numbers = gathered(Designs.of_grid(SKIP, GRID), lambda design: [2**62 + design.lanes], 1, np.int64)
        assert sorted(set(numbers.values.ravel().tolist())) == [2**62 + 1, 2**62 + 2, 2**62 + 4]

    def test_too_large_ones_are_refused(self) -> None:
        with pytest.raises(OverflowError):
            gathered(Designs.of_grid(SKIP, GRID), lambda design: [2**63 * design.lanes], 1, np.int64)

    def test_floats_are_refused(self) -> None:
        with pytest.raises(TypeError, match="the function must give integers"):
            gathered(Designs.of_grid(SKIP, GRID), lambda design: [1.5], 1, np.int64)


def test_any_other_exception_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        gathered(Designs.of_grid(SKIP, GRID), lambda design: [1 / (design.lanes - 2)], 1)


def test_a_function_that_depends_on_more_than_the_design_is_found_out() -> None:
    turns: list[int] = []

    def fickle(design: Design) -> list[float]:
        turns.append(1)
        return [design.lanes if len(turns) % 2 else design.clock_mhz, design.pe_array.tiles]

    with pytest.raises(RuntimeError, match="only sometimes"):
        gathered(Designs.of_grid(SKIP, GRID), fickle, 2)
