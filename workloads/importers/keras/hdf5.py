"""HDF5 as Keras writes it: groups of symbol tables, contiguous arrays, attributes of text. With numpy alone.

From the HDF5 file format specification, version 3.0 (superblock 0, object headers 1, B-trees 1, layouts 3, attributes 1
and 3): what the HDF5 library writes where it is not asked for anything newer, and Keras does not ask. What is newer is
refused by name, and so are filters, chunks, external files, links and references. The HDF5 library itself is not used:
it crashes on damaged files (of 40 kB with some bits flipped, about one in 300) and takes the interpreter with it.
"""

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ROOT = 64
"""Where superblock 0 has the address of the root group's header, sizes of addresses being 8 bytes."""
_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE, _CONTINUED, _SYMBOLS = 1, 3, 7, 8, 11, 12, 16, 17
"""Messages of an object header."""
_FIXED, _FLOAT, _STRING, _OPAQUE, _VARIABLE = 0, 1, 3, 5, 9
"""Classes of types."""


def damaged(what: str) -> BadInput:
    return BadInput(f"is not a whole HDF5 file as Keras writes them: {what}")


@dataclass(frozen=True)
class _Type:
    """Numbers of `dtype`, text of `size_bytes` with zeros behind, or text of any length in the file's global heap."""

    size_bytes: int
    dtype: str = ""
    variable: bool = False


