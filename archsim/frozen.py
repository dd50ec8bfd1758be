"""The base of everything that is validated from a file or a call: frozen, and every value as it is written."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator


class Frozen(BaseModel):
    """A frozen model that refuses unknown keys, and takes values as they are written (pydantic's ValidationError).

    Neither true nor a text is a number, and an integer has no decimal point. A whole number will do where any number
    will, a list where a tuple is due, and numpy's scalars are the numbers that they hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, tree: Any) -> Any:
        return plain(tree)


_AS_THEY_ARE = frozenset((int, float, str, bool, type(None)))


def plain(value: Any) -> Any:
    """Lists as tuples and numpy's scalars as Python's, however deep."""
    if type(value) in _AS_THEY_ARE:  # nearly all: a search builds thousands of designs a second
        return value
    if isinstance(value, (dict, Mapping)):
        if _AS_THEY_ARE.issuperset(map(type, value.values())):
            return dict(value)
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return tuple(plain(each) for each in value)
    return value.item() if isinstance(value, np.generic) else value
