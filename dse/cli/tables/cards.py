"""Tables of the shipped models, by their cards."""

from collections.abc import Iterable

from rich.table import Table

from dse.cli.tables.layout import figures
from workloads.tasks import METRIC_WORDS
from workloads.zoo.card import Card


def zoo_table(cards: Iterable[Card]) -> Table:
    """The shipped models as measured, a line each; validation is in the cards and in JSON."""
    return figures(
        "The test split; zeros of one sequence, and in all of 8",
        ("name", "test", "zeros", "of 8", "KiB"),
        [
            (
                card.name,
                f"{card.measured.test:.3f} {METRIC_WORDS[card.measured.metric].short}",
                f"{card.measured.state_sparsity:.1%}",
                f"{card.measured.union_sparsity[8]:.1%}" if 8 in card.measured.union_sparsity else "",
                f"{card.file.gate_weight_bytes / 1024:,.1f}",
            )
            for card in cards
        ],
    )


def zoo_markdown(cards: Iterable[Card]) -> str:
    """The shipped models as docs/results shows them: each beside the float model of its group, if there is one."""
    cards = list(cards)
    twins = {card.recipe.group: card.measured.test for card in cards if card.recipe.weight_format == "float32"}
    lines = [
        "| model | weights | validation | test | test - float | zeros | in all of 8 | gates, KiB | epochs (best) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for card in cards:
        m, training, first = card.measured, card.training, card.recipe.first
        epochs = f"{f'{first.epochs} + ' if first else ''}{training.epochs_run} ({training.best_epoch})"
        twin = twins.get(card.recipe.group)
        lines.append(
            f"| `{card.name}` | {card.recipe.weight_format} | {m.validation:.3f} | {m.test:.3f} "
            f"| {'' if twin is None else f'{m.test - twin:+.3f}'} | {m.state_sparsity:.1%} | {m.union_sparsity[8]:.1%} "
            f"| {card.file.gate_weight_bytes / 1024:,.1f} | {epochs} |"
        )
    return "\n".join(lines)
