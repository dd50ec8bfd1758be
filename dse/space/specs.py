"""The parts of a space, each validated on its own: a parameter's range, a model, the scenario."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    model_validator,
)

from archsim.errors import BadInput
from archsim.frozen import Frozen
from archsim.mapping.plan import RunScope
from dse.space.choice import ModelChoice, PtqBits
from workloads import zoo
from workloads.stated import LATER, Stated
from workloads.zoo.selection import NAMES, select


def _finite(value: float) -> float:
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an integer beyond all floats
        finite = False
    if not finite:
        raise ValueError("must be finite")
    return value


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("must be a number")
    return _finite(value)


def _value(value: Any) -> bool | int | float | str:
    if not isinstance(value, (bool, int, float, str)):
        raise ValueError("must be a number, a text, true or false")
    return value if isinstance(value, (bool, str)) else _finite(value)


def _setting(value: Any) -> bool | int | float | str | tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return tuple(value)
    return _value(value)


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


# Plain functions: of a union pydantic reports a mistake for every member.
Number: TypeAlias = Annotated[int | float, PlainValidator(_number)]
Value: TypeAlias = Annotated[bool | int | float | str, PlainValidator(_value)]
"""What a sampler picks."""
Setting: TypeAlias = Annotated[bool | int | float | str | tuple[str, ...], PlainValidator(_setting)]
"""What a variant sets a path to: the scopes left to the host are a list."""
Bound: TypeAlias = Annotated[bool | int | float, PlainValidator(_value)]
"""A number bounds an objective; true demands a condition of `dse.constraints`."""

_T = TypeVar("_T")
Several: TypeAlias = Annotated[tuple[_T, ...], BeforeValidator(_several), Field(min_length=1)]
"""One, or a list."""


FileName: TypeAlias = Annotated[str, BeforeValidator(lambda given: str(given) if isinstance(given, Path) else given)]
"""A name, or a path as text; programs may give a `Path`."""


class ParameterSpec(Frozen):
    """Either `choices`, or the range from `low` to `high` in steps (integers: 1), or on a logarithmic scale.

    With `when` it is set only while other parameters have one of the values named there.
    """

    choices: tuple[Value, ...] | None = None
    low: Number | None = None
    high: Number | None = None
    step: Annotated[Number, Field(gt=0)] | None = None
    log: bool = False
    when: dict[str, Several[Value]] = Field(default={})

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        problem = self._range_problem() if self.choices is None else self._choices_problem(self.choices)
        if problem:
            raise ValueError(problem)
        return self

    def _choices_problem(self, choices: tuple[Value, ...]) -> str | None:
        if self.log or (self.low, self.high, self.step) != (None, None, None):
            return f"must have either choices, or low and high, not {self._given()}"
        if not choices or len({_identity(c) for c in choices}) < len(choices):
            return f"choices must be distinct, at least one, not {list(choices)}"
        return None

    def _range_problem(self) -> str | None:
        if self.low is None or self.high is None:
            return f"must have either choices, or low and high, not {self._given()}"
        if self.low > self.high or (self.log and self.low <= 0):
            return f"low must be {'positive and ' if self.log else ''}at most high, not {self.low} and {self.high}"
        if self.log and self.step is not None:
            return f"must have either log or step, not {self._given()}"
        if self.integer and isinstance(self.step, float):
            return f"step must be an integer where low and high are, not {self.step}"
        return self._step_problem(self.low, self.high, self.step)

    @staticmethod
    def _step_problem(low: float, high: float, step: float | None) -> str | None:
        """`high` could never be drawn where steps do not lead there."""
        if step is None or _whole((high - low) / step):
            return None
        below = low + math.floor((high - low) / step) * step
        return f"high must be low and a whole number of steps, such as {below:.12g} or {below + step:.12g}, not {high}"

    def _given(self) -> str:
        return " and ".join(self.model_dump(exclude_defaults=True, exclude={"when"})) or "neither"

    @property
    def integer(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def extremes(self) -> tuple[Value, ...]:
        """The values that must be valid for all to be: every choice, or both ends of the range."""
        if self.choices is not None:
            return self.choices
        return tuple(v for v in (self.low, self.high) if v is not None)

    @property
    def size(self) -> int | None:
        """How many values it can take; None where they are not to be counted."""
        if self.choices is not None:
            return len(self.choices)
        low, high = self.low, self.high
        if low is None or high is None:
            raise AssertionError("a parameter has choices or a range")
        if low == high:
            return 1
        step = self.step or (1 if self.integer else None)
        return None if step is None else 1 + math.floor((high - low) / step + 1e-9)

    @property
    def values(self) -> tuple[Value, ...]:
        """All that it can be, in order; BadInput where that is a continuous range."""
        if self.choices is not None:
            return self.choices
        if self.size is None or self.low is None:
            raise BadInput(f"a range from {self.low} to {self.high} without steps has no values to list")
        return tuple(self.low + k * (self.step or 1) for k in range(self.size))

    def holds(self, value: Value) -> bool:
        """Whether a sampler can pick `value`."""
        return self.find(value) is not None

    def find(self, value: Value) -> Value | None:
        """`value` as a sampler picks it, 8 for 8.0 where a choice is 8; None where it cannot."""
        if self.choices is not None:
            return next((c for c in self.choices if _identity(c) == _identity(value)), None)
        low, high = self.low, self.high
        if low is None or high is None or isinstance(value, bool) or not isinstance(value, int | float):
            return None  # a base may leave a parameter out: voltage_v is then no number
        if not low <= value <= high:
            return None
        step = self.step or (1 if self.integer and not self.log else None)
        steps = 0.0 if step is None else (value - low) / step
        return value if (isinstance(value, int) or not self.integer) and _whole(steps) else None


def _whole(steps: float) -> bool:
    """Whether steps are a whole number, but for what floating point adds."""
    return abs(steps - round(steps)) < 1e-9


def _identity(value: Setting) -> tuple[bool, Setting]:
    """What tells two values apart: 1 and 1.0 are one number, and 1 is no truth."""
    return isinstance(value, bool), value


def same_settings(one: Mapping[str, Setting], other: Mapping[str, Setting]) -> bool:
    """Whether two variants set the same paths to the same values."""
    return {path: _identity(value) for path, value in one.items()} == {k: _identity(v) for k, v in other.items()}


Bits: TypeAlias = Annotated[int, Field(ge=2, le=16)]


class Ptq(Frozen):
    """Post-training quantization: every combination of these bits."""

    weights: Several[Bits]
    activations: Several[Bits]
    cell: Several[Bits] | None = Field(default=None, description="of c; None: as many as activations")

    @property
    def combinations(self) -> tuple[PtqBits, ...]:
        return tuple(
            PtqBits(weights, activations, cell)
            for weights in self.weights
            for activations in self.activations
            for cell in self.cell or (None,)
        )

    @property
    def widest(self) -> PtqBits:
        return PtqBits(max(self.weights), max(self.activations), None if self.cell is None else max(self.cell))


def _rising(thresholds: tuple[float, ...]) -> tuple[float, ...]:
    if list(thresholds) != sorted(set(thresholds)) or not all(0 < t < 1 for t in thresholds):
        raise ValueError("must rise, between 0 and 1")
    return thresholds


class ModelSpec(Frozen):
    """A model of the zoo by name, or a file, or all models of the zoo that have the traits given.

    Each as trained, and at larger state thresholds; with `ptq` in integers of each of those bits instead.
    """

    name: FileName | None = None
    task: Several[str] | None = None
    cell: Several[str] | None = None
    weight_format: Several[str] | None = None
    hidden: Several[int] | None = None
    layers: Several[int] | None = None
    state_bits: Several[int] | None = None
    thresholds: Annotated[tuple[float, ...], AfterValidator(_rising)] = ()
    ptq: Ptq | None = None

    @model_validator(mode="after")
    def _by_name_or_traits(self) -> Self:
        if (self.name is None) == (not self.traits):
            given = "both" if self.name else "neither"
            raise ValueError(f"must have either name, or some of {', '.join(NAMES)}, not {given}")
        return self

    @property
    def traits(self) -> dict[str, tuple[str | int, ...]]:
        return {trait: values for trait in NAMES if (values := getattr(self, trait)) is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """The models it stands for; BadInput where there is none."""
        if self.name is None:
            return select(self.traits)
        zoo.model_path(self.name)
        return (self.name,)

    def as_trained(self, name: str) -> ModelChoice:
        """The best that becomes of one of them: as trained, at the most bits."""
        return ModelChoice(name, None, self.ptq.widest if self.ptq else None)

    def variants(self, name: str, trained_at: float) -> tuple[ModelChoice, ...]:
        """All that becomes of one of them, which was trained at a threshold of `trained_at`."""
        larger = [threshold for threshold in self.thresholds if threshold > trained_at]
        return tuple(
            ModelChoice(name, threshold, bits)
            for bits in (self.ptq.combinations if self.ptq else (None,))
            for threshold in (None, *larger)
        )


class Scenario(Stated):
    """What every design runs: `sequences` pieces of validation data, at most `steps` steps each.

    With `inputs`, the first `sequences` sequences of that file instead: then no model needs a task, unless an objective
    or a constraint is its loss. In batches, steps back to back; or as a stream, with a step of every lane each
    `period_us`, due `deadline_us` (the period, if not given) after its input.
    """

    kind: Literal["batch", "streaming"] = "batch"
    task: FileName | None = Field(
        default=None, description="name, or TOML file: of models without their own; of the others, to be checked"
    )
    inputs: Annotated[FileName | None, LATER] = Field(
        default=None, description=".npy: symbols (steps, sequences), or vectors (steps, sequences, size)"
    )
    batch_first: Annotated[bool, LATER] = Field(
        default=False, description="inputs are (sequences, steps), or (sequences, steps, size)"
    )
    raw: Annotated[bool | None, LATER] = Field(
        default=None, description="inputs are to be normalised first, as the data that a model was trained on"
    )
    scope: RunScope = "model"
    sequences: int = Field(default=16, ge=1, le=1024)
    steps: int = Field(default=200, ge=1)
    seed: int = Field(default=0, ge=0, description="draws where in the data the pieces begin")
    period_us: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    deadline_us: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _of_inputs(self) -> Self:
        if self.batch_first and self.inputs is None:
            raise ValueError("batch_first says which axis of inputs is which, and there are no inputs")
        if self.raw is not None and self.inputs is None:
            raise ValueError("raw says whether inputs are to be normalised, and there are no inputs")
        return self

    @model_validator(mode="after")
    def _stream_or_not(self) -> Self:
        given = ", ".join(self.model_dump(include={"period_us", "deadline_us"}, exclude_none=True))
        if self.kind == "batch" and given:
            raise ValueError(f"period_us and deadline_us are of kind streaming, not batch, which was given {given}")
        if self.kind == "streaming" and self.period_us is None:
            raise ValueError(f"period_us must be given where kind is streaming, not {given or 'left out'}")
        return self

    @property
    def due_us(self) -> float | None:
        """When a step of a stream is due, counted from its input; None in batches."""
        return self.deadline_us or self.period_us


Picked: TypeAlias = Mapping[str, Value]
"""A value for every parameter of a space, by name."""
