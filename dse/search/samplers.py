"""How the points of a search are drawn: by Optuna's samplers, in coordinates that suit them.

Every trial draws from a generator of its own, seeded by the search's seed and the trial's number, so that a trial
depends on nothing but those and the trials that were told before it: a search that was stopped and carried on draws the
same trials as one that ran through. (`gp` starts its fits from the fit before, where it has one: its trials after an
interruption may differ.)

Samplers see a space otherwise than a person does. Choices that are numbers are drawn by rank, since 8 lies between 4
and 16. Objectives whose axis is logarithmic are told as logarithms, so that small designs are told apart as well as
large ones; what is maximised is negated. Trials that are kept have the space's own values.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from math import comb, inf, isfinite
from typing import Any, Self, get_args

import numpy as np
import optuna
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import (
    BaseGASampler,
    BaseSampler,
    GPSampler,
    NSGAIIISampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from archsim.errors import BadInput
from dse.results.quality import cost
from dse.space.grid import Grid
from dse.space.space import (
    MODEL,
    SamplerName,
    Space,
)
from dse.space.specs import Parameter, Value

Distributions = dict[str, BaseDistribution]
Picked = Mapping[str, Value]
IsNew = Callable[[Picked], bool]

NAMES: tuple[SamplerName, ...] = get_args(SamplerName)

REFUSED = "refused"
REFUSAL = 1e6
"""How far a refused point counts as outside its constraints: farther than any deadline missed."""

REDRAWS = 20
"""How often a point that was tried before is drawn again: evaluated twice, a point says nothing new."""

TPE_REDRAWS = 5
"""The same of TPE, whose every draw weighs all trials before it."""

GP_TRIALS = 1000
"""Each trial of a Gaussian process solves as many equations as there were trials before it."""


@dataclass(frozen=True)
class Drawn:
    """A trial under way."""

    number: int
    picked: dict[str, Value]
    trial: optuna.Trial


class Draws:
    """Draws the trials of one search, from the space's starts, then `first`, then its sampler.

    BadInput where the sampler does not fit the space.
    """

    def __init__(self, space: Space, first: Sequence[Picked] = ()) -> None:
        _check(space)
        self._space = space
        self._kept_as = distributions(space)
        self._codes = {
            name: _Code(p.choices) for name, p in space.parameters.items() if p.choices and _ranked(p.choices)
        }
        self._drawn_from = self._kept_as | {name: code.ranks for name, code in self._codes.items()}
        self._free = {name: d for name, d in self._drawn_from.items() if not d.single()}
        self._only = {name: _only(d) for name, d in self._kept_as.items() if d.single()}
        self._study = optuna.create_study(directions=["minimize"] * len(space.goals))
        self._worst = [-inf] * len(space.goals)
        self._seen: set[tuple[Value, ...]] = set()
        self._asked = 0
        self._parents: dict[int, list[FrozenTrial]] = {}
        fixed = _in_random_order(space) if space.sampler == "grid" else iter(_once(space, (*space.starts, *first)))
        self._fixed: Iterator[Picked] = fixed
        self._next_fixed = next(fixed, None)

    @property
    def batch(self) -> int:
        """Trials that are drawn before any of them is told. A model of what was told profits from each."""
        return 1 if self._space.sampler in ("tpe", "gp") else self._space.population

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to draw: every point of a grid was."""
        return self._space.sampler == "grid" and self._next_fixed is None

    def restore(self, trials: Sequence[FrozenTrial]) -> None:
        """Trials that `tell` returned, all of them in their order, before anything is asked."""
        for trial in trials:
            values = {goal.name: value for goal, value in zip(self._space.goals, trial.values, strict=True)}
            costs = self._costs({} if trial.constraints[REFUSED] > 0 else values)
            again = create_trial(
                params=self._encoded(trial.params),
                distributions=self._drawn_from,
                values=costs,
                system_attrs=trial.system_attrs,
            )
            self._study.add_trial(again)
            self._count(trial.params)
        self._select_again()

    def ask(self) -> Drawn:
        """The next trial. Not to be called once `exhausted`."""
        number = self._asked
        self._study.sampler = self._sampler(number)
        if self._next_fixed is not None:
            self._study.enqueue_trial(self._encoded(self._next_fixed))
        trial = self._study.ask(self._drawn_from)
        picked = self._decoded(trial.params)
        self._count(picked)
        return Drawn(number, picked, trial)

    def tell(
        self,
        drawn: Drawn,
        values: Mapping[str, float],
        excesses: Mapping[str, float],
        attributes: Mapping[str, str | float] | None = None,
    ) -> FrozenTrial:
        """What a trial found, and the trial as it is to be kept, with `attributes`.

        `values` by objective, none where the point was refused; `excesses` as `Space.violations` has them.
        """
        for name, excess in self._excesses(values, excesses).items():
            drawn.trial.set_constraint(name, excess)
        told = self._study.tell(drawn.trial, self._costs(values))
        goals = self._space.goals
        kept = create_trial(
            params=drawn.picked,
            distributions=self._kept_as,
            values=[values.get(goal.name, goal.sign * inf) for goal in goals],
            user_attrs=dict(attributes or {}),
            system_attrs={name: value for name, value in told.system_attrs.items() if name != "fixed_params"},
        )
        kept.number = drawn.number
        return kept

    def _sampler(self, number: int) -> BaseSampler:
        space, free = self._space, self._free
        seeds = tuple(int(s) for s in np.random.SeedSequence((space.seed, number)).generate_state(2))
        shared = free, self._is_new, self._parents, seeds[1]
        with warnings.catch_warnings():  # NSGA-III has been experimental since 2023
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            match space.sampler:
                case "nsga2":
                    return _Nsga2(population_size=space.population, seed=seeds[0]).begin(*shared)
                case "nsga3":
                    divisions = _divisions(space.population, len(space.goals))
                    drawer = _Nsga3(population_size=space.population, seed=seeds[0], dividing_parameter=divisions)
                    return drawer.begin(*shared)
                case "tpe":
                    return _Tpe(space.population, seeds[0], free, self._is_new)
                case "gp":
                    return self._gp(seeds[0])
                case "qmc":
                    return _Qmc(space.seed, number, free)
                case _:
                    return RandomSampler(seed=seeds[0])

    def _gp(self, seed: int) -> BaseSampler:
        """One sampler for the whole search, its generator begun anew each trial: its fits start from those before."""
        self._process._rng.rng.seed(seed)
        return self._process

    @cached_property
    def _process(self) -> GPSampler:
        first = RandomSampler(seed=self._space.seed)
        return GPSampler(seed=self._space.seed, n_startup_trials=self._space.population, independent_sampler=first)

    def _select_again(self) -> None:
        """Parents of every generation, each selected by the trial that did: NSGA-III draws lots there."""
        population = self._space.population
        for first in range(population, self._asked, population):
            sampler = self._sampler(first)
            if isinstance(sampler, _Genetic):
                sampler.get_parent_population(self._study, first // population)

    def _count(self, picked: Picked) -> None:
        self._asked += 1
        self._seen.add(self._key(picked))
        if self._next_fixed is not None:
            self._next_fixed = next(self._fixed, None)

    def _is_new(self, encoded: Picked) -> bool:
        return self._key(self._only | self._decoded(encoded)) not in self._seen

    def _key(self, picked: Picked) -> tuple[Value, ...]:
        canonical = self._space.canonical(picked)
        return tuple(canonical[name] for name in self._kept_as)

    def _encoded(self, picked: Picked) -> dict[str, Value]:
        return {name: self._codes[name].rank(value) if name in self._codes else value for name, value in picked.items()}

    def _decoded(self, encoded: Picked) -> dict[str, Value]:
        return {name: self._codes[name].values[int(v)] if name in self._codes else v for name, v in encoded.items()}

    def _excesses(self, values: Mapping[str, float], excesses: Mapping[str, float]) -> dict[str, float]:
        if not values:
            return {REFUSED: REFUSAL} | dict.fromkeys(self._space.constraints, 0.0)
        return {REFUSED: 0.0, **excesses}

    def _costs(self, values: Mapping[str, float]) -> list[float]:
        """What is told: a refused point is worse than any; for a Gaussian process, which knows no infinity, as bad as
        the worst before it, and 0 where there is none."""
        if values:
            costs = [float(cost(goal, np.asarray(values[goal.name]))) for goal in self._space.goals]
            self._worst = [max(pair) for pair in zip(self._worst, costs, strict=True)]
            return costs
        if self._space.sampler == "gp":
            return [worst if isfinite(worst) else 0.0 for worst in self._worst]
        return [inf] * len(self._worst)


class _Known(BaseSampler):
    """Over a space known beforehand: Optuna would go through all trials to find it."""

    _free: Distributions

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> Distributions:
        return self._free


class _Genetic(_Known, BaseGASampler):
    """What NSGA-II and NSGA-III are given here beside their selection.

    A generation is as many trials as the population, in order. Optuna counts them and finds their parents by going
    through all trials for each, and would call itself for every generation before.
    """

    _is_new: IsNew
    _child_generation_strategy: Callable[[Study, Distributions, list[FrozenTrial]], dict[str, Any]]

    def begin(self, free: Distributions, is_new: IsNew, parents: dict[int, list[FrozenTrial]], seed: int) -> Self:
        self._free, self._is_new, self._parents = free, is_new, parents
        # Optuna seeds the generator of mutations like that of crossovers; begun anew each trial, a mutated value would
        # follow from the number that decided on the crossover.
        self._mutations = RandomSampler(seed=seed)
        return self

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        assert self.population_size is not None
        return trial.number // self.population_size

    def get_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return [trial for trial in trials if self.get_trial_generation(study, trial) == generation]

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        if generation and generation not in self._parents:
            selected = self.select_parent(study, generation)
            self._parents[generation] = sorted(selected, key=lambda trial: trial.number)
        return self._parents.get(generation, [])

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Distributions) -> dict[str, Any]:
        """A child that was not tried before, where it does not take too long to find one."""
        parents = self.get_parent_population(study, self.get_trial_generation(study, trial))
        child: dict[str, Any] = {}
        for _ in range(REDRAWS):
            child = self._child_generation_strategy(study, search_space, parents) if parents else {}
            for name in [name for name in search_space if name not in child]:  # mutated, or of the first generation
                child[name] = self.sample_independent(study, trial, name, search_space[name])
            if self._is_new(child):
                break
        return child

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._mutations.sample_independent(study, trial, param_name, param_distribution)


