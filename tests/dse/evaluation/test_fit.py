"""Formats against on-chip SRAM: the model decides where it fits, and nothing else changes."""

from itertools import pairwise

from archsim.design import load_design
from dse.evaluation.fit import FormatFit, fit


def by(found: list[FormatFit]) -> dict[tuple[str, int], FormatFit]:
    return {(each.weights, each.capacity_kib): each for each in found}


def test_fewer_bits_fit_into_less_and_cost_less() -> None:
    capacities = (0, 16, 64, 256)
    found = by(fit(load_design("edge-resident"), hidden=128, inputs=20, steps=4, capacities_kib=capacities))
    for kib in capacities:
        column = [found[name, kib] for name in ("fixed12", "fixed8", "fixed4", "ternary", "binary")]
        for wide, narrow in pairwise(column):
            assert narrow.model_kib < wide.model_kib
            assert narrow.resident_share >= wide.resident_share
            assert narrow.system_pj_per_token.mid < wide.system_pj_per_token.mid
            if narrow.resident_share == wide.resident_share == 1:  # a narrower bus brings biases more slowly
                assert narrow.time_us_per_token >= wide.time_us_per_token
            elif narrow.resident_share < 1:
                assert narrow.time_us_per_token <= wide.time_us_per_token
    for (_, kib), each in found.items():
        assert (each.resident_share == 1) == (each.model_kib <= kib)
        assert each.resident_share * each.model_kib <= kib
        assert each.system_pj_per_token.low <= each.system_pj_per_token.mid <= each.system_pj_per_token.high


def test_a_model_in_sram_reads_nothing_from_dram() -> None:
    found = by(fit(load_design("edge-resident"), hidden=128, inputs=20, steps=4, capacities_kib=(0, 256)))
    streamed, resident = found["ternary", 0], found["ternary", 256]
    assert resident.system_pj_per_token.mid < 0.2 * streamed.system_pj_per_token.mid
    assert resident.chip_pj_per_token > streamed.chip_pj_per_token  # the SRAM is read and leaks
    assert resident.area_mm2 > streamed.area_mm2
