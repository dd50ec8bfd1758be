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
dense., head.N.: weight,     as of a readout           the dense layer before the recurrent ones, and those
fraction, bias                                         below the readout
readout_weight               weight_bits               ``(V, size)``
readout_fraction             8                         ``(1,)`` or ``(V,)``
readout_bias                 bias_bits                 ``(V,)``
sigmoid, tanh                gate_bits                 words of a table; or slopes, then intercepts, of segments
============================ ========================= =========================================================
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import ValidationError

from archsim.errors import BadInput, explain
from workloads import cells
from workloads.cells import Curve
from workloads.cells.integer import Codes
from workloads.config import Config, DenseActivation, Inputs
from workloads.fixed_point.activations import CURVES, Activation, Squashing, size_bits
from workloads.fixed_point.head import DenseMachine, IntegerDense, dense_slots
from workloads.fixed_point.layers import (
    IntegerLayer,
    IntegerMachine,
    Proof,
    ReadoutMachine,
    machine,
    pruned,
)
from workloads.fixed_point.products import Products
from workloads.fixed_point.settings import IntegerWidths, MemoryBits, memory
from workloads.fixed_point.slots import number_slot, shift_slot, weight_slot
from workloads.fixed_point.spec import EARLIER, VERSION, IntegerSpec, empty_activation
from workloads.flow import Flowed, LayerRun, check_carried, check_every_step, last_of, lengths_of, through_layers
from workloads.formats import WeightFormat
from workloads.numbers import Clipped, Ints, Number, Saturations
from workloads.packed import INTEGERS, Arrays, FieldSlot, PackedModel, Slot, StoredConfig
from workloads.positions import Lengths, pooled_codes


