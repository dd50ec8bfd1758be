"""What of a model's constants its integers do not hold: counted once, when the model is made."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from workloads.cells.integer import Doubles
from workloads.dense import DenseNumbers
from workloads.fixed_point.head import IntegerDense
from workloads.fixed_point.layers import IntegerLayer
from workloads.fixed_point.model import IntegerModel
from workloads.fixed_point.ranges import effective
from workloads.layer import Layer
from workloads.model import Model
from workloads.numbers import Clipped, Number


def constants_clipped(model: Model, made: IntegerModel) -> Iterator[Clipped]:
    """How many real numbers of `model` have no code near in `made`, by the tensor that they are stored as."""
    wide = made.widths
    table, entering = model.embedding, made.spec.layers[0].input
    if table is not None and entering is not None:
        fraction = np.array([entering.fraction])
        yield _weights("embedding", table.astype(np.float64), wide.embedding_bits, fraction)
    if model.dense is not None and made.dense is not None:
        yield from _dense("dense.", model.dense, made.dense, wide.weight_bits)
    for k, (layer, own) in enumerate(zip(model.layers, made.layers, strict=True)):
        yield from _layer(f"layers.{k}.", layer, own, wide.weight_bits)
    for k, (dense, integers) in enumerate(zip(model.head, made.head, strict=True)):
        yield from _dense(f"head.{k}.", dense, integers, wide.weight_bits)
    if model.readout_codes is not None and made.readout_fraction is not None:
        assert model.readout_bias is not None
        assert made.spec.readout_bias is not None
        yield _weights("readout_weight", real_readout(model), wide.weight_bits, made.readout_fraction)
        yield _numbers("bias", "readout_bias", model.readout_bias.astype(np.float64), made.spec.readout_bias)


def real_readout(model: Model) -> Doubles:
    """Codes times scales of the readout ``(V, H)``, in double precision."""
    assert model.readout_codes is not None
    assert model.readout_scale is not None
    return model.readout_codes.astype(np.float64) * np.reshape(model.readout_scale, (-1, 1)).astype(np.float64)


def _dense(prefix: str, dense: DenseNumbers, made: IntegerDense, bits: int) -> Iterator[Clipped]:
    yield _weights(f"{prefix}weight", dense.real, bits, made.fraction)
    yield _numbers("bias", f"{prefix}bias", dense.bias.astype(np.float64), made.numbers.bias)


def _layer(prefix: str, layer: Layer, made: IntegerLayer, bits: int) -> Iterator[Clipped]:
    real, numbers = effective(layer), made.numbers
    yield _weights(f"{prefix}recurrent_weight", real.recurrent, bits, made.recurrent_fraction)
    yield _weights(f"{prefix}input_weight", real.inputs, bits, made.input_fraction)
    yield _numbers("bias", f"{prefix}bias", real.bias, numbers.bias)
    if numbers.recurrent_bias is not None:
        yield _numbers("bias", f"{prefix}recurrent_bias", real.recurrent_bias, numbers.recurrent_bias)
    if layer.initial_state is not None:
        for state, number, values in zip(layer.cell.states, numbers.states, real.initial, strict=True):
            yield _numbers("state", f"{prefix}initial_{state}", values, number)


def _weights(name: str, real: Doubles, bits: int, fraction: NDArray[np.integer]) -> Clipped:
    """Weights are symmetric, with one fraction a matrix or one a row."""
    nearest = np.abs(np.rint(np.ldexp(real, fraction.astype(np.int64)[:, None])))
    beyond = int(np.count_nonzero(nearest > (1 << (bits - 1)) - 1))
    return Clipped(kind="weight", place=name, clipped=beyond, of=real.size)


def _numbers(kind: str, name: str, real: Doubles, number: Number) -> Clipped:
    return Clipped(kind=kind, place=name, clipped=number.clipped(real), of=real.size, within=number.ends)
