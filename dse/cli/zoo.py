"""`archsim zoo`: the shipped models."""

from collections.abc import Sequence
from typing import Annotated

import typer

from archsim.cores import cores
from dse.cli.bars import progress
from dse.cli.options import Json
from dse.cli.tables.cards import zoo_markdown, zoo_table
from dse.cli.tables.networks import published_markdown, published_networks, verified
from dse.cli.terminal import out, print_json
from workloads import zoo
from workloads.zoo.published import published, untrained
from workloads.zoo.verification import Verification, verify


def zoo_(
    verify: Annotated[bool, typer.Option("--verify", help="Measure every test metric again, and compare.")] = False,
    only: Annotated[list[str] | None, typer.Argument(help="Models; default: all.")] = None,
    published_: Annotated[
        bool, typer.Option("--published", help="Beside the papers' figures; what is missing.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """The shipped models; with --verify their test metric is measured again, where the data are at hand.

    archsim zoo --published

    archsim zoo --verify wp-lstm256-ternary
    """
    if published_:
        _published_networks(markdown, as_json)
        return
    names = only or list(zoo.ALL)
    if verify:
        _verify(names, as_json)
        return
    cards = [zoo.load_card(name) for name in names]
    if as_json:
        print_json([card.model_dump(mode="json") for card in cards])
    elif markdown:
        print(zoo_markdown(cards))
    else:
        out.print(zoo_table(cards))


def _verify(names: Sequence[str], as_json: bool) -> None:
    results: list[Verification] = []
    for name in names:
        with progress(name, None) as (bar, task):
            results += verify(name, lambda done, total: bar.update(task, completed=done, total=total), threads=cores())
    if as_json:
        print_json([{**vars(result), "passed": result.passed} for result in results])
    else:
        out.print(verified(results))
    if not all(result.passed for result in results):
        raise typer.Exit(1)


def _published_networks(markdown: bool, as_json: bool) -> None:
    found, missing = published(), untrained()
    if as_json:
        figures = [{**vars(f), "difference": f.difference} for f in found]
        print_json({"figures": figures, "untrained": [{**vars(u), "command": u.command} for u in missing]})
    elif markdown:
        print(published_markdown(found))
    else:
        out.print(published_networks(found, missing))
