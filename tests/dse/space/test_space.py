"""A space lists every mistake at once, each in words: where, the rule, what was given."""

import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from archsim.design import load_design
from archsim.errors import BadInput
from dse import studies
from dse.exploration.coordinates import distributions
from dse.space.space import (
    ModelSpec,
    ParameterSpec,
    Scenario,
    Space,
    Value,
    load_space,
    parse_space,
)
from workloads import zoo


def mistakes(tree: dict[str, Any]) -> tuple[str, ...]:
    """The lines that say what is wrong with a tree."""
    with pytest.raises(BadInput) as caught:
        parse_space(tree, "bad.toml")
    lines = caught.value.lines
    assert all(line.startswith("bad.toml: ") and "\n" not in line for line in lines)
    return tuple(line.removeprefix("bad.toml: ") for line in lines)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": 1}, "colour: unknown key"),
        ({"name": ""}, "name: String should have at least 1 character"),
        ({"base": "eyeriss"}, "base: eyeriss: no such design file, nor one of skip-65nm"),
        ({"trials": 0}, "trials: Input should be greater than or equal to 1, not 0"),
        ({"sampler": "luck"}, "sampler: Input should be 'nsga2', "),
        ({"trials": None}, "trials: or seconds must be given, not neither"),
        ({"seconds": 0}, "seconds: Input should be greater than 0, not 0"),
        ({"objectives": ["beauty", "area_mm2"]}, "objectives.0: must be of validation_loss, area_mm2,"),
        ({"objectives": ["area_mm2", "area_mm2"]}, "objectives.1: must be named once, not 'area_mm2'"),
        ({"objectives": ["area_mm2"]}, "objectives: Tuple should have at least 2 items"),
        ({"constraints": {"speed": 1.0}}, "constraints.speed: must be of validation_loss, area_mm2,"),
        ({"constraints": {"area_mm2": 0.0}}, "constraints.area_mm2: must be a positive number, not 0.0"),
        ({"constraints": {"area_mm2": True}}, "constraints.area_mm2: must be a positive number, not True"),
        ({"constraints": {"fits_on_chip": False}}, "constraints.fits_on_chip: must be true, or left out, not False"),
        ({"models": [{"name": "gpt"}]}, "models.0.name: gpt: no such model file, nor one of wp-lstm256-float,"),
        ({"models": [{"name": "wp-lstm256-float"}] * 2}, "models.1: names must be distinct, with their bits and"),
        ({"models": [{}]}, "models.0: must have either name, or some of task, cell, weight_format,"),
        ({"models": [{"name": "wp-lstm256-float", "cell": "lstm"}]}, "layers, state_bits, not both"),
        ({"models": [{"hidden": 7}]}, "models.0: must select a model of the zoo, which has hidden: "),
        (
            {"models": [{"name": "wp-lstm256-ternary-s90", "thresholds": [0.1]}]},
            "models.0.thresholds: must be larger than the 0.2201 it was trained with, not 0.1",
        ),
        (
            {"models": [{"name": "wp-lstm256-float", "ptq": {"weights": [4, 17], "activations": 8}}]},
            "models.0.ptq.weights.1: Input should be less than or equal to 16, not 17",
        ),
        ({"scenario": {"kind": "streaming"}}, "scenario: period_us must be given where kind is streaming"),
        ({"scenario": {"period_us": 9}}, "scenario: period_us and deadline_us are of kind streaming, not batch"),
        ({"scenario": {"task": "digits"}}, "scenario.task: must be war-and-peace, as the models', not 'digits'"),
        ({"scenario": {"task": "life"}}, "scenario.task: must be one of war-and-peace, "),
        (
            {"models": [{"name": "wp-lstm256-float", "thresholds": [0.2, 0.1]}]},
            "models.0.thresholds: must rise, between 0 and 1, not [0.2, 0.1]",
        ),
        (
            {"parameters": {"pe_array.tilez": {"choices": [1]}}},
            "parameters.pe_array.tilez: must be a parameter of the base design, such as pe_array.tiles, not",
        ),
        (
            {"base": "edge-private", "parameters": {"dram.latency_ns": {"choices": [9]}}},
            "parameters.dram.latency_ns: must be a parameter of the base design, which has no [dram], not"
            " 'dram.latency_ns'",
        ),
        (
            {
                "base": "edge-resident",
                "parameters": {"weight_memory.organisation": {"choices": ["shared", "per_pe"]}},
            },
            "parameters.weight_memory.organisation: organisation per_pe: residency must be whole, not part: private",
        ),
        ({"parameters": {"pe_array": {"choices": [1]}}}, "parameters.pe_array: must be a parameter of the base design"),
        (
            {"parameters": {"pe_array.tiles": {"choices": [1, 0]}}},
            "pe_array.tiles: Input should be greater than or equal to 1, not 0",
        ),
        ({"parameters": {"clock_mhz": {"choices": ["fast"]}}}, "clock_mhz: Input should be a valid integer"),
        (
            {"parameters": {"clock_mhz": {"low": 50.0, "high": 400.0}}},
            "parameters.clock_mhz: must be an integer, without a decimal point, not 50.0",
        ),
        (
            {"parameters": {"pe_array.tiles": {"low": 1, "high": 64.0}}},
            "pe_array.tiles: must be an integer, without a decimal point, not 64.0",
        ),
        (
            {"parameters": {"clock_mhz": {"low": 1.0, "high": 400, "log": True}}},
            "clock_mhz: must be an integer, without a decimal point, not 1.0",
        ),
        (
            {"parameters": {"clock_mhz": {"choices": [True, 100]}}},
            "clock_mhz: Input should be a valid integer, not True",
        ),
        (
            {"parameters": {"clock_mhz": {"choices": [100, "200"]}}},
            "clock_mhz: Input should be a valid integer, not '200'",
        ),
        (
            {"parameters": {"clock_mhz": {"low": 50, "high": 10**400}}},
            "parameters.clock_mhz.high: must be finite, not 1000",
        ),
        ({"constraints": {"area_mm2": 10**400}}, "constraints.area_mm2: must be finite, not 1000"),
        (
            {"parameters": {"node_nm": {"low": 22, "high": 65}}},
            "parameters.node_nm: must be one of 130, 90, 65, 45, 40, 32, 28, 22, 16, 14, 10, 7, not 23",
        ),
        (
            {"parameters": {"voltage_v": {"low": 0.9, "high": 2.0}}, "variants": {}},
            "parameters.voltage_v: at 65 nm must be 0.7 to 1.21 V, not 2",
        ),
        (
            {"parameters": {"physical.sram_voltage_v": {"low": 0.5, "high": 1.0, "step": 0.1}}, "variants": {}},
            "parameters.physical.sram_voltage_v: at 65 nm must be 0.9 to 1.32 V, not 0.5",
        ),
        (
            {"parameters": {"clock_mhz": {"low": 50, "high": 420, "step": 100}}},
            "clock_mhz: high must be low and a whole number of steps, such as 350 or 450, not 420",
        ),
        (
            {"parameters": {"dram.bandwidth_gbps": {"low": 1.0, "high": 2, "step": 0.3}}},
            "bandwidth_gbps: high must be low and a whole number of steps, such as 1.9 or 2.2, not 2",
        ),
        ({"parameters": {"clock_mhz": {"choices": [1, 1.0]}}}, "choices must be distinct, at least one, not [1, 1.0]"),
        (
            {"variants": {"a": {"x": {"node_nm": 45}, "y": {"node_nm": 45}}}},
            "variants.a.y: must differ from x, which sets the same",
        ),
        ({"trials": True}, "trials: Input should be a valid integer, not True"),
        ({"seconds": "60"}, "seconds: Input should be a valid number, not '60'"),
        ({"scenario": {"sequences": True}}, "scenario.sequences: Input should be a valid integer, not True"),
        ({"scenario": {"kind": "streaming", "period_us": True}}, "period_us: Input should be a valid number, not True"),
        ({"parameters": {"clock_mhz": {}}}, "clock_mhz: must have either choices, or low and high, not neither"),
        ({"parameters": {"clock_mhz": {"choices": [1], "low": 1}}}, "low and high, not choices and low"),
        ({"parameters": {"clock_mhz": {"choices": [1, 1]}}}, "choices must be distinct, at least one, not [1, 1]"),
        ({"parameters": {"clock_mhz": {"low": 9, "high": 2}}}, "low must be at most high, not 9 and 2"),
        ({"parameters": {"clock_mhz": {"low": 0, "high": 2, "log": True}}}, "low must be positive and at most high"),
        (
            {"parameters": {"clock_mhz": {"low": 1, "high": 9, "step": 2, "log": True}}},
            "must have either log or step, not low",
        ),
        (
            {"parameters": {"clock_mhz": {"low": 1, "high": 9, "step": 0.5}}},
            "step must be an integer where low",
        ),
        (
            {"parameters": {"clock_mhz": {"low": 1, "high": 9000}}},
            "clock_mhz: Input should be less than or equal",
        ),
        ({"parameters": {"clock_mhz": {"low": "fast", "high": 9}}}, "clock_mhz.low: must be a number, not 'fast'"),
        ({"parameters": {"lanes": {"choices": [8]}}}, "lanes: must be at most the 4 sequences of the scenario, not 8"),
        ({"parameters": {}}, "scenario.sequences: must be at least the 8 lanes of the base, not 4"),
        (
            {"parameters": {"clock_mhz": {"choices": [1], "when": {"mood": 1}}}},
            "parameters.clock_mhz.when.mood: must name one of clock_mhz, array, model, not 'mood'",
        ),
        (
            {"parameters": {"clock_mhz": {"choices": [1], "when": {"array": ["mux", "abacus"]}}}},
            "parameters.clock_mhz.when.array: must be of what array can be, not 'abacus'",
        ),
        (
            {"parameters": {"clock_mhz": {"choices": [1], "when": {"clock_mhz": 1}}}},
            "parameters.clock_mhz.when.clock_mhz: must not depend on the parameter itself",
        ),
        ({"variants": {"array": {"x": {"pe_array.colour": 1}}}}, "variants.array.x.pe_array.colour: must be a par"),
        (
            {"variants": {"array": {"x": {"clock_mhz": 0}}}},
            "variants.array.x.clock_mhz: Input should be greater",
        ),
        ({"variants": {"array": {"x": {"lanes": 2}}}}, "variants.array.lanes: must be set in one place; lanes is"),
        ({"variants": {"model": {"x": {"node_nm": 45}}}}, "variants.model: must have a name of its own: the name is"),
        ({"variants": {"reason": {"x": {"node_nm": 45}}}}, "variants.reason: must have a name of its own: the name is"),
        (
            {"variants": {"a": {"x": {"node_nm": 45}}, "b": {"x": {"node_nm": 28}}}},
            "variants.b.node_nm: must be set in one place",
        ),
        ({"variants": {"a": {}}}, "variants.a: must have at least one variant, not none"),
    ],
)
def test_each_mistake_in_words(tree: dict[str, Any], change: dict[str, Any], words: str) -> None:
    assert any(words in line for line in mistakes(tree | change)), mistakes(tree | change)


