"""How the sums of a stage lie in the PEs of a lane, as regular distances that hardware can step through."""

from collections.abc import Sequence
from dataclasses import dataclass

from archsim.errors import BadInput
from archsim.machine.functional import places
from archsim.mapping.plan import Block, Plan, Stage, Sum


@dataclass(frozen=True)
class Arrangement:
    """Rows of a unit lie at successive positions, which are dealt out to the PEs one by one or unit by unit.

    A PE's rows, or units, are `stride` places apart. Each sum lies at a distance from the first place of its row, or
    unit.
    """

    plan: Plan
    stage: Stage
    unit_by_unit: bool
    pes: int

    @property
    def rows(self) -> int:
        """Rows of a unit."""
        return self.stage.rows_per_unit

    @property
    def stride(self) -> int:
        return self.stage.sums_per_unit if self.unit_by_unit else self.stage.sums_per_row

    @property
    def sums(self) -> tuple[tuple[int, int], ...]:
        """The position and the distance of every sum of a unit, sum after sum, row after row."""
        return tuple((position, distance) for own in self._rows_of_sums for position, distance in own)

    def distances(self, stream: Sequence[int]) -> tuple[int, ...]:
        """The distance of the sum of each row of a unit that a column of a stream feeds, by position."""
        owners = [next(n for n, each in enumerate(self.stage.sums) if i in each.mat_vecs) for i in stream]
        return tuple(distance for n in owners for _, distance in self._rows_of_sums[n])

    @property
    def alike(self) -> bool:
        """Whether a stream's rows all have the same distance."""
        return not self.unit_by_unit and all(len(set(self.distances(s))) == 1 for s in self.stage.streams)

    def after(self, units: int) -> tuple[int, int]:
        """PEs and places from one unit to that `units` later."""
        lines, pes = divmod(units if self.unit_by_unit else units * self.rows, self.pes)
        return pes, lines * self.stride

    def shown(self, rank: int, number: int, read_ports: int) -> tuple[int, int, int]:
        """PE, port and cycle in which a sum is shown of the unit `rank` places after the first of its group.

        A PE shows its sums of a group in the order of their places, as many a cycle as it has ports.
        """
        pe, place = self.place(rank, number)
        turn, port = divmod(place, read_ports)
        return pe, port, turn

    def place(self, unit: int, number: int) -> tuple[int, int]:
        """PE and place in the bank of a sum of a block's unit."""
        position, distance = self.sums[number]
        line, pe = divmod(unit if self.unit_by_unit else unit * self.rows + position, self.pes)
        return pe, line * self.stride + distance

    def check(self, block: Block) -> None:
        """ValueError unless every sum of a block lies where the functional check has it."""
        found, number = places(self.plan, block, self.pes), 0
        for each in self.stage.sums:
            where = found[each.name]
            for k in range(each.rows_per_unit):
                for unit in range(block.units):
                    at = k * block.units + unit
                    if self.place(unit, number) != (int(where.pe[at]), int(where.entry[at])):
                        raise ValueError(
                            f"sum {each.name}: row {k} of unit {unit} lies elsewhere in the functional check"
                        )
                number += 1

    @property
    def _rows_of_sums(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """Position and distance of every row of every sum."""
        at_position: dict[int, list[Sum]] = {}
        start_of: dict[str, int] = {}
        for stream in self.stage.streams:
            start = 0
            for i in stream:
                owner = next(each for each in self.stage.sums if i in each.mat_vecs)
                start_of[owner.name] = start
                for k in range(owner.rows_per_unit):
                    sharing = at_position.setdefault(start + k, [])
                    sharing += [] if owner in sharing else [owner]
                start += owner.rows_per_unit
        found, before = [], 0
        for each in self.stage.sums:
            rows = range(each.rows_per_unit)
            positions = [start_of[each.name] + k for k in rows]
            own = [before + k for k in rows] if self.unit_by_unit else [at_position[p].index(each) for p in positions]
            found.append(tuple(zip(positions, own, strict=True)))
            before += each.rows_per_unit
        return tuple(found)


def arrangements_of(plan: Plan, pes: int) -> tuple[Arrangement, ...]:
    """The arrangement of every stage on `pes` PEs of a lane; BadInput for one that is not regular."""
    found = []
    for number, stage in enumerate(plan.stages):
        blocks = [block for block in plan.blocks if block.stage == number]
        arrangement = Arrangement(plan, stage, blocks[0].unit_by_unit, pes)
        rows = {sum(plan.mat_vecs[i].rows for i in stream) // stage.units for stream in stage.streams}
        if len(rows) > 1 and not arrangement.unit_by_unit:
            raise BadInput(
                f"the machine in Verilog cannot do columns that feed {' and '.join(map(str, sorted(rows)))} rows of the"
                f" same unit, whose rows are dealt out to the PEs one by one"
            )
        for block in {(b.units, b.unit_by_unit): b for b in blocks}.values():
            arrangement.check(block)
        found.append(arrangement)
    return tuple(found)