@dataclass(frozen=True, eq=False)
class Hdf5:
    """The bytes of a file."""

    data: bytes

    @cached_property
    def root(self) -> "Group":
        if self.at(0, 8) != SIGNATURE or self.at(8, 1)[0] > 0 or self.at(13, 2) != b"\x08\x08" or self.number(24):
            raise damaged("its superblock is not of version 0 (save the model again with Keras)")
        return self.group(self.number(_ROOT), "/")

    def at(self, start: int, size: int) -> bytes:
        self._check(start, size)
        return self.data[start : start + size]

    def _check(self, start: int, size: int) -> None:
        if not 0 <= start <= len(self.data) - size:
            raise damaged(f"{size} bytes at {start} lie outside of it")

    def numbers(self, start: int, size: int, dtype: str) -> NDArray[np.generic]:
        """A view of the file."""
        self._check(start, size)
        return np.frombuffer(self.data, dtype, size // np.dtype(dtype).itemsize, start)

    def number(self, start: int, size: int = 8) -> int:
        return int.from_bytes(self.at(start, size), "little")

    def group(self, address: int, name: str) -> "Group":
        return Group(self, name, tuple(self._messages(address)))

    def _messages(self, address: int) -> Iterator[tuple[int, int, int]]:
        """Kind, start and size of each message of the object header at an address."""
        if self.number(address, 1) != 1:
            raise damaged("an object header is not of version 1")
        blocks, seen = [(address + 16, self.number(address + 8, 4))], {address + 16}
        while blocks:
            start, size = blocks.pop(0)
            end = start + size
            self._check(start, size)
            while start + 8 <= end:
                kind, length, flags = struct.unpack("<HHB", self.at(start, 5))
                start += 8
                if start + length > end or flags & 2:
                    raise damaged("a message of an object header is too long, or shared")
                if kind == _CONTINUED:
                    block = self.number(start), self.number(start + 8)
                    if block[0] in seen:
                        raise damaged("an object header continues within itself")
                    seen.add(block[0])
                    blocks.append(block)
                yield kind, start, length
                start += length

    def shape(self, start: int) -> tuple[int, ...]:
        """Sizes of a dataspace; those of no element at all: (0,)."""
        version, rank, _, empty = self.at(start, 4)
        if version not in (1, 2) or rank > 8:
            raise damaged(f"a dataspace is of version {version} with {rank} axes")
        first = start + (8 if version == 1 else 4)
        if version == 2 and empty == 2:
            return (0,)
        return tuple(self.number(first + 8 * k) for k in range(rank))

    def type(self, start: int) -> _Type:
        kind, bits = self.number(start, 1) & 15, self.number(start + 1, 3)
        size = self.number(start + 4, 4)
        if kind == _STRING:
            return _Type(size)
        if kind == _VARIABLE and bits & 15 == 1 and size == 16:
            return _Type(size, variable=True)
        if kind == _OPAQUE and size == 2:
            return _Type(size, "<u2")
        order = ">" if bits & 1 else "<"
        layout = self.at(start + 8, 12 if kind == _FLOAT else 4)
        if kind == _FLOAT and (size, layout) in _FLOATS:
            return _Type(size, f"{order}f{size}")
        if kind == _FIXED and size in (1, 2, 4, 8) and layout == struct.pack("<HH", 0, 8 * size):
            return _Type(size, f"{order}{'i' if bits & 8 else 'u'}{size}")
        raise damaged(f"elements of type class {kind} with {size} bytes are not supported")

    def texts(self, of: _Type, start: int, count: int) -> tuple[str, ...]:
        if of.dtype or not 0 < count * of.size_bytes <= len(self.data):
            return ()
        pieces = [self.at(start + k * of.size_bytes, of.size_bytes) for k in range(count)]
        if of.variable and sum(self._length(piece) for piece in pieces) > len(self.data):
            raise damaged("its texts are longer than it is")
        raw = [self._from_heap(piece) for piece in pieces] if of.variable else [p.rstrip(b"\0") for p in pieces]
        return tuple(text.decode(errors="replace") for text in raw)

    @staticmethod
    def _length(reference: bytes) -> int:
        return int.from_bytes(reference[:4], "little")

    def _from_heap(self, reference: bytes) -> bytes:
        """The object of the global heap that an element of variable length refers to."""
        length, collection, wanted = struct.unpack("<IQI", reference)
        if self.at(collection, 4) != b"GCOL":
            raise damaged("a text is not in a global heap")
        end, start = collection + self.number(collection + 8), collection + 16
        while start + 16 <= end:
            index, size = self.number(start, 2), self.number(start + 8)
            if index == wanted and length <= size:
                return self.at(start + 16, length)
            if index == 0:
                break
            start += 16 + -(-size // 8) * 8
        raise damaged("a text is missing from the global heap")


_FLOATS = (
    (2, struct.pack("<HHBBBBI", 0, 16, 10, 5, 0, 10, 15)),
    (4, struct.pack("<HHBBBBI", 0, 32, 23, 8, 0, 23, 127)),
    (8, struct.pack("<HHBBBBI", 0, 64, 52, 11, 0, 52, 1023)),
)
"""IEEE 754's formats: bytes, and first bit, bits, place and length of exponent and of mantissa, and bias."""


@dataclass(frozen=True, eq=False)
class Group:
    """A group, or an array, of a file: an object with attributes."""

    file: Hdf5
    name: str
    messages: tuple[tuple[int, int, int], ...]

    def child(self, name: str) -> "Group | None":
        """The object linked as `name`; None where there is none."""
        address = self.links.get(name)
        return None if address is None else self.file.group(address, f"{self.name.rstrip('/')}/{name}")

    def _message(self, kind: int) -> int | None:
        return next((start for found, start, _ in self.messages if found == kind), None)

    @cached_property
    def links(self) -> Mapping[str, int]:
        """Addresses of the objects in a group, by name."""
        start, file = self._message(_SYMBOLS), self.file
        if start is None:
            raise damaged(f"{self.name} is not a group of a symbol table (save the model again with Keras)")
        heap = file.number(start + 8)
        if file.at(heap, 4) != b"HEAP":
            raise damaged(f"{self.name} has no names")
        names = file.at(file.number(heap + 24), file.number(heap + 8))
        links: dict[str, int] = {}
        for entry in self._entries(file.number(start)):
            offset, address, cached = struct.unpack("<QQI", file.at(entry, 20))
            if cached == 2:
                raise damaged(f"{self.name} holds a symbolic link")
            text, end, _ = names[offset : offset + 1024].partition(b"\0")
            if not end:
                raise damaged(f"{self.name} holds a name without an end")
            links[text.decode(errors="replace")] = address
        return links

    def _entries(self, tree: int) -> Iterator[int]:
        """Where the symbol table entries of a B-tree lie."""
        file, waiting, seen = self.file, [tree], set()
        while waiting:
            node = waiting.pop()
            if node in seen:
                raise damaged(f"the links of {self.name} go in a circle")
            seen.add(node)
            kind, count = file.at(node, 4), file.number(node + 6, 2)
            if kind == b"TREE" and file.number(node + 4, 1) == 0:
                waiting += [file.number(node + 32 + 16 * k) for k in range(count)]
            elif kind == b"SNOD":
                yield from (node + 8 + 40 * k for k in range(count))
            else:
                raise damaged(f"{self.name} has no symbol table")

    def texts(self, attribute: str) -> tuple[str, ...] | None:
        """The texts of an attribute; none of one of numbers. None where there is no such attribute."""
        for kind, start, _ in self.messages:
            if kind == _ATTRIBUTE:
                name, of, shape, data = self._attribute(start)
                if name == attribute:
                    return self.file.texts(of, data, math.prod(shape))
        return None

    def _attribute(self, start: int) -> tuple[str, _Type, tuple[int, ...], int]:
        file = self.file
        version, shared, *sizes = struct.unpack("<BBHHH", file.at(start, 8))
        if version not in (1, 2, 3) or (version > 1 and shared):
            raise damaged(f"an attribute of {self.name} is of version {version}, or shared")
        places = [start + (9 if version == 3 else 8)]
        for size in sizes:
            places.append(places[-1] + (-(-size // 8) * 8 if version == 1 else size))
        name, of, shape, data = places
        text = file.at(name, sizes[0]).partition(b"\0")[0].decode(errors="replace")
        return text, file.type(of), file.shape(shape), data

    @property
    def array(self) -> NDArray[np.generic]:
        """Its numbers, as a view of the file; those of Keras' bfloat16 as the unsigned integers of their bits."""
        file, (space, of, layout) = self.file, map(self._message, (_DATASPACE, _DATATYPE, _LAYOUT))
        if space is None or of is None or layout is None:
            raise damaged(f"{self.name} is not an array")
        if self._message(_FILTERS) is not None or self._message(_EXTERNAL) is not None:
            raise damaged(f"array {self.name} is compressed, or lies in another file (save the model again with Keras)")
        version, kind = file.at(layout, 2)
        if (version, kind) not in ((3, 0), (3, 1)):
            raise damaged(f"array {self.name} is not stored in one piece (save the model again with Keras)")
        start, size = (
            (layout + 4, file.number(layout + 2, 2))
            if kind == 0
            else (file.number(layout + 2), file.number(layout + 10))
        )
        shape, numbers = file.shape(space), file.type(of)
        if not numbers.dtype or math.prod(shape) * numbers.size_bytes != size:
            raise damaged(f"array {self.name} of shape {shape} is of no numbers, or not of its {size} bytes")
        return file.numbers(start, size, numbers.dtype).reshape(shape)
