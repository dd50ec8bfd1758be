"""The costs of many designs as columns: areas, clocks, latencies, and the energies of their runs.

They are those of ``costs.model`` but for rounding. Each block is built once for each reading of it, so that the work
grows with the sum and not with the product of what the components can be. What depends on the whole chip is computed
for all designs at once, by the same formulas.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from archsim.catalogue import CONTROL_CYCLE, READ_BITS, WRITE_BITS, Action
from archsim.columns.designs import FINE, Designs, Reasons
from archsim.columns.gather import Gatherer
from archsim.costs.block import LogicPrice
from archsim.costs.clock import reaches_of
from archsim.costs.conditions import conditions
from archsim.costs.figures import Figure
from archsim.costs.latencies import LATENCIES
from archsim.costs.library import PRICED_BY_KIND, built_block, side_um
from archsim.costs.model import dram_tariff
from archsim.costs.own import SHIPPED, CostTable
from archsim.costs.physical import clock_tree_ends, pins_pj, ring_mm2
from archsim.design import Design
from archsim.errors import BadInput

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
ENDS, MIDDLE = 3, 1
"""Low, middle and high."""
CHUNK = 2048
"""Points whose energies are computed at once."""


def _ends(figure: Figure) -> tuple[float, float, float]:
    return figure.band.low, figure.value, figure.band.high


# The numbers of a block: what it adds to the chip, the clocks that it reaches, and the prices of its actions.
_LOGIC_UM2, _MEMORY_MM2, _PINS_PJ, _SLOWEST_NS, _SHORTEST_NS, _EXTRA_STAGES = range(6)
_AREA, _LEAKAGE, _PRICES = slice(6, 9), slice(9, 12), 12
_PRICE = ENDS + 2
"""Numbers of an action: its energy on a chip without width, what each um of width adds, and 1 if it has a price."""


class _Block:
    """The numbers of one block of a library."""

    def __init__(self, name: str, costs: CostTable) -> None:
        self._name, self._costs, self._block = name, costs, costs.library.by_name[name]
        charged = costs.library.catalogue.charged(name)
        self._actions = tuple(action for action in costs.library.catalogue.actions if action in charged)
        self.places = np.array([costs.library.catalogue.actions.index(action) for action in self._actions], np.int64)
        """Places of its actions among those of the catalogue."""
        self.gather = Gatherer(self._numbers, _PRICES + _PRICE * len(self._actions))

    def _numbers(self, design: Design) -> list[float]:
        costs, name, at = self._costs, self._name, conditions(design)
        built = built_block(self._block, design, costs.library.catalogue)
        reaches, energies = reaches_of(name, built, at), built.energies(design, 0.0)
        numbers = [
            built.logic.area_um2 * at.area.mid if built.logic else 0.0,
            built.memory_mm2,
            LogicPrice(pins_pj(built)).fitted_pj(at),
            max((reach.needed_ns for reach in reaches), default=0.0),
            max((reach.shortest_ns for reach in reaches), default=0.0),
            sum(reach.extra_stages for reach in reaches),
            *_ends(costs.of_block(f"area.{name}", self._block, design, built.area(design))),
            *_ends(costs.of_block(f"leakage.{name}", self._block, design, built.leakage(design))),
        ]
        for action in self._actions:
            path, price = f"energy.{action.path}", built.prices.get(action)
            if price is None:
                numbers += [0.0] * _PRICE
            else:
                per_um = 0.0 if costs.get(path) else price.wires_pj_per_um(at)
                numbers += [*_ends(costs.figure(path, energies[action])), per_um, 1.0]
        return numbers


@dataclass(frozen=True, eq=False)
class _Prices:
    """The actions of one block, as rows that designs share; that of refused designs is NaN."""

    codes: NDArray[np.int32]
    """(N,), the row of each design."""
    places: Integers
    """(A,), places of the actions among those of the catalogue."""
    still_pj: Floats
    """(rows, A, 3), on a chip without width."""
    per_um_pj: Floats
    """(rows, A), what each um of the chip's width adds."""
    priced: NDArray[np.bool_]
    """(rows, A), whether an action has a price."""

    @property
    def wired(self) -> bool:
        return bool((self.per_um_pj > 0).any())


@dataclass(frozen=True, eq=False)
class Energies:
    """The energies of M runs, pJ a token, each at the low, middle and high end of its band; NaN for refused designs."""

    chip: Floats
    """(M, 3)"""
    system: Floats
    """(M, 3)"""
    us_per_token: Floats
    """(M,)"""


