"""What skipping gains is counted against dense runs of the same chip, real networks apart from drawn zeros."""

import json

import pytest

from archsim.analysis.skip_gain import gain, network_runs
from archsim.design import load_design
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

SKIP = load_design("skip-65nm")


@pytest.fixture(scope="module")
def sparse() -> Trace:
    return synthesize(256, 50, 0.1, correlation=0.9, sequences=8, steps=5)


def test_gains_are_those_of_two_runs(sparse: Trace) -> None:
    found, one = gain(sparse), gain(sparse, 1)
    run = simulate(SKIP, sparse, "burst", scope="recurrent")
    dense = simulate(SKIP.override({"skip_encoder.enabled": False}), sparse, "burst", scope="recurrent")
    assert found.speed_same_lanes == pytest.approx(dense.cycles / run.cycles)
    assert found.energy_chip == pytest.approx(dense.energy.total_chip / run.energy.total_chip)
    assert found.energy_system == pytest.approx(dense.energy.total_system / run.energy.total_system)
    assert found.speed_best_dense == found.speed_same_lanes  # it has all lanes itself
    assert one.speed_same_lanes > found.speed_same_lanes > 2  # eight lanes have fewer zeros in common
    assert one.speed_best_dense < one.speed_same_lanes / 5  # the best dense run has eight lanes, it has one


def test_every_run_says_what_it_ran(sparse: Trace) -> None:
    together, alone = network_runs("sparse", sparse)
    assert (together.source, together.lanes, alone.lanes) == ("synthetic", 8, 1)
    few = network_runs("few", synthesize(256, 50, 0.5, sequences=2, steps=5))
    assert [run.lanes for run in few] == [2, 1]
    assert json.loads(json.dumps(alone.to_json()))["gain"]["skipped"] == pytest.approx(0.87, abs=0.05)


def test_what_cannot_run_says_why() -> None:
    wide = synthesize(64, 20, 0.5, sequences=8, steps=2, weight_format="fixed12")
    for run in network_runs("wide", wide):
        assert run.gain is None
        assert "fixed12 weights take 12 bits, a PE takes 8" in run.note
