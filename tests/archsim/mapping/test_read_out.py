"""The read-out, activation and listing of a block, compared with machines that take one cycle after the other."""

from hypothesis import given
from hypothesis import strategies as st

from archsim.design import Design, load_design
from archsim.mapping.dataflows import BlockUnits
from archsim.mapping.plan import Stage, Sum
from archsim.mapping.read_out import result_times
from archsim.trace.graph import UnitOperations


@st.composite
def drawn(draw: st.DrawFn) -> tuple[Design, Stage, BlockUnits, int]:
    integer = lambda low, high: draw(st.integers(low, high))  # noqa: E731
    lanes, rows, sums = draw(st.sampled_from([1, 2, 3])), integer(1, 4), integer(1, 2)
    design = load_design("skip-65nm").override(
        {
            "lanes": lanes,
            "pe_array.tiles": 1,
            "pe_array.pes_per_tile": lanes * integer(1, 6),
            "pe_array.read_ports": integer(1, 3),
            "state_buffer.banks": draw(st.sampled_from([None, 1, 2, 3, 8])),
            "state_buffer.ports": integer(1, 2),
            "activation_unit.units_per_cycle": integer(1, 6),
            "skip_encoder.enabled": draw(st.booleans()),
            "skip_encoder.columns_per_cycle": integer(1, 5),
        }
    )
    units = integer(1, 12)
    stage = Stage(
        streams=(), sums=tuple(Sum(str(k), (k,), rows) for k in range(sums)), unit=UnitOperations(cell_reads=1),
        units=units, norms_per_unit=0, shifts_per_unit=0, rows_per_unit=rows, operands=("h",),
    )  # fmt: skip
    return design, stage, BlockUnits(units, draw(st.booleans())), lanes


def read_turns(design: Design, stage: Stage, part: BlockUnits, first: int, units: int) -> int:
    """Cycles until the PEs of a lane have shown all sums of consecutive units, each as many a cycle as it has ports."""
    pes, waiting = design.pes_per_lane, dict[int, int]()
    for unit in range(first, first + units):
        for row in range(stage.rows_per_unit):
            pe = (unit if part.unit_by_unit else unit * stage.rows_per_unit + row) % pes
            waiting[pe] = waiting.get(pe, 0) + len(stage.sums)
    return -(-max(waiting.values()) // design.pe_array.read_ports)


@given(drawn(), st.booleans())
def test_a_block_is_activated_group_by_group_and_listed_as_it_leaves(
    given: tuple[Design, Stage, BlockUnits, int], listed: bool
) -> None:
    """Elements enter in groups, unit by unit for all lanes; in a cycle the encoder takes as many columns as it can of
    those that have left. A group has the width that takes the fewest cycles, and none is wider than the banks of c."""
    design, stage, part, lanes = given
    buffer, unit, encoder = design.state_buffer, design.activation_unit, design.skip_encoder
    widest = min(unit.units_per_cycle, buffer.banks or unit.units_per_cycle)
    accesses = 2 if buffer.ports == 1 else 1  # a read and a write of c

    def activated(group: int) -> list[int]:
        """When each element has entered, in groups of `group`."""
        shown = max(read_turns(design, stage, part, first, -(-group // lanes)) for first in range(part.units))
        entered, now = list[int](), 0
        for first in range(0, part.units * lanes, group):
            now += max(accesses, shown)
            entered += [now] * min(group, part.units * lanes - first)
        return entered

    entered = min(map(activated, range(widest, 0, -1)), key=lambda each: each[-1])
    now = entered[-1]
    times = result_times(design, stage, part, lanes, listed)
    assert times.activation == now
    there = [entered[(column + 1) * lanes - 1] for column in range(part.units)]
    if not (listed and encoder.enabled):
        assert (times.elements_after, times.encode, times.encode_tail) == (now, 0, 0)
        return
    width, cycle, listed_columns = encoder.columns_per_cycle, there[0], 0
    while listed_columns < part.units:
        listed_columns = min(listed_columns + width, sum(left <= cycle for left in there))
        cycle += 1
    assert times.elements_after == there[0]
    assert times.encode == len(range(0, part.units, width))
    assert max(there[0] + times.encode, now + times.encode_tail) == cycle


@given(drawn(), st.sampled_from(["read_ports", "units_per_cycle", "columns_per_cycle", "banks", "ports"]))
def test_more_of_anything_is_never_slower(given: tuple[Design, Stage, BlockUnits, int], more: str) -> None:
    design, stage, part, lanes = given
    path, value = {
        "read_ports": ("pe_array.read_ports", design.pe_array.read_ports + 1),
        "units_per_cycle": ("activation_unit.units_per_cycle", design.activation_unit.units_per_cycle + 1),
        "columns_per_cycle": ("skip_encoder.columns_per_cycle", design.skip_encoder.columns_per_cycle + 1),
        "banks": ("state_buffer.banks", (design.state_buffer.banks or 99) + 1),
        "ports": ("state_buffer.ports", 2),
    }[more]
    before, after = (
        result_times(each, stage, part, lanes, listed=True) for each in (design, design.override({path: value}))
    )
    assert after.activation <= before.activation
    assert after.encode <= before.encode
    assert after.activation + after.encode_tail <= before.activation + before.encode_tail