def test_a_range_between_powers_of_two_is_a_mistake_unless_the_curve_is_open(
    tree: dict[str, Any], tmp_path: Path
) -> None:
    base = tmp_path / "table.toml"
    base.write_text(load_design("edge-8pe").override({"activation_unit.curve": "table"}).to_toml())
    changed = tree | {
        "base": str(base),
        "variants": {},
        "parameters": {"activation_unit.entries": {"low": 64, "high": 256}},
    }
    said = "parameters.activation_unit.entries: entries of a table must be a power of two, not 65"
    assert mistakes(changed) == (said,)
    either = {"activation_unit.curve": {"choices": ["table", "segments"]}}
    parse_space(changed | {"parameters": changed["parameters"] | either}, "good.toml")


def test_a_supply_is_bounded_only_where_node_and_process_are_known(tree: dict[str, Any]) -> None:
    wide = tree["parameters"] | {"voltage_v": {"low": 0.9, "high": 1.43}}
    said = "parameters.voltage_v: at 65 nm must be 0.7 to 1.21 V, not 1.43"
    assert mistakes(tree | {"variants": {}, "parameters": wide}) == (said,)
    nodes = {"node_nm": {"choices": [65, 130]}, "physical.flavour": {"choices": ["low-power"]}}
    parse_space(tree | {"variants": {}, "parameters": wide | nodes}, "good.toml")


