"""The figure of a comparison, as a page of its own."""

from pathlib import Path

import pandas as pd

from dse.compare import Comparison
from dse.files import write_text
from dse.plots.samplers import samplers_info, samplers_plot


def write_page(folder: Path, found: Comparison) -> Path:
    """``compare.html``: works offline."""
    made = samplers_plot(samplers_info(pd.read_csv(folder / "compare.csv")))
    made.update_layout(title={"text": f"{found.space}: {found.points:,} points, {found.front:,} on the exact front"})
    path = folder / "compare.html"
    write_text(path, made.to_html(include_plotlyjs=True))
    return path
