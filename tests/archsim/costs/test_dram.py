"""DRAM by kind: read energy and background by hand, and against data sheets that no figure was made from."""

from pathlib import Path

import pytest

from archsim import designs, load_design, simulate, sweep, synthesize
from archsim.analysis.diff import diff
from archsim.costs import dram_lacks
from archsim.costs.dram import KINDS, background_mw, channels, knows_background, pj_per_bit
from archsim.costs.model import energy
from archsim.costs.own import cost_table
from archsim.errors import BadInput
from archsim.record import RunRecord
from dse.space.space import parse_space

PRICED = ("ddr3", "ddr4", "lpddr3", "lpddr4", "lpddr5", "hbm2")
TRACE = synthesize(hidden=16, inputs=4, density=0.5, sequences=1, steps=2)
STREAM = load_design("stream-only")


def _mw(kind: str) -> float:
    return background_mw(kind, 1).value


def test_a_standby_by_hand() -> None:
    """IDD2N of each supply, and IDD5 in the share of time that a refresh takes; of LPDDR3 the mean of two devices."""
    assert _mw("ddr3") == pytest.approx(1.35 * (32 + 208 / 6240 * (235 - 32)))
    assert _mw("hbm2") == pytest.approx(1.2 * (40 + 260 / 3900 * (250 - 40)))
    lpddr4 = 1.8 * 2 + 1.1 * 27 + 1.1 * 0.75 + 448 / 6246 * (1.8 * (10 - 2) + 1.1 * (90 - 27))
    assert _mw("lpddr4") == pytest.approx(lpddr4)
    one = 1.2 * (20.5 + 168 / 3120 * (150 - 20.5))
    other = 1.8 * 2 + 1.2 * 38 + 104 / 3120 * (1.8 * (40 - 2) + 1.2 * (160 - 38))
    assert _mw("lpddr3") == pytest.approx((one + other) / 2)


def test_a_read_burst_by_hand() -> None:
    assert KINDS["ddr4"].devices[0].burst_pj_per_bit == pytest.approx(1.2 * (302 - 56) / 51.2)
    assert KINDS["lpddr5"].devices[0].burst_pj_per_bit == pytest.approx((1.05 * (372 - 39) + 0.5 * 106) / 102.4)


@pytest.mark.parametrize("kind", PRICED)
def test_both_parts_are_bands_with_sources(kind: str) -> None:
    read, background = pj_per_bit(kind), background_mw(kind, 100)
    assert 0 < read.band.low <= read.value <= read.band.high
    assert 0 < background.band.low < background.value < background.band.high
    assert read.source
    assert f"{channels(100, KINDS[kind].channel_gbps)} x {KINDS[kind].channel_gbps:g} Gb/s" in background.source
    assert knows_background(kind)
    assert dram_lacks(kind) == ()


CHECKS = {
    # IDD2N, IDD5 and tRFC of tREFI of other devices, read in gem5's src/mem/DRAMInterface.py
    "DDR3-1600 4 Gb x8": (1.5 * (32 + 260 / 7800 * (235 - 32)), "ddr3", 0.15),
    "DDR4-2400 8 Gb x16": (1.2 * (34 + 350 / 7800 * (280 - 34)) + 2.5 * 3, "ddr4", 0.15),
    # IDD2N of a vendor's module (Transcend TS1GSH72V1H, DDR4-2133) over its 18 devices, without refresh
    "DDR4-2133 4 Gb x8": (1.2 * 828 / 18, "ddr4", 0.3),
}


@pytest.mark.parametrize("device", CHECKS)
def test_standby_against_devices_that_were_not_used(device: str) -> None:
    theirs, kind, within = CHECKS[device]
    assert _mw(kind) == pytest.approx(theirs, rel=within)


def test_the_read_energy_that_models_publish_holds_what_a_data_sheet_says() -> None:
    """LPDDR4: 8 to 14 pJ a bit were published; the burst current of a device, with its outputs, is 8.5."""
    (device,) = KINDS["lpddr4"].devices
    band = KINDS["lpddr4"].pj_per_bit
    assert band.low < device.burst_pj_per_bit < band.high


def test_the_page_has_the_figures_that_are_used() -> None:
    page = (Path(__file__).parents[3] / "docs" / "dram.md").read_text()
    for kind, found in KINDS.items():
        read, back = found.pj_per_bit, found.background_mw
        said = "not known" if back is None else f"{back.low:.0f} / {back.mid:.0f} / {back.high:.0f}"
        bits = f"{read.low:.1f} / {read.mid:.1f} / {read.high:.1f}"
        assert f"| {kind} | {bits} | {said} | {found.channel_gbps:g} |" in page, kind
    for device, (theirs, kind, _) in CHECKS.items():
        assert f"| {device} | {kind} | {theirs:.0f} | {_mw(kind):.0f} | {100 * (_mw(kind) / theirs - 1):+.0f} |" in page


