"""Models as files: packed tensors and a JSON config in one safetensors file, without pickle.

What a file holds is stated slot by slot; each kind of slot knows how its array is packed. A float model has codes of
weight formats and float32 vectors, an integer model has integers at their own width.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from archsim.errors import BadInput, explain
from archsim.files import whole_file
from workloads import tasks
from workloads.config import Config
from workloads.fitting import check_fits
from workloads.formats import WeightFormat
from workloads.formats.packing import code_type, pack_fields, unpack_fields

C = TypeVar("C", bound=BaseModel)
Real = TypeVar("Real", int, float)
NO_TASK = (
    "has no task, so its accuracy is not known, nor what to run it on: give it one with --task (a TOML file of your "
    "own, see docs/tasks.md), or inputs with --inputs of archsim ptq, prune and trace record"
)
Arrays = Mapping[str, NDArray[Any]]
"""By the name of the tensor that an array is stored as."""


@dataclass(frozen=True)
class Slot(ABC):
    """A tensor that a model has: its name in the file, and the shapes it may have."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    optional: bool = field(default=False, kw_only=True)

    dtype: ClassVar[type[np.generic]] = np.uint8
    """The type of the stored vector."""

    @abstractmethod
    def fault(self, array: NDArray[Any]) -> str | None:
        """The rule that an array's values break."""

    @abstractmethod
    def pack(self, array: NDArray[Any]) -> NDArray[Any]:
        """The stored vector."""

    @abstractmethod
    def unpack(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """The array that a stored vector stands for; ValueError where its size does not fit."""

    def array(self, tensor: NDArray[Any]) -> NDArray[Any]:
        """The array that a stored tensor stands for; BadInput where it does not fit."""
        if tensor.dtype != self.dtype or tensor.ndim != 1:
            expected = np.dtype(self.dtype)
            raise BadInput(f"tensor {self.name} must be a vector of {expected}, not {tensor.dtype} {tensor.shape}")
        try:
            return self.unpack(tensor)
        except BadInput:
            raise
        except ValueError as error:
            raise BadInput(f"tensor {self.name}: {error}") from None


def _not_finite(array: NDArray[Any]) -> str | None:
    return None if np.all(np.isfinite(array)) else "must hold finite numbers only"


@dataclass(frozen=True)
class FloatSlot(Slot):
    """Numbers of float32."""

    dtype: ClassVar[type[np.generic]] = np.float32

    def fault(self, array: NDArray[Any]) -> str | None:
        return _not_finite(array)

    def pack(self, array: NDArray[Any]) -> NDArray[Any]:
        return array.reshape(-1)

    def unpack(self, tensor: NDArray[Any]) -> NDArray[Any]:
        for shape in self.shapes:
            if tensor.size == np.prod(shape):
                return tensor.reshape(shape)
        expected = " or ".join(str(int(np.prod(shape))) for shape in self.shapes)
        raise BadInput(f"tensor {self.name} must have {expected} elements, not {tensor.size}")


@dataclass(frozen=True)
class CodeSlot(Slot):
    """Codes of a weight format, packed as it packs them."""

    format: WeightFormat

    def fault(self, array: NDArray[Any]) -> str | None:
        return _not_finite(array)

    def pack(self, array: NDArray[Any]) -> NDArray[Any]:
        return self.format.pack(array)

    def unpack(self, tensor: NDArray[Any]) -> NDArray[Any]:
        return self.format.unpack(tensor, self.shapes[0])


@dataclass(frozen=True)
class FieldSlot(Slot):
    """Integers from `low` to `high` in fields of `bits`: two's complement where `low` is below 0."""

    bits: int
    low: int
    high: int

    def fault(self, array: NDArray[Any]) -> str | None:
        if self.low <= int(array.min()) <= int(array.max()) <= self.high:
            return None
        return f"must lie within {self.low} to {self.high}, not {array.min()} to {array.max()}"

    def pack(self, array: NDArray[Any]) -> NDArray[Any]:
        return pack_fields(array, self.bits)

    def unpack(self, tensor: NDArray[Any]) -> NDArray[Any]:
        fields = unpack_fields(tensor, self.shapes[0], self.bits).view(np.uint16).astype(np.int64)
        if self.low >= 0:
            return fields
        return (fields - ((fields >> (self.bits - 1)) << self.bits)).astype(code_type(self.bits))


def unpacked(slots: Iterable[Slot], tensors: Arrays) -> dict[str, NDArray[Any]]:
    """The array of every slot that there is a tensor for; BadInput where one is missing, too many, or does not fit."""
    by_name = {slot.name: slot for slot in slots}
    needed = sorted(name for name, slot in by_name.items() if name in tensors or not slot.optional)
    if set(tensors) != set(needed):
        raise BadInput(f"tensors must be {', '.join(needed)}, not {', '.join(sorted(tensors))}")
    return {name: slot.array(tensors[name]) for name, slot in by_name.items() if name in tensors}


@dataclass(frozen=True)
class StoredConfig(Generic[C]):
    """Where the metadata of a file say what the model is."""

    key: str
    type: type[C]
    version: int
    what: str
    """What a file without it lacks."""
    model: str
    """What has the version."""
    noun: str
    """What a mistake in it is a mistake of."""
    earlier: tuple[int, ...] = ()
    """Versions that are read as well."""

    def read(self, metadata: Mapping[str, str] | None) -> C:
        """BadInput where it is missing, of another version, or breaks a rule."""
        try:
            raw = json.loads((metadata or {})[self.key])
        except (KeyError, ValueError, RecursionError):
            raise BadInput(f"metadata must hold the {self.what} under {self.key!r}") from None
        version = raw.get("version") if isinstance(raw, dict) else None
        if version not in (self.version, *self.earlier):
            raise BadInput(f"{self.model} version must be {self.version}, not {version}")
        try:
            return self.type.model_validate(raw)
        except ValidationError as error:
            raise BadInput(f"{self.noun}: {explain(error)}") from None


INTEGERS = "archsim_integer"
"""The key of the config of a model that computes with integers alone."""


def is_integer_model(path: str | Path) -> bool:
    """Whether a safetensors file says that it is one; a broken file does not."""
    try:
        with safe_open(path, framework="numpy") as stored:
            return INTEGERS in (stored.metadata() or {})
    except (SafetensorError, OSError):
        return False


class PackedModel(ABC, Generic[C]):
    """A network that is stored packed: a config, and an array for each slot that it asks for."""

    stored: ClassVar[StoredConfig[Any]]

    @property
    @abstractmethod
    def _described(self) -> C:
        """What is stored beside the tensors."""

    @staticmethod
    @abstractmethod
    def _network_of(described: C) -> Config: ...

    @property
    @abstractmethod
    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Every array that there is, by the name of its tensor."""

    @staticmethod
    @abstractmethod
    def _slots(described: C) -> Iterator[Slot]: ...

    @classmethod
    @abstractmethod
    def _made(cls, described: C, arrays: Arrays) -> Self:
        """The model of unpacked arrays."""

    @property
    def _network(self) -> Config:
        return self._network_of(self._described)

    @property
    def name(self) -> str:
        return self._network.name

    @property
    def task(self) -> str:
        """The task's name; BadInput where the model has none."""
        if self._network.task is None:
            raise BadInput(f"model {self.name}: {NO_TASK}")
        return self._network.task

    def real(self, states: NDArray[Any]) -> NDArray[Any]:
        """`states`, an h of the last layer, as the real numbers that they stand for: here they are those."""
        return states

    def with_task(self, given: str | Path) -> Self:
        """The same network for another task, shipped or a file, whose normalisation it takes over if it has none.

        BadInput where the two do not fit.
        """
        task = tasks.by_name(given)
        check_fits(self._network, task)
        normalisation = self._network.normalisation or task.normalisation
        return self._for(self._network.model_copy(update={"task": task.name, "normalisation": normalisation}))

    @abstractmethod
    def _for(self, network: Config) -> Self:
        """The same numbers with another config that fits them."""

    @property
    def threshold(self) -> float:
        """The largest state threshold of the layers."""
        return max(layer.threshold for layer in self._network.layers)

    @property
    def gate_weight_bytes(self) -> int:
        """Bytes of W_h and W_x alone, packed: what RBT's tables call the size of a model."""
        return sum(t.nbytes for name, t in self._tensors.items() if name.endswith(("recurrent_weight", "input_weight")))

    @property
    def weight_bytes(self) -> int:
        """Bytes of everything that inference reads: packed weights, their scales, biases, tables of curves."""
        return sum(array.nbytes for array in self._tensors.values())

    @cached_property
    def sha256(self) -> str:
        """Digest of the config (thresholds included) and of every tensor."""
        digest = hashlib.sha256(self._json.encode())
        for name, array in sorted(self._tensors.items()):
            digest.update(name.encode())
            digest.update(array.tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write one file, whole or not at all."""
        with whole_file(path) as part:
            part.write_bytes(save(self._tensors, metadata={self.stored.key: self._json}))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """A validated model; BadInput names the file and the rule it breaks."""
        with opened(path) as stored:
            described = cls.stored.read(stored.metadata())
            return cls._made(described, unpacked(cls._slots(described), stored_tensors(stored)))

    @classmethod
    def load_config(cls, path: str | Path) -> Config:
        """What the model of a file is, without reading its numbers; BadInput as `load`."""
        with opened(path) as stored:
            return cls._network_of(cls.stored.read(stored.metadata()))

    def _check_arrays(self) -> None:
        """BadInput where an array is missing, has no slot, or does not fit it; those that fit become read-only."""
        arrays = dict(self._arrays)
        for slot in self._slots(self._described):
            array = arrays.pop(slot.name, None)
            if array is None:
                if not slot.optional:
                    raise BadInput(f"model {self.name}: {slot.name} is missing")
                continue
            if array.shape not in slot.shapes:
                expected = " or ".join(map(str, slot.shapes))
                raise BadInput(f"model {self.name}: {slot.name} must have shape {expected}, not {array.shape}")
            if fault := slot.fault(array):
                raise BadInput(f"model {self.name}: {slot.name} {fault}")
            array.flags.writeable = False
        for name in arrays:
            raise BadInput(f"model {self.name}: {name} has no place in it")

    def _for_each_layer(self, what: str, given: Real | Sequence[Real]) -> list[Real]:
        """One for each layer, of one for all or one each."""
        layers = len(self._network.layers)
        each = list(given) if isinstance(given, Sequence) else [given] * layers
        if len(each) != layers:
            raise BadInput(f"model {self.name}: {what} must be {layers}, one a layer, not {len(each)}")
        return each

    @property
    def _json(self) -> str:
        return json.dumps(self._described.model_dump(mode="json"), sort_keys=True)

    @cached_property
    def _tensors(self) -> dict[str, NDArray[Any]]:
        """What is stored, by name."""
        arrays = self._arrays
        return {s.name: s.pack(arrays[s.name]) for s in self._slots(self._described) if s.name in arrays}


@contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """A safetensors file to read from; BadInput names the file, whatever rule it breaks."""
    try:
        with safe_open(path, framework="numpy") as stored:
            yield stored
    except FileNotFoundError:
        raise BadInput(f"{path}: no such model file") from None
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None
    except (SafetensorError, OSError) as error:
        what = _OTHER_FILES.get(Path(path).suffix, f"is not a whole safetensors file ({error})")
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
