"""Users' cost tables: a TOML file of figures that replace shipped ones, one table for each, with its unit and source.

::

    name = "our 28 nm library"

    [area.pe_array]              # or "mm2": of the whole component
    value = 410.0
    unit = "um2/PE"
    source = "synthesis report of 2026-03-02"

    [energy.pe_array.mac]        # any action that the machine counts
    value = 0.31
    low = 0.28                   # low and high are optional, and go together
    high = 0.40
    unit = "pJ"
    source = "power report of 2026-03-02"

    [leakage.weight_memory]      # or "mW": of the whole component
    value = 3.2e-3
    unit = "nW/bit"
    source = "data sheet of the SRAM compiler"

    [dram.lpddr4]                # a kind that is not shipped is called own-...
    value = 4.5
    unit = "pJ/bit"
    source = "data sheet"

    [background.lpddr4]          # of one channel of 51.2 Gb/s
    value = 20.0
    unit = "mW"
    source = "data sheet"
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from pathlib import Path

from pydantic import Field, ValidationError

from archsim.costs.block import HardwareBlock
from archsim.costs.dram import KINDS
from archsim.costs.figures import Band, Figure, of_band
from archsim.costs.library import LIBRARY, Library
from archsim.design import Design
from archsim.errors import BadInput, explain
from archsim.files import read_toml
from archsim.frozen import Frozen

OWN_KIND = "own-"
"""The prefix of the name of a kind of DRAM that the shipped table does not have."""


@dataclass(frozen=True)
class Given:
    """A figure that a user gives."""

    band: Band
    unit: str
    source: str


@dataclass(frozen=True)
class CostTable:
    """A user's figures by dotted path, such as ``energy.pe_array.mac``; all others are the library's. Hashable."""

    name: str
    figures: tuple[tuple[str, Given], ...] = ()
    library: Library = LIBRARY

    @cached_property
    def _by_path(self) -> dict[str, Given]:
        return dict(self.figures)

    def get(self, path: str) -> Given | None:
        return self._by_path.get(path)

    def figure(self, path: str, shipped: Figure) -> Figure:
        """The user's figure if there is one, otherwise `shipped`."""
        given = self.get(path)
        return shipped if given is None else of_band(given.band, given.unit, "given", given.source)

    def of_block(self, path: str, block: HardwareBlock, design: Design, shipped: Figure) -> Figure:
        """The user's area or leakage of a block if there is one, given for the whole block or for one of its units."""
        given = self.get(path)
        if given is None:
            return shipped
        factor = 1.0 if given.unit == shipped.unit else 1e-6 * block.count(design)  # um2 to mm2, nW to mW
        return of_band(given.band.times(factor), shipped.unit, "given", given.source)


SHIPPED = CostTable("shipped")


class _Entry(Frozen):
    value: float = Field(ge=0, allow_inf_nan=False)
    low: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    high: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    unit: str
    source: str = Field(min_length=1)


def load_cost_table(path: str | Path, library: Library = LIBRARY) -> CostTable:
    """Read and validate a user's cost table. BadInput says what is wrong, and where."""
    try:
        tree = read_toml(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such cost table") from None
    try:
        return cost_table(tree, library)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def cost_table(tree: Mapping[str, object], library: Library = LIBRARY) -> CostTable:
    """The cost table of a parsed TOML file. BadInput names the dotted path of a mistake and the rule it breaks."""
    name = tree.get("name")
    if not isinstance(name, str) or not name:
        raise BadInput(f"name: must be a text, not {name!r}")
    sections = {key: value for key, value in tree.items() if key != "name"}
    return CostTable(name, tuple(sorted(_figures(sections, library))), library)


def _figures(tree: Mapping[str, object], library: Library) -> Iterator[tuple[str, Given]]:
    known = _units(library)
    for path, entry in _entries(tree, ""):
        units = known.get(path) or _units_of_own_kind(path)
        if units is None:
            raise BadInput(f"{path}: unknown key; choose from {_known_beside(path, known)}")
        yield path, _given(path, entry, units)


def _entries(tree: Mapping[str, object], prefix: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    """The innermost tables by dotted path: those that contain no further tables."""
    for key, value in tree.items():
        path = prefix + key
        if not isinstance(value, dict):
            raise BadInput(f"{path}: must be a table with value, unit and source, not {value!r}")
        if value and all(isinstance(inner, dict) for inner in value.values()):
            yield from _entries(value, f"{path}.")
        else:
            yield path, value


def _units(library: Library) -> dict[str, tuple[str, ...]]:
    """Every path that a cost table may name, with the units that its figure may have."""
    area = {f"area.{name}": ("mm2", f"um2/{block.unit}") for name, block in library.by_name.items()}
    leakage = {f"leakage.{name}": ("mW", f"nW/{block.unit}") for name, block in library.by_name.items()}
    priced = (action for action in library.catalogue.actions if action.charged_to in library.by_name)
    actions = {f"energy.{action.path}": ("pJ",) for action in priced}
    dram = {f"dram.{kind}": ("pJ/bit",) for kind in KINDS}
    return {**area, **leakage, **actions, **dram, **{f"background.{kind}": ("mW",) for kind in KINDS}}


def _units_of_own_kind(path: str) -> tuple[str, ...] | None:
    """Units of a figure of a DRAM kind that only the user's table has; None for any other path."""
    section, _, kind = path.partition(".")
    return {"dram": ("pJ/bit",), "background": ("mW",)}.get(section) if kind.startswith(OWN_KIND) else None


def _known_beside(path: str, known: Mapping[str, tuple[str, ...]]) -> str:
    """The known paths to suggest for a wrong one: those beside it, or those of its section, or all sections."""
    beside = [other for other in known if other.rpartition(".")[0] == path.rpartition(".")[0]]
    if not beside:
        beside = [other for other in known if other.split(".")[0] == path.split(".")[0]]
    return ", ".join(beside or dict.fromkeys(other.split(".")[0] for other in known))


def _given(path: str, entry: Mapping[str, object], units: tuple[str, ...]) -> Given:
    try:
        checked = _Entry.model_validate(_floats(entry))
    except ValidationError as error:
        raise BadInput("; ".join(f"{path}.{line}" for line in explain(error).split("; "))) from None
    if checked.unit not in units:
        raise BadInput(f"{path}.unit: must be {' or '.join(units)}, not {checked.unit!r}")
    if (checked.low is None) != (checked.high is None):
        raise BadInput(f"{path}: low and high go together")
    low, high = (checked.value if end is None else end for end in (checked.low, checked.high))
    if not low <= checked.value <= high:
        raise BadInput(f"{path}: value must lie between low and high, not {low:g}, {checked.value:g}, {high:g}")
    return Given(Band(low, checked.value, high), checked.unit, checked.source)


def _floats(entry: Mapping[str, object]) -> dict[str, object]:
    """Convert TOML's integers to floats, infinite where they are too large; truth values are no numbers."""

    def number(value: object) -> object:
        try:
            return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        except OverflowError:
            return inf

    return {key: number(value) for key, value in entry.items()}
