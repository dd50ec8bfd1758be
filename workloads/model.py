"""A trained network: its input, its layers, its readout, with packed weights. The numpy reference of everything else.

One file, safetensors: packed codes as bytes, scales as float32, and a JSON config in the metadata. No pickle. R rows of
a layer are gate-major: all rows of its cell's first gate, then of the second, and so on.

============================ ======= ============================================================================
tensor                       type    what
============================ ======= ============================================================================
layers.N.recurrent_weight    uint8   codes of W_h ``(R, P)``, packed by their format; P = H without a projection
layers.N.input_weight        uint8   codes of W_x ``(R, I)``, packed by their format
layers.N.scale_recurrent     float32 ``(R,)`` scale of a row of W_h h: the format's, times folded batch or weight norm
layers.N.scale_input         float32 ``(R,)`` scale of a row of W_x x
layers.N.shift               float32 ``(R,)`` bias less the scaled means of both products
layers.N.shift_recurrent     float32 ``(H,)`` shift of the candidate's recurrent product (GRU with reset after it)
layers.N.gain_recurrent      float32 ``(R,)`` gain after the layer norm of W_h h, where there is one
layers.N.gain_input          float32 ``(R,)`` gain after the layer norm of W_x x
layers.N.initial_state       float32 ``(states * H,)`` or ``(P + H,)``: what a sequence starts from; absent: zeros
layers.N.projection_weight   uint8   codes of W_hr ``(P, H)``, packed by the format of W_h, where there is one
layers.N.scale_projection    float32 ``(P,)``
layers.N.peepholes           float32 ``(3 * H,)`` c seen by the gates i, f and o, where they see it
layers.N.affine_cell         float32 ``(2 * H,)`` scale and shift of the c that tanh reads, where it is normalised
embedding_weight             uint8   codes of the embedding ``(symbols, size)``, packed by their format
embedding_scale              float32 ``(1,)`` or ``(symbols,)``
dense.weight, .scale, .bias  as in a readout: the layer before the recurrent ones, where there is one
head.N.weight, .scale, .bias as in a readout: dense layers between the last h and the readout
readout_weight               uint8   codes of the readout ``(V, size)`` of what enters it, packed by their format
readout_scale                float32 ``(1,)`` or ``(V,)``
readout_bias                 float32 ``(V,)``
============================ ======= ============================================================================
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import ValidationError

from archsim.errors import BadInput, explain
from archsim.frozen import Frozen
from workloads import formats
from workloads.cells import Floats, State
from workloads.config import VERSION, Config, Inputs, Readout
from workloads.dense import DenseNumbers, dense_slots
from workloads.ends import dense_in_fixed_point, dense_needs, head_in_fixed_point
from workloads.flow import (
    Flowed,
    LayerRun,
    check_carried,
    check_every_step,
    last_of,
    lengths_of,
    parts_of_last,
    through_layers,
)
from workloads.formats import WeightFormat
from workloads.layer import LAYER_FIELDS, Layer, layer_slots
from workloads.numbers import Clipped, Kind, Saturations, integer_bits
from workloads.packed import Arrays, CodeSlot, FloatSlot, PackedModel, Slot, StoredConfig, unpacked
from workloads.positions import Lengths, pooled
from workloads.state_pruning import Pruning, pruned_for
from workloads.stated import in_float16


@dataclass(frozen=True, eq=False)
class Model(PackedModel[Config]):
    """Stacked recurrent layers over symbols or vectors, and a readout.

    There is one h a layer. It is stored pruned, or dense and pruned where recurrent products read it
    (``LayerConfig.pruned``). Arrays are read-only. `saturations` counts what lies beyond the fixed point of states and
    inputs in every run; a model made of this one starts anew. Raises BadInput where sizes do not fit the config.

    Each direction of a bidirectional layer is a layer. One that reads in reverse begins at each sequence's own last
    step, so inputs that are padded come with their `lengths` ``(B,)``; None: all sequences are as long as the inputs.
    """

    stored: ClassVar = StoredConfig("archsim", Config, VERSION, "config of an archsim model", "model", "config")

    config: Config
    layers: tuple[Layer, ...]
    embedding_codes: NDArray[np.generic] | None = None  # (symbols, size)
    embedding_scale: NDArray[np.float32] | None = None  # (1,) or (symbols,)
    readout_codes: NDArray[np.generic] | None = None  # (V, size)
    readout_scale: NDArray[np.float32] | None = None  # (1,) or (V,)
    readout_bias: NDArray[np.float32] | None = None  # (V,)
    dense: DenseNumbers | None = None
    head: tuple[DenseNumbers, ...] = ()
    saturations: Saturations = field(default_factory=Saturations, init=False, repr=False)

    def __post_init__(self) -> None:
        if tuple(layer.config for layer in self.layers) != self.config.layers:
            raise BadInput(f"model {self.name}: layers must be those of the config")
        self._check_arrays()

    @property
    def weight_format(self) -> WeightFormat:
        """Format of the first layer's W_h."""
        return formats.by_name(self.config.layers[0].weight_format)

    def with_threshold(self, threshold: float | Sequence[float]) -> "Model":
        """The same weights, pruned at another threshold: one for all layers, or one each."""
        return self._with_layers([{"threshold": t} for t in self._for_each_layer("thresholds", threshold)])

    def with_pruned(self, consumers: Collection[str]) -> "Model":
        """The same weights, h pruned for these `consumers` alone; BadInput where the recurrence is none of them."""
        last = self.config.levels[-1]
        return self._with_layers([{"pruned": pruned_for(consumers, k in last)} for k in range(len(self.layers))])

    def with_bits(
        self,
        state_bits: int,
        input_bits: int | None = None,
        input_integer_bits: int | None = None,
        state_integer_bits: int | Sequence[int] | None = None,
    ) -> "Model":
        """The same weights with states, and vectors that enter the first layer, in fixed point.

        Integer bits of the states are one for all layers, or one each; None: 0, which holds every h of a bounded cell.
        Those of what enters: None is what the embedding's table needs, and 0 of vectors. What a dense layer before the
        recurrent ones makes, and a head, have those that their weights prove. `integer_bits.needed_bits` says what is
        needed. BadInput where `input_bits` are missing though vectors enter, or given though none do; where an h
        without a bound is given no integer bits; where an initial h lies beyond its range.
        """
        changes = [
            {"state_bits": state_bits, "state_integer_bits": m} for m in self._state_integer_bits(state_integer_bits)
        ]
        if (self.config.input.kind == "one_hot") != (input_bits is None):
            needs = "takes none" if input_bits else "needs some (--input-bits)"
            raise BadInput(f"model {self.name}: input_bits: its input ({self.config.input.kind}) {needs}")
        entry = self.config.input
        if input_bits is not None:
            if input_integer_bits is None:
                table = self.embedding
                input_integer_bits = 0 if table is None else integer_bits(float(np.abs(table).max()))
            if entry.kind == "dense" and self.dense is not None:
                entry = dense_in_fixed_point(entry, input_bits, input_integer_bits)
                input_integer_bits = dense_needs(entry, self.dense, input_integer_bits)
            for k in self.config.levels[0]:
                changes[k] |= {"input_bits": input_bits, "input_integer_bits": input_integer_bits}
        fixed = self._with_layers(changes, input=entry)
        read = head_in_fixed_point(fixed.config, self.head, state_bits)
        return fixed if read is None else fixed._with_layers([{}] * len(self.layers), readout=read)

    def _state_integer_bits(self, given: int | Sequence[int] | None) -> list[int]:
        """One for each layer; BadInput where a layer needs another."""
        each = self._for_each_layer("state_integer_bits", 0 if given is None else given)
        for k, (layer, m) in enumerate(zip(self.layers, each, strict=True)):
            where = f"model {self.name}: layers.{k}: state_integer_bits"
            if given is None and (layer.bound is None or (layer.config.projection and integer_bits(layer.bound))):
                reach = f"of {layer.config.cell} has no bound"
                if layer.bound is not None:
                    reach = f"is projected and may reach {layer.bound:.4g}"
                raise BadInput(
                    f"{where} must be given, since h {reach} (--state-integer-bits, or --calibrate with inputs)"
                )
            if (needed := integer_bits(layer.largest_start)) > m:
                raise BadInput(
                    f"{where} must be at least {needed}, since its initial h reaches {layer.largest_start:.4g}, not {m}"
                )
        return each

    def with_float16(self) -> "Model":
        """The same model, its float32 weights rounded to float16; quantized ones, scales and biases stay as they are.

        BadInput where a weight is larger than float16 can say.
        """
        config = Config.model_validate(in_float16(self.config.model_dump()))
        layers = tuple(replace(layer, config=new) for layer, new in zip(self.layers, config.layers, strict=True))
        with np.errstate(over="ignore"):  # infinite: refused by name
            stored = replace(self, config=config, layers=layers)._tensors
            return self._made(config, unpacked(self._slots(config), stored))

    def _with_layers(self, changes: Sequence[Mapping[str, Any]], **parts: Frozen) -> "Model":
        """The same numbers with other entries in the config of each layer, and other parts of the config."""
        raw = self.config.model_dump() | {name: part.model_dump() for name, part in parts.items()}
        raw["layers"] = [layer | change for layer, change in zip(raw["layers"], changes, strict=True)]
        try:
            config = Config.model_validate(raw)
        except ValidationError as error:
            raise BadInput(f"model {self.name}: {explain(error)}") from None
        layers = tuple(replace(layer, config=new) for layer, new in zip(self.layers, config.layers, strict=True))
        return replace(self, config=config, layers=layers)

    def scaled_apart(self, layer: int) -> bool:
        """Whether the rows of a layer's products have scales of their own, so that they only meet after them."""
        numbers = self.layers[layer]
        scales = [numbers.scale_recurrent, numbers.scale_input]
        scales += [] if numbers.scale_projection is None else [numbers.scale_projection]
        together = np.concatenate(scales)
        return bool(np.any(together != together[0]))

    def start(self, batch: int, dtype: DTypeLike = np.float32) -> State:
        """The state that sequences begin with, flat over the layers."""
        return tuple(array for layer in self.layers for array in layer.start(batch, dtype))

    def operands(
        self,
        inputs: Inputs,
        state: State | None = None,
        dtype: DTypeLike = np.float32,
        lengths: Lengths | None = None,
    ) -> tuple[dict[str, NDArray[Any]], State]:
        """Every operand of a product by its name in the trace ``(T, B, size)``, and the state after the last step.

        Each h is that after its step, as the recurrence reads it; symbols are ``(T, B)``. Rows of a layer in reverse
        are in the order of its steps. What a readout reads once a sequence, in a phase of its own, is ``(1, B, size)``.
        The state is a flat tuple of ``(B, P)`` and ``(B, H)``, layer after layer; None is where sequences start from.
        BadInput where vectors, or an h, are not finite in `dtype`, or where a layer in reverse cannot go on.
        """
        lengths = lengths_of(inputs, lengths)
        flowed = self._flow(inputs, state, dtype, lengths)
        with self.saturations.over(lengths):
            return flowed.operands | self._read_apart(flowed.outputs, lengths), flowed.state

    @np.errstate(over="ignore", invalid="ignore")  # infinite or NaN: refused by name
    def _flow(self, inputs: Inputs, state: State | None, dtype: DTypeLike, lengths: Lengths) -> Flowed:
        """`inputs` through the layers, with the operands of what is done to them before."""
        self.config.check_inputs(inputs)
        check_carried(self.config, state)
        start = state or self.start(inputs.shape[1], dtype)
        with self.saturations.over(lengths):
            before, vectors = self._entering(inputs, dtype)
            flowed = through_layers(self.config, vectors, start, lengths, partial(self._run_layer, dtype=dtype))
        return flowed._replace(operands=before | flowed.operands)

    def _run_layer(self, k: int, vectors: Floats, given: Iterator[Floats], *, dtype: DTypeLike) -> LayerRun:
        layer, pruning = self.layers[k], self.config.layers[k].input_pruning
        entering = self._noted(pruning, "input", self.config.input_operand(k), vectors)
        start = tuple(next(given) for _ in layer.cell.states)
        h, results, last = layer.run(
            entering, start, dtype, self.config.is_one_hot(k), self._noting(k), self.config.rounding_of_input(k)
        )
        self._check_finite(k, h)
        return LayerRun(entering, layer.config.recurrence.seen(h), h, results, last)

    def _entering(self, inputs: Inputs, dtype: DTypeLike) -> tuple[dict[str, NDArray[Any]], NDArray[Any]]:
        """Operands of what is done to `inputs` before the first layer, and what it reads, by position."""
        given = self.config.input
        if given.kind == "one_hot":
            return {}, inputs
        if given.kind == "embedding":
            return {"token": inputs}, self._embedded(inputs, dtype)
        vectors = np.asarray(inputs, dtype)
        if not np.all(np.isfinite(vectors)):
            raise BadInput(f"model {self.name}: inputs must be finite numbers in {vectors.dtype}")
        if given.kind == "vector":
            return {}, vectors
        assert self.dense is not None
        vectors = self._noted(given.pruning, "input", "features", vectors)
        return {"features": vectors}, self.dense(vectors, given.weight_format, given.activation)

    def _noted(self, pruning: Pruning, kind: Kind, place: str, vectors: NDArray[Any]) -> NDArray[Any]:
        """Vectors pruned and rounded, with their clips counted; as they are where there is nothing to do."""
        if not pruning.changes:
            return vectors
        self.saturations.step = 0
        return pruning.noting(partial(self.saturations.note, kind, place, within=pruning.ends))(vectors)

    def _noting(self, layer: int) -> Pruning:
        """How a layer prunes and rounds: h, and results of its step, whose clips are counted apart."""
        config, suffix = self.config.layers[layer], self.config.suffix(layer)
        own = config.pruning
        h, *results = (
            self.saturations.by_step("state", f"{name}{suffix}", own.ends) for name in ("h", *config.results)
        )
        return own.noting(h, *results) if own.bits is not None else own

    def _check_finite(self, layer: int, h: Floats) -> None:
        finite = np.isfinite(h).all(axis=(1, 2))
        if not finite.all():
            when = f"step {finite.argmin()} of {len(h)}"
            raise BadInput(f"model {self.name}: layers.{layer}: h must be finite, and is not at {when}")

    def _read_apart(self, outputs: Floats, lengths: Lengths) -> dict[str, NDArray[Any]]:
        """Operands of a readout that is a phase of its own: ``y``, and what each layer of its head makes."""
        if self.config.readout_apart is None:
            return {}
        v = outputs if self.config.readout_apart == "all" else self._summary(outputs, lengths)[None]
        return {"y": v} | {f"y_{k + 1}": made for k, made in enumerate(self._through_head(v))}

    def _summary(self, outputs: Floats, lengths: Lengths) -> Floats:
        """What a readout reads once a sequence ``(B, sizes)``, of every h by position ``(T, B, sizes)``.

        A mean is rounded as the h that it is of.
        """
        pooling = self._reader[0].pooling
        if pooling is None:
            return last_of(self.config, outputs, lengths)
        last = [self.config.layers[k] for k in self.config.levels[-1]]
        parts = zip(last, parts_of_last(self.config, outputs), strict=True)
        return np.concatenate([layer.pruning.rounded(pooled(h, lengths, pooling)) for layer, h in parts], axis=-1)

    def _through_head(self, v: Floats) -> Iterator[Floats]:
        rounding = self._read_rounding
        for k, (numbers, layer) in enumerate(zip(self.head, self._reader[0].head, strict=True), 1):
            made = numbers(v, layer.weight_format, layer.activation, rounding)
            v, rounding = self._noted(layer.pruning, "state", f"y_{k}", made), layer.pruning
            yield v

    def states(
        self,
        inputs: Inputs,
        state: State | None = None,
        dtype: DTypeLike = np.float32,
        lengths: Lengths | None = None,
    ) -> tuple[Floats, State]:
        """h of the last layer at every position ``(T, B, P)``, of both directions side by side, and the last state."""
        flowed = self._flow(inputs, state, dtype, lengths_of(inputs, lengths))
        return flowed.outputs, flowed.state

    def readout(self, states: Floats) -> Floats:
        """Logits ``(..., V)`` of `states` ``(..., P)``, in their type; BadInput where there is no readout."""
        config, numbers = self._reader
        *_, v = states, *self._through_head(states)
        rounding = config.head[-1].pruning if config.head else self._read_rounding
        return numbers(v, config.weight_format, rounding=rounding)

    @property
    def _read_rounding(self) -> Pruning:
        """How the h that is read is rounded."""
        return self.config.layers[self.config.levels[-1][0]].pruning

    @cached_property
    def _reader(self) -> tuple[Readout, DenseNumbers]:
        """The readout and its numbers; BadInput where there is none."""
        if self.config.readout is None:
            raise BadInput(f"model {self.name}: has no readout")
        assert self.readout_codes is not None
        assert self.readout_scale is not None
        assert self.readout_bias is not None
        return self.config.readout, DenseNumbers(self.readout_codes, self.readout_scale, self.readout_bias)

    def run(
        self,
        inputs: Inputs,
        state: State | None = None,
        dtype: DTypeLike = np.float32,
        lengths: Lengths | None = None,
    ) -> tuple[Floats, State]:
        """Logits of every step ``(T, B, V)`` and the state after the last (`operands`).

        BadInput where the readout pools over the steps.
        """
        check_every_step(self.config)
        states, state = self.states(inputs, state, dtype, lengths)
        with self.saturations.over(lengths_of(inputs, lengths)):
            return self.readout(states), state

    def last(self, inputs: Inputs, lengths: Lengths, dtype: DTypeLike = np.float32) -> Floats:
        """Logits ``(B, V)`` at the last step of sequences of `lengths` ``(B,)``, padded at their ends."""
        states, _ = self.states(inputs, None, dtype, lengths)
        return self.readout(self._summary(states, np.asarray(lengths)))

    @property
    def embedding(self) -> Floats | None:
        """The table in float32 ``(symbols, size)``; None where there is none."""
        return (
            None if self.embedding_codes is None else self._embedded(np.arange(len(self.embedding_codes)), np.float32)
        )

    @property
    def exact(self) -> bool:
        """Whether all products are exact in float32, so that a sequence runs alike alone and beside any others."""
        config, layers = self.config, enumerate(self.layers)
        if not all(layer.exact(config.is_one_hot(k), config.rounding_of_input(k)) for k, layer in layers):
            return False
        given, read = config.input, config.readout
        if given.kind == "dense" and not (self.dense and self.dense.exact(given.weight_format, given.pruning)):
            return False
        rounding = self._read_rounding
        for numbers, each in zip(self.head, read.head if read else (), strict=True):
            if not numbers.exact(each.weight_format, rounding):
                return False
            rounding = each.pruning
        return read is None or self._reader[1].exact(read.weight_format, rounding)

    def counting(self) -> "Model":
        """The same model with `saturations` at zero."""
        return replace(self)

    @property
    def constants_clipped(self) -> tuple[Clipped, ...]:
        """How much of what a model has in fixed point once and for all is clipped: embedding and initial states."""
        seen, table, entering = Saturations(), self.embedding, self.config.layers[0].input_pruning
        if table is not None:
            entering.noting(partial(seen.note, "input", "embedding", within=entering.ends))(table)
        for k, layer in enumerate(self.layers):
            if layer.initial_h is not None:
                place, own = f"initial h{self.config.suffix(k)}", layer.config.pruning
                own.noting(partial(seen.note, "state", place, within=own.ends))(layer.initial_h)
        return seen.places

    def _embedded(self, tokens: Inputs, dtype: DTypeLike) -> Floats:
        assert self.embedding_codes is not None
        assert self.embedding_scale is not None
        scale = self.embedding_scale.astype(dtype)
        rows: Floats = self.embedding_codes[tokens].astype(dtype)
        rows *= (scale[tokens] if len(scale) > 1 else scale)[..., None]
        return rows

    def _for(self, network: Config) -> "Model":
        return replace(self, config=network)

    @property
    def _described(self) -> Config:
        return self.config

    @staticmethod
    def _network_of(described: Config) -> Config:
        return described

    @property
    def _arrays(self) -> dict[str, NDArray[Any]]:
        arrays: dict[str, NDArray[Any] | None] = {
            "embedding_weight": self.embedding_codes,
            "embedding_scale": self.embedding_scale,
            "readout_weight": self.readout_codes,
            "readout_scale": self.readout_scale,
            "readout_bias": self.readout_bias,
        }
        arrays |= self.dense.tensors("dense.") if self.dense else {}
        for k, numbers in enumerate(self.head):
            arrays |= numbers.tensors(f"head.{k}.")
        for k, layer in enumerate(self.layers):
            arrays |= {f"layers.{k}.{name}": getattr(layer, field) for name, field in LAYER_FIELDS.items()}
        return {name: array for name, array in arrays.items() if array is not None}

    @staticmethod
    def _slots(described: Config) -> Iterator[Slot]:
        given, read = described.input, described.readout
        if given.kind == "embedding":
            yield CodeSlot("embedding_weight", ((given.symbols, given.size),), formats.by_name(given.weight_format))
            yield FloatSlot("embedding_scale", ((1,), (given.symbols,)))
        if given.kind == "dense":
            yield from dense_slots("dense.", given.width, given.features, given.weight_format)
        for k, layer in enumerate(described.layers):
            yield from layer_slots(f"layers.{k}.", layer, described.input_width(k))
        if read is not None:
            width = described.level_outputs(-1)
            for k, each in enumerate(read.head):
                yield from dense_slots(f"head.{k}.", each.outputs, width, each.weight_format)
                width = each.outputs
            yield from dense_slots("readout_", read.outputs, width, read.weight_format)

    @classmethod
    def _made(cls, described: Config, arrays: Arrays) -> Self:
        layers = tuple(
            Layer(
                layer,
                **{
                    field: arrays[f"layers.{k}.{name}"]
                    for name, field in LAYER_FIELDS.items()
                    if f"layers.{k}.{name}" in arrays
                },
            )
            for k, layer in enumerate(described.layers)
        )
        head = () if described.readout is None else described.readout.head
        return cls(
            described,
            layers,
            embedding_codes=arrays.get("embedding_weight"),
            embedding_scale=arrays.get("embedding_scale"),
            readout_codes=arrays.get("readout_weight"),
            readout_scale=arrays.get("readout_scale"),
            readout_bias=arrays.get("readout_bias"),
            dense=DenseNumbers.stored(arrays, "dense.") if described.input.kind == "dense" else None,
            head=tuple(DenseNumbers.stored(arrays, f"head.{k}.") for k in range(len(head))),
        )
