"""The catalogue is complete, validated, and the only place that has to know a new component.

The second half is the conformance test: a component that no module knows is declared in a catalogue of its own, priced
by a cost block, and found wherever components are listed.
"""

import json
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from archsim import catalogue
from archsim.analysis.explain import explain
from archsim.analysis.perfetto import open_timeline
from archsim.analysis.stalls import OccupationLog
from archsim.analytic import positions
from archsim.catalogue import CATALOGUE, WEIGHT_LOAD, Action, Catalogue, Cause, Component, Event
from archsim.costs import SHIPPED, area, blocks, clock_problems, leakage
from archsim.costs.block import LogicPrice, single_port
from archsim.costs.library import LIBRARY, PRICED_BY_KIND, Library, chip
from archsim.costs.model import prices
from archsim.costs.own import cost_table
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.machine.log import Log
from archsim.machine.steps import run_machine
from archsim.record import RunRecord
from archsim.report import SimReport
from archsim.simulation import simulate
from archsim.timing import STALLS
from archsim.trace.synthetic import synthesize
from dse.evaluation.point import Evaluation, MeasuredModel
from dse.report.timelines import timeline
from dse.results.breakdown import breakdowns
from dse.space.choice import ModelChoice
from tests.archsim.new_component import (
    BLOCK,
    MORE,
    READS,
    SCRATCH,
    STORE,
    STORE_READ,
    WORD_BITS,
    build,
    store_bits,
    with_store,
)

SKIP = load_design("skip-65nm")


# --- the machine's own ------------------------------------------------------------------------------------------------


def test_every_cause_event_and_action_is_declared_by_a_component() -> None:
    assert {cause for component in CATALOGUE for cause in component.causes} == set(Cause)
    assert {event for component in CATALOGUE for event in component.events} == set(Event)
    named = {value for value in vars(catalogue).values() if isinstance(value, Action)}
    assert set(CATALOGUE.actions) == named
    assert len(CATALOGUE.actions) == len(named)
    assert set(CATALOGUE) == {value for value in vars(catalogue).values() if isinstance(value, Component)}


def test_orders_are_those_of_reports() -> None:
    """Areas come in the order of components, processes in that of the data through them: both orders are printed."""
    assert CATALOGUE.with_area == (
        "pe_array", "scratch", "weight_memory", "state_buffer", "skip_encoder", "activation_unit", "sequencer",
    )  # fmt: skip
    assert [component.name for component in CATALOGUE.processes] == [
        "weight_stream", "pe_array", "activation_unit", "skip_encoder", "input_reader",
    ]  # fmt: skip
    assert CATALOGUE.off_chip == ("dram",)
    assert STALLS == (
        "scratch_bank", "state_dependency", "input_fetch", "fifo_credit", "weight_latency", "weight_bandwidth", "drain",
    )  # fmt: skip


def test_the_closed_form_counts_causes_in_the_same_order() -> None:
    """It adds up stalls by position; `drain` follows from the rest."""
    places = {cause: getattr(positions, cause.upper()) for cause in STALLS[:-1]}
    assert list(places.values()) == list(range(positions.CAUSES))
    assert STALLS[-1] == Cause.DRAIN


@pytest.mark.parametrize(
    ("components", "pipeline", "mistake"),
    [
        ((STORE, STORE), (), "two components have the same name"),
        ((replace(STORE, name="other"),), (), r"probe_store\.word_read is declared by other"),
        (
            (replace(STORE, has_area=False),),
            (),
            r"probe_store\.word_read is charged to probe_store, which has no energy",
        ),
        ((replace(STORE, on_chip=False),), (), "probe_store has an area, and is not on the chip"),
        ((replace(STORE, causes=(Cause.BLOCK_DATA,)),), (), "probe_store can stand still: its last cause is drain"),
        ((replace(STORE, events=(Event.FETCH,)),), (), "probe_store can stand still: .* and it logs end"),
        ((STORE,), ("pe_array",), "pe_array is in the pipeline, and not a component that can stand still"),
        ((replace(STORE, causes=(), events=()),), ("probe_store",), "probe_store is in the pipeline, and not"),
    ],
)
def test_a_catalogue_that_does_not_fit_is_refused(
    components: tuple[Component, ...], pipeline: tuple[str, ...], mistake: str
) -> None:
    with pytest.raises(ValueError, match=f"^catalogue: {mistake}"):
        Catalogue(components, pipeline)


# --- a component more: its prices -------------------------------------------------------------------------------------


