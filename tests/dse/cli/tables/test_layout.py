"""Tables of 80 columns: titles on one line, long names below themselves, numbers without an exponent."""

from io import StringIO

import pytest
from rich.console import Console, RenderableType

from dse.cli.tables.layout import Hanging, aligned, figures, footnotes, plain


def lines_of(table: RenderableType, width: int = 80) -> list[str]:
    console = Console(width=width, file=StringIO(), record=True)
    console.print(table)
    return [line.rstrip() for line in console.export_text().splitlines() if line.strip()]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (8, "8"), (0.17331, "0.1733"), (999.94, "999.9"), (999.96, "1,000"), (13115.4, "13,115"),
        (0.00083441, "0.0008344"), (0.00002288, "0.00002288"), (2.5e-6, "0.0000025"), (-1234.6, "-1,235"),
        (-0.00002, "-0.00002"),
    ],
)  # fmt: skip
def test_numbers_have_four_digits_and_no_exponent(value: float, shown: str) -> None:
    assert plain(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (1.78, "1.780"), (0.36, "0.3600"), (50, "50.00"), (999.96, "1,000"), (1e6, "1,000,000")],
)
def test_numbers_of_a_column_keep_the_zeros_that_end_them(value: float, shown: str) -> None:
    assert aligned(value) == shown


def test_a_title_is_not_broken_at_the_width_of_a_narrow_table() -> None:
    assert lines_of(figures("The least that holds the deadline", ("", "a"), [("x", "1")]))[0] == (
        "The least that holds the deadline"
    )


def test_a_title_longer_than_a_line_is_broken_between_words() -> None:
    title = " ".join(["word"] * 30)
    shown = lines_of(figures(title, ("", "a"), [("x", "1")]))
    assert " ".join(shown[:2]) == title
    assert max(map(len, shown)) <= 80


def test_a_long_name_goes_on_below_itself_further_in() -> None:
    rows = [(Hanging("energy of mac_zero_operand", indent=1), "123,456,789,012")]
    *_, first, second = lines_of(figures("t", ("component", "value"), rows), width=40)
    assert first.split() == ["energy", "of", "123,456,789,012"]
    assert second.index("mac_zero_operand") == first.index("energy") + 2


def test_a_footnote_goes_on_below_itself() -> None:
    shown = lines_of(footnotes([("9:", "short [x]"), ("10:", "word " * 20)]))
    assert shown[0] == " 9: short [x]"
    assert [line.index("w") for line in shown[1:]] == [4, 4]
