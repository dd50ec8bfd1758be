"""The record of a run: the results of a simulation as plain values, for files and pages.

``archsim run --json`` prints a `RunRecord`; a search stores a `PointRecord` of every point that it simulated; ``diff``,
the tables of a search and the report page read them. A field is declared here, once, with the source of its value and
its title on a page: a new field of `PointRecord` appears in all of these, a new field of `RunRecord` in ``run --json``.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from math import inf, isinf
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Self, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError
from pydantic.fields import FieldInfo

from archsim.analysis.roofline import roofline
from archsim.costs import Band, Figure, clock_problems
from archsim.errors import BadInput, mistakes
from archsim.files import read_text
from archsim.report import SimReport

T = TypeVar("T")


@dataclass(frozen=True)
class From(Generic[T]):
    """How a field is read from the recorded object; a field without it is read from the attribute of its own name."""

    read: Callable[[T], object]


FromReport: TypeAlias = From[SimReport]


@dataclass(frozen=True)
class Label:
    """The title and unit of a figure on a page; a field without it is not shown among the page's figures."""

    title: str
    unit: str


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise ValueError("must be a number from 0 on")
    return value


def _object(value: object) -> object:
    if not isinstance(value, dict):
        raise ValueError("must be an object")
    return value


def _finite(value: object) -> object:
    return None if isinstance(value, float) and isinf(value) else value


Count: TypeAlias = Annotated[int, BeforeValidator(_number)]
Amount: TypeAlias = Annotated[float, BeforeValidator(_number)]
Finite: TypeAlias = Annotated[float | None, BeforeValidator(_finite)]
"""A number, or None for infinity, which JSON cannot represent."""
Named: TypeAlias = Annotated[dict[str, T], BeforeValidator(_object)]
"""Values by the name of a component, an action or a cause."""
Ends: TypeAlias = tuple[float, float, float]
"""The low, middle and high value of a band."""


class PlainRecord(BaseModel):
    """Plain values read from an object or a file, whose other keys are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    key_order: ClassVar[tuple[str, ...]] = ()
    """The order of keys in JSON. Fields that are not listed follow, so a new one need not be added here."""

    @classmethod
    def of(cls, recorded: object, **more: object) -> Self:
        """The record of an object; `more` has the fields that the object does not know."""
        read = {name: source(recorded) for name, source in _sources(cls).items() if name not in more}
        return cls.model_validate(read | more)

    @classmethod
    def labels(cls) -> dict[str, Label]:
        """The labels of the fields that are figures of a page, by field name."""
        found = {name: _marked(field, Label) for name, field in cls.model_fields.items()}
        return {name: label for name, label in found.items() if label is not None}

    def to_json(self) -> dict[str, JsonValue]:
        return ordered(self.model_dump(mode="json"), self.key_order)

    @classmethod
    def mistakes_in_order(cls, error: ValidationError) -> list[str]:
        """A line for each mistake, in the order of JSON's keys, so that an unrelated file lacks the first one first."""
        order = {key: place for place, key in enumerate(dict.fromkeys((*cls.key_order, *cls.model_fields)))}
        places = (order.get(str(next(iter(each["loc"]), "")), -1) for each in error.errors())
        return [line for _, line in sorted(zip(places, mistakes(error), strict=True), key=itemgetter(0))]


def ordered(tree: Mapping[str, T], keys: Iterable[str]) -> dict[str, T]:
    """The same tree with `keys` first, in this order; keys that it lacks are ignored."""
    return {key: tree[key] for key in dict.fromkeys((*keys, *tree)) if key in tree}


@cache
def _sources(kind: type[PlainRecord]) -> dict[str, Callable[[Any], object]]:
    sources = {name: _marked(field, From) for name, field in kind.model_fields.items()}
    return {name: attrgetter(name) if found is None else found.read for name, found in sources.items()}


def _marked(field: FieldInfo, kind: type[T]) -> T | None:
    return next((each for each in field.metadata if isinstance(each, kind)), None)


class FigureRecord(PlainRecord):
    """One priced component; `low` and `high` equal `value` unless sources disagree."""

    value: float
    low: Annotated[float, From[Figure](lambda figure: figure.band.low)]
    high: Annotated[float, From[Figure](lambda figure: figure.band.high)]
    unit: str
    status: str
    source: str


class RooflineRecord(PlainRecord):
    """The record of a `Roofline`; None where a ceiling does not exist."""

    macs_per_dram_bit: Finite
    ceiling_pes_gops: float
    ceiling_lanes_gops: float
    ceiling_bus_gops: Finite
    ceiling_dram_gops: Finite
    ceiling_accesses_gops: Finite
    achieved_gops: float
    bound: str
    share: float


def figures(components: Mapping[str, Figure]) -> dict[str, FigureRecord]:
    return {name: FigureRecord.of(figure) for name, figure in components.items()}


def roofline_of(report: SimReport) -> RooflineRecord:
    return RooflineRecord.of(roofline(report))


