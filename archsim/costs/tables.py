"""The rows of the two shipped cost tables; see README.md for what they are."""

import csv
from importlib import resources


def rows(name: str) -> list[dict[str, str]]:
    """Every row of a table of this package, by the names in its first line."""
    text = resources.files("archsim.costs").joinpath(name).read_text()
    return list(csv.DictReader(text.splitlines()))
