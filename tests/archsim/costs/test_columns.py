"""Costs as columns are those of the cost model, design by design and run by run."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from archsim import designs
from archsim.catalogue import READ_BITS, WRITE_BITS
from archsim.columns.designs import Designs
from archsim.costs import SHIPPED, CostTable, area, energy, leakage
from archsim.costs.clock import extra_stages, reachable, reaches
from archsim.costs.columns import Priced, Pricer, latencies_of, priced
from archsim.costs.figures import Band, total
from archsim.costs.latencies import latencies
from archsim.costs.library import chip
from archsim.costs.model import clock_tree, prices
from archsim.design import Design, Value, load_design
from archsim.errors import BadInput
from archsim.ledger import Ledger
from tests.archsim.columns.drawn import settings
from tests.archsim.costs.test_own import table
from tests.archsim.new_component import SCRATCH

OWN = """
name = "ours"

[area.pe_array]
value = 1000
unit = "um2/PE"
source = "our synthesis"

[leakage.state_buffer]
value = 0.25
low = 0.1
high = 0.5
unit = "nW/bit"
source = "our data sheet"

[energy.weight_memory.fifo_word]
value = 20.0
low = 15.0
high = 30.0
unit = "pJ"
source = "our power report"

[dram.lpddr4]
value = 5.0
unit = "pJ/bit"
source = "our DRAM"

