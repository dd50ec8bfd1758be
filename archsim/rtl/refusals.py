"""Refusals, by name, of what the machine in Verilog does not do though the engines simulate it."""

from collections.abc import Iterable

from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping import dataflows
from archsim.mapping.plan import Block, Plan
from archsim.rtl.compare import Logged
from archsim.rtl.simulate import VERILOG


def check(design: Design, plan: Plan) -> None:
    """BadInput for a plan that the machine in Verilog cannot follow."""
    for reason in _reasons(design, plan):
        raise BadInput(f"design {design.name}: the machine in Verilog cannot do {reason}")


def check_components(events: Iterable[Logged]) -> None:
    """BadInput for a component that has logged something and no module, which would be named as it is."""
    for name in dict.fromkeys(event.component for event in events):
        if not (VERILOG / f"{name}.sv").exists():
            raise BadInput(f"component {name}: the machine in Verilog has no module of it")


def _reasons(design: Design, plan: Plan) -> list[str]:
    reasons = []
    ours = dataflows.by_name(dataflows.DEFAULT).shape(design.pe_array, design.lanes)
    if plan.stationary or design.shape != ours:
        reasons.append(f"dataflow {design.dataflow}, only output-stationary")
    if max(plan.steps_at_once, default=1) > 1:
        reasons.append(f"sequencer.steps_at_once {max(plan.steps_at_once)}, only 1")
    if plan.fetch and plan.fetch.arbitration not in ("static", "tdm"):
        reasons.append(f"dram.arbitration {plan.fetch.arbitration}, only static and tdm")
    if plan.written:
        reasons.append("a phase that reads what an earlier one has written")
    if (stored := _stored(plan)) > design.state_buffer.units:
        reasons.append(
            f"operands of {stored} elements in state_buffer.units {design.state_buffer.units}, since it stores each"
            " operand of a result by itself"
        )
    if not plan.lists:
        reasons.append("a network without a state")
    elif plan.blocks and _at_last_steps(plan, plan.blocks[0]):
        reasons.append("a step that begins with what runs only at the end of a sequence")
    if any(block.list is not None and _at_last_steps(plan, block) for block in plan.blocks):
        reasons.append("an operand that is made only at the end of a sequence")
    if any(len({plan.mat_vecs[i].when for i in of_block(block)}) > 1 for block in plan.blocks):
        reasons.append("a block of which only a part runs at every step")
    return reasons


def _stored(plan: Plan) -> int:
    """Elements of all operands that are made and read."""
    made = {name for names in plan.lists for name in names}
    return sum({mv.operand: mv.cols for mv in plan.mat_vecs if mv.operand in made}.values())


def of_block(block: Block) -> list[int]:
    """The products of a block, as indices into ``Plan.mat_vecs``."""
    return [i for burst in block.bursts for stream in burst.streams for i in stream]


def _at_last_steps(plan: Plan, block: Block) -> bool:
    return plan.mat_vecs[of_block(block)[0]].when == "last_step"
