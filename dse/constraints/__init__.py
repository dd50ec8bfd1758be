"""What a search may demand of a design, beside bounds on objectives. A new one is one file and one line in ``ALL``."""

from dse.constraints.base import Constraint
from dse.constraints.clock_met import CLOCK_MET
from dse.constraints.clock_reachable import CLOCK_REACHABLE
from dse.constraints.fits_on_chip import FITS_ON_CHIP
from dse.constraints.meets_deadline import MEETS_DEADLINE

ALL: tuple[Constraint, ...] = (FITS_ON_CHIP, CLOCK_MET, CLOCK_REACHABLE, MEETS_DEADLINE)

BY_NAME: dict[str, Constraint] = {constraint.name: constraint for constraint in ALL}

__all__ = ["ALL", "BY_NAME", "MEETS_DEADLINE", "Constraint"]
