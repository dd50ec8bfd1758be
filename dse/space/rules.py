"""Rules between the parts of a space: names that must exist, values that must fit, and what contradicts what.

A part that breaks a rule of its own is left out here (pydantic has reported it), so that one mistake hides no other.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from archsim.costs import dram_lacks
from archsim.design import Design, load_design
from archsim.errors import BadInput
from dse import constraints, objectives
from dse.space.hardware import DRAM_KIND, dram_kinds, problems, problems_of
from dse.space.inputs import same_task, task_at_hand
from dse.space.specs import (
    ModelSpec,
    ParameterSpec,
    Scenario,
    Setting,
    Value,
    same_settings,
)
from workloads import tasks, zoo
from workloads.config import Config
from workloads.packed import is_integer_model
from workloads.tasks import own

MODEL = "model"
"""Name of the parameter that picks a model, its bits and its threshold."""

TAKEN = frozenset((
    "trial", MODEL, "threshold", "weight_format", "state_sparsity",
    *(o.name for o in objectives.every()), *(c.name for c in constraints.every()),
    "weights_resident", "left_out", "feasible", "reason", "on_front", "on_front_low", "on_front_high", "distinct",
    "design_sha256", "hypervolume", "test_loss", "extra_stages", "point", "kind", "network", "facts",
))  # fmt: skip
"""What tables and report call their own columns: no group of variants can have such a name."""

_LOSSES = frozenset(objective.name for objective in objectives.every() if objective.of_task)
"""Objectives that only a task can state."""

_T = TypeVar("_T")
Where = tuple[str | int, ...]
Variants = dict[str, dict[str, dict[str, Setting]]]


@dataclass(frozen=True)
class Mistake:
    """A rule that is broken: where, the rule, what was given (None: the rule says it)."""

    where: Where
    rule: str
    given: object = None

    @property
    def details(self) -> InitErrorDetails:
        said = self.rule if self.given is None else f"{self.rule}, not {self.given!r}"
        return InitErrorDetails(type=PydanticCustomError("rule", "{said}", {"said": said}), loc=self.where, input={})


@dataclass
class _Draft:
    """The parts of a tree that are valid on their own."""

    base: Design | None
    scenario: Scenario | None
    models: dict[int, ModelSpec]
    parameters: dict[str, ParameterSpec]
    variants: Variants
    configs: dict[int, dict[str, Config]] = field(default_factory=dict)
    """The configuration of every model that an entry stands for, by name."""

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> "_Draft":
        base = tree.get("base")
        return cls(
            base=_or_none(load_design, base) if isinstance(base, str) else None,
            scenario=_valid(Scenario, tree.get("scenario", {})),
            models=_each(ModelSpec, dict(enumerate(_list(tree.get("models"))))),
            parameters=_each(ParameterSpec, _table(tree.get("parameters"))),
            variants={
                group: _each(dict[str, Setting], _table(variants))
                for group, variants in _table(tree.get("variants")).items()
            },
        )

    @property
    def controls(self) -> dict[str, Callable[[Value], bool]]:
        """What a condition may name, and whether that can take a value."""
        labels = {choice.label for i in self.models for choice in _variants_of(self, i)}
        return {
            **{path: parameter.holds for path, parameter in self.parameters.items()},
            **{group: named.__contains__ for group, named in self.variants.items()},
            MODEL: labels.__contains__,
        }


def with_demands(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same tree, with what every search of its kind demands among the constraints, unless it says otherwise."""
    scenario, asked = _valid(Scenario, tree.get("scenario", {})), tree.get("constraints", {})
    if scenario is None or not isinstance(asked, Mapping):
        return tree
    demands = {each.name: True for each in constraints.every() if scenario.kind in each.demanded_of}
    return {**tree, "constraints": {**demands, **asked}}


def broken(tree: Mapping[str, Any]) -> list[InitErrorDetails]:
    """Every rule between the parts of a space that its tree breaks."""
    draft = _Draft.of(tree)
    found = [
        *_base(tree),
        *_budget(tree),
        *_objectives(tree),
        *_constraints(tree, draft),
        *_models(draft),
        *_one_task(tree, draft),
        *_parameters(draft),
        *_dram(draft),
        *_lanes(draft),
        *_conditions(draft),
        *_variants(draft),
    ]
    return [mistake.details for mistake in found]


