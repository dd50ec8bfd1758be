"""How every table of the command line looks, 80 columns wide, and how numbers and names are written in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, log10
from textwrap import fill
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

WIDTH = 80

MARK = {"calibrated": "c", "predicted": "p", "given": "g"}


def literal(text: str) -> str:
    """Markup that shows `text` as it is: brackets are no style, and a control character is seen, not obeyed."""
    return escape("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text))


@dataclass(frozen=True)
class Hanging:
    """A name that stands `indent` spaces in; where it is longer than its column it goes on below, two further in."""

    name: str
    indent: int = 0

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self._filled(options.max_width), no_wrap=True)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        least = max(map(len, self._filled(1).splitlines()))
        return Measurement(least, self.indent + len(self.name))

    def _filled(self, width: int) -> str:
        first, rest = " " * self.indent, " " * (self.indent + 2)
        return fill(self.name, width, initial_indent=first, subsequent_indent=rest, break_long_words=False)


def figures(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str | Hanging]], text: Sequence[str] = ()
) -> Table:
    """A table whose first column is text and whose others, but for those named in `text`, are numbers, never broken."""
    lines = "\n".join(fill(line, WIDTH) for line in title.splitlines())  # rich would break it at the table's own width
    heading = Text(lines, style="bold", no_wrap=True, overflow="ignore")
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        first = index == 0
        is_text = first or column in text
        justify: Literal["left", "right"] = "left" if is_text else "right"
        table.add_column(column, justify=justify, no_wrap=not is_text, overflow="fold")
    for row in rows:
        table.add_row(*(literal(cell) if isinstance(cell, str) else cell for cell in row))
    return table


def footnotes(notes: Iterable[tuple[str, str]]) -> Table:
    """Marks with what they mean, a mark a line; what is longer than a line goes on below itself."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column()
    for mark, meaning in notes:
        table.add_row(literal(mark), literal(meaning))
    return table


def several(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def plain(value: float) -> str:
    """Four digits, without an exponent."""
    if abs(value) >= 999.95:
        return f"{value:,.0f}"
    if 0 < abs(value) < 1e-4:
        return f"{value:.{3 - floor(log10(abs(value)))}f}".rstrip("0")
    return f"{value:.4g}"


def aligned(value: float) -> str:
    """The same with the zeros that end it, so that the numbers of a column line up."""
    return plain(value) if not 1e-4 <= abs(value) < 999.95 else f"{value:#.4g}"


def unit_in_print(unit: str) -> str:
    """A unit as it is printed: files of costs have ASCII alone, ``um2`` for µm²."""
    return unit.replace("m2", "m²").replace("um", "µm")
