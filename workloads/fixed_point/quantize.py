"""From a float model and its ranges to an integer model: post-training quantization, by a method of the project."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from archsim.errors import BadInput, explain
from workloads.cells import Curve
from workloads.cells.integer import EffectiveWeights, LayerNumbers
from workloads.config import Config, Embedding, Inputs
from workloads.dense import DenseNumbers
from workloads.fitting import sample_of
from workloads.fixed_point.activations import CURVES, Segments, WordTable, flat_from, size_bits
from workloads.fixed_point.constants import constants_clipped, real_readout
from workloads.fixed_point.head import DensePoints, IntegerDense
from workloads.fixed_point.layers import IntegerLayer
from workloads.fixed_point.model import IntegerModel
from workloads.fixed_point.ranges import LayerRanges, Ranges, analyse, effective, refuse_unfit
from workloads.fixed_point.settings import NARROWEST_BITS, IntegerWidths, MemoryBits, Settings, memory
from workloads.fixed_point.spec import IntegerSpec, empty_activation
from workloads.formats.fixed import Fixed
from workloads.layer import Layer
from workloads.model import Model
from workloads.numbers import FARTHEST, Ints, Number
from workloads.tasks import Split

Floats = NDArray[np.float64]
LOGIT_FRACTION = 12
"""Bits behind the point of a logit that are worth having: 2^-12 of a logit is at most 0.0004 bits of a symbol."""
_TRIES = 4
"""Scales tried for the least squared error: the one that holds the largest weight, and its halves."""


def calibrate(
    model: Model,
    split: Split = "train",
    sequences: int = 16,
    steps: int = 256,
    seed: int = 0,
    percentile: float = 100.0,
    *,
    inputs: Inputs | None = None,
) -> Ranges:
    """Ranges on a sample of the model's own task, of as much as there is, warm-up included; or on `inputs`, all of
    them, ``(T, S[, I])``."""
    if inputs is not None:
        return analyse(model, inputs, percentile=percentile)
    sample = sample_of(model, split, sequences, steps, seed)
    return analyse(model, sample.inputs, sample.lengths + sample.warmup, percentile)


def quantize(model: Model, ranges: Ranges, settings: Settings | None = None) -> IntegerModel:
    """`model` in integers of the widths in `settings`, with binary points after `ranges`. Deterministic.

    Effective real weights (codes times scales, folded norms included) are quantized anew, whatever format they had.
    What of them does not fit is in the spec. Accumulators of None bits become the narrowest that are proved.
    BadInput where a layer has a norm at run time, or the ranges are those of another network.
    """
    refuse_unfit(model)
    settings = settings or Settings()
    wide = settings.widths
    if len(ranges.layers) != len(model.layers):
        raise BadInput(f"ranges must be those of {len(model.layers)} layers, not {len(ranges.layers)}")
    arguments = {curve: _argument(ranges, wide, curve) for curve in CURVES}
    embedding, entering = _entering(model, ranges, wide, settings.weight_range)
    numbers: list[LayerNumbers] = []
    weights = [effective(layer) for layer in model.layers]
    for level in model.config.levels:
        largest = max(ranges.layers[k].state for k in level)  # both directions are read side by side
        for k in level:
            seen = ranges.layers[k].model_copy(update={"state": largest})
            numbers.append(_numbers(model.layers[k], weights[k], seen, entering, wide))
        entering = numbers[-1].state
    features, dense = None, None
    if model.dense is not None and ranges.features is not None and numbers[0].input is not None:
        features = Number.holding(wide.activation_bits, ranges.features)
        dense = _dense(model.dense, features, numbers[0].input, wide, settings.weight_range)
    head = _head(model, numbers[-1].state, ranges, wide, settings.weight_range)
    read = head[-1].numbers.result if head else numbers[-1].state
    readout = _readout(model, read, wide, settings.weight_range)
    network = _network(model.config, numbers, features, head, wide)
    try:
        spec = IntegerSpec(
            network=network,
            widths=wide,
            ranges=ranges,
            sigmoid=arguments["sigmoid"],
            tanh=arguments["tanh"],
            layers=tuple(numbers),
            readout_bias=None if readout is None else readout[2],
            features=features,
            dense=None if dense is None else dense.numbers,
            head=tuple(each.numbers for each in head),
        )
    except ValidationError as error:
        raise BadInput(f"model {model.name}: {explain(error)}") from None
    layers = [
        _layer(layer, real, own, spec, k, settings.weight_range)
        for k, (layer, real, own) in enumerate(zip(model.layers, weights, numbers, strict=True))
    ]
    codes, fraction, _, bias = readout or (None, None, None, None)
    made = IntegerModel(
        spec,
        tuple(layers),
        sigmoid_codes=_coefficients("sigmoid", arguments["sigmoid"], wide),
        tanh_codes=_coefficients("tanh", arguments["tanh"], wide),
        embedding=embedding,
        readout_codes=codes,
        readout_fraction=fraction,
        readout_bias_codes=bias,
        dense=dense,
        head=head,
    )
    if settings.accumulator_bits is None:
        wide = wide.model_copy(update={"accumulator_bits": proved_bits(made)})
    clipped = tuple(constants_clipped(model, made))
    return replace(made, spec=spec.model_copy(update={"widths": wide, "clipped": clipped}))


def proved_bits(model: IntegerModel) -> int:
    """The fewest bits of an accumulator in which no partial sum of any product of `model` can overflow."""
    return max(NARROWEST_BITS, *(proof.bits_needed for proof in model.proofs))


def memory_of(model: Model, ranges: Ranges, settings: Settings | None = None) -> MemoryBits:
    """What the integer model would take, without making it."""
    wide = (settings or Settings()).widths
    empty = (empty_activation(curve, _argument(ranges, wide, curve), wide) for curve in CURVES)
    tables = sum(size_bits(curve) for curve in empty if curve is not None)
    return memory(model.config, wide, tables, [layer.initial_state is not None for layer in model.layers])


def _argument(ranges: Ranges, wide: IntegerWidths, curve: Curve) -> Number | None:
    """What enters a curve, in every layer: as large as calibration needs, no larger than the curve can tell."""
    seen = [r for layer in ranges.layers if (r := layer.sigmoid if curve == "sigmoid" else layer.tanh) is not None]
    return Number.holding(wide.preactivation_bits, min(max(seen), flat_from(curve, wide.gate_bits))) if seen else None


def _entering(
    model: Model, ranges: Ranges, wide: IntegerWidths, weight_range: str
) -> tuple[NDArray[np.integer] | None, Number | None]:
    """Codes of the embedding, and the number that enters the first layer."""
    if model.config.input.kind == "one_hot":
        return None, None
    if model.embedding_codes is None or model.embedding_scale is None:
        largest = ranges.layers[0].input
        assert largest is not None
        return None, Number.holding(wide.activation_bits, largest)
    table = model.embedding_codes.astype(np.float64) * np.reshape(model.embedding_scale, (-1, 1)).astype(np.float64)
    bits = wide.embedding_bits
    codes, fraction = quantized(table, bits, False, weight_range, np.array([bits - 1 + FARTHEST]))
    return codes, Number(bits=bits, fraction=int(fraction[0]))


def _numbers(
    layer: Layer, real: EffectiveWeights, seen: LayerRanges, entering: Number | None, wide: IntegerWidths
) -> LayerNumbers:
    own_bias = layer.cell.shifts_candidate
    return LayerNumbers(
        input=entering,
        state=Number.holding(wide.activation_bits, seen.state),
        cell=None if seen.cell is None else Number.holding(wide.cell_bits, seen.cell),
        reset=None if seen.reset is None else Number.holding(wide.preactivation_bits, seen.reset),
        bias=_holding_all(wide.bias_bits, real.bias),
        recurrent_bias=_holding_all(wide.bias_bits, real.recurrent_bias) if own_bias else None,
    )


def _holding_all(bits: int, values: Floats) -> Number:
    return Number.holding(bits, float(np.max(np.abs(values), initial=0.0)))


def _layer(
    layer: Layer, real: EffectiveWeights, numbers: LayerNumbers, spec: IntegerSpec, k: int, weight_range: str
) -> IntegerLayer:
    wide, cell = spec.widths, layer.cell
    target: Ints = np.repeat([_target(spec, numbers, curve) for curve in cell.curves], layer.config.hidden)
    of_state = target.copy()
    if numbers.reset is not None:
        of_state[-layer.config.hidden :] = numbers.reset.fraction
    recurrent, recurrent_fraction = quantized(
        real.recurrent, wide.weight_bits, wide.per_row, weight_range,
        _finest(of_state, numbers.state, real.recurrent.shape[1]),
    )  # fmt: skip
    inputs, input_fraction = quantized(
        real.inputs, wide.weight_bits, wide.per_row, weight_range,
        _finest(target, numbers.input, real.inputs.shape[1]),
    )  # fmt: skip
    own_bias = numbers.recurrent_bias
    return IntegerLayer(
        spec.network.layers[k],
        numbers,
        recurrent_codes=recurrent,
        recurrent_fraction=recurrent_fraction,
        input_codes=inputs,
        input_fraction=input_fraction,
        bias_codes=numbers.bias.codes(real.bias),
        recurrent_bias_codes=None if own_bias is None else own_bias.codes(real.recurrent_bias),
        initial_codes=None
        if layer.initial_state is None
        else tuple(n.codes(v) for n, v in zip(numbers.states, real.initial, strict=True)),
    )


def _target(spec: IntegerSpec, numbers: LayerNumbers, curve: Curve | None) -> int:
    """Bits behind the point of what the accumulators of a gate with `curve` are rounded to."""
    if curve is None:
        return numbers.state.fraction
    argument = spec.argument(curve)
    assert argument is not None
    return argument.fraction


def _finest(target: Ints, operand: Number | None, columns: int) -> Ints:
    """The finest fraction of weights that can be seen in their result, row by row.

    K roundings of weights by up to half a unit, times operands of up to 2^(bits-1) units, add up to about sqrt(K) times
    one of them, which these bits keep below a sixteenth of the result's unit.
    """
    if operand is None:
        return target + 2
    return target + operand.bits - operand.fraction + math.ceil(math.log2(columns) / 2) + 2


def quantized(
    weights: Floats, bits: int, per_row: bool, weight_range: str, finest: Ints
) -> tuple[NDArray[np.integer], NDArray[np.int8]]:
    """Codes ``(R, K)`` of `bits` and their fraction ``(1,)`` or ``(R,)``, no finer than `finest` ``(R,)``.

    `weight_range` "max" takes the format's own scale, which holds the largest weight; "mse" that or one of its halves,
    whichever leaves the least squared error with what is clipped.
    """
    fixed = Fixed(bits, per_row)
    _, exponents = np.frexp(fixed.fit_scale(weights))
    limit = finest if per_row else finest.max(keepdims=True)
    fractions = np.clip(1 - exponents, -128, np.minimum(limit, 127))
    best = fractions
    if weight_range == "mse":
        tried = [np.minimum(fractions + k, np.minimum(limit, 127)) for k in range(_TRIES)]
        errors = [_squared_error(fixed, weights, fraction) for fraction in tried]
        best = np.choose(np.argmin(errors, axis=0), tried)
    codes: NDArray[np.integer] = fixed.quantize(weights, np.ldexp(1.0, -best)).astype(
        np.int8 if bits <= 8 else np.int16
    )
    return codes, best.astype(np.int8)


def _squared_error(fixed: Fixed, weights: Floats, fraction: Ints) -> Floats:
    """The squared error that each scale leaves: ``(1,)`` or ``(R,)``."""
    scale = np.ldexp(1.0, -fraction)
    off = np.square(fixed.quantize(weights, scale).astype(np.float64) * scale[:, None] - weights)
    errors: Floats = off.sum(axis=1) if fixed.per_row else off.sum().reshape(1)
    return errors


def _head(
    model: Model, state: Number, ranges: Ranges, wide: IntegerWidths, weight_range: str
) -> tuple[IntegerDense, ...]:
    """The dense layers below the readout, of which each reads the number of the one before."""
    if len(ranges.head) != len(model.head):
        raise BadInput(f"ranges must be those of {len(model.head)} layers of a head, not {len(ranges.head)}")
    made, operand = list[IntegerDense](), state
    for dense, largest in zip(model.head, ranges.head, strict=True):
        made.append(_dense(dense, operand, Number.holding(wide.activation_bits, largest), wide, weight_range))
        operand = made[-1].numbers.result
    return tuple(made)


def _dense(
    dense: DenseNumbers, operand: Number, result: Number, wide: IntegerWidths, weight_range: str
) -> IntegerDense:
    finest = _finest(np.full(len(dense.codes), result.fraction), operand, dense.real.shape[1])
    codes, fraction = quantized(dense.real, wide.weight_bits, wide.per_row, weight_range, finest)
    bias = dense.bias.astype(np.float64)
    numbers = DensePoints(bias=_holding_all(wide.bias_bits, bias), result=result)
    return IntegerDense(numbers, codes, fraction, numbers.bias.codes(bias))


def _readout(
    model: Model, state: Number, wide: IntegerWidths, weight_range: str
) -> tuple[NDArray[np.integer], NDArray[np.int8], Number, NDArray[np.integer]] | None:
    """Codes, their fraction, the number of the bias, and its codes."""
    if model.readout_codes is None or model.readout_scale is None or model.readout_bias is None:
        return None
    real = real_readout(model)
    finest = _finest(np.full(len(real), LOGIT_FRACTION), state, real.shape[1])
    codes, fraction = quantized(real, wide.weight_bits, wide.per_row, weight_range, finest)
    bias = model.readout_bias.astype(np.float64)
    number = _holding_all(wide.bias_bits, bias)
    return codes, fraction, number, number.codes(bias)


def _coefficients(curve: Curve, argument: Number | None, wide: IntegerWidths) -> Ints | None:
    if argument is None:
        return None
    if wide.activation == "table":
        return WordTable.fit(curve, argument, wide.gate_bits, wide.table_bits).coefficients
    return Segments.fit(curve, argument, wide.gate_bits, wide.first_breakpoint, wide.split_bits).coefficients


def _network(
    config: Config,
    numbers: list[LayerNumbers],
    features: Number | None,
    head: tuple[IntegerDense, ...],
    wide: IntegerWidths,
) -> Config:
    """The same network with the formats of the integer model, thresholds kept.

    A state's or an input's integer bits are given within 0 to bits - 1, which is what a float model can have; the
    number itself is in the spec.
    """
    raw = config.model_dump()
    raw["name"] = f"{config.name}-w{wide.weight_bits}a{wide.activation_bits}"
    if isinstance(config.input, Embedding):
        raw["input"]["weight_format"] = wide.embedding_format.name
    if features is not None:
        raw["input"] |= {"weight_format": wide.weight_format.name, "input_bits": features.bits}
        raw["input"]["input_integer_bits"] = _integer_bits(features)
    for k, (layer, own) in enumerate(zip(raw["layers"], numbers, strict=True)):
        layer["weight_format"] = layer["input_weight_format"] = wide.weight_format.name
        layer["state_bits"], layer["state_integer_bits"] = own.state.bits, _integer_bits(own.state)
        rounded = own.input if not config.level_of(k) or layer["input_threshold"] > 0 else None
        layer["input_bits"] = None if rounded is None else rounded.bits
        layer["input_integer_bits"] = 0 if rounded is None else _integer_bits(rounded)
    if raw["readout"] is not None:
        raw["readout"]["weight_format"] = wide.weight_format.name
        for layer, dense in zip(raw["readout"].get("head", ()), head, strict=True):
            result = dense.numbers.result
            layer |= {"weight_format": wide.weight_format.name, "bits": result.bits}
            layer["integer_bits"] = _integer_bits(result)
    return Config.model_validate(raw)


def _integer_bits(number: Number) -> int:
    return min(max(number.integer_bits, 0), number.bits - 1)
