"""Files of version 3, which named cells, are read like files of the current version."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.simulation import simulate
from archsim.trace.graph import Elementwise
from archsim.trace.header import VERSION
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

DRAWN = synthesize(20, 7, 0.3, sequences=3, steps=4)
PER_UNIT = {  # curves, multiplies, adds; reads and writes of h (or of a kept gate), then of c
    "lstm_cell": (5, 3, 1, 0, 1, 1, 1),
    "gru_cell": (3, 2, 3, 1, 1, 0, 0),
    "gru_reset": (2, 1, 0, 1, 2, 0, 0),
    "gru_update": (1, 1, 2, 2, 1, 0, 0),
    "rnn_cell": (1, 0, 0, 0, 1, 0, 0),
    "bias": (0, 0, 1, 0, 0, 0, 0),
}


def _old(path: Path, **named: object) -> Path:
    """The trace as version 3 wrote it, whose elementwise operation has the cell name `named` instead of counts."""
    DRAWN.save(path)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    header: dict[str, Any] = json.loads(bytes(arrays["header"])) | {"version": 3}
    del header["later"], header["reads_ahead"]
    for operation in header["graph"]["operations"]:
        if operation["op"] == "elementwise":
            del operation["unit"]
            operation.update(named)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez_compressed(path, **arrays)
    return path


def test_a_file_of_version_3_is_the_same_trace(tmp_path: Path) -> None:
    """Header, arrays, digest and run are the same."""
    old = Trace.load(_old(tmp_path / "t.npz", kind="lstm_cell"))
    assert old.header == DRAWN.header
    assert old.header.version == VERSION
    assert old.sha256 == DRAWN.sha256
    design = load_design("skip-65nm")
    assert simulate(design, old, lanes=3) == simulate(design, DRAWN, lanes=3)


@pytest.mark.parametrize("kind", PER_UNIT)
def test_every_name_of_version_3_has_its_counts(kind: str, tmp_path: Path) -> None:
    old = Trace.load(_old(tmp_path / "t.npz", kind=kind))
    (cell,) = [op for op in old.graph.operations if isinstance(op, Elementwise)]
    assert tuple(cell.unit.model_dump().values()) == PER_UNIT[kind]


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        (
            {"kind": "mgu_cell"},
            r"header: graph\.operations\.2\.elementwise\.kind: .*'rnn_cell' or 'bias', not 'mgu_cell'$",
        ),
        ({}, r"header: graph\.operations\.2\.elementwise\.kind: "),
        ({"kind": "bias", "unit": {}}, r"header: graph\.operations\.2\.elementwise\.unit: "),
    ],
)
def test_what_version_3_did_not_know_is_refused(named: dict[str, object], rule: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=rf"t\.npz: {rule}"):
        Trace.load(_old(tmp_path / "t.npz", **named))
