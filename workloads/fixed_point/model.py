"""A network in integers: runs wherever a `workloads.model.Model` does, and is stored at its true width.

One file, safetensors: every integer packed at its own width (`workloads.formats.packing`), and a JSON spec in the
metadata. No pickle.

============================ ========================= =========================================================
tensor (uint8, packed)       bits of a field           what
============================ ========================= =========================================================
layers.N.recurrent_weight    weight_bits               codes of W_h ``(R, H)``
layers.N.recurrent_fraction  8                         their fraction ``(1,)`` or ``(R,)``: weight = code 2^-fraction
layers.N.input_weight        weight_bits               codes of W_x ``(R, I)``
layers.N.input_fraction      8
layers.N.bias                bias_bits                 ``(R,)``
layers.N.recurrent_bias      bias_bits                 ``(H,)``, cell `gru`
layers.N.initial_h           activation_bits           ``(H,)``; absent: zeros
layers.N.initial_c           cell_bits                 ``(H,)``
embedding                    embedding_format          ``(symbols, size)``
readout_weight               weight_bits               ``(V, H)``
readout_fraction             8                         ``(1,)`` or ``(V,)``
readout_bias                 bias_bits                 ``(V,)``
sigmoid, tanh                gate_bits                 words of a table; or slopes, then intercepts, of segments
============================ ========================= =========================================================
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from archsim.errors import BadInput, explain
from archsim.files import whole_file
from workloads import cells
from workloads.cells import Curve
from workloads.cells.integer import Codes, LayerNumbers
from workloads.fixed_point.activations import CURVES, Activation, Segments, Squashing, Table, size_bits
from workloads.fixed_point.layers import IntegerLayer, Machine, Proof, ReadoutMachine, machine, threshold_codes
from workloads.fixed_point.products import Products
from workloads.fixed_point.ranges import Ranges
from workloads.fixed_point.settings import SHIFT_BITS, Memory, Widths, memory
from workloads.formats import WeightFormat
from workloads.formats.packing import code_type, pack_fields, unpack_fields
from workloads.model import NO_TASK, Config, Inputs, opened, stored_tensors
from workloads.numbers import Ints, Number, Saturations

VERSION: Literal[2] = 2


class Spec(BaseModel):
    """What an integer model is, beside its integers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[2] = VERSION
    network: Config
    widths: Widths
    ranges: Ranges
    sigmoid: Number | None = None
    tanh: Number | None = None
    layers: tuple[LayerNumbers, ...]
    readout_bias: Number | None = None

    def argument(self, curve: Curve) -> Number | None:
        """The number that enters sigmoid or tanh; None where no cell has one."""
        return self.sigmoid if curve == "sigmoid" else self.tanh

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        """Numbers have the widths that the settings say, and the network those of its numbers."""
        for what, given, expected in _rules(self):
            if given != expected:
                raise ValueError(f"{what} must be {expected}, not {given}")
        return self


def _rules(spec: Spec) -> Iterator[tuple[str, Any, Any]]:
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
    }[network.input.kind]
    for k, (layer, numbers) in enumerate(zip(network.layers, spec.layers, strict=True)):
        where, cell = f"layers.{k}", cells.by_name(layer.cell)
        yield f"network.{where}.norm", layer.norm, "none"
        yield f"network.{where}.weight_format", layer.weight_format, wide.weight_format.name
        yield f"network.{where}.input_weight_format", layer.input_weight_format, wide.weight_format.name
        yield f"network.{where}.state_bits", layer.state_bits, wide.activation_bits
        given = entering if k == 0 or layer.input_threshold > 0 else None
        yield f"network.{where}.input_bits", layer.input_bits, given
        if k == 0:
            yield f"{where}.input.bits", _bits(numbers.input), entering
        else:
            yield f"{where}.input", numbers.input, spec.layers[k - 1].state
        yield f"{where}.state.bits", numbers.state.bits, wide.activation_bits
        yield f"{where}.cell.bits", _bits(numbers.cell), wide.cell_bits if "c" in cell.states else None
        after = cell.shifts_candidate
        yield f"{where}.reset.bits", _bits(numbers.reset), wide.preactivation_bits if after else None
        yield f"{where}.bias.bits", numbers.bias.bits, wide.bias_bits
        yield f"{where}.recurrent_bias.bits", _bits(numbers.recurrent_bias), wide.bias_bits if after else None
        entering = wide.activation_bits
    if network.readout is not None:
        yield "network.readout.weight_format", network.readout.weight_format, wide.weight_format.name
    yield "readout_bias.bits", _bits(spec.readout_bias), wide.bias_bits if network.readout else None


