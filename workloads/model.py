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

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from archsim.errors import BadInput, explain
from archsim.files import whole_file
from archsim.trace.graph import When
from workloads import cells, formats, tasks
from workloads.cells import Cell, Floats, Folded, Product, State, layer_normalised
from workloads.formats import WeightFormat
from workloads.state_pruning import Pruning

VERSION = 2
CHUNK_BYTES = 2**24
NO_TASK = "has no task, so its accuracy is not known, nor what to run it on (your own: archsim trace record --inputs)"
"""Input products are made for as many steps at a time as take this much."""

Inputs = NDArray[Any]
"""Symbols ``(T, B)`` of any unsigned type, or vectors ``(T, B, I)``."""

CellName = Annotated[str, AfterValidator(lambda name: cells.by_name(name).name)]
FormatName = Annotated[str, AfterValidator(lambda name: formats.by_name(name).name)]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OneHot(_Frozen):
    """The first layer reads a symbol as one column of its input weights."""

    kind: Literal["one_hot"] = "one_hot"
    symbols: int = Field(ge=1, le=65536)

    @property
    def width(self) -> int:
        """Elements that the first layer sees."""
        return self.symbols


class Embedding(_Frozen):
    """The first layer reads a symbol's row of a table."""

    kind: Literal["embedding"] = "embedding"
    symbols: int = Field(ge=1, le=65536)
    size: int = Field(ge=1)
    weight_format: FormatName

    @property
    def width(self) -> int:
        return self.size


class Vector(_Frozen):
    """The first layer reads real numbers."""

    kind: Literal["vector"] = "vector"
    size: int = Field(ge=1)

    @property
    def width(self) -> int:
        return self.size

    @property
    def symbols(self) -> None:
        return None


class LayerConfig(_Frozen):
    """A recurrent layer, beside its numbers."""

    cell: CellName
    hidden: int = Field(ge=1)
    weight_format: FormatName = Field(description="of W_h")
    input_weight_format: FormatName = Field(description="of W_x")
    norm: Literal["none", "layer"] = Field(
        default="none", description="what is left to do at run time: batch and weight norm are folded"
    )
    state_bits: int | None = Field(default=None, ge=2, le=16, description="fixed point of h; None: float")
    state_integer_bits: int = Field(default=0, ge=0, le=15, description="m of Qm.n")
    threshold: float = Field(default=0.0, ge=0.0, allow_inf_nan=False, description="|h| below it is zero")
    input_bits: int | None = Field(default=None, ge=2, le=16, description="fixed point of a vector that enters")
    input_integer_bits: int = Field(default=0, ge=0, le=15)
    input_threshold: float = Field(default=0.0, ge=0.0, allow_inf_nan=False, description="|x| below it is zero")

    @model_validator(mode="after")
    def _fixed_points(self) -> Self:
        for what, bits, integer in (
            ("state", self.state_bits, self.state_integer_bits),
            ("input", self.input_bits, self.input_integer_bits),
        ):
            if integer >= (bits or 1):
                raise ValueError(f"{what}_integer_bits must be below {what}_bits = {bits}, not {integer}")
        return self

    @property
    def pruning(self) -> Pruning:
        return Pruning(self.threshold, self.state_bits, self.state_integer_bits)

    @property
    def input_pruning(self) -> Pruning:
        return Pruning(self.input_threshold, self.input_bits, self.input_integer_bits)


class Readout(_Frozen):
    """Logits from the last layer's h."""

    outputs: int = Field(ge=1)
    weight_format: FormatName
    when: When = "every_step"


class Config(_Frozen):
    """What a model is, beside its numbers."""

    version: int = VERSION
    name: str = Field(min_length=1)
    task: Annotated[str, AfterValidator(lambda name: tasks.by_name(name).name)] | None = None
    input: Annotated[OneHot | Embedding | Vector, Field(discriminator="kind")]
    layers: tuple[LayerConfig, ...] = Field(min_length=1)
    readout: Readout | None = None

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        if self.input.kind == "one_hot" and self.layers[0].input_pruning.changes:
            raise ValueError("layers.0: a one-hot input is neither rounded nor pruned")
        if self.task is None:
            return self
        task = tasks.by_name(self.task)
        if self.readout is None:
            raise ValueError(f"readout: is missing, and {self.task} needs one")
        given = {
            "symbols": self.input.symbols,
            "features": self.input.width if self.input.kind == "vector" else None,
            "outputs": self.readout.outputs,
            "readout": self.readout.when,
        }
        for what, value in given.items():
            expected = getattr(task, what)
            if value != expected:
                raise ValueError(f"{what} must be {expected}, as in {self.task}, not {value}")
        return self

    @property
    def has_cell_state(self) -> bool:
        """Whether a layer carries a c beside its h."""
        return any("c" in cells.by_name(layer.cell).states for layer in self.layers)

    def suffix(self, layer: int) -> str:
        """What names of layer `layer` end with: nothing where there is one layer."""
        return "" if len(self.layers) == 1 else f"_{layer + 1}"

    def input_operand(self, layer: int) -> str:
        """Name of the vector that enters a layer: ``x``, or the h below where nothing is done to it on the way."""
        if layer == 0:
            return "x"
        if self.layers[layer].input_pruning.changes:
            return f"x{self.suffix(layer)}"
        return f"h{self.suffix(layer - 1)}"


