"""Functions of a design, computed once for each reading: for all designs that are alike in what the function reads."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from archsim.columns.reading import Derived, Key, Part, Reading, Whole, read_record, read_spec
from archsim.design import Design, parameters
from archsim.specs.base import Spec

Codes = NDArray[np.int32]
MOST_LEAVES = 2**17
"""Readings of one function that are remembered; beyond them it starts anew."""


class NoValue(Exception):
    """A result is no plain value, by which designs could be told apart."""


def identity(value: Any) -> Hashable:
    """By what plain values are told apart: also true from 1, 1 from 1.0, 0.0 from -0.0. NoValue for others.

    A record that is compared as an object is told apart as one.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind, value if value else repr(value)
    if kind is tuple:
        return kind, _of_all(value)
    if isinstance(value, np.generic) and kind is not Reading:
        return kind, identity(value.item())
    if kind is not Reading and is_dataclass(kind):
        if kind.__eq__ is object.__eq__:
            return kind, value
        if kind.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            return kind, _of_all(_attributes(kind)(value))
    raise NoValue


_PLAIN = frozenset((int, float, str, bool, type, type(None)))


def _of_all(values: tuple[Any, ...]) -> Hashable:
    types = tuple(map(type, values))
    if _PLAIN.issuperset(types):  # by far the most
        return types, values, tuple([repr(value) for value in values if not value])
    return tuple(map(identity, values))


@cache
def _attributes(kind: type) -> Callable[[Any], tuple[Any, ...]]:
    names = [each.name for each in fields(kind)]
    return attrgetter(*names) if len(names) > 1 else lambda record: tuple(getattr(record, name) for name in names)


class Raised(NamedTuple):
    """What a function raised instead of giving a value."""

    error: Exception

    def forget(self) -> "Raised":
        """Without the frames that it has passed, which hold all that was at hand there."""
        error: BaseException | None = self.error
        while error is not None:
            error = error.with_traceback(None).__cause__ or error.__context__
        return self


class Column(NamedTuple):
    """One value for each of N designs, as a code for each and the distinct values."""

    codes: Codes | None
    """(N,); None where all have the first value."""
    values: Sequence[Any]
    identities: Sequence[Hashable]


def column(codes: Codes | None, values: Sequence[Any]) -> Column:
    """A column of distinct `values`, equal ones made one. NoValue where one is no plain value."""
    known: dict[Hashable, int] = {}
    distinct: list[Any] = []
    renamed = np.empty(len(values), np.int32)
    for code, value in enumerate(values):
        raised = isinstance(value, Raised)
        key = (Raised, type(value.error), str(value.error)) if raised else identity(value)
        renamed[code] = known.setdefault(key, len(known))
        if len(known) > len(distinct):
            distinct.append(value)
    if codes is None or len(distinct) == 1:
        first = 0 if codes is None else int(renamed[0])
        return Column(None, distinct[first:], tuple(known)[first:])
    return Column(renamed[codes], distinct, tuple(known))


class Split:
    """N designs, told apart by some columns: `inverse` (N,) says which group each is in, `first` a design of each."""

    def __init__(self, count: int) -> None:
        self.inverse: NDArray[np.int64] = np.zeros(count, np.int64)
        self.first: NDArray[np.int64] = np.zeros(min(count, 1), np.int64)

    def by(self, codes: NDArray[np.integer[Any]], values: int) -> None:
        """Tell them apart by one more column as well, of codes from 0 to `values` - 1."""
        key = self.inverse * values + codes
        most = len(self.first) * values
        if most > 8 * len(key) + 1024:
            _, self.first, self.inverse = np.unique(key, return_index=True, return_inverse=True)
            return
        seen = np.full(most, -1, np.int64)
        seen[key[::-1]] = np.arange(len(key) - 1, -1, -1)
        there = seen >= 0
        self.first = seen[there]
        seen[there] = np.arange(len(self.first))
        self.inverse = seen[key]


class Leaf(NamedTuple):
    """What a function gave, and the keys that it read."""

    value: Any
    read: tuple[Key, ...]


@dataclass(slots=True)
class Node:
    """What is read next, and what follows by the value."""

    key: Key
    after: dict[Hashable, "Node | Leaf"] = field(default_factory=dict)


