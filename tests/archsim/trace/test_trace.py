"""Traces: counts compared with an independent popcount, and validation on load."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.mapping.planner import plan
from archsim.mapping.work import WINDOW, measure
from archsim.simulation import simulate
from archsim.trace.columns import pack_mask, padded
from archsim.trace.graph import Graph
from archsim.trace.storage import PIECE, StoredRows
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace


@settings(max_examples=30, deadline=None)
@given(
    hidden=st.integers(1, 40),
    symbols=st.integers(1, 9),
    density=st.floats(0, 1),
    lanes=st.integers(1, 8),
    seed=st.integers(0, 99),
)
def test_macs_equal_a_popcount_of_the_trace(hidden: int, symbols: int, density: float, lanes: int, seed: int) -> None:
    """Dense, issued and useful MACs of W_h and W_x, each counted again bit by bit; lanes end at different steps."""
    steps = 5
    drawn = synthesize(hidden, symbols, density, sequences=8, steps=steps, seed=seed)
    lengths = np.random.default_rng(seed).integers(1, steps + 1, 8)
    lengths[0] = steps
    trace = Trace(drawn.header, drawn.arrays, lengths)
    design = load_design("skip-65nm")
    work = measure(trace, plan(design, trace.graph, lanes), steps, skipping=True)
    dense = issued = useful = 0
    for t in range(steps):
        running = [lane for lane in range(lanes) if t < lengths[lane]]
        listed: set[int] = set()
        for lane in running:
            word = int.from_bytes(np.asarray(trace.arrays["h"])[t, lane].tobytes(), "big")
            useful += 4 * hidden * word.bit_count()
            bits = f"{word:0{8 * -(-hidden // 8)}b}"
            listed |= {i for i in range(hidden) if bits[i] == "1"}
        dense += 4 * hidden * hidden * len(running) + 4 * hidden * len(running)
        issued += 4 * hidden * len(listed) * len(running) + 4 * hidden * len(running)  # one symbol a lane
        useful += 4 * hidden * len(running)
    assert (work.macs.dense, work.macs.issued, work.macs.useful) == (dense, issued, useful)


def test_save_and_load_give_the_same_trace(tmp_path: Path) -> None:
    trace = synthesize(20, 7, 0.3, correlation=0.5, sequences=3, steps=4)
    trace.save(tmp_path / "t.npz")
    loaded = Trace.load(tmp_path / "t.npz")
    assert loaded.header == trace.header
    assert loaded.header.synthetic
    assert loaded.sha256 == trace.sha256
    assert list(tmp_path.iterdir()) == [tmp_path / "t.npz"]


def _long(path: Path) -> tuple[Trace, Trace]:
    """The same trace of two and a half pieces, in memory and read from a file."""
    drawn = {"density": 0.3, "sequences": 3, "steps": 5 * PIECE // 2}
    return synthesize(20, 7, **drawn), synthesize(20, 7, **drawn, out=path)  # type: ignore[arg-type]


def test_a_long_trace_is_read_piece_by_piece(tmp_path: Path) -> None:
    held, stored = _long(tmp_path / "t.npz")
    rows = stored.arrays["h"]
    assert isinstance(rows, StoredRows)
    assert stored.sha256 == held.sha256
    held.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "t.npz").read_bytes()
    for part in (slice(0, 1), slice(5, PIECE), slice(PIECE - 1, 2 * PIECE + 1), slice(PIECE, PIECE + 9), slice(None)):
        np.testing.assert_array_equal(rows[part], held.arrays["h"][part])
        assert len(rows._read) <= 2
    design = load_design("skip-65nm").override({"pe_array.tiles": 1, "lanes": 3})
    assert simulate(design, stored) == simulate(design, held)


def test_a_trace_whose_file_is_replaced_is_not_another_trace(tmp_path: Path) -> None:
    _, stored = _long(tmp_path / "t.npz")
    synthesize(19, 5, 0.9, sequences=3, steps=5 * PIECE // 2).save(tmp_path / "t.npz")
    with pytest.raises(BadInput, match=r"t\.npz: has been replaced since it was opened$"):
        simulate(load_design("skip-65nm"), stored, lanes=1)


def test_windows_of_work_are_its_steps_in_order() -> None:
    """Work counted a window at a time is compared with counts of the whole masks."""
    trace = synthesize(30, 5, 0.3, sequences=2, steps=2 * WINDOW + 100)
    work = measure(trace, plan(load_design("skip-65nm"), trace.graph, 2), trace.steps, skipping=True)
    masks = np.unpackbits(trace.arrays["h"][:-1], axis=-1, count=30)
    h = next(i for i, mv in enumerate(work.mat_vecs) if mv.operand == "h")
    listed = np.concatenate([window.streamed[h] for window in work.windows()])
    np.testing.assert_array_equal(listed, masks.any(axis=1).sum(axis=-1))
    assert [work.streamed_at(h, step) for step in (0, WINDOW - 1, WINDOW, trace.steps - 1)] == [
        (listed[step], masks[step].sum(), 2) for step in (0, WINDOW - 1, WINDOW, trace.steps - 1)
    ]
    assert work.totals.streamed[h] == listed.sum()


def test_a_stored_trace_goes_to_another_process_whole(tmp_path: Path) -> None:
    held, stored = _long(tmp_path / "t.npz")
    sent = pickle.loads(pickle.dumps(stored))
    (tmp_path / "t.npz").unlink()
    assert sent.sha256 == held.sha256


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda files: files.pop("operand.h.1.npy"), "operand.h.2.npy: pieces must be numbered from 0 on"),
        (lambda files: files.pop("operand.h.2.npy"), r"operand h: array must be uint8 \(2561, 3, 3\)"),
        (lambda files: files.update({"operand.h.1.npy": files["operand.x.1.npy"]}), "its pieces differ in more than"),
        (lambda files: files.update({"operand.h.0.npy": files["operand.h.2.npy"]}), "must have 1024 rows"),
    ],
)
def test_pieces_that_do_not_fit_together_are_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], object], rule: str
) -> None:
    path = tmp_path / "t.npz"
    _long(path)
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    with pytest.raises(BadInput, match=f"t.npz: .*{rule}"):
        Trace.load(path)


def test_mask_bits_go_first_element_first() -> None:
    assert pack_mask(np.array([True] + [False] * 8)).tolist() == [128, 0]


def _rewritten(path: Path, **changes: object) -> None:
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header = json.loads(bytes(arrays["header"]))
    header.update(changes)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(path, **arrays)


def test_a_trace_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    synthesize(8, 2, 0.5, steps=2).save(path)
    _rewritten(path, version=6)
    with pytest.raises(BadInput, match=r"t\.npz: trace version must be 5, not 6$"):
        Trace.load(path)


def test_an_unknown_key_in_the_header_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.npz"
    synthesize(8, 2, 0.5, steps=2).save(path)
    _rewritten(path, colour="red")
    with pytest.raises(BadInput, match=r"t\.npz: header: colour: "):
        Trace.load(path)


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_a_truncated_trace_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "t.npz"
    synthesize(8, 2, 0.5, steps=2).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadInput, match=r"t\.npz: is not a whole archsim trace"):
        Trace.load(path)


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.npz: no such trace file"):
        Trace.load(tmp_path / "none.npz")


def test_wrong_shapes_and_spare_bits_are_refused() -> None:
    trace = synthesize(9, 2, 0.5, sequences=2, steps=2)
    with pytest.raises(BadInput, match=r"operand h: array must be uint8 \(3, 2, 2\), not uint8 \(2, 2, 2\)"):
        Trace(trace.header, {**trace.arrays, "h": trace.arrays["h"][:2]}, trace.lengths)
    with pytest.raises(BadInput, match="operand h: bits beyond element 8 must be zero"):
        Trace(trace.header, {**trace.arrays, "h": np.asarray(trace.arrays["h"]) | 1}, trace.lengths)
    with pytest.raises(BadInput, match="operand x: symbols must be below 2, not 2"):
        Trace(trace.header, {**trace.arrays, "x": np.asarray(trace.arrays["x"]) * 0 + 2}, trace.lengths)
    with pytest.raises(BadInput, match="operand x: its array is missing"):
        Trace(trace.header, {"h": trace.arrays["h"]}, trace.lengths)


def test_a_graph_that_does_not_fit_together_is_refused() -> None:
    graph = synthesize(8, 2, 0.5, steps=1).graph
    w_h = graph.mat_vecs[1].model_copy(update={"cols": 9})
    with pytest.raises(BadInput, match="operation W_h: cols must be 8, as h has, not 9"):
        Graph(operations=(w_h,), operands=graph.operands).check()


@pytest.mark.parametrize(
    ("name", "changed", "rule"),
    [
        ("W_h", {"when": "last_step"}, "operation W_h: when must be every_step, as in the rest of gates"),
        ("encode_h", {"size": 9}, "operation encode_h: what it encodes must have the 8 elements of h, not 9 and 8"),
        ("cell", {"size": 16}, "operation encode_h: what it encodes must have the 8 elements of h, not 8 and 16"),
        ("encode_h", None, "operation W_h: reads h of the step before, which nothing encodes"),
    ],
)
def test_operations_that_do_not_fit_each_other_are_refused(
    name: str, changed: dict[str, object] | None, rule: str
) -> None:
    graph = synthesize(8, 2, 0.5, steps=1).graph
    operations = tuple(
        op if op.name != name else op.model_copy(update=changed)
        for op in graph.operations
        if op.name != name or changed is not None
    )
    with pytest.raises(BadInput, match=f"^{rule}$"):
        graph.model_copy(update={"operations": operations}).check()


def test_what_no_trace_can_hold_is_not_drawn() -> None:
    with pytest.raises(BadInput, match="operand x: must have at most 65536 symbols, not 70000"):
        synthesize(8, 70_000, 0.5, steps=1)
    with pytest.raises(BadInput, match="seed must be at least 0, not -1"):
        synthesize(8, 2, 0.5, steps=1, seed=-1)
    with pytest.raises(BadInput, match="state_bits must be between 1 and 64, not 0"):
        synthesize(8, 2, 0.5, steps=1, state_bits=0)


def test_more_lanes_or_steps_than_there_are_is_refused() -> None:
    trace = synthesize(8, 2, 0.5, sequences=2, steps=3)
    with pytest.raises(BadInput, match="lanes must be between 1 and the trace's 2 sequences, not 3"):
        trace.columns(trace.graph.mat_vecs[0], 3, 1)
    with pytest.raises(BadInput, match="steps must be between 1 and the trace's 3, not 4"):
        trace.columns(trace.graph.mat_vecs[0], 1, 4)


@pytest.mark.parametrize(("density", "correlation"), [(0.2, 0.0), (0.2, 0.8), (0.5, 1.0)])
def test_synthetic_masks_have_the_density_and_correlation_asked_for(density: float, correlation: float) -> None:
    trace = synthesize(400, 5, density, correlation=correlation, sequences=2, steps=200, seed=3)
    bits = np.unpackbits(np.asarray(trace.arrays["h"]), axis=-1, count=400).astype(float)
    assert bits.mean() == pytest.approx(density, abs=0.01)
    measured = np.corrcoef(bits[:, 0].ravel(), bits[:, 1].ravel())[0, 1]
    assert measured == pytest.approx(correlation, abs=0.02)


@given(arrays(np.bool_, (3, 2, 40)), st.integers(1, 45))
def test_padding_bridges_every_run_of_zeros_that_an_offset_cannot(mask: NDArray[np.bool_], reach: int) -> None:
    """The list is followed as a machine does, from column to column, at most `reach` ahead."""
    drawn = synthesize(40, 2, 0.5, sequences=2, steps=2)
    trace = Trace(drawn.header, {**drawn.arrays, "h": pack_mask(mask)}, drawn.lengths)
    w_h = next(mv for mv in trace.graph.mat_vecs if mv.operand == "h")
    expected = []
    for t in range(2):
        at, listed, nonzero = -1, [], mask[t].any(axis=0)
        for column in (j for j in range(40) if nonzero[j]):
            while column - at > reach:
                at += reach
                listed.append(at)
            at = column
            listed.append(at)
        assert padded(np.flatnonzero(nonzero).tolist(), reach) == listed
        expected.append(len(listed) - nonzero.sum())
    columns = trace.columns(w_h, 2, 2, reach)
    assert columns.padding.tolist() == expected
    assert not trace.columns(w_h, 2, 2).padding.any()
    w_x = next(mv for mv in trace.graph.mat_vecs if mv.operand == "x")
    assert not trace.columns(w_x, 2, 2, 1).padding.any()
