"""The cost model: from a design and the counts of a run to pJ and mm2, each figure with its source. See README.md."""

from archsim.costs.blocks.weight_memory import banks
from archsim.costs.clock import clock_problems
from archsim.costs.figures import Band, End, Figure
from archsim.costs.model import AreaReport, EnergyReport, area, dram_lacks, energy, leakage
from archsim.costs.own import SHIPPED, CostTable, load_cost_table

__all__ = [
    "SHIPPED",
    "AreaReport",
    "Band",
    "CostTable",
    "End",
    "EnergyReport",
    "Figure",
    "area",
    "banks",
    "clock_problems",
    "dram_lacks",
    "energy",
    "leakage",
    "load_cost_table",
]