def test_all_mistakes_at_once_a_line_each(tree: dict[str, Any]) -> None:
    """One in each part: no part hides another, and within a part no item another."""
    lines = mistakes(
        tree
        | {
            "base": "eyeriss",
            "sampler": "luck",
            "objectives": ["beauty", "truth"],
            "models": [{"name": "gpt"}, {"name": "wp-lstm256-ternary", "thresholds": [0]}, {"hidden": 7}],
            "parameters": {"clock_mhz": {"low": 9, "high": 2}, "lanes": {"choices": [9]}},
        }
    )
    paths = [line.split(": ")[0] for line in lines]
    assert sorted(paths) == [
        "base", "models.0.name", "models.1.thresholds", "models.2", "objectives.0", "objectives.1",
        "parameters.clock_mhz", "parameters.lanes", "sampler",
    ]  # fmt: skip


def test_a_wrong_parameter_does_not_hide_the_paths_of_the_others(tree: dict[str, Any]) -> None:
    given = {"a.b": {"choices": [1]}, "clock_mhz": {"low": 9, "high": 2}, "dram.speed": {"choices": [1]}}
    lines = mistakes(tree | {"parameters": given | {"lanes": {"choices": [4]}}})
    assert sorted(line.split(": ")[0] for line in lines) == [
        "parameters.a.b", "parameters.clock_mhz", "parameters.dram.speed"
    ]  # fmt: skip


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
    picked: dict[str, Any] = {"lanes": 2, "clock_mhz": 150, "array": "mux"}
    picked |= {"pe_array.tiles": 2, "pe_array.pes_per_tile": 8}
    design = space.design(space.overrides(picked))
    assert (design.lanes, design.pe_array.pes, design.clock_mhz) == (2, 16, 150)
    assert (design.pe_array.multiplier, design.pe_array.weight_bits) == ("mux", 2)


