"""The points of a space by number: every combination of its parameters and models, models turning fastest."""

import math
from collections.abc import Mapping
from functools import cached_property

from archsim.errors import BadInput
from dse.space.space import MODEL, Space
from dse.space.specs import Value


class Grid:
    """A mixed-radix number for each point. BadInput where a range is continuous: name a step, or choices."""

    def __init__(self, space: Space) -> None:
        continuous = [path for path, parameter in space.parameters.items() if parameter.size is None]
        if continuous:
            raise BadInput(f"parameters.{continuous[0]}: a range without steps cannot be enumerated; give it a step")
        self.axes: dict[str, tuple[Value, ...]] = {
            **{path: parameter.values for path, parameter in space.parameters.items()},
            **{group: tuple(variants) for group, variants in space.variants.items()},
            MODEL: tuple(space.choices),
        }

    @property
    def size(self) -> int:
        """Combinations, those that stand for the same point included."""
        return math.prod(len(values) for values in self.axes.values())

    def point(self, index: int) -> dict[str, Value]:
        picked: dict[str, Value] = {}
        for name, values in reversed(self.axes.items()):
            index, digit = divmod(index, len(values))
            picked[name] = values[digit]
        return {name: picked[name] for name in self.axes}

    def index(self, picked: Mapping[str, Value]) -> int:
        """Number of a point; ValueError where it is none of the grid."""
        index = 0
        for name, values in self.axes.items():
            digit = self._digits[name].get(_key(picked[name]))
            if digit is None:
                raise ValueError(f"{name} must be one of {', '.join(map(str, values))}, not {picked[name]!r}")
            index = index * len(values) + digit
        return index

    @cached_property
    def _digits(self) -> dict[str, dict[object, int]]:
        return {name: {_key(value): digit for digit, value in enumerate(values)} for name, values in self.axes.items()}


def _key(value: Value) -> object:
    """True is no 1 here; a number is known by nine digits, however a sampler came by it."""
    return value if isinstance(value, (bool, str)) else f"{value:.9g}"
