"""Area of a design, and the energy of what a run of it counted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from archsim import catalogue
from archsim.costs import dram, technology
from archsim.costs.figures import Band, End, Figure, joined, of_band, total, weighted
from archsim.costs.own import OWN_KIND, SHIPPED, CostTable
from archsim.costs.parts import COMPONENTS, logic, memories, parts
from archsim.costs.prices import DRAM_READ, LOGIC_SOURCE, PRICES, Action, memory_figure
from archsim.design import Design
from archsim.errors import BadInput
from archsim.ledger import Ledger


@dataclass(frozen=True)
class AreaReport:
    """Area of synthesised cells and SRAM macros by component, mm2; see `basis`."""

    components: dict[str, Figure]
    basis: str

    def at(self, end: End) -> "AreaReport":
        """With every figure at the same end of its band."""
        return replace(self, components={name: figure.at(end) for name, figure in self.components.items()})

    @cached_property
    def total_chip(self) -> float:
        return sum(figure.value for figure in self.components.values())

    @cached_property
    def band(self) -> Band:
        """`total_chip` with the least and the most that sources say of how cells scale with the node."""
        return total(self.components.values())


@dataclass(frozen=True)
class EnergyReport:
    """Energy per token by component, pJ: dynamic, `leakage`, and `dram`: its reads and its background power.

    A token is one step of one sequence.
    """

    components: dict[str, Figure]
    time_us_per_token: float
    basis: str
    left_out: tuple[str, ...]

    def at(self, end: End) -> "EnergyReport":
        """With every figure at the same end of its band."""
        return replace(self, components={name: figure.at(end) for name, figure in self.components.items()})

    @cached_property
    def total_chip(self) -> float:
        return sum(figure.value for name, figure in self.components.items() if name != "dram")

    @cached_property
    def total_system(self) -> float:
        return sum(figure.value for figure in self.components.values())

    @cached_property
    def band_chip(self) -> Band:
        """`total_chip` over the band of leakage."""
        return total(figure for name, figure in self.components.items() if name != "dram")

    @cached_property
    def band(self) -> Band:
        """`total_system` over the bands of leakage and DRAM, all low, all middle, all high."""
        return total(self.components.values())

    @property
    def power_chip_mw(self) -> float:
        return self.total_chip / self.time_us_per_token / 1000

    @property
    def power_system_mw(self) -> float:
        return self.total_system / self.time_us_per_token / 1000


AREA_BASIS = "synthesis, as the published areas: cells and macros; logic fills about 0.7 of a placed core; no pads"
ENERGY_BASIS = "steps back to back: leakage and DRAM background over the busy time only, no idle time between steps"
LEFT_OUT = (
    "clock tree, control and long wires",
    "DRAM controller and pads",
)

LEAKAGE_SOURCES = {
    "logic": "Nangate 45 nm, 25 C, scaled as CACTI's itrs-hp SRAM; low: low-standby-power process, high: 330 K",
    "sram": "CACTI 7, itrs-lstp, 330 K; high: low-operating-power devices",
}


@lru_cache(maxsize=4096)
def area(design: Design, costs: CostTable = SHIPPED) -> AreaReport:
    """Area of the chip; BadInput names what the tables do not cover."""
    scale = technology.area_scale(design.node_nm)
    shipped = {
        name: of_band(scale.times(cells.area_um2 / 1e6), "mm2", "predicted", LOGIC_SOURCE)
        for name, cells in logic(design).items()
    }
    for name, macros in memories(design).items():
        shipped[name] = memory_figure(design, name, sum(m.area_mm2 for m in macros), "mm2")
    figures = {name: costs.component(f"area.{name}", name, design, shipped[name]) for name in COMPONENTS}
    return AreaReport(figures, AREA_BASIS)


@lru_cache(maxsize=4096)
def leakage(design: Design, costs: CostTable = SHIPPED) -> dict[str, Figure]:
    """Of the chip by component, mW; not fitted."""
    of_logic = technology.logic_leakage(design.node_nm, design.voltage_v)
    of_sram = technology.sram_leakage(design.node_nm)
    shipped = {
        name: of_band(of_logic.times(cells.leak_nw / 1e6), "mW", "predicted", LEAKAGE_SOURCES["logic"])
        for name, cells in logic(design).items()
    }
    for name, macros in memories(design).items():
        band = of_sram.times(sum(m.leak_mw for m in macros))
        shipped[name] = of_band(band, "mW", "predicted", LEAKAGE_SOURCES["sram"])
    return {name: costs.component(f"leakage.{name}", name, design, shipped[name]) for name in COMPONENTS}


@lru_cache(maxsize=4096)
def prices(design: Design, costs: CostTable = SHIPPED) -> dict[Action, tuple[str, Figure]]:
    """(component, action) of a ledger -> (component of the report, pJ), for all but DRAM."""
    p = parts(design)
    return {
        (component, action): (reported, costs.figure(f"energy.{component}.{action}", rule(design, p)))
        for (component, action), (reported, rule) in PRICES.items()
    }


def dram_pj_per_bit(design: Design, costs: CostTable = SHIPPED) -> Figure:
    """BadInput lists the kinds there are, where neither the shipped table nor the own one has this one."""
    kind = design.dram.kind
    given = costs.get(f"dram.{kind}")
    if given is not None:
        return of_band(given.band, given.unit, "given", given.source)
    return dram.pj_per_bit(kind)


def dram_background_mw(design: Design, costs: CostTable = SHIPPED) -> Figure:
    """Of all channels that the bandwidth takes, whether they are read or not."""
    kind = design.dram.kind
    given = costs.get(f"background.{kind}")
    if given is not None:
        channels = dram.channels(design.dram.bandwidth_gbps)
        return of_band(given.band.times(channels), given.unit, "given", given.source)
    if kind.startswith(OWN_KIND) and costs.get(f"dram.{kind}"):
        return Figure(0.0, "mW", "predicted", f"{kind}: background power not known, not counted")
    return dram.background_mw(kind, design.dram.bandwidth_gbps)


@dataclass(frozen=True)
class _Tariff:
    """All that a run's energy takes of a design, looked up once."""

    prices: dict[Action, tuple[str, Figure]]
    leakage_mw: Figure
    dram_pj_per_bit: Figure
    dram_background_mw: Figure


