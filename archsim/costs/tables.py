"""Reading the two shipped cost tables, which README.md describes."""

import csv
from importlib import resources


def rows(name: str) -> list[dict[str, str]]:
    """Every row of a CSV file of this package, by the column names of its first line."""
    text = resources.files("archsim.costs").joinpath(name).read_text()
    return list(csv.DictReader(text.splitlines()))
