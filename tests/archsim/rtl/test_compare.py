"""The comparison of event logs: what counts as a difference, and the one thing that does not."""

from archsim.rtl.compare import Logged, difference, differences


def log(*events: tuple[int, str, int]) -> list[Logged]:
    """Events of the PEs in one block, as (cycle, event, column)."""
    return [Logged(cycle, "pe_array", event, 0, 0, column) for cycle, event, column in events]


WAITED = log((3, "wait_column", 0), (5, "start", -1), (5, "column", 0), (7, "done", -1))


def test_equal_logs_have_no_difference_in_whichever_order_components_come() -> None:
    path = Logged(4, "weight_stream", "turn", 0, 0, -1)
    assert difference([path, *WAITED], [*WAITED, path]) is None


def test_the_first_difference_is_told_in_words() -> None:
    found = log((3, "wait_column", 0), (6, "start", -1), (6, "column", 0), (7, "done", -1))
    assert difference(WAITED, found) == (
        "pe_array, event 1: archsim start at 5 (step 0, block 0, column -1),"
        " Verilog start at 6 (step 0, block 0, column -1)"
    )


def test_a_log_that_ends_early_differs() -> None:
    assert difference(WAITED, WAITED[:-1]) == (
        "pe_array, event 3: archsim done at 7 (step 0, block 0, column -1), Verilog none"
    )


def test_a_wait_of_no_cycle_counts_only_before_a_column() -> None:
    within = log((3, "wait_column", 0), (5, "start", -1), (5, "column", 0), (6, "wait_column", 0), (6, "column", 0))
    assert difference([*within, WAITED[-1]], WAITED) is None
    first = log((3, "wait_column", 0), (3, "start", -1), (3, "column", 0), (4, "wait_column", 1), (4, "column", 1))
    assert difference(first, first[:3]) is not None


def test_a_wait_of_a_cycle_within_a_column_counts() -> None:
    longer = log((3, "wait_column", 0), (5, "start", -1), (5, "column", 0), (6, "wait_column", 0), (7, "column", 0))
    assert difference(longer, WAITED[:3]) is not None


def test_of_each_component_there_is_the_first_difference_and_the_earliest_comes_first() -> None:
    path = Logged(1, "weight_stream", "turn", 0, 0, -1)
    found = differences([*WAITED, path], [*WAITED[:2], path._replace(cycle=2)])
    assert [(each.component, each.number) for each in found] == [("weight_stream", 0), ("pe_array", 2)]
