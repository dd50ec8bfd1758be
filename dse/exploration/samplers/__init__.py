"""How the points of a search can be drawn. A new sampler is one file and one line in ``ALL``."""

from archsim.plugins import Group, instance_of
from dse.exploration.samplers.base import Drawer, Problem, Sampler
from dse.exploration.samplers.gp import GP
from dse.exploration.samplers.grid import GRID
from dse.exploration.samplers.nsga2 import NSGA2
from dse.exploration.samplers.nsga3 import NSGA3
from dse.exploration.samplers.qmc import QMC
from dse.exploration.samplers.random import RANDOM
from dse.exploration.samplers.tpe import TPE

ALL: tuple[Sampler, ...] = (NSGA2, NSGA3, TPE, GP, QMC, RANDOM, GRID)

PLUGINS: Group[Sampler] = Group("archsim.samplers", "sampler", "a Sampler", instance_of(Sampler), ALL)
by_name, every = PLUGINS.by_name, PLUGINS.every

__all__ = ["ALL", "PLUGINS", "Drawer", "Problem", "Sampler", "by_name", "every"]
