"""State sparsity after training: the thresholds that reach it, and how the zeros of a trace lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.graph import Operand
from archsim.trace.trace import Trace
from workloads import fitting
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Sample

LANES = (1, 2, 4, 8, 16)
SEQUENCES, STEPS = 16, 256
"""The most of the validation split that thresholds are found on."""
_HALVINGS = 16


def sample_of(model: Model) -> Sample:
    """The sample of the model's own task that thresholds are found on; BadInput without a task or its data."""
    return fitting.sample_of(model, "validation", SEQUENCES, STEPS)


def prune_to(model: Model, target: float | Sequence[float], sample: Sample) -> Model:
    """`model` with the thresholds under which a share `target` of its states is zero on `sample`.

    One target: one threshold for all layers, and the share over all their states. One each: a threshold a layer, found
    from the first layer up, since a layer's states depend on those below it alone. Weights stay as they are: this costs
    more accuracy than training at that sparsity. Thresholds come from bisection, and a state of n bits has steps, so
    the share reached is at least the target and as near to it as those allow. BadInput where no threshold below the
    largest state reaches it.
    """
    if isinstance(target, int | float):
        return _bisected(lambda t: model.with_threshold(t), target, sample, layer=None)
    if len(target) != len(model.layers):
        raise BadInput(f"model {model.name}: targets must be {len(model.layers)}, one a layer, not {len(target)}")
    thresholds = [layer.threshold for layer in model.config.layers]
    for k, share in enumerate(target):

        def at(threshold: float, k: int = k) -> Model:
            return model.with_threshold([*thresholds[:k], threshold, *thresholds[k + 1 :]])

        thresholds[k] = _bisected(at, share, sample, layer=k).config.layers[k].threshold
    return model.with_threshold(thresholds)


def _bisected(at: Callable[[float], Model], target: float, sample: Sample, layer: int | None) -> Model:
    if not 0 <= target < 1:
        raise BadInput(f"target sparsity must be at least 0 and below 1, not {target}")
    low, high = 0.0, 1.0
    if _sparsity(at(low), sample, layer) >= target:
        return at(low)
    while _sparsity(at(high), sample, layer) < target:
        high *= 2
        if high > 2**15:
            raise BadInput(f"target sparsity {target} is not reached by any threshold")
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if _sparsity(at(middle), sample, layer) >= target else (middle, high)
    return at(high)


def _sparsity(model: Model, sample: Sample, layer: int | None) -> float:
    states = _states(record_sample(model, sample, {}))
    chosen = states if layer is None else states[layer : layer + 1]
    zeros = possible = 0
    for phase, operand in chosen:
        nonzero, running = _masks(phase, operand)
        zeros += int((~nonzero[running]).sum())
        possible += int(running.sum()) * operand.size
    return zeros / possible


@dataclass(frozen=True)
class Zeros:
    """How the zeros of one operand lie."""

    operand: str
    sparsity: float
    per_step: NDArray[np.float64]
    """Share of zeros over the sequences that run at each step, ``(T,)``."""
    per_unit: NDArray[np.float64]
    """Share of zeros of each element over all steps and sequences, ``(size,)``."""
    union: dict[int, float]
    """By lanes: share of columns that are zero in all sequences side by side, over the steps in which any runs."""


def zeros(trace: Trace) -> tuple[Zeros, ...]:
    """Zeros of every state of `trace`, after each step."""
    return tuple(_zeros(phase, operand) for phase, operand in _states(trace))


def _zeros(trace: Trace, operand: Operand) -> Zeros:
    nonzero, running = _masks(trace, operand)
    lit = (nonzero & running[..., None]).sum(axis=(1, 2))
    per_step = 1 - lit / (running.sum(axis=1) * operand.size)
    per_unit = 1 - (nonzero & running[..., None]).sum(axis=(0, 1)) / running.sum()
    total = 1 - lit.sum() / (running.sum() * operand.size)
    union = {n: _union(nonzero & running[..., None], running, n) for n in LANES if n <= trace.sequences}
    return Zeros(operand.name, float(total), per_step, per_unit, union)


def _union(nonzero: NDArray[np.bool_], running: NDArray[np.bool_], lanes: int) -> float:
    """Groups of lanes are fixed by index; what is left over after the last whole one does not count."""
    steps, sequences, size = nonzero.shape
    groups = sequences // lanes
    union = nonzero[:, : groups * lanes].reshape(steps, groups, lanes, size).any(axis=2)
    any_runs = running[:, : groups * lanes].reshape(steps, groups, lanes).any(axis=2)
    return 1 - float(union.sum() / (any_runs.sum() * size))


def _states(trace: Trace) -> list[tuple[Trace, Operand]]:
    """The state of each layer, and the phase that it is of."""
    return [(phase, operand) for phase in trace.phases for operand in phase.graph.operands if operand.kind == "state"]


def _masks(trace: Trace, operand: Operand) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Non-zero elements after each step ``(T, S, size)``, and which sequences run ``(T, S)``."""
    bits = np.unpackbits(trace.arrays[operand.name][1:], axis=-1, count=operand.size).astype(np.bool_)
    return bits, trace.active(trace.sequences, trace.steps)
