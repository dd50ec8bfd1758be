"""The tables of a search: trials, published designs, models; and how tables are written and read back."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from archsim.errors import BadInput
from archsim.files import encoding_of_file, whole_file
from dse import constraints
from dse.evaluation.point import MeasuredModel
from dse.results import clocks
from dse.results.files import write_text
from dse.results.result import PublishedDesigns, SearchResult, Trial
from dse.results.traces import relative
from dse.space.choice import ModelChoice
from dse.space.space import MODEL, Space

WORDS = ("reason", "left_out")
"""Columns of text that may be empty."""

PUBLISHED_COLUMNS = ("design", "title", "model", "weight_format", "state_sparsity")

LOSSES = ("validation_loss", "test_loss")
"""Columns of the tables of a search that has a task."""

MODELS_COLUMNS = (
    "model", "threshold", "as_trained", "weight_format", "weight_kib", "state_sparsity", "validation_loss", "test_loss",
    "on_front", "identity", "trace",
)  # fmt: skip


def trials_table(result: SearchResult, space: Space) -> pd.DataFrame:
    """A row a trial, in the order in which they were drawn."""
    on_front = {point.trial.number for point in result.front}
    trials = pd.DataFrame([_trial_row(trial, trial.number in on_front, space) for trial in result.trials])
    trials = trials.assign(hypervolume=result.course)
    return trials.assign(**{f"on_front_{end}": trials["trial"].isin(list(n)) for end, n in result.fronts.items()})


def front_table(trials: pd.DataFrame, result: SearchResult, space: Space) -> pd.DataFrame:
    """The rows of the front, with the pipeline stages that its clocks take, and test loss where there is a task."""
    test_loss = {point.trial.number: point.test_loss for point in result.front}
    extra = dict(zip(test_loss, clocks.column(point.evaluation.design for point in result.front), strict=True))
    front = trials[trials["on_front"]].drop(columns=["reason", "feasible", "on_front", "distinct", "hypervolume"])
    front = front.assign(**{clocks.COLUMN: np.array([extra[number] for number in front["trial"]], float)})
    if space.task is None:
        return front
    return front.assign(test_loss=np.array([test_loss[number] for number in front["trial"]], float))


def _trial_row(trial: Trial, on_front: bool, space: Space) -> dict[str, object]:
    found, inactive = trial.outcome, space.inactive(trial.parameters)
    return {
        "trial": trial.number,
        "model": found.model,
        "threshold": found.threshold,
        "weight_format": found.weight_format,
        "state_sparsity": found.state_sparsity,
        **{name: None if name in inactive else value for name, value in trial.parameters.items() if name != MODEL},
        **{o.name: found.values.get(o.name, float("nan")) for o in space.figures},
        **{c.name: found.values[c.name] <= 0 if c.name in found.values else None for c in constraints.every()},
        "weights_resident": found.weights_resident,
        "left_out": found.left_out,
        "feasible": found.feasible,
        "reason": found.reason,
        "on_front": on_front,
        "distinct": trial.distinct,
        "design_sha256": found.design_sha256,
    }


def published_table(published: PublishedDesigns, space: Space) -> pd.DataFrame:
    """A row a shipped design and model of the space."""
    rows = [
        {
            "design": design.name,
            "title": design.title,
            "model": choice.network,
            "weight_format": found.weight_format,
            "state_sparsity": found.state_sparsity,
            **{o.name: found.values[o.name] for o in space.figures},
            "weights_resident": found.weights_resident,
            "left_out": found.left_out,
            "feasible": found.feasible,
            "reason": found.reason,
        }
        for design, choice, found in published
    ]
    columns = (*PUBLISHED_COLUMNS, *(o.name for o in space.figures))
    return pd.DataFrame(rows, columns=[*columns, "weights_resident", "left_out", "feasible", "reason"])


def models_table(measured: Mapping[ModelChoice, MeasuredModel], result: SearchResult, space: Space) -> pd.DataFrame:
    """A row a model and threshold; without a task no losses."""
    test = {point.evaluation.measured.choice: point.test_loss for point in result.front}
    rows = [
        {
            "model": choice.network,
            "threshold": side.threshold,
            "as_trained": choice.threshold is None,
            "weight_format": side.weight_format,
            "weight_kib": side.weight_bytes / 1024,
            "state_sparsity": side.state_sparsity,
            "validation_loss": side.validation_loss,
            "test_loss": test.get(choice),
            "on_front": choice in test,
            "identity": side.identity,
            "trace": relative(side, result.folder),
        }
        for choice, side in sorted(measured.items(), key=lambda item: (item[0].network, item[1].threshold))
    ]
    table = pd.DataFrame(rows, columns=[*MODELS_COLUMNS])
    return table if space.task else table.drop(columns=[*LOSSES])


def write_csv(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    objects = {name: table[name].convert_dtypes() for name in table.columns if table[name].dtype == object}
    mixed = [name for name, column in objects.items() if column.dtype == object]  # a choice of numbers and words
    typed = table.assign(**objects).astype(dict.fromkeys(mixed, "string"))
    with whole_file(path) as unfinished:
        typed.to_parquet(unfinished, compression="zstd", index=False)


def read_csv(path: Path, groups: Iterable[str] = ()) -> pd.DataFrame:
    """`groups` of variants are text whatever their variants are called: true, or 07."""
    words = (*WORDS, *groups)
    try:
        encoding = encoding_of_file(path)
        table = pd.read_csv(
            path, encoding=encoding, keep_default_na=False, na_values=[""], dtype=dict.fromkeys(words, str)
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole table of a search ({error})") from None
    return table.fillna(dict.fromkeys(words, ""))


def read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: is not a whole table of a search ({error})") from None
