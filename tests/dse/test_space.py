"""A space lists every mistake at once, each in words: where, the rule, what was given."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from archsim.trace import BadInput
from dse import studies
from dse.samplers import distributions
from dse.space import Space, load_space, parse_space


def mistakes(tree: dict[str, Any]) -> str:
    with pytest.raises(BadInput) as caught:
        parse_space(tree, "bad.toml")
    message = str(caught.value)
    assert message.startswith("bad.toml: ")
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, "colour: unknown key"),
        ({"name": ""}, "name: String should have at least 1 character"),
        ({"base": "eyeriss"}, "base: eyeriss: no such design file, nor one of skip-65nm"),
        ({"trials": 0}, "trials: Input should be greater than or equal to 1, not 0"),
        ({"sampler": "luck"}, "sampler: Input should be 'nsga2', 'tpe' or 'random', not 'luck'"),
        ({"objectives": ["beauty", "area_mm2"]}, "objectives: must be of validation_loss, area_mm2,"),
        ({"objectives": ["area_mm2", "area_mm2"]}, "objectives: must be distinct"),
        ({"objectives": ["area_mm2"]}, "objectives: Tuple should have at least 2 items"),
        ({"constraints": {"speed": 1.0}}, "constraints: must be of validation_loss, area_mm2,"),
        ({"constraints": {"area_mm2": 0.0}}, "constraints: area_mm2 must be positive"),
        ({"models": [{"name": "gpt"}]}, "models.0.name: must be one of wp-lstm256-float,"),
        ({"models": [{"name": "wp-lstm256-float"}] * 2}, "models: names must be distinct"),
        (
            {"models": [{"name": "wp-lstm256-float", "thresholds": [0.2, 0.1]}]},
            "models.0.thresholds: must rise, between 0 and 1, not [0.2, 0.1]",
        ),
        ({"parameters": {"pe_array.tilez": {"choices": [1]}}}, "no parameter 'pe_array.tilez' in the base design"),
        ({"parameters": {"pe_array": {"choices": [1]}}}, "no parameter 'pe_array' in the base design"),
        (
            {"parameters": {"pe_array.tiles": {"choices": [1, 0]}}},
            "pe_array.tiles: Input should be greater than or equal to 1, not 0",
        ),
        ({"parameters": {"clock_mhz": {"choices": ["fast"]}}}, "clock_mhz: Input should be a valid integer"),
        ({"parameters": {"clock_mhz": {}}}, "clock_mhz: must have either choices, or low and high"),
        ({"parameters": {"clock_mhz": {"choices": [1], "low": 1}}}, "must have either choices, or low and high"),
        ({"parameters": {"clock_mhz": {"choices": [1, 1]}}}, "choices must be distinct, at least one, not [1, 1]"),
        ({"parameters": {"clock_mhz": {"low": 9, "high": 2}}}, "low must be at most high, not 9 and 2"),
        ({"parameters": {"clock_mhz": {"low": 0, "high": 2, "log": True}}}, "low must be positive and at most high"),
        ({"parameters": {"clock_mhz": {"low": 1, "high": 9, "step": 2, "log": True}}}, "must have either log or step"),
        (
            {"parameters": {"clock_mhz": {"low": 1, "high": 9, "step": 0.5}}},
            "step must be an integer where low",
        ),
        (
            {"parameters": {"clock_mhz": {"low": 1, "high": 9000}}},
            "clock_mhz: Input should be less than or equal",
        ),
        ({"parameters": {"lanes": {"choices": [8]}}}, "lanes: must be at most the 4 sequences of the scenario, not 8"),
        ({"variants": {"array": {"x": {"pe_array.colour": 1}}}}, "array.x: no parameter 'pe_array.colour'"),
        (
            {"variants": {"array": {"x": {"clock_mhz": 0}}}},
            "array.x: clock_mhz: Input should be greater",
        ),
        ({"variants": {"array": {"x": {"lanes": 2}}}}, "array: lanes is set by parameters.lanes too"),
        ({"variants": {"model": {"x": {"node_nm": 45}}}}, "model: the name is taken"),
        ({"variants": {"a": {"x": {"node_nm": 45}}, "b": {"x": {"node_nm": 28}}}}, "b: node_nm is set by a too"),
        ({"variants": {"a": {}}}, "a: must have at least one variant"),
    ],
)
def test_each_mistake_in_words(tree: dict[str, Any], change: dict[str, Any], words: str) -> None:
    assert words in mistakes(tree | change)


def test_all_mistakes_at_once(tree: dict[str, Any]) -> None:
    message = mistakes(
        tree
        | {
            "base": "eyeriss",
            "sampler": "luck",
            "objectives": ["beauty", "truth"],
            "models": [{"name": "gpt"}],
            "parameters": {"clock_mhz": {"low": 9, "high": 2}},
        }
    )
    for words in ("base: ", "sampler: ", "'beauty'", "'truth'", "models.0.name: ", "clock_mhz: "):
        assert words in message


def test_two_wrong_paths_are_both_named(tree: dict[str, Any]) -> None:
    message = mistakes(tree | {"parameters": {"a.b": {"choices": [1]}, "dram.speed": {"choices": [1]}}})
    assert "'a.b'" in message
    assert "'dram.speed'" in message


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.toml: no such study file"):
        load_space(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("name = ")
    with pytest.raises(BadInput, match=r"bad\.toml: is not a TOML file"):
        load_space(tmp_path / "bad.toml")


def test_a_base_design_beside_the_study_is_found(tmp_path: Path, space: Space, tree: dict[str, Any]) -> None:
    (tmp_path / "mine.toml").write_text(space.base_design.to_toml())
    (tmp_path / "study.toml").write_text(space.to_toml().replace('"skip-65nm"', '"mine.toml"'))
    loaded = load_space(tmp_path / "study.toml")
    assert loaded.base_design == space.base_design
    assert loaded.sha256 != parse_space(tree | {"base": "rbt-low-power-full"}, "t").sha256


def test_toml_round_trip(tmp_path: Path, space: Space) -> None:
    (tmp_path / "t.toml").write_text(space.to_toml())
    assert load_space(tmp_path / "t.toml") == space


def test_the_digest_leaves_out_the_budget_alone(tree: dict[str, Any], space: Space) -> None:
    assert parse_space(tree | {"trials": 999}, "t").sha256 == space.sha256
    assert parse_space(tree | {"seed": 999}, "t").sha256 != space.sha256


def test_a_variant_sets_several_paths(space: Space) -> None:
    picked = {"lanes": 2, "pe_array.tiles": 2, "pe_array.pes_per_tile": 8, "clock_mhz": 150, "array": "mux"}
    design = space.design(space.overrides(picked))
    assert (design.lanes, design.pe_array.pes, design.clock_mhz) == (2, 16, 150)
    assert (design.pe_array.multiplier, design.pe_array.weight_bits) == ("mux", 2)


def test_a_variant_may_leave_scopes_to_the_host(tree: dict[str, Any]) -> None:
    space = parse_space(tree | {"parameters": {}, "variants": {"host": {"out": {"host": ["readout"]}}}}, "t")
    assert space.design(space.overrides({"host": "out"})).host == ("readout",)


def test_constraints_in_words_and_numbers(tree: dict[str, Any]) -> None:
    space = parse_space(tree | {"constraints": {"latency_us_per_step": 10.0, "tokens_per_second": 100.0}}, "t")
    kept = {"latency_us_per_step": 10.0, "tokens_per_second": 100.0}
    assert space.broken(kept) == ""
    assert all(excess <= 0 for excess in space.violations(kept).values())
    broken = {"latency_us_per_step": 15.0, "tokens_per_second": 50.0}
    assert space.violations(broken) == {"latency_us_per_step": 0.5, "tokens_per_second": 0.5}
    assert space.broken(broken) == (
        "latency_us_per_step must be at most 10, not 15; tokens_per_second must be at least 100, not 50"
    )


def test_a_search_begins_with_the_base_where_the_space_holds_it(tree: dict[str, Any], space: Space) -> None:
    assert space.starts == ()  # 192 PEs are not among the tiny choices
    there = parse_space(
        tree
        | {
            "parameters": {"pe_array.tiles": {"choices": [2, 4]}, "clock_mhz": {"low": 100, "high": 300, "step": 50}},
            "scenario": {"sequences": 8},
        },
        "t",
    )
    rest = {"pe_array.tiles": 4, "clock_mhz": 200, "array": "multiplier"}
    assert there.starts == tuple({"model": model.name, **rest} for model in there.models)
    off_grid = parse_space(tree | {"parameters": {"clock_mhz": {"low": 110, "high": 300, "step": 50}}}, "t")
    assert off_grid.starts == ()


@pytest.mark.parametrize("name", studies.ALL)
def test_shipped_studies(name: str) -> None:
    space = load_space(studies.path(name))
    assert space.name == name
    assert set(distributions(space)) == {"model", *space.parameters, *space.variants}
    for start in space.starts:
        for parameter, distribution in distributions(space).items():
            assert distribution._contains(distribution.to_internal_repr(start[parameter]))


def test_the_demo_is_what_it_says() -> None:
    space = load_space(studies.path("demo"))
    assert len(space.starts) == len(space.models) == 6
    assert len(space.choices) <= 18  # each is an evaluation of a whole split
    assert space.objectives == ("validation_loss", "area_mm2", "energy_system_pj_per_token")
    assert "latency_us_per_step" in space.constraints
    tree = tomllib.loads(studies.path("demo").read_text())
    assert {"lanes", "clock_mhz", "pe_array.tiles", "weight_memory.capacity_kib"} <= set(tree["parameters"])
