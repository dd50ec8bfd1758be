"""What a search may demand of a design, beside bounds on objectives. A new one is one file and one line in ``ALL``."""

from archsim.plugins import Group, instance_of
from dse.constraints.base import Constraint
from dse.constraints.clock_met import CLOCK_MET
from dse.constraints.clock_reachable import CLOCK_REACHABLE
from dse.constraints.fits_on_chip import FITS_ON_CHIP
from dse.constraints.meets_deadline import MEETS_DEADLINE

ALL: tuple[Constraint, ...] = (FITS_ON_CHIP, CLOCK_MET, CLOCK_REACHABLE, MEETS_DEADLINE)

PLUGINS: Group[Constraint] = Group("archsim.constraints", "constraint", "a Constraint", instance_of(Constraint), ALL)
by_name, every = PLUGINS.by_name, PLUGINS.every


def is_one(name: str) -> bool:
    """Whether a constraint is called `name`, which may as well be an objective with a bound."""
    return any(constraint.name == name for constraint in every())


__all__ = ["ALL", "CLOCK_REACHABLE", "MEETS_DEADLINE", "PLUGINS", "Constraint", "by_name", "every", "is_one"]
