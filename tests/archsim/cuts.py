"""Stages cut into the largest blocks that the accumulators hold, for tests of what follows from a cut."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from archsim.mapping.dataflows.base import Cut
from archsim.mapping.estimate import StageTime


def _largest(time: StageTime, most: int, unit_by_unit: bool) -> Cut:
    return Cut(0, -(-time.units // most), unit_by_unit, most)


@contextmanager
def largest_blocks() -> Iterator[None]:
    """A context, or a decorator of a test, in which all times are alike, so that the fewest blocks are chosen."""
    with mock.patch.object(StageTime, "fastest", _largest):
        yield
