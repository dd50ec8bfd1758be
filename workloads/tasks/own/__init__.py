"""Tasks of one's own: data that a person names, in one TOML file or by keywords in Python (`own_task`).

The smallest one::

    kind = "classification"
    files = "sensors.npz"
    inputs = "x"
    targets = "y"
    layout = "sequences, steps, features"
    splits = { by = "share", shares = [0.7, 0.15, 0.15], seed = 1 }

Every key:

================ =====================================================================================================
key              meaning
================ =====================================================================================================
kind             classification, regression, or language-model (predict the next symbol)
files            one or more of .npz, .npy, .csv, .tsv, .parquet, or text; relative to the TOML file, else in
                 $ARCHSIM_DATA; ``*`` stands for all that fit, in order of name. What has the same name in several files
                 is put one after the other
inputs           names of arrays or columns, side by side as features; ``*`` as above. A .npy has the name of its file
targets          the same, of what is to be predicted: one for classification, one or more numbers for regression
layout           axes of the arrays, in order, of: sequences, steps, features. PyTorch's batch_first, and most data
                 files, are "sequences, steps, features"; rows of a table are "steps, features", or "sequences, steps"
                 where each row is a sequence and each column a step. An axis features that is not named has one
when             "last_step" (default): one target a sequence. "every_step": one a step, laid out as inputs
lengths          name: steps of each sequence; what lies beyond is padding, and is never read
sequence         of rows: the column that tells sequences apart, within each file; "{file}": each file is one
window, stride   of rows: cut each sequence into windows of so many, each so many after the one before (default:
                 window); what is left at its end is left out
target_row       of rows, when = "last_step": "same" (default) refuses rows that differ, "last" takes the last row's
symbols          inputs are symbols from 0 to this number less 1, instead of vectors
classes          list of all classes, in the order of the network's outputs; default: those of the training split,
                 sorted
tokens           of text: "characters" or "words" (between spaces; the end of a line is the word <eos>)
vocabulary       of words: at most so many, the most frequent of the training split; others are <unk>
vocabulary_file  JSON list of tokens in the order of their symbols
normalisation    "none" (default), "standard" (mean 0, deviation 1) or "min-max" (0 to 1) of each feature, by figures of
                 the training split
metric           classification: error_pct (default), f1_loss_pct (100 less the macro F1 in %); regression: rmse
                 (default), mae; language-model: bpc (default), ppw (default of words). Less is better, always
splits           { by = "share", shares = [TRAIN, VALIDATION, TEST], seed = S, group = NAME }: drawn; no group is in
                 two splits
                 { by = "position", shares = [...] }: one after the other as they lie
                 { by = "column", column = NAME, train = A, validation = B, test = C }: by what stands there (default:
                 the names of the splits)
                 { by = "name", train = A, validation = B, test = C }: each takes the place of "{split}" in files,
                 inputs, targets, lengths and sequence
                 by "column" and "name", where there is no validation split: validation_share = SHARE, seed = S (and
                 group = NAME): drawn from the training split
title, published what a card and a report say of it
================ =====================================================================================================

Missing and infinite values are refused, with their number and the place of the first. Nothing in a file is executed:
arrays of objects are refused. A task's digest is that of its files and of every key that changes a figure.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archsim.errors import BadInput
from archsim.files import read_toml
from workloads.tasks import files as data_files
from workloads.tasks.own.spec import Kind, TaskSpec
from workloads.tasks.own.task import OwnSequences, OwnTask, OwnText

KEPT = 8
"""Tasks whose data a process remembers."""


def own_task(
    kind: Kind,
    files: str | Path | Sequence[str | Path] = (),
    *,
    name: str = "own task",
    folder: str | Path = ".",
    arrays: Mapping[str, ArrayLike] | None = None,
    **keys: Any,
) -> OwnSequences | OwnText:
    """A task of the keys above, of `files` (relative to `folder`) or of `arrays` by name; nothing is read yet.

    ``inputs``, ``targets``, ``lengths`` and ``sequence`` may be arrays themselves instead of names. BadInput has a line
    for each mistake. ``save`` writes it as a file, by whose path commands, models and studies know it.
    """
    given: dict[str, NDArray[Any]] = {key: np.asarray(array) for key, array in (arrays or {}).items()}
    for key in ("inputs", "targets", "lengths", "sequence"):
        if key in keys and not _names(keys[key]):
            given[key] = np.asarray(keys[key])
            keys[key] = key
    named = [str(files)] if isinstance(files, str | Path) else [str(file) for file in files]
    if bool(named) == bool(given):
        raise BadInput(f"{name}: files: give either files or arrays")
    tree = {"kind": kind, "files": named or ["arrays"], **keys}
    return _task(name, TaskSpec.read(tree, name), Path(folder).absolute(), given or None)


def load_task(path: str | Path) -> OwnSequences | OwnText:
    """The task of a TOML file; its data are read when they are asked for. BadInput has a line for each mistake."""
    where = found(path)
    if where is None:
        raise BadInput(not_found(path))
    stat = where.stat()
    key = str(Path(path).absolute()), where, (stat.st_mtime_ns, stat.st_size)
    if _loaded(*key).changed:
        _loaded.cache_clear()
    return _loaded(*key)


def found(path: str | Path) -> Path | None:
    """Where the file of a task is: at its path, by its name in the working folder, or in ``$ARCHSIM_DATA``."""
    given = Path(path).absolute()
    there = next((each for each in (given, Path.cwd() / given.name) if each.is_file()), None)
    return there or data_files.located(given.name)


def not_found(path: str | Path) -> str:
    given = Path(path).absolute()
    return (
        f"task {given}: is not there, nor is {given.name} in {Path.cwd()} or ${data_files.VARIABLE}; put it back, or "
        "name another with --task"
    )


@lru_cache(KEPT)
def _loaded(name: str, path: Path, changed: tuple[int, int]) -> OwnSequences | OwnText:
    """`changed` tells a file from what it was before."""
    return _task(name, TaskSpec.read(read_toml(path), str(path)), path.parent, None)


def _task(name: str, spec: TaskSpec, folder: Path, arrays: Mapping[str, NDArray[Any]] | None) -> OwnSequences | OwnText:
    made = OwnText if spec.kind == "language-model" else OwnSequences
    return made(name, spec, folder, arrays)


def _names(given: object) -> bool:
    """Whether it is a name or several, not an array."""
    return isinstance(given, str) or (isinstance(given, list | tuple) and all(isinstance(each, str) for each in given))


__all__ = ["OwnSequences", "OwnTask", "OwnText", "TaskSpec", "found", "load_task", "not_found", "own_task"]
