"""From a model and real data to a trace: the only producer of recorded traces."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.files import NOT_WHOLE, read_array
from archsim.trace.columns import pack_mask
from archsim.trace.graph import Operand
from archsim.trace.header import VERSION, Header, Phase
from archsim.trace.trace import Trace
from workloads import cells
from workloads.cells import Floats, State
from workloads.config import Config, Inputs
from workloads.fitting import task_of
from workloads.graphs import phases_of
from workloads.positions import Lengths
from workloads.tasks.base import Sample, Split

_CHUNK = 128  # steps run at a time, which bounds the memory of the states


class Recordable(Protocol):
    """What a trace is recorded from: a `Model`, or one that computes with integers."""

    @property
    def config(self) -> Config: ...

    @property
    def task(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    def start(self, batch: int) -> State: ...

    def operands(
        self, inputs: Inputs, state: State | None = None, *, lengths: Lengths | None = None
    ) -> tuple[dict[str, NDArray[Any]], State]: ...

    def scaled_apart(self, layer: int) -> bool: ...


def record(
    model: Recordable,
    split: Split = "validation",
    sequences: int = 16,
    steps: int = 1000,
    seed: int = 0,
    out: Path | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trace:
    """Trace of `model` over `sequences` pieces of `split` of its task, at most `steps` steps each, drawn with `seed`.

    A text is cut into as many parts as there are sequences, and each is warmed up first; of a set of sequences some are
    drawn, with the lengths that they have (see the task's `sample`). `on_step` is called with the number of steps done.
    BadInput where the split is too small.
    """
    task = task_of(model)
    provenance: dict[str, str | int | float] = {
        "task": model.task, "split": split, "sequences": sequences, "steps": steps, "seed": seed
    }  # fmt: skip
    return record_sample(model, task.sample(split, sequences, steps, seed), provenance, out, on_step)


def record_sample(
    model: Recordable,
    sample: Sample,
    provenance: Mapping[str, str | int | float],
    out: Path | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Trace:
    """Trace of `model` over given inputs; row 0 of a state is the state after the warm-up.

    Rows of what a layer in reverse reads and makes are in the order of its steps: step k is position length - 1 - k.
    `out`: a file that the trace goes to as the model runs, so that memory does not grow with its length, unless the
    model needs whole sequences: these run at once. `on_step` is called with the number of steps that are done.
    """
    phases = phases_of(model)
    recording = _Recording(model, sample, phases, on_step)

    def header() -> Header:
        return Header(
            version=VERSION,
            workload=model.config.name,
            synthetic=False,
            provenance={
                "model_sha256": model.sha256,
                **provenance,
                "warmup": sample.warmup,
                "threshold": max(layer.threshold for layer in model.config.layers),
                "state_sparsity": recording.state_sparsity,
            },
            graph=phases[0].graph,
            later=phases[1:],
            reads_ahead=model.config.reversed_layer is not None,
        )

    return Trace.assemble(header, sample.lengths.astype(np.int64), recording.rows(), out)


@dataclass
class _Recording:
    """A run of a model, and how many elements of its states were not zero in the steps that sequences really run."""

    model: Recordable
    sample: Sample
    phases: tuple[Phase, ...]
    on_step: Callable[[int], None] | None
    nonzero: int = 0

    def rows(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Rows of the operands as a trace holds them, some steps at a time, or at once where all must be there."""
        model, sample, steps = self.model, self.sample, int(self.sample.lengths.max())
        begin = model.start(len(sample.lengths))
        if sample.warmup:
            _, begin = model.operands(sample.inputs[: sample.warmup], begin)
        before = hidden_states(model.config, begin)
        state = None if model.config.reversed_layer is not None else begin
        yield from ((o.name, pack_mask(before[o.name] != 0)[None]) for o in self._operands if o.kind == "state")
        at_once = steps if model.config.needs_whole_sequences else _CHUNK
        for first in range(0, steps, at_once):
            last = min(first + at_once, steps)
            window = sample.inputs[sample.warmup + first : sample.warmup + last]
            values, state = model.operands(window, state, lengths=np.maximum(sample.lengths - first, 0))
            running = np.arange(first, last)[:, None] < sample.lengths
            for operand in self._operands:
                array = values[operand.name]
                rows = array.astype(np.uint16) if operand.kind == "one_hot" else pack_mask(array != 0)
                if operand.kind == "state":
                    self.nonzero += int(np.bitwise_count(rows[running]).sum())
                yield operand.name, rows
            if self.on_step:
                self.on_step(last)

    @property
    def _operands(self) -> tuple[Operand, ...]:
        return tuple(operand for phase in self.phases for operand in phase.graph.operands)

    @property
    def state_sparsity(self) -> float:
        """Share of zeros in the states of all layers."""
        sizes = sum(o.size for o in self._operands if o.kind == "state")
        return 1 - self.nonzero / (int(self.sample.lengths.sum()) * sizes)


def hidden_states(config: Config, state: State) -> dict[str, Floats]:
    """h of every layer ``(B, H)`` as recurrent products read it, by the name of its operand, out of a flat state."""
    parts = iter(state)
    hidden = {}
    for k, layer in enumerate(config.layers):
        h, *_ = (next(parts) for _ in cells.by_name(layer.cell).states)
        hidden[f"h{config.suffix(k)}"] = layer.recurrence.seen(h)
    return hidden


def given_sample(path: str | Path, batch_first: bool = False) -> Sample:
    """A person's own inputs from a ``.npy`` file: symbols ``(T, S)`` or vectors ``(T, S, I)``, all of one length.

    With `batch_first`, as PyTorch calls it, sequences are the first axis of what is stored: ``(S, T)``, ``(S, T, I)``.
    """
    return sample_of_array(given_array(path, "inputs"), f"{path}: inputs", batch_first)


def sample_of_array(inputs: NDArray[Any], what: str, batch_first: bool = False) -> Sample:
    """The same from an array; BadInput calls it `what`."""
    check_numbers(inputs, what)
    if inputs.ndim not in (2, 3):
        axes = "(sequences, steps" if batch_first else "(steps, sequences"
        raise BadInput(f"{what} must be {axes}) or {axes}, size), not {inputs.shape}")
    inputs = inputs.swapaxes(0, 1) if batch_first else inputs
    return Sample(inputs, np.full(inputs.shape[1], len(inputs), np.int64), 0)


def given_array(path: str | Path, what: str) -> NDArray[Any]:
    """Finite numbers from a ``.npy`` file, at least one; BadInput calls them `what`."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            array = read_array(file, path.stat().st_size)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file of {what}") from None
    except NOT_WHOLE as error:
        raise BadInput(f"{path}: is not a .npy file of numbers ({str(error)[:200]})") from None
    check_numbers(array, f"{path}: {what}")
    return array


def check_numbers(array: NDArray[Any], what: str) -> None:
    """BadInput, which calls them `what`, unless they are finite numbers, at least one."""
    if array.dtype.kind not in "iuf":
        raise BadInput(f"{what} must be integers or floats, not {array.dtype}")
    if not array.size:
        raise BadInput(f"{what} must hold at least one number, not {array.shape}")
    if not np.all(np.isfinite(array)):
        count = np.count_nonzero(~np.isfinite(array))
        raise BadInput(f"{what} must be finite; {count:,} of {array.size:,} are not")


def longest(model: Recordable, split: Split, sequences: int) -> int:
    """The most steps that `record` can take from a split with so many sequences."""
    return task_of(model).longest(split, sequences)
