"""The program of the machine in Verilog: fields of a line, and what it refuses by name."""

import re
from typing import Any

import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.rtl.layout import Field, Layout
from archsim.rtl.program import Program
from archsim.simulation import Job, prepare
from archsim.trace.synthetic import synthesize


def program(design: str, **changes: Any) -> Program:
    machine = load_design(design).override(changes)
    trace = synthesize(8, 4, 0.5, sequences=machine.lanes, steps=2, seed=1)
    return Program(*prepare(Job(machine, trace, machine.lanes)).triple)


def test_fields_lie_end_to_end_the_first_in_the_lowest_bits() -> None:
    layout = Layout("B", (Field("words", 3), Field("list", 2, 2), Field("last", 1)))
    assert layout.bits == 8
    assert layout.positions() == {"B_WORDS": 0, "B_LIST": 3, "B_LAST": 7}
    assert layout.line({"words": 5, "list": [1, 2], "last": 1}) == 0b1_10_01_101


@pytest.mark.parametrize("wrong", [{"words": 8}, {"words": -1}, {"list": [1, 2, 3]}, {"list": [4]}])
def test_a_number_that_does_not_fit_its_field_is_an_error(wrong: dict[str, Any]) -> None:
    layout = Layout("B", (Field("words", 3), Field("list", 2, 2)))
    with pytest.raises(ValueError, match="must be at most"):
        layout.line({"words": 1, "list": [], **wrong})


def test_a_line_needs_all_fields() -> None:
    with pytest.raises(ValueError, match=re.escape("fields must be ['words'], not []")):
        Layout("B", (Field("words", 3),)).line({})


@pytest.mark.parametrize(
    ("design", "changes", "reason"),
    [
        ("stationary-65nm", {}, "dataflow weight-stationary, only output-stationary"),
        (
            "skip-65nm",
            {"dram.inputs": True, "dram.arbitration": "fcfs"},
            "dram.arbitration fcfs, only static and tdm",
        ),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(design: str, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput, match=f"design {design}: the machine in Verilog cannot do {re.escape(reason)}"):
        program(design, **changes)


def test_bursts_that_take_time_need_no_further_round() -> None:
    """An empty burst that takes no time is followed by the next in its cycle, of which a block has one or two here.
    None is empty where zeros are not skipped."""
    assert program("edge-8pe", **{"sequencer.empty_burst_cycles": 1}).rounds == 1
    assert program("edge-8pe", **{"sequencer.setup_cycles": 2}).rounds == 2
    assert program("edge-8pe", **{"skip_encoder.enabled": False}).rounds == 1
    assert program("edge-8pe").rounds == 3
