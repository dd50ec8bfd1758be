"""What other distributions add: entry points of a group, beside what is shipped, loaded when they are asked for.

A package states its group once (`Group`). An entry point is called as the object that it gives, and objects are those
that the package's base class or protocol describes::

    [project.entry-points."archsim.cells"]
    my-cell = "my_package:MY_CELL"
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Protocol, TypeVar

from archsim.errors import BadInput


class Called(Protocol):
    """What has a name."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Called)


@dataclass(frozen=True)
class Group(Generic[T]):
    """Things of one kind: those that are shipped, and those of the entry points of a group."""

    group: str
    """Of the entry points, such as ``archsim.cells``."""
    what: str
    """What one of them is called in a message."""
    rule: str
    """What an entry point must give."""
    accepts: Callable[[object], T | None]
    """What an entry point gives as one of them; None where it is none."""
    shipped: tuple[T, ...] = ()
    taken: tuple[str, ...] = ()
    """Names that are shipped in another form."""
    others: str = ""
    """What else a name may be."""

    def by_name(self, name: str) -> T:
        """The one called `name`; BadInput lists those there are, or says what is wrong with an entry point."""
        for one in self.shipped:
            if one.name == name:
                return one
        found = self.plugged(name)
        if found is None:
            raise BadInput(f"{self.what} must be one of {', '.join(self.names)}{self.others}, not {name!r}")
        return found

    def plugged(self, name: str) -> T | None:
        """What an entry point called `name` gives; None where there is none. BadInput where it is broken."""
        points = [point for point in self._points if point.name == name]
        if not points:
            return None
        if len(points) > 1:
            raise BadInput(f"{self._said(points[0])}: is given by {_of(points[1])} too; uninstall one of them")
        if name in self._taken:
            raise BadInput(f"{self._said(points[0])}: the name is taken by one that is shipped; it must have another")
        return self._loaded(points[0])

    def every(self) -> tuple[T, ...]:
        """All that are shipped, and all that entry points give; a broken one is left out (`faults`)."""
        return (*self.shipped, *_sound(self, tuple(sys.path))[0])

    def faults(self) -> tuple[str, ...]:
        """A line for each entry point that gives none."""
        return _sound(self, tuple(sys.path))[1]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.every())

    @property
    def _taken(self) -> tuple[str, ...]:
        return (*(one.name for one in self.shipped), *self.taken)

    @property
    def _points(self) -> Sequence[EntryPoint]:
        return tuple(_points(tuple(sys.path)).select(group=self.group))

    def _loaded(self, point: EntryPoint) -> T:
        try:
            given = point.load()
        except Exception as error:
            reason = " ".join(str(error).split()) or "no reason given"
            raise BadInput(f"{self._said(point)}: cannot be loaded ({type(error).__name__}: {reason[:200]})") from None
        one = self.accepts(given)
        if one is None:
            raise BadInput(f"{self._said(point)}: must give {self.rule}, not {type(given).__name__}")
        if one.name != point.name:
            raise BadInput(f"{self._said(point)}: must be called as its entry point, not {one.name!r}")
        return one

    def _said(self, point: EntryPoint) -> str:
        return f"{self.what} {point.name} of {_of(point)}"


def instance_of(kind: type) -> Callable[[object], Any]:
    """Accepts instances of a class."""
    return lambda given: given if isinstance(given, kind) else None


def having_all_of(protocol: type) -> Callable[[object], Any]:
    """Accepts what has all that a protocol asks for; nothing of it is called."""
    wanted = [name for name in dir(protocol) if not name.startswith("_")]
    absent = object()

    def accepts(given: object) -> object:
        there = all(inspect.getattr_static(given, name, absent) is not absent for name in wanted)
        return given if there else None

    return accepts


def _of(point: EntryPoint) -> str:
    """The distribution that an entry point comes with."""
    return point.dist.name if point.dist else point.value


@lru_cache(8)
def _points(path: tuple[str, ...]) -> Any:
    """The entry points of all groups. `path`: sys.path, since what is installed there is asked once."""
    return entry_points()


@lru_cache(64)
def _sound(group: Group[T], path: tuple[str, ...]) -> tuple[tuple[T, ...], tuple[str, ...]]:
    """What the entry points of a group give, and a line for each that is broken."""
    found: list[T] = []
    faults: dict[str, None] = {}
    for name in sorted({point.name for point in group._points}):
        try:
            one = group.plugged(name)
        except BadInput as error:
            faults[str(error)] = None
        else:
            found += [one] if one is not None else []
    return tuple(found), tuple(faults)
