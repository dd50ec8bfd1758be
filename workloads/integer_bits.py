"""Integer bits of what a model holds in fixed point: proved from its weights, or measured; and what is clipped."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.config import Config, Inputs
from workloads.flow import lengths_of
from workloads.model import Model
from workloads.numbers import Clipped, Saturations, integer_bits
from workloads.positions import Lengths

_CHUNK = 128  # steps run at a time, which bounds the memory of the states


@dataclass(frozen=True)
class NeededBits:
    """How large an operand gets, and the integer bits m that hold it in ``[-2^m, 2^m)``."""

    operand: str
    """Its name in the trace."""
    largest: float
    basis: Literal["proved", "calibrated"]
    """Whether that holds for all inputs, or was measured on some."""

    @property
    def integer_bits(self) -> int:
        return integer_bits(self.largest)


def needed_bits(model: Model, inputs: Inputs | None = None) -> tuple[NeededBits, ...]:
    """What the vectors that enter `model`, and h of each layer, need; nothing is listed of a one-hot input.

    Proved: an embedding, whose table is known; h of an LSTM, a GRU or a tanh RNN, which lies within 1 or the initial
    state. Calibrated on `inputs` ``(T, B[, I])``, with the model computing as it is: vectors, and h of a ReLU RNN; a
    projected h as well, which without inputs takes what the sums of its weights prove.
    BadInput names the first operand that has neither proof nor inputs.
    """
    seen = {} if inputs is None else _largest(model, inputs)

    def calibrated(operand: str, why: str) -> NeededBits:
        if operand not in seen:
            raise BadInput(
                f"model {model.name}: {operand}: {why}, so inputs must be given to take its integer bits from"
            )
        return NeededBits(operand, seen[operand], "calibrated")

    found: list[NeededBits] = []
    if (of_table := embedding_needs(model)) is not None:
        found.append(of_table)
    elif model.config.input.kind != "one_hot":
        entering = "features" if model.config.input.kind == "dense" else "x"
        found.append(calibrated(entering, "vectors may be of any size"))
    of_layers = []
    for k, layer in enumerate(model.layers):
        operand = f"h{model.config.suffix(k)}"
        if layer.bound is not None and (layer.config.projection is None or inputs is None):
            of_layers.append(NeededBits(operand, layer.bound, "proved"))
        else:
            of_layers.append(calibrated(operand, f"h of {layer.config.cell} has no bound"))
    for level in model.config.levels:  # both directions are read as one vector, so they have the number of the larger
        most = max((of_layers[k] for k in level), key=lambda needed: needed.largest)
        found += [replace(most, operand=of_layers[k].operand) for k in level]
    return tuple(found)


def embedding_needs(model: Model) -> NeededBits | None:
    """What the model's embedding needs, which its table proves; None where it has none."""
    return None if model.embedding is None else NeededBits("x", float(np.abs(model.embedding).max()), "proved")


def _largest(model: Model, inputs: Inputs) -> dict[str, float]:
    """The largest magnitude of every operand that is a vector, initial states among them."""
    largest = {f"h{model.config.suffix(k)}": layer.largest_start for k, layer in enumerate(model.layers)}
    state = None
    for window in _windows(model.config, inputs):
        operands, state = model.operands(window, state)
        for name, values in operands.items():
            if values.dtype.kind == "f":
                largest[name] = max(largest.get(name, 0.0), float(np.abs(values).max(initial=0.0)))
    return largest


def _windows(config: Config, inputs: Inputs) -> Iterator[Inputs]:
    """Some steps at a time, where a state can be carried from one piece to the next."""
    steps = len(inputs) if config.needs_whole_sequences else _CHUNK
    yield from (inputs[first : first + steps] for first in range(0, len(inputs), steps))


class Counted(Protocol):
    """A `Model` or an `IntegerModel`: it counts what it clips."""

    @property
    def config(self) -> Config: ...

    @property
    def saturations(self) -> Saturations: ...

    @property
    def constants_clipped(self) -> tuple[Clipped, ...]: ...

    def counting(self) -> Self: ...

    def states(self, inputs: Inputs, state: Any = None, /) -> tuple[NDArray[Any], Any]: ...

    def readout(self, states: NDArray[Any], /) -> NDArray[Any]: ...

    def last(self, inputs: Inputs, lengths: Lengths, /) -> NDArray[Any]: ...


def clipped_shares(model: Counted, inputs: Inputs | None = None) -> tuple[Clipped, ...]:
    """How much of everything that `model` holds in fixed point lies beyond its range and is clipped.

    First its constants; then, with `inputs` ``(T, B[, I])``, what enters, states, sums and arguments while it runs on
    them from the initial state.
    """
    if inputs is None:
        return model.constants_clipped
    if not len(inputs):
        raise BadInput(f"model {model.config.name}: inputs must hold at least one step")
    counted, state = model.counting(), None
    when = None if model.config.readout is None else model.config.readout.when
    if when == "last_step" and model.config.needs_whole_sequences:
        counted.last(inputs, lengths_of(inputs, None))
        return (*model.constants_clipped, *counted.saturations.places)
    for window in _windows(model.config, inputs):
        states, state = counted.states(window, state)
        if when == "every_step":
            counted.readout(states)
    if when == "last_step":
        counted.readout(states[-1])
    return (*model.constants_clipped, *counted.saturations.places)
