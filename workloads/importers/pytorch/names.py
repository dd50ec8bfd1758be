"""Names of the tensors in a state dict: modules, recurrent weights, and how names are shown."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Tensors = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Key:
    """A name as nn.LSTM, nn.GRU, nn.RNN (with a layer) and their cells (without) give them."""

    module: str
    what: str
    layer: int | None
    reverse: bool

    @classmethod
    def of(cls, name: str) -> "Key | None":
        match = _KEY.fullmatch(name)
        if match is None:
            return None
        layer = match["layer"]
        return cls(match["module"] or "", match["what"], int(layer) if layer else None, bool(match["reverse"]))


_RECURRENT = (
    r"(?:(?P<module>.*)\.)?(?P<what>weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)"
    r"(?:_l(?P<layer>[0-9]{1,4}))?(?P<reverse>_reverse)?"
)
_KEY = re.compile(_RECURRENT, re.DOTALL)
_MORE = re.compile(rf"(?P<weight>{_RECURRENT})(?P<more>.+)", re.DOTALL)


def owner(name: str) -> str | None:
    """The recurrent weight that a tensor is, or whose name its own begins with; None where there is none."""
    if Key.of(name):
        return name
    plain = name.replace("parametrizations.", "")
    match = _MORE.fullmatch(plain)
    return match["weight"] if match else None


def module_of(name: str) -> str:
    return name.rpartition(".")[0]


def dotted(module: str) -> str:
    return f"{module}." if module else ""


def common_prefix(names: Iterable[str]) -> str:
    """What Lightning, DataParallel and torch.compile put before every name: ``model.``, ``module.``, ``_orig_mod.``."""
    names, prefix = list(names), ""
    while True:
        first = names[0][len(prefix) :].partition(".")[0] if names else ""
        longer = f"{prefix}{first}."
        if first not in ("model", "module", "_orig_mod") or not all(name.startswith(longer) for name in names):
            return prefix
        prefix = longer


def listed(names: Iterable[str]) -> str:
    """At most a dozen names, on one line."""
    quoted = [shown(name) for name in names]
    return ", ".join(quoted[:12]) + (f" and {len(quoted) - 12} more" if len(quoted) > 12 else "")


def shown(name: str) -> str:
    return name if name.isprintable() and name else repr(name)
