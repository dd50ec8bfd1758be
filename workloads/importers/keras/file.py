"""The two files that Keras writes a whole model to, read alike: its config, and the arrays of its layers.

``.keras`` is a zip of config.json and model.weights.h5, whose arrays lie by the class of their layer and are numbered;
``.h5`` is HDF5 with the config in an attribute, whose arrays lie by the name of their layer and have names.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.keras import hdf5
from workloads.importers.keras.hdf5 import Group, Hdf5

Json = Mapping[str, Any]

_ZIP = b"PK\x03\x04"
_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
_MEMBERS = (_CONFIG, _WEIGHTS, "metadata.json")
_LARGEST_UNPACKED = 20
"""Times the size of the file that a member may unpack to. Keras compresses nothing, and JSON shrinks about tenfold."""


def is_keras(path: Path) -> bool:
    """Whether a file is HDF5, or a zip that begins with a member of Keras' or lists one."""
    with path.open("rb") as file:
        start = file.read(64)
    if start.startswith(hdf5.SIGNATURE):
        return True
    if not start.startswith(_ZIP):
        return False
    if any(start[30:].startswith(name.encode()) for name in _MEMBERS):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return {_CONFIG, _WEIGHTS} <= set(archive.namelist())
    except Exception:  # whatever it is, it is not a file of Keras'
        return False


@dataclass(frozen=True)
class Part:
    """What lies at `path` within a layer (a cell, a direction), and the names of its arrays."""

    path: tuple[str, ...]
    names: tuple[str, ...]


class Arrays(Protocol):
    """The arrays of a model's layers."""

    def of(self, layer: str, place: str, parts: Sequence[Part]) -> list[list[NDArray[np.generic]]]:
        """The arrays of the parts of a layer, which has a name and a `place`: its class, numbered within the model.

        Parts are in the order that Keras has them in. BadInput where an array is missing, or another is there.
        """
        ...


@dataclass(frozen=True)
class KerasFile:
    """What is in a file: the model as JSON describes it, and its arrays."""

    config: Json
    arrays: Arrays


def read_file(path: Path) -> KerasFile:
    """BadInput where the file is not whole, or holds weights alone."""
    data = path.read_bytes()
    return _read_h5(data) if data.startswith(hdf5.SIGNATURE) else _read_zip(path, len(data))


def _read_zip(path: Path, size_bytes: int) -> KerasFile:
    try:
        with zipfile.ZipFile(path) as archive:
            config, weights = (_member(archive, name, size_bytes) for name in (_CONFIG, _WEIGHTS))
    except BadInput:
        raise
    except Exception as error:  # zipfile and zlib have many; whatever they meet, the file is not whole
        raise BadInput(f"is not a whole .keras file ({_first_line(error)})") from None
    try:
        root = Hdf5(weights).root
    except BadInput as error:
        raise BadInput(f"{_WEIGHTS} in it {error}") from None
    layers = next((group for name in ("layers", "_layer_checkpoint_dependencies") if (group := root.child(name))), None)
    if layers is None:
        raise BadInput(f"{_WEIGHTS} must hold a group layers, and holds {listed(root.links)}")
    return KerasFile(_json(config.decode(errors="replace"), _CONFIG), NumberedArrays(layers, _Budget(len(weights))))


def _member(archive: zipfile.ZipFile, name: str, size_bytes: int) -> bytes:
    if name not in archive.namelist():
        others = listed(archive.namelist())
        raise BadInput(
            f"a .keras file must hold {name}, and this one holds {others} (save the model again with Keras 3)"
        )
    unpacked = archive.getinfo(name).file_size
    if unpacked > _LARGEST_UNPACKED * size_bytes:
        limit = f"{_LARGEST_UNPACKED} times the {size_bytes} of the file"
        raise BadInput(f"{name} must unpack to no more than {limit}, not to {unpacked} bytes")
    return archive.read(name)


