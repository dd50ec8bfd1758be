"""Plain values of the page's data: keys of designs, parameters by path, columns of values that repeat."""

import math
from collections.abc import Mapping

import pandas as pd

from archsim.design import Design
from dse.report.shapes import Coded, Setting


def key(index: int, trial: int) -> str:
    """The key of a design of search number `index`."""
    return f"{index}:{trial}"


def leaves(design: Design) -> dict[str, Setting]:
    """The parameters that a design states, by dotted path (see ``Spec.stated``)."""

    def walk(tree: Mapping[str, object], prefix: str) -> dict[str, Setting]:
        found: dict[str, Setting] = {}
        for name, value in tree.items():
            found |= walk(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: setting(value)}
        return found

    return walk(design.stated(), "")


def coded(values: pd.Series) -> Coded:
    index, distinct = pd.factorize(values, use_na_sentinel=False)
    return Coded(values=[setting(value) for value in distinct.tolist()], index=index.tolist())


def setting(value: object) -> Setting:
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    if isinstance(value, float) and math.isnan(value):
        return None
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