def _base(tree: Mapping[str, Any]) -> Iterator[Mistake]:
    if isinstance(base := tree.get("base"), str):
        try:
            load_design(base)
        except BadInput as problem:
            yield Mistake(("base",), str(problem))


def _budget(tree: Mapping[str, Any]) -> Iterator[Mistake]:
    if tree.get("trials") is None and tree.get("seconds") is None:
        yield Mistake(("trials",), "or seconds must be given, not neither")


def _objectives(tree: Mapping[str, Any]) -> Iterator[Mistake]:
    known = [objective.name for objective in objectives.every()]
    names = _list(tree.get("objectives"))
    for i, name in enumerate(names):
        if name not in known:
            yield Mistake(("objectives", i), f"must be of {', '.join(known)}", name)
        elif name in names[:i]:
            yield Mistake(("objectives", i), "must be named once", name)


def _constraints(tree: Mapping[str, Any], draft: _Draft) -> Iterator[Mistake]:
    bounds, goals = _table(tree.get("constraints")), [objective.name for objective in objectives.every()]
    for name, bound in bounds.items():
        where = ("constraints", name)
        if constraints.is_one(name):
            if name == constraints.MEETS_DEADLINE.name and draft.scenario and draft.scenario.kind == "batch":
                yield Mistake(where, "must be left out of kind batch: nothing is due there", bound)
            elif constraints.by_name(name).waivable:
                if not isinstance(bound, bool):
                    yield Mistake(where, "must be true or false", bound)
            elif bound is not True:
                yield Mistake(where, "must be true, or left out", bound)
        elif name not in goals:
            yield Mistake(where, f"must be of {', '.join([*goals, *constraints.PLUGINS.names])}", name)
        elif isinstance(bound, bool) or not isinstance(bound, (int, float)) or not 0 < bound < float("inf"):
            yield Mistake(where, "must be a positive number", bound)


def _models(draft: _Draft) -> Iterator[Mistake]:
    for i, spec in draft.models.items():
        where: Where = ("models", i, "name") if spec.name else ("models", i)
        try:
            draft.configs[i] = {name: zoo.load_config(name) for name in spec.names}
        except BadInput as problem:
            yield Mistake(where, str(problem))
            continue
        least = min(_trained_at(config) for config in draft.configs[i].values())
        for threshold in spec.thresholds:
            if threshold <= least:
                rule = f"must be larger than the {least:.4g} it was trained with"
                yield Mistake(("models", i, "thresholds"), rule, threshold)
        if spec.ptq:
            yield from _quantizable(i, draft.configs[i])
    seen: set[str] = set()
    for i in draft.configs:
        for label in (choice.label for choice in _variants_of(draft, i)):
            if label in seen:
                yield Mistake(("models", i), "names must be distinct, with their bits and thresholds", label)
            seen.add(label)


def _quantizable(i: int, configs: Mapping[str, Config]) -> Iterator[Mistake]:
    for name, config in configs.items():
        if is_integer_model(zoo.model_path(name)):
            yield Mistake(("models", i, "ptq"), "must be of a model that is not in integers yet", name)
        if any(layer.norm == "layer" for layer in config.layers):
            yield Mistake(("models", i, "ptq"), "must be of a model without layer norm", name)


def on_a_task(scenario: Scenario, wanted: Iterable[str]) -> bool:
    """Whether models are measured on a task: one is named, a loss is among the objectives and constraints `wanted`, or
    there are no inputs to run instead."""
    return scenario.inputs is None or scenario.task is not None or bool(_LOSSES & set(wanted))


