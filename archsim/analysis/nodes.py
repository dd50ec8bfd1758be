"""The factors of every node, as docs/physical.md shows them: ``python -m archsim.analysis.nodes``."""

from archsim.costs.devices import TABLE_NODES, nearest_table
from archsim.costs.figures import Band
from archsim.costs.leakage import logic_leakage
from archsim.costs.sram_nodes import node_scale
from archsim.costs.technology import NODES, area_scale, delay_scale, energy_scale, nominal_supply
from archsim.specs.physical import Flavour


def markdown() -> str:
    """A row for each node: logic over that at 45 nm in both processes, and SRAM over the table it is scaled from."""
    head = (
        "| nm | area | V | energy | delay | leakage | low-power V | energy | delay | leakage "
        "| SRAM from | area | energy | delay |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(_row(node) for node in NODES)])


def _row(node: int) -> str:
    cells = [str(node), f"{area_scale(node).mid:.3g}", *_logic(node, None), *_logic(node, "low-power"), *_sram(node)]
    return f"| {' | '.join(cells)} |"


def _logic(node: int, flavour: Flavour | None) -> list[str]:
    factors = energy_scale(node, None, flavour), delay_scale(node, None, flavour)
    leak = logic_leakage(node, None, flavour).mid
    return [f"{nominal_supply(node, flavour):g}", *(f"{factor:.3g}" for factor in factors), f"{leak:.2g}"]


def _sram(node: int) -> list[str]:
    if node in TABLE_NODES:
        return ["itself", "", "", ""]
    scale = node_scale(node)
    return [f"{nearest_table(node)} nm", _banded(scale.area), _banded(scale.energy), f"{scale.delay:.2f}"]


def _banded(band: Band) -> str:
    return f"{band.mid:.2f}" if band.low == band.high else f"{band.mid:.2f} ({band.low:.2f} to {band.high:.2f})"


if __name__ == "__main__":
    print(markdown())
