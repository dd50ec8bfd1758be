"""The order in which layers run, the same for every kind of model: level by level, each direction in its own order."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.config import Config
from workloads.positions import Lengths, at_ends, turned

Arrays = tuple[NDArray[Any], ...]


class LayerRun(NamedTuple):
    """What a layer has made of a sequence, ``(T, B, ...)`` each, in the order of its steps."""

    entering: NDArray[Any]
    """What it read, as it was rounded."""
    h: NDArray[Any]
    """As its recurrent products read it."""
    above: NDArray[Any]
    """h as what lies above reads it."""
    results: dict[str, NDArray[Any]]
    last: Arrays
    """The state after its last step."""


class RunLayer(Protocol):
    """Runs a layer over what enters it in the order in which it reads, from the state that is next in `given`."""

    def __call__(self, k: int, vectors: NDArray[Any], given: Iterator[NDArray[Any]], /) -> LayerRun: ...


class Flowed(NamedTuple):
    """What all layers have made of sequences."""

    operands: dict[str, NDArray[Any]]
    """By name in the trace ``(T, B, size)``, rows in the order of the steps of their layer."""
    outputs: NDArray[Any]
    """h of the last level at every position ``(T, B, sizes)``, both directions side by side."""
    state: Arrays
    """The state after the last step, flat over the layers."""


def through_layers(
    config: Config, vectors: NDArray[Any], state: Iterable[NDArray[Any]], lengths: Lengths, run: RunLayer
) -> Flowed:
    """`vectors` ``(T, B, ...)``, by position, through every layer from `state`, flat over the layers."""
    operands: dict[str, NDArray[Any]] = {}
    given, after = iter(state), list[NDArray[Any]]()
    for level in config.levels:
        outputs = []
        for k in level:
            reverse, suffix = config.layers[k].reverse, config.suffix(k)
            done = run(k, turned(vectors, lengths) if reverse else vectors, given)
            operands[config.input_operand(k)] = done.entering
            operands |= {f"{name}{suffix}": values for name, values in done.results.items()}
            if k in config.levels[-1] and config.readout_apart is None:
                operands[config.readout_operand(k)] = done.above
            operands[f"h{suffix}"] = done.h
            after += done.last
            outputs.append(turned(done.above, lengths) if reverse else done.above)
        vectors = outputs[0] if len(level) == 1 else np.concatenate(outputs, axis=-1)
    return Flowed(operands, vectors, tuple(after))


def check_carried(config: Config, state: object | None) -> None:
    """BadInput where a layer in reverse would have to go on from a state."""
    if state is not None and config.reversed_layer is not None:
        raise BadInput(
            f"model {config.name}: layers.{config.reversed_layer} reads a sequence from its last step on, so no state"
            " can be carried from one piece of a text to the next: give whole sequences"
        )


def check_every_step(config: Config) -> None:
    """BadInput where the readout is of whole sequences alone."""
    if config.readout is not None and config.readout.pooling is not None:
        raise BadInput(f"model {config.name}: its readout pools over the steps, so it has no logits at every step")


def parts_of_last(config: Config, outputs: NDArray[Any]) -> list[NDArray[Any]]:
    """h of each direction of the last level, of all side by side ``(..., sizes)``."""
    sizes = [config.layers[k].outputs for k in config.levels[-1]]
    return np.split(outputs, np.cumsum(sizes)[:-1], axis=-1)


def last_of(config: Config, outputs: NDArray[Any], lengths: Lengths) -> NDArray[Any]:
    """What a readout reads at the last step ``(B, sizes)``, of h by position ``(T, B, sizes)``.

    Each direction's h after its own last step, which in reverse is the first position; or all at the last position.
    """
    by_position = config.readout is not None and config.readout.at_last_position
    parts = zip(config.levels[-1], parts_of_last(config, outputs), strict=True)
    ends = [h[0] if config.layers[k].reverse and not by_position else at_ends(h, lengths) for k, h in parts]
    return np.concatenate(ends, axis=-1)


def lengths_of(inputs: NDArray[Any], lengths: Lengths | None) -> Lengths:
    """Steps of each sequence ``(B,)``: of all that there are where `lengths` is None."""
    return np.full(inputs.shape[1:2], len(inputs), np.int64) if lengths is None else np.asarray(lengths)