def _one_task(tree: Mapping[str, Any], draft: _Draft) -> Iterator[Mistake]:
    """Losses of different tasks cannot be compared."""
    named = [*_list(tree.get("objectives")), *_table(tree.get("constraints"))]
    scenario, wanted = draft.scenario, [name for name in _LOSSES if name in named]
    if scenario is None or not on_a_task(scenario, wanted):
        return
    configs = {name: config for configs in draft.configs.values() for name, config in configs.items()}
    theirs = {name: task for name, config in configs.items() if (task := task_at_hand(config))}
    apart = _apart(theirs.values())
    if scenario.task is None:
        yield from _without_task({name: config.task for name, config in configs.items() if name not in theirs}, wanted)
    elif problems := _no_task(scenario.task):
        yield from (Mistake(("scenario", "task"), problem) for problem in problems)
    elif len(apart) == 1 and not same_task(scenario.task, apart[0]):
        yield Mistake(("scenario", "task"), f"must be {apart[0]}, as the models'", scenario.task)
    if len(apart) > 1:
        given = ", ".join(f"{name} of {theirs.get(name, scenario.task)}" for name in configs)
        yield Mistake(("models",), f"must be of one task, not {given}")


def _without_task(lost: Mapping[str, str | None], wanted: Iterable[str]) -> Iterator[Mistake]:
    """Of models that have no task, or whose task's file, which is given, is gone."""
    if without := [name for name, task in lost.items() if task is None]:
        needed = f"for {' and '.join(wanted)}" if wanted else "or else [scenario] inputs, to run them on"
        rule = f"must have a task, their own or that of [scenario] task, {needed}"
        yield Mistake(("models",), rule, ", ".join(without))
    for name, task in lost.items():
        if task is not None:
            rule = f"must have their task at hand (put {task} back, or name another in [scenario] task)"
            yield Mistake(("models",), rule, name)


def _apart(given: Iterable[str]) -> list[str]:
    """Names of tasks, one of each."""
    apart: list[str] = []
    for task in dict.fromkeys(given):
        if not any(same_task(task, other) for other in apart):
            apart.append(task)
    return apart


def _no_task(name: str) -> list[str]:
    """Why there is no such task, a line for each mistake; none where there is one."""
    if tasks.is_file(name) and own.found(name) is None:
        return [f"must be there: beside the study, in the working folder or in $ARCHSIM_DATA, not {name!r}"]
    try:
        tasks.by_name(name)
    except BadInput as problem:
        return [line.removeprefix("task ") for line in problem.lines]
    return []


def _parameters(draft: _Draft) -> Iterator[Mistake]:
    if draft.base is None:
        return
    set_by_variants = [path for group in draft.variants.values() for named in group.values() for path in named]
    for path, parameter in draft.parameters.items():
        others = {*draft.parameters, *set_by_variants} - {path}
        for problem in problems_of(draft.base, path, parameter, others):
            yield Mistake(("parameters", path), problem)


def _dram(draft: _Draft) -> Iterator[Mistake]:
    """A total that lacks a part is no match for one that has it."""
    if draft.base is None:
        return
    kinds = dram_kinds(draft.base, draft.parameters, draft.variants)
    where = ("parameters" if DRAM_KIND in draft.parameters else "variants", DRAM_KIND)
    try:
        lacking = {kind: bool(dram_lacks(kind)) for kind in kinds}
    except BadInput as problem:
        yield Mistake(where, str(problem))
        return
    if len(set(lacking.values())) > 1:
        known, unknown = (", ".join(kind for kind in kinds if lacking[kind] is which) for which in (False, True))
        rule = f"must not set kinds whose background power is known ({known}) beside kinds where it is not ({unknown})"
        yield Mistake(where, f"{rule}: energies would be decided by what is missing")


