"""The stages of the encoder's scan: what the clock requires, or more where the design states more."""

from itertools import pairwise

import pytest

from archsim.costs.blocks.skip_encoder import logic_of
from archsim.costs.latencies import latencies
from archsim.design import load_design
from archsim.simulation import simulate
from tests.archsim.small_traces import trace_of

EDGE = load_design("edge-resident")
STATED = [EDGE.override({"skip_encoder.stages": n}) for n in (1, 2, 3, 4)]


def test_it_has_the_stages_that_it_states_but_no_fewer_than_the_clock_requires() -> None:
    assert [latencies(design).encoder_stages for design in STATED] == [1, 2, 3, 4]
    fast = EDGE.override({"clock_mhz": 2000, "skip_encoder.columns_per_cycle": 64})
    required = latencies(fast).encoder_stages
    assert required > 1
    assert latencies(fast.override({"skip_encoder.stages": required - 1})).encoder_stages == required
    off = STATED[3].override({"skip_encoder.enabled": False})
    assert latencies(off).encoder_stages == 1


def test_each_stage_is_a_rank_of_registers_and_a_cycle() -> None:
    areas = [logic_of(design).area_um2 for design in STATED]
    ranks = [after - before for before, after in pairwise(areas)]
    assert ranks[0] > 0
    assert ranks == pytest.approx([ranks[0]] * 3)
    cycles = [simulate(design, trace_of("lstm-sparse", "fixed8", 1), steps=1).cycles for design in STATED]
    assert [after - before for before, after in pairwise(cycles)] == [1, 1, 1]