class Trie:
    """All readings of one function so far: by the values it has read, what it reads next, and at last its result."""

    def __init__(self) -> None:
        self.calls = 0
        """Times the function has been called."""
        self._begin()

    def _begin(self) -> None:
        self.roots: dict[Hashable, Node | Leaf] = {}
        self.leaves = 0
        self._reads: dict[tuple[Key, ...], tuple[Key, ...]] = {}
        self._values = len(_NO_VALUES)

    def root(self, kind: Hashable) -> Node | Leaf | None:
        """Where the readings of designs of a kind begin."""
        if self._values != len(_NO_VALUES):
            if not _NO_VALUES.isdisjoint((kind, key) for keys in self._reads for key in keys):
                self._begin()
            self._values = len(_NO_VALUES)
        return self.roots.get(kind)

    def add(self, kind: Hashable, read: Mapping[Key, Hashable], value: Any) -> Leaf:
        """A further reading. RuntimeError where the function reads something else after the same values."""
        if self.leaves >= MOST_LEAVES:
            self._begin()
        above, way = self.roots, kind
        for key, seen in read.items():
            node = above.get(way)
            if node is None:
                node = above[way] = Node(key)
            if not isinstance(node, Node) or node.key != key:
                raise RuntimeError(f"a function of a design reads {key} only sometimes, after the same values")
            above, way = node.after, seen
        keys = tuple(read)
        leaf = above[way] = Leaf(value, self._reads.setdefault(keys, keys))
        self.leaves += 1
        return leaf


class Columns:
    """The parameters of N designs as columns, and everything derived from them.

    `given` are the columns of the paths that differ from `base`, `real` builds design n. All are valid designs, or at
    least each component of them is.
    """

    def __init__(self, base: Design, given: Mapping[str, Column], count: int, real: Callable[[int], Design]) -> None:
        self.base, self.count, self.real = base, count, real
        self._known: dict[Key, Column | None] = dict(given.items())
        self._kind = _kind(base)
        self._parts: dict[str, type[Spec] | None] = {}

    def take(self, rows: NDArray[np.integer[Any]]) -> "Columns":
        """The same of some of the designs."""

        def taken(each: Column) -> Column:
            return each._replace(codes=None if each.codes is None else each.codes[rows])

        found = Columns(self.base, {}, len(rows), lambda n: self.real(int(rows[n])))
        found._known = {key: each and taken(each) for key, each in self._known.items()}
        return found

    def of(self, key: Key) -> Column | None:
        """The column of a parameter or of a derived value; None for what is no plain value."""
        if key not in self._known:
            self._known[key] = self._derived(key) if isinstance(key, Derived) else self._of_base(str(key))
        return self._known[key]

    def found(self, trie: Trie, function: Callable[[Any], Any]) -> tuple[Codes, list[Any]]:
        """(N,) codes of what the function gives, an exception as `Raised`, and what they stand for."""
        split, leaves = self._leaves(trie, function)
        known: dict[int, int] = {}
        values: list[Any] = []
        codes = np.empty(len(leaves), np.int32)
        for n, leaf in enumerate(leaves):
            codes[n] = known.setdefault(id(leaf), len(known))
            if len(known) > len(values):
                values.append(leaf.value)
        return codes[split.inverse], values

    def _leaves(self, trie: Trie, function: Callable[[Any], Any]) -> tuple[Split, list[Leaf]]:
        """The designs told apart by what the function reads, and the leaf of each group."""
        split, told, checked = Split(self.count), dict[Key, list[Hashable]](), set[int]()
        while True:
            leaves: list[Leaf] = []
            more: list[Key] = []
            for place, row in enumerate(split.first.tolist()):
                leaf = self._leaf(trie, function, row, place, told)
                if id(leaf.read) not in checked:
                    more = [key for key in leaf.read if key not in told]
                    if more:
                        break
                    checked.add(id(leaf.read))
                leaves.append(leaf)
            if not more:
                return split, leaves
            for key in more:
                codes, values, _ = self.known(key)
                if codes is not None:
                    split.by(codes, len(values))
            for key in (*told, *more):
                codes, _, seen = self.known(key)
                rows = [0] * len(split.first) if codes is None else codes[split.first].tolist()
                told[key] = [seen[code] for code in rows]

    def _leaf(
        self, trie: Trie, function: Callable[[Any], Any], row: int, place: int, told: Mapping[Key, Sequence[Hashable]]
    ) -> Leaf:
        """The leaf of one design, by a call of the function where it is new."""
        at = trie.root(self._kind)
        while isinstance(at, Node):
            ways = told.get(at.key)
            at = at.after.get(self._seen(at.key, row) if ways is None else ways[place])
        if at is not None:
            return at
        trie.calls += 1
        notes = _Run(self, row)
        try:
            value = notes.run(function)
            if isinstance(value, Raised) and isinstance(value.error, AttributeError | TypeError):
                raise Whole  # it may have taken the reading for what it is
        except Whole:
            for path in parameters(self.base):
                notes.read.setdefault(path, self._seen(path, row))
            value = _called(function, self.real(row))
        return trie.add(self._kind, notes.read, value)

    def _seen(self, key: Key, row: int) -> Hashable:
        codes, _, seen = self.known(key)
        return seen[0 if codes is None else codes[row]]

    def known(self, key: Key) -> Column:
        """The column of what is known to be a plain value."""
        found = self.of(key)
        assert found is not None
        return found

    def part(self, path: str) -> type[Spec] | None:
        """The class of the component at a path; None for a parameter."""
        if path not in self._parts:
            value = attrgetter(path)(self.base)
            self._parts[path] = type(value) if isinstance(value, Spec) else None
        return self._parts[path]

    def _of_base(self, path: str) -> Column:
        return column(None, (attrgetter(path)(self.base),))

    def _derived(self, function: Derived) -> Column | None:
        if (self._kind, function) in _NO_VALUES:
            return None
        try:
            if isinstance(function, Part):
                return self._part(function)
            return column(*self.found(_TRIES.setdefault(function, Trie()), _plain(function.call)))
        except NoValue:
            _NO_VALUES.add((self._kind, function))
            return None

    def _part(self, part: Part) -> Column:
        record = self.known(part.record)
        get = type if part.name == "__class__" else attrgetter(part.name)
        return column(record.codes, [v if isinstance(v, Raised) else _called(get, v) for v in record.values])


