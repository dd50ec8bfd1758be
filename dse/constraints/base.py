"""What every constraint answers: its name, and how far a point is from it."""

from collections.abc import Callable
from dataclasses import dataclass

from dse.evaluation.point import Evaluation


@dataclass(frozen=True)
class Constraint:
    """A condition that an evaluated point meets or not."""

    name: str
    title: str
    excess: Callable[[Evaluation], float]
    """At most 0 where it holds; above, a share by which it is missed: what a sampler can descend."""
    demanded_of: tuple[str, ...] = ()
    """Kinds of scenario in which every search demands it, whether it is named or not."""
    waivable: bool = False
    """Whether a search may say that it does not demand it."""
