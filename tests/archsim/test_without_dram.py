"""A design without ``[dram]``: what it runs costs what the same chip costs beside a DRAM, apart from addresses that are
shorter, and all else is refused."""

import re
import tomllib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from archsim import catalogue
from archsim.analysis.diff import diff, of_report
from archsim.analysis.explain import explain
from archsim.analysis.load import load
from archsim.analysis.roofline import roofline
from archsim.analysis.scenario import least_bandwidth, least_sram, streaming
from archsim.costs import energy, leakage
from archsim.costs.calibration import peak_gops
from archsim.costs.model import dram_background_mw, dram_pj_per_bit, prices
from archsim.design import Design, load_design, parameters
from archsim.errors import BadInput
from archsim.ledger import Ledger
from archsim.record import RunRecord
from archsim.simulation import simulate
from archsim.trace.synthetic import synthesize
from tests.archsim.phased import stacked
from tests.archsim.small_traces import trace_of

BESIDE = load_design("edge-resident")


def without_dram(design: Design) -> Design:
    tree = design.stated(exclude_none=True)
    del tree["dram"]
    return Design.model_validate(tree)


CHIP = without_dram(BESIDE)
SMALL = synthesize(64, 10, 0.5, sequences=1, steps=4)
LARGE = synthesize(256, 83, 0.5, sequences=1, steps=4)  # 339 KiB of weights, 2 of biases


def test_the_toml_of_a_design_without_dram_reads_back() -> None:
    assert CHIP.dram is None
    assert "dram" not in CHIP.to_toml()
    assert Design.model_validate(tomllib.loads(CHIP.to_toml())) == CHIP
    assert not [path for path in parameters(CHIP) if path.startswith("dram")]


@pytest.mark.parametrize("engine", ["burst", "column", "analytic"])
def test_what_fits_takes_the_same_time_and_energy(engine: Any) -> None:
    beside, alone = (simulate(design, SMALL, engine) for design in (BESIDE, CHIP))
    assert (alone.cycles, alone.stalls, alone.ledger) == (beside.cycles, beside.stalls, beside.ledger)
    assert alone.energy.total_chip == alone.energy.total_system < beside.energy.total_system
    assert list(beside.energy.components) == [*alone.energy.components, "dram"]
    assert list(beside.area.components) == list(alone.area.components)
    for before, after in ((beside.energy, alone.energy), (beside.area, alone.area)):
        changed = {name for name, figure in after.components.items() if figure != before.components[name]}
        assert changed <= {"sequencer", "leakage", "weight_memory"}  # the bus crosses a chip that is smaller
        assert all(after.components[name].value < before.components[name].value for name in changed)


def test_nothing_of_a_dram_is_shown() -> None:
    rows = [(row.component, row.figure) for row in explain(BESIDE) if row.component != "dram"]
    assert [(row.component, row.figure) for row in explain(CHIP)] == rows
    roof = roofline(simulate(CHIP, SMALL))
    assert roof.ceiling_dram_gops == roof.ceiling_accesses_gops == roof.macs_per_dram_bit == float("inf")
    assert roof == roofline(simulate(BESIDE, SMALL))
    report = simulate(CHIP, SMALL)
    assert "dram" not in RunRecord.of(report).energy_pj_per_token
    assert RunRecord.of(report).dram_gbps == 0


def test_what_is_loaded_once_comes_from_outside() -> None:
    """20 words of 512 bits, one a cycle of 5 ns: they are written, and the chip leaks meanwhile; idle PEs are gated."""
    found = load(CHIP, 10_000)
    assert found is not None
    assert (found.dram_bits, found.sram_words, found.cycles) == (0, 20, 20)
    write_pj = prices(CHIP)[catalogue.SRAM_WRITE_WORD].value
    control_pj = prices(CHIP)[catalogue.CONTROL_CYCLE].value
    leak_mw = sum(figure.value for figure in leakage(CHIP).values())
    assert found.chip_pj == pytest.approx(20 * write_pj + 20 * control_pj + 100 * leak_mw)
    assert found.chip_pj == found.system_pj.mid


