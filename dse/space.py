"""Space: what a search may change, what it wants, and what it must keep. A frozen, validated tree from one TOML file.

::

    name = "demo"
    base = "skip-65nm"                          # a shipped design, or a file beside this one
    objectives = ["validation_loss", "area_mm2", "energy_system_pj_per_token"]
    trials = 600
    [[models]]
    name = "wp-lstm256-ternary"                 # as trained, and at each of these larger state thresholds
    thresholds = [0.05, 0.1]
    [constraints]
    latency_us_per_step = 50                    # at most (at least, for what is maximised)
    [parameters]                                # dotted paths into the design
    "pe_array.tiles" = { choices = [1, 2, 4] }
    clock_mhz = { low = 100, high = 400, step = 50 }
    [variants.array.ternary]                    # one parameter, "array", whose choice "ternary" sets several paths
    "pe_array.multiplier" = "mux"
    "pe_array.weight_bits" = 2
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from archsim import designs
from archsim.design import Design, load_design, parameters
from archsim.mapping import RunScope
from archsim.trace import BadInput, explain, read_toml
from dse import objectives
from dse.objectives import Objective
from dse.point import ModelChoice
from workloads import tasks, zoo
from workloads.tasks import METRIC_WORDS, MetricWords, Task

Value: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr
"""What a sampler picks."""
Setting: TypeAlias = Value | tuple[StrictStr, ...]
"""What a variant sets a path to: the scopes left to the host are a list."""

MODEL = "model"
"""Name of the parameter that picks a model and its threshold."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Frozen):
    """Either `choices`, or the range from `low` to `high` in steps (integers: 1), or on a logarithmic scale."""

    choices: tuple[Value, ...] | None = None
    low: StrictInt | StrictFloat | None = None
    high: StrictInt | StrictFloat | None = None
    step: StrictInt | StrictFloat | None = Field(default=None, gt=0)
    log: bool = False

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        problem = self._range_problem() if self.choices is None else self._choices_problem(self.choices)
        if problem:
            raise ValueError(problem)
        return self

    def _choices_problem(self, choices: tuple[Value, ...]) -> str | None:
        if self.log or (self.low, self.high, self.step) != (None, None, None):
            return "must have either choices, or low and high"
        if not choices or len({repr(c) for c in choices}) < len(choices):
            return f"choices must be distinct, at least one, not {list(choices)}"
        return None

    def _range_problem(self) -> str | None:
        if self.low is None or self.high is None:
            return "must have either choices, or low and high"
        if self.low > self.high or (self.log and self.low <= 0):
            return f"low must be {'positive and ' if self.log else ''}at most high, not {self.low} and {self.high}"
        if self.log and self.step is not None:
            return "must have either log or step"
        if self.integer and isinstance(self.step, float):
            return f"step must be an integer where low and high are, not {self.step}"
        return None

    @property
    def integer(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The values that must be valid for all to be: every choice, or both ends of the range."""
        if self.choices is not None:
            return self.choices
        return tuple(v for v in (self.low, self.high) if v is not None)

    def holds(self, value: Value) -> bool:
        """Whether a sampler can pick `value`."""
        if self.choices is not None:
            return any(value == c and type(value) is type(c) for c in self.choices)
        low, high = self.low, self.high
        if low is None or high is None or isinstance(value, (bool, str)) or not low <= value <= high:
            return False
        step = self.step or (1 if self.integer and not self.log else None)
        steps = 0.0 if step is None else (value - low) / step
        return (isinstance(value, int) or not self.integer) and abs(steps - round(steps)) < 1e-9


class ModelSpec(_Frozen):
    """A model of the zoo by name, or a file; as trained, and at larger state thresholds."""

    name: str
    thresholds: tuple[float, ...] = ()

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in zoo.ALL and not Path(name).is_file():
            raise ValueError(f"must be one of {', '.join(zoo.ALL)}, or a model file")
        return name

    @field_validator("thresholds")
    @classmethod
    def _rising(cls, thresholds: tuple[float, ...]) -> tuple[float, ...]:
        if list(thresholds) != sorted(set(thresholds)) or not all(0 < t < 1 for t in thresholds):
            raise ValueError("must rise, between 0 and 1")
        return thresholds

    @property
    def variants(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice(self.name), *(ModelChoice(self.name, t) for t in self.thresholds))


class Scenario(_Frozen):
    """What every design runs: `sequences` pieces of validation text, `steps` symbols each."""

    scope: RunScope = "model"
    sequences: int = Field(default=16, ge=1, le=1024)
    steps: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, description="draws where in the text the pieces begin")


class Space(_Frozen):
    """A search, complete. Validation lists every mistake at once."""

    name: str = Field(min_length=1)
    title: str = ""
    base: str
    scenario: Scenario = Scenario()
    models: tuple[ModelSpec, ...] = Field(min_length=1)
    objectives: tuple[str, ...] = Field(min_length=2, max_length=6)
    constraints: dict[str, float] = {}
    trials: int = Field(ge=1)
    population: int = Field(default=50, ge=4, description="trials of one generation, evaluated in bulk")
    sampler: Literal["nsga2", "tpe", "random"] = "nsga2"
    seed: int = Field(default=1, ge=0)
    parameters: dict[str, Parameter] = {}
    variants: dict[str, dict[str, dict[str, Setting]]] = {}

    @field_validator("base")
    @classmethod
    def _loads(cls, base: str) -> str:
        load_design(base)
        return base

    @field_validator("models")
    @classmethod
    def _distinct_models(cls, models: tuple[ModelSpec, ...]) -> tuple[ModelSpec, ...]:
        names = [m.name for m in models]
        if len(set(names)) < len(names):
            raise ValueError(f"names must be distinct, not {', '.join(names)}")
        trained_for = {name: _task_of(name) for name in names}
        if len(set(trained_for.values())) > 1:  # their losses cannot be compared
            given = ", ".join(f"{name} of {task}" for name, task in trained_for.items())
            raise ValueError(f"must be of one task, not {given}")
        return models

    @field_validator("objectives")
    @classmethod
    def _known_objectives(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        _check_objectives(names)
        if len(set(names)) < len(names):
            raise ValueError("must be distinct")
        return names

    @field_validator("constraints")
    @classmethod
    def _known_constraints(cls, bounds: dict[str, float]) -> dict[str, float]:
        _check_objectives(bounds)
        wrong = [f"{name} must be positive" for name, bound in bounds.items() if not bound > 0]
        if wrong:
            raise ValueError("; ".join(wrong))
        return bounds

    @field_validator("parameters")
    @classmethod
    def _valid_parameters(cls, given: dict[str, Parameter], info: ValidationInfo) -> dict[str, Parameter]:
        if "base" in info.data:
            base = load_design(info.data["base"])
            _raise([p for path, spec in given.items() for v in spec.extremes for p in _problems(base, {path: v})])
            if "lanes" in given and "scenario" in info.data:
                _check_lanes(given["lanes"].extremes, info.data["scenario"].sequences)
        return given

    @field_validator("variants")
    @classmethod
    def _valid_variants(
        cls, given: dict[str, dict[str, dict[str, Setting]]], info: ValidationInfo
    ) -> dict[str, dict[str, dict[str, Setting]]]:
        problems: list[str] = []
        taken = {path: f"parameters.{path}" for path in info.data.get("parameters", {})}
        for group, variants in given.items():
            if group == MODEL or group in taken:
                problems.append(f"{group}: the name is taken")
            if not variants:
                problems.append(f"{group}: must have at least one variant")
            for path in dict.fromkeys(path for settings in variants.values() for path in settings):
                if taken.setdefault(path, group) != group:
                    problems.append(f"{group}: {path} is set by {taken[path]} too")
            if "base" in info.data:
                base = load_design(info.data["base"])
                problems += [
                    f"{group}.{name}: {p}" for name, settings in variants.items() for p in _problems(base, settings)
                ]
        _raise(problems)
        return given

    @cached_property
    def base_design(self) -> Design:
        return load_design(self.base)

    @cached_property
    def task(self) -> Task[Any]:
        """What all its models were trained for."""
        return tasks.by_name(_task_of(self.models[0].name))

    @cached_property
    def metric(self) -> MetricWords:
        """What the task's loss is called, and its unit."""
        return METRIC_WORDS[self.task.metric]

    def objective(self, name: str) -> Objective:
        """The objective called `name`, in the words of the task."""
        return objectives.by_name(name).worded(self.metric)

    @cached_property
    def goals(self) -> tuple[Objective, ...]:
        return tuple(self.objective(name) for name in self.objectives)

    @cached_property
    def choices(self) -> dict[str, ModelChoice]:
        """Every model and threshold, by its label."""
        return {choice.label: choice for model in self.models for choice in model.variants}

    @property
    def sha256(self) -> str:
        """Digest of everything but the budget, so that a search can be carried on with a larger one."""
        content = self.model_dump(mode="json", exclude={"trials"})
        content["base"] = self.base_design.sha256
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @cached_property
    def starts(self) -> tuple[dict[str, Value], ...]:
        """The base design on every model as trained, as parameters; none where the base is not in the space.

        A search begins with these: the model that is best in one respect may be drawn too seldom to meet a design that
        can run it.
        """
        base = self.base_design.model_dump(mode="json")
        picked: dict[str, Value] = {}
        for path, parameter in self.parameters.items():
            value = _value_at(base, path)
            if not parameter.holds(value):
                return ()
            picked[path] = value
        for group, variants in self.variants.items():
            same = [name for name, settings in variants.items() if _agrees(base, settings)]
            if not same:
                return ()
            picked[group] = same[0]
        return tuple({MODEL: ModelChoice(model.name).label, **picked} for model in self.models)

    def overrides(self, picked: Mapping[str, Value]) -> dict[str, Setting]:
        """Dotted paths that a trial's parameters set on the base design."""
        settings: dict[str, Setting] = {path: picked[path] for path in self.parameters}
        for group, variants in self.variants.items():
            settings |= variants[str(picked[group])]
        return settings

    def design(self, overrides: Mapping[str, Setting]) -> Design:
        """The base design with `overrides`; BadInput where the parts do not fit together."""
        return self.base_design.override(overrides)

    def violations(self, values: Mapping[str, float]) -> dict[str, float]:
        """By constraint: how far a point's value is beyond its bound, relative to it; at most 0 where it keeps it."""
        return {
            name: objectives.by_name(name).sign * (values[name] / bound - 1) for name, bound in self.constraints.items()
        }

    def broken(self, values: Mapping[str, float]) -> str:
        """Which constraints a point breaks, in words; empty where none."""
        lines = []
        for name, excess in self.violations(values).items():
            if excess > 0:
                rule = "at most" if objectives.by_name(name).sign > 0 else "at least"
                lines.append(f"{name} must be {rule} {self.constraints[name]:g}, not {values[name]:.6g}")
        return "; ".join(lines)

    def to_toml(self) -> str:
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def load_space(path: Path) -> Space:
    """A validated space from a TOML file; BadInput names the file and every mistake in it.

    Designs and models given as files are looked for beside the file.
    """
    try:
        tree = read_toml(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such study file") from None
    _resolve(tree, "base", designs.ALL, path.parent)
    for model in tree["models"] if isinstance(tree.get("models"), list) else []:
        if isinstance(model, dict):
            _resolve(model, "name", zoo.ALL, path.parent)
    return parse_space(tree, str(path))


def parse_space(tree: Mapping[str, Any], where: str) -> Space:
    """A validated space from a tree of plain values; BadInput begins with `where`."""
    try:
        return Space.model_validate(tree)
    except ValidationError as error:
        raise BadInput(f"{where}: {explain(error)}") from None


def _task_of(model: str) -> str:
    """The task of a model by name or file; BadInput where it has none."""
    config = zoo.load_config(model)
    if config.task is None:
        raise BadInput(f"model {model}: has no task, so its accuracy is not known")
    return config.task


def _resolve(table: dict[str, Any], key: str, shipped: tuple[str, ...], folder: Path) -> None:
    given = table.get(key)
    if isinstance(given, str) and given not in shipped and (folder / given).is_file():
        table[key] = str((folder / given).resolve())


def _check_objectives(names: Mapping[str, float] | tuple[str, ...]) -> None:
    known = [o.name for o in objectives.ALL]
    _raise([f"must be of {', '.join(known)}, not {name!r}" for name in names if name not in known])


def _check_lanes(lanes: tuple[Value, ...], sequences: int) -> None:
    most = max((n for n in lanes if isinstance(n, int)), default=0)
    if most > sequences:
        raise ValueError(f"lanes: must be at most the {sequences} sequences of the scenario, not {most}")


def _raise(problems: list[str]) -> None:
    if problems:
        raise ValueError("; ".join(dict.fromkeys(problems)))


def _problems(base: Design, settings: Mapping[str, Setting]) -> list[str]:
    """Paths that the design does not have, and values out of their own range.

    Rules between several parameters (lanes must divide the PEs) depend on the rest of a point: a point that breaks one
    is refused in the search, with its reason.
    """
    known = parameters(base)
    problems = [f"no parameter {path!r} in the base design" for path in settings if path not in known]
    tree = base.model_dump(mode="json")
    for path, value in settings.items():
        if path in known:
            table, leaf = _table_of(tree, path)
            table[leaf] = value
    try:
        Design.model_validate(tree)
    except ValidationError as error:
        for item in error.errors():
            path = ".".join(str(part) for part in item["loc"])
            if path:
                problems.append(f"{path}: {item['msg']}, not {item['input']!r}")
    return problems


def _table_of(tree: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The table that holds a dotted path, and its key there."""
    *parents, leaf = path.split(".")
    for parent in parents:
        tree = tree[parent]
    return tree, leaf


def _value_at(tree: dict[str, Any], path: str) -> Any:
    table, leaf = _table_of(tree, path)
    return table[leaf]


def _agrees(tree: dict[str, Any], settings: Mapping[str, Setting]) -> bool:
    """Whether a design already has what a variant sets."""
    return all(
        _value_at(tree, path) == (list(value) if isinstance(value, tuple) else value)
        for path, value in settings.items()
    )
