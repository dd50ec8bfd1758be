"""What files state of a config: a field that was added later is left out while it is at its default.

A new field thus changes neither the file nor the digest of a model that does not use it, and files that were stored
without it are read as before.
"""

from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from archsim.frozen import Frozen


class _Later:
    """The type of the marker `LATER`."""


LATER = _Later()
"""Marks a field that was added when models had been stored without it: ``Annotated[bool, LATER]``."""


class Stated(Frozen):
    """A part of a stored config; what is marked `LATER` and at its default is no part of its file."""

    @model_serializer(mode="wrap")
    def _stated(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        tree: dict[str, Any] = handler(self)
        for name, field in type(self).model_fields.items():
            if LATER in field.metadata and getattr(self, name) == field.default:
                tree.pop(name, None)
        return tree


def in_float16(tree: Any) -> Any:
    """A dumped config, or a part of it, where float32 weights are float16."""
    if isinstance(tree, dict):
        return {
            key: "float16" if key.endswith("weight_format") and part == "float32" else in_float16(part)
            for key, part in tree.items()
        }
    return [in_float16(part) for part in tree] if isinstance(tree, list | tuple) else tree
