"""The results that integer cells compute in Verilog, against the operands that the network really had."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from archsim.rtl.arithmetic import wrapped
from archsim.rtl.case import Case
from archsim.rtl.refusals import of_block
from archsim.rtl.tables import Tables


class Result(NamedTuple):
    """An element of an operand that a step makes in a lane."""

    step: int
    lane: int
    operand: str
    unit: int


def expected_results(case: Case) -> dict[Result, int]:
    """Every one that some product reads, of the lanes that run."""
    program, integers = case.program, case.integers
    plan, trace, stored = program.plan, program.work.trace, Tables(program).stored
    found: dict[Result, int] = {}
    for block in plan.blocks:
        running = trace.active(plan.lanes, program.steps, plan.mat_vecs[of_block(block)[0]].when)
        for name in (name for name in plan.stages[block.stage].operands if name in stored):
            after = int(trace.graph.operand(name).kind == "state")
            for step in range(program.steps):
                for lane in range(plan.lanes):
                    if running[step, lane]:
                        row = integers.operands[name][step + after, lane]
                        units = range(block.first_unit, block.first_unit + block.units)
                        found |= {Result(step, lane, name, unit): int(row[unit]) for unit in units}
    return found


def computed_results(case: Case, lines: Iterable[str]) -> Iterator[tuple[Result, int | None]]:
    """Those of the lines that a test bench prints (``R step block element bits``); None: some bit is unknown."""
    program, plan = case.program, case.program.plan
    bits = Tables(program).operand_bits
    for line in lines:
        if not line.startswith("R "):
            continue
        _, step, number, element, digits = line.split()
        block, (unit, lane) = plan.blocks[int(number)], divmod(int(element), plan.lanes)
        known = not set(digits.lower()) & set("xz")
        for part, name in enumerate(plan.stages[block.stage].operands):
            value = wrapped(int(digits, 16) >> (part * bits), bits) if known else None
            yield Result(int(step), lane, name, block.first_unit + unit), value