def test_a_component_without_a_block_and_a_block_without_a_component_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^costs: blocks of .*; with area are .*, probe_store$"):
        Library(MORE, blocks.ALL)
    with pytest.raises(ValueError, match=r"^costs: blocks of .*probe_store.*; with area are [^_]"):
        Library(CATALOGUE, (*blocks.ALL, BLOCK))
    with pytest.raises(ValueError, match=r"^costs: blocks of "):
        Library(CATALOGUE, (*blocks.ALL, blocks.ALL[0]))


def test_an_action_without_a_price_and_a_price_without_an_action_are_refused() -> None:
    """An on-chip action is priced by its block, an off-chip one only by the DRAM's kind."""

    def with_prices(**prices: Action) -> Library:
        block = replace(BLOCK, build=lambda d: replace(build(d), prices={a: LogicPrice(1) for a in prices.values()}))
        return Library(MORE, (*blocks.ALL, block))

    with pytest.raises(
        ValueError, match=r"^costs: probe_store prices \[\] too many, \['probe_store\.word_read'\] not$"
    ):
        chip(SKIP, with_prices())
    with pytest.raises(ValueError, match=r"^costs: probe_store prices \['pe_array\.mac'\] too many, \[\] not$"):
        chip(SKIP, with_prices(read=STORE_READ, mac=catalogue.MAC))
    dram = replace(CATALOGUE["dram"], actions=(catalogue.READ_BITS, Action("dram", "refresh", "dram")))
    refreshed = replace(CATALOGUE, components=tuple(dram if c.name == "dram" else c for c in CATALOGUE))
    with pytest.raises(ValueError, match=r"^costs: no price for dram\.refresh, which is off the chip$"):
        Library(refreshed, blocks.ALL)


def test_a_block_of_nothing_is_refused() -> None:
    nothing = replace(BLOCK, build=lambda design: replace(build(design), memories=()))
    with pytest.raises(ValueError, match=r"^costs: probe_store has neither logic nor memories$"):
        chip(SKIP, Library(MORE, (*blocks.ALL, nothing)))


def test_the_machines_own_actions_are_all_priced_and_nothing_else_is() -> None:
    design = load_design("edge-resident")  # it has every part of a machine through which weights pass
    own = [action for action in CATALOGUE.actions if action not in PRICED_BY_KIND]
    assert set(prices(design)) == {*own} - {WEIGHT_LOAD}
    assert WEIGHT_LOAD in prices(load_design("stationary-65nm"))
    there = [action for action in own if action != WEIGHT_LOAD]
    assert tuple(prices(design)) == tuple(a for a in there if a.charged_to in chip(design).built)


def test_what_a_design_lacks_has_no_price() -> None:
    """SKIP has no weight SRAM, a design with private memories no FIFO."""
    accesses = {catalogue.SRAM_READ_WORD, catalogue.SRAM_WRITE_WORD}
    assert set(prices(load_design("edge-resident"))) - set(prices(SKIP)) == accesses
    assert set(prices(load_design("edge-resident"))) - set(prices(load_design("edge-private"))) == {catalogue.FIFO_WORD}


def test_explain_has_its_figures() -> None:
    found = {(row.component, row.figure): row for row in explain(SKIP, SCRATCH)}
    memory = single_port(SKIP, store_bits(SKIP), WORD_BITS)
    assert found["probe_store", "area"].value == memory.area_mm2 == area(SKIP, SCRATCH).components["probe_store"].value
    assert found["probe_store", "energy of word_read"].value == memory.read_pj
    assert found["probe_store", "leakage"].value == leakage(SKIP, SCRATCH)["probe_store"].value > 0
    assert found["probe_store", "clock reach"].value == pytest.approx(1000 / memory.cycle_ns)
    assert found["probe_store", "banks"].value == memory.banks
    own = {row.component for row in explain(SKIP, SCRATCH)} - {row.component for row in explain(SKIP)}
    assert own == {"probe_store"}


def test_its_clock_is_looked_at() -> None:
    fast = SKIP.override({"clock_mhz": 4000})
    assert any(line.startswith("probe_store: takes") for line in clock_problems(fast, SCRATCH))
    assert not any(line.startswith("probe_store") for line in clock_problems(fast))


def test_a_cost_table_of_ones_own_may_name_it() -> None:
    def entry(unit: str) -> dict[str, object]:
        return {"value": 2.0, "unit": unit, "source": "a data sheet"}

    tree = {
        "name": "ours",
        "energy": {"probe_store": {"word_read": entry("pJ")}},
        "area": {"probe_store": entry("um2/bit")},
    }
    costs = cost_table(tree, SCRATCH.library)
    assert prices(SKIP, costs)[STORE_READ].value == 2.0
    assert area(SKIP, costs).components["probe_store"].value == pytest.approx(2e-6 * store_bits(SKIP))
    message = r"^energy\.probe_store\.word_read: unknown key; choose from energy\.pe_array\.mac"
    with pytest.raises(BadInput, match=message):
        cost_table(tree)


