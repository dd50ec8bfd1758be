"""The contract between networks and machines: what was computed, step by step, and which operands were zero.

A trace is cell-agnostic. Its graph holds the operations of one time step; its operands say, for every step and every
sequence, which elements were non-zero (or which symbol a one-hot input had). How many sequences run side by side is
the hardware's choice: lane ``i`` of a run is sequence ``i`` of the trace.

One file, ``.npz`` without pickle, validated on load: a JSON header, and of each operand pieces of a thousand steps. Of
a long trace neither reader nor writer holds more than a few pieces, so that memory does not grow with its length.
"""

import hashlib
import io
import json
import math
import os
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from archsim.work import Work

VERSION = 3
MAX_BYTES = 2**32
"""What a trace file may unpack to: a small file could fill any disk."""
MAX_SYMBOLS = 2**16
"""Of a one-hot operand."""
PIECE = 1024
"""Rows of an operand that lie in a file as one array."""

Scope = Literal["input", "recurrent", "readout", "embedding"]
Edge = Literal["input", "previous_step", "same_step"]
When = Literal["every_step", "last_step"]
ElementwiseKind = Literal["lstm_cell", "gru_cell", "gru_reset", "gru_update", "rnn_cell", "bias"]


class BadInput(ValueError):
    """A file or an argument that breaks a stated rule: what, where, the rule, what was given.

    A line a mistake, whatever it quotes: characters that would break it are escaped.
    """

    def __init__(self, *mistakes: str) -> None:
        self.lines = tuple("".join(c if c.isprintable() else ascii(c)[1:-1] for c in each) for each in mistakes)
        super().__init__("; ".join(self.lines))


def explain(error: ValidationError) -> str:
    """The mistakes of a validation in one line."""
    return "; ".join(mistakes(error))


def mistakes(error: ValidationError) -> list[str]:
    """The mistakes of a validation, each with its dotted path, the rule, and what was given."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key")
        elif item["type"] == "missing":
            lines.append(f"{where}: is missing")
        else:
            given = "" if isinstance(item["input"], dict) else f", not {_shown(item['input'])}"
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{where + ': ' if where else ''}{message}{'' if ', not ' in message else given}")
    return lines


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no integers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."


def near(given: str, names: Sequence[str]) -> str:
    """What there is, for one who asked for `given`: the names most like it, or else all."""
    close = get_close_matches(given, names, n=3)
    return f"{', '.join(close)}, ..." if close else ", ".join(names)


def read_toml(path: Path) -> dict[str, Any]:
    """The tree of a TOML file. BadInput where it is none; FileNotFoundError is left to who knows what else there is."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise
    except (ValueError, RecursionError, OSError) as error:  # no UTF-8, no TOML, a number of 5,000 digits; too deep
        raise BadInput(f"{path}: is not a TOML file ({error})") from None


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to, of this process alone; it takes the name `path` once the block has ended well.

    So a file is there whole or not at all, also when several processes write it. OSError (a full disk) names `path`.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NumberFormat(_Frozen):
    """A weight format as hardware sees it: its name, its storage bits, and the arithmetic it needs."""

    name: str
    bits: int = Field(ge=1, le=64)
    multiplier: Literal["float", "fixed", "mux", "shift"]


class MatVec(_Frozen):
    """``rows x cols`` weights times a vector operand, accumulated into `group`.

    Products of one group meet in the same accumulators, row by row. `when`: a readout may run at the last step of a
    sequence only.
    """

    op: Literal["mat_vec"] = "mat_vec"
    name: str
    scope: Scope
    rows: int = Field(ge=1)
    cols: int = Field(ge=1)
    weight_format: NumberFormat
    operand: str
    edge: Edge
    group: str
    when: When = "every_step"


class RowAffine(_Frozen):
    """Scale and shift per row of one product before it meets the others (folded batch norm: a scale a product)."""

    op: Literal["row_affine"] = "row_affine"
    name: str
    scope: Scope
    rows: int = Field(ge=1)
    of: str


class LayerNorm(_Frozen):
    """Mean and variance over all `rows` of the products `of`, taken at run time, before their row scales."""

    op: Literal["layer_norm"] = "layer_norm"
    name: str
    scope: Scope
    rows: int = Field(ge=1)
    of: tuple[str, ...]