def _read_h5(data: bytes) -> KerasFile:
    root = Hdf5(data).root
    text = root.texts("model_config")
    weights = root.child("model_weights")
    if not text or weights is None:
        raise BadInput(
            "holds weights and no model (no model_config, model_weights): save all of it, model.save('model.keras')"
        )
    return KerasFile(_json(text[0], "model_config"), NamedArrays(weights, _Budget(len(data))))


def _json(text: str, what: str) -> Json:
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{what} must be JSON ({_first_line(error)})") from None
    if not isinstance(tree, dict):
        raise BadInput(f"{what} must be a JSON object")
    return tree


class _Budget:
    """How many bytes of arrays may still be read: all in all, no more than the file has, whatever it says of them."""

    def __init__(self, size_bytes: int) -> None:
        self._left = size_bytes

    def read(self, group: Group) -> NDArray[np.generic]:
        array = group.array
        self._left -= array.nbytes
        if self._left < 0:
            raise hdf5.damaged("its arrays are larger than it is")
        if group.texts("dtype") == ("bfloat16",) and array.dtype == np.uint16:
            return (array.astype("<u4") << 16).view("<f4")
        return array


@dataclass(frozen=True, eq=False)
class NumberedArrays:
    """Those of ``.keras``: ``layers/PLACE/PATH/vars/0`` and so on."""

    layers: Group
    budget: _Budget

    def of(self, layer: str, place: str, parts: Sequence[Part]) -> list[list[NDArray[np.generic]]]:
        return [self._part(layer, place, part) for part in parts]

    def _part(self, layer: str, place: str, part: Part) -> list[NDArray[np.generic]]:
        group: Group | None = self.layers
        for step in (place, *part.path, "vars"):
            group = None if group is None else group.child(step)
        if group is None:
            raise BadInput(f"layer {layer!r}: {'/'.join((place, *part.path))} is missing from {_WEIGHTS}")
        if not part.path and group.texts("name") not in (None, (layer,)):
            raise BadInput(f"layer {layer!r}: {group.name} must be its arrays, and is of another layer")
        found = [group.child(str(k)) for k in range(len(group.links))]
        if len(found) != len(part.names) or None in found:
            raise _other_arrays(layer, part.names, group.links)
        return [self.budget.read(array) for array in found if array is not None]


def _other_arrays(layer: str, names: Sequence[str], given: Iterable[str]) -> BadInput:
    return BadInput(f"layer {layer!r}: must have {len(names)} arrays ({', '.join(names)}), not {listed(given)}")


@dataclass(frozen=True, eq=False)
class NamedArrays:
    """Those of ``.h5``: a group for each layer, with an attribute that lists them in order."""

    weights: Group
    budget: _Budget

    def of(self, layer: str, place: str, parts: Sequence[Part]) -> list[list[NDArray[np.generic]]]:
        group = self.weights.child(layer)
        if group is None:
            raise BadInput(f"layer {layer!r}: is missing from model_weights")
        paths, names = group.texts("weight_names") or (), [name for part in parts for name in part.names]
        if [_last(path) for path in paths] != names:
            raise _other_arrays(layer, names, paths)
        arrays = iter([self.budget.read(_below(group, path)) for path in paths])
        return [list(islice(arrays, len(part.names))) for part in parts]


def _last(name: str) -> str:
    return re.sub(r":\d+$", "", name.rpartition("/")[2])


def _below(group: Group, path: str) -> Group:
    for part in path.split("/"):
        found = group.child(part)
        if found is None:
            raise BadInput(f"array {path!r} is missing from {group.name}")
        group = found
    return group


def listed(names: Iterable[str]) -> str:
    """At most a dozen names, on one line."""
    quoted = [name if name.isprintable() and name else repr(name) for name in (str(name)[:80] for name in names)]
    more = f" and {len(quoted) - 12} more" if len(quoted) > 12 else ""
    return ", ".join(quoted[:12]) + more if quoted else "nothing"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
