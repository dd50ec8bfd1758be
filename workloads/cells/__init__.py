"""Recurrent cells as numpy computes them. A new one is one file and one line in ``ALL``."""

from archsim.trace import BadInput
from workloads.cells.lstm import LSTM, Folded

ALL: tuple[LSTM, ...] = (LSTM(),)


def by_name(name: str) -> LSTM:
    """The cell called `name`; BadInput lists those there are."""
    for cell in ALL:
        if cell.name == name:
            return cell
    raise BadInput(f"cell must be one of {', '.join(c.name for c in ALL)}, not {name!r}")


__all__ = ["ALL", "LSTM", "Folded", "by_name"]
