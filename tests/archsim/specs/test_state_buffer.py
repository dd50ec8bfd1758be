"""The state buffer, compared with banks and ports that are served cycle by cycle."""

from hypothesis import given
from hypothesis import strategies as st

from archsim.design import load_design


def cycles_of(accesses: list[tuple[int, str]], banks: int, ports: int) -> int:
    """Cycles counted one by one: a bank with one port serves one access, one with two serves a read and a write."""
    queues = [[kind for address, kind in accesses if address % banks == bank] for bank in range(banks)]
    cycles = 0
    while any(queues):
        for queue in queues:
            served = dict.fromkeys(queue) if ports == 2 else queue[:1]
            for kind in served:
                queue.remove(kind)
        cycles += 1
    return cycles


@given(
    st.integers(1, 30), st.integers(1, 8), st.integers(1, 9), st.sampled_from([1, 2]), st.integers(0, 40),
    st.sampled_from([(1, 0), (0, 1), (1, 1), (2, 1), (1, 2)]),
)  # fmt: skip
def test_the_widest_groups_that_meet_no_bank_twice_take_the_fewest_cycles(
    units: int, at_once: int, banks: int, ports: int, first: int, asked: tuple[int, int]
) -> None:
    """Groups of any width up to `at_once` are served in turn and counted, whichever unit comes first."""
    reads, writes = asked
    kinds = ["read"] * reads + ["write"] * writes
    buffer = load_design("skip-65nm").state_buffer.model_copy(update={"banks": banks, "ports": ports})

    def served(group: int) -> int:
        groups = [range(k, min(k + group, first + units)) for k in range(first, first + units, group)]
        return sum(cycles_of([(a, kind) for a in addresses for kind in kinds], banks, ports) for addresses in groups)

    cycles = min(map(served, range(1, at_once + 1)))
    assert buffer.access_cycles(units, at_once, reads, writes) == cycles
    groups = -(-units // at_once)
    free = buffer.model_copy(update={"banks": None}).access_cycles(units, at_once, reads, writes)
    assert free == groups * cycles_of([(0, kind) for kind in kinds], 1, ports)


@given(st.integers(1, 30), st.integers(1, 8), st.integers(1, 9), st.sampled_from([1, 2]))
def test_more_units_at_once_more_banks_or_more_ports_are_never_slower(
    units: int, at_once: int, banks: int, ports: int
) -> None:
    buffer = load_design("skip-65nm").state_buffer.model_copy(update={"banks": banks, "ports": ports})
    cycles = buffer.access_cycles(units, at_once, 1, 1)
    assert buffer.access_cycles(units, at_once + 1, 1, 1) <= cycles
    assert buffer.model_copy(update={"banks": banks + 1}).access_cycles(units, at_once, 1, 1) <= cycles
    assert buffer.model_copy(update={"ports": 2}).access_cycles(units, at_once, 1, 1) <= cycles