@dataclass(frozen=True, eq=False)
class Priced:
    """What N designs cost; all that is (N, 3) is low, middle and high. Numbers of refused designs are NaN."""

    designs: Designs
    costs: CostTable
    unbuilt: Reasons
    """Why a design has no area, leakage or clock, as ``costs.area`` says it, or why it is no valid design."""
    unpriced: Reasons
    """Why it has no energy, as ``costs.energy`` says it: it is not built, or the kind of its DRAM is not known."""
    area_mm2: Floats
    """(N, 3), as `AreaReport`."""
    leakage_mw: Floats
    """(N, 3)"""
    clock_tree_pj: Floats
    """(N, 3), in a cycle; 0 where a design does not count it."""
    clock_mhz: Floats
    """(N,)"""
    slowest_ns: Floats
    """(N,), what the slowest part takes as it is: the clock is met where a period is not shorter."""
    shortest_ns: Floats
    """(N,), the shortest period that any number of stages and banks reaches."""
    extra_stages: Floats
    """(N,), pipeline stages that the clock takes beyond those stated, over all parts, where it can be reached."""
    side_um: Floats
    """(N,), width of the chip."""
    dram: Floats
    """(N, 3, 3): pJ a bit read, pJ a bit written, mW of background; 0 without DRAM."""
    _prices: tuple[_Prices, ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        """What is counted, in the order of `energy`'s columns."""
        return self.costs.library.catalogue.actions

    def action_pj(self, rows: Integers) -> Floats:
        """(rows, A, 3), the energy of each action on some of the designs; 0 off chip, and where it has no price."""
        found = np.zeros((len(rows), len(self.actions), ENDS))
        found[:, self._places] = self._priced_pj(rows)
        return found

    @property
    def _places(self) -> Integers:
        """The places of the actions on the chip, block by block, among all."""
        return np.concatenate([each.places for each in self._prices])

    def _priced_pj(self, rows: Integers) -> Floats:
        """The same, (rows, actions on the chip, 3), block by block."""
        found = []
        for each in self._prices:
            codes = each.codes[rows]
            own = each.still_pj.take(codes, axis=0)
            if each.wired:
                own += (each.per_um_pj.take(codes, axis=0) * self.side_um[rows, None])[..., None]
            found.append(own)
        return np.concatenate(found, axis=1)

    def energy(self, rows: Integers, counts: Integers, cycles: Integers, tokens: Integers) -> Energies:
        """The energies of M runs, as ``costs.energy`` has them.

        `rows` (M,) are the numbers of their designs, `counts` (M, A) those of `actions`; `cycles` (M,) and `tokens`
        (M,) are at least 1. BadInput for an action that a design has no price for.
        """
        if len(rows) and (cycles.min() < 1 or tokens.min() < 1):
            raise BadInput(f"energy: cycles and tokens must be at least 1, not {cycles.min()} and {tokens.min()}")
        found = Energies(np.empty((len(rows), ENDS)), np.empty((len(rows), ENDS)), np.empty(len(rows)))
        for first in range(0, len(rows), CHUNK):
            part = slice(first, first + CHUNK)
            chip, system, us_per_token = self._energy(rows[part], counts[part], cycles[part], tokens[part])
            found.chip[part], found.system[part], found.us_per_token[part] = chip, system, us_per_token
        return found

    def _energy(
        self, rows: Integers, counts: Integers, cycles: Integers, tokens: Integers
    ) -> tuple[Floats, Floats, Floats]:
        self._check_priced(rows, counts)
        us_per_token = cycles / self.clock_mhz[rows] / tokens
        nj_per_mw = 1000 * us_per_token  # mW x us = 1000 pJ
        clocked = counts / tokens[:, None]
        clocked[:, self.actions.index(CONTROL_CYCLE)] += cycles / tokens
        chip = (clocked[:, None, self._places] @ self._priced_pj(rows))[:, 0]
        chip[self.unpriced.codes[rows] != FINE] = np.nan
        chip += self.clock_tree_pj[rows] * (cycles / tokens)[:, None] + self.leakage_mw[rows] * nj_per_mw[:, None]
        moved = clocked[:, [self.actions.index(action) for action in PRICED_BY_KIND]]
        dram = self.dram[rows]
        system = chip + np.einsum("mk,mke->me", moved, dram[:, :2])
        system += np.where(moved.any(axis=1), nj_per_mw, 0)[:, None] * dram[:, 2]
        return chip, system, us_per_token

    def _check_priced(self, rows: Integers, counts: Integers) -> None:
        for each in self._prices:
            if each.priced.all():
                continue
            lacking = (counts[:, each.places] != 0) & ~each.priced.take(each.codes[rows], axis=0)
            for action in each.places[lacking.any(axis=0)]:
                name, component = self.actions[action].name, self.actions[action].component
                raise BadInput(f"energy: no price for action {name!r} of component {component!r}")
        bits = [self.actions.index(action) for action in PRICED_BY_KIND]
        if self.designs.base.dram is None and counts[:, bits].any():
            raise BadInput(f"energy: design {self.designs.base.name} has no [dram], but bits of it are counted")


class Pricer:
    """Prices designs by a cost table, a call after the other; later calls share the readings of earlier ones."""

    def __init__(self, costs: CostTable = SHIPPED) -> None:
        self.costs = costs
        self._blocks = tuple(_Block(name, costs) for name in costs.library.by_name)
        self._whole = Gatherer(_of_the_whole, 3)
        self._dram = Gatherer(self._dram_numbers, 3 * ENDS)

    @property
    def calls(self) -> int:
        """Times that a function of a design has been called."""
        return sum(each.calls for each in (*(block.gather for block in self._blocks), self._whole, self._dram))

    def __call__(self, designs: Designs) -> Priced:
        """The costs of `designs`, refused ones included."""
        blocks = [block.gather(designs) for block in self._blocks]
        rows = [np.vstack((each.rows, np.full(each.rows.shape[1], np.nan))) for each in blocks]
        total, slowest = np.zeros((len(designs), _PRICES)), np.zeros((len(designs), 2))
        for each, numbers in zip(blocks, rows, strict=True):
            own = numbers[each.codes, :_PRICES]
            total += own
            np.maximum(slowest, own[:, (_SLOWEST_NS, _SHORTEST_NS)], out=slowest)
        clock_mhz, with_tree, pads = self._whole(designs).values.T
        area_mm2 = total[:, _AREA].copy()
        ringed = pads > 0
        area_mm2[ringed] += ring_mm2(pads[ringed], area_mm2[ringed, MIDDLE])
        unbuilt = _first([each.reasons for each in blocks])
        dram = self._dram(designs) if designs.base.dram else None
        return Priced(
            designs,
            self.costs,
            unbuilt,
            unpriced=_first([unbuilt, dram.reasons]) if dram else unbuilt,
            area_mm2=area_mm2,
            leakage_mw=total[:, _LEAKAGE].copy(),
            clock_tree_pj=with_tree[:, None] * clock_tree_ends(total[:, _PINS_PJ]),
            clock_mhz=clock_mhz.copy(),
            slowest_ns=slowest[:, 0].copy(),
            shortest_ns=slowest[:, 1].copy(),
            extra_stages=total[:, _EXTRA_STAGES].copy(),
            side_um=side_um(total[:, _LOGIC_UM2], total[:, _MEMORY_MM2]),
            dram=dram.values.reshape(-1, 3, ENDS) if dram else np.zeros((len(designs), 3, ENDS)),
            _prices=tuple(
                _prices(block.places, each.codes, numbers[:, _PRICES:])
                for block, each, numbers in zip(self._blocks, blocks, rows, strict=True)
            ),
        )

    def _dram_numbers(self, design: Design) -> list[float]:
        tariff = dram_tariff(design, self.costs)
        figures = (tariff.pj_per_bit[READ_BITS], tariff.pj_per_bit[WRITE_BITS], tariff.background_mw)
        return [number for figure in figures for number in _ends(figure)]


def _of_the_whole(design: Design) -> tuple[float, float, float]:
    physical = design.physical
    return design.clock_mhz, physical.clock_tree, physical.pads or 0


def _prices(places: Integers, codes: NDArray[np.int32], numbers: Floats) -> _Prices:
    each = numbers.reshape(len(numbers), len(places), _PRICE)
    still_pj, per_um_pj = (np.ascontiguousarray(part) for part in (each[..., :ENDS], each[..., ENDS]))
    return _Prices(codes, places, still_pj, per_um_pj, each[..., ENDS + 1] != 0)


def _first(reasons: Sequence[Reasons]) -> Reasons:
    """For each design the first reason that there is."""
    found = reasons[0]
    for later in reasons[1:]:
        rows = np.flatnonzero((found.codes == FINE) & (later.codes != FINE))
        if len(rows):
            found = found.then(rows, later.of_rows(rows))
    return found


@lru_cache(maxsize=8)
def _pricer(costs: CostTable) -> Pricer:
    return Pricer(costs)


def priced(designs: Designs, costs: CostTable = SHIPPED) -> Priced:
    """What designs cost by a table; what was read for it is remembered for later designs."""
    return _pricer(costs)(designs)


def _gatherer(of: Callable[[Design], int]) -> Gatherer:
    return Gatherer(lambda design: (of(design),), 1, np.int64)


_LATENCIES = tuple(map(_gatherer, LATENCIES.values()))


def latencies_of(designs: Designs) -> tuple[Integers, Reasons]:
    """(N, 4), in the order of `Latencies`, 0 for refused designs; and why these are refused."""
    found = [gather(designs) for gather in _LATENCIES]
    return np.hstack([each.values for each in found]), _first([each.reasons for each in found])
