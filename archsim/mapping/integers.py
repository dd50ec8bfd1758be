"""Arrays of integers, in which many arrangements of a stage are counted at a time."""

from typing import Any

from numpy.typing import NDArray

Ints = NDArray[Any]
"""int64, or Python's integers where 64 bits might not do."""


def ceil_divs(numerators: Ints, denominator: int) -> Ints:
    """The quotients, rounded up to integers."""
    found: Ints = (numerators + (denominator - 1)) // denominator
    return found
