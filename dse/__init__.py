"""The search: the only package where networks and hardware meet.

``dse.search(space)`` searches a space, given as an object, a mapping of its keys, the name of a shipped study or a TOML
file (``dse.space.space`` lists the keys), and returns a `Search`: its trials and its front are pandas tables, and
``plot`` is a Plotly figure.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "Search": "dse.interface",
    "Space": "dse.space.space",
    "load_search": "dse.interface",
    "load_space": "dse.space.space",
    "search": "dse.interface",
}
"""Public names, each with the module that defines it; their types are in ``__init__.pyi``."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562): a search takes a second to load."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