@dataclass(frozen=True, eq=False)
class Layer:
    """The numbers of a layer: codes as a multiplier sees them, weight = codes times the scale of their row."""

    config: LayerConfig
    recurrent_codes: NDArray[np.generic]  # (R, H)
    input_codes: NDArray[np.generic]  # (R, I)
    scale_recurrent: NDArray[np.float32]  # (R,)
    scale_input: NDArray[np.float32]  # (R,)
    shift: NDArray[np.float32]  # (R,)
    shift_recurrent: NDArray[np.float32] | None = None  # (H,)
    gain_recurrent: NDArray[np.float32] | None = None  # (R,)
    gain_input: NDArray[np.float32] | None = None  # (R,)
    initial_state: NDArray[np.float32] | None = None  # (states, H)

    @property
    def cell(self) -> Cell:
        return cells.by_name(self.config.cell)

    def fold(self, dtype: DTypeLike, one_hot: bool) -> Folded:
        """Parameters in `dtype` (float32 or float64)."""
        cell, hidden = self.cell, self.config.hidden
        half = np.repeat([0.5 if curve == "sigmoid" else 1.0 for curve in cell.curves], hidden).astype(dtype)

        def product(
            codes: NDArray[np.generic], format_name: str, scale: Floats, gain: Floats | None, rows: slice
        ) -> Product:
            weight, after = np.ascontiguousarray(codes[rows].T, dtype), scale[rows].astype(dtype)
            if gain is None:
                after = after * half[rows]
            factor = None if gain is None else gain[rows].astype(dtype) * half[rows]
            return _product(weight, format_name, after, factor)

        bounds = np.cumsum([0, *(len(stage.gates) for stage in cell.stages)]) * hidden
        inputs = product(
            self.input_codes, self.config.input_weight_format, self.scale_input, self.gain_input, slice(None)
        )
        shift = self.shift.astype(dtype) * half
        return Folded(
            recurrent=tuple(
                product(
                    self.recurrent_codes,
                    self.config.weight_format,
                    self.scale_recurrent,
                    self.gain_recurrent,
                    slice(first, last),
                )
                for first, last in pairwise(bounds)
            ),
            input_part=_Table.of(inputs, shift) if one_hot else _Dense(inputs, shift),
            shift_recurrent=None if self.shift_recurrent is None else self.shift_recurrent.astype(dtype),
            pruning=self.config.pruning,
        )

    def start(self, batch: int, dtype: DTypeLike) -> State:
        """The state a sequence begins with, ``(B, H)`` each."""
        shape = (len(self.cell.states), self.config.hidden)
        initial = np.zeros(shape, dtype) if self.initial_state is None else self.initial_state.astype(dtype)
        return tuple(np.tile(row, (batch, 1)) for row in initial)


def _product(weight: Floats, format_name: str, scale: Floats, factor: Floats | None = None) -> Product:
    """`weight` ``(I, R)`` are codes of a format; floats are scaled at once, having no sum of integers to keep exact."""
    if formats.by_name(format_name).multiplier == "float":
        return Product(weight * scale, None, factor)
    return Product(weight, scale, factor)


@dataclass(frozen=True)
class _Table:
    """Input part over symbols: a row of a table."""

    rows: Floats  # (V, R)

    @classmethod
    def of(cls, product: Product, shift: Floats) -> "_Table":
        rows: Floats = product.weight.copy() if product.scale is None else product.weight * product.scale
        if product.factor is not None:
            rows = layer_normalised(rows, product.factor)
        return cls(np.ascontiguousarray(rows + shift))

    def __call__(self, inputs: Inputs) -> Iterator[Floats]:
        for symbols in inputs:
            yield self.rows[symbols]


