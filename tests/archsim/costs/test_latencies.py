"""The cycles that the clock makes of what the tables say."""

import math

import pytest

from archsim.costs import banks
from archsim.costs.latencies import latencies
from archsim.design import load_design

RESIDENT = load_design("edge-resident")


@pytest.mark.parametrize("clock_mhz", [50, 200, 800, 1600])
@pytest.mark.parametrize("capacity_kib", [1, 256, 16384])
def test_a_weight_is_as_many_cycles_away_as_its_memory_takes(clock_mhz: int, capacity_kib: int) -> None:
    """The cycles of the access, and one for the register behind it."""
    design = RESIDENT.override({"clock_mhz": clock_mhz, "weight_memory.capacity_kib": capacity_kib})
    found, access_ns = latencies(design).sram_cycles, banks(design).access_ns
    assert found == 1 + math.ceil(access_ns * clock_mhz / 1000)
    assert (found - 2) * 1000 / clock_mhz < access_ns <= (found - 1) * 1000 / clock_mhz


def test_a_larger_memory_is_not_nearer() -> None:
    several = [RESIDENT.override({"clock_mhz": 1000, "weight_memory.capacity_kib": 4**k}) for k in range(9)]
    cycles = [latencies(design).sram_cycles for design in several]
    assert cycles == sorted(cycles)
    assert cycles[0] == 2 < cycles[-1]


def test_what_a_design_states_holds() -> None:
    assert latencies(RESIDENT.override({"weight_memory.latency_cycles": 7})).sram_cycles == 7
    assert latencies(load_design("skip-65nm")).sram_cycles == 1  # it has no weight memory
