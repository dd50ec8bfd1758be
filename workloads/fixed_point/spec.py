"""What an integer model is, beside its integers: a network, the widths and the binary points of its numbers."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from workloads import cells
from workloads.cells import Curve
from workloads.cells.integer import LayerNumbers
from workloads.config import Config
from workloads.fixed_point.activations import CURVES, Activation, Segments, WordTable
from workloads.fixed_point.head import DensePoints
from workloads.fixed_point.ranges import ALONE, Ranges
from workloads.fixed_point.settings import IntegerWidths
from workloads.numbers import Clipped, Number
from workloads.stated import LATER, Stated

VERSION: Literal[3] = 3
"""The version of the files that integer models are stored in."""
EARLIER: tuple[Literal[2], ...] = (2,)
"""Versions that are read as well: 2 does not say which constants were clipped."""


class IntegerSpec(Stated):
    """What an integer model is, beside its integers."""

    version: Literal[2, 3] = VERSION
    network: Config
    widths: IntegerWidths
    ranges: Ranges
    sigmoid: Number | None = None
    tanh: Number | None = None
    layers: tuple[LayerNumbers, ...]
    readout_bias: Number | None = None
    features: Annotated[Number | None, LATER] = Field(default=None, description="what enters a dense layer before")
    dense: Annotated[DensePoints | None, LATER] = Field(default=None, description="a dense layer before the others")
    head: Annotated[tuple[DensePoints, ...], LATER] = ()
    clipped: Annotated[tuple[Clipped, ...] | None, LATER] = Field(
        default=None, description="constants that did not fit, by tensor; None: not counted when the model was made"
    )

    @property
    def read(self) -> Number:
        """The number of what the readout multiplies."""
        return self.head[-1].result if self.head else self.layers[-1].state

    def argument(self, curve: Curve) -> Number | None:
        """The number that enters sigmoid or tanh; None where no cell has one."""
        return self.sigmoid if curve == "sigmoid" else self.tanh

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Numbers have the widths that the settings say, and the network those of its numbers."""
        for where, part in self.network.beyond_integers():
            raise ValueError(f"network.{where}: {part}: {ALONE}")
        for what, given, expected in _rules(self):
            if given != expected:
                raise ValueError(f"{what} must be {expected}, not {given}")
        return self


def _rules(spec: IntegerSpec) -> Iterator[tuple[str, Any, Any]]:
    network, wide = spec.network, spec.widths
    yield "layers", len(spec.layers), len(network.layers)
    yield "ranges.layers", len(spec.ranges.layers), len(network.layers)
    used = {curve for layer in network.layers for curve in cells.by_name(layer.cell).curves}
    for curve in CURVES:
        yield f"{curve}.bits", _bits(spec.argument(curve)), wide.preactivation_bits if curve in used else None
    if network.input.kind == "embedding":
        yield "network.input.weight_format", network.input.weight_format, wide.embedding_format.name
    entering = {
        "one_hot": None,
        "embedding": wide.embedding_bits,
        "vector": wide.activation_bits,
        "dense": wide.activation_bits,
    }[network.input.kind]
    yield from _dense_rules(spec)
    for k, (layer, numbers) in enumerate(zip(network.layers, spec.layers, strict=True)):
        where, cell = f"layers.{k}", cells.by_name(layer.cell)
        yield f"network.{where}.norm", layer.norm, "none"
        yield f"network.{where}.weight_format", layer.weight_format, wide.weight_format.name
        yield f"network.{where}.input_weight_format", layer.input_weight_format, wide.weight_format.name
        yield f"network.{where}.state_bits", layer.state_bits, wide.activation_bits
        level = network.level_of(k)
        first = network.levels[level][0]
        bits = wide.activation_bits if level else entering
        yield f"network.{where}.input_bits", layer.input_bits, bits if not level or layer.input_threshold > 0 else None
        yield f"{where}.input.bits", _bits(numbers.input), bits
        yield f"{where}.input", numbers.input, _below(spec, level) if level else spec.layers[0].input
        yield f"{where}.state", numbers.state, spec.layers[first].state
        yield f"network.{where}.input_threshold", layer.input_threshold, network.layers[first].input_threshold
        yield f"{where}.state.bits", numbers.state.bits, wide.activation_bits
        yield f"{where}.cell.bits", _bits(numbers.cell), wide.cell_bits if "c" in cell.states else None
        after = cell.shifts_candidate
        yield f"{where}.reset.bits", _bits(numbers.reset), wide.preactivation_bits if after else None
        yield f"{where}.bias.bits", numbers.bias.bits, wide.bias_bits
        yield f"{where}.recurrent_bias.bits", _bits(numbers.recurrent_bias), wide.bias_bits if after else None
    if network.readout is not None:
        yield "network.readout.weight_format", network.readout.weight_format, wide.weight_format.name
    head = () if network.readout is None else network.readout.head
    yield "head", len(spec.head), len(head)
    yield "ranges.head", len(spec.ranges.head), len(head)
    for k, (dense, of_head) in enumerate(zip(head, spec.head, strict=True)):
        yield f"network.readout.head.{k}.weight_format", dense.weight_format, wide.weight_format.name
        yield f"network.readout.head.{k}.bits", dense.bits, wide.activation_bits
        yield f"head.{k}.bias.bits", of_head.bias.bits, wide.bias_bits
        yield f"head.{k}.result.bits", of_head.result.bits, wide.activation_bits
    yield "readout_bias.bits", _bits(spec.readout_bias), wide.bias_bits if network.readout else None


def _dense_rules(spec: IntegerSpec) -> Iterator[tuple[str, Any, Any]]:
    """Of a dense layer before the recurrent ones, whose results are what these read."""
    given, wide, dense = spec.network.input, spec.widths, spec.dense
    bits = wide.activation_bits if given.kind == "dense" else None
    yield "features.bits", _bits(spec.features), bits
    yield "dense", dense is not None, given.kind == "dense"
    if given.kind == "dense" and dense is not None:
        yield "network.input.weight_format", given.weight_format, wide.weight_format.name
        yield "network.input.input_bits", given.input_bits, bits
        yield "dense.bias.bits", dense.bias.bits, wide.bias_bits
        yield "dense.result", dense.result, spec.layers[0].input


def _below(spec: IntegerSpec, level: int) -> Number:
    """The number of the h that enters a level: one for both directions, since they are read side by side."""
    return spec.layers[spec.network.levels[level - 1][0]].state


def _bits(number: Number | None) -> int | None:
    return None if number is None else number.bits


def empty_activation(curve: Curve, argument: Number | None, wide: IntegerWidths) -> Activation | None:
    """The approximation that `wide` says, all coefficients zero; None where there is no argument."""
    if argument is None:
        return None
    if wide.activation == "table":
        return WordTable.empty(curve, argument, wide.gate_bits, wide.table_bits)
    return Segments.empty(curve, argument, wide.gate_bits, wide.first_breakpoint, wide.split_bits)