class Elementwise(_Frozen):
    """Activations and updates on `size` units, from the accumulated rows of the groups (or operations) `of`.

    A GRU that resets before its product is two of them: `gru_reset` yields r h, the operand of the candidate's product,
    and `gru_update` the new state.
    """

    op: Literal["elementwise"] = "elementwise"
    name: str
    scope: Scope
    kind: ElementwiseKind
    size: int = Field(ge=1)
    of: tuple[str, ...]


class Encode(_Frozen):
    """The non-zero elements of a result become the operand called `operand`."""

    op: Literal["encode"] = "encode"
    name: str
    scope: Scope
    size: int = Field(ge=1)
    of: str
    operand: str


Operation = Annotated[MatVec | RowAffine | LayerNorm | Elementwise | Encode, Field(discriminator="op")]


class Operand(_Frozen):
    """A vector of `size` elements of `bits` each (None: float).

    `one_hot`: stored as the symbol index. `vector`: enters from outside (or from an embedding), so it waits for no
    state. `result`: computed within the step. `state`: row 0 is the initial value, row t + 1 that after step t.
    """

    name: str
    size: int = Field(ge=1)
    bits: int | None = Field(default=None, ge=1, le=64)
    kind: Literal["one_hot", "vector", "result", "state"]


class Graph(_Frozen):
    """The operations of one step in order, and their operands."""

    operations: tuple[Operation, ...]
    operands: tuple[Operand, ...]

    def operand(self, name: str) -> Operand:
        for operand in self.operands:
            if operand.name == name:
                return operand
        raise BadInput(f"operand must be one of {', '.join(o.name for o in self.operands)}, not {name!r}")

    @property
    def mat_vecs(self) -> tuple[MatVec, ...]:
        return tuple(o for o in self.operations if isinstance(o, MatVec))

    def check(self) -> None:
        """BadInput where an operation names something that is not there, or sizes do not fit."""
        names = [o.name for o in self.operations]
        if len(set(names)) != len(names):
            raise BadInput("operation names must be distinct")
        if len({o.name for o in self.operands}) != len(self.operands):
            raise BadInput("operand names must be distinct")
        groups: dict[str, int] = {}
        times: dict[str, When] = {}
        made = {op.operand for op in self.operations if isinstance(op, Encode)}
        for mv in self.mat_vecs:
            operand = self.operand(mv.operand)
            if operand.kind == "one_hot" and operand.size > MAX_SYMBOLS:
                raise BadInput(f"operand {operand.name}: must have at most {MAX_SYMBOLS} symbols, not {operand.size}")
            if operand.size != mv.cols:
                raise BadInput(f"operation {mv.name}: cols must be {operand.size}, as {mv.operand} has, not {mv.cols}")
            if mv.edge not in _EDGES[operand.kind]:
                raise BadInput(f"operation {mv.name}: edge {mv.edge} does not fit an operand of kind {operand.kind}")
            if groups.setdefault(mv.group, mv.rows) != mv.rows:
                raise BadInput(f"operation {mv.name}: rows must be {groups[mv.group]}, as in the rest of {mv.group}")
            if times.setdefault(mv.group, mv.when) != mv.when:
                raise BadInput(f"operation {mv.name}: when must be {times[mv.group]}, as in the rest of {mv.group}")
            if mv.edge == "previous_step" and mv.operand not in made:
                raise BadInput(f"operation {mv.name}: reads {mv.operand} of the step before, which nothing encodes")
        known = set(names) | set(groups)
        for op in self.operations:
            for source in () if isinstance(op, MatVec) else (op.of,) if isinstance(op.of, str) else op.of:
                if source not in known:
                    raise BadInput(f"operation {op.name}: of must name an operation or a group, not {source!r}")
            if isinstance(op, Elementwise) and len({times[group] for group in op.of if group in times}) > 1:
                raise BadInput(f"operation {op.name}: when must be one and the same in the groups {', '.join(op.of)}")
            if isinstance(op, Encode):
                self._check_encoded(op)

    def _check_encoded(self, op: Encode) -> None:
        size = self.operand(op.operand).size
        result = next((each for each in self.operations if each.name == op.of), None)
        sizes = [op.size, *([result.size] if isinstance(result, Elementwise) else [])]
        if sizes != [size] * len(sizes):
            raise BadInput(
                f"operation {op.name}: what it encodes must have the {size} elements of {op.operand}, not"
                f" {' and '.join(map(str, sizes))}"
            )