_TRIES: dict[Derived, Trie] = {}
"""Readings of what is derived of designs, by any function."""
_NO_VALUES: set[tuple[Hashable, Derived]] = set()
"""What gives something else than a plain value: whoever reads it depends on what it reads itself."""


def _plain(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function, NoValue where its result is none."""

    def call(design: Any) -> Any:
        value = function(design)
        identity(value)
        return value

    return call


def _called(function: Callable[[Any], Any], given: Any) -> Any:
    try:
        return function(given)
    except NoValue:
        raise
    except Exception as error:
        return Raised(error).forget()


@lru_cache(maxsize=64)
def _kind(base: Design) -> Hashable:
    """What all designs of a base have in common whatever is set: its components, and the classes of all."""
    fields_ = {name: getattr(base, name) for name in type(base).model_fields}
    return type(base), tuple((name, type(part)) for name, part in fields_.items() if isinstance(part, Spec))


class _Run:
    """The `Notes` of one run of a function, of one design."""

    def __init__(self, columns: Columns, row: int) -> None:
        self._columns, self._row, self._over = columns, row, False
        self.read: dict[Key, Hashable] = {}
        self._raised: list[Raised] = []
        self._components: dict[str, Reading] = {}

    def run(self, function: Callable[[Any], Any]) -> Any:
        try:
            return _called(function, read_spec(self, type(self._columns.base)))
        finally:
            self._over = True
            for each in self._raised:
                each.forget()

    def parameter(self, path: str) -> Any:
        if path in self._components:
            return self._components[path]
        kind = self._columns.part(path)
        if kind is None:
            return self._value(path)
        found = self._components[path] = read_spec(self, kind, path)
        return found

    def derived(self, function: Derived) -> Any:
        if self._columns.of(function) is None:
            return function.call(read_spec(self, type(self._columns.base)))
        if function.in_parts and is_dataclass(kind := self._value(function.part("__class__"))):
            return read_record(self, cast("type", kind), function)
        return self._value(function)

    def _value(self, key: Key) -> Any:
        if self._over:  # whatever has kept the reading depends on more than was noted
            raise Whole
        codes, values, seen = self._columns.known(key)
        code = 0 if codes is None else codes[self._row]
        self.read[key] = seen[code]
        value = values[code]
        if isinstance(value, Raised):
            self._raised.append(value)
            raise value.error
        return value
