"""ES modules as one script that a page can hold: nothing but Python is needed to write a report.

The modules are put one after another, each after those that it imports, and share one scope: what they declare at
their top level must differ in name from module to module.
"""

import re
from collections.abc import Mapping
from graphlib import TopologicalSorter

_IMPORT = re.compile(r'^import \{\s*\w+(?:,\s*\w+)*,?\s*\} from "\./([\w-]+\.js)";\n', re.MULTILINE)
_TYPES = re.compile(r'^/\*\* @import \{[^{}]*\} from "\S+" \*/\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|let|function) )", re.MULTILINE)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(modules: Mapping[str, str]) -> str:
    """One script of modules by file name.

    CycleError where modules import each other; ValueError where one imports or exports otherwise than by the very name
    of a declaration.
    """
    imports = {name: _IMPORT.findall(text) for name, text in modules.items()}
    order = TopologicalSorter(imports).static_order()
    return "\n".join(['"use strict";', *(_plain(name, modules[name]) for name in order)])


def _plain(name: str, text: str) -> str:
    """A module without its imports, those of types included, and exports."""
    plain = _EXPORT.sub("", _TYPES.sub("", _IMPORT.sub("", text)))
    other = _OTHER.search(plain)
    if other:
        raise ValueError(f"{name}: must import and export by name alone, not {other.group()!r}")
    return plain
