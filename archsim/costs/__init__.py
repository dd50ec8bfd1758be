"""Prices: counts and a design in, pJ and mm2 out, each figure with its source. See README.md."""

from archsim.costs.dram import Band
from archsim.costs.model import AreaReport, EnergyReport, Figure, area, clock_problems, energy

__all__ = ["AreaReport", "Band", "EnergyReport", "Figure", "area", "clock_problems", "energy"]
