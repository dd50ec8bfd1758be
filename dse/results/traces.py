"""What the points of a search ran, in its folder."""

from collections.abc import Iterable
from pathlib import Path

from dse.evaluation.point import MeasuredModel


def trace_path(measured: MeasuredModel, folder: Path) -> Path:
    """File of the trace of a choice; two models of one name differ in their identity."""
    choice = measured.choice
    threshold = "" if choice.threshold is None else f"@{choice.threshold:g}"
    return folder / "traces" / f"{Path(choice.network).stem}{threshold}-{measured.identity[:8]}.npz"


def write_traces(measured: Iterable[MeasuredModel], folder: Path) -> None:
    """What points ran, so that they can be run again as they were."""
    for path, one in {trace_path(one, folder): one for one in measured}.items():
        one.trace.save(path)


def relative(measured: MeasuredModel, folder: Path) -> str:
    """The file as the tables of the folder name it."""
    return str(trace_path(measured, folder).relative_to(folder))
