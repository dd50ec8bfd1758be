"""The points of a grid by number, as columns: which of them are distinct, and their designs."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsim.columns.designs import NOT_SET, Designs
from dse.space.grid import Grid
from dse.space.space import MODEL, Space
from dse.space.specs import Setting

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class GridColumns:
    """Points of a grid, by their `numbers` ``(N,)``."""

    def __init__(self, space: Space, grid: Grid, numbers: Ints) -> None:
        self._space, self._grid, self._axes = space, grid, grid.axes
        self.numbers = numbers
        sizes = [len(values) for values in grid.axes.values()]
        digits = np.unravel_index(numbers, sizes)
        self._digits: dict[str, Ints] = dict(zip(grid.axes, digits, strict=True))

    def take(self, chosen: Bools) -> "GridColumns":
        """Some of the points."""
        return GridColumns(self._space, self._grid, self.numbers[chosen])

    @cached_property
    def _active(self) -> dict[str, Bools]:
        found: dict[str, Bools] = {}

        def active(name: str) -> Bools:
            if name not in found:
                conditions = self._space.parameters[name].when if name in self._space.parameters else {}
                holds = np.ones(len(self.numbers), bool)
                for other, values in conditions.items():
                    allowed = np.array([self._space.meets(value, values) for value in self._axes[other]])
                    holds &= active(other) & allowed[self._digits[other]]
                found[name] = holds
            return found[name]

        for name in self._axes:
            active(name)
        return found

    @cached_property
    def distinct(self) -> Bools:
        """Whether a point is the one that stands for its kind: parameters that are not in force have a first value."""
        stands = np.ones(len(self.numbers), bool)
        for name, active in self._active.items():
            stands &= active | (self._digits[name] == 0)
        return stands

    @property
    def models(self) -> Ints:
        """The place of each point's model among the choices, ``(N,)``."""
        return self._digits[MODEL]

    def designs(self) -> Designs:
        """The design of each point."""
        paths: dict[str, tuple[list[Setting], Ints]] = {}
        for path in self._space.parameters:
            codes = np.where(self._active[path], self._digits[path], NOT_SET)
            paths[path] = list(self._axes[path]), codes
        for group, variants in self._space.variants.items():
            self._set(paths, group, variants)
        columns = [codes for _, codes in paths.values()]
        return Designs(
            self._space.base_design,
            tuple(paths),
            tuple(tuple(values) for values, _ in paths.values()),
            np.array(columns, np.int32).reshape(len(columns), len(self.numbers)).T,
        )

    def _set(
        self, paths: dict[str, tuple[list[Setting], Ints]], group: str, variants: Mapping[str, Mapping[str, Setting]]
    ) -> None:
        """What the variants of a group set, whatever was set before."""
        for path in dict.fromkeys(path for settings in variants.values() for path in settings):
            values, codes = paths.get(path, ([], np.full(len(self.numbers), NOT_SET, np.int64)))
            of_variant = np.full(len(variants), NOT_SET, np.int64)
            for k, settings in enumerate(variants.values()):
                if path in settings:
                    of_variant[k] = len(values)
                    values.append(settings[path])
            set_ = of_variant[self._digits[group]]
            paths[path] = values, np.where(set_ == NOT_SET, codes, set_)
