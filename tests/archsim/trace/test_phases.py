"""Traces of several phases: each is a trace of its own, one file holds all, and broken ones are refused."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.header import Header, Phase
from archsim.trace.storage import PIECE, StoredRows
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from tests.archsim.phased import drawn_stacks, stacked
from workloads.config import Vector


def _stack(**drawn: Any) -> Trace:
    return stacked(np.random.default_rng(3), np.array([5, 2, 4]), **drawn)


def test_a_trace_of_one_phase_is_that_phase() -> None:
    trace = synthesize(8, 2, 0.5, steps=2)
    assert trace.phases == (trace,)


def test_every_phase_is_a_trace_of_its_own() -> None:
    trace = _stack()
    first, second, last = trace.phases
    assert trace.phases is trace.phases  # with what was counted of it
    assert [set(phase.arrays) for phase in trace.phases] == [
        {"x", "x_reverse", "h_0f", "h_0b"},
        {"y_0", "y_0_reverse", "h_1f", "h_1b"},
        {"top"},
    ]
    assert first.graph == trace.graph
    assert second.lengths.tolist() == trace.lengths.tolist() == [5, 2, 4]
    assert (trace.steps, last.steps, last.lengths.tolist()) == (5, 1, [1, 1, 1])
    assert {phase.header.workload for phase in trace.phases} == {"stacked"}
    assert [phase.phases for phase in trace.phases] == [(phase,) for phase in trace.phases]


@settings(max_examples=15)
@given(drawn_stacks())
def test_what_a_phase_reads_is_what_the_one_before_left(trace: Trace) -> None:
    """The builder of these tests: position k of y is h of step k forwards, and of step length - 1 - k backwards."""
    for number in range(len(trace.phases) - 1):
        name = f"y_{number}"
        if name not in trace.arrays:
            continue
        size = trace.phases[number + 1].graph.operand(name).size
        y = np.unpackbits(np.asarray(trace.arrays[name]), axis=-1, count=size)
        forward, backward = (
            np.unpackbits(np.asarray(trace.arrays[f"h_{number}{end}"]), axis=-1, count=size // 2) for end in "fb"
        )
        for lane, length in enumerate(trace.lengths):
            for k in range(length):
                assert y[k, lane].tolist() == [*forward[k + 1, lane], *backward[length - k, lane]]


@pytest.mark.parametrize("steps", [4, PIECE + 7])
def test_phases_are_stored_and_read_like_one(tmp_path: Path, steps: int) -> None:
    trace = stacked(np.random.default_rng(1), np.array([steps, 2]), cell="gru", layers=2, source=Vector(size=9))
    trace.save(tmp_path / "t.npz")
    loaded = Trace.load(tmp_path / "t.npz")
    assert loaded.header == trace.header
    assert loaded.sha256 == trace.sha256
    assert loaded.lengths.tolist() == trace.lengths.tolist()
    for stored, held in zip(loaded.phases, trace.phases, strict=True):
        assert stored.sha256 == held.sha256
        assert stored.header == held.header


def test_a_network_is_recorded_phase_after_phase(tmp_path: Path) -> None:
    """Rows come some steps at a time, and the writer holds no more than a piece of each operand."""
    trace = stacked(np.random.default_rng(1), np.array([2 * PIECE + 5, PIECE]), outputs=3, steps="one")

    def rows() -> Iterator[tuple[str, NDArray[Any]]]:
        for phase in trace.phases:
            for first in range(0, phase.steps + 1, 300):
                for name, array in phase.arrays.items():
                    if len(portion := array[first : first + 300]):
                        yield name, portion

    stored = Trace.assemble(lambda: trace.header, trace.lengths, rows(), tmp_path / "t.npz")
    assert stored.sha256 == trace.sha256 == Trace.assemble(lambda: trace.header, trace.lengths, rows()).sha256
    assert isinstance(stored.phases[1].arrays["y_0"], StoredRows)
    assert [array.shape[0] for array in stored.phases[2].arrays.values()] == [1]


def test_phases_go_to_another_process_whole(tmp_path: Path) -> None:
    trace = stacked(np.random.default_rng(1), np.array([PIECE + 3, 2]))
    trace.save(tmp_path / "t.npz")
    sent = pickle.loads(pickle.dumps(Trace.load(tmp_path / "t.npz")))
    (tmp_path / "t.npz").unlink()
    assert sent.sha256 == trace.sha256
    assert [phase.sha256 for phase in sent.phases] == [phase.sha256 for phase in trace.phases]


def _with(trace: Trace, *later: Phase) -> Header:
    return trace.header.model_copy(update={"later": later})


def test_names_that_two_phases_share_are_refused() -> None:
    trace = _stack(layers=1)
    again = Phase(graph=trace.graph)
    with pytest.raises(BadInput, match=r"^operand h_0b: names must be distinct over all phases, but two phases have"):
        Trace(_with(trace, again), trace.arrays, trace.lengths)
    readout = trace.header.later[0]
    named = readout.graph.operations[0].model_copy(update={"name": "W_x_0f"})
    renamed = readout.graph.model_copy(update={"operations": (named, *readout.graph.operations[1:])})
    with pytest.raises(BadInput, match=r"^operation or group W_x_0f: names must be distinct over all phases"):
        Trace(_with(trace, Phase(graph=renamed, steps="one")), trace.arrays, trace.lengths)


def test_a_broken_graph_of_a_later_phase_is_refused() -> None:
    trace = _stack(layers=1)
    readout = trace.header.later[0].graph
    wide = readout.operations[0].model_copy(update={"cols": 99})
    broken = readout.model_copy(update={"operations": (wide, *readout.operations[1:])})
    with pytest.raises(BadInput, match=r"^operation readout: cols must be 12, as top has, not 99$"):
        Trace(_with(trace, Phase(graph=broken, steps="one")), trace.arrays, trace.lengths)


def test_rows_of_a_later_phase_are_checked() -> None:
    trace = _stack()
    one = trace.arrays["top"]
    with pytest.raises(BadInput, match=r"^operand top: array must be uint8 \(1, 3, 2\), not uint8 \(2, 3, 2\)$"):
        Trace(trace.header, {**trace.arrays, "top": np.concatenate([one[:], one[:]])}, trace.lengths)
    with pytest.raises(BadInput, match=r"^operand h_1b: array must be uint8 \(6, 3, 1\), not uint8 \(5, 3, 1\)$"):
        Trace(trace.header, {**trace.arrays, "h_1b": trace.arrays["h_1b"][:5]}, trace.lengths)
    with pytest.raises(BadInput, match=r"^operand y_0: bits beyond element 11 must be zero$"):
        Trace(trace.header, {**trace.arrays, "y_0": np.asarray(trace.arrays["y_0"]) | 1}, trace.lengths)
    with pytest.raises(BadInput, match=r"^operand y_0: its array is missing$"):
        Trace(trace.header, {n: a for n, a in trace.arrays.items() if n != "y_0"}, trace.lengths)


def test_only_a_vector_of_its_own_is_read_again() -> None:
    trace = _stack()
    for name in ("x_reverse", "h_1f", "z"):
        phase = trace.header.later[0].model_copy(update={"rereads": (name,)})
        with pytest.raises(BadInput, match=rf"^operand {name}: a phase can read again only a vector of its own$"):
            Trace(_with(trace, phase, trace.header.later[1]), trace.arrays, trace.lengths)


def _as_version_4(path: Path, trace: Trace, **more: object) -> Path:
    trace.save(path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(bytes(arrays["header"])) | {"version": 4}
    del header["later"], header["reads_ahead"]
    arrays["header"] = np.frombuffer(json.dumps(header | more).encode(), np.uint8)
    np.savez_compressed(path, **arrays)
    return path


def test_a_file_of_version_4_is_a_trace_of_one_phase(tmp_path: Path) -> None:
    trace = synthesize(20, 7, 0.3, sequences=3, steps=4)
    old = Trace.load(_as_version_4(tmp_path / "t.npz", trace))
    assert old.header == trace.header
    assert old.sha256 == trace.sha256
    with pytest.raises(BadInput, match=r"t\.npz: header: later: unknown key in version 4, which had one phase$"):
        Trace.load(_as_version_4(tmp_path / "t.npz", trace, later=[]))