@dataclass(frozen=True)
class _Dense:
    """Input part over vectors: one matrix product for many steps."""

    product: Product
    shift: Floats  # (R,)

    def __call__(self, inputs: Inputs) -> Iterator[Floats]:
        steps, batch, _ = inputs.shape
        rows = len(self.shift)
        chunk = max(1, CHUNK_BYTES // max(1, batch * rows * self.shift.itemsize))
        for first in range(0, steps, chunk):
            window = inputs[first : first + chunk]
            parts = self.product(window.reshape(-1, window.shape[-1]))
            parts += self.shift
            yield from parts.reshape(len(window), batch, rows)


@dataclass(frozen=True, eq=False)
class Model:
    """Stacked recurrent layers over symbols or vectors, and a readout.

    There is one h a layer, pruned and rounded: the recurrence, the next layer and the readout all see it. Arrays are
    read-only. Raises BadInput where their sizes do not fit the config.
    """

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
        arrays = _arrays(self)
        for slot in _slots(self.config):
            array = arrays.pop(slot.name)
            if array is None:
                if not slot.optional:
                    raise BadInput(f"model {self.name}: {slot.name} is missing")
                continue
            if array.shape not in slot.shapes:
                expected = " or ".join(map(str, slot.shapes))
                raise BadInput(f"model {self.name}: {slot.name} must have shape {expected}, not {array.shape}")
            if not np.all(np.isfinite(array)):
                raise BadInput(f"model {self.name}: {slot.name} must hold finite numbers only")
            array.flags.writeable = False
        for name, array in arrays.items():
            if array is not None:
                raise BadInput(f"model {self.name}: {name} has no place in it")

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
        """Format of the first layer's W_h."""
        return formats.by_name(self.config.layers[0].weight_format)

    @property
    def gate_weight_bytes(self) -> int:
        """Bytes of W_h and W_x alone, packed: what RBT's tables call the size of a model."""
        return sum(t.nbytes for name, t in self._tensors.items() if name.endswith(("recurrent_weight", "input_weight")))

    @property
    def weight_bytes(self) -> int:
        """Bytes of everything that inference reads: packed weights, and row scales, shifts and biases at four each."""
        return sum(array.nbytes for array in self._tensors.values())

    @cached_property
    def sha256(self) -> str:
        """Digest of the config (thresholds included) and of every tensor."""
        digest = hashlib.sha256(self._config_json.encode())
        for name, array in sorted(self._tensors.items()):
            digest.update(name.encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def with_threshold(self, threshold: float | Sequence[float]) -> "Model":
        """The same weights, pruned at another threshold: one for all layers, or one each."""
        each = [threshold] * len(self.layers) if isinstance(threshold, int | float) else list(threshold)
        if len(each) != len(self.layers):
            raise BadInput(f"model {self.name}: thresholds must be {len(self.layers)}, one a layer, not {len(each)}")
        return self._with_layers([{"threshold": t} for t in each])

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
            return _unpacked(config, replace(self, config=config, layers=layers)._tensors)

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
        self._check_inputs(inputs)
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
            vectors, results, last = _run(layer, layer.fold(dtype, one_hot), vectors, start)
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
        logits = _product(weight, self.config.readout.weight_format, scale)(states)
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

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        with whole_file(path) as part:
            part.write_bytes(save(self._tensors, metadata={"archsim": self._config_json}))

    @classmethod
    def load(cls, path: Path) -> "Model":
        """A validated model; BadInput names the file and the rule it breaks."""
        with opened(path) as stored:
            config = _config(stored.metadata())
            return _unpacked(config, stored_tensors(stored))

    @classmethod
    def load_config(cls, path: Path) -> Config:
        """What the model of a file is, without reading its numbers; BadInput as `load`."""
        with opened(path) as stored:
            return _config(stored.metadata())

    def _check_inputs(self, inputs: Inputs) -> None:
        if self.config.input.symbols is None:
            size = self.config.input.width
            if inputs.ndim != 3 or inputs.shape[2] != size:
                raise BadInput(f"model {self.name}: inputs must be (steps, sequences, {size}), not {inputs.shape}")
        elif inputs.ndim != 2 or inputs.dtype.kind not in "ui":
            given = f"{inputs.dtype} {inputs.shape}"
            raise BadInput(f"model {self.name}: inputs must be symbols (steps, sequences), not {given}")
        elif inputs.size and not 0 <= int(inputs.min()) <= int(inputs.max()) < self.config.input.symbols:
            raise BadInput(f"model {self.name}: symbols must be below {self.config.input.symbols}")

    def _embedded(self, tokens: Inputs, dtype: DTypeLike) -> Floats:
        assert self.embedding_codes is not None
        assert self.embedding_scale is not None
        scale = self.embedding_scale.astype(dtype)
        rows: Floats = self.embedding_codes[tokens].astype(dtype)
        rows *= (scale[tokens] if len(scale) > 1 else scale)[..., None]
        return rows

    @property
    def _config_json(self) -> str:
        return json.dumps(self.config.model_dump(mode="json"), sort_keys=True)

    @cached_property
    def _tensors(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name: packed codes and flat floats."""
        arrays = _arrays(self)
        return {
            slot.name: array.reshape(-1) if slot.format is None else slot.format.pack(array)
            for slot in _slots(self.config)
            if (array := arrays[slot.name]) is not None
        }


def _in_float16(tree: Any) -> Any:
    """A dumped config, or a part of it, where float32 weights are float16."""
    if isinstance(tree, dict):
        return {
            key: "float16" if key.endswith("weight_format") and part == "float32" else _in_float16(part)
            for key, part in tree.items()
        }
    return [_in_float16(part) for part in tree] if isinstance(tree, list | tuple) else tree


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file to read from; BadInput names the file, whatever rule it breaks."""
    try:
        with safe_open(path, framework="numpy") as stored:
            yield stored
    except FileNotFoundError:
        raise BadInput(f"{path}: no such model file") from None
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    except (SafetensorError, OSError) as error:
        what = _OTHER_FILES.get(path.suffix, f"is not a whole safetensors file ({error})")
        raise BadInput(f"{path}: {what}") from None


_OTHER_FILES = {
    **dict.fromkeys((".pt", ".pth", ".onnx"), "is no model of archsim yet: `archsim import` makes one of it"),
    ".npz": "is a trace, and a model is needed: a trace has the zeros alone",
    ".npy": "is an array of inputs, and a model is needed",
    ".toml": "is a design, a study or a recipe, and a model is needed",
}


_NUMPY_TYPES = {"BOOL", *(f"{kind}{bits}" for kind in "UI" for bits in (8, 16, 32, 64)), "F16", "F32", "F64"}


def stored_tensors(stored: Any) -> dict[str, NDArray[Any]]:
    """All tensors of an `opened` file; BadInput where one has a type that numpy has not."""
    names = list(stored.keys())
    for name in names:
        given = stored.get_slice(name).get_dtype()
        if given not in _NUMPY_TYPES:
            raise BadInput(f"tensor {name} must have a type that numpy has, not {given}")
    return {name: stored.get_tensor(name) for name in names}


def _run(layer: Layer, folded: Folded, inputs: Inputs, state: State) -> tuple[Floats, dict[str, Floats], State]:
    """h ``(T, B, H)`` of every step, the other results of each step by name, and the state after the last."""
    steps, batch = inputs.shape[:2]
    hidden, cell = layer.config.hidden, layer.cell
    states = np.empty((steps, batch, hidden), state[0].dtype)
    results = {name: np.empty_like(states) for name in cell.results}
    for t, gates in enumerate(folded.input_part(inputs)):
        state, computed = cell.step(gates, folded, state, states[t])
        for name, values in zip(cell.results, computed, strict=True):
            results[name][t] = values
    return states, results, (state[0].copy(), *state[1:])


@dataclass(frozen=True)
class _Slot:
    """A tensor that a config has: its name in the file, the shapes it may have, and its format if it is packed."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    format: WeightFormat | None = None
    optional: bool = False


def _slots(config: Config) -> Iterator[_Slot]:
    width = config.input.width
    if config.input.kind == "embedding":
        symbols, table = config.input.symbols, formats.by_name(config.input.weight_format)
        yield _Slot("embedding_weight", ((symbols, width),), table)
        yield _Slot("embedding_scale", ((1,), (symbols,)))
    for k, layer in enumerate(config.layers):
        cell, hidden = cells.by_name(layer.cell), layer.hidden
        rows, prefix = len(cell.gates) * hidden, f"layers.{k}."
        yield _Slot(f"{prefix}recurrent_weight", ((rows, hidden),), formats.by_name(layer.weight_format))
        yield _Slot(f"{prefix}input_weight", ((rows, width),), formats.by_name(layer.input_weight_format))
        yield from (_Slot(prefix + name, ((rows,),)) for name in ("scale_recurrent", "scale_input", "shift"))
        if cell.shifts_candidate:
            yield _Slot(f"{prefix}shift_recurrent", ((hidden,),), optional=True)
        if layer.norm == "layer":
            yield from (_Slot(prefix + name, ((rows,),)) for name in ("gain_recurrent", "gain_input"))
        yield _Slot(f"{prefix}initial_state", ((len(cell.states), hidden),), optional=True)
        width = hidden
    if config.readout is not None:
        outputs = config.readout.outputs
        yield _Slot("readout_weight", ((outputs, width),), formats.by_name(config.readout.weight_format))
        yield _Slot("readout_scale", ((1,), (outputs,)))
        yield _Slot("readout_bias", ((outputs,),))


_CODES = {"recurrent_weight": "recurrent_codes", "input_weight": "input_codes"}
"""Fields whose tensor is called something else."""
_LAYER_FIELDS = (
    *_CODES, "scale_recurrent", "scale_input", "shift", "shift_recurrent", "gain_recurrent", "gain_input",
    "initial_state",
)  # fmt: skip


def _arrays(model: Model) -> dict[str, NDArray[Any] | None]:
    """Every array of a model by the name of its tensor."""
    arrays: dict[str, NDArray[Any] | None] = {
        "embedding_weight": model.embedding_codes,
        "embedding_scale": model.embedding_scale,
        "readout_weight": model.readout_codes,
        "readout_scale": model.readout_scale,
        "readout_bias": model.readout_bias,
    }
    for k, layer in enumerate(model.layers):
        arrays |= {f"layers.{k}.{name}": getattr(layer, _CODES.get(name, name)) for name in _LAYER_FIELDS}
    absent = {name for name, array in arrays.items() if array is None} - {slot.name for slot in _slots(model.config)}
    return {name: array for name, array in arrays.items() if name not in absent}


def _config(metadata: Mapping[str, str] | None) -> Config:
    try:
        raw = json.loads((metadata or {})["archsim"])
    except (KeyError, ValueError, RecursionError):
        raise BadInput("metadata must hold the config of an archsim model under 'archsim'") from None
    version = raw.get("version") if isinstance(raw, dict) else None
    if version != VERSION:
        raise BadInput(f"model version must be {VERSION}, not {version}")
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        raise BadInput(f"config: {explain(error)}") from None


def _unpacked(config: Config, tensors: Mapping[str, NDArray[Any]]) -> Model:
    slots = {slot.name: slot for slot in _slots(config)}
    missing = [name for name, slot in slots.items() if name not in tensors and not slot.optional]
    if missing or set(tensors) - set(slots):
        needed = sorted(name for name, slot in slots.items() if name in tensors or not slot.optional)
        raise BadInput(f"tensors must be {', '.join(needed)}, not {', '.join(sorted(tensors))}")
    arrays = {name: _array(slot, tensors[name]) for name, slot in slots.items() if name in tensors}
    layers = tuple(
        Layer(
            layer,
            **{
                _CODES.get(name, name): arrays[f"layers.{k}.{name}"]
                for name in _LAYER_FIELDS
                if f"layers.{k}.{name}" in arrays
            },
        )
        for k, layer in enumerate(config.layers)
    )
    return Model(
        config,
        layers,
        embedding_codes=arrays.get("embedding_weight"),
        embedding_scale=arrays.get("embedding_scale"),
        readout_codes=arrays.get("readout_weight"),
        readout_scale=arrays.get("readout_scale"),
        readout_bias=arrays.get("readout_bias"),
    )


def _array(slot: _Slot, tensor: NDArray[Any]) -> NDArray[Any]:
    """The array that a stored tensor stands for."""
    dtype = np.dtype(np.float32 if slot.format is None else np.uint8)
    if tensor.dtype != dtype or tensor.ndim != 1:
        raise BadInput(f"tensor {slot.name} must be a vector of {dtype}, not {tensor.dtype} {tensor.shape}")
    if slot.format is None:
        for shape in slot.shapes:
            if tensor.size == np.prod(shape):
                return tensor.reshape(shape)
        expected = " or ".join(str(int(np.prod(shape))) for shape in slot.shapes)
        raise BadInput(f"tensor {slot.name} must have {expected} elements, not {tensor.size}")
    try:
        return slot.format.unpack(tensor, slot.shapes[0])
    except ValueError as error:
        raise BadInput(f"tensor {slot.name}: {error}") from None
