"""What the page is given: plain values, checked here, drawn by the scripts in ``web``. Names in it are never markup."""

from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from archsim.analysis.stalls import BUSY
from archsim.catalogue import Cause
from archsim.record import RooflineRecord
from dse.results.details import StateDetail

Scalar: TypeAlias = bool | int | float | str | None
Setting: TypeAlias = Scalar | tuple[str, ...]

STATES = (BUSY, *(cause.value for cause in Cause))
"""What a component can be doing: it is busy, or stands still for a cause, in the order of blame."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PageColumn(_Shape):
    title: str
    unit: str = ""
    words: bool = False
    """Set flush left."""


class PageTable(_Shape):
    columns: tuple[PageColumn, ...]
    rows: list[list[Scalar]]


class Coded(_Shape):
    """A column of values that repeat: entry i is ``values[index[i]]``."""

    values: list[Setting]
    index: list[int]


class Goal(_Shape):
    """An objective; numbers of it are in `unit`."""

    name: str
    title: str
    unit: str
    minimize: bool
    log: bool
    """Its axis reads better in decades."""


class Trials(_Shape):
    """Trials (or published designs) by column. A number is None where a point was refused."""

    trial: list[int]
    numbers: dict[str, list[float | None]]
    coded: dict[str, Coded]


class PartColumn(_Shape):
    """One component of energies or areas, as `Part` has it, of many points; None where a point has no such component.

    `low` or `high` is None where it equals the value throughout.
    """

    name: str
    value: list[float | None]
    low: list[float | None] | None
    high: list[float | None] | None
    status: Coded
    source: Coded


class TermColumn(_Shape):
    """One `TermValue` of many points."""

    term: str
    unit: str = ""
    values: Coded


class Others(_Shape):
    """Points off the front by column: what a `DesignTab` has, but for what follows from their row of the trials, the
    cycles of each step, and what only the front was run for."""

    trial: list[int] = []
    left_out: int = 0
    """Points that were simulated and are not here: farther from the front."""
    facts: list[TermColumn] = []
    energy: list[PartColumn] = []
    area: list[PartColumn] = []
    cycles: list[int] = []
    busy_cycles: list[int] = []
    stalls: dict[str, list[int]] = {}
    roofline: dict[str, list[float | None]] = {}
    bound: Coded = Coded(values=[], index=[])
    clock: Coded = Coded(values=[], index=[])


class Commands(_Shape):
    """The command of any trial: `head`, the trace of its network, the settings of its parameters, `tail`.

    Settings lie as the values of the parameter's column do.
    """

    head: str
    traces: dict[str, str]
    """By network."""
    settings: dict[str, list[str]]
    tail: str


class Note(_Shape):
    text: str
    warning: bool = False


class Tile(_Shape):
    value: str
    label: str


class SearchTab(_Shape):
    """One folder of results: the tabs Front and Search."""

    name: str
    title: str
    introduction: str
    tiles: list[Tile]
    objectives: list[str]
    limits: dict[str, float]
    """The constraints, in the objectives' units on screen."""
    base: dict[str, Setting]
    """Every parameter of the base design by dotted path."""
    parameters: list[str]
    variants: dict[str, dict[str, dict[str, Setting]]]
    trials: Trials
    others: Others
    commands: Commands
    published: Trials
    first: str | None
    """Key of the design that the page opens with."""
    course: list[float]
    """Hypervolume after each trial, as a share of the box."""
    reference: str
    quality: str
    """How much the search found, in words."""
    importances: PageTable
    pace: list[tuple[int, float]]
    """(trials complete, seconds spent on searching by then); empty where it was not recorded."""
    failures: PageTable
    notes: list[Note]
    footer: str


class Part(_Shape):
    """One component of an energy (nJ a token) or an area (mm²); `source` is an index into the page's texts."""

    name: str
    value: float
    low: float
    high: float
    status: str
    source: int


class TermValue(_Shape):
    term: str
    value: Scalar
    unit: str = ""


class HardwareTab(_Shape):
    """A design in Verilog: the command that makes and checks it, or else the reason why there is none."""

    command: str
    reason: str


class DesignTab(_Shape):
    """One simulated point, for the tab Design."""

    key: str
    title: str
    says: str
    model: str
    """Key of its model."""
    facts: list[TermValue]
    parameters: dict[str, Setting]
    energy: list[Part]
    area: list[Part]
    cycles: int
    busy_cycles: int
    stalls: dict[str, int]
    step_cycles: list[int]
    roofline: RooflineRecord | None
    command: str
    """Runs it again; empty for a trial, whose search has the words of its command."""
    clock: str
    hardware: HardwareTab | None
    """None: not known, as of a run, or where a trace is gone."""


class WeightHistogram(_Shape):
    """Histogram of the codes of one matrix: share of the weights in each bin, `value` in the middle of it."""

    matrix: str
    value: list[float]
    share: list[float]


class NetworkTab(_Shape):
    """One model and threshold, for the tab Model; None: not measured here."""

    key: str
    label: str
    weight_format: str
    weight_kib: float | None
    threshold: float | None
    as_trained: bool
    state_sparsity: float
    metric: str
    unit: str
    validation: float | None
    test: float | None
    states: list[StateDetail]
    weights: list[WeightHistogram]


class TimelineTab(_Shape):
    """Slices of a window of steps; all lists are as long as each other. Cycles are counted from `origin`."""

    key: str
    title: str
    clock_mhz: int
    first_step: int
    last_step: int
    origin: int
    components: list[str]
    states: list[str]
    component: list[int]
    state: list[int]
    begin: list[int]
    cycles: list[int]
    step: list[int]
    block: list[int]


class SamplerLine(_Shape):
    """Shares of the exact hypervolume after so many trials, in per cent: mean, least and most of the seeds."""

    sampler: str
    trials: list[int]
    mean: list[float]
    least: list[float]
    most: list[float]


class SamplersTab(_Shape):
    """Samplers on one enumerated space, for the tab Samplers."""

    name: str
    says: str
    curves: list[SamplerLine]
    table: PageTable


class PublishedCheck(_Shape):
    """One row of ``archsim validate``."""

    chip: str
    figure: str
    unit: str
    published: float
    ours: float
    error_pct: float
    left_out_pct: float | None
    tolerance_pct: float | None
    kind: str
    sure: str
    gates: bool
    note: str


class Page(_Shape):
    """Everything one report shows. Tabs that have nothing to show are left out."""

    title: str
    goals: list[Goal]
    searches: list[SearchTab]
    designs: list[DesignTab]
    networks: list[NetworkTab]
    papers: PageTable
    """What papers report of trained networks, beside ours."""
    comparisons: list[SamplersTab]
    checks: list[PublishedCheck]
    timelines: list[TimelineTab]
    texts: list[str]
    states: list[str] = list(STATES)
    """Those that have a colour of their own."""
