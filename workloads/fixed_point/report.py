"""What the range analysis chose, as a table."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workloads.fixed_point.activations import CURVES
from workloads.fixed_point.model import IntegerModel
from workloads.fixed_point.numbers import Number


@dataclass(frozen=True)
class NumberReport:
    """One fixed-point number of a model."""

    place: str
    what: str
    bits: int
    integer_bits: int
    fraction_bits: int
    largest: float
    """What the number was chosen to hold: the calibrated percentile of magnitudes; of biases, the largest code."""


def number_report(model: IntegerModel) -> list[NumberReport]:
    """Every number of `model`, with integer and fraction bits and what they were chosen to hold. Weights are not in it:
    their fractions are one a matrix or one a row."""
    return [
        NumberReport(place, what, number.bits, number.integer_bits, number.fraction, largest)
        for place, what, number, largest in _numbers(model)
        if number is not None and largest is not None
    ]


def _numbers(model: IntegerModel) -> Iterator[tuple[str, str, Number | None, float | None]]:
    spec = model.spec
    for curve in CURVES:
        seen = [r for layer in spec.ranges.layers if (r := getattr(layer, curve)) is not None]
        yield "model", f"argument of {curve}", spec.argument(curve), max(seen, default=None)
    for k, (layer, numbers, ranges) in enumerate(zip(model.layers, spec.layers, spec.ranges.layers, strict=True)):
        for what in ("input", "state", "cell", "reset"):
            yield f"layer {k + 1}", what, getattr(numbers, what), getattr(ranges, what)
        yield f"layer {k + 1}", "bias", numbers.bias, _largest(numbers.bias, layer.bias_codes)
        yield (
            f"layer {k + 1}",
            "recurrent bias",
            numbers.recurrent_bias,
            _largest(numbers.recurrent_bias, layer.recurrent_bias_codes),
        )
    yield "readout", "bias", spec.readout_bias, _largest(spec.readout_bias, model.readout_bias_codes)


def _largest(number: Number | None, codes: np.ndarray[tuple[int, ...], np.dtype[np.integer]] | None) -> float | None:
    if number is None or codes is None:
        return None
    return float(np.max(np.abs(number.values(codes)), initial=0.0))
