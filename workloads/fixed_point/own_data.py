"""A person's own inputs, and targets where there are any: what an integer model is calibrated and measured on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.config import Config, Inputs
from workloads.tasks.metrics import error_pct

OwnMetric = Literal["error_pct", "rmse", "divergence_pct"]
"""error_pct: of classes; rmse: root mean square error of numbers; divergence_pct: root mean square of the difference
from the float model's outputs, in % of the root mean square of those."""
Floats = NDArray[np.floating[Any]]
_SEQUENCES = 64  # run side by side, which bounds the memory of the states


class Outputting(Protocol):
    """A `Model` or an `IntegerModel`."""

    @property
    def config(self) -> Config: ...

    def run(self, inputs: Inputs, state: None = None, /) -> tuple[Floats, Any]: ...

    def last(self, inputs: Inputs, lengths: NDArray[np.integer[Any]], /) -> Floats: ...

    def states(self, inputs: Inputs, /) -> tuple[NDArray[Any], Any]: ...

    def real(self, states: NDArray[Any], /) -> Floats: ...


@dataclass(frozen=True, eq=False)
class OwnData:
    """Sequences of one length: `inputs` ``(T, S)`` symbols or ``(T, S, I)`` vectors.

    `targets`: integers are classes, ``(S,)`` at the end of a sequence or ``(T, S)`` at every step; floats are numbers,
    ``(S, V)`` or ``(T, S, V)``, without V where the model has one output. None: the float model's own outputs.
    """

    inputs: Inputs
    targets: NDArray[Any] | None = None

    def steps_first(self, config: Config) -> "OwnData":
        """The same data, of which sequences come first: what targets of every step are is seen from their axes."""
        inputs, targets = self.inputs.swapaxes(0, 1), self.targets
        if targets is None:
            return OwnData(inputs)
        outputs = 1 if config.readout is None else config.readout.outputs
        each_step = targets.ndim == 3 or (targets.ndim == 2 and (targets.dtype.kind in "iu" or outputs == 1))
        turn = each_step and targets.shape[:2] == self.inputs.shape[:2]
        return OwnData(inputs, targets.swapaxes(0, 1) if turn else targets)

    @property
    def metric(self) -> OwnMetric:
        if self.targets is None:
            return "divergence_pct"
        return "error_pct" if self.targets.dtype.kind in "iu" else "rmse"

    def measure(self, reference: Outputting) -> Callable[[Outputting], float]:
        """What measures a model that is to compute as `reference`; BadInput where targets do not fit it."""
        if self.targets is None:
            return self._divergence(reference)
        config, expected, last = reference.config, self.targets, self._at_end(reference.config)
        if self.metric == "error_pct":
            _check_classes(config, expected)
            return lambda model: error_pct(self._outputs(model, last), expected)
        return lambda model: _rms(self._outputs(model, last).reshape(expected.shape) - expected)

    def _divergence(self, reference: Outputting) -> Callable[[Outputting], float]:
        last = reference.config.readout is not None and reference.config.readout.when == "last_step"
        exact = self._outputs(reference, last)
        size = _rms(exact)
        if not size:
            raise BadInput(
                f"model {reference.config.name}: all its outputs are 0, so that no difference is a share of them"
            )
        return lambda model: 100 * _rms(self._outputs(model, last) - exact) / size

    def _outputs(self, model: Outputting, last: bool) -> Floats:
        """Real outputs in double precision: logits ``([T,] S, V)``, or h of the last layer where nothing reads it."""
        steps, sequences = self.inputs.shape[:2]
        parts = []
        for first in range(0, sequences, _SEQUENCES):
            some = self.inputs[:, first : first + _SEQUENCES]
            if model.config.readout is None:
                parts.append(model.real(model.states(some)[0]))
            elif last:
                parts.append(model.last(some, np.full(some.shape[1], steps)))
            else:
                parts.append(model.run(some)[0])
        return np.concatenate(parts, axis=0 if last else 1).astype(np.float64)

    def _at_end(self, config: Config) -> bool:
        """Whether targets are of the end of a sequence, not of every step; BadInput where they are neither."""
        if config.readout is None:
            raise BadInput(f"model {config.name}: has no readout, so nothing in it can meet targets: leave them out")
        steps, sequences, outputs = *self.inputs.shape[:2], config.readout.outputs
        shape, assigned = self.targets_shape, () if self.metric == "error_pct" else (outputs,)
        own = ((sequences, *assigned), (steps, sequences, *assigned))
        without = ((sequences,), (steps, sequences)) if outputs == 1 else ()
        fitting = [n % 2 == 0 for n, expected in enumerate((*own, *without)) if shape == expected]
        if not fitting:
            what = "classes (integers)" if self.metric == "error_pct" else "numbers (floats)"
            raise BadInput(
                f"model {config.name}: targets that are {what} must be {own[0]} at the end of a sequence or {own[1]} "
                f"at every step, not {shape}"
            )
        return fitting[0]

    @property
    def targets_shape(self) -> tuple[int, ...]:
        return () if self.targets is None else self.targets.shape


def _check_classes(config: Config, targets: NDArray[np.integer[Any]]) -> None:
    assert config.readout is not None
    outputs = config.readout.outputs
    if outputs == 1:
        raise BadInput(
            f"model {config.name}: integer targets are classes, and it has one output: give numbers as floats"
        )
    if not 0 <= int(targets.min()) <= int(targets.max()) < outputs:
        raise BadInput(
            f"model {config.name}: classes must be from 0 to {outputs - 1}, as it has {outputs} outputs, not "
            f"{targets.min()} to {targets.max()}"
        )


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