def test_what_is_not_known_stands_beside_every_total() -> None:
    unknown = simulate(STREAM.override({"dram.kind": "hmc"}), TRACE, lanes=1)
    assert unknown.energy.left_out[0] == "background of hmc DRAM (not known)"
    assert RunRecord.of(unknown).to_json()["energy_not_counted"][0] == "background of hmc DRAM (not known)"  # type: ignore[index]
    known = simulate(STREAM, TRACE, lanes=1)
    assert not any("background" in part for part in known.energy.left_out)
    found = diff(known, unknown)
    assert (found.before_lacks, found.after_lacks) == ((), ("background of hmc DRAM (not known)",))
    backwards = diff(unknown, known)
    assert (backwards.before_lacks, backwards.after_lacks) == (found.after_lacks, found.before_lacks)


def test_nothing_is_missing_where_dram_is_not_used_or_a_person_gives_the_figure() -> None:
    design = STREAM.override({"dram.kind": "hmc"})
    unused = load_design("edge-resident").override({"dram.kind": "hmc"})
    small = synthesize(hidden=16, inputs=4, density=0.5, sequences=1, steps=2)
    assert not any("background" in part for part in simulate(unused, small, lanes=1).energy.left_out)
    given = cost_table({"name": "ours", "background": {"hmc": {"value": 9.0, "unit": "mW", "source": "us"}}})
    assert dram_lacks("hmc", given) == ()
    ledger = simulate(design, TRACE, lanes=1).ledger
    assert not any("background" in part for part in energy(design, ledger, 100, 1, given).left_out)


def test_a_kind_of_ones_own_says_it_too() -> None:
    given = cost_table({"name": "ours", "dram": {"own-x": {"value": 2.0, "unit": "pJ/bit", "source": "us"}}})
    assert dram_lacks("own-x", given) == ("background of own-x DRAM (not known)",)


def _space(**changes: object) -> dict[str, object]:
    return {
        "name": "t",
        "base": "stream-only",
        "objectives": ["area_mm2", "energy_system_pj_per_token"],
        "trials": 10,
        "models": [{"name": "wp-lstm256-ternary"}],
        **changes,
    }


MIXED = (
    {"parameters": {"dram.kind": {"choices": ["lpddr4", "hmc"]}}},
    {"variants": {"memory": {"a": {"dram.kind": "hmc"}, "b": {"clock_mhz": 100}}}},  # b: the base's lpddr4
    {"variants": {"memory": {"a": {"dram.kind": "gddr5"}, "b": {"dram.kind": "hbm2"}}}},
    {
        "variants": {"m": {"a": {"clock_mhz": 100}, "b": {"clock_mhz": 200}}},
        "parameters": {"dram.kind": {"choices": ["hmc", "gddr5"], "when": {"m": "a"}}},  # else the base's lpddr4
    },
)


@pytest.mark.parametrize("changes", MIXED)
def test_a_space_of_kinds_that_cannot_be_compared_is_a_mistake(changes: dict[str, object]) -> None:
    rule = (
        r"dram\.kind: must not set kinds whose background power is known \(.*\) beside kinds where it is not \(.*\): "
    )
    with pytest.raises(BadInput, match=rule):
        parse_space(_space(**changes), "t")


def test_a_space_of_kinds_that_all_lack_it_says_so() -> None:
    space = parse_space(_space(parameters={"dram.kind": {"choices": ["gddr5", "hmc"]}}), "t")
    assert space.not_counted == ("background of gddr5 DRAM (not known)", "background of hmc DRAM (not known)")
    assert parse_space(_space(parameters={"dram.kind": {"choices": list(PRICED)}}), "t").not_counted == ()
    with pytest.raises(BadInput, match=r"parameters\.dram\.kind: dram\.kind must be one of .*, not 'ddr9'"):
        parse_space(_space(parameters={"dram.kind": {"choices": ["ddr9", "ddr4"]}}), "t")


def test_a_sweep_of_kinds_that_cannot_be_compared_is_refused() -> None:
    with pytest.raises(BadInput, match=r"sweep: dram\.kind must not be of kinds .* of others \(hmc\): "):
        sweep("stream-only", TRACE, {"dram.kind": ["lpddr4", "hmc"]}, lanes=1)
    assert len(sweep("stream-only", TRACE, {"dram.kind": ["gddr5", "hmc"]}, lanes=1).points) == 2


@pytest.mark.parametrize("name", designs.ALL)
def test_shipped_designs_lack_nothing(name: str) -> None:
    dram = load_design(name).dram
    assert dram is None or dram_lacks(dram.kind) == ()


@pytest.mark.parametrize("latency", [0, -1, 0.0])
def test_a_dram_without_latency_is_impossible(latency: float) -> None:
    with pytest.raises(BadInput, match=r"dram\.latency_ns: Input should be greater than or equal to 0\.001"):
        STREAM.override({"dram.latency_ns": latency})
