"""What layers of Keras are read with: the network so far, the arrays of a layer, and the types that it computes in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from workloads.importers.keras.chain import Item
from workloads.importers.keras.file import Arrays, Part
from workloads.importers.network import Float32s, FloatDense, FloatLayer, InputKind, Note, StoredCodes, as_float32

Numbers = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Reading:
    """How a layer reads what comes out of the one before it: elements of all directions added up, scaled and shifted.

    That is linear, so the reader's matrix and bias take it in.
    """

    scale: Float32s  # (C,)
    shift: Float32s  # (C,)
    directions: int = 1

    def then(self, scale: Float32s, shift: Float32s) -> "Reading":
        return Reading(self.scale * scale, self.shift * scale + shift, self.directions)

    def into(self, weight: Float32s, bias: Float32s) -> tuple[Float32s, Float32s]:
        """``(R, C)`` and ``(R,)`` of what reads it as ``(R, directions * C)`` and ``(R,)`` of what is there."""
        return np.tile(weight * self.scale, (1, self.directions)), bias + weight @ self.shift


@dataclass(frozen=True, eq=False)
class Flow:
    """The network up to a layer, and what comes out of it."""

    width: int | None = None
    """Elements of a vector; None: not known yet."""
    symbols: bool = False
    """Symbols come out, and no vectors."""
    steps: bool = True
    """One vector a step; else one a sequence."""
    backwards: bool = False
    """Steps come out from the last to the first."""
    table: Float32s | None = None
    dense: FloatDense | None = None
    layers: tuple[FloatLayer, ...] = ()
    pooling: Literal["mean", "max"] | None = None
    at_last_position: bool = False
    head: tuple[FloatDense, ...] = ()
    reading: Reading | None = None
    """What the next layer takes in."""
    end: str | None = None
    """The softmax after the last dense layer."""
    table_codes: StoredCodes | None = None
    """The integers that `table` was stored as, where it was."""
    codes: StoredCodes | None = None
    """The same of the last layer of `head`."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Names of layers by what they are: the embedding, the dense layer before the recurrent ones, each of the head."""


@dataclass(frozen=True)
class Context:
    """What rules read weights from and speak to."""

    arrays: Arrays
    input_kind: InputKind
    note: Note

    def read(self, item: Item, parts: Sequence[Part]) -> list[list[Float32s]]:
        """The arrays of a layer in float32."""
        return [
            [self.float32(item, name, array) for name, array in zip(part.names, arrays, strict=True)]
            for part, arrays in zip(parts, self.arrays.of(item.name, item.place, parts), strict=True)
        ]

    def float32(self, item: Item, name: str, array: Numbers) -> Float32s:
        return as_float32(array, f"layer {item.name!r}: {name}", self.note)

    def taken_in(self, item: Item, flow: Flow, weight: Float32s, bias: Float32s) -> tuple[Float32s, Float32s]:
        """A layer's matrix ``(R, C)`` and bias ``(R,)`` with what stands before it."""
        if flow.reading is None:
            return weight, bias
        with np.errstate(over="ignore", invalid="ignore"):  # not finite: refused by name
            weight, bias = flow.reading.into(weight, bias)
        return self.float32(item, "weights", weight), self.float32(item, "bias", bias)


Rule = Callable[[Context, Item, Flow], Flow]


def shaped(item: Item, what: str, array: Numbers, shape: tuple[int | None, ...]) -> None:
    """BadInput where an array is not of a shape; None: of any size but none."""
    fits = len(array.shape) == len(shape) and all(
        size > 0 if wanted is None else size == wanted for size, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise item.refused(f"{what} must be ({wanted}), not {array.shape}")


_FLOATS = ("float32", "float64", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def check_policy(context: Context, item: Item) -> None:
    """Says where Keras computes in other floats than the model; BadInput where in something else."""
    policy = item.config.get("dtype", "float32")
    if isinstance(policy, Mapping):
        config = policy.get("config")
        policy = config.get("source_name", config.get("name")) if isinstance(config, Mapping) else None
    if policy is None or policy == "float32":
        return
    if policy not in _FLOATS:
        raise item.refused(f"dtype must be one of {', '.join(_FLOATS)}, not {str(policy)[:80]!r}")
    floats = str(policy).removeprefix("mixed_")
    context.note(f"layer {item.name!r}: Keras computes in {floats} (dtype {policy}); the model computes in float32")


def held_in_int8(item: Item) -> bool:
    """Whether a layer holds 8-bit integers, ``model.quantize("int8")``."""
    policy = item.config.get("dtype")
    if not isinstance(policy, Mapping) or policy.get("class_name") != "QuantizedDTypePolicy":
        return False
    config = policy.get("config")
    mode = config.get("mode") if isinstance(config, Mapping) else None
    if mode != "int8":
        raise item.refused(f"quantization must be int8, not {str(mode)[:80]!r}: save the model before quantize()")
    return True


def stored_codes(item: Item, codes: Numbers, scale: Numbers, axis: int) -> StoredCodes:
    """Integers that stand for ``codes / scale``, the scale being of each place along `axis`: as rows of a matrix."""
    if codes.dtype != np.int8 or codes.ndim != 2:
        raise item.refused(f"its integers must be a matrix of int8, not {codes.dtype} of shape {codes.shape}")
    shaped(item, "its scale", scale, (codes.shape[axis],))
    with np.errstate(all="ignore"):
        steps = np.reciprocal(scale.astype(np.float32))
    if not np.all(np.isfinite(steps)) or np.any(steps <= 0):
        raise item.refused("its scale must hold positive numbers")
    return StoredCodes(np.ascontiguousarray(codes if axis == 0 else codes.T), steps, 8)