def test_a_variant_may_leave_scopes_to_the_host(tree: dict[str, Any]) -> None:
    space = parse_space(
        tree | {"parameters": {"lanes": {"choices": [4]}}, "variants": {"host": {"out": {"host": ["readout"]}}}}, "t"
    )
    assert space.design(space.overrides({"host": "out", "lanes": 4})).host == ("readout",)


def test_constraints_in_words_and_numbers(tree: dict[str, Any]) -> None:
    space = parse_space(tree | {"constraints": {"latency_us_per_step": 10.0, "tokens_per_second": 100.0}}, "t")
    kept = {"latency_us_per_step": 10.0, "tokens_per_second": 100.0, "clock_reachable": 0.0}
    assert space.broken(kept) == ""
    assert all(excess <= 0 for excess in space.violations(kept).values())
    broken = {"latency_us_per_step": 15.0, "tokens_per_second": 50.0, "clock_reachable": -0.5}
    excesses = {"latency_us_per_step": 0.5, "tokens_per_second": 0.5, "clock_reachable": -0.5}
    assert space.violations(broken) == excesses
    assert space.broken(broken) == (
        "latency_us_per_step must be at most 10, not 15; tokens_per_second must be at least 100, not 50"
    )


def test_facts_are_kept_or_broken(tree: dict[str, Any]) -> None:
    space = parse_space(tree | {"constraints": {"fits_on_chip": True, "area_mm2": 2}}, "t")
    met = {"clock_reachable": 0.0}
    assert space.broken({"fits_on_chip": 0.0, "area_mm2": 2.0, **met}) == ""
    excesses = space.violations({"fits_on_chip": 0.25, "area_mm2": 1.0, **met})
    assert excesses == {"fits_on_chip": 0.25, "area_mm2": -0.5, **met}
    assert space.broken({"fits_on_chip": 0.25, "area_mm2": 1.0, **met}) == "fits_on_chip must be true, not false"
    assert space.bounds_in_words == ("clock_reachable true", "fits_on_chip true", "area_mm2 at most 2")


