"""The area of a design, and the energy of the actions that a run of it counted."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from archsim.catalogue import CONTROL_CYCLE, DRAM, READ_BITS, WRITE_BITS, Action, Catalogue
from archsim.columns.reading import per_design
from archsim.costs import dram
from archsim.costs.conditions import conditions
from archsim.costs.figures import Band, End, Figure, joined, of_band, total, weighted
from archsim.costs.library import PRICED_BY_KIND, chip
from archsim.costs.own import OWN_KIND, SHIPPED, CostTable
from archsim.costs.physical import CLOCK_TREE, PADS, clock_tree_pj, pads_mm2
from archsim.design import Design
from archsim.errors import BadInput
from archsim.ledger import Ledger


@dataclass(frozen=True)
class AreaReport:
    """Area of synthesised cells and SRAM macros by component, mm2; `basis` says what is included."""

    components: dict[str, Figure]
    basis: str

    def at(self, end: End) -> "AreaReport":
        """The report with every figure at the same end of its band."""
        return replace(self, components={name: figure.at(end) for name, figure in self.components.items()})

    @cached_property
    def total_chip(self) -> float:
        return sum(figure.value for figure in self.components.values())

    @cached_property
    def band(self) -> Band:
        """`total_chip` over the bands: how cells scale with the node, SRAM cells beyond the tables, pads."""
        return total(self.components.values())


class Powers:
    """Power, from energy and time of a token; of many runs at once where these are arrays."""

    time_us_per_token: float

    @property
    def total_chip(self) -> float:
        """pJ/token"""
        raise NotImplementedError

    @property
    def total_system(self) -> float:
        """pJ/token, with DRAM."""
        raise NotImplementedError

    @property
    def power_chip_mw(self) -> float:
        return self.total_chip / self.time_us_per_token / 1000

    @property
    def power_system_mw(self) -> float:
        return self.total_system / self.time_us_per_token / 1000


@dataclass(frozen=True)
class EnergyReport(Powers):
    """Energy per token by component, pJ: dynamic energy, ``leakage``, and ``dram`` with its background power.

    A token is one step of one sequence.
    """

    components: dict[str, Figure]
    time_us_per_token: float
    basis: str
    left_out: tuple[str, ...]
    off_chip: tuple[str, ...]
    """Names of those `components` that do not count for the chip."""
    dram_background_mw: float = 0.0
    """What `dram` takes whether it is read or not; 0 where no bit is moved, or where it is not known."""

    def at(self, end: End) -> "EnergyReport":
        """The report with every figure at the same end of its band."""
        return replace(self, components={name: figure.at(end) for name, figure in self.components.items()})

    @cached_property
    def total_chip(self) -> float:
        return sum(figure.value for figure in self._of_chip())

    @cached_property
    def total_system(self) -> float:
        return sum(figure.value for figure in self.components.values())

    @cached_property
    def band_chip(self) -> Band:
        """`total_chip` over the bands: leakage, SRAM at nodes and supplies beyond the tables, the clock tree."""
        return total(self._of_chip())

    @cached_property
    def band(self) -> Band:
        """`total_system` with all figures at their low, all at their middle or all at their high end."""
        return total(self.components.values())

    def _of_chip(self) -> Iterator[Figure]:
        return (figure for name, figure in self.components.items() if name not in self.off_chip)


AREA_BASIS = "synthesis, as the published areas: cells and macros; logic fills about 0.7 of a placed core; no pads"
ENERGY_BASIS = "steps back to back: leakage and DRAM background over the busy time only, no idle time between steps"


def area_basis(design: Design) -> str:
    """What the area of a design includes."""
    physical = design.physical
    if physical.utilisation is None and physical.pads is None:
        return AREA_BASIS
    share = physical.utilisation
    placed = "synthesis" if share is None else f"placed: cells fill {share:g} of the core"
    pads = "no pads" if physical.pads is None else f"{physical.pads} pads"
    return f"{placed}; cells and macros; {pads}"


DRAM_CONTROLLER = "DRAM controller"


def left_out(design: Design) -> tuple[str, ...]:
    """What no energy of a design counts."""
    physical = design.physical
    wires = "program store and long wires" if physical.clock_tree else "clock tree, program store and long wires"
    rim = ((DRAM_CONTROLLER, design.dram is not None), ("pads", physical.pads is None))
    return (wires, *(part for part, uncounted in rim if uncounted))


LEAKAGE = "leakage"
"""The name of the energy of all leakage among those of the components."""


@per_design
def area(design: Design, costs: CostTable = SHIPPED) -> AreaReport:
    """Area of the chip by component. BadInput names what the tables do not cover."""
    figures = {
        name: costs.of_block(f"area.{name}", costs.library.by_name[name], design, built.area(design))
        for name, built in chip(design, costs.library).built.items()
    }
    if design.physical.pads is not None:
        figures[PADS] = pads_mm2(design.physical.pads, tuple(figures.values()))
    return AreaReport(figures, area_basis(design))


@per_design
def leakage(design: Design, costs: CostTable = SHIPPED) -> dict[str, Figure]:
    """Leakage of the chip by component, mW, none of it fitted. BadInput names what the tables do not cover."""
    return {
        name: costs.of_block(f"leakage.{name}", costs.library.by_name[name], design, built.leakage(design))
        for name, built in chip(design, costs.library).built.items()
    }


@per_design
def prices(design: Design, costs: CostTable = SHIPPED) -> dict[Action, Figure]:
    """Energy of every on-chip action that the design can take, pJ, in the catalogue's order.

    BadInput names what the tables do not cover.
    """
    built = chip(design, costs.library)
    energies: dict[Action, Figure] = {}
    for block in built.built.values():
        energies |= block.energies(design, built.side_um)
    return {
        action: costs.figure(f"energy.{action.path}", energies[action])
        for action in costs.library.catalogue.actions
        if action in energies
    }


def fitted_pj(design: Design, ledger: Ledger, cycles: int) -> dict[str, float]:
    """By component: the energy of a run that is proportional to the fitted energy factor of logic, pJ."""
    counts, at = _clocked(ledger, cycles), conditions(design)
    return {
        name: sum(counts.get(action) * price.fitted_pj(at) for action, price in built.prices.items())
        for name, built in chip(design, SHIPPED.library).built.items()
    }


def clock_tree(design: Design, costs: CostTable = SHIPPED) -> Figure:
    """Energy of the clock tree in a cycle, pJ, whether the design counts it or not."""
    return clock_tree_pj(design, chip(design, costs.library).built.values())


def dram_pj_per_bit(design: Design, costs: CostTable = SHIPPED) -> Figure:
    """Energy of reading a bit from DRAM, pJ/bit. BadInput for a kind that neither shipped nor user's table has."""
    kind = design.channel.kind
    given = costs.get(f"dram.{kind}")
    if given is not None:
        return of_band(given.band, given.unit, "given", given.source)
    return dram.pj_per_bit(kind)