class _Nsga2(_Genetic, NSGAIISampler): ...


class _Nsga3(_Genetic, NSGAIIISampler): ...


def _divisions(population: int, objectives: int) -> int:
    """Of each axis: about as many reference points as a generation has members (Deb & Jain, 2014)."""
    divisions = 1
    while comb(divisions + objectives, objectives - 1) <= population:
        divisions += 1
    return divisions


class _Tpe(_Known, TPESampler):
    def __init__(self, population: int, seed: int, free: Distributions, is_new: IsNew) -> None:
        super().__init__(seed=seed, n_startup_trials=population, multivariate=True)
        self._free, self._is_new = free, is_new

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Distributions) -> dict[str, Any]:
        picked: dict[str, Any] = {}
        for _ in range(TPE_REDRAWS):
            picked = super().sample_relative(study, trial, search_space)
            if not picked or self._is_new(picked):
                break
        return picked


class _Qmc(_Known, QMCSampler):
    """Point `number` of one scrambled Sobol sequence, whatever was drawn before."""

    def __init__(self, seed: int, number: int, free: Distributions) -> None:
        super().__init__(seed=seed, scramble=True)
        self._free, self._number = free, number

    def _find_sample_id(self, study: Study, search_space: Distributions) -> int:
        return self._number


class _Code:
    """Choices that are numbers, by rank."""

    def __init__(self, choices: tuple[Value, ...]) -> None:
        self.values = tuple(sorted(choices))
        self.ranks = IntDistribution(0, len(choices) - 1)

    def rank(self, value: Value) -> int:
        return self.values.index(value)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


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