def _bits(number: Number | None) -> int | None:
    return None if number is None else number.bits


@dataclass(frozen=True, eq=False)
class IntegerModel:
    """Stacked recurrent layers and a readout that compute with integers only; see the package for the definition.

    Arrays are read-only. Raises BadInput where their sizes do not fit the spec, or where numbers lie so far apart that
    a sum does not fit 62 bits. `saturations` counts every clip of every run (`counting` starts anew). `products` says
    how integers are multiplied; the result is the same bit for bit.
    """

    spec: Spec
    layers: tuple[IntegerLayer, ...]
    sigmoid_codes: NDArray[np.integer] | None = None  # coefficients
    tanh_codes: NDArray[np.integer] | None = None  # coefficients
    embedding: NDArray[np.integer] | None = None  # (symbols, size)
    readout_codes: NDArray[np.integer] | None = None  # (V, H)
    readout_fraction: NDArray[np.int8] | None = None  # (1,) or (V,)
    readout_bias_codes: NDArray[np.integer] | None = None  # (V,)
    products: Products = "integer"
    saturations: Saturations = field(default_factory=Saturations, repr=False)

    def __post_init__(self) -> None:
        arrays = self._arrays
        for slot in _slots(self.spec):
            array = arrays.pop(slot.name, None)
            if array is None:
                if not slot.optional:
                    raise BadInput(f"model {self.name}: {slot.name} is missing")
            elif array.shape not in slot.shapes:
                expected = " or ".join(map(str, slot.shapes))
                raise BadInput(f"model {self.name}: {slot.name} must have shape {expected}, not {array.shape}")
            elif not slot.low <= int(array.min()) <= int(array.max()) <= slot.high:
                given = f"{array.min()} to {array.max()}"
                raise BadInput(f"model {self.name}: {slot.name} must lie within {slot.low} to {slot.high}, not {given}")
            else:
                array.flags.writeable = False
        for name in arrays:
            raise BadInput(f"model {self.name}: {name} has no place in it")
        _ = self._machines, self._readout  # so that a model that can't be computed is refused at once

    @property
    def config(self) -> Config:
        """The network: its cells, sizes, formats and thresholds, as a `Model` has it."""
        return self.spec.network

    @property
    def widths(self) -> Widths:
        return self.spec.widths

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def task(self) -> str:
        """The task's name; BadInput where the model has none."""
        if self.config.task is None:
            raise BadInput(f"model {self.name}: {NO_TASK}")
        return self.config.task

    @property
    def threshold(self) -> float:
        """The largest state threshold of the layers."""
        return max(layer.threshold for layer in self.config.layers)

    @property
    def weight_format(self) -> WeightFormat:
        return self.widths.weight_format

    @property
    def gate_weight_bytes(self) -> int:
        """Bytes of W_h and W_x alone, packed."""
        return sum(t.nbytes for name, t in self._tensors.items() if name.endswith(("recurrent_weight", "input_weight")))

    @property
    def weight_bytes(self) -> int:
        """Bytes of everything that inference reads, packed: weights, their fractions, biases, tables."""
        return sum(array.nbytes for array in self._tensors.values())

    @property
    def memory(self) -> Memory:
        """Bits of weights and of the activations of one sequence, against float32."""
        tables = sum(size_bits(curve) for curve in (self.squashing.sigmoid, self.squashing.tanh) if curve is not None)
        return memory(self.config, self.widths, tables, [layer.initial_codes is not None for layer in self.layers])

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """For every product, the accumulator width that can't overflow, and how many rows are proved at this one's."""
        readout = () if self._readout is None else (self._readout.proof,)
        return (*(proof for m in self._machines for proof in m.proofs), *readout)

    @cached_property
    def sha256(self) -> str:
        """Digest of the spec and of every tensor."""
        digest = hashlib.sha256(self._spec_json.encode())
        for name, array in sorted(self._tensors.items()):
            digest.update(name.encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def with_products(self, products: Products) -> "IntegerModel":
        """The same model, multiplied another way. BadInput where floating point is not proved exact."""
        return replace(self, products=products, saturations=Saturations())

    def counting(self) -> "IntegerModel":
        """The same model with `saturations` at zero."""
        return replace(self, saturations=Saturations())

    def with_threshold(self, threshold: float | Sequence[float]) -> "IntegerModel":
        """The same integers, pruned at another threshold: one for all layers, or one each."""
        each = [threshold] * len(self.layers) if isinstance(threshold, int | float) else list(threshold)
        if len(each) != len(self.layers):
            raise BadInput(f"model {self.name}: thresholds must be {len(self.layers)}, one a layer, not {len(each)}")
        raw = self.spec.model_dump()
        for layer, value in zip(raw["network"]["layers"], each, strict=True):
            layer["threshold"] = value
        try:
            spec = Spec.model_validate(raw)
        except ValidationError as error:
            raise BadInput(f"model {self.name}: {explain(error)}") from None
        layers = tuple(replace(layer, config=new) for layer, new in zip(self.layers, spec.network.layers, strict=True))
        return replace(self, spec=spec, layers=layers, saturations=Saturations())

    def scaled_apart(self, layer: int) -> bool:
        """False: scales are powers of two, and products meet in one accumulator after a shift that costs nothing."""
        return False

    def start(self, batch: int) -> Codes:
        """The state that sequences begin with, codes ``(B, H)``, flat over the layers."""
        return tuple(array for layer in self.layers for array in layer.start(batch))

    def operands(self, inputs: Inputs, state: Codes | None = None) -> tuple[dict[str, NDArray[Any]], Codes]:
        """Codes of every operand of a product by its name in the trace ``(T, B, size)``, and the state after the last.

        Real inputs are rounded to codes as they enter; from there on there are integers only.
        """
        entering = self._entering(inputs)
        operands = {"token": inputs} if self.config.input.kind == "embedding" else {}
        given, after = iter(state or self.start(inputs.shape[1])), list[NDArray[Any]]()
        for k, m in enumerate(self._machines):
            if k > 0 and m.layer.config.input_threshold > 0:
                entering = _pruned(entering, m.layer.config.input_threshold, self.layers[k - 1].numbers.state)
            operands[self.config.input_operand(k)] = entering
            begin = tuple(next(given).astype(np.int64) for _ in m.layer.numbers.states)
            entering, results, last = m.run(entering, begin)
            suffix = self.config.suffix(k)
            operands |= {f"{name}{suffix}": values for name, values in results.items()}
            operands[f"h{suffix}"] = entering
            after += last
        return operands, tuple(after)

    def states(self, inputs: Inputs, state: Codes | None = None) -> tuple[NDArray[np.int16], Codes]:
        """Codes of the last layer's h at every step ``(T, B, H)``, and the state after the last step.

        ``layers[-1].numbers.state.values`` makes real numbers of them.
        """
        operands, state = self.operands(inputs, state)
        return operands[f"h{self.config.suffix(len(self.layers) - 1)}"], state

    def logits(self, states: NDArray[np.integer]) -> Ints:
        """Codes of logits ``(..., V)`` from codes of h ``(..., H)``, with `logit_fraction` bits behind the point."""
        return self._reader(states)

    @property
    def logit_fraction(self) -> int:
        return self._reader.fraction

    def readout(self, states: NDArray[np.integer], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Real logits, for a metric alone: the integers of `logits`, scaled. BadInput where there is no readout."""
        real: NDArray[Any] = np.ldexp(self.logits(states).astype(np.float64), -self.logit_fraction).astype(dtype)
        return real

    def run(
        self, inputs: Inputs, state: Codes | None = None, dtype: DTypeLike = np.float32
    ) -> tuple[NDArray[Any], Codes]:
        """Real logits of every step ``(T, B, V)`` (`readout`) and the state after the last."""
        states, state = self.states(inputs, state)
        return self.readout(states, dtype), state

    def last(self, inputs: Inputs, lengths: NDArray[np.integer], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Real logits ``(B, V)`` at the last step of sequences of `lengths` ``(B,)``, padded at their ends."""
        states, _ = self.states(inputs)
        return self.readout(states[np.asarray(lengths) - 1, np.arange(len(lengths))], dtype)

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        with whole_file(path) as part:
            part.write_bytes(save(self._tensors, metadata={_METADATA: self._spec_json}))

    @classmethod
    def load(cls, path: Path) -> "IntegerModel":
        """A validated model; BadInput names the file and the rule it breaks."""
        with opened(path) as stored:
            spec = _spec(stored.metadata())
            return _unpacked(spec, stored_tensors(stored))

    @classmethod
    def load_config(cls, path: Path) -> Config:
        """The network of a file, without reading its numbers; BadInput as `load`."""
        with opened(path) as stored:
            return _spec(stored.metadata()).network

    def _entering(self, inputs: Inputs) -> NDArray[Any]:
        """What the first layer reads: symbols, or codes ``(T, B, I)``."""
        given, number, first = self.config.input, self.spec.layers[0].input, self.config.layers[0]
        if given.symbols is None:
            if inputs.ndim != 3 or inputs.shape[2] != given.width:
                raise BadInput(
                    f"model {self.name}: inputs must be (steps, sequences, {given.width}), not {inputs.shape}"
                )
            assert number is not None
            if not np.all(np.isfinite(inputs)):
                raise BadInput(f"model {self.name}: inputs must be finite numbers")
            kept = np.where(np.abs(inputs) < first.input_threshold, 0, inputs)
            self.saturations.note("input", "x", number.clipped(kept), kept.size)
            return number.codes(kept).astype(np.int16)
        if inputs.ndim != 2 or inputs.dtype.kind not in "ui":
            shape = f"{inputs.dtype} {inputs.shape}"
            raise BadInput(f"model {self.name}: inputs must be symbols (steps, sequences), not {shape}")
        if inputs.size and not 0 <= int(inputs.min()) <= int(inputs.max()) < given.symbols:
            raise BadInput(f"model {self.name}: symbols must be below {given.symbols}")
        if self.embedding is None:
            return inputs
        assert number is not None
        return _pruned(self.embedding, first.input_threshold, number)[inputs]

    @cached_property
    def squashing(self) -> Squashing:
        """Both activation functions, as the model computes them."""
        return Squashing(
            self.widths.gate_bits,
            _fitted(self.spec, "sigmoid", self.sigmoid_codes),
            _fitted(self.spec, "tanh", self.tanh_codes),
        )

    @cached_property
    def _machines(self) -> tuple[Machine, ...]:
        bits, last = self.widths.accumulator_bits, len(self.layers) - 1
        sites = ["layer" if last == 0 else f"layer {k + 1}" for k in range(last + 1)]
        return tuple(
            machine(layer, self.squashing, site, bits, self.products, self.saturations)
            for layer, site in zip(self.layers, sites, strict=True)
        )

    @cached_property
    def _readout(self) -> ReadoutMachine | None:
        codes, fraction, bias, number = (
            self.readout_codes, self.readout_fraction, self.readout_bias_codes, self.spec.readout_bias
        )  # fmt: skip
        if codes is None or fraction is None or bias is None or number is None:
            return None
        state, bits = self.layers[-1].numbers.state, self.widths.accumulator_bits
        return ReadoutMachine.of(codes, fraction, bias, number, state, bits, self.products, self.saturations)

    @property
    def _reader(self) -> ReadoutMachine:
        if self._readout is None:
            raise BadInput(f"model {self.name}: has no readout")
        return self._readout

    @property
    def _spec_json(self) -> str:
        return json.dumps(self.spec.model_dump(mode="json"), sort_keys=True)

    @property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by the name of its tensor."""
        arrays: dict[str, NDArray[Any] | None] = {
            "embedding": self.embedding,
            "readout_weight": self.readout_codes,
            "readout_fraction": self.readout_fraction,
            "readout_bias": self.readout_bias_codes,
            "sigmoid": self.sigmoid_codes,
            "tanh": self.tanh_codes,
        }
        for k, layer in enumerate(self.layers):
            arrays |= {f"layers.{k}.{name}": getattr(layer, field) for name, field in _LAYER_FIELDS.items()}
            initial = layer.initial_codes or ()
            arrays |= {f"layers.{k}.initial_{s}": codes for s, codes in zip(layer.cell.states, initial, strict=False)}
        return {name: array for name, array in arrays.items() if array is not None}

    @cached_property
    def _tensors(self) -> dict[str, NDArray[np.uint8]]:
        """What is stored, by name."""
        arrays = self._arrays
        return {s.name: pack_fields(arrays[s.name], s.bits) for s in _slots(self.spec) if s.name in arrays}


_METADATA = "archsim_integer"


def is_integer_model(path: Path) -> bool:
    """Whether a safetensors file says that it is one; a broken file does not."""
    try:
        with safe_open(path, framework="numpy") as stored:
            return _METADATA in (stored.metadata() or {})
    except (SafetensorError, OSError):
        return False


_LAYER_FIELDS = {
    "recurrent_weight": "recurrent_codes",
    "recurrent_fraction": "recurrent_fraction",
    "input_weight": "input_codes",
    "input_fraction": "input_fraction",
    "bias": "bias_codes",
    "recurrent_bias": "recurrent_bias_codes",
}


def _pruned(codes: NDArray[np.integer], threshold: float, number: Number) -> NDArray[Any]:
    """Codes whose value is below `threshold` are zero."""
    return np.where(np.abs(codes.astype(np.int64)) < threshold_codes(threshold, number.fraction), 0, codes)


@dataclass(frozen=True)
class _Slot:
    """A tensor that a spec has: its name, the shapes it may have, the width of a field, and the integers allowed."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    bits: int
    low: int
    high: int
    optional: bool = False

    @classmethod
    def weight(cls, name: str, shape: tuple[int, ...], bits: int) -> "_Slot":
        """Symmetric two's complement."""
        return cls(name, (shape,), bits, 1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1)

    @classmethod
    def number(cls, name: str, number: Number | None, *shapes: tuple[int, ...], optional: bool = False) -> "_Slot":
        assert number is not None
        return cls(name, shapes, number.bits, number.low, number.high, optional)

    @classmethod
    def shift(cls, name: str, rows: int, per_row: bool) -> "_Slot":
        return cls(name, ((rows if per_row else 1,),), SHIFT_BITS, -128, 127)

    def array(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """The integers that a stored tensor stands for; BadInput where its size does not fit."""
        if tensor.dtype != np.uint8 or tensor.ndim != 1:
            raise BadInput(f"tensor {self.name} must be a vector of uint8, not {tensor.dtype} {tensor.shape}")
        try:
            fields = unpack_fields(tensor, self.shapes[0], self.bits).view(np.uint16).astype(np.int64)
        except ValueError as error:
            raise BadInput(f"tensor {self.name}: {error}") from None
        if self.low >= 0:
            return fields
        return (fields - ((fields >> (self.bits - 1)) << self.bits)).astype(code_type(self.bits))


def _slots(spec: Spec) -> Iterator[_Slot]:
    network, wide = spec.network, spec.widths
    width, per_row = network.input.width, wide.per_row
    if network.input.kind == "embedding":
        yield _Slot.weight("embedding", (network.input.symbols, width), wide.embedding_bits)
    for k, (layer, numbers) in enumerate(zip(network.layers, spec.layers, strict=True)):
        cell, hidden = cells.by_name(layer.cell), layer.hidden
        rows, prefix = len(cell.gates) * hidden, f"layers.{k}."
        yield _Slot.weight(f"{prefix}recurrent_weight", (rows, hidden), wide.weight_bits)
        yield _Slot.shift(f"{prefix}recurrent_fraction", rows, per_row)
        yield _Slot.weight(f"{prefix}input_weight", (rows, width), wide.weight_bits)
        yield _Slot.shift(f"{prefix}input_fraction", rows, per_row)
        yield _Slot.number(f"{prefix}bias", numbers.bias, (rows,))
        if cell.shifts_candidate:
            yield _Slot.number(f"{prefix}recurrent_bias", numbers.recurrent_bias, (hidden,))
        for state, number in zip(cell.states, numbers.states, strict=True):
            yield _Slot.number(f"{prefix}initial_{state}", number, (hidden,), optional=True)
        width = hidden
    if network.readout is not None:
        outputs = network.readout.outputs
        yield _Slot.weight("readout_weight", (outputs, width), wide.weight_bits)
        yield _Slot.shift("readout_fraction", outputs, per_row)
        yield _Slot.number("readout_bias", spec.readout_bias, (outputs,))
    for curve in CURVES:
        empty = empty_activation(curve, spec.argument(curve), wide)
        if empty is not None:
            yield _Slot(curve, (empty.coefficients.shape,), empty.coefficient_bits, *empty.coefficient_range)


def empty_activation(curve: Curve, argument: Number | None, wide: Widths) -> Activation | None:
    """The approximation that `wide` says, all coefficients zero; None where there is no argument."""
    if argument is None:
        return None
    if wide.activation == "table":
        return Table.empty(curve, argument, wide.gate_bits, wide.table_bits)
    return Segments.empty(curve, argument, wide.gate_bits, wide.first_breakpoint, wide.split_bits)


def _fitted(spec: Spec, curve: Curve, coefficients: NDArray[np.integer] | None) -> Activation | None:
    empty = empty_activation(curve, spec.argument(curve), spec.widths)
    return None if empty is None or coefficients is None else empty.with_coefficients(coefficients.astype(np.int64))


def _spec(metadata: Mapping[str, str] | None) -> Spec:
    try:
        raw = json.loads((metadata or {})[_METADATA])
    except (KeyError, ValueError, RecursionError):
        raise BadInput(f"metadata must hold the spec of an integer model under {_METADATA!r}") from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION:
        raise BadInput(f"integer model version must be {VERSION}, not {version}")
    try:
        return Spec.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"spec: {explain(error)}") from None


def _unpacked(spec: Spec, tensors: Mapping[str, NDArray[Any]]) -> IntegerModel:
    slots = {slot.name: slot for slot in _slots(spec)}
    missing = [name for name, slot in slots.items() if name not in tensors and not slot.optional]
    if missing or set(tensors) - set(slots):
        needed = sorted(name for name, slot in slots.items() if name in tensors or not slot.optional)
        raise BadInput(f"tensors must be {', '.join(needed)}, not {', '.join(sorted(tensors))}")
    arrays = {name: slots[name].array(tensor) for name, tensor in tensors.items()}
    layers = []
    for k, (layer, numbers) in enumerate(zip(spec.network.layers, spec.layers, strict=True)):
        initial = [f"layers.{k}.initial_{state}" for state in cells.by_name(layer.cell).states]
        if any(name in arrays for name in initial) and not all(name in arrays for name in initial):
            raise BadInput(f"tensors must be all or none of {', '.join(initial)}")
        layers.append(
            IntegerLayer(
                layer,
                numbers,
                **{field: arrays.get(f"layers.{k}.{name}") for name, field in _LAYER_FIELDS.items()},  # type: ignore[arg-type]
                initial_codes=tuple(arrays[name] for name in initial) if initial[0] in arrays else None,
            )
        )
    return IntegerModel(
        spec,
        tuple(layers),
        sigmoid_codes=arrays.get("sigmoid"),
        tanh_codes=arrays.get("tanh"),
        embedding=arrays.get("embedding"),
        readout_codes=arrays.get("readout_weight"),
        readout_fraction=arrays.get("readout_fraction"),
        readout_bias_codes=arrays.get("readout_bias"),
    )
