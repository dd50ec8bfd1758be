"""The program of the machine in Verilog: fields of a line, and what it refuses by name."""

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from archsim.design import load_design
from archsim.errors import BadInput
from archsim.rtl.layout import Field, Layout
from archsim.rtl.program import Program
from archsim.simulation import Job, prepare
from archsim.trace.header import VERSION, Header
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace
from workloads.config import Config, LayerConfig, OneHot, Readout
from workloads.graphs import graph_of


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


def test_a_buffer_that_holds_a_state_once_is_too_small_for_it_as_two_operands() -> None:
    """The engines read both operands of one h from one copy, while the machine in Verilog stores each by itself."""
    layer = LayerConfig(cell="lstm", hidden=20, weight_format="fixed8", input_weight_format="fixed8", state_bits=8,
                        threshold=0.1, pruned="recurrence")  # fmt: skip
    readout = Readout(outputs=3, weight_format="fixed8")
    config = Config(name="m", input=OneHot(symbols=5), layers=(layer,), readout=readout)
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
    lit: dict[str, Any] = {
        "x": np.zeros((2, 1), np.uint16),
        "h": np.full((3, 1, 3), 240, np.uint8),
        "y": np.full((2, 1, 3), 240, np.uint8),
    }
    trace = Trace(Header(version=VERSION, workload="w", synthetic=True, provenance={}, graph=graph), lit, np.array([2]))
    design = load_design("edge-8pe").override({"lanes": 1, "state_buffer.units": 20})
    planned, work = prepare(Job(design, trace, 1)).triple[1:]
    reason = "operands of 40 elements in state_buffer.units 20, since it stores each operand of a result by itself"
    with pytest.raises(BadInput, match=f"cannot do {reason}"):
        Program(design, planned, work)
    assert Program(design.override({"state_buffer.units": 40}), planned, work).plan.lists == (("h", "y"),)


def test_bursts_that_take_time_need_no_further_round() -> None:
    """An empty burst that takes no time is followed by the next in its cycle, of which a block has one or two here.
    None is empty where zeros are not skipped."""
    assert program("edge-8pe", **{"sequencer.empty_burst_cycles": 1}).rounds == 1
    assert program("edge-8pe", **{"sequencer.setup_cycles": 2}).rounds == 2
    assert program("edge-8pe", **{"skip_encoder.enabled": False}).rounds == 1
    assert program("edge-8pe").rounds == 3
