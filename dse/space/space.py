"""Space: what a search may change, what it wants, and what it must keep. A frozen, validated tree from one TOML file.

::

    name = "demo"
    base = "skip-65nm"                          # a shipped design, or a file beside this one
    objectives = ["validation_loss", "area_mm2", "energy_system_pj_per_token"]
    trials = 600                                # or seconds = 3600, or both: whichever is spent first; and earlier,
    stop_after_still = 200                      # where so many trials let the hypervolume grow by 0.1 % at most
    sampler = "nsga2"
    [scenario]                                  # what every design runs, on data of the models' task, or
    # task = "mine.toml"                        # of this one, where models have none of their own, or
    # inputs = "mine.npy"                       # on these: (steps, sequences, size), else batch_first = true;
    #                                           # raw = true where they are to be normalised as a model needs them
    kind = "streaming"                          # or batch, without a period
    period_us = 100                             # from one step's input to the next; deadline_us: if it is due before
    sequences = 16
    steps = 200
    [[models]]                                  # a model of the zoo, or a file beside this one,
    name = "wp-lstm256-ternary"                 # as trained, and at each of these larger state thresholds
    thresholds = [0.05, 0.1]
    [[models]]                                  # every model of the zoo that has these traits
    cell = "lstm"
    weight_format = ["binary", "ternary"]
    [[models]]                                  # in integers, after training: every combination of these bits
    name = "wp-lstm256-float"
    ptq = { weights = [4, 6], activations = [8, 10], cell = 12 }
    [constraints]
    latency_us_per_step = 50                    # at most (at least, for what is maximised)
    fits_on_chip = true                         # a condition (dse/constraints)
    clock_reachable = false                     # waives what is demanded otherwise: a clock that circuits can reach
    [parameters]                                # dotted paths into the design
    "pe_array.tiles" = { choices = [1, 2, 4] }
    clock_mhz = { low = 100, high = 400, step = 50 }
    "dram.bandwidth_gbps" = { low = 1.0, high = 100.0, log = true }
    "skip_encoder.columns_per_cycle" = { choices = [1, 2, 4], when = { skipping = "on" } }
    [variants.skipping.on]                      # one parameter, "skipping", whose choice "on" sets several paths
    "skip_encoder.enabled" = true
    [variants.skipping.off]
    "skip_encoder.enabled" = false

Or in Python: ``Space(name=..., base=..., models=[ModelSpec(name=...)], parameters={"lanes": ParameterSpec(low=1,
high=4)})``.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias, TypeVar

import numpy as np
import tomli_w
from numpy.typing import NDArray
from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, PydanticKnownError

from archsim import designs
from archsim.costs import dram_lacks
from archsim.design import Design, load_design
from archsim.errors import BadInput, mistakes
from archsim.files import read_toml
from archsim.frozen import Frozen
from dse import constraints, objectives
from dse.constraints import Constraint
from dse.exploration import samplers
from dse.objectives import Objective
from dse.space.choice import ModelChoice
from dse.space.hardware import dram_kinds, table_of
from dse.space.inputs import OwnInputs, check_inputs, task_at_hand
from dse.space.rules import MODEL, broken, on_a_task, with_demands
from dse.space.specs import (
    Bound,
    FileName,
    ModelSpec,
    ParameterSpec,
    Picked,
    Ptq,
    Scenario,
    Setting,
    Value,
)
from workloads import tasks, zoo
from workloads.graphs import number_format
from workloads.tasks import METRIC_WORDS, MetricWords, Task

Number = TypeVar("Number", float, NDArray[np.float64])


def _sampler(given: Any) -> str:
    """The name of a sampler there is; a space without one could not be searched."""
    *names, last = map(repr, samplers.PLUGINS.names)
    if given not in samplers.PLUGINS.names:
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(names)} or {last}"})
    return str(given)


SamplerName: TypeAlias = Annotated[str, BeforeValidator(_sampler)]
"""One of ``dse.exploration.samplers``."""


class Space(Frozen):
    """A search, complete. Validation lists every mistake at once (`ValidationError`)."""

    name: str = Field(min_length=1)
    title: str = ""
    base: FileName
    scenario: Scenario = Scenario()
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    objectives: tuple[str, ...] = Field(min_length=2, max_length=6)
    constraints: dict[str, Bound] = Field(default={})
    trials: int | None = Field(default=None, ge=1)
    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    stop_after_still: int | None = Field(default=None, ge=1)
    population: int = Field(default=50, ge=4, description="trials of one generation, evaluated in bulk")
    sampler: SamplerName = "nsga2"
    seed: int = Field(default=1, ge=0)
    parameters: dict[str, ParameterSpec] = Field(default={})
    variants: dict[str, dict[str, dict[str, Setting]]] = Field(default={})

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, tree: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(tree, Mapping):
            return validate(tree)
        tree, found = with_demands(tree), list[InitErrorDetails]()
        try:
            space = validate(tree)
        except ValidationError as error:
            found = [
                InitErrorDetails(
                    type=PydanticCustomError(item["type"], "{said}", {"said": item["msg"]}),
                    loc=item["loc"],
                    input=item["input"],
                )
                for item in error.errors()
            ]
        found += broken(tree)
        if found:
            raise ValidationError.from_exception_data(cls.__name__, found)
        return space

    @cached_property
    def base_design(self) -> Design:
        return load_design(self.base)

    @cached_property
    def task(self) -> Task[Any] | None:
        """What all its models are measured on; None where they run on inputs, and nothing asks for a loss."""
        if not on_a_task(self.scenario, (*self.objectives, *self.constraints)):
            return None
        own = (task_at_hand(zoo.load_config(name)) for spec in self.models for name in spec.names)
        return tasks.by_name(next((task for task in own if task), None) or self.scenario.task or "")

    @cached_property
    def metric(self) -> MetricWords | None:
        """What the task's loss is called, and its unit; None where there is no task."""
        return None if self.task is None else METRIC_WORDS[self.task.metric]

    def objective(self, name: str) -> Objective:
        """The objective called `name`, in the words of the task."""
        found = objectives.by_name(name)
        return found if self.metric is None else found.worded(self.metric)

    @cached_property
    def figures(self) -> tuple[Objective, ...]:
        """Every objective that a point of this search has a value for: without a task all but its loss."""
        return tuple(self.objective(o.name) for o in objectives.every() if self.metric is not None or not o.of_task)

    @cached_property
    def not_counted(self) -> tuple[str, ...]:
        """What the system's energy of no point of this search holds, since it is not known."""
        kinds = dram_kinds(self.base_design, self.parameters, self.variants)
        return tuple(dict.fromkeys(part for kind in kinds for part in dram_lacks(kind)))

    @cached_property
    def goals(self) -> tuple[Objective, ...]:
        return tuple(self.objective(name) for name in self.objectives)

    @cached_property
    def choices(self) -> dict[str, ModelChoice]:
        """Every model at every threshold, in integers of every width asked for, by its label."""
        return {
            choice.label: choice
            for spec in self.models
            for name in spec.names
            for choice in spec.variants(name, max(layer.threshold for layer in zoo.load_config(name).layers))
        }

    @cached_property
    def as_trained(self) -> tuple[ModelChoice, ...]:
        """Every model as trained; one that is quantized, at the most bits."""
        return tuple(spec.as_trained(name) for spec in self.models for name in spec.names)

    def check_data(self) -> None:
        """BadInput where the scenario's trace cannot be drawn: data that are missing, too many sequences or steps."""
        scenario = self.scenario
        try:
            if (own := OwnInputs.of(scenario)) is not None:
                for config in (zoo.load_config(choice.name) for choice in self.as_trained):
                    of_task = None if self.task is None else self.task.normalisation
                    check_inputs(own, scenario, config, config.normalisation or of_task)
            if self.task is not None and own is None:
                self.task.sample("validation", scenario.sequences, scenario.steps, scenario.seed)
            elif self.task is not None:
                self.task.split("validation")
        except BadInput as problem:
            raise BadInput(f"scenario: {problem}") from None

    @property
    def sha256(self) -> str:
        """Digest of everything but the budget, so that a search can be carried on with a larger one."""
        content = self.model_dump(mode="json", exclude={"trials", "seconds", "stop_after_still"})
        content |= {"base": self.base_design.sha256, "choices": list(self.choices)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def starts(self) -> tuple[dict[str, Value], ...]:
        """The base design on every model as trained, as parameters; none where the base is not in the space.

        A search begins with these: the model that is best in one respect may be drawn too seldom to meet a design that
        can run it. Where the base's PEs cannot, the first variants that can take its own's place, as few as it takes.
        """
        base = self.base_design.model_dump(mode="json")
        picked: dict[str, Value] = {path: value_at(base, path) for path in self.parameters}
        own: dict[str, str] = {}
        for group, variants in self.variants.items():
            same = [name for name, settings in variants.items() if agrees(base, settings)]
            if not same:
                return ()
            own[group] = same[0]
        starts = [
            self.canonical({MODEL: choice.label, **picked, **self._fitting(choice, own)}) for choice in self.as_trained
        ]
        found = [{path: p.find(start[path]) for path, p in self.parameters.items()} for start in starts]
        return tuple(
            {**start, **{path: value for path, value in held.items() if value is not None}}
            for start, held in zip(starts, found, strict=True)
            if None not in held.values()
        )

    def _fitting(self, choice: ModelChoice, own: Mapping[str, str]) -> Mapping[str, str]:
        """Variants whose PEs multiply the weights of a model: `own`, or as many of them as can stay."""
        layers = zoo.load_config(choice.name).layers
        names = {name for layer in layers for name in (layer.weight_format, layer.input_weight_format)}
        weights = [number_format(name) for name in ([f"fixed{choice.ptq.weights}"] if choice.ptq else names)]
        combinations = [dict(zip(self.variants, each, strict=True)) for each in product(*self.variants.values())]
        for variants in sorted(combinations, key=lambda each: sum(own[group] != name for group, name in each.items())):
            settings = {k: v for group, name in variants.items() for k, v in self.variants[group][name].items()}
            try:
                array = self.base_design.override(settings).pe_array
            except BadInput:  # parts that do not fit together
                continue
            if all(array.refusal(each, 1) is None for each in weights):
                return variants
        return own

    def inactive(self, picked: Picked) -> frozenset[str]:
        """Names of the parameters whose condition does not hold, be it that what it names is inactive itself."""

        def active(name: str) -> bool:
            when = self.parameters[name].when if name in self.parameters else {}
            return all(active(other) and self.meets(picked[other], values) for other, values in when.items())

        return frozenset(name for name in self._conditional if not active(name))

    @staticmethod
    def meets(value: Value, values: Iterable[Value]) -> bool:
        """Whether a condition that names `values` holds for a value."""
        return _rounded(value) in map(_rounded, values)

    def canonical(self, picked: Picked) -> dict[str, Value]:
        """The same point with inactive parameters at their first value, so that equal points are equal."""
        return {**picked, **{name: self.parameters[name].extremes[0] for name in self.inactive(picked)}}

    @cached_property
    def size(self) -> int | None:
        """Distinct points; None where a range is continuous."""
        sizes = {MODEL: len(self.choices), **{group: len(named) for group, named in self.variants.items()}}
        for path, parameter in self.parameters.items():
            if parameter.size is None:
                return None
            sizes[path] = parameter.size
        controls = {name for path in self._conditional for name in self.parameters[path].when}
        dependent = [path for path in self._conditional if path not in controls]
        free = math.prod(size for name, size in sizes.items() if name not in controls and name not in dependent)
        points = 0
        for values in product(*(self._values(name) for name in controls)):
            picked = dict(zip(controls, values, strict=True))
            inactive = self.inactive(picked)
            if all(picked[name] == self.parameters[name].extremes[0] for name in inactive & controls):
                points += math.prod(sizes[name] for name in dependent if name not in inactive)
        return free * points

    @cached_property
    def _conditional(self) -> tuple[str, ...]:
        return tuple(path for path, parameter in self.parameters.items() if parameter.when)

    def _values(self, name: str) -> tuple[Value, ...]:
        """All that a parameter can be on which others depend."""
        if name in self.parameters:
            return self.parameters[name].values
        return tuple(self.choices if name == MODEL else self.variants[name])

    def overrides(self, picked: Picked) -> dict[str, Setting]:
        """Dotted paths that a trial's parameters set on the base design."""
        inactive = self.inactive(picked)
        settings: dict[str, Setting] = {path: picked[path] for path in self.parameters if path not in inactive}
        for group, variants in self.variants.items():
            settings |= variants[str(picked[group])]
        return settings

    def design(self, overrides: Mapping[str, Setting]) -> Design:
        """The base design with `overrides`; BadInput where the parts do not fit together."""
        return self.base_design.override(overrides)

    @cached_property
    def demanded(self) -> dict[str, Bound]:
        """The constraints that points must keep: all but those that are waived."""
        return {name: bound for name, bound in self.constraints.items() if bound is not False}

    def violations(self, values: Mapping[str, Number]) -> dict[str, Number]:
        """By constraint: how far a point's value is beyond its bound, relative to it; at most 0 where it keeps it.

        Of many points, `values` are arrays.
        """
        return {
            name: values[name] if constraints.is_one(name) else (values[name] / bound - 1) * self._sign(name)
            for name, bound in self.demanded.items()
        }

    def broken(self, values: Mapping[str, float]) -> str:
        """Which constraints a point breaks, in words; empty where none."""
        return "; ".join(
            f"{name} must be {self._rule(name)}, not "
            + ("false" if constraints.is_one(name) else f"{values[name]:.6g}")
            for name, excess in self.violations(values).items()
            if excess > 0
        )

    @property
    def bounds_in_words(self) -> tuple[str, ...]:
        return tuple(f"{name} {self._rule(name)}" for name in self.constraints)

    def waives(self, constraint: Constraint) -> bool:
        """Whether this search says that it does not demand a constraint."""
        return self.constraints.get(constraint.name) is False

    def _rule(self, name: str) -> str:
        if constraints.is_one(name):
            return "waived" if self.constraints[name] is False else "true"
        return f"{'at most' if self._sign(name) > 0 else 'at least'} {self.constraints[name]:g}"

    def _sign(self, name: str) -> int:
        return objectives.by_name(name).sign

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def load_space(path: str | Path, models: Sequence[Mapping[str, Any]] = ()) -> Space:
    """A validated space from a TOML file; BadInput has a line for every mistake in it, each begins with the file.

    Designs, models, tasks and inputs given as files are looked for beside the file. `models`, where there are some,
    take the place of the file's; their files are looked for in the working folder.
    """
    path = Path(path)
    try:
        tree = read_toml(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such study file") from None
    _resolve(tree, "base", designs.ALL, path.parent)
    if isinstance(scenario := tree.get("scenario"), dict):
        _resolve(scenario, "task", tuple(task.name for task in tasks.every()), path.parent)
        _resolve(scenario, "inputs", (), path.parent)
    for model in tree["models"] if isinstance(tree.get("models"), list) else []:
        if isinstance(model, dict):
            _resolve(model, "name", zoo.ALL, path.parent)
    if models:
        tree["models"] = [dict(model) for model in models]
    return parse_space(tree, str(path))


def parse_space(tree: Mapping[str, Any], where: str) -> Space:
    """A validated space from a tree of plain values; every line of BadInput begins with `where`."""
    try:
        return Space.model_validate(tree)
    except ValidationError as error:
        raise BadInput(*(f"{where}: {mistake}" for mistake in mistakes(error))) from None


def _resolve(table: dict[str, Any], key: str, shipped: tuple[str, ...], folder: Path) -> None:
    given = table.get(key)
    if isinstance(given, str) and given not in shipped and (folder / given).is_file():
        table[key] = str((folder / given).resolve())


def _rounded(value: Value) -> Value:
    """Twelve digits of a number: 0.7 and a step of 0.1 are 0.8, which they are not in floating point."""
    return float(f"{value:.12g}") if isinstance(value, float) else value


def value_at(tree: dict[str, Any], path: str) -> Any:
    table, leaf = table_of(tree, path)
    return table[leaf]


def agrees(tree: dict[str, Any], settings: Mapping[str, Setting]) -> bool:
    """Whether a design already has what a variant sets."""
    return all(
        value_at(tree, path) == (list(value) if isinstance(value, tuple) else value) for path, value in settings.items()
    )


__all__ = [
    "MODEL",
    "ModelSpec",
    "ParameterSpec",
    "Picked",
    "Ptq",
    "SamplerName",
    "Scenario",
    "Setting",
    "Space",
    "Value",
    "load_space",
    "parse_space",
]
