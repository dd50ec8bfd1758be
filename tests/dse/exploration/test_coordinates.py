"""What Optuna keeps of a space's parameters."""

from typing import Any

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dse.exploration.coordinates import Coordinates, distributions
from dse.space.space import MODEL, parse_space


def test_parameters_become_what_optuna_keeps(tree: dict[str, Any]) -> None:
    parameters = {
        "lanes": {"choices": [1, 2]},
        "clock_mhz": {"low": 100, "high": 400, "step": 50},
        "pe_array.tiles": {"low": 1, "high": 64, "log": True},
        "dram.bandwidth_gbps": {"low": 1.5, "high": 50.0},
    }
    space = parse_space(tree | {"parameters": parameters}, "t")
    made = distributions(space)
    assert made["lanes"] == CategoricalDistribution((1, 2))
    assert made["clock_mhz"] == IntDistribution(100, 400, step=50)
    assert made["pe_array.tiles"] == IntDistribution(1, 64, log=True)
    assert made["dram.bandwidth_gbps"] == FloatDistribution(1.5, 50.0)
    assert made["array"] == CategoricalDistribution(("multiplier", "mux"))
    assert made[MODEL] == CategoricalDistribution(tuple(space.choices))


def test_samplers_see_numbers_by_rank(tree: dict[str, Any]) -> None:
    tree["parameters"] = {
        "pe_array.tiles": {"choices": [8, 1, 64]},
        "lanes": {"choices": [2, 1]},
        "clock_mhz": {"low": 200, "high": 200},
    }
    coordinates = Coordinates(parse_space(tree, "t"))
    picked: dict[str, Any] = {"pe_array.tiles": 64, "lanes": 1, "clock_mhz": 200, "array": "mux"}
    assert coordinates.encoded(picked) == picked | {"pe_array.tiles": 2}
    assert coordinates.decoded(coordinates.encoded(picked)) == picked
    assert set(coordinates.free) == {MODEL, "pe_array.tiles", "lanes", "array"}
    drawn: dict[str, Any] = {"pe_array.tiles": 0, "lanes": 2, "array": "mux"}
    assert coordinates.completed(drawn) == {"pe_array.tiles": 1, "lanes": 2, "array": "mux", "clock_mhz": 200}