@dataclass(frozen=True, eq=False)
class IntegerModel(PackedModel[IntegerSpec]):
    """Stacked recurrent layers and a readout that compute with integers only; see the package for the definition.

    Arrays are read-only. Raises BadInput where their sizes do not fit the spec, or where numbers lie so far apart that
    a sum does not fit 62 bits. `saturations` counts every clip of every run (`counting` starts anew). `products` says
    how integers are multiplied; the result is the same bit for bit.
    """

    stored: ClassVar = StoredConfig(
        INTEGERS, IntegerSpec, VERSION, "spec of an integer model", "integer model", "spec", EARLIER
    )

    spec: IntegerSpec
    layers: tuple[IntegerLayer, ...]
    sigmoid_codes: NDArray[np.integer] | None = None  # coefficients
    tanh_codes: NDArray[np.integer] | None = None  # coefficients
    embedding: NDArray[np.integer] | None = None  # (symbols, size)
    readout_codes: NDArray[np.integer] | None = None  # (V, H)
    readout_fraction: NDArray[np.int8] | None = None  # (1,) or (V,)
    readout_bias_codes: NDArray[np.integer] | None = None  # (V,)
    dense: IntegerDense | None = None
    head: tuple[IntegerDense, ...] = ()
    products: Products = "integer"
    saturations: Saturations = field(default_factory=Saturations, repr=False)

    def __post_init__(self) -> None:
        self._check_arrays()
        _ = (
            self._dense,
            self._machines,
            self._head,
            self._readout,
        )  # so that a model that can't be computed is refused at once

    @property
    def config(self) -> Config:
        """The network: its cells, sizes, formats and thresholds, as a `Model` has it."""
        return self.spec.network

    @property
    def widths(self) -> IntegerWidths:
        return self.spec.widths

    @property
    def weight_format(self) -> WeightFormat:
        return self.widths.weight_format

    @property
    def memory(self) -> MemoryBits:
        """Bits of weights and of the activations of one sequence, against float32."""
        tables = sum(size_bits(curve) for curve in (self.squashing.sigmoid, self.squashing.tanh) if curve is not None)
        return memory(self.config, self.widths, tables, [layer.initial_codes is not None for layer in self.layers])

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """For every product, the accumulator width that can't overflow, and how many rows are proved at this one's."""
        readout = () if self._readout is None else (self._readout.proof,)
        dense = () if self._dense is None else (self._dense.sums.proof,)
        head = (m.sums.proof for m in self._head)
        return (*dense, *(proof for m in self._machines for proof in m.proofs), *head, *readout)

    @property
    def constants_clipped(self) -> tuple[Clipped, ...]:
        """How much of weights, biases, embedding and initial states did not fit when the model was made, by tensor.

        A file of version 2 does not say, and nothing is listed.
        """
        return self.spec.clipped or ()

    def with_products(self, products: Products) -> "IntegerModel":
        """The same model, multiplied another way. BadInput where floating point is not proved exact."""
        return replace(self, products=products, saturations=Saturations())

    def counting(self) -> "IntegerModel":
        """The same model with `saturations` at zero."""
        return replace(self, saturations=Saturations())

    def with_threshold(self, threshold: float | Sequence[float]) -> "IntegerModel":
        """The same integers, pruned at another threshold: one for all layers, or one each."""
        each = self._for_each_layer("thresholds", threshold)
        raw = self.spec.model_dump()
        for layer, value in zip(raw["network"]["layers"], each, strict=True):
            layer["threshold"] = value
        try:
            spec = IntegerSpec.model_validate(raw)
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

    def operands(
        self, inputs: Inputs, state: Codes | None = None, *, lengths: Lengths | None = None
    ) -> tuple[dict[str, NDArray[Any]], Codes]:
        """Codes of every operand of a product by its name in the trace ``(T, B, size)``, and the state after the last.

        Real inputs are rounded to codes as they enter; from there on there are integers only. See `Model.operands`.
        """
        lengths = lengths_of(inputs, lengths)
        flowed = self._flow(inputs, state, lengths)
        operands = dict(flowed.operands)
        if (apart := self.config.readout_apart) is not None:
            y = flowed.outputs if apart == "all" else self._summary(flowed.outputs, lengths)[None]
            with self.saturations.over(lengths):
                operands |= {"y": y} | {f"y_{k}": codes for k, codes in enumerate(self._through_head(y), 1)}
        return operands, flowed.state

    def _flow(self, inputs: Inputs, state: Codes | None, lengths: Lengths) -> Flowed:
        check_carried(self.config, state)
        start = state or self.start(inputs.shape[1])
        with self.saturations.over(lengths):
            before, vectors = self._entering(inputs)
            flowed = through_layers(self.config, vectors, start, lengths, self._run_layer)
        return flowed._replace(operands=before | flowed.operands)

    def _run_layer(self, k: int, vectors: NDArray[Any], given: Iterator[NDArray[Any]]) -> LayerRun:
        m = self._machines[k]
        threshold, number = m.layer.config.input_threshold, m.layer.numbers.input
        if number is not None and threshold > 0 and (self.config.level_of(k) or self.config.input.kind != "vector"):
            vectors = pruned(vectors, threshold, number)
        begin = tuple(next(given).astype(np.int64) for _ in m.layer.numbers.states)
        h, results, last = m.run(vectors, begin)
        return LayerRun(vectors, h, h, dict(results), last)

    def states(
        self, inputs: Inputs, state: Codes | None = None, *, lengths: Lengths | None = None
    ) -> tuple[NDArray[np.int16], Codes]:
        """Codes of the last layer's h at every position ``(T, B, H)``, of both directions side by side, and the state
        after the last step.

        ``layers[-1].numbers.state.values`` makes real numbers of them.
        """
        flowed = self._flow(inputs, state, lengths_of(inputs, lengths))
        return flowed.outputs, flowed.state

    def real(self, states: NDArray[np.integer]) -> NDArray[np.float64]:
        """What codes of the last layer's h stand for."""
        return self.layers[-1].numbers.state.values(states)

    def logits(self, states: NDArray[np.integer]) -> Ints:
        """Codes of logits ``(..., V)`` from codes of h ``(..., H)``, with `logit_fraction` bits behind the point."""
        *_, read = states, *self._through_head(states)
        return self._reader(read)

    def _through_head(self, codes: NDArray[Any]) -> Iterator[NDArray[Any]]:
        for dense in self._head:
            codes = dense(codes)
            yield codes

    @property
    def logit_fraction(self) -> int:
        return self._reader.fraction

    def readout(self, states: NDArray[np.integer], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Real logits, for a metric alone: the integers of `logits`, scaled. BadInput where there is no readout."""
        real: NDArray[Any] = np.ldexp(self.logits(states).astype(np.float64), -self.logit_fraction).astype(dtype)
        return real

    def run(
        self,
        inputs: Inputs,
        state: Codes | None = None,
        dtype: DTypeLike = np.float32,
        lengths: Lengths | None = None,
    ) -> tuple[NDArray[Any], Codes]:
        """Real logits of every step ``(T, B, V)`` (`readout`) and the state after the last; see `Model.run`."""
        check_every_step(self.config)
        states, state = self.states(inputs, state, lengths=lengths)
        with self.saturations.over(lengths_of(inputs, lengths)):
            return self.readout(states, dtype), state

    def last(self, inputs: Inputs, lengths: Lengths, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Real logits ``(B, V)`` at the last step of sequences of `lengths` ``(B,)``, padded at their ends."""
        states, _ = self.states(inputs, lengths=lengths)
        return self.readout(self._summary(states, lengths), dtype)

    def _summary(self, states: NDArray[Any], lengths: Lengths) -> NDArray[Any]:
        """Codes of what a readout reads once a sequence ``(B, sizes)``."""
        pooling = None if self.config.readout is None else self.config.readout.pooling
        if pooling is None:
            return last_of(self.config, states, lengths)
        return pooled_codes(states, lengths, pooling)

    def _entering(self, inputs: Inputs) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
        """Operands of what is done before the first layers, and what these read: symbols, or codes ``(T, B, I)``.

        Real vectors are rounded as they enter; those that no dense layer reads are pruned before.
        """
        self.config.check_inputs(inputs)
        given, x = self.config.input, self.spec.layers[0].input
        if given.symbols is None:
            assert x is not None
            if self._dense is None:
                return {}, self._rounded("x", inputs, x, self.config.layers[0].input_threshold)
            assert self.spec.features is not None
            features = self._rounded("features", inputs, self.spec.features, 0.0)
            return {"features": features}, self._dense(features)
        if self.embedding is None:
            return {}, inputs
        return {"token": inputs}, self.embedding[inputs]

    def _rounded(self, place: str, inputs: Inputs, number: Number, threshold: float) -> NDArray[np.int16]:
        if not np.all(np.isfinite(inputs)):
            raise BadInput(f"model {self.name}: inputs must be finite numbers")
        kept = np.where(np.abs(inputs) < threshold, 0, inputs)
        self.saturations.look("input", place, number.beyond(kept), number.ends)
        return number.codes(kept).astype(np.int16)

    @cached_property
    def squashing(self) -> Squashing:
        """Both activation functions, as the model computes them."""
        return Squashing(
            self.widths.gate_bits,
            _fitted(self.spec, "sigmoid", self.sigmoid_codes),
            _fitted(self.spec, "tanh", self.tanh_codes),
        )

    @cached_property
    def _machines(self) -> tuple[IntegerMachine, ...]:
        bits, last = self.widths.accumulator_bits, len(self.layers) - 1
        sites = ["layer" if last == 0 else f"layer {k + 1}" for k in range(last + 1)]
        return tuple(
            machine(layer, self.squashing, site, bits, self.products, self.saturations)
            for layer, site in zip(self.layers, sites, strict=True)
        )

    @cached_property
    def _head(self) -> tuple[DenseMachine, ...]:
        operand, machines = self.layers[-1].numbers.state, list[DenseMachine]()
        activations = () if self.config.readout is None else (each.activation for each in self.config.readout.head)
        for k, (dense, activation) in enumerate(zip(self.head, activations, strict=True), 1):
            machines.append(self._dense_machine(dense, operand, f"y_{k}", activation))
            operand = dense.numbers.result
        return tuple(machines)

    @cached_property
    def _dense(self) -> DenseMachine | None:
        given, features = self.config.input, self.spec.features
        if self.dense is None or features is None or given.kind != "dense":
            return None
        return self._dense_machine(self.dense, features, "x", given.activation)

    def _dense_machine(
        self, dense: IntegerDense, operand: Number, place: str, activation: DenseActivation
    ) -> DenseMachine:
        bits = self.widths.accumulator_bits
        return dense.machine(operand, place, activation == "relu", bits, self.products, self.saturations)

    @cached_property
    def _readout(self) -> ReadoutMachine | None:
        codes, fraction, bias, number = (
            self.readout_codes, self.readout_fraction, self.readout_bias_codes, self.spec.readout_bias
        )  # fmt: skip
        if codes is None or fraction is None or bias is None or number is None:
            return None
        state, bits = self.spec.read, self.widths.accumulator_bits
        return ReadoutMachine.of(codes, fraction, bias, number, state, bits, self.products, self.saturations)

    @property
    def _reader(self) -> ReadoutMachine:
        if self._readout is None:
            raise BadInput(f"model {self.name}: has no readout")
        return self._readout

    def _for(self, network: Config) -> "IntegerModel":
        return replace(self, spec=self.spec.model_copy(update={"network": network}), saturations=Saturations())

    @property
    def _described(self) -> IntegerSpec:
        return self.spec

    @staticmethod
    def _network_of(described: IntegerSpec) -> Config:
        return described.network

    @property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any] | None] = {
            "embedding": self.embedding,
            "readout_weight": self.readout_codes,
            "readout_fraction": self.readout_fraction,
            "readout_bias": self.readout_bias_codes,
            "sigmoid": self.sigmoid_codes,
            "tanh": self.tanh_codes,
        }
        arrays |= {} if self.dense is None else self.dense.tensors("dense.")
        for k, dense in enumerate(self.head):
            arrays |= dense.tensors(f"head.{k}.")
        for k, layer in enumerate(self.layers):
            arrays |= {f"layers.{k}.{name}": getattr(layer, field) for name, field in _LAYER_FIELDS.items()}
            initial = layer.initial_codes or ()
            arrays |= {f"layers.{k}.initial_{s}": codes for s, codes in zip(layer.cell.states, initial, strict=False)}
        return {name: array for name, array in arrays.items() if array is not None}

    @staticmethod
    def _slots(described: IntegerSpec) -> Iterator[Slot]:
        network, wide = described.network, described.widths
        per_row = wide.per_row
        if network.input.kind == "dense" and described.dense is not None:
            yield from dense_slots("dense.", network.input.width, network.input.features, described.dense, wide)
        if network.input.kind == "embedding":
            yield weight_slot("embedding", (network.input.symbols, network.input.width), wide.embedding_bits)
        for k, (layer, numbers) in enumerate(zip(network.layers, described.layers, strict=True)):
            cell, hidden = cells.by_name(layer.cell), layer.hidden
            rows, width, prefix = len(cell.gates) * hidden, network.input_width(k), f"layers.{k}."
            yield weight_slot(f"{prefix}recurrent_weight", (rows, hidden), wide.weight_bits)
            yield shift_slot(f"{prefix}recurrent_fraction", rows, per_row)
            yield weight_slot(f"{prefix}input_weight", (rows, width), wide.weight_bits)
            yield shift_slot(f"{prefix}input_fraction", rows, per_row)
            yield number_slot(f"{prefix}bias", numbers.bias, (rows,))
            if cell.shifts_candidate:
                yield number_slot(f"{prefix}recurrent_bias", numbers.recurrent_bias, (hidden,))
            for state, number in zip(cell.states, numbers.states, strict=True):
                yield number_slot(f"{prefix}initial_{state}", number, (hidden,), optional=True)
        if network.readout is not None:
            outputs, width = network.readout.outputs, network.level_outputs(-1)
            for k, (dense, own) in enumerate(zip(network.readout.head, described.head, strict=True)):
                yield from dense_slots(f"head.{k}.", dense.outputs, width, own, wide)
                width = dense.outputs
            yield weight_slot("readout_weight", (outputs, width), wide.weight_bits)
            yield shift_slot("readout_fraction", outputs, per_row)
            yield number_slot("readout_bias", described.readout_bias, (outputs,))
        for curve in CURVES:
            empty = empty_activation(curve, described.argument(curve), wide)
            if empty is not None:
                yield FieldSlot(curve, (empty.coefficients.shape,), empty.coefficient_bits, *empty.coefficient_range)

    @classmethod
    def _made(cls, described: IntegerSpec, arrays: Arrays) -> Self:
        layers = []
        for k, (layer, numbers) in enumerate(zip(described.network.layers, described.layers, strict=True)):
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
        return cls(
            described,
            tuple(layers),
            sigmoid_codes=arrays.get("sigmoid"),
            tanh_codes=arrays.get("tanh"),
            embedding=arrays.get("embedding"),
            readout_codes=arrays.get("readout_weight"),
            readout_fraction=arrays.get("readout_fraction"),
            readout_bias_codes=arrays.get("readout_bias"),
            dense=None if described.dense is None else IntegerDense.stored(arrays, "dense.", described.dense),
            head=tuple(IntegerDense.stored(arrays, f"head.{k}.", numbers) for k, numbers in enumerate(described.head)),
        )


_LAYER_FIELDS = {
    "recurrent_weight": "recurrent_codes",
    "recurrent_fraction": "recurrent_fraction",
    "input_weight": "input_codes",
    "input_fraction": "input_fraction",
    "bias": "bias_codes",
    "recurrent_bias": "recurrent_bias_codes",
}


def _fitted(spec: IntegerSpec, curve: Curve, coefficients: NDArray[np.integer] | None) -> Activation | None:
    empty = empty_activation(curve, spec.argument(curve), spec.widths)
    return None if empty is None or coefficients is None else empty.with_coefficients(coefficients.astype(np.int64))