# --- a component more: a run ------------------------------------------------------------------------------------------


@pytest.fixture
def store_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archsim.simulation.run_machine", with_store(run_machine))


def run(log: Log | None = None) -> SimReport:
    return simulate(SKIP, TRACE, "burst", log=log, costs=SCRATCH)


TRACE = synthesize(64, 10, 0.3, sequences=8, steps=3)


@pytest.mark.usefixtures("store_is_read")
def test_the_json_of_a_run_has_it() -> None:
    found, without = run(), simulate(SKIP, TRACE, "analytic")
    tree, other = (json.loads(json.dumps(RunRecord.of(report).to_json())) for report in (found, without))
    spent = READS / found.tokens * single_port(SKIP, store_bits(SKIP), WORD_BITS).read_pj
    assert tree["ledger"]["probe_store"] == {"word_read": READS}
    assert tree["energy_pj_per_token"]["probe_store"] == pytest.approx(spent) != 0
    assert tree["area_mm2"]["probe_store"] == area(SKIP, SCRATCH).components["probe_store"].value
    assert tree["energy_status"]["probe_store"] == tree["area_status"]["probe_store"] == "predicted"
    assert tree["energy_pj_per_token"].keys() - other["energy_pj_per_token"].keys() == {"probe_store"}
    assert sum(v for k, v in tree["area_mm2"].items() if k != "total_chip") == pytest.approx(found.area.total_chip)
    assert found.energy.total_chip > without.energy.total_chip + spent


@pytest.mark.usefixtures("store_is_read")
def test_a_run_that_counts_it_without_its_price_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^energy: no price for action 'word_read' of component 'probe_store'$"):
        simulate(SKIP, TRACE, "burst", costs=SHIPPED)


@pytest.mark.usefixtures("store_is_read")
def test_the_timeline_has_a_row_of_it(tmp_path: Path) -> None:
    with open_timeline(tmp_path / "t.json", SKIP, TRACE, 0, 2, catalogue=MORE) as log:
        run(log)
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    (row,) = (e["tid"] for e in events if e["name"] == "thread_name" and e["args"]["name"] == STORE.title)
    drawn = [(e["args"]["begin_cycle"], e["args"]["cycles"]) for e in events if e["ph"] == "X" and e["tid"] == row]
    assert drawn == [(2, 5), (12, 5), (22, 5)]


@pytest.mark.usefixtures("store_is_read")
def test_its_cycles_are_accounted_for() -> None:
    log = OccupationLog(SKIP.pe_array.banks, MORE)
    cycles = run(log).cycles
    found = log.finish(cycles)["probe_store"].to_json()
    assert found == {"busy_cycles": 15, "stalls": {"block_data": 12, "drain": cycles - 27}}


@pytest.mark.usefixtures("store_is_read")
def test_the_timeline_of_the_reports_page_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dse.report.timelines.simulate", partial(simulate, costs=SCRATCH))
    found = timeline(SKIP, TRACE, 0, 2, "model", None, "key", "title", MORE)
    assert found.components[-1] == STORE.title
    own = [i for i, component in enumerate(found.component) if component == len(found.components) - 1]
    assert {found.states[found.state[i]] for i in own} == {"busy", "block_data", "drain"}


@pytest.mark.usefixtures("store_is_read")
def test_the_tables_of_a_search_have_it(tmp_path: Path) -> None:
    measured = MeasuredModel(ModelChoice("m", None), "m", 0.0, "fixed8", 1, 0.7, 1.0, TRACE)
    parts = breakdowns([(0, Evaluation(SKIP, measured, run()))]).components
    parts.to_csv(tmp_path / "components.csv")
    lines = [line.split(",") for line in (tmp_path / "components.csv").read_text().splitlines()]
    assert [words[2] for words in lines if words[3] == "probe_store"] == ["energy", "area"]


def test_a_report_can_be_pickled() -> None:
    """Its cost table refers to the library, which holds functions."""
    report = simulate(SKIP, TRACE)
    again = pickle.loads(pickle.dumps(report))
    assert again.costs == report.costs == SHIPPED
    assert hash(again.costs) == hash(SHIPPED)
    assert again.energy == report.energy
    assert again.costs.library == LIBRARY
