"""Designs as columns: a base, and for each of N designs a code of the value that it has on each of some paths."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from archsim.columns.tries import Codes, Column, Columns, NoValue, Split, Trie, column, identity
from archsim.design import Design, DesignFields, Value
from archsim.errors import BadInput, explain
from archsim.frozen import plain
from archsim.specs.base import Spec

NOT_SET = -1
"""The code of a path that a design does not set: its value is that of the base."""
FINE = -1
"""The code of a design that nothing is wrong with."""


class Reasons(NamedTuple):
    """What is wrong with each of N designs: (N,) places in `messages`, or `FINE`."""

    codes: Codes
    messages: tuple[str, ...]

    def of(self, n: int) -> str | None:
        """What is wrong with design `n`; None if nothing is."""
        code = self.codes[n]
        return None if code == FINE else self.messages[code]

    def of_rows(self, rows: NDArray[np.integer[Any]]) -> "Reasons":
        """What is wrong with some of the designs."""
        return Reasons(self.codes[rows], self.messages)

    def then(self, rows: NDArray[np.integer[Any]], later: "Reasons") -> "Reasons":
        """The same, with what is wrong with `rows`, with which nothing was."""
        codes = self.codes.copy()
        known = {message: code for code, message in enumerate(self.messages)}
        renamed = [known.setdefault(message, len(known)) for message in later.messages]
        codes[rows] = np.array([*renamed, FINE], np.int32)[later.codes]
        return Reasons(codes, tuple(known))


@dataclass(frozen=True, eq=False)
class Designs:
    """N designs that differ from `base` on P `paths`, whether they are valid or not.

    What is derived of them takes about a kilobyte a design: of a large space, take some 10^5 at a time. BadInput for a
    path that is no parameter of `base`; ValueError for codes that stand for no value.
    """

    base: Design
    paths: tuple[str, ...]
    values: tuple[tuple[Value, ...], ...]
    """The values of each path, as a file or a call may give them."""
    codes: Codes = field(repr=False)
    """(N, P), of the value that a design has on a path; `NOT_SET`: that of the base."""

    def __post_init__(self) -> None:
        for path in self.paths:
            self.base.check_parameter(path)
        if len(set(self.paths)) < len(self.paths):
            raise ValueError("designs: a path must be given once")
        if self.codes.ndim != 2 or not self.codes.shape[1] == len(self.paths) == len(self.values):
            raise ValueError(f"designs: codes must be (N, {len(self.paths)}), not {self.codes.shape}")
        if (self.codes < NOT_SET).any() or (self.codes >= [len(values) for values in self.values]).any():
            raise ValueError("designs: a code must be that of a value of its path, or NOT_SET")

    @classmethod
    def of_settings(cls, base: Design, settings: Sequence[Mapping[str, Value]]) -> "Designs":
        """The designs that `Design.override` makes of each of `settings`, values by dotted path."""
        paths = tuple(dict.fromkeys(path for each in settings for path in each))
        codes = np.full((len(settings), len(paths)), NOT_SET, np.int32)
        values: list[tuple[Value, ...]] = []
        for place, path in enumerate(paths):
            known: dict[object, int] = {}
            distinct: list[Value] = []
            for n, each in enumerate(settings):
                if path in each:
                    codes[n, place] = code = known.setdefault(_told_apart(each[path]), len(distinct))
                    if code == len(distinct):
                        distinct.append(each[path])
            values.append(tuple(distinct))
        return cls(base, paths, tuple(values), codes)

    @classmethod
    def of_grid(
        cls, base: Design, values: Mapping[str, Sequence[Value]], first: int = 0, last: int | None = None
    ) -> "Designs":
        """Combinations `first` to `last` - 1 of all `values` by path, of which the last path changes first."""
        codes = digits([len(each) for each in values.values()], first, last)
        return cls(base, tuple(values), tuple(map(tuple, values.values())), codes)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.integer[Any]]) -> "Designs":
        """Some of the designs, in the order of their numbers `rows`."""
        return Designs(self.base, self.paths, self.values, self.codes[rows])

    def settings(self, n: int) -> dict[str, Value]:
        """What design `n` sets on the base."""
        found = zip(self.paths, self.values, self.codes[n].tolist(), strict=True)
        return {path: values[code] for path, values, code in found if code != NOT_SET}

    def design(self, n: int) -> Design:
        """Design `n`. BadInput, as `Design.override` says it, where it is none."""
        return self.base.override(self.settings(n))

    @property
    def problems(self) -> Reasons:
        """Why each is no valid design, in the words of `Design.override`.

        A component is validated once for each combination of its own values, and whether the components fit together is
        asked once for each reading of `Design.misfit`. Only for a message the design itself is built.
        """
        return self._checked[0]

    @property
    def valid(self) -> NDArray[np.int64]:
        """The numbers of the valid designs."""
        return self._checked[1]

    @property
    def columns(self) -> Columns:
        """What can be read of the `valid` designs."""
        return self._checked[2]

    @cached_property
    def _checked(self) -> tuple[Reasons, NDArray[np.int64], Columns]:
        components = [self._component(name, places) for name, places in self._components().items()]
        split = Split(len(self))
        for each in components:
            split.by(each.mistakes, each.kinds)
        wrong = np.array([any(each.mistakes[n] for each in components) for n in split.first], bool)
        of_components = self._refusals(split.first, wrong)
        problems = Reasons(of_components.codes[split.inverse], of_components.messages)

        sound = np.flatnonzero(problems.codes == FINE)
        given = {
            self.paths[place]: self._column(place, read, sound)
            for each in components
            for place, read in each.read.items()
        }
        columns = Columns(self.base, given, len(sound), lambda row: self.design(int(sound[row])))
        codes, misfits = columns.found(Trie(), attrgetter("misfit"))
        first = np.zeros(len(misfits), np.int64)
        first[codes[::-1]] = sound[::-1]
        together = self._refusals(first, np.array([each is not None for each in misfits], bool))
        misfit = Reasons(together.codes[codes], together.messages)
        fit = np.flatnonzero(misfit.codes == FINE)
        return problems.then(sound, misfit), sound[fit], columns.take(fit)

    def _column(self, place: int, read: Mapping[int, Any], rows: NDArray[np.int64]) -> Column:
        """What is read on a path of designs whose components are valid."""
        values = [read.get(code) for code in range(NOT_SET, len(self.values[place]))]
        return column(self.codes[rows, place] - NOT_SET, values)

    def _refusals(self, numbers: NDArray[np.int64], wrong: NDArray[np.bool_]) -> Reasons:
        """Why those designs are refused that are `wrong`."""
        known: dict[str, int] = {}
        codes = np.full(len(numbers), FINE, np.int32)
        for place in np.flatnonzero(wrong):
            codes[place] = known.setdefault(self._refusal(int(numbers[place])), len(known))
        return Reasons(codes, tuple(known))

    def _refusal(self, n: int) -> str:
        try:
            self.design(n)
        except BadInput as refusal:
            return str(refusal)
        raise AssertionError(f"a valid design was taken for an invalid one: {self.settings(n)}")

    def _components(self) -> dict[str, list[int]]:
        """By component, "" for the design itself: the places of its paths.

        A class of designs of one's own may have further rules, so that such a design is validated as a whole.
        """
        found: dict[str, list[int]] = {}
        for place, path in enumerate(self.paths):
            component = path.rpartition(".")[0] if type(self.base) is Design else ""
            found.setdefault(component, []).append(place)
        return found

    def _component(self, name: str, places: Sequence[int]) -> "_Component":
        """Validate a component in every combination of its values."""
        split = Split(len(self))
        for place in places:
            split.by(self.codes[:, place] - NOT_SET, len(self.values[place]) + 1)
        validated = _validator(self.base, name)
        leaves = {place: self.paths[place].removeprefix(f"{name}.") for place in places}
        known: dict[str | None, int] = {None: 0}
        mistakes: list[int] = []
        read = {place: {NOT_SET: attrgetter(self.paths[place])(self.base)} for place in places}
        for n in split.first.tolist():
            codes = {place: code for place in places if (code := int(self.codes[n, place])) != NOT_SET}
            found = validated({leaves[place]: self.values[place][code] for place, code in codes.items()})
            mistakes.append(known.setdefault(found if isinstance(found, str) else None, len(known)))
            if not isinstance(found, str):
                for place, code in codes.items():
                    read[place][code] = attrgetter(leaves[place])(found)
        return _Component(np.array(mistakes, np.int32)[split.inverse], len(known), read)


class _Component(NamedTuple):
    """A component of N designs: (N,) numbers of what is wrong with it, 0 if nothing is, of so many `kinds`."""

    mistakes: Codes
    kinds: int
    read: Mapping[int, Mapping[int, Any]]
    """What is read of it, by the place of a path and by the code, where any valid component has that value."""


def _validator(base: Design, name: str) -> Callable[[Mapping[str, Value]], Spec | str]:
    """A function that sets some parameters of a component of `base`: the component, or why it is invalid."""
    part = attrgetter(name)(base) if name else base
    kind: type[Spec] = DesignFields if type(part) is Design else type(part)
    tree = part.model_dump(mode="json")

    def validated(settings: Mapping[str, Value]) -> Spec | str:
        try:
            return (
                base.override(settings)
                if isinstance(part, Design) and kind is not DesignFields
                else (kind.model_validate({**tree, **settings}))
            )
        except ValidationError as error:
            return explain(error)
        except BadInput as error:
            return str(error)

    return validated


def digits(sizes: Sequence[int], first: int = 0, last: int | None = None) -> Codes:
    """(`last` - `first`, axes): which value of each axis combination `first`, ..., `last` - 1 has.

    Axes have so many values as `sizes` say, and the last one changes first. ValueError beyond the combinations.
    """
    last = prod(sizes) if last is None else last
    if not 0 <= first <= last <= prod(sizes):
        raise ValueError(f"designs: combinations must lie within 0 to {prod(sizes)}, not {first} to {last}")
    numbers = np.arange(first, last)
    found = np.empty((len(numbers), len(sizes)), np.int32)
    for axis in reversed(range(len(sizes))):
        numbers, found[:, axis] = np.divmod(numbers, sizes[axis])
    return found


def _told_apart(value: Value) -> object:
    try:
        return identity(plain(value))
    except NoValue:
        return repr(value)