@lru_cache(maxsize=4096)
def _tariff(design: Design, costs: CostTable) -> _Tariff:
    return _Tariff(
        prices(design, costs),
        joined(leakage(design, costs).values(), "mW"),
        dram_pj_per_bit(design, costs),
        dram_background_mw(design, costs),
    )


def energy(design: Design, ledger: Ledger, cycles: int, tokens: int, costs: CostTable = SHIPPED) -> EnergyReport:
    """Energy per token of a run that took `cycles` for `tokens`; BadInput for an action without a price.

    A DRAM that is never read is taken to be switched off. For a machine that waits between steps, `cycles` are those of
    the whole period.
    """
    if cycles < 1 or tokens < 1:
        raise BadInput(f"energy: cycles and tokens must be at least 1, not {cycles} and {tokens}")
    tariff = _tariff(design, costs)
    us_per_token = cycles / design.clock_mhz / tokens
    figures = _dynamic(tariff, ledger, tokens)
    nj_per_mw = 1000 * us_per_token  # mW x us = 1000 pJ
    figures["leakage"] = tariff.leakage_mw.times(nj_per_mw, "pJ/token")
    bits = ledger.get(catalogue.READ_BITS)
    figures["dram"] = tariff.dram_pj_per_bit.times(bits / tokens, "pJ/token")
    if bits:
        background = tariff.dram_background_mw.times(nj_per_mw, "pJ/token")
        figures["dram"] = joined((figures["dram"], background), "pJ/token")
    return EnergyReport(figures, us_per_token, ENERGY_BASIS, LEFT_OUT)


def _dynamic(tariff: _Tariff, ledger: Ledger, tokens: int) -> dict[str, Figure]:
    spent: dict[str, list[tuple[float, Figure]]] = {name: [] for name in COMPONENTS}
    for component, action, amount in _counted(ledger):
        if (component, action) not in tariff.prices:
            raise BadInput(f"energy: no price for action {action!r} of component {component!r}")
        name, price = tariff.prices[component, action]
        spent[name].append((amount / tokens, price))
    for name, price in reversed(tariff.prices.values()):
        spent[name] = spent[name] or [(0.0, price)]  # nothing counted: nothing spent, of the first action's source
    return {name: weighted(parts_, "pJ/token") for name, parts_ in spent.items()}


def _counted(ledger: Ledger) -> Iterable[tuple[str, str, int]]:
    """In one order, whichever engine counted: a sum of floats hangs on it in its last digit."""
    for component, actions in sorted(ledger.counts.items()):
        for action, amount in sorted(actions.items()):
            if (component, action) != DRAM_READ:
                yield component, action, amount