[background.hbm2]
value = 7.0
low = 1.0
high = 9.0
unit = "mW"
source = "our DRAM"
"""
TABLES = {"shipped": SHIPPED, "own": table(OWN), "one more component": SCRATCH}


def drawn(name: str, count: int) -> Designs:
    base, rng = load_design(name), np.random.default_rng(len(name))
    return Designs.of_settings(base, settings(base, rng, count, most=4))


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=0)


def ends(band: Band) -> tuple[float, float, float]:
    return band.low, band.mid, band.high


def refusal(many: Designs, n: int, of: Callable[[Design], object]) -> str | None:
    try:
        of(many.design(n))
    except BadInput as error:
        return str(error)
    return None


def ran(design: Design, rng: np.random.Generator, costs: CostTable) -> Ledger:
    """The counts of a run that may take any action that there is."""
    ledger = Ledger()
    off_chip = (READ_BITS, WRITE_BITS) if design.dram else ()
    for action in (*prices(design, costs), *off_chip):
        ledger.add(action, int(rng.integers(0, 10**6)) * int(rng.integers(0, 2)))
    return ledger


def counts(found: Priced, ledger: Ledger) -> list[int]:
    return [ledger.get(action) for action in found.actions]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", designs.ALL)
def test_areas_and_energies_are_those_of_the_model(name: str, table: str) -> None:
    costs, rng, many = TABLES[table], np.random.default_rng(7), drawn(name, 30)
    found = Pricer(costs)(many)
    rows, ledgers, runs, expected = [], [], [], []
    for n in range(len(many)):
        assert found.unbuilt.of(n) == refusal(many, n, lambda design: area(design, costs))
        assert found.unpriced.of(n) == refusal(many, n, lambda design: energy(design, Ledger(), 1, 1, costs))
        if found.unbuilt.of(n) is None:
            design = many.design(n)
            whole = area(design, costs)
            close(found.area_mm2[n], (whole.band.low, whole.total_chip, whole.band.high))
            close(found.leakage_mw[n], ends(total(leakage(design, costs).values())))
            close(found.side_um[n], chip(design, costs.library).side_um)
            tree = clock_tree(design, costs).band if design.physical.clock_tree else Band(0, 0, 0)
            close(found.clock_tree_pj[n], ends(tree))
        else:
            assert np.isnan(found.area_mm2[n]).all()
        if found.unpriced.of(n) is None:
            for moved in (True, False):
                ledger, cycles, tokens = ran(design, rng, costs), int(rng.integers(1, 10**6)), int(rng.integers(1, 99))
                if not moved:
                    ledger.counts.pop("dram", None)
                rows.append(n)
                ledgers.append(counts(found, ledger))
                runs.append((cycles, tokens))
                expected.append(energy(design, ledger, cycles, tokens, costs))
    cycles_, tokens_ = np.array(runs).T
    energies = found.energy(np.array(rows), np.array(ledgers), cycles_, tokens_)
    close(energies.chip[:, 1], [each.total_chip for each in expected])
    close(energies.system[:, 1], [each.total_system for each in expected])
    close(energies.chip, [ends(each.band_chip) for each in expected])
    close(energies.system, [ends(each.band) for each in expected])
    close(energies.us_per_token, [each.time_us_per_token for each in expected])


@pytest.mark.parametrize("name", designs.ALL)
def test_clocks_and_latencies_are_those_of_the_design(name: str) -> None:
    many = drawn(name, 30)
    found, (cycles, slow) = priced(many), latencies_of(many)
    for n in range(len(many)):
        assert slow.of(n) == refusal(many, n, latencies)
        if slow.of(n) is None:
            stages = latencies(many.design(n))
            expected = [stages.pe_stages, stages.sram_cycles, stages.activation_stages, stages.encoder_stages]
            assert cycles[n].tolist() == expected
        if found.unbuilt.of(n) is None:
            design = many.design(n)
            assert found.clock_mhz[n] == design.clock_mhz
            assert found.slowest_ns[n] == max(reach.needed_ns for reach in reaches(design))
            assert (found.shortest_ns[n] <= 1000 / design.clock_mhz) == reachable(design)
            if reachable(design):
                assert found.extra_stages[n] == extra_stages(design)


SKIP = load_design("skip-65nm")
AXES: dict[str, tuple[Value, ...]] = {
    "clock_mhz": (150, 300),
    "lanes": (1, 4, 8),
    "dram.bandwidth_gbps": (12.8, 51.2, 102.4),
    "weight_memory.capacity_kib": (0, 96, 192, 384),
    "weight_memory.weights_per_cycle": (12, 48, 96, 192),
    "pe_array.tiles": (1, 2, 4, 8),
    "pe_array.pes_per_tile": (8, 16, 24, 48, 64),
    "pe_array.accumulators": (2, 4, 16),
    "pe_array.weight_bits": (8, 2, 4),
    "skip_encoder.enabled": (True, False),
}
"""The designs of study ``exact``, all with multipliers."""


def test_the_work_grows_with_the_sum_of_what_components_can_be() -> None:
    """Blocks have 144, 36, 862, 12, 55, 216 and 6 readings. The weight memory has most: an SRAM and a FIFO by capacity,
    width and clock, each with the rotation of its words to as many PEs as a lane has, for which there are 18 numbers.
    """
    pricer = Pricer()
    found = pricer(Designs.of_grid(SKIP, AXES))
    assert len(found.area_mm2) == 103_680
    assert np.isfinite(found.area_mm2).all()
    assert pricer.calls < 1400
    before = pricer.calls
    pricer(Designs.of_settings(SKIP, [{"lanes": 4, "pe_array.tiles": 2, "clock_mhz": 150}]))
    assert pricer.calls <= before + 8


class TestRefusals:
    def test_an_action_without_a_price(self) -> None:
        found = priced(Designs.of_settings(SKIP, [{"skip_encoder.enabled": False}]))
        ledger = Ledger({"skip_encoder": {"scan_column": 3}})
        with pytest.raises(BadInput, match="energy: no price for action 'scan_column' of component 'skip_encoder'"):
            found.energy(np.array([0]), np.array([counts(found, ledger)]), np.array([9]), np.array([1]))

    def test_bits_of_a_dram_that_is_not_there(self) -> None:
        found = priced(Designs.of_settings(load_design("edge-private"), [{}]))
        ledger = Ledger({"dram": {"read_bits": 3}})
        with pytest.raises(BadInput, match=r"design edge-private has no \[dram\], but bits of it are counted"):
            found.energy(np.array([0]), np.array([counts(found, ledger)]), np.array([9]), np.array([1]))

    def test_no_cycles(self) -> None:
        found = priced(Designs.of_settings(SKIP, [{}]))
        with pytest.raises(BadInput, match="cycles and tokens must be at least 1, not 0 and 1"):
            found.energy(np.array([0]), np.array([counts(found, Ledger())]), np.array([0]), np.array([1]))

    def test_a_refused_design_has_no_numbers(self) -> None:
        found = priced(
            Designs.of_settings(SKIP, [{"dram.kind": "none-such"}, {"pe_array.act_bits": 2}, {"lanes": 5}, {}])
        )
        zeros = np.array([counts(found, Ledger())] * 4)
        energies = found.energy(np.arange(4), zeros, np.full(4, 9), np.full(4, 1))
        assert np.isnan(energies.chip).all(axis=1).tolist() == [True, True, True, False]
        assert np.isnan(found.area_mm2).all(axis=1).tolist() == [False, True, True, False]
