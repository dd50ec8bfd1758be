"""Register files, compared with the table's rows."""

import pytest

from archsim.costs.logic import register_file


def test_register_file_equals_the_table() -> None:
    assert register_file(16, 24).area_um2 == pytest.approx(2201.9)
    assert register_file(1, 16).energy_pj == pytest.approx(0.244)
