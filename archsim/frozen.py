"""The base of everything that is validated from a file or a call: frozen, and every value as it is written."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator


class Frozen(BaseModel):
    """A frozen model that refuses unknown keys, and takes values as they are written (pydantic's ValidationError).

    Neither true nor a text is a number, and an integer has no decimal point. A whole number will do where any number
    will, a list where a tuple is due, and numpy's scalars are the numbers that they hold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, tree: Any) -> Any:
        return plain(tree)


_AS_THEY_ARE = frozenset((int, float, str, bool, type(None)))


class HashedOnce(Frozen):
    """A frozen model that is the key of caches, so that its hash is computed once."""

    def __hash__(self) -> int:
        return self.hash_of_fields

    @cached_property
    def hash_of_fields(self) -> int:
        return hash(tuple(getattr(self, name) for name in type(self).model_fields))

    def __getstate__(self) -> dict[Any, Any]:
        """What is pickled: the fields alone, since the hash of a text differs between processes."""
        state = super().__getstate__()
        fields = {name: value for name, value in state["__dict__"].items() if name in type(self).model_fields}
        return {**state, "__dict__": fields}


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