def _distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.choices is not None:
        return CategoricalDistribution(parameter.choices)
    low, high = parameter.extremes
    if parameter.integer:
        return IntDistribution(int(low), int(high), log=parameter.log, step=int(parameter.step or 1))
    step = None if parameter.step is None else float(parameter.step)
    return FloatDistribution(float(low), float(high), log=parameter.log, step=step)


def _only(distribution: BaseDistribution) -> Any:
    """The value of a parameter that has one: samplers leave it out."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    assert isinstance(distribution, (IntDistribution, FloatDistribution))
    return distribution.low


def _ranked(choices: tuple[Value, ...]) -> bool:
    """Whether one choice lies between others; of two, none does."""
    return len(choices) > 2 and not any(isinstance(choice, (bool, str)) for choice in choices)


def _once(space: Space, points: Sequence[Picked]) -> list[Picked]:
    """Each point once; ValueError where it is not one of the space."""
    return list({tuple(space.canonical(point).items()): point for point in points}.values())


def _in_random_order(space: Space) -> Iterator[Picked]:
    """Every point once. Shuffled by the seed: a search that ends early has seen something of everything."""
    grid = Grid(space)
    for number in np.random.default_rng(space.seed).permutation(grid.size):
        point = grid.point(int(number))
        if space.canonical(point) == point:
            yield point


def _check(space: Space) -> None:
    if space.sampler == "grid":
        Grid(space)  # refuses what cannot be counted
    if space.sampler == "gp":
        if find_spec("torch") is None:
            raise BadInput("sampler gp: Optuna's Gaussian process needs PyTorch: pip install 'archsim[train]'")
        if space.trials is None or space.trials > GP_TRIALS:
            raise BadInput(
                f"sampler gp: trials must be at most {GP_TRIALS}, not {space.trials}: each trial costs as much as the "
                "cube of those before it; use tpe or nsga2"
            )
