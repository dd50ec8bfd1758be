"""Private weight memories in Verilog on the cases that are worked out on paper: the same whole event logs."""

from pathlib import Path

import pytest

from tests.archsim.machine import test_private_by_hand
from tests.archsim.machine.test_private_by_hand import test_a_row_a_pe, test_narrow_weights_share_a_word
from tests.archsim.rtl.machines import control_on, tools

__all__ = ["test_a_row_a_pe", "test_narrow_weights_share_a_word"]

pytestmark = tools


@pytest.fixture(autouse=True)
def in_verilog(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The logs that these cases look at are those of control in Verilog."""
    monkeypatch.setattr(test_private_by_hand, "whole_log", control_on(tmp_path))