class PointRecord(PlainRecord):
    """The record of a simulated point. Fields with a default are absent from files of the first versions of archsim."""

    lanes: int
    steps: int
    cycles: Count
    busy_cycles: Count
    stalls: Named[Count]
    """Stall cycles of the PE array by cause; together with `busy_cycles` they add up to `cycles`."""
    speedup_same_lanes: Annotated[
        float | None,
        FromReport(lambda report: report.dense and report.speedup_same_lanes),
        Label("Speed-up by skipping", "x"),
    ]
    """None if the run was made without dense runs."""
    gops: Annotated[float, Label("Achieved", "GOPS")]
    gops_effective: Annotated[float, Label("Dense-equivalent", "GOPS")]
    cycles_per_step: Annotated[float, Label("Cycles per step", "cycles")]
    weights_resident: Annotated[bool, FromReport(lambda report: report.resident)]
    left_out: tuple[str, ...]
    ledger: Annotated[Named[Named[Count]], FromReport(lambda report: report.ledger.counts)]
    roofline: Annotated[RooflineRecord | None, FromReport(roofline_of)] = None
    clock_problems: Annotated[tuple[str, ...], FromReport(lambda report: clock_problems(report.design))] = ()
    energy_not_counted: Annotated[tuple[str, ...] | None, FromReport(lambda report: report.energy.left_out)] = None
    """What no total of energy holds; None in files that do not say."""


class RunRecord(PointRecord):
    """The record of a run, as ``archsim run --json`` prints it. Energy is in pJ per token, area in mm²."""

    key_order: ClassVar[tuple[str, ...]] = (
        "design", "workload", "synthetic", "engine", "scope", "lanes", "steps", "tokens", "cycles", "cycles_per_step",
        "latency_us_per_step", "time_us_per_token", "tokens_per_second", "gops", "gops_effective",
        "speedup_same_lanes", "speedup_best_dense", "speedup_ideal", "busy_cycles", "stalls", "macs", "parameters",
        "weights_resident", "model_kib", "resident_kib", "load", "reused_steps", "dram_gbps", "left_out", "ledger",
        "energy_pj_per_token", "energy_system_band_pj_per_token", "energy_bands_pj_per_token", "energy_status",
        "power_chip_mw", "power_system_mw", "energy_not_counted", "clock_problems", "area_mm2", "area_bands_mm2",
        "area_status", "roofline",
    )  # fmt: skip

    design: Annotated[str, FromReport(lambda report: report.design.name)]
    workload: str
    synthetic: bool
    engine: str
    scope: str
    tokens: Count
    latency_us_per_step: float
    time_us_per_token: float
    tokens_per_second: float
    speedup_best_dense: float
    speedup_ideal: Finite
    macs: Annotated[Named[Count], FromReport(lambda report: vars(report.macs))]
    parameters: Annotated[Named[JsonValue], FromReport(lambda report: report.design.stated())] = {}
    """Parameters of the design, as a tree."""
    model_kib: Annotated[float, FromReport(lambda report: report.model_bits / BITS_PER_KIB)]
    resident_kib: Annotated[float, FromReport(lambda report: report.resident_bits / BITS_PER_KIB)] = 0.0
    load: Annotated[dict[str, JsonValue] | None, FromReport(lambda report: report.load and report.load.to_json())] = (
        None
    )
    reused_steps: int = 0
    dram_gbps: float
    energy_pj_per_token: Annotated[Named[Amount], FromReport(lambda report: _energy(report))]
    """Energy by component, and the totals of chip and system."""
    energy_system_band_pj_per_token: Annotated[Ends | None, FromReport(lambda report: ends(report.energy.band))] = None
    energy_bands_pj_per_token: Annotated[
        dict[str, tuple[float, float]], FromReport(lambda report: _bands(report.energy.components))
    ] = {}
    energy_status: Annotated[dict[str, str], FromReport(lambda report: _status(report.energy.components))]
    """Status of each energy: calibrated, predicted or given."""
    power_chip_mw: Annotated[float | None, FromReport(lambda report: report.energy.power_chip_mw)] = None
    power_system_mw: Annotated[float | None, FromReport(lambda report: report.energy.power_system_mw)] = None
    area_mm2: Annotated[Named[Amount], FromReport(lambda report: _area(report))]
    """Area by component, and the total of the chip."""
    area_bands_mm2: Annotated[
        dict[str, tuple[float, float]], FromReport(lambda report: _bands(report.area.components))
    ] = {}
    area_status: Annotated[dict[str, str], FromReport(lambda report: _status(report.area.components))]


BITS_PER_KIB = 8192


def load_tree(path: str | Path, absent: str) -> dict[str, object]:
    """The JSON object in a file. BadInput says what is wrong with it, or `absent` if there is no such file."""
    try:
        tree = json.loads(read_text(path))
    except FileNotFoundError:
        raise BadInput(f"{path}: {absent}") from None
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, a number of 5,000 digits; too deep
        raise BadInput(f"{path}: not JSON: {error}") from None
    if not isinstance(tree, dict):
        raise BadInput(f"{path}: must be one object, as archsim run --json writes it")
    return tree


def ends(band: Band) -> Ends:
    return band.low, band.mid, band.high


def _energy(report: SimReport) -> dict[str, float]:
    totals = {"total_chip": report.energy.total_chip, "total_system": report.energy.total_system}
    return _values(report.energy.components) | totals


def _area(report: SimReport) -> dict[str, float]:
    return _values(report.area.components) | {"total_chip": report.area.total_chip}


def _values(components: Mapping[str, Figure]) -> dict[str, float]:
    return {name: figure.value for name, figure in components.items()}


def _bands(components: Mapping[str, Figure]) -> dict[str, tuple[float, float]]:
    return {name: (figure.band.low, figure.band.high) for name, figure in components.items()}


def _status(components: Mapping[str, Figure]) -> dict[str, str]:
    return {name: figure.status for name, figure in components.items()}
