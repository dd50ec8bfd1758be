"""Every numeric knob of every shipped design, turned up and down: what must not get worse does not, and nothing jumps.

`LAWS` names for each knob what more of it does to the time of a run, to the energy of a token and to the area of the
chip. A knob that a design gains is given a line there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import log
from typing import Any, NamedTuple, get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archsim import catalogue, designs
from archsim.costs import area, energy
from archsim.design import Design, load_design
from archsim.errors import BadInput
from archsim.simulation import Job, Prepared, prepare, quickest, run
from archsim.specs import Spec
from archsim.timing import Timing
from tests.archsim.small_traces import TRACES, trace_of, weights_of

Number = int | float


class Way(Enum):
    """What a figure does as a knob is turned up."""

    FALLS = "never rises"
    RISES = "never falls"
    STAYS = "stays"
    EITHER = "may do either"


FALLS, RISES, STAYS, EITHER = Way


class Law(NamedTuple):
    """What more of a knob does to the time of a run, to the energy of a token, and to the area of the chip."""

    time: Way
    energy: Way
    area: Way
    quantum: str = ""
    """In what it acts, where a step of 1 % may change a figure by more than 5 %."""


LAWS: dict[str, Law] = {
    "node_nm": Law(EITHER, RISES, RISES, "the figures of a node"),
    "clock_mhz": Law(FALLS, EITHER, EITHER),
    "voltage_v": Law(EITHER, RISES, EITHER),
    "physical.utilisation": Law(STAYS, EITHER, FALLS),
    "physical.pads": Law(STAYS, STAYS, RISES, "a pad on each side"),
    "physical.temperature_c": Law(STAYS, RISES, STAYS),
    "physical.sram_voltage_v": Law(EITHER, RISES, EITHER),
    "lanes": Law(EITHER, EITHER, EITHER, "a lane"),
    "dram.bandwidth_gbps": Law(FALLS, EITHER, STAYS, "a channel and its background power"),
    "dram.latency_ns": Law(RISES, RISES, STAYS),
    "dram.burst_bits": Law(EITHER, EITHER, STAYS, "an access"),
    "dram.outstanding": Law(FALLS, EITHER, STAYS, "an access"),
    "dram.input_share": Law(EITHER, EITHER, STAYS),
    "weight_memory.capacity_kib": Law(FALLS, EITHER, RISES, "what fits"),
    "weight_memory.weights_per_word": Law(EITHER, EITHER, EITHER, "a word"),
    "weight_memory.weights_per_cycle": Law(FALLS, EITHER, EITHER, "a bus word"),
    "weight_memory.fifo_words": Law(FALLS, EITHER, RISES, "a word"),
    "weight_memory.ports": Law(FALLS, EITHER, RISES, "a port"),
    "weight_memory.latency_cycles": Law(RISES, RISES, STAYS, "a cycle"),
    "pe_array.tiles": Law(FALLS, EITHER, RISES, "a tile"),
    "pe_array.pes_per_tile": Law(FALLS, EITHER, EITHER, "a PE"),
    "pe_array.stages": Law(RISES, RISES, RISES, "a stage"),
    "pe_array.read_ports": Law(FALLS, EITHER, RISES, "a port"),
    "pe_array.weight_bits": Law(EITHER, EITHER, RISES, "a bit"),
    "pe_array.act_bits": Law(EITHER, RISES, RISES, "a bit"),
    "pe_array.accumulator_bits": Law(EITHER, RISES, RISES, "a bit"),
    "pe_array.accumulators": Law(FALLS, EITHER, RISES, "an accumulator"),
    "skip_encoder.columns_per_cycle": Law(FALLS, EITHER, RISES, "a column"),
    "skip_encoder.offset_bits": Law(FALLS, EITHER, RISES, "a bit"),
    "skip_encoder.stages": Law(RISES, RISES, RISES, "a stage"),
    "state_buffer.units": Law(STAYS, RISES, RISES),
    "state_buffer.cell_bits": Law(EITHER, RISES, RISES, "a bit"),
    "state_buffer.banks": Law(FALLS, EITHER, RISES, "a bank"),
    "state_buffer.ports": Law(FALLS, EITHER, RISES, "a port"),
    "activation_unit.units_per_cycle": Law(FALLS, EITHER, RISES, "a unit"),
    "activation_unit.depth_cycles": Law(RISES, RISES, RISES, "a stage"),
    "activation_unit.entries": Law(EITHER, RISES, RISES, "an entry"),
    "sequencer.setup_cycles": Law(RISES, RISES, EITHER, "a cycle"),
    "sequencer.steps_at_once": Law(EITHER, EITHER, EITHER, "a step"),
    "sequencer.empty_burst_cycles": Law(RISES, EITHER, EITHER, "a cycle"),
    "sequencer.bank_cycles": Law(RISES, RISES, RISES, "a cycle"),
}

SLACK = {"time": 1e-2, "energy": 1e-3, "area": 1e-9}
"""By how much a figure may be against its law: what the estimate by which blocks are cut leaves out, see
docs/mapping.md."""
EXCUSED: dict[tuple[str, str], tuple[float, str]] = {
    ("clock_mhz", "time"): (0.03, "latencies and stages are whole cycles"),
    ("stationary-65nm pe_array.tiles", "time"): (0.1, "columns are taken in groups of as many as there are tiles"),
    ("stationary-65nm pe_array.pes_per_tile", "time"): (0.07, "blocks have as many rows as a tile has PEs"),
}
"""Where that is not enough, and why."""


def knobs(spec: type[Spec] = Design, prefix: str = "") -> Iterator[str]:
    """The dotted paths of all numeric parameters of a design."""
    for name, field in spec.model_fields.items():
        kinds = (field.annotation, *get_args(field.annotation))
        inner = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Spec)]
        if inner:
            yield from knobs(inner[0], f"{prefix}{name}.")
        elif int in kinds or float in kinds or all(type(kind) is int for kind in kinds[1:] or ("",)):
            yield prefix + name


def test_every_numeric_knob_has_a_law() -> None:
    assert set(LAWS) == set(knobs())


class Figures(NamedTuple):
    """What a point costs."""

    time: float
    """Microseconds of the run."""
    energy: float
    """Of a token, on the chip and off it, pJ."""
    area: float
    """Of the chip, mm2."""


@dataclass(frozen=True)
class Change:
    """A figure of two points that differ in one knob, by more of it."""

    design: str
    trace: str
    knob: str
    before: Number
    after: Number
    figure: str
    factor: float
    """The figure after, by the one before."""

    def __str__(self) -> str:
        turned = f"{self.knob} {self.before} -> {self.after}"
        return f"{self.design}, {self.trace}: {turned}: {self.figure} x {self.factor:.4f}"

    @property
    def breaks_its_law(self) -> bool:
        way: Way = getattr(LAWS[self.knob], self.figure)
        slack, _ = (
            EXCUSED.get((f"{self.design} {self.knob}", self.figure))
            or EXCUSED.get((self.knob, self.figure))
            or (SLACK[self.figure], "")
        )
        rises, falls = self.factor > 1 + slack, self.factor < 1 / (1 + slack)
        return (rises and way in (FALLS, STAYS)) or (falls and way in (RISES, STAYS))

    @property
    def jumps(self) -> bool:
        """Whether a figure changes by more than 5 % where the knob changes by 1 %."""
        if LAWS[self.knob].quantum or not self.before or self.after > 1.05 * self.before:
            return False
        return abs(log(self.factor)) > max(5 * log(self.after / self.before), 1e-9)


@cache
def figures(design: Design, kind: str, weights: str, sequences: int, lanes: int) -> Figures:
    prepared = prepare(Job(design, trace_of(kind, weights, sequences), lanes))
    timing = run(prepared, quickest(design))
    check_bounds(design, prepared, timing, lanes)
    spent = energy(design, timing.ledger, timing.cycles, prepared.tokens).total_system
    return Figures(timing.cycles / design.clock_mhz, spent, area(design).total_chip)


def check_bounds(design: Design, prepared: Prepared, timing: Timing, lanes: int) -> None:
    """PEs, bus and channel do no more than they can in the time."""
    macs, ledger, memory, dram = prepared.macs, timing.ledger, design.weight_memory, design.dram
    assert macs.useful <= macs.issued <= macs.dense
    assert 0 <= timing.busy_cycles <= timing.cycles
    assert macs.issued <= design.pes_per_lane * lanes * timing.cycles
    if not memory.private:
        assert memory.fifo_cycles(ledger.get(catalogue.FIFO_WORD)) <= timing.cycles
    bits = ledger.get(catalogue.READ_BITS)
    if bits and dram:
        assert bits <= dram.bandwidth_gbps * 1000 * timing.cycles / design.clock_mhz * (1 + 1e-9)


def value_of(design: Design, knob: str) -> Number | None:
    found: Any = design
    for part in knob.split("."):
        found = None if found is None else getattr(found, part)
    assert found is None or isinstance(found, int | float)
    return found


STARTS: dict[str, Number] = {
    "voltage_v": 1.0,
    "physical.utilisation": 0.7,
    "physical.pads": 40,
    "physical.temperature_c": 60.0,
    "physical.sram_voltage_v": 1.0,
    "weight_memory.latency_cycles": 2,
    "state_buffer.banks": 4,
}
"""From where a knob is turned that a design leaves open."""


def values(design: Design, knob: str) -> list[Number]:
    """The value of a knob among others: half, a little more, twice."""
    base = value_of(design, knob)
    base = STARTS.get(knob) if base is None else base
    if base is None:
        return []
    if isinstance(base, float):
        return [base * factor for factor in (0.5, 1.0, 1.01, 2.0)]
    little = max(1, round(base / 100))
    return sorted({base // 2, base, base + little, 2 * base + 1})


def changes(name: str, knob: str, kind: str, base: Design | None = None) -> Iterator[Change]:
    """Of all figures between neighbouring values; what the design or the trace refuses is left out."""
    base = base or load_design(name)
    trace = kind, weights_of(name), max(2, base.lanes)
    before: tuple[Number, Figures] | None = None
    for value in values(base, knob):
        try:
            design = base.override({knob: value})
            found = figures(design, *trace, min(base.lanes, design.lanes))
        except BadInput:
            continue
        if before:
            for figure, old, new in zip(Figures._fields, before[1], found, strict=True):
                yield Change(name, kind, knob, before[0], value, figure, new / old)
        before = value, found


@pytest.mark.parametrize(
    "kinds",
    [("lstm-dense", "gru-sparse"), pytest.param(("lstm-sparse", "gru-dense"), marks=pytest.mark.slow)],
    ids=", ".join,
)
@pytest.mark.parametrize("name", designs.ALL)
def test_every_knob_keeps_its_law_and_nothing_jumps(name: str, kinds: tuple[str, str]) -> None:
    found = [change for knob in LAWS for kind in kinds for change in changes(name, knob, kind)]
    assert len(found) > 150
    assert not [str(change) for change in found if change.breaks_its_law]
    assert not [str(change) for change in found if change.jumps]


@settings(max_examples=15)
@given(
    st.sampled_from(designs.ALL), st.sampled_from(TRACES), st.lists(st.sampled_from(tuple(LAWS)), min_size=2), st.data()
)
def test_knobs_keep_their_laws_away_from_the_shipped_designs(
    name: str, kind: str, turned: list[str], data: st.DataObject
) -> None:
    """Some knobs are turned at random before the last one is tried."""
    design = load_design(name)
    for knob in turned[:-1]:
        choices = values(design, knob)
        if choices and knob != "lanes":
            try:
                design = design.override({knob: data.draw(st.sampled_from(choices))})
            except BadInput:
                assume(False)
    found = list(changes(name, turned[-1], kind, design))
    assert not [str(change) for change in found if change.breaks_its_law]