@pytest.mark.parametrize("scenario", [{}, {"kind": "streaming", "period_us": 10.0}])
def test_every_search_demands_a_clock_that_circuits_reach(tree: dict[str, Any], scenario: dict[str, Any]) -> None:
    scenario = tree["scenario"] | scenario
    space = parse_space(tree | {"scenario": scenario, "constraints": {}}, "t")
    assert space.demanded["clock_reachable"] is True
    assert space.violations({"clock_reachable": 0.25, "meets_deadline": 0.0})["clock_reachable"] == 0.25
    waived = parse_space(tree | {"scenario": scenario, "constraints": {"clock_reachable": False}}, "t")
    assert "clock_reachable" not in waived.demanded
    assert "clock_reachable waived" in waived.bounds_in_words
    assert waived.broken({"clock_reachable": 0.25, "meets_deadline": 0.0}) == ""
    assert parse_space(tomllib.loads(waived.to_toml()), "t") == waived
    assert waived.sha256 != space.sha256


def test_only_a_constraint_that_may_be_waived_is_false(tree: dict[str, Any]) -> None:
    for name, given, rule in (
        ("clock_reachable", 1, "must be true or false, not 1"),
        ("clock_met", False, "must be true, or left out, not False"),
        ("meets_deadline", False, "must be left out of kind batch"),
    ):
        with pytest.raises(BadInput, match=f"constraints.{name}: {rule}"):
            parse_space(tree | {"constraints": {name: given}}, "t")


def conditional(tree: dict[str, Any]) -> Space:
    """Two conditions on a group, one on a parameter that itself depends on the group, and one on the model."""
    label = "wp-lstm256-ternary@0.25"
    return parse_space(
        tree
        | {
            "parameters": {
                "lanes": {"choices": [1, 2]},
                "clock_mhz": {"low": 100, "high": 400, "step": 100},
                "pe_array.tiles": {"choices": [2, 4], "when": {"model": label}},
                "dram.bandwidth_gbps": {"low": 1.0, "high": 4.0, "step": 1.0, "when": {"array": "mux"}},
                "dram.latency_ns": {
                    "choices": [50, 100, 200],
                    "when": {"dram.bandwidth_gbps": [1.0, 2.0], "lanes": 2},
                },
            },
        },
        "t",
    )


def test_a_condition_that_fails_leaves_the_base_as_it_is(tree: dict[str, Any]) -> None:
    space = conditional(tree)
    picked: dict[str, Value] = {
        "model": "wp-lstm256-ternary", "lanes": 2, "clock_mhz": 100, "pe_array.tiles": 2, "array": "multiplier",
        "dram.bandwidth_gbps": 2.0, "dram.latency_ns": 200,
    }  # fmt: skip
    assert space.inactive(picked) == {"pe_array.tiles", "dram.bandwidth_gbps", "dram.latency_ns"}
    assert space.inactive(picked | {"array": "mux"}) == {"pe_array.tiles"}
    assert space.inactive(picked | {"array": "mux", "lanes": 1}) == {"pe_array.tiles", "dram.latency_ns"}
    base = space.base_design
    design = space.design(space.overrides(picked))
    assert (design.dram, design.pe_array.tiles, design.lanes) == (base.dram, base.pe_array.tiles, 2)
    assert space.design(space.overrides(picked | {"array": "mux"})).dram.latency_ns == 200
    assert space.canonical(picked) == picked | {"dram.bandwidth_gbps": 1.0, "dram.latency_ns": 50}


