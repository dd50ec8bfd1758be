"""The coordinates in which samplers see a space: choices that are numbers by rank, since 8 lies between 4 and 16."""

import warnings
from collections.abc import Mapping
from decimal import Decimal
from math import inf, nextafter
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from dse.exploration.samplers.base import Distributions
from dse.space.space import MODEL, Space
from dse.space.specs import ParameterSpec, Picked, Value


def distributions(space: Space) -> Distributions:
    """What trials are kept with: the model, the design's parameters, and the groups of variants."""
    return {
        MODEL: CategoricalDistribution(tuple(space.choices)),
        **{path: _distribution(parameter) for path, parameter in space.parameters.items()},
        **{group: CategoricalDistribution(tuple(variants)) for group, variants in space.variants.items()},
    }


def known_choice(of: BaseDistribution, value: Any) -> Value:
    """What was picked, from a table of trials: it has no integers, or no truths, in a column that has gaps."""
    if isinstance(of, CategoricalDistribution):
        return next(c for c in of.choices if c == value or str(c) == str(value))  # type: ignore[return-value]
    return int(value) if isinstance(of, IntDistribution) else float(value)


class Coordinates:
    """Points of one space, as it has them and as samplers see them."""

    def __init__(self, space: Space) -> None:
        self.kept_as = distributions(space)
        self._ranks = {
            name: tuple(sorted(p.choices)) for name, p in space.parameters.items() if p.choices and _ranked(p.choices)
        }
        self.drawn_from: Distributions = self.kept_as | {
            name: IntDistribution(0, len(values) - 1) for name, values in self._ranks.items()
        }
        self.free = {name: d for name, d in self.drawn_from.items() if not d.single()}
        self._only = {name: _only(d) for name, d in self.kept_as.items() if d.single()}

    def encoded(self, picked: Picked) -> dict[str, Value]:
        """A point of the space as samplers see it."""
        return {
            name: self._ranks[name].index(value) if name in self._ranks else value for name, value in picked.items()
        }

    def decoded(self, encoded: Picked) -> dict[str, Value]:
        """The same the other way round."""
        return {name: self._ranks[name][int(v)] if name in self._ranks else v for name, v in encoded.items()}

    def completed(self, encoded: Picked) -> Mapping[str, Value]:
        """A point of the space, from the free parameters that a sampler draws."""
        return self._only | self.decoded(encoded)


def _distribution(parameter: ParameterSpec) -> BaseDistribution:
    if parameter.choices is not None:
        return CategoricalDistribution(parameter.choices)
    low, high = parameter.extremes
    if parameter.integer:
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(parameter.step or 1))
    if parameter.step is None or parameter.size is None:
        return FloatDistribution(float(low), float(high), log=parameter.log)
    step = Decimal(str(parameter.step))  # Optuna's own arithmetic, so that it leaves no step out
    last = Decimal(str(low)) + (parameter.size - 1) * step
    high = float(last) if Decimal(str(float(last))) >= last else nextafter(float(last), inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a third, written out, does not divide 1; the range is checked
        return FloatDistribution(float(low), high, step=float(step))


def _only(distribution: BaseDistribution) -> Any:
    """The value of a parameter that has one: samplers leave it out."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    return distribution.low


def _ranked(choices: tuple[Value, ...]) -> bool:
    """Whether one choice lies between others; of two, none does."""
    return len(choices) > 2 and not any(isinstance(choice, (bool, str)) for choice in choices)