def _lanes(draft: _Draft) -> Iterator[Mistake]:
    """Each lane runs a sequence of the trace."""
    if draft.scenario is None:
        return
    sequences = draft.scenario.sequences
    rule = f"must be at most the {sequences} sequences of the scenario"
    settings = {
        ("variants", group, name, "lanes"): values["lanes"]
        for group, named in draft.variants.items()
        for name, values in named.items()
        if "lanes" in values
    }
    given = draft.parameters.get("lanes")
    most = max((n for n in given.extremes if _is_int(n)), default=0) if given else 0
    if most > sequences:  # type: ignore[operator]
        yield Mistake(("parameters", "lanes"), rule, most)
    for where, lanes in settings.items():
        if _is_int(lanes) and lanes > sequences:  # type: ignore[operator]
            yield Mistake(where, rule, lanes)
    if not given and not settings and draft.base and draft.base.lanes > sequences:
        lanes_of_base = draft.base.lanes
        yield Mistake(("scenario", "sequences"), f"must be at least the {lanes_of_base} lanes of the base", sequences)


def _conditions(draft: _Draft) -> Iterator[Mistake]:
    controls = draft.controls
    for path, parameter in draft.parameters.items():
        for name, values in parameter.when.items():
            where = ("parameters", path, "when", name)
            if name not in controls:
                yield Mistake(where, f"must name one of {', '.join(controls)}", name)
            elif path in _depends_on(draft.parameters, name):
                yield Mistake(where, "must not depend on the parameter itself", name)
            elif name != MODEL or len(draft.configs) == len(draft.models):  # else not all labels are known
                for value in values:
                    if not controls[name](value):
                        yield Mistake(where, f"must be of what {name} can be", value)


def _depends_on(given: Mapping[str, ParameterSpec], name: str) -> set[str]:
    """`name`, and all parameters that decide whether it is set."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += given[name].when if name in given else ()
    return found


def _variants(draft: _Draft) -> Iterator[Mistake]:
    taken = {path: f"parameters.{path}" for path in draft.parameters}
    for group, variants in draft.variants.items():
        if group in TAKEN or group in draft.parameters:
            yield Mistake(("variants", group), "must have a name of its own: the name is taken", group)
        if not variants:
            yield Mistake(("variants", group), "must have at least one variant, not none")
        yield from _twins(group, variants)
        for path in dict.fromkeys(path for settings in variants.values() for path in settings):
            if path in draft.parameters and _never_beside(draft.parameters[path], group, variants, path):
                continue
            if taken.setdefault(path, group) != group:
                yield Mistake(
                    ("variants", group, path), f"must be set in one place; {path} is set by {taken[path]} too"
                )
        if draft.base is not None:
            for name, settings in variants.items():
                for path, problem in problems(draft.base, settings).items():
                    yield Mistake(("variants", group, name, path), problem)


def _twins(group: str, variants: Mapping[str, Mapping[str, Setting]]) -> Iterator[Mistake]:
    """Variants that set the same: a search would count, and evaluate, one design twice."""
    names = list(variants)
    for i, name in enumerate(names):
        for other in names[:i]:
            if same_settings(variants[name], variants[other]):
                yield Mistake(("variants", group, name), f"must differ from {other}, which sets the same")


def _never_beside(
    parameter: ParameterSpec, group: str, variants: Mapping[str, Mapping[str, Setting]], path: str
) -> bool:
    """Whether a parameter is out of force wherever a variant of `group` sets its path."""
    setting = {name for name, settings in variants.items() if path in settings}
    return group in parameter.when and not setting & set(parameter.when[group])


def _variants_of(draft: _Draft, i: int) -> Iterator[Any]:
    for name, config in draft.configs.get(i, {}).items():
        yield from draft.models[i].variants(name, _trained_at(config))


def _trained_at(config: Config) -> float:
    return max(layer.threshold for layer in config.layers)


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _or_none(load: Callable[[Any], _T], given: object) -> _T | None:
    try:
        return load(given)
    except (BadInput, ValidationError):
        return None


def _valid(kind: Any, given: object) -> Any:
    return _or_none(TypeAdapter(kind).validate_python, given)


def _each(kind: Any, given: Mapping[Any, Any]) -> dict[Any, Any]:
    """The items that are valid on their own."""
    return {key: valid for key, each in given.items() if (valid := _valid(kind, each)) is not None}


def _list(given: object) -> list[Any]:
    return list(given) if isinstance(given, (list, tuple)) else []


def _table(given: object) -> dict[Any, Any]:
    return dict(given) if isinstance(given, Mapping) else {}
