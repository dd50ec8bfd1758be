"""How every table of the command line looks, 80 columns wide, and how numbers and names are written in it."""

from collections.abc import Iterable, Sequence
from typing import Literal

from rich import box
from rich.markup import escape
from rich.table import Table

MARK = {"calibrated": "c", "predicted": "p", "given": "g"}


def literal(text: str) -> str:
    """Markup that shows `text` as it is: brackets are no style, and a control character is seen, not obeyed."""
    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


def figures(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], text: Sequence[str] = ()) -> Table:
    """A table whose first column is text and whose others, but for those named in `text`, are numbers, never broken."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        first = index == 0
        is_text = first or column in text
        justify: Literal["left", "right"] = "left" if is_text else "right"
        table.add_column(column, justify=justify, no_wrap=not is_text, overflow="fold")
    for row in rows:
        table.add_row(*(literal(cell) for cell in row))
    return table


def several(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def plain(value: float) -> str:
    """Four digits, without an exponent."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"
