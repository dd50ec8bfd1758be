"""`archsim list`: what is shipped."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer

from archsim import designs
from archsim.design import PLUGINS as PLUGGED_DESIGNS
from archsim.design import load_design
from archsim.files import read_toml
from archsim.plugins import Group
from dse import studies
from dse.cli.options import Json, one_of
from dse.cli.tables.cards import zoo_table
from dse.cli.tables.layout import figures, literal
from dse.cli.terminal import notes, out, print_json
from workloads import cells, formats, tasks, zoo
from workloads.zoo.card import Card

Shipped = Literal["all", "designs", "workloads", "tasks", "cells", "formats", "studies"]

PLUGINS: tuple[Group[Any], ...] = (PLUGGED_DESIGNS, tasks.PLUGINS, cells.PLUGINS, formats.PLUGINS)
"""Those of whose kind there is a list."""

TEXT_COLUMNS = ("input", "metric", "data", "needs", "gates", "carries", "stochastic", "what")
"""Columns of `archsim list` that are no numbers."""

JSON_ONLY = ("outputs", "title")
"""Columns that a terminal has no room for."""


def list_(
    what: Annotated[
        Shipped,
        typer.Argument(
            help="designs, workloads, tasks, cells, formats or studies; default: all.", **one_of("list", Shipped)
        ),
    ] = "all",
    as_json: Json = False,
) -> None:
    """What is shipped.

    archsim list workloads

    archsim list designs --json
    """
    rows = {name: list_them() for name, list_them in LISTINGS.items() if what in ("all", name)}
    for fault in (fault for group in PLUGINS for fault in group.faults()):
        notes.print(f"[yellow]left out:[/] {literal(fault)}", soft_wrap=True, highlight=False)
    if as_json:
        print_json({name: [_as_json(row) for row in listing] for name, listing in rows.items()})
        return
    for name, listing in rows.items():
        if name == "workloads":
            out.print(zoo_table(listing))
        else:
            columns = [name for name in listing[0] if name not in JSON_ONLY]
            rows_of_text = [[_in_words(row[c]) for c in columns] for row in listing]
            out.print(figures(name, columns, rows_of_text, text=TEXT_COLUMNS))


def _as_json(row: Any) -> Any:
    return row.model_dump(mode="json") if isinstance(row, Card) else row


def _in_words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:,}" if isinstance(value, int) else str(value)


def _designs() -> list[dict[str, Any]]:
    loaded = [*(load_design(name) for name in designs.ALL), *PLUGGED_DESIGNS.every()]
    return [
        {"name": d.name, "PEs": d.pe_array.pes, "MHz": d.clock_mhz, "lanes": d.lanes, "what": d.title} for d in loaded
    ]


def _workloads() -> list[Card]:
    return [zoo.load_card(name) for name in zoo.ALL]


def _tasks() -> list[dict[str, Any]]:
    return [
        {
            "name": t.name,
            "input": f"{t.symbols} symbols" if t.symbols else f"vector of {t.features}",
            "outputs": t.outputs,
            "metric": t.metric,
            "data": "here" if t.missing() is None else "absent",
            "title": t.title,
        }
        for t in tasks.every()
    ]


def _cells() -> list[dict[str, Any]]:
    return [
        {
            "name": c.name,
            "gates": " ".join(c.gates),
            "carries": " ".join(c.states),
            "what": c.what,
        }
        for c in cells.every()
    ]


def _formats() -> list[dict[str, Any]]:
    return [
        {"name": f.name, "bits": f.bits, "needs": f.multiplier, "stochastic": f.stochastic} for f in formats.every()
    ]


def _studies() -> list[dict[str, Any]]:
    return [{"name": name, "what": read_toml(studies.path(name))["title"]} for name in studies.ALL]


LISTINGS: dict[Shipped, Callable[[], list[Any]]] = {
    "designs": _designs,
    "workloads": _workloads,
    "tasks": _tasks,
    "cells": _cells,
    "formats": _formats,
    "studies": _studies,
}
