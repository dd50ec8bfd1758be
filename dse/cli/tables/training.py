"""Tables of trained variants of a recipe. Needs PyTorch, as what they show does."""

from collections.abc import Sequence

from rich.table import Table

from dse.cli.tables.layout import figures
from workloads.training.sweep import Trained


def sweep_table(found: Sequence[Trained]) -> Table:
    """Variants of a recipe as they came out."""
    keys = tuple(found[0].variant.values)
    rows = [
        (
            *map(str, t.variant.values.values()),
            f"{t.validation:.3f}",
            f"{t.test:.3f}",
            f"{t.best_epoch}/{t.epochs_run}",
        )
        for t in found
    ]
    heads = (*keys, "validation", "test", "best epoch")
    return figures(f"Variants: {found[0].metric}, less is better", heads, rows, text=keys)


def sweep_markdown(found: Sequence[Trained]) -> str:
    """Test metrics for a page: the last field that varies goes across, the others down."""
    down = list(found[0].variant.values)[:-1]
    tests = {tuple(map(str, t.variant.values.values())): f"{t.test:.2f}" for t in found}
    across = list(dict.fromkeys(key[-1] for key in tests))
    lines = [f"| {' | '.join([*down, *across])} |", "|---" * (len(down) + len(across)) + "|"]
    for row in dict.fromkeys(key[:-1] for key in tests):
        cells = (*row, *(tests.get((*row, column), "") for column in across))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