def test_a_condition_on_a_number_does_not_hang_on_its_last_bit(tree: dict[str, Any]) -> None:
    """0.7 + 0.1 is 0.7999999999999999."""
    tree["parameters"]["voltage_v"] = {"low": 0.7, "high": 0.9, "step": 0.1}
    tree["parameters"]["dram.latency_ns"] = {"choices": [50, 100], "when": {"voltage_v": [0.8, 0.9]}}
    space = parse_space(tree, "t")
    drawn = space.parameters["voltage_v"].values
    assert drawn[1] != 0.8
    assert ["dram.latency_ns" in space.inactive({"voltage_v": v}) for v in drawn] == [True, False, False]


def test_a_start_is_made_of_the_choices_as_they_are_written(tree: dict[str, Any]) -> None:
    """The base has 100.0 ns; a whole number is a number too, a truth is none."""
    tree["parameters"] = {"dram.latency_ns": {"choices": [1, 100]}, "clock_mhz": {"choices": [200, 300]}}
    space = parse_space(tree | {"scenario": {"sequences": 8}}, "t")
    assert len(space.starts) == len(space.models)
    assert all(type(start["dram.latency_ns"]) is int for start in space.starts)
    assert not space.parameters["dram.latency_ns"].holds(True)


def test_a_range_of_a_parameter_that_the_base_leaves_out(tree: dict[str, Any]) -> None:
    """A base without `voltage_v` or a physical section is no start of a search over them."""
    for path, span in (("voltage_v", {"low": 0.7, "high": 0.9}), ("physical.utilisation", {"low": 0.5, "high": 0.9})):
        space = parse_space(tree | {"parameters": {path: span}, "scenario": {"sequences": 8}}, "t")
        assert space.starts == ()


def test_the_size_is_the_number_of_distinct_points(tree: dict[str, Any]) -> None:
    """Against every combination, put into its canonical form."""
    space = conditional(tree)
    values = {
        "model": tuple(space.choices),
        **{path: parameter.values for path, parameter in space.parameters.items()},
        "array": ("multiplier", "mux"),
    }
    drawn = [dict(zip(values, each, strict=True)) for each in product(*values.values())]
    points = {tuple(sorted(space.canonical(picked).items())) for picked in drawn}
    assert space.size == len(points) < len(drawn)
    for picked in drawn[::97]:
        assert space.overrides(picked) == space.overrides(space.canonical(picked))
        assert space.canonical(space.canonical(picked)) == space.canonical(picked)
    log = {"choices": [1]}, {"low": 1, "high": 9, "log": True}, {"low": 1.0, "high": 9.0}
    sizes = [parse_space(tree | {"parameters": {"lanes": {"choices": [1]}, "clock_mhz": c}}, "t").size for c in log[:2]]
    assert sizes == [12, 108]
    bandwidth = {"lanes": {"choices": [1]}, "dram.bandwidth_gbps": log[2]}
    assert parse_space(tree | {"parameters": bandwidth}, "t").size is None


def test_models_by_what_they_are(tree: dict[str, Any]) -> None:
    """Against the configs in the files."""
    entry = {"weight_format": ["ternary", "binary"], "hidden": 256, "thresholds": [0.1, 0.25]}
    space = parse_space(tree | {"models": [entry]}, "t")
    expected = set()
    for name in zoo.ALL:
        layer = zoo.load_model(name).config.layers[0]
        if layer.weight_format in ("ternary", "binary") and layer.hidden == 256:
            expected |= {name, *(f"{name}@{t:g}" for t in (0.1, 0.25) if t > layer.threshold)}
    assert set(space.choices) == expected
    assert len(expected) > 6
    assert space.task.name == "war-and-peace"


def test_models_after_quantization(tree: dict[str, Any]) -> None:
    ptq = {"weights": [4, 6], "activations": 8, "cell": [10, 12]}
    entry = {"name": "wp-lstm256-float", "ptq": ptq, "thresholds": [0.1]}
    space = parse_space(tree | {"models": [{"name": "wp-lstm256-float"}, entry]}, "t")
    assert list(space.choices) == [
        "wp-lstm256-float",
        *(f"wp-lstm256-float-w{w}a8c{c}{t}" for w in (4, 6) for c in (10, 12) for t in ("", "@0.1")),
    ]
    assert [choice.label for choice in space.as_trained] == ["wp-lstm256-float", "wp-lstm256-float-w6a8c12"]