def test_a_stream_runs_and_its_least_sram_is_the_whole_model() -> None:
    found = streaming(CHIP, SMALL, 100.0)
    assert found.missed_steps == 0
    assert found.energy.total_system == found.energy.total_chip
    bits = simulate(CHIP, SMALL).model_bits
    least = least_sram(CHIP, SMALL, 100.0)
    assert least.value == least.design.weight_memory.capacity_kib == -(-bits // 8192)
    with pytest.raises(BadInput, match=r"no weight SRAM holds a deadline of 0\.01 us: with \d+ KiB and all of"):
        least_sram(CHIP, SMALL, 0.01)


@pytest.mark.parametrize(
    ("tried", "message"),
    [
        (
            lambda: simulate(CHIP, LARGE),
            "weight_memory.capacity_kib must be at least 341 for this model, not 256: a design without [dram] holds all"
            " weights, row scales and biases",
        ),
        (
            lambda: simulate(CHIP.override({"weight_memory.residency": "whole"}), LARGE),
            "weight_memory.capacity_kib must be at least 341 for this model, not 256: a design without [dram] holds all"
            " weights, row scales and biases",
        ),
        (
            lambda: simulate(CHIP, stacked(np.random.default_rng(7), np.array([9, 4]))),
            "has no [dram], in which a phase leaves its results for the next one",
        ),
        (lambda: CHIP.override({"dram.bandwidth_gbps": 1.0}), "has no [dram], so no parameter 'dram.bandwidth_gbps'"),
        (lambda: CHIP.check_parameter("dram.kind"), "has no [dram], so no parameter 'dram.kind'"),
        (lambda: least_bandwidth(CHIP, SMALL, 10.0), "has no [dram], so no least bandwidth"),
        (lambda: dram_pj_per_bit(CHIP), "has no [dram]"),
        (lambda: dram_background_mw(CHIP), "has no [dram]"),
        (lambda: peak_gops(CHIP.override({"weight_memory.capacity_kib": 0})), "has no [dram]"),
    ],
)
def test_what_needs_a_dram_is_refused_by_name(tried: Callable[[], object], message: str) -> None:
    with pytest.raises(BadInput, match=f"^design edge-resident: {re.escape(message)}$"):
        tried()


def test_bits_of_a_dram_that_is_not_there_are_not_priced_at_nothing() -> None:
    ledger = Ledger()
    ledger.add(catalogue.READ_BITS, 1)
    with pytest.raises(BadInput, match=r"^energy: design edge-resident has no \[dram\], but bits of it are counted$"):
        energy(CHIP, ledger, 1, 1)


def test_the_least_sram_of_private_memories_is_that_of_the_one_that_has_the_most() -> None:
    private = load_design("edge-private")
    least = least_sram(private, SMALL, 1000.0)
    assert 0 < least.value < private.weight_memory.capacity_kib
    assert simulate(least.design, SMALL, "analytic").resident
    with pytest.raises(BadInput, match=rf"capacity_kib must be at least {least.value:g} for this model"):
        simulate(private.override({"weight_memory.capacity_kib": int(least.value) - 1}), SMALL)


def test_private_memories_meet_a_deadline_with_a_faster_arrangement_that_needs_more() -> None:
    """Every size is tried; the least one holds slower blocks only."""
    large = load_design("edge-private").override({"weight_memory.capacity_kib": 110})
    trace = trace_of("lstm-sparse", "fixed8", 1)
    sizes = {kib: large.override({"weight_memory.capacity_kib": kib}) for kib in range(54, 111)}
    slowest = {kib: streaming(each, trace, 100.0).latency_us.most for kib, each in sizes.items()}
    assert len(set(slowest.values())) > 1
    for deadline_us in set(slowest.values()):
        expected = next(kib for kib, us in slowest.items() if us <= deadline_us)
        assert least_sram(large, trace, deadline_us).value == expected
    with pytest.raises(BadInput, match=r"no weight SRAM holds a deadline of .* us: with 110 KiB and all of the model"):
        least_sram(large, trace, min(slowest.values()) - 0.01)


def test_private_memories_beside_a_dram_take_inputs_from_it_and_nothing_else() -> None:
    private = load_design("edge-private")
    tree = private.stated(exclude_none=True) | {"dram": BESIDE.channel.stated(exclude_none=True) | {"inputs": True}}
    report = simulate(Design.model_validate(tree), SMALL, "analytic")
    assert report.resident
    assert report.ledger.get(catalogue.READ_BITS) == 4 * 256  # a symbol of 4 bits a step, in an access of 256
    assert catalogue.FIFO_WORD not in prices(private)


def test_a_run_without_dram_does_not_count_more_than_one_beside_it() -> None:
    """The controller that no energy counts is not counted by a design that has none either."""
    beside, alone = (of_report(simulate(design, SMALL)) for design in (BESIDE, CHIP))
    for found in (diff(beside, alone), diff(alone, beside)):
        assert found.before_lacks == found.after_lacks == ()
    assert "DRAM controller" in beside.run.energy_not_counted
    assert not [part for part in alone.run.energy_not_counted if "DRAM" in part]
