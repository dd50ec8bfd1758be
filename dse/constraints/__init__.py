"""What holds of a design or not, and a search may demand. A new fact is one file and one line in ``ALL``."""

from dse.constraints.base import Fact
from dse.constraints.clock_met import CLOCK_MET
from dse.constraints.clock_reachable import CLOCK_REACHABLE
from dse.constraints.fits_on_chip import FITS_ON_CHIP
from dse.constraints.meets_deadline import MEETS_DEADLINE

ALL: tuple[Fact, ...] = (FITS_ON_CHIP, CLOCK_MET, CLOCK_REACHABLE, MEETS_DEADLINE)

BY_NAME: dict[str, Fact] = {fact.name: fact for fact in ALL}

__all__ = ["ALL", "BY_NAME", "MEETS_DEADLINE", "Fact"]