def test_models_of_two_tasks_are_not_compared(tree: dict[str, Any], digits_file: Path) -> None:
    models = [{"name": "wp-lstm256-ternary"}, {"name": str(digits_file)}]
    assert mistakes(tree | {"models": models}) == (
        f"models: must be of one task, not wp-lstm256-ternary of war-and-peace, {digits_file} of digits",
    )
    alone = parse_space(tree | {"models": models[1:], "scenario": {"task": "digits", "sequences": 4}}, "t")
    assert alone.goals[0].axis == "Validation error (%)"


def test_in_python_as_in_a_file(space: Space, tree: dict[str, Any]) -> None:
    built = Space(
        name="tiny",
        base="skip-65nm",
        scenario=Scenario(scope="recurrent", sequences=4, steps=6),
        models=tuple(ModelSpec(name=model["name"], thresholds=(0.25,)) for model in tree["models"]),
        objectives=("validation_loss", "area_mm2", "energy_system_pj_per_token"),
        constraints={"latency_us_per_step": 0.8},
        trials=30,
        population=8,
        seed=3,
        parameters={
            "lanes": ParameterSpec(choices=(1, 2, 3, 4)),
            "pe_array.tiles": ParameterSpec(choices=(1, 2, 4)),
            "pe_array.pes_per_tile": ParameterSpec(low=4, high=16, step=4),
            "clock_mhz": ParameterSpec(low=100, high=400, log=True),
        },
        variants=tree["variants"],
    )
    assert built == space
    with pytest.raises(ValidationError, match=r"(?s)2 validation errors .*name.*objectives\.1"):
        Space(name="", base="edge-8pe", models=built.models, objectives=("area_mm2", "beauty"), trials=1)


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
    off_grid = parse_space(
        tree | {"parameters": {"clock_mhz": {"low": 110, "high": 310, "step": 50}}, "scenario": {"sequences": 8}}, "t"
    )
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
    assert len(space.starts) == len(space.models) == 10
    arrays = {start["model"]: start["array"] for start in space.starts}
    assert arrays.pop("wp-lstm512-exponential5") == "shifter"  # which the base's PEs cannot multiply
    assert set(arrays.values()) == {"multiplier-8bit"}
    assert len(space.choices) <= 18  # each is an evaluation of a whole split
    assert space.objectives == ("validation_loss", "area_mm2", "energy_system_pj_per_token")
    assert "latency_us_per_step" in space.constraints
    tree = tomllib.loads(studies.path("demo").read_text())
    assert {"lanes", "clock_mhz", "pe_array.tiles", "weight_memory.capacity_kib"} <= set(tree["parameters"])


def test_a_path_may_be_set_by_a_variant_where_its_parameter_is_out_of_force(tree: dict[str, Any]) -> None:
    sram = {"choices": [64, 128], "when": {"weights": "on-chip"}}
    variants = {
        "weights": {"on-chip": {"weight_memory.residency": "part"}, "streamed": {"weight_memory.capacity_kib": 0}}
    }
    parameters = {"lanes": {"choices": [4]}, "weight_memory.capacity_kib": sram}
    space = parse_space(tree | {"parameters": parameters, "variants": variants}, "t")
    picked: dict[str, Value] = {"model": "wp-lstm256-ternary", "lanes": 4, "weight_memory.capacity_kib": 128}
    assert space.overrides(picked | {"weights": "on-chip"})["weight_memory.capacity_kib"] == 128
    assert space.overrides(picked | {"weights": "streamed"})["weight_memory.capacity_kib"] == 0
    both = parameters | {"weight_memory.capacity_kib": sram | {"when": {"weights": ["on-chip", "streamed"]}}}
    lines = mistakes(tree | {"parameters": both, "variants": variants})
    assert lines == (
        "variants.weights.weight_memory.capacity_kib: must be set in one place; weight_memory.capacity_kib is set by "
        "parameters.weight_memory.capacity_kib too",
    )