_EDGES: dict[str, tuple[Edge, ...]] = {
    "one_hot": ("input",),
    "vector": ("input",),
    "result": ("same_step",),
    "state": ("previous_step", "same_step"),
}


class Header(_Frozen):
    """What a trace is of. `synthetic` traces carry no accuracy and are marked wherever they are shown."""

    version: int
    workload: str
    synthetic: bool
    provenance: dict[str, str | int | float]
    graph: Graph


class Rows(Protocol):
    """An operand's rows, in memory or in a file: as much of a numpy array as a trace needs."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __getitem__(self, rows: slice, /) -> NDArray[Any]: ...


def _pieces(array: Rows) -> Iterator[NDArray[Any]]:
    return (array[first : first + PIECE] for first in range(0, array.shape[0], PIECE))


@dataclass(frozen=True, eq=False)
class StoredRows:
    """Rows that lie in a trace file, a few pieces at a time in memory. Sent to another process they are an array."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    file: tuple[int, ...]
    """Which file this was (`_identity`)."""
    _read: dict[int, NDArray[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        first, stop, _ = rows.indices(self.shape[0])
        numbers = range(first // PIECE, -(-stop // PIECE))
        found = [self._read[n] if n in self._read else self._piece(n) for n in numbers]
        self._read.clear()
        self._read.update(zip(numbers[-2:], found[-2:], strict=True))
        at = first - numbers.start * PIECE
        return (found[0] if len(found) == 1 else np.concatenate(found))[at : at + stop - first]

    def _piece(self, number: int) -> NDArray[Any]:
        with self.path.open("rb") as stored, zipfile.ZipFile(stored) as archive:
            if _identity(stored) != self.file:
                raise BadInput(f"{self.path}: has been replaced since it was opened")
            member = archive.getinfo(_member(self.name, number))
            with archive.open(member) as file:
                return read_array(file, member.file_size)

    def __reduce__(self) -> tuple[Callable[[NDArray[Any]], NDArray[Any]], tuple[NDArray[Any]]]:
        return np.asarray, (self[:],)


def _identity(file: IO[bytes]) -> tuple[int, ...]:
    told = os.fstat(file.fileno())
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns


def _member(operand: str, number: int) -> str:
    return f"operand.{operand}.{number}.npy"


class TraceWriter:
    """A trace file as it comes: rows of the operands in portions of any size, and the header once all is known."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._waiting: dict[str, list[NDArray[Any]]] = {}
        self._written: dict[str, int] = {}

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator["TraceWriter"]:
        """A file that is there whole or not at all."""
        with whole_file(path) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
            yield cls(archive)

    def add(self, operand: str, rows: NDArray[Any]) -> None:
        """More rows of an operand."""
        waiting = self._waiting.setdefault(operand, [])
        waiting.append(rows)
        if sum(map(len, waiting)) >= PIECE:
            joined = np.concatenate(waiting)
            whole = len(joined) // PIECE * PIECE
            for first in range(0, whole, PIECE):
                self._piece(operand, joined[first : first + PIECE])
            self._waiting[operand] = [joined[whole:].copy()]

    def finish(self, header: Header, lengths: NDArray[np.int64]) -> None:
        """What is left, and what the file is of."""
        for operand, waiting in self._waiting.items():
            rows = np.concatenate(waiting)
            if len(rows) or operand not in self._written:
                self._piece(operand, rows)
        self._write("lengths.npy", lengths)
        self._write("header.npy", np.frombuffer(header.model_dump_json().encode(), np.uint8))

    def _piece(self, operand: str, rows: NDArray[Any]) -> None:
        number = self._written.get(operand, 0)
        self._write(_member(operand, number), rows)
        self._written[operand] = number + 1

    def _write(self, member: str, array: NDArray[Any]) -> None:
        content = io.BytesIO()
        np.save(content, array)
        self._archive.writestr(zipfile.ZipInfo(member), content.getbuffer(), zipfile.ZIP_DEFLATED)


@dataclass(frozen=True)
class Columns:
    """Columns of one MatVec, step by step, over the lanes of a run; all ``(T,)`` int64."""

    listed: NDArray[np.int64]
    """Columns non-zero in at least one active lane: what is streamed when zeros are skipped."""
    dense: NDArray[np.int64]
    """Columns streamed when nothing is skipped (a one-hot operand: its distinct symbols)."""
    nonzero: NDArray[np.int64]
    """Non-zero operand elements, summed over the active lanes."""
    possible: NDArray[np.int64]
    """Operand elements over the active lanes: ``cols * active``, or ``active`` for a one-hot operand."""
    active: NDArray[np.int64]
    """Lanes for which the product runs."""
    padding: NDArray[np.int64]
    """Columns of zeros that a list needs where the next one lies further on than an offset can say."""


@dataclass(frozen=True)
class Trace:
    """A recorded or synthetic run of `steps` steps over `sequences` sequences."""

    header: Header
    arrays: Mapping[str, Rows]
    """``one_hot`` uint16 ``(T, S)``; ``vector`` and ``result`` packed bits ``(T, S, ceil(size/8))``; ``state``
    ``(T + 1, ...)``."""
    lengths: NDArray[np.int64] = field(repr=False)
    """Steps of each sequence ``(S,)``; a lane whose sequence has ended is inactive, which is not the same as zero."""
    works: dict[tuple[object, ...], "Work"] = field(default_factory=dict, repr=False, compare=False)
    """What has been counted of it (``work.measure``)."""

    def __post_init__(self) -> None:
        if self.header.version != VERSION:
            raise BadInput(f"trace version must be {VERSION}, not {self.header.version}")
        self.graph.check()
        if self.lengths.ndim != 1 or not len(self.lengths) or self.lengths.min() < 1:
            raise BadInput("lengths must hold one positive number of steps a sequence")
        for operand in self.graph.operands:
            array = self.arrays.get(operand.name)
            if array is None:
                raise BadInput(f"operand {operand.name}: its array is missing")
            rows = self.steps + (operand.kind == "state")
            shape: tuple[int, ...] = (rows, self.sequences)
            dtype: np.dtype[Any] = np.dtype(np.uint16)
            if operand.kind != "one_hot":
                shape, dtype = (*shape, -(-operand.size // 8)), np.dtype(np.uint8)
            if array.shape != shape or array.dtype != dtype:
                raise BadInput(
                    f"operand {operand.name}: array must be {dtype} {shape}, not {array.dtype} {array.shape}"
                )
            for piece in _pieces(array):
                _check_values(operand, piece)

    @property
    def graph(self) -> Graph:
        return self.header.graph

    @property
    def steps(self) -> int:
        return int(self.lengths.max())

    @property
    def sequences(self) -> int:
        return len(self.lengths)

    @cached_property
    def sha256(self) -> str:
        """Digest of everything in the trace."""
        digest = hashlib.sha256(self.header.model_dump_json().encode())
        digest.update(self.lengths.astype("<i8").tobytes())
        for name in sorted(self.arrays):
            digest.update(name.encode())
            for piece in _pieces(self.arrays[name]):
                digest.update(np.ascontiguousarray(piece).tobytes())
        return digest.hexdigest()

    def active(self, lanes: int, steps: int, when: When = "every_step", *, first: int = 0) -> NDArray[np.bool_]:
        """Which of the first `lanes` sequences still run at steps `first` to `steps` - 1: ``(steps - first, lanes)``.

        `when` "last_step": which of them are at their last one.
        """
        self.check(lanes, steps)
        step, last = np.arange(first, steps)[:, None], self.lengths[:lanes] - 1
        running: NDArray[np.bool_] = step == last if when == "last_step" else step <= last
        return running

    def nonzero(self, mat_vec: MatVec, lanes: int, steps: int, first: int = 0) -> NDArray[np.bool_]:
        """Non-zero operand elements of `mat_vec` at steps `first` to `steps` - 1: ``(steps - first, lanes, cols)``."""
        operand = self.graph.operand(mat_vec.operand)
        active = self.active(lanes, steps, mat_vec.when, first=first)
        rows = self._rows(mat_vec, lanes, first, steps)
        if operand.kind == "one_hot":
            bits = rows[..., None] == np.arange(operand.size, dtype=np.uint16)
        else:
            bits = np.unpackbits(rows, axis=-1, count=operand.size).astype(bool)
        masked: NDArray[np.bool_] = bits & active[..., None]
        return masked

    def _rows(self, mat_vec: MatVec, lanes: int, first: int, stop: int) -> NDArray[Any]:
        """The operand of `mat_vec` at steps `first` to `stop` - 1, as stored."""
        after = self.graph.operand(mat_vec.operand).kind == "state" and mat_vec.edge == "same_step"
        shift = 1 if after else 0  # a state's row t+1 is its value after step t
        rows: NDArray[Any] = self.arrays[mat_vec.operand][first + shift : stop + shift][:, :lanes]
        return rows

    def columns(self, mat_vec: MatVec, lanes: int, steps: int, reach: int | None = None, *, first: int = 0) -> Columns:
        """Column counts of `mat_vec` over the first `lanes` sequences at steps `first` to `steps` - 1.

        `reach`: how far on the next listed column may lie before padding is needed; None: as far as it likes. A one-hot
        operand is an index and needs none.
        """
        running = self.active(lanes, steps, mat_vec.when, first=first)
        active = running.sum(axis=1, dtype=np.int64)
        none = np.zeros(len(active), np.int64)
        if self.graph.operand(mat_vec.operand).kind == "one_hot":
            symbols = np.where(running, self._rows(mat_vec, lanes, first, steps).astype(np.int32), -1)
            symbols.sort(axis=1)
            distinct = (symbols[:, :1] >= 0).sum(axis=1) + ((np.diff(symbols) > 0) & (symbols[:, 1:] >= 0)).sum(axis=1)
            return Columns(distinct, distinct, active, active, active, none)
        masks = self._rows(mat_vec, lanes, first, steps) * running[..., None]
        union: NDArray[np.uint8] = np.bitwise_or.reduce(masks, axis=1)
        return Columns(
            listed=np.bitwise_count(union).sum(axis=-1, dtype=np.int64),
            dense=np.where(active > 0, mat_vec.cols, 0).astype(np.int64),
            nonzero=np.bitwise_count(masks).sum(axis=(1, 2), dtype=np.int64),
            possible=active * mat_vec.cols,
            active=active,
            padding=none if reach is None or reach >= mat_vec.cols else _paddings(union, mat_vec.cols, reach),
        )

    def check(self, lanes: int, steps: int) -> None:
        if not 1 <= lanes <= self.sequences:
            raise BadInput(f"lanes must be between 1 and the trace's {self.sequences} sequences, not {lanes}")
        if not 1 <= steps <= self.steps:
            raise BadInput(f"steps must be between 1 and the trace's {self.steps}, not {steps}")

    def save(self, path: Path) -> None:
        """Write one file, whole or not at all."""
        with TraceWriter.open(path) as file:
            for name, array in self.arrays.items():
                for piece in _pieces(array):
                    file.add(name, piece)
            file.finish(self.header, self.lengths)

    @classmethod
    def assemble(
        cls,
        header: Callable[[], Header],
        lengths: NDArray[np.int64],
        rows: Iterable[tuple[str, NDArray[Any]]],
        out: Path | None = None,
    ) -> "Trace":
        """A trace from rows of its operands, in portions of any size; `header` is asked for once they are all there.

        With `out` they go to that file as they come, and no more than a few portions are held.
        """
        if out is None:
            held: dict[str, list[NDArray[Any]]] = {}
            for name, portion in rows:
                held.setdefault(name, []).append(portion)
            return cls(header(), {name: np.concatenate(portions) for name, portions in held.items()}, lengths)
        with TraceWriter.open(out) as file:
            for name, portion in rows:
                file.add(name, portion)
            file.finish(header(), lengths)
        return cls.load(out)

    @classmethod
    def load(cls, path: Path) -> "Trace":
        """A validated trace; BadInput names the file and the rule it breaks."""
        try:
            stored, arrays = _stored_arrays(path)
            raw = json.loads(stored["header"].tobytes())
            version = raw.get("version") if isinstance(raw, dict) else None
            if version != VERSION:
                raise BadInput(f"trace version must be {VERSION}, not {version}")
            lengths = stored["lengths"]
            if lengths.dtype.kind not in "iu":
                raise BadInput(f"lengths must be integers, not {lengths.dtype}")
            return cls(Header.model_validate(raw), arrays, lengths.astype(np.int64))
        except FileNotFoundError:
            raise BadInput(f"{path}: no such trace file") from None
        except ValidationError as error:
            raise BadInput(f"{path}: header: {explain(error)}") from None
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except NOT_WHOLE as error:
            raise BadInput(f"{path}: is not a whole archsim trace ({str(error)[:200]})") from None


NOT_WHOLE = (
    zipfile.BadZipFile,
    zlib.error,
    TokenError,  # of numpy's header of an array
    RuntimeError,  # an encrypted member, one packed in a way that is not known, JSON that nests too deep
    KeyError,
    ValueError,
    EOFError,
    OSError,
)
"""What numpy and zipfile raise where a file is not what its name says."""


def read_array(file: IO[bytes], size_bytes: int) -> NDArray[Any]:
    """The array in a ``.npy`` of `size_bytes`; one of `NOT_WHOLE` where it holds another size, or objects.

    Nothing is made that the file merely declares, and no object is unpickled.
    """
    shape, fortran, dtype = _declared(file, size_bytes)
    return np.frombuffer(file.read(), dtype).reshape(shape, order="F" if fortran else "C")


def _declared(file: IO[bytes], size_bytes: int) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of the array in a ``.npy``, which is left at its first element."""
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("is not an array as numpy stores it")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    stored = size_bytes - file.tell()
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != stored:
        raise ValueError(f"an array of {dtype} {shape} is not what {stored} bytes hold")
    return shape, fortran, dtype


def _stored_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Rows]]:
    """The arrays of an ``.npz`` by name, and the rows of its operands: in memory where they are one piece."""
    arrays: dict[str, NDArray[Any]] = {}
    pieces: dict[str, list[tuple[tuple[int, ...], np.dtype[Any]]]] = {}
    with path.open("rb") as stored, zipfile.ZipFile(stored) as archive:
        identity = _identity(stored)
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > MAX_BYTES:
            raise BadInput(f"must unpack to at most {MAX_BYTES} bytes, not {unpacked}")
        for member in archive.infolist():
            with archive.open(member) as file:
                if member.filename.startswith("operand."):
                    operand = member.filename.removeprefix("operand.").removesuffix(".npy").rpartition(".")[0]
                    of = pieces.setdefault(operand, [])
                    if member.filename != _member(operand, len(of)):
                        raise ValueError(f"{member.filename}: pieces must be numbered from 0 on")
                    shape, _, dtype = _declared(file, member.file_size)
                    of.append((shape, dtype))
                else:
                    arrays[member.filename.removesuffix(".npy")] = read_array(file, member.file_size)
    return arrays, {operand: _rows(path, identity, operand, of) for operand, of in pieces.items()}


def _rows(
    path: Path, identity: tuple[int, ...], operand: str, pieces: list[tuple[tuple[int, ...], np.dtype[Any]]]
) -> Rows:
    shape, dtype = pieces[0]
    if not shape or any((len(other), other[1:], kind) != (len(shape), shape[1:], dtype) for other, kind in pieces):
        raise ValueError(f"operand {operand}: its pieces differ in more than their rows")
    if any(other[0] != PIECE for other, _ in pieces[:-1]):
        raise ValueError(f"operand {operand}: every piece but the last must have {PIECE} rows")
    rows = StoredRows(path, operand, (sum(other[0] for other, _ in pieces), *shape[1:]), dtype, identity)
    return rows if len(pieces) > 1 else rows[:]


def _check_values(operand: Operand, rows: NDArray[Any]) -> None:
    if operand.kind == "one_hot":
        if rows.size and int(rows.max()) >= operand.size:
            raise BadInput(f"operand {operand.name}: symbols must be below {operand.size}, not {int(rows.max())}")
        return
    spare = -operand.size % 8
    if spare and np.any(rows[..., -1] & ((1 << spare) - 1)):
        raise BadInput(f"operand {operand.name}: bits beyond element {operand.size - 1} must be zero")


def _paddings(union: NDArray[np.uint8], cols: int, reach: int) -> NDArray[np.int64]:
    """`_padding` of a few steps at a time: it takes 40 bytes an element."""
    few = max(1, 2**16 // cols)
    return np.concatenate([_padding(union[first : first + few], cols, reach) for first in range(0, len(union), few)])


def _padding(union: NDArray[np.uint8], cols: int, reach: int) -> NDArray[np.int64]:
    """Columns of padding a step: one for every whole `reach` that lies between a listed column and the one before.

    `union` is packed, ``(T, ceil(cols/8))``; the first column of a step is `position + 1` on from the beginning.
    """
    step, position = np.nonzero(np.unpackbits(union, axis=-1, count=cols))
    before = np.concatenate([[-1], position[:-1]])
    before[np.concatenate([[True], step[1:] != step[:-1]])[: len(step)]] = -1
    needed = (position - before - 1) // reach
    return np.bincount(step, weights=needed, minlength=len(union)).astype(np.int64)


def pack_mask(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Bits of the last axis to bytes, first element in the highest bit, as the arrays of a trace hold them."""
    return np.packbits(mask, axis=-1)
