"""The cost of filling the weight SRAM once, computed by hand; no figure per token includes it."""

import pytest

from archsim import catalogue
from archsim.analysis.load import load
from archsim.costs import leakage
from archsim.costs.dram import KINDS
from archsim.costs.model import prices
from archsim.design import load_design
from archsim.record import RunRecord
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize

EDGE = load_design(
    "edge-resident"
)  # 64 weights of 8 bits a word, 12.8 Gb/s (64 bits a cycle of 5 ns), 100 ns, 256 bits
BITS = 10_000


def test_by_hand() -> None:
    found = load(EDGE, BITS)
    assert found is not None
    assert found.sram_words == 20  # of 512 bits
    assert found.dram_bits == 40 * 256
    assert found.cycles == 20 + 160  # latency, then 64 bits a cycle
    assert found.time_us == pytest.approx(0.9)
    background = KINDS["lpddr4"].devices[0].background_mw.mid
    write_pj = prices(EDGE)[catalogue.SRAM_WRITE_WORD].value
    leak_mw = sum(figure.value for figure in leakage(EDGE).values())
    control_pj = prices(EDGE)[catalogue.CONTROL_CYCLE].value
    assert found.chip_pj == pytest.approx(20 * write_pj + 180 * control_pj + 900 * leak_mw)  # no PE is clocked
    assert found.system_pj.mid == pytest.approx(found.chip_pj + 10240 * 11 + 900 * background)
    assert found.system_pj.low < found.system_pj.mid < found.system_pj.high
    assert found.tokens(found.system_pj.mid / 3) == pytest.approx(3)


def test_a_word_a_cycle_is_the_most() -> None:
    found = load(EDGE.override({"dram.bandwidth_gbps": 1000}), BITS)
    assert found is not None
    assert found.cycles == 20 + 20


def test_no_lane_runs_so_no_pe_is_clocked() -> None:
    gated, open_ = (load(EDGE.override({"pe_array.clock_gated": g}), BITS) for g in (True, False))
    assert gated is not None
    assert open_ is not None
    leaks = [sum(f.value for f in leakage(EDGE.override({"pe_array.clock_gated": g})).values()) for g in (True, False)]
    assert open_.chip_pj - gated.chip_pj == pytest.approx(900 * (leaks[1] - leaks[0]))


def test_nothing_resident_is_nothing_to_load() -> None:
    assert load(EDGE, 0) is None


def test_a_report_shows_it_apart() -> None:
    trace = synthesize(64, 10, 0.5, sequences=1, steps=4)
    report = simulate(EDGE, trace)
    assert report.load == load(EDGE, report.resident_bits)
    assert report.load is not None
    # nothing is read from DRAM in a step, though all of it was once
    assert report.ledger.get(catalogue.READ_BITS) == report.ledger.get(catalogue.SRAM_WRITE_WORD) == 0
    assert report.energy.total_system == report.energy.total_chip
    assert RunRecord.of(report).load == report.load.to_json()
    streamed = simulate(load_design("skip-65nm"), trace, lanes=1)
    assert streamed.load is RunRecord.of(streamed).load is None
