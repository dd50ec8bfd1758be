"""The control against the RTL that it is priced after, its clock, and what grows with what."""

from typing import Any

import pytest

from archsim.analysis.explain import explain
from archsim.costs import clock_problems
from archsim.costs.blocks.sequencer import address, bursts_a_cycle, control, control_of, counter_bits, ends, union
from archsim.costs.logic import by_bits, counter, equality, mux_bits, register_bits
from archsim.design import load_design

EDGE = load_design("edge-8pe")


@pytest.mark.parametrize(
    ("name", "gates"), [("edge-8pe", 7793), ("edge-resident", 7803), ("rbt-low-power-ternary", 8182)]
)
def test_the_control_has_the_area_of_the_verilog_that_it_is_priced_after(name: str, gates: int) -> None:
    """control.sv of `archsim rtl --largest` on SKY130; of the ends of lanes 8 places of 13 are in the data path."""
    design = load_design(name)
    in_data_path = 8 * equality(16).area_um2
    priced_um2 = control_of(design).area_um2 + ends(design).area_um2 - in_data_path
    assert priced_um2 / 0.798 == pytest.approx(gates, rel=0.01)


def test_inputs_over_the_channel_take_counters_and_sums_of_steps() -> None:
    more = control(16, 1, inputs=True).area_um2 - control(16, 1).area_um2
    assert more == pytest.approx(4 * counter(16).area_um2 + 8 * by_bits("adder", 16).area_um2)


def test_the_control_has_the_delay_of_the_older_rtl() -> None:
    """Nangate 45: 1.5 ns with one burst a cycle, 2.7 ns with three."""
    assert (control(16, 1).delay_ns, control(16, 3).delay_ns) == pytest.approx((1.5, 2.7))


def test_only_a_burst_that_may_be_empty_lets_another_begin_with_it() -> None:
    assert bursts_a_cycle(EDGE) == 3
    assert bursts_a_cycle(EDGE.override({"skip_encoder.enabled": False})) == 1
    assert bursts_a_cycle(EDGE.override({"sequencer.empty_burst_cycles": 1})) == 1


def test_a_registered_handshake_is_a_bit_of_registers() -> None:
    """The delay of the whole stays: what it cuts off the longest path is not measured."""
    bare, one, three = (control_of(EDGE.override({"sequencer.bank_cycles": n})) for n in (0, 1, 3))
    assert one.area_um2 - bare.area_um2 == pytest.approx(register_bits(1).area_um2)
    assert three.area_um2 - bare.area_um2 == pytest.approx(3 * register_bits(1).area_um2)
    assert three.clock_pj > one.clock_pj > bare.clock_pj
    assert bare.delay_ns == one.delay_ns


def test_no_stage_helps_a_control_that_misses_its_clock() -> None:
    """2.7 ns at 45 nm are 4.24 ns at 65 nm."""
    fast = [line for line in clock_problems(EDGE.override({"clock_mhz": 250})) if line.startswith("sequencer")]
    assert fast == [
        "sequencer: takes 4.24 ns, the clock allows 4.00 ns: no pipeline stage shortens a loop;"
        " sequencer.empty_burst_cycles = 1 does"
    ]
    one = EDGE.override({"clock_mhz": 400, "sequencer.empty_burst_cycles": 1})
    assert not any(line.startswith("sequencer") for line in clock_problems(one))
    assert any(
        line.endswith("no pipeline stage shortens a loop; a slower clock is needed")
        for line in clock_problems(one.override({"clock_mhz": 450}))
    )
    assert not any(line.startswith("sequencer") for line in clock_problems(EDGE.override({"clock_mhz": 230})))


@pytest.mark.parametrize(
    ("path", "values"), [("state_buffer.units", (1024, 65536, 10**6)), ("weight_memory.fifo_words", (64, 10**5, 10**6))]
)
def test_control_grows_with_what_it_counts(path: str, values: tuple[int, ...]) -> None:
    designs = [EDGE.override({path: value}) for value in values]
    for quantity in ("area_um2", "energy_pj", "leak_nw", "delay_ns"):
        sizes = [getattr(control_of(design), quantity) for design in designs]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]
    assert [counter_bits(design) for design in designs] == [max(16, value.bit_length()) for value in values]


def test_addresses_grow_with_the_words_of_a_column_and_lanes_are_compared_in_pairs() -> None:
    sizes = [address(EDGE.override({"weight_memory.fifo_words": n})).area_um2 for n in (16, 64, 1024)]
    assert sizes == sorted(set(sizes))
    pairs: list[Any] = [union(load_design("skip-65nm").override({"lanes": n})).area_um2 for n in (1, 2, 4, 8)]
    least = by_bits("adder", 16).area_um2 + mux_bits(16).area_um2
    assert pairs == pytest.approx(
        [2 * (n * (n - 1) / 2 * equality(16).area_um2 + (n > 1) * n * least) for n in (1, 2, 4, 8)]
    )


def test_each_lane_has_the_ends_of_its_sequence_compared() -> None:
    """Where three bursts begin in a cycle two more each are compared than where one does."""
    one = ends(EDGE.override({"sequencer.empty_burst_cycles": 1}))
    assert ends(EDGE).area_um2 - one.area_um2 == pytest.approx(4 * equality(16).area_um2)
    assert ends(EDGE.override({"lanes": 2})).area_um2 == pytest.approx(2 * ends(EDGE).area_um2)


def test_explain_shows_the_union_of_inputs_only_where_there_are_lanes() -> None:
    def shown(name: str) -> set[str]:
        return {row.figure for row in explain(load_design(name)) if row.component == "sequencer"}

    assert shown("skip-65nm") - shown("edge-8pe") == {"area of union of inputs"}
    assert {"area of control", "area of addresses", "area of operands and ends of lanes"} <= shown("edge-8pe")
