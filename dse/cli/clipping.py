"""What commands say of numbers that lie beyond the fixed point which holds them, and are clipped."""

from collections.abc import Iterable
from typing import Any

from dse.cli.tables.layout import literal
from dse.cli.terminal import notes
from workloads.numbers import Clipped

MORE_BITS = {
    "input": "import the model with more --input-integer-bits",
    "state": "import the model with more --state-integer-bits",
}
"""What to do instead, by the kind of what is clipped, with a model that is not in integers."""


def say_clipped(clips: Iterable[Clipped], instead: dict[str, str] | None = None, model: str | None = None) -> None:
    """A note for each place where something is clipped, of `model`, with what to do `instead` by its kind."""
    for clip in clips:
        if clip.clipped:
            remedy = (instead or {}).get(clip.kind)
            place = literal(clip.place if model is None else f"{model}, {clip.place}")
            text = clipped_words(clip) + (f"; {remedy}" if remedy else "")
            notes.print(f"[yellow]{place}:[/] {text}", soft_wrap=True, highlight=False)


def clipped_words(clip: Clipped) -> str:
    """``40.0% do not fit -1 to 0.9922 and are clipped``, with a count where the share would read as none."""
    share = f"{clip.share:.1%}" if clip.share >= 0.0005 else f"{clip.clipped:,} of {clip.of:,}"
    range_ = "their range" if clip.within is None else "{:.4g} to {:.4g}".format(*clip.within)
    return f"{share} do not fit {range_} and are clipped"


def clipped_json(clips: Iterable[Clipped]) -> list[dict[str, Any]]:
    """For ``--json``: everything that was looked at, clipped or not."""
    return [{**clip.model_dump(), "share": clip.share} for clip in clips]
