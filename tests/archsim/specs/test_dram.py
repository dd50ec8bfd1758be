"""The rate of the DRAM channel, worked out by hand and access by access."""

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.specs.dram import DramSpec


@pytest.mark.parametrize(
    ("bits", "cycles"),
    [(0, 0), (1, 1), (256, 1), (257, 2), (2560, 10)],
)
def test_the_channel_takes_whole_cycles(bits: int, cycles: int) -> None:
    dram = DramSpec(bandwidth_gbps=51.2, latency_ns=100)  # 256 bits a cycle at 200 MHz
    assert dram.channel_cycles(bits, 200) == cycles
    assert dram.latency_cycles(200) == 20


def test_the_channel_takes_whole_accesses() -> None:
    dram = DramSpec(bandwidth_gbps=51.2, latency_ns=100, burst_bits=512)
    assert [dram.channel_cycles(bits, 200) for bits in (1, 512, 513)] == [2, 2, 4]
    assert dram.transferred_bits(513) == 1024


@settings(max_examples=200)
@given(
    mbps=st.integers(100, 60_000),
    latency_ns=st.integers(1, 200),
    burst_bits=st.sampled_from([8, 64, 256]),
    outstanding=st.integers(1, 40),
    accesses=st.integers(1, 30),
)
def test_accesses_under_way_bound_the_channel_as_they_do_one_by_one(
    mbps: int, latency_ns: int, burst_bits: int, outstanding: int, accesses: int
) -> None:
    """A channel that issues an access every few cycles, with up to `outstanding` under way for a latency each: in the
    steady state a column takes as many whole cycles as `channel_cycles` says."""
    dram = DramSpec(bandwidth_gbps=mbps / 1000, latency_ns=latency_ns, burst_bits=burst_bits, outstanding=outstanding)
    clock_mhz = 500
    transfer, latency = Fraction(burst_bits * clock_mhz, mbps), dram.latency_cycles(clock_mhz)
    issued: list[Fraction] = []
    for i in range(4 * outstanding):
        after_the_last = issued[-1] + transfer if issued else Fraction(0)
        returned = issued[i - outstanding] + latency if i >= outstanding else Fraction(0)
        issued.append(max(after_the_last, returned))
    an_access = (issued[-1] - issued[-1 - outstanding]) / outstanding
    assert dram.channel_cycles(accesses * burst_bits, clock_mhz) == ceil(accesses * an_access)
    unbounded = dram.model_copy(update={"outstanding": None})
    assert unbounded.channel_cycles(accesses * burst_bits, clock_mhz) == ceil(accesses * transfer)


@given(share=st.integers(1, 999), bits=st.integers(1, 5000), outstanding=st.sampled_from([None, 1, 7]))
def test_a_share_of_the_channel_is_a_share_of_its_time(share: int, bits: int, outstanding: int | None) -> None:
    """Weights and inputs together get the rate that either would get alone, to the cycle that rounding up takes."""
    alone = DramSpec(bandwidth_gbps=3.2, latency_ns=100, burst_bits=64, outstanding=outstanding)
    tdm = alone.model_copy(update={"inputs": True, "arbitration": "tdm", "input_share": share / 1000})
    per_access = max(Fraction(64 * 200, 3200), Fraction(20, outstanding) if outstanding else Fraction(0))
    time = -(-bits // 64) * per_access
    assert alone.channel_cycles(bits, 200) == ceil(time)
    assert tdm.channel_cycles(bits, 200, "inputs") == ceil(time * Fraction(1000, share))
    assert tdm.channel_cycles(bits, 200, "weights") == ceil(time * Fraction(1000, 1000 - share))
    assert alone.model_copy(update={"inputs": True}).channel_cycles(bits, 200, "inputs") == ceil(time)
    assert tdm.model_copy(update={"inputs": False}).channel_cycles(bits, 200) == ceil(time)


@given(bits=st.integers(1, 4000), cycles=st.integers(1, 60))
def test_the_least_bandwidth_for_so_many_cycles(bits: int, cycles: int) -> None:
    dram = DramSpec(bandwidth_gbps=1, latency_ns=1, burst_bits=32)
    mbps = dram.mbps_for(bits, 333, cycles)
    assert dram.model_copy(update={"bandwidth_gbps": mbps / 1000}).channel_cycles(bits, 333) <= cycles
    if mbps > 1:
        assert dram.model_copy(update={"bandwidth_gbps": (mbps - 1) / 1000}).channel_cycles(bits, 333) > cycles


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"dram.outstanding": 4}, "outstanding counts accesses: burst_bits must say what one delivers, not 1 bit"),
        ({"dram.arbitration": "tdm"}, "arbitration tdm: input_share must say what part of the channel is the inputs'"),
        ({"dram.input_share": 1.0}, "less than or equal to 0.999, not 1.0"),
        ({"dram.arbitration": "random"}, "'static', 'tdm' or 'fcfs', not 'random'"),
        ({"dram.outstanding": 0}, "greater than or equal to 1, not 0"),
        ({"dram.bandwidth_gbps": 0.0001}, "greater than or equal to 0.001, not 0.0001"),
    ],
)
def test_a_channel_that_says_too_little_is_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(BadInput, match=f"design skip-65nm: dram.*{rule}"):
        load_design("skip-65nm").override(values)
