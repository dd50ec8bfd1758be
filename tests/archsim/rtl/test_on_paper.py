"""The machine in Verilog on the cases that are worked out on paper for engine `column`: the same whole event logs."""

from pathlib import Path

import pytest

from tests.archsim.machine import test_machine_by_hand
from tests.archsim.machine.test_machine_by_hand import (
    design,
    norms,
    resident,
    test_cut_through_with_less_room_than_two_columns,
    test_elements_are_listed_while_others_are_activated,
    test_inputs_over_the_channel,
    test_norms_and_biases_come_before_a_blocks_first_column,
    test_resident_and_dense,
    test_resident_and_skipping,
    test_streamed_and_dense,
    test_streamed_and_skipping,
    trace,
)
from tests.archsim.rtl.machines import control_on, tools

__all__ = [
    "design",
    "norms",
    "resident",
    "test_cut_through_with_less_room_than_two_columns",
    "test_elements_are_listed_while_others_are_activated",
    "test_inputs_over_the_channel",
    "test_norms_and_biases_come_before_a_blocks_first_column",
    "test_resident_and_dense",
    "test_resident_and_skipping",
    "test_streamed_and_dense",
    "test_streamed_and_skipping",
    "trace",
]

pytestmark = tools


@pytest.fixture(autouse=True)
def in_verilog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The logs that these cases look at are those of control in Verilog."""
    monkeypatch.setattr(test_machine_by_hand, "whole_log", control_on(tmp_path))
