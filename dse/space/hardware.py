"""The hardware's side of a space: values of a parameter that no design of it can have, and its kinds of DRAM."""

from collections.abc import Iterator, Mapping, Set
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from archsim.costs.sram_nodes import sram_supply
from archsim.costs.technology import check_node, supply
from archsim.design import Design, parameters
from archsim.errors import BadInput, broken_rule
from dse.space.specs import ParameterSpec, Setting, Value

DRAM_KIND = "dram.kind"

_BOUNDED_BY: Mapping[str, Set[str]] = {
    "node_nm": frozenset(),
    "voltage_v": frozenset(("node_nm", "physical.flavour")),
    "physical.sram_voltage_v": frozenset(("node_nm",)),
}
"""Parameters that the cost tables bound, and those that their bounds depend on."""


def problems_of(base: Design, path: str, parameter: ParameterSpec, others: Set[str]) -> Iterator[str]:
    """Why no design can have some value of a parameter, each reason once; `others` are the paths set beside it.

    Of a range both ends are tried, and the value after the first: nodes and powers of two are valid at both ends of a
    range that is refused nearly everywhere between them.
    """
    section, _, _ = path.rpartition(".")
    alone = not any(other.startswith(f"{section}.") for other in others)
    bounded = path in _BOUNDED_BY and not _BOUNDED_BY[path] & others
    values = (*parameter.extremes, *_second(parameter)) if alone else parameter.extremes
    seen: set[str] = set()
    for value in values:
        found = tuple(problems(base, {path: value}).values())
        for problem in found or (_beyond_the_tables(base, path, value) if bounded else ()):
            if problem not in seen:
                yield problem
            seen.add(problem)


def _second(parameter: ParameterSpec) -> Iterator[Value]:
    """The value of a range after its first, where its values can be counted."""
    if parameter.choices is None and parameter.low is not None and (parameter.size or 0) > 2:
        yield parameter.low + (parameter.step or 1)


def _beyond_the_tables(base: Design, path: str, value: Value) -> tuple[str, ...]:
    """Why the cost tables do not cover a value that a design may state."""
    design = base.override({path: value})
    try:
        if path == "node_nm":
            check_node(design.node_nm)
        elif path == "voltage_v":
            supply(design.node_nm, design.voltage_v, design.physical.flavour)
        else:
            sram_supply(design.node_nm, design.physical.sram_voltage_v)
    except BadInput as problem:
        return (str(problem).removeprefix(f"costs: {path} "),)
    return ()


def dram_kinds(
    base: Design, given: Mapping[str, ParameterSpec], variants: Mapping[str, Mapping[str, Mapping[str, Setting]]]
) -> tuple[str, ...]:
    """The kinds of DRAM that a space's designs can have, the base's own among them where nothing else must be set."""
    parameter = given.get(DRAM_KIND)
    choices = () if parameter is None else parameter.extremes
    groups = [[named.get(DRAM_KIND) for named in group.values()] for group in variants.values()]
    set_by_variants = [kind for group in groups for kind in group if kind is not None]
    always = (parameter is not None and not parameter.when) or any(group and None not in group for group in groups)
    own = () if always or base.dram is None else (base.dram.kind,)
    return tuple(dict.fromkeys(str(kind) for kind in (*choices, *set_by_variants, *own)))


def problems(base: Design, settings: Mapping[str, Setting]) -> dict[str, str]:
    """By path: no parameter of the design, or a value out of its own range.

    Rules between several parameters (lanes must divide the PEs) depend on the rest of a point: a point that breaks one
    is refused in the search, with its reason.
    """
    known = parameters(base)
    found = {path: _unknown(base, path, known) for path in settings if path not in known}
    tree = base.model_dump(mode="json")
    for path, value in settings.items():
        if path in known:
            table, leaf = table_of(tree, path)
            table[leaf] = value
    try:
        Design.model_validate(tree)
    except ValidationError as error:
        for item in error.errors():
            path = ".".join(str(part) for part in item["loc"])
            if path:
                given = "" if isinstance(item["input"], dict) else f", not {item['input']!r}"
                found[path] = f"{broken_rule(item)}{given}"
    return found


def _unknown(base: Design, path: str, known: list[str]) -> str:
    if path.startswith("dram.") and base.dram is None:
        return f"must be a parameter of the base design, which has no [dram], not {path!r}"
    return f"must be a parameter of the base design, such as {_close(path, known)}, not {path!r}"


def _close(path: str, known: list[str]) -> str:
    return (get_close_matches(path, known, n=1) or known[-1:])[0]


def table_of(tree: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The table that holds a dotted path, and its key there."""
    *parents, leaf = path.split(".")
    for parent in parents:
        tree = tree[parent]
    return tree, leaf
