"""How the points of a search can be drawn. A new sampler is one file and one line in ``ALL``."""

from dse.search.samplers.base import Drawer, Problem, Sampler
from dse.search.samplers.gp import GP
from dse.search.samplers.grid import GRID
from dse.search.samplers.nsga2 import NSGA2
from dse.search.samplers.nsga3 import NSGA3
from dse.search.samplers.qmc import QMC
from dse.search.samplers.random import RANDOM
from dse.search.samplers.tpe import TPE

ALL: tuple[Sampler, ...] = (NSGA2, NSGA3, TPE, GP, QMC, RANDOM, GRID)

BY_NAME: dict[str, Sampler] = {sampler.name: sampler for sampler in ALL}

__all__ = ["ALL", "BY_NAME", "Drawer", "Problem", "Sampler"]
