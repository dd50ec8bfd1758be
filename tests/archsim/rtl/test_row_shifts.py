"""Shifts of rows: the tables of a machine that is small enough for them to be written down by hand."""

from pathlib import Path

import numpy as np

from archsim.machine.functional import Integers
from archsim.rtl.export import write_bench
from archsim.rtl.images import Images
from archsim.rtl.row_shifts import RowShifts
from tests.archsim.rtl.test_images import images, matrices

STORED = [1, 2, 3, 4, 5, 6, 7, 8]
SHIFTS = np.array([0, 1, 2, 3, 4, 5, 6, 7])
"""Rows of gates i, f, g and o of units 0 and 1."""


def shifted(**of_products: np.ndarray) -> Images:
    made = images(matrices(STORED), "fixed8")
    weights = {name: rows << of_products.get(name, 0 * SHIFTS)[:, None] for name, rows in made.integers.weights.items()}
    return Images(made.program, made.tables, Integers(weights, made.integers.operands, of_products))


def test_a_line_has_the_shifts_of_the_rows_that_the_pes_take_together() -> None:
    """Four PEs take rows 0, 2, 4, 6 of unit 0, then 1, 3, 5, 7 of unit 1; columns of x come before those of h."""
    found = RowShifts(shifted(W_x=SHIFTS))
    sizes = found.parameters()
    assert (sizes["MOST_SHIFT"], sizes["SHIFT_BITS"], sizes["SHIFT_LINES"], sizes["SHIFT_LINE_BITS"]) == (7, 3, 4, 2)
    assert list(found.lines()) == [0o6420, 0o7531, 0, 0]
    assert list(found.firsts()) == [0, 0, 0, 2]  # a burst of x, then one of h


def test_words_have_the_stored_weights() -> None:
    plain = list(images(matrices(STORED), "fixed8").weights())
    assert list(shifted(W_x=SHIFTS, W_h=SHIFTS[::-1]).weights()) == plain


def test_without_shifts_there_are_no_tables_and_no_shifter(tmp_path: Path) -> None:
    for made, there in ((shifted(W_h=0 * SHIFTS), False), (shifted(W_h=SHIFTS), True)):
        write_bench(made.program, made.integers, tmp_path, 100)
        assert (tmp_path / "row_shifts.hex").exists() == (tmp_path / "first_shifts.hex").exists() == there
        assert f"MOST_SHIFT = {7 * there}," in (tmp_path / "parameters.svh").read_text()
