"""The trace of a recorded or synthetic run: its graph, and which elements of its operands were zero in each step."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from archsim.errors import BadInput, explain
from archsim.files import NOT_WHOLE, is_stream
from archsim.trace import version3
from archsim.trace.columns import Columns, paddings
from archsim.trace.graph import Graph, MatVec, Operand, When
from archsim.trace.header import VERSION, Header, Phase
from archsim.trace.storage import Rows, TraceWriter, pieces, stored_arrays


@dataclass(frozen=True)
class Trace:
    """A recorded or synthetic run of `steps` steps over `sequences` sequences.

    BadInput if the graph, the lengths or an array breaks the format.
    """

    header: Header
    arrays: Mapping[str, Rows]
    """By operand: ``one_hot`` uint16 ``(T, S)``; ``vector`` and ``result`` packed bits uint8 ``(T, S, ceil(size/8))``;
    ``state`` likewise, with ``T + 1`` rows. In a phase with one step a sequence, ``T`` is 1."""
    lengths: NDArray[np.int64] = field(repr=False)
    """Steps of each sequence, ``(S,)``. A lane whose sequence has ended is inactive, which differs from being zero."""
    counted: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)
    """A cache of counts that a reader keeps for as long as the trace exists (``mapping.work.measure``)."""

    def __post_init__(self) -> None:
        if self.header.version != VERSION:
            raise BadInput(f"trace version must be {VERSION}, not {self.header.version}")
        self.header.check()
        if self.lengths.ndim != 1 or not len(self.lengths) or self.lengths.min() < 1:
            raise BadInput("lengths must hold one positive number of steps a sequence")
        if not self._parts:  # otherwise each has just been checked, as a trace of its own
            self._check_arrays()

    def _check_arrays(self) -> None:
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
            for piece in pieces(array):
                _check_values(operand, piece)

    @property
    def graph(self) -> Graph:
        """The graph of the first phase; of all of them, see `phases`."""
        return self.header.graph

    @cached_property
    def described(self) -> tuple[Phase, ...]:
        """The phases as the header describes them, which plans are made of."""
        return self.header.phases

    @property
    def phases(self) -> tuple["Trace", ...]:
        """Each phase as a trace of its own, in order; a trace of one phase is that phase."""
        return self._parts or (self,)

    @cached_property
    def _parts(self) -> tuple["Trace", ...]:
        """The phases of a trace that has several, otherwise none."""
        return tuple(map(self._part, self.header.phases)) if self.header.later else ()

    def _part(self, phase: Phase) -> "Trace":
        own = {operand.name for operand in phase.graph.operands}
        return Trace(
            self.header.model_copy(update={"graph": phase.graph, "later": ()}),
            {name: array for name, array in self.arrays.items() if name in own},
            self.lengths if phase.steps == "all" else np.ones_like(self.lengths),
        )

    @cached_property
    def steps(self) -> int:
        """Steps of the longest sequence, which are those of the first phase."""
        return int(self.lengths.max())

    @property
    def sequences(self) -> int:
        return len(self.lengths)

    @cached_property
    def sha256(self) -> str:
        """The digest of the header, the lengths and all arrays."""
        digest = hashlib.sha256(self.header.model_dump_json().encode())
        digest.update(self.lengths.astype("<i8").tobytes())
        for name in sorted(self.arrays):
            digest.update(name.encode())
            for piece in pieces(self.arrays[name]):
                digest.update(np.ascontiguousarray(piece).tobytes())
        return digest.hexdigest()

    def active(self, lanes: int, steps: int, when: When = "every_step", *, first: int = 0) -> NDArray[np.bool_]:
        """Which of the first `lanes` sequences still run at steps `first` to `steps` - 1: ``(steps - first, lanes)``.

        With `when` "last_step": which are at their last step. BadInput if the trace has fewer sequences or steps.
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
        """The rows of the operand of `mat_vec` at steps `first` to `stop` - 1, as stored."""
        after = self.graph.operand(mat_vec.operand).kind == "state" and mat_vec.edge == "same_step"
        shift = 1 if after else 0  # row t + 1 of a state is its value after step t
        rows: NDArray[Any] = self.arrays[mat_vec.operand][first + shift : stop + shift][:, :lanes]
        return rows

    def columns(
        self, mat_vec: MatVec, lanes: int, steps: int, reach: int | None = None, *, first: int = 0, at_once: int = 1
    ) -> Columns:
        """Column counts of `mat_vec` over the first `lanes` sequences at steps `first` to `steps` - 1.

        With `at_once`, so many steps from `first` on are counted together, as if each had lanes of its own.

        `reach`: how far ahead the next column on the list may lie without padding; None: any distance. A one-hot
        operand is an index and needs no padding.
        """
        running = _together(self.active(lanes, steps, mat_vec.when, first=first), at_once)
        rows = _together(self._rows(mat_vec, lanes, first, steps), at_once)
        active = running.sum(axis=1, dtype=np.int64)
        none = np.zeros(len(active), np.int64)
        if self.graph.operand(mat_vec.operand).kind == "one_hot":
            symbols = np.where(running, rows.astype(np.int32), -1)
            symbols.sort(axis=1)
            distinct = (symbols[:, :1] >= 0).sum(axis=1) + ((np.diff(symbols) > 0) & (symbols[:, 1:] >= 0)).sum(axis=1)
            return Columns(distinct, distinct, active, active, active, none)
        masks = rows * running[..., None]
        union: NDArray[np.uint8] = np.bitwise_or.reduce(masks, axis=1)
        return Columns(
            listed=np.bitwise_count(union).sum(axis=-1, dtype=np.int64),
            dense=np.where(active > 0, mat_vec.cols, 0).astype(np.int64),
            nonzero=np.bitwise_count(masks).sum(axis=(1, 2), dtype=np.int64),
            possible=active * mat_vec.cols,
            active=active,
            padding=none if reach is None or reach >= mat_vec.cols else paddings(union, mat_vec.cols, reach),
        )

    def check(self, lanes: int, steps: int) -> None:
        """Raise BadInput unless the trace has as many sequences as `lanes`, and as many `steps`."""
        if not 1 <= lanes <= self.sequences:
            raise BadInput(f"lanes must be between 1 and the trace's {self.sequences} sequences, not {lanes}")
        if not 1 <= steps <= self.steps:
            raise BadInput(f"steps must be between 1 and the trace's {self.steps}, not {steps}")

    def save(self, path: str | Path) -> None:
        """Write the trace to one file, completely or not at all."""
        with TraceWriter.open(path) as file:
            for name, array in self.arrays.items():
                for piece in pieces(array):
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
        """A trace from the rows of its operands, in portions of any size; `header` is called once all have arrived.

        Operands may come in any order, so that a network can be recorded phase after phase.
        With `out` the rows are written to that file as they arrive, and no more than a few portions are held.
        """
        if out is None:
            held: dict[str, list[NDArray[Any]]] = {}
            for name, portion in rows:
                held.setdefault(name, []).append(portion)
            return cls(header(), {name: np.concatenate(portions) for name, portions in held.items()}, lengths)
        if is_stream(out):
            raise BadInput(f"{out}: must be a plain file, since a trace is read where it was written")
        with TraceWriter.open(out) as file:
            for name, portion in rows:
                file.add(name, portion)
            file.finish(header(), lengths)
        return cls.load(out)

    @classmethod
    def load(cls, path: str | Path) -> "Trace":
        """Read and validate a trace file. BadInput names the file and the rule that it breaks."""
        path = Path(path)
        try:
            stored, arrays = stored_arrays(path)
            raw = json.loads(stored["header"].tobytes())
            header = _header(raw)
            lengths = stored["lengths"]
            if lengths.dtype.kind not in "iu":
                raise BadInput(f"lengths must be integers, not {lengths.dtype}")
            return cls(header, arrays, lengths.astype(np.int64))
        except FileNotFoundError:
            raise BadInput(f"{path}: no such trace file") from None
        except ValidationError as error:
            raise BadInput(f"{path}: header: {explain(error)}") from None
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        except NOT_WHOLE as error:
            raise BadInput(f"{path}: is not a whole archsim trace ({str(error)[:200]})") from None


