"""A dense layer before the recurrent ones, and a head, in fixed point: their integer bits are proved from weights."""

import numpy as np

from workloads.cells.integer import Doubles
from workloads.config import Config, Dense, Readout
from workloads.dense import DenseNumbers
from workloads.numbers import integer_bits


def dense_in_fixed_point(given: Dense, bits: int, entering: int) -> Dense:
    """`given` with what enters it in `bits`, `entering` of them before the point."""
    return given.model_copy(update={"input_bits": bits, "input_integer_bits": entering})


def dense_needs(given: Dense, numbers: DenseNumbers, entering: int) -> int:
    """Integer bits that hold every result of a dense layer whose input has `entering` of them."""
    return integer_bits(numbers.bound(np.full(given.features, 2.0**entering), given.activation))


def head_in_fixed_point(config: Config, head: tuple[DenseNumbers, ...], bits: int) -> Readout | None:
    """The readout of `config`, whose states are in fixed point, with the results of its head in `bits`."""
    read = config.readout
    if read is None:
        return None
    last = [config.layers[k] for k in config.levels[-1]]
    largest: Doubles = np.repeat([2.0**layer.state_integer_bits for layer in last], [layer.outputs for layer in last])
    layers = []
    for layer, numbers in zip(read.head, head, strict=True):
        needed = integer_bits(numbers.bound(largest, layer.activation))
        layers.append(layer.model_copy(update={"bits": bits, "integer_bits": needed}))
        largest = np.full(layer.outputs, 2.0**needed)
    return read.model_copy(update={"head": tuple(layers)})
