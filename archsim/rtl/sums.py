"""The sums that a machine in Verilog reads out: their places in the network, and the file of the expected ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archsim.mapping.plan import Plan
from archsim.rtl.arithmetic import wrapped
from archsim.rtl.case import Case
from archsim.rtl.images import Images
from archsim.rtl.tables import Tables


@dataclass(frozen=True)
class SumPlace:
    """Which sum of a run it is."""

    step: int
    block: int
    lane: int
    unit: int
    accumulator: str
    """Its name in the plan: a product if it is scaled on its own, otherwise a group."""
    row: int
    """Row of the unit within the accumulator, gate-major."""

    @classmethod
    def of(cls, plan: Plan, step: int, block: int, element: int, number: int) -> "SumPlace":
        """Of sum `number` of an element (of the units and lanes of a block, unit by unit), as it is read out."""
        unit, lane = divmod(element, plan.lanes)
        name, row = _rows(plan, plan.blocks[block].stage)[number]
        return cls(step, block, lane, plan.blocks[block].first_unit + unit, name, row)

    def __str__(self) -> str:
        unit = f"unit {self.unit}, {self.accumulator} row {self.row}"
        return f"step {self.step}, block {self.block}, lane {self.lane}, {unit}"


def _rows(plan: Plan, stage: int) -> list[tuple[str, int]]:
    return [(each.name, row) for each in plan.stages[stage].sums for row in range(each.rows_per_unit)]


def expected_sums(case: Case) -> Iterator[tuple[SumPlace, int]]:
    """Every sum that is read out, as wide as a PE's, in the order of steps, blocks, units and lanes."""
    plan, work = case.program.plan, case.program.work
    sums, bits = Images(case.program, Tables(case.program), case.integers).sums(), case.design.pe_array.accumulator_bits
    for step in range(case.program.steps):
        for block in plan.blocks:
            if not work.active_in(block, step):
                continue
            rows, units = _rows(plan, block.stage), plan.stages[block.stage].units
            for element in range(block.units * plan.lanes):
                for number, (name, row) in enumerate(rows):
                    place = SumPlace.of(plan, step, block.index, element, number)
                    yield place, wrapped(int(sums[name][step, place.lane, row * units + place.unit]), bits)


def write_sums(case: Case, path: Path) -> None:
    """One line a sum."""
    with path.open("w", encoding="utf-8") as file:
        file.write("# step block lane unit accumulator row sum\n")
        for p, value in expected_sums(case):
            file.write(f"{p.step} {p.block} {p.lane} {p.unit} {p.accumulator} {p.row} {value}\n")
