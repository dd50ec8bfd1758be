"""An imported model beside its source, over the same inputs: how far they are apart, layer by layer."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.check.runs import SourceRun
from workloads.model import Model

TOLERANCE = 1e-4
"""Largest difference of a float model, over the range of what the source computes: float32 sums in another order."""


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference from the source of what a layer computes, or of the answer."""

    what: str
    range: float
    """Of the source: its largest number less its smallest, or the magnitude of numbers that are all the same."""
    floats: float
    """Of the model before its weights, states and inputs are rounded."""
    rounded: float
    """Of the model as imported."""

    @property
    def passed(self) -> bool:
        return self.floats <= TOLERANCE * self.range


@dataclass(frozen=True)
class Check:
    """A model beside its source, run by `by`."""

    by: str
    differences: tuple[Difference, ...]

    @property
    def passed(self) -> bool:
        """Whether the model computes what its source does, in floating point."""
        return all(difference.passed for difference in self.differences)

    def to_json(self) -> dict[str, Any]:
        return {
            "by": self.by,
            "passed": self.passed,
            "differences": [{**asdict(d), "passed": d.passed} for d in self.differences],
        }


def compared(source: SourceRun, floats: Model, rounded: Model) -> Check:
    """A run of the source beside both models; BadInput where what they answer is of different shapes."""
    ours, theirs = (dict(_computed(model, source)) for model in (floats, rounded))
    wanted = {f"h {k + 1}": h for k, h in enumerate(source.layers) if h is not None}
    if len(source.layers) != len(floats.layers):
        wanted = {}  # the source computes in other layers than the model: its answer tells
    differences = [
        Difference(what, _range(h), _distance(h, ours[what]), _distance(h, theirs[what])) for what, h in wanted.items()
    ]
    answer = _answer(source, ours["output"])
    nearest = (_nearest(answer, model["output"]) for model in (ours, theirs))
    return Check(source.by, (*differences, Difference("output", _range(answer), *nearest)))


def _answer(source: SourceRun, ours: NDArray[Any]) -> NDArray[Any]:
    """Which of the source's outputs is the model's; BadInput where none is of its shape."""
    fitting = [output for output in source.outputs if _ways(output, ours)]
    if not fitting:
        shapes = ", ".join(str(output.shape) for output in source.outputs)
        raise BadInput(f"--check: the source answers {shapes}, and the model {ours.shape}: they cannot be compared")
    return min(fitting, key=lambda output: _nearest(output, ours))


def _computed(model: Model, source: SourceRun) -> Iterator[tuple[str, NDArray[Any]]]:
    """h of each layer by position, and what the model answers."""
    inputs = source.inputs
    operands, _ = model.operands(inputs)
    for k, layer in enumerate(model.config.layers):
        h = operands[f"h{model.config.suffix(k)}"]
        yield f"h {k + 1}", h[::-1] if layer.reverse else h
    readout = model.config.readout
    if readout is None:
        yield "output", model.states(inputs)[0]
    elif readout.when == "every_step":
        yield "output", model.run(inputs)[0]
    else:
        yield "output", model.last(inputs, np.full(inputs.shape[1], len(inputs)))


def _range(values: NDArray[Any]) -> float:
    """The largest number less the smallest; of one number its magnitude."""
    return float(np.ptp(values.astype(np.float64)) or np.max(np.abs(values)))


def _distance(theirs: NDArray[Any], ours: NDArray[Any]) -> float:
    return float(np.max(np.abs(theirs.astype(np.float64) - ours)))


def _nearest(theirs: NDArray[Any], ours: NDArray[Any]) -> float:
    """The distance from a source that may have steps or sequences first, or both in one axis."""
    return min(_distance(theirs, way) for way in _ways(theirs, ours))


def _ways(theirs: NDArray[Any], ours: NDArray[Any]) -> list[NDArray[Any]]:
    """What a model answers ``(T, B, V)`` or ``(B, V)``, laid out as a source may have it."""
    if ours.shape[-1] == 2 and theirs.shape[-1:] == (1,):
        ours = ours[..., 1:]  # of two classes the source scores the second alone
    ways = [ours, *([ours.swapaxes(0, 1), ours[-1]] if ours.ndim == 3 else [])]
    return [way.reshape(theirs.shape) for way in ways if way.size == theirs.size and _alike(way, theirs)]


def _alike(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    """Whether the elements of the last axis are the same; the others may be merged."""
    return ours.shape[-1] == 1 or theirs.shape[-1:] == ours.shape[-1:]