def _together(rows: NDArray[Any], steps: int) -> NDArray[Any]:
    """``(T, lanes, ...)`` as ``(ceil(T / steps), steps * lanes, ...)``, filled up with zeros."""
    if steps == 1:
        return rows
    missing = np.zeros((-len(rows) % steps, *rows.shape[1:]), rows.dtype)
    filled = np.concatenate([rows, missing])
    return filled.reshape(len(filled) // steps, steps * rows.shape[1], *rows.shape[2:])


def _header(raw: Any) -> Header:
    version = raw.get("version") if isinstance(raw, dict) else None
    if version == 3:
        return version3.header(raw)
    if version == 4:
        for key in sorted(raw.keys() & {"later", "reads_ahead"}):
            raise BadInput(f"header: {key}: unknown key in version 4, which had one phase")
        return Header.model_validate(raw | {"version": VERSION})
    if version != VERSION:
        raise BadInput(f"trace version must be {VERSION}, not {version}")
    return Header.model_validate(raw)


def _check_values(operand: Operand, rows: NDArray[Any]) -> None:
    if operand.kind == "one_hot":
        if rows.size and int(rows.max()) >= operand.size:
            raise BadInput(f"operand {operand.name}: symbols must be below {operand.size}, not {int(rows.max())}")
        return
    spare = -operand.size % 8
    if spare and np.any(rows[..., -1] & ((1 << spare) - 1)):
        raise BadInput(f"operand {operand.name}: bits beyond element {operand.size - 1} must be zero")
