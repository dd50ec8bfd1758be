"""Weights that are made of other tensors: weight norm, pruning, masks, weight drop.

Each is made here as PyTorch makes it before a forward pass, and it is said. What is not known how to make is refused:
a tensor whose name begins with a recurrent weight's is never passed over.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads.importers.network import Float32s, Note, as_float32
from workloads.importers.pytorch.names import Key, Tensors, dotted, listed, module_of, owner, shown

Parts = dict[str, str]
"""Names of the tensors that a weight is made of, by what they are."""


def checked_ignored(tensors: Tensors, ignored: Iterable[str], note: Note) -> dict[str, NDArray[Any]]:
    """`tensors` without those that are named, or whose module is; BadInput where a recurrent weight needs one."""
    gone: set[str] = set()
    for name in ignored:
        matching = {n for n in tensors if n == name or n.startswith(f"{name}.")}
        if not matching:
            raise BadInput(f"ignore: there is no tensor or module {name!r} among {listed(tensors)}")
        gone |= matching
    kept = {module_of(weight) for name in tensors if name not in gone and (weight := owner(name))}
    for name in sorted(gone):
        weight = owner(name)
        if weight is not None and any(
            module == module_of(weight) or module.startswith(dotted(module_of(weight))) for module in kept
        ):
            raise BadInput(f"ignore: tensor {shown(name)} belongs to the recurrent weight {shown(weight)}, which is "
                           "another without it; ignore the whole module, or nothing of it")  # fmt: skip
    if gone:
        note(f"ignored, as told: {listed(sorted(gone))}")
    return {name: array for name, array in tensors.items() if name not in gone}


def plain_weights(tensors: Tensors, note: Note) -> dict[str, NDArray[Any]]:
    """The tensors with each weight in the place of what it is made of."""
    groups = _groups(tensors)
    part_of: dict[str, str] = {}
    for base, parts in groups.items():
        if _rule(parts, base in tensors) is not None:
            part_of |= dict.fromkeys([*parts.values(), base, _home(base, tensors)], base)
    made: dict[str, NDArray[Any]] = {}
    for name, array in tensors.items():
        if name not in part_of:
            made[name] = array
            continue
        base = part_of[name]
        rule = _rule(groups[base], base in tensors)
        if rule is not None and _home(base, tensors) not in made:
            made[_home(base, tensors)] = rule(tensors, base, groups[base], note)
    _check_belonging(made)
    return made


def _groups(tensors: Tensors) -> dict[str, Parts]:
    """What weights are made of, by the weight."""
    groups: dict[str, Parts] = {}
    for name in tensors:
        if (found := _part(name)) is not None:
            base, what = found
            groups.setdefault(base, {})[what] = name
    return groups


_SUFFIX = re.compile(
    r"(?P<base>(?:.*\.)?(?:weight|bias)(?:_(?:ih|hh|hr))?(?:_l[0-9]{1,4})?(?:_reverse)?)_(?P<what>g|v|u|orig|mask|raw)",
    re.DOTALL,
)
_PARAMETRIZED = re.compile(r"(?P<module>(?:.*\.)?)parametrizations\.(?P<weight>[^.]+)\.(?P<what>.+)", re.DOTALL)


def _part(name: str) -> tuple[str, str] | None:
    """The weight that a tensor is a part of, and which."""
    if match := _PARAMETRIZED.fullmatch(name):
        return match["module"] + match["weight"], f"parametrizations.{match['what']}"
    if match := _SUFFIX.fullmatch(name):
        return match["base"], match["what"]
    return None


Rule = Callable[[Tensors, str, Parts, Note], Float32s]


def _rule(parts: Parts, plain: bool) -> Rule | None:
    """How a weight is made of its parts, `plain`: beside a tensor of its own name. None: by no way known here."""
    names = set(parts)
    if any(name.startswith("parametrizations.") for name in names):
        return _weight_norm if names == _ORIGINALS and not plain else _refuse_parametrization
    if names >= {"orig", "u"}:
        return _refuse_spectral_norm
    return {
        (frozenset({"g", "v"}), False): _weight_norm,
        (frozenset({"orig", "mask"}), False): _pruned,
        (frozenset({"mask"}), True): _masked,
        (frozenset({"raw"}), True): _dropped,
        (frozenset({"raw"}), False): _dropped,
    }.get((frozenset(names), plain))


_ORIGINALS = {"parametrizations.original0", "parametrizations.original1"}


def _weight_norm(tensors: Tensors, base: str, parts: Parts, note: Note) -> Float32s:
    """``g v / |v|``; g has as many elements as the norm was taken of slices, so that its shape says over which axes."""
    g, v = (_floats(tensors, name, note) for _, name in sorted(parts.items()))
    g_name, v_name = (name for _, name in sorted(parts.items()))
    if g.ndim not in (0, v.ndim) or any(n not in (1, m) for n, m in zip(g.shape, v.shape, strict=False)):
        raise BadInput(f"tensor {shown(g_name)} must be of the norms of {shown(v_name)} {v.shape}, not {g.shape}")
    axes = tuple(k for k in range(v.ndim) if g.ndim == 0 or g.shape[k] == 1)
    norm = np.sqrt(np.sum(v.astype(np.float64) ** 2, axis=axes, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        weight = as_float32((v * (g / norm)).astype(np.float32), f"tensor {shown(base)}, made by weight norm,", note)
    note(f"{shown(base)} is made by weight norm: {shown(g_name)} times {shown(v_name)} over its norm")
    return weight


def _pruned(tensors: Tensors, base: str, parts: Parts, note: Note) -> Float32s:
    return _product(tensors, base, parts["orig"], parts["mask"], note)


def _masked(tensors: Tensors, base: str, parts: Parts, note: Note) -> Float32s:
    return _product(tensors, base, base, parts["mask"], note)


def _product(tensors: Tensors, base: str, weight_name: str, mask_name: str, note: Note) -> Float32s:
    weight, mask = _floats(tensors, weight_name, note), tensors[mask_name]
    if mask.shape != weight.shape or not np.all((mask == 0) | (mask == 1)):
        raise BadInput(f"tensor {shown(mask_name)} must be a mask of zeros and ones {weight.shape}, for "
                       f"{shown(weight_name)}")  # fmt: skip
    note(f"{shown(base)} is pruned: {shown(weight_name)} times {shown(mask_name)}")
    return weight * mask.astype(np.float32)


def _dropped(tensors: Tensors, base: str, parts: Parts, note: Note) -> Float32s:
    beside = " (what is stored as that is left over from dropout)" if _home(base, tensors) in tensors else ""
    note(f"{shown(_home(base, tensors))} is {shown(parts['raw'])}: weight drop{beside}")
    return _floats(tensors, parts["raw"], note)


def _refuse_spectral_norm(tensors: Tensors, base: str, parts: Parts, note: Note) -> Float32s:
    raise BadInput(f"{shown(base)} is made by spectral norm ({listed(sorted(parts.values()))}): before saving, call "
                   "torch.nn.utils.remove_spectral_norm on its module")  # fmt: skip


def _refuse_parametrization(tensors: Tensors, base: str, parts: Parts, note: Note) -> Float32s:
    raise BadInput(f"{shown(base)} is made by a parametrization ({listed(sorted(parts.values()))}) other than weight "
                   "norm: before saving, call torch.nn.utils.parametrize.remove_parametrizations on it")  # fmt: skip


def _floats(tensors: Tensors, name: str, note: Note) -> Float32s:
    return as_float32(tensors[name], f"tensor {shown(name)}", note)


def _home(base: str, tensors: Tensors) -> str:
    """Where a weight belongs: fastai's WeightDropout keeps the raw one outside the ``module`` that it wraps."""
    key = Key.of(base)
    if key is None:
        return base
    inside = f"{dotted(key.module)}module.{base.removeprefix(dotted(key.module))}"
    own = any(name != base and module_of(name) == key.module and Key.of(name) for name in tensors)
    return inside if not own and inside in tensors else base


def _check_belonging(tensors: Tensors) -> None:
    """BadInput where a tensor's name begins with a recurrent weight's: what it does to the weight is not known."""
    for name in tensors:
        weight = owner(name)
        if weight is not None and weight != name:
            raise BadInput(f"tensor {shown(name)} belongs to the recurrent weight {shown(weight)}, and what it does "
                           "to it is not known: save the weight as the model computes with it, or export the model "
                           "to ONNX")  # fmt: skip