def dram_write_pj_per_bit(design: Design, costs: CostTable = SHIPPED) -> Figure:
    """Energy of writing a bit to DRAM, pJ/bit: by assumption that of reading one, since no source tells them apart."""
    read = dram_pj_per_bit(design, costs)
    return replace(read, source=f"{read.source}; a write is assumed to cost as much as a read")


def dram_background_mw(design: Design, costs: CostTable = SHIPPED) -> Figure:
    """Background power of all channels that the bandwidth takes, mW, whether they are read or not."""
    kind, bandwidth_gbps = design.channel.kind, design.channel.bandwidth_gbps
    given = costs.get(f"background.{kind}")
    if given is not None:
        channels = dram.channels(bandwidth_gbps)
        return of_band(given.band.times(channels), given.unit, "given", given.source)
    if kind.startswith(OWN_KIND) and costs.get(f"dram.{kind}"):
        return Figure(0.0, "mW", "predicted", f"{kind}: background power not known, not counted")
    return dram.background_mw(kind, bandwidth_gbps)


@dataclass(frozen=True)
class DramTariff:
    pj_per_bit: dict[Action, Figure]
    background_mw: Figure
    lacks: tuple[str, ...]


def dram_lacks(kind: str, costs: CostTable = SHIPPED) -> tuple[str, ...]:
    """What no total of a design with this kind of DRAM holds, since it is not known; empty where all is."""
    if costs.get(f"background.{kind}") is not None:
        return ()
    own = kind.startswith(OWN_KIND) and costs.get(f"dram.{kind}") is not None
    return () if not own and dram.knows_background(kind) else (dram.background_not_known(kind),)


@dataclass(frozen=True)
class _Tariff:
    """Everything about a design that the energy of a run depends on, looked up once."""

    catalogue: Catalogue
    prices: dict[Action, Figure]
    """The energy of every on-chip action, pJ."""
    clock_tree_pj: Figure | None
    """In a cycle; None if the design does not count it."""
    leakage_mw: Figure
    left_out: tuple[str, ...]
    dram: DramTariff | None
    """None for a design without DRAM."""


