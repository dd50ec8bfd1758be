"""Memory images of machines that are small enough to be packed by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.rtl.images import Images
from archsim.rtl.program import Program
from archsim.rtl.tables import Tables
from archsim.simulation import Job, prepare
from archsim.trace.synthetic import synthesize

ONE_LANE = {
    "lanes": 1,
    "pe_array.tiles": 1,
    "pe_array.pes_per_tile": 4,
    "pe_array.accumulators": 4,
    "weight_memory.weights_per_cycle": 3,
    "weight_memory.fifo_words": 8,
}


def images(weights: dict[str, Any], weight_format: str, **changed: Any) -> Images:
    """Those of two units of an LSTM on a one-hot input of one symbol, with the given weights."""
    trace = synthesize(2, 1, 1.0, sequences=1, steps=1, weight_format=weight_format)
    design = load_design("skip-65nm").override(ONE_LANE | {key.replace("__", "."): v for key, v in changed.items()})
    program = Program(*prepare(Job(design, trace, 1)).triple)
    operands = {"h": np.array([[[1, -2]], [[3, -4]]])}
    return Images(program, Tables(program), Integers(weights, operands))


def matrices(column: list[int]) -> dict[str, Any]:
    """W_x with a column of eight rows, gate by gate, and W_h with it twice."""
    rows = np.array(column)[:, None]
    return {"W_x": rows, "W_h": np.repeat(rows, 2, axis=1)}


def test_rows_lie_unit_by_unit_in_words_of_three_weights() -> None:
    """Rows of gates i, f, g, o of units 0 and 1 are 1, 2, 3, 4, 5, 6, 7, 8; unit 0 comes first, with 1, 3, 5, 7."""
    lines = list(images(matrices([1, 2, 3, 4, 5, 6, 7, 8]), "fixed8").weights())
    assert lines[:3] == ["050301", "040207", "000806"]
    assert lines == lines[:3] * 3


def test_negative_weights_are_in_twos_complement() -> None:
    lines = list(images(matrices([-1, 0, -128, 0, 127, 0, 0, 0]), "fixed8").weights())
    assert lines[:1] == ["7f80ff"]


def test_powers_of_two_are_a_sign_above_an_exponent() -> None:
    changed = {"pe_array__multiplier": "shift", "pe_array__weight_bits": 6, "weight_memory__weights_per_cycle": 4}
    lines = list(images(matrices([1, 1, -2, 1, 4, 1, -(2**31), 1]), "exponential5", **changed).weights())
    codes = [0, 1 << 5 | 1, 2, 1 << 5 | 31]
    assert int(lines[0], 16) == sum(code << (6 * place) for place, code in enumerate(codes))


def test_one_bit_is_one_for_plus_one() -> None:
    changed = {"pe_array__multiplier": "mux", "pe_array__weight_bits": 1, "weight_memory__weights_per_cycle": 8}
    lines = list(images(matrices([1, -1, -1, -1, 1, 1, 1, 1]), "binary", **changed).weights())
    assert lines == [f"{0b11001101:02x}"] * 3  # rows 1, -1, 1, 1 of unit 0 and -1, -1, 1, 1 of unit 1, lowest bit first


def test_weights_that_a_pe_has_no_code_for_are_refused() -> None:
    with pytest.raises(BadInput, match=r"weights of W_x: the machine in Verilog has no code of 8 bits for 200"):
        list(images(matrices([200] * 8), "fixed8").weights())


def test_sums_are_those_of_plain_products() -> None:
    found = images(matrices([1, 2, 3, 4, 5, 6, 7, 8]), "fixed8").sums()
    by_hand = np.array([1, 2, 3, 4, 5, 6, 7, 8]) * (1 + 1 - 2)  # the symbol, and h of 1 and -2
    assert sum(each[0, 0] for each in found.values()).tolist() == by_hand.tolist()


def test_all_files_that_a_bench_reads_are_written(tmp_path: Path) -> None:
    images(matrices([1] * 8), "fixed8").write(tmp_path)
    state = (tmp_path / "state.hex").read_text().split()
    assert state == ["00", "00", "01", "fe"]  # h of 1 and -2 in the copy that odd steps make, as if step -1 had
