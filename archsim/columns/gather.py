"""Numbers of N designs by a function of a design, which is called only for what it reads differently."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.columns.designs import FINE, Designs, Reasons
from archsim.columns.tries import Codes, Raised, Trie
from archsim.design import Design
from archsim.errors import BadInput

Numbers = NDArray[Any]
"""Of float64, or of int64 where integers were asked for."""
ABSENT = -1
"""The code of a design that has no row, since it is refused."""


@dataclass(frozen=True, eq=False)
class Gathered:
    """What a function gives for N designs: one row for all that it reads alike."""

    codes: Codes
    """(N,), the row of each design, or `ABSENT`."""
    rows: Numbers
    """(rows, width)."""
    reasons: Reasons
    """Why it gives nothing, as the function or `Design.override` says it."""

    @property
    def values(self) -> Numbers:
        """(N, width); those of refused designs are NaN, or 0 where they are integers."""
        none = np.full(self.rows.shape[1], np.nan if self.rows.dtype.kind == "f" else 0, self.rows.dtype)
        return np.vstack((self.rows, none))[self.codes]


class Gatherer:
    """Gathers a function of a design, which gives `width` numbers, over many designs.

    The function must depend on nothing but the design. What it reads is noted while it runs (`Reading`), and designs
    in which that is the same share its result, also those of a later call. Its BadInput refuses a design; any other
    exception is raised. An int64 `dtype` takes integers only: TypeError for a float, OverflowError beyond 64 bits.
    """

    def __init__(
        self,
        function: Callable[[Design], Sequence[float]],
        width: int,
        dtype: type[np.float64] | type[np.int64] = np.float64,
    ) -> None:
        self._function, self._width, self._dtype = function, width, dtype
        self._trie = Trie()

    @property
    def calls(self) -> int:
        """Times that the function has been called."""
        return self._trie.calls

    def __call__(self, designs: Designs) -> Gathered:
        found, values = designs.columns.found(self._trie, self._function)
        rows = [each for each in values if not isinstance(each, Raised)]
        known: dict[str, int] = {}
        row_of, reason_of = np.full(len(values), ABSENT, np.int32), np.full(len(values), FINE, np.int32)
        good = 0
        for code, each in enumerate(values):
            if not isinstance(each, Raised):
                row_of[code], good = good, good + 1
            elif isinstance(each.error, BadInput):
                reason_of[code] = known.setdefault(str(each.error), len(known))
            else:
                raise each.error
        codes = np.full(len(designs), ABSENT, np.int32)
        codes[designs.valid] = row_of[found]
        reasons = designs.problems.then(designs.valid, Reasons(reason_of[found], tuple(known)))
        return Gathered(codes, self._numbers(rows), reasons)

    def _numbers(self, rows: Sequence[Sequence[Any]]) -> Numbers:
        if self._dtype is np.int64 and any(not isinstance(value, int | np.integer) for row in rows for value in row):
            raise TypeError("gathered: the function must give integers")
        return np.array(rows, self._dtype).reshape(len(rows), self._width)


def gathered(
    designs: Designs,
    function: Callable[[Design], Sequence[float]],
    width: int,
    dtype: type[np.float64] | type[np.int64] = np.float64,
) -> Gathered:
    """What `Gatherer` gathers, once."""
    return Gatherer(function, width, dtype)(designs)