@per_design
def _tariff(design: Design, costs: CostTable) -> _Tariff:
    return _Tariff(
        costs.library.catalogue,
        prices(design, costs),
        clock_tree(design, costs) if design.physical.clock_tree else None,
        joined(leakage(design, costs).values(), "mW"),
        left_out(design),
        dram_tariff(design, costs) if design.dram else None,
    )


def dram_tariff(design: Design, costs: CostTable) -> DramTariff:
    moved = {READ_BITS: dram_pj_per_bit(design, costs), WRITE_BITS: dram_write_pj_per_bit(design, costs)}
    return DramTariff(moved, dram_background_mw(design, costs), dram_lacks(design.channel.kind, costs))


def energy(design: Design, ledger: Ledger, cycles: int, tokens: int, costs: CostTable = SHIPPED) -> EnergyReport:
    """Energy per token of a run that took `cycles` for `tokens`.

    A DRAM that is never used is assumed to be switched off; a design without one has no such component. For a machine
    that waits between steps, `cycles` are those of the whole period. BadInput for an action without a price, or for
    cycles or tokens below 1.
    """
    if cycles < 1 or tokens < 1:
        raise BadInput(f"energy: cycles and tokens must be at least 1, not {cycles} and {tokens}")
    tariff = _tariff(design, costs)
    us_per_token = cycles / design.clock_mhz / tokens
    figures = _dynamic(tariff, _clocked(ledger, cycles), tokens)
    nj_per_mw = 1000 * us_per_token  # mW x us = 1000 pJ
    if tariff.clock_tree_pj is not None:
        figures[CLOCK_TREE] = tariff.clock_tree_pj.times(cycles / tokens, "pJ/token")
    figures[LEAKAGE] = tariff.leakage_mw.times(nj_per_mw, "pJ/token")
    moved = {action: ledger.get(action) for action in PRICED_BY_KIND}
    used = any(moved.values())
    if tariff.dram:
        figures[DRAM.name] = _dram(tariff.dram, moved, tokens, nj_per_mw)
    elif used:
        raise BadInput(f"energy: design {design.name} has no [dram], but bits of it are counted")
    background, lacks = (tariff.dram.background_mw.value, tariff.dram.lacks) if tariff.dram and used else (0.0, ())
    not_counted = (*lacks, *tariff.left_out)
    return EnergyReport(figures, us_per_token, ENERGY_BASIS, not_counted, tariff.catalogue.off_chip, background)


def _clocked(ledger: Ledger, cycles: int) -> Ledger:
    """The counts with those cycles in which the control is clocked: all, also those in which the machine waits."""
    counts = Ledger({component: dict(actions) for component, actions in ledger.counts.items()})
    counts.add(CONTROL_CYCLE, cycles)
    return counts


def _dram(tariff: DramTariff, moved: Mapping[Action, int], tokens: int, nj_per_mw: float) -> Figure:
    """Energy per token of the bits that are moved, and of the channel's background where any are."""
    parts = [
        tariff.pj_per_bit[action].times(bits / tokens, "pJ/token")
        for action, bits in moved.items()
        if bits or action is READ_BITS  # nothing moved: zero, with the source of a read
    ]
    if any(moved.values()):
        parts.append(tariff.background_mw.times(nj_per_mw, "pJ/token"))
    return joined(parts, "pJ/token")


def _dynamic(tariff: _Tariff, ledger: Ledger, tokens: int) -> dict[str, Figure]:
    spent: dict[str, list[tuple[float, Figure]]] = {name: [] for name in tariff.catalogue.with_area}
    for component, name, amount in _counted(ledger):
        action = tariff.catalogue.action(component, name)
        price = None if action is None else tariff.prices.get(action)
        if action is None or price is None:
            raise BadInput(f"energy: no price for action {name!r} of component {component!r}")
        spent[action.charged_to].append((amount / tokens, price))
    for action, price in tariff.prices.items():
        if not spent[action.charged_to]:  # nothing counted: zero, with the source of the first action
            spent[action.charged_to].append((0.0, price))
    return {name: weighted(parts, "pJ/token") for name, parts in spent.items() if parts}


_OFF_CHIP = frozenset((action.component, action.name) for action in PRICED_BY_KIND)


def _counted(ledger: Ledger) -> Iterable[tuple[str, str, int]]:
    """The counts in a fixed order, whichever engine counted, since the last digit of a sum of floats depends on it."""
    for component, actions in sorted(ledger.counts.items()):
        for action, amount in sorted(actions.items()):
            if (component, action) not in _OFF_CHIP:
                yield component, action, amount
