"""A trained network: its input, its layers, its readout, with packed weights. The numpy reference of everything else.

One file, safetensors: packed codes as bytes, scales as float32, and a JSON config in the metadata. No pickle. R rows of
a layer are gate-major: all rows of its cell's first gate, then of the second, and so on.

============================ ======= ============================================================================
tensor                       type    what
============================ ======= ============================================================================
layers.N.recurrent_weight    uint8   codes of W_h ``(R, H)``, packed by their format
layers.N.input_weight        uint8   codes of W_x ``(R, I)``, packed by their format
layers.N.scale_recurrent     float32 ``(R,)`` scale of a row of W_h h: the format's, times folded batch or weight norm
layers.N.scale_input         float32 ``(R,)`` scale of a row of W_x x
layers.N.shift               float32 ``(R,)`` bias less the scaled means of both products
layers.N.shift_recurrent     float32 ``(H,)`` shift of the candidate's recurrent product (GRU with reset after it)
layers.N.gain_recurrent      float32 ``(R,)`` gain after the layer norm of W_h h, where there is one
layers.N.gain_input          float32 ``(R,)`` gain after the layer norm of W_x x
layers.N.initial_state       float32 ``(states * H,)`` what a sequence starts from; absent: zeros
embedding_weight             uint8   codes of the embedding ``(symbols, size)``, packed by their format
embedding_scale              float32 ``(1,)`` or ``(symbols,)``
readout_weight               uint8   codes of the readout ``(V, H)``, packed by their format
readout_scale                float32 ``(1,)`` or ``(V,)``
readout_bias                 float32 ``(V,)``
============================ ======= ============================================================================
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import ValidationError

from archsim.errors import BadInput, explain
from workloads import cells, formats
from workloads.cells import Floats, State
from workloads.config import VERSION, Config, Inputs
from workloads.formats import WeightFormat
from workloads.layer import Layer, scaled_product
from workloads.packed import Arrays, CodeSlot, FloatSlot, PackedModel, Slot, StoredConfig, unpacked


@dataclass(frozen=True, eq=False)
class Model(PackedModel[Config]):
    """Stacked recurrent layers over symbols or vectors, and a readout.

    There is one h a layer, pruned and rounded: the recurrence, the next layer and the readout all see it. Arrays are
    read-only. Raises BadInput where their sizes do not fit the config.
    """

    stored: ClassVar = StoredConfig("archsim", Config, VERSION, "config of an archsim model", "model", "config")

    config: Config
    layers: tuple[Layer, ...]
    embedding_codes: NDArray[np.generic] | None = None  # (symbols, size)
    embedding_scale: NDArray[np.float32] | None = None  # (1,) or (symbols,)
    readout_codes: NDArray[np.generic] | None = None  # (V, H)
    readout_scale: NDArray[np.float32] | None = None  # (1,) or (V,)
    readout_bias: NDArray[np.float32] | None = None  # (V,)

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
        return self._with_layers([{"threshold": t} for t in self._thresholds(threshold)])

    def with_bits(self, state_bits: int, input_bits: int | None = None, input_integer_bits: int = 0) -> "Model":
        """The same weights with states, and vectors that enter the first layer, in fixed point.

        BadInput where `input_bits` are missing though vectors enter, or given though none do.
        """
        first: dict[str, Any] = {"state_bits": state_bits}
        if (self.config.input.kind == "one_hot") != (input_bits is None):
            needs = "takes none" if input_bits else "needs some (--input-bits)"
            raise BadInput(f"model {self.name}: input_bits: its input ({self.config.input.kind}) {needs}")
        if input_bits is not None:
            first |= {"input_bits": input_bits, "input_integer_bits": input_integer_bits}
        return self._with_layers([first, *[{"state_bits": state_bits}] * (len(self.layers) - 1)])

    def with_float16(self) -> "Model":
        """The same model, its float32 weights rounded to float16; quantized ones, scales and biases stay as they are.

        BadInput where a weight is larger than float16 can say.
        """
        config = Config.model_validate(_in_float16(self.config.model_dump()))
        layers = tuple(replace(layer, config=new) for layer, new in zip(self.layers, config.layers, strict=True))
        with np.errstate(over="ignore"):  # infinite: refused by name
            stored = replace(self, config=config, layers=layers)._tensors
            return self._made(config, unpacked(self._slots(config), stored))

    def _with_layers(self, changes: Sequence[Mapping[str, Any]]) -> "Model":
        """The same numbers with other entries in the config of each layer."""
        raw = self.config.model_dump()
        raw["layers"] = [layer | change for layer, change in zip(raw["layers"], changes, strict=True)]
        try:
            config = Config.model_validate(raw)
        except ValidationError as error:
            raise BadInput(f"model {self.name}: {explain(error)}") from None
        layers = tuple(replace(layer, config=new) for layer, new in zip(self.layers, config.layers, strict=True))
        return replace(self, config=config, layers=layers)

    def scaled_apart(self, layer: int) -> bool:
        """Whether the rows of a layer's two products have scales of their own, so that they only meet after them."""
        scales = np.concatenate([self.layers[layer].scale_recurrent, self.layers[layer].scale_input])
        return bool(np.any(scales != scales[0]))

    def start(self, batch: int, dtype: DTypeLike = np.float32) -> State:
        """The state that sequences begin with, flat over the layers."""
        return tuple(array for layer in self.layers for array in layer.start(batch, dtype))

    @np.errstate(over="ignore", invalid="ignore")  # infinite or NaN: refused by name
    def operands(
        self, inputs: Inputs, state: State | None = None, dtype: DTypeLike = np.float32
    ) -> tuple[dict[str, NDArray[Any]], State]:
        """Every operand of a product by its name in the trace ``(T, B, size)``, and the state after the last step.

        Each h is that after its step; symbols are ``(T, B)``. The state is a flat tuple of ``(B, H)``: that of the
        first layer, then of the second, and so on; None is where sequences start from. BadInput where vectors, or an h,
        are not finite in `dtype`.
        """
        self.config.check_inputs(inputs)
        operands: dict[str, NDArray[Any]] = {}
        vectors = inputs
        if self.config.input.kind == "embedding":
            operands["token"] = inputs
            vectors = self._embedded(inputs, dtype)
        given = iter(state or self.start(inputs.shape[1], dtype))
        after: list[Floats] = []
        for k, layer in enumerate(self.layers):
            config, one_hot = layer.config, k == 0 and self.config.input.kind == "one_hot"
            if not one_hot:
                vectors = np.asarray(vectors, dtype)
                if k == 0 and not np.all(np.isfinite(vectors)):
                    raise BadInput(f"model {self.name}: inputs must be finite numbers in {vectors.dtype}")
                vectors = config.input_pruning(vectors) if config.input_pruning.changes else vectors
            operands[self.config.input_operand(k)] = vectors
            start = tuple(next(given) for _ in layer.cell.states)
            vectors, results, last = layer.run(vectors, start, dtype, one_hot)
            finite = np.isfinite(vectors).all(axis=(1, 2))
            if not finite.all():
                when = f"step {finite.argmin()} of {len(inputs)}"
                raise BadInput(f"model {self.name}: layers.{k}: h must be finite, and is not at {when}")
            suffix = self.config.suffix(k)
            operands |= {f"{name}{suffix}": values for name, values in results.items()}
            operands[f"h{suffix}"] = vectors
            after += last
        return operands, tuple(after)

    def states(self, inputs: Inputs, state: State | None = None, dtype: DTypeLike = np.float32) -> tuple[Floats, State]:
        """h of the last layer at every step ``(T, B, H)``, pruned and rounded, and the state after the last step."""
        operands, state = self.operands(inputs, state, dtype)
        return operands[f"h{self.config.suffix(len(self.layers) - 1)}"], state

    def readout(self, states: Floats) -> Floats:
        """Logits ``(..., V)`` of pruned states ``(..., H)``, in their type; BadInput where there is no readout."""
        if self.readout_codes is None or self.readout_scale is None or self.readout_bias is None:
            raise BadInput(f"model {self.name}: has no readout")
        assert self.config.readout is not None
        weight, scale = self.readout_codes.T.astype(states.dtype), self.readout_scale.astype(states.dtype)
        logits = scaled_product(weight, self.config.readout.weight_format, scale)(states)
        logits += self.readout_bias
        return logits

    def run(self, inputs: Inputs, state: State | None = None, dtype: DTypeLike = np.float32) -> tuple[Floats, State]:
        """Logits of every step ``(T, B, V)`` and the state after the last (`operands`)."""
        states, state = self.states(inputs, state, dtype)
        return self.readout(states), state

    def last(self, inputs: Inputs, lengths: NDArray[np.integer], dtype: DTypeLike = np.float32) -> Floats:
        """Logits ``(B, V)`` at the last step of sequences of `lengths` ``(B,)``, padded at their ends."""
        states, _ = self.states(inputs, None, dtype)
        return self.readout(states[np.asarray(lengths) - 1, np.arange(len(lengths))])

    def _embedded(self, tokens: Inputs, dtype: DTypeLike) -> Floats:
        assert self.embedding_codes is not None
        assert self.embedding_scale is not None
        scale = self.embedding_scale.astype(dtype)
        rows: Floats = self.embedding_codes[tokens].astype(dtype)
        rows *= (scale[tokens] if len(scale) > 1 else scale)[..., None]
        return rows

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
        for k, layer in enumerate(self.layers):
            arrays |= {f"layers.{k}.{name}": getattr(layer, field) for name, field in _LAYER_FIELDS.items()}
        return {name: array for name, array in arrays.items() if array is not None}

    @staticmethod
    def _slots(described: Config) -> Iterator[Slot]:
        width = described.input.width
        if described.input.kind == "embedding":
            symbols, table = described.input.symbols, formats.by_name(described.input.weight_format)
            yield CodeSlot("embedding_weight", ((symbols, width),), table)
            yield FloatSlot("embedding_scale", ((1,), (symbols,)))
        for k, layer in enumerate(described.layers):
            cell, hidden = cells.by_name(layer.cell), layer.hidden
            rows, prefix = len(cell.gates) * hidden, f"layers.{k}."
            yield CodeSlot(f"{prefix}recurrent_weight", ((rows, hidden),), formats.by_name(layer.weight_format))
            yield CodeSlot(f"{prefix}input_weight", ((rows, width),), formats.by_name(layer.input_weight_format))
            yield from (FloatSlot(prefix + name, ((rows,),)) for name in ("scale_recurrent", "scale_input", "shift"))
            if cell.shifts_candidate:
                yield FloatSlot(f"{prefix}shift_recurrent", ((hidden,),), optional=True)
            if layer.norm == "layer":
                yield from (FloatSlot(prefix + name, ((rows,),)) for name in ("gain_recurrent", "gain_input"))
            yield FloatSlot(f"{prefix}initial_state", ((len(cell.states), hidden),), optional=True)
            width = hidden
        if described.readout is not None:
            outputs = described.readout.outputs
            yield CodeSlot("readout_weight", ((outputs, width),), formats.by_name(described.readout.weight_format))
            yield FloatSlot("readout_scale", ((1,), (outputs,)))
            yield FloatSlot("readout_bias", ((outputs,),))

    @classmethod
    def _made(cls, described: Config, arrays: Arrays) -> Self:
        layers = tuple(
            Layer(
                layer,
                **{
                    field: arrays[f"layers.{k}.{name}"]
                    for name, field in _LAYER_FIELDS.items()
                    if f"layers.{k}.{name}" in arrays
                },
            )
            for k, layer in enumerate(described.layers)
        )
        return cls(
            described,
            layers,
            embedding_codes=arrays.get("embedding_weight"),
            embedding_scale=arrays.get("embedding_scale"),
            readout_codes=arrays.get("readout_weight"),
            readout_scale=arrays.get("readout_scale"),
            readout_bias=arrays.get("readout_bias"),
        )


def _in_float16(tree: Any) -> Any:
    """A dumped config, or a part of it, where float32 weights are float16."""
    if isinstance(tree, dict):
        return {
            key: "float16" if key.endswith("weight_format") and part == "float32" else _in_float16(part)
            for key, part in tree.items()
        }
    return [_in_float16(part) for part in tree] if isinstance(tree, list | tuple) else tree


_LAYER_FIELDS = {
    "recurrent_weight": "recurrent_codes",
    "input_weight": "input_codes",
    "scale_recurrent": "scale_recurrent",
    "scale_input": "scale_input",
    "shift": "shift",
    "shift_recurrent": "shift_recurrent",
    "gain_recurrent": "gain_recurrent",
    "gain_input": "gain_input",
    "initial_state": "initial_state",
}
"""Where a layer has the array of each of its tensors."""
