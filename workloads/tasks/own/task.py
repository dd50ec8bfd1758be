"""Tasks of one's own: what a spec and its files come to."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import tomli_w
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.files import check_output, whole_file
from archsim.trace.graph import When
from workloads.tasks import files, language_model
from workloads.tasks.base import SPLITS, OnSteps, Predicts, Runnable, Sample, Split, Symbols, check_split
from workloads.tasks.metrics import ErrorMetric, Metric, TextMetric
from workloads.tasks.normalisation import Normalisation
from workloads.tasks.own.build import Built, Classes, build
from workloads.tasks.own.parts import read_part
from workloads.tasks.own.sources import Memory, Source, Sources, opened
from workloads.tasks.own.spec import PLACE, Given, TaskSpec
from workloads.tasks.own.text import Splits, decoded, read_symbols, read_text, read_vocabulary
from workloads.tasks.sequences import Sequences, measured, sampled


@dataclass(frozen=True, eq=False)
class OwnTask(ABC):
    """A task that a person describes. Data are read at the first call that needs them, and remembered."""

    name: str
    """Path of its file, by which a model and a study name it; or what a program calls it."""
    spec: TaskSpec
    folder: Path
    """What its files are relative to."""
    arrays: Mapping[str, NDArray[Any]] | None = None
    """Instead of files."""

    @property
    def title(self) -> str:
        return self.spec.title or Path(self.name).stem

    @property
    def published(self) -> str:
        return self.spec.published

    @property
    def ships(self) -> bool:
        return False

    @property
    def metric(self) -> Metric:
        return self.spec.measure

    @property
    @abstractmethod
    def outputs(self) -> int: ...

    def missing(self) -> str | None:
        try:
            self._paths()
        except BadInput as error:
            return error.lines[0]
        return None

    @property
    def changed(self) -> bool:
        """Whether a file is another than it was when something was read of it."""
        return "_read_at" in vars(self) and self._read_at != self._files()

    @cached_property
    def _read_at(self) -> tuple[tuple[str, int, int], ...]:
        return self._files()

    def _files(self) -> tuple[tuple[str, int, int], ...]:
        """Each file with its time and size; nothing where one is not there."""
        if self.missing():
            return ()
        return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in self._paths())

    @cached_property
    def sha256(self) -> str:
        """Digest of every file, or array, and of whatever of the spec changes a figure."""
        digest = hashlib.sha256(json.dumps(self._stated(), sort_keys=True).encode())
        with self._told():
            for path in self._paths():
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        for name, array in (self.arrays or {}).items():
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> None:
        """Write the task as one TOML file; arrays that a program gave go into a ``.npz`` beside it."""
        check_output(path)
        target = Path(path).absolute()
        tree = self.spec.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        if self.arrays is None:
            tree["files"] = [str(self.folder / name) for name in self.spec.files]
            if self.spec.vocabulary_file:
                tree["vocabulary_file"] = str(self.folder / self.spec.vocabulary_file)
        else:
            data = target.with_suffix(".npz")
            with whole_file(data) as part, part.open("wb") as file:
                np.savez(file, allow_pickle=False, **self.arrays)
            tree["files"] = [data.name]
        with whole_file(target) as part:
            part.write_text(tomli_w.dumps({key: tree[key] for key in TaskSpec.model_fields if key in tree}))

    def _stated(self) -> dict[str, Any]:
        without = {"title", "published", "files", "metric", "vocabulary_file"}
        return {**self.spec.model_dump(mode="json", exclude=without), "metric": self.metric}

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Every mistake with the name of the task; what is read within is as the files are now."""
        _ = self._read_at
        try:
            yield
        except BadInput as error:
            raise BadInput(*(f"{self.name}: {line}" for line in error.lines)) from None
        except OSError as error:
            raise BadInput(f"{self.name}: {error.filename}: {error.strerror}") from None

    def _named(self, name: str, split: Split) -> str:
        """A name of the spec for one split."""
        given = self.spec.splits.names.get(split) if isinstance(self.spec.splits, Given) else None
        return name.replace(PLACE, given) if given is not None else name

    @property
    def _parts(self) -> tuple[Split, ...]:
        """Splits that have files or names of their own; else "train", for all."""
        splits = self.spec.splits
        return tuple(split for split in SPLITS if splits.names[split]) if isinstance(splits, Given) else ("train",)

    def _paths(self, only: Split | None = None) -> list[Path]:
        """Files of one part, or of all, each once; BadInput with a line for each that is not there."""
        if self.arrays is not None:
            return []
        found: dict[Path, None] = {}
        lost: dict[str, None] = {}
        for split in self._parts if only is None else (only,):
            for name in self.spec.files:
                paths = self._found(self._named(name, split))
                found |= dict.fromkeys(paths)
                lost |= {} if paths else {self._named(name, split): None}
        if only is None and self.spec.vocabulary_file:
            paths = self._found(self.spec.vocabulary_file)
            found |= dict.fromkeys(paths)
            lost |= {} if paths else {self.spec.vocabulary_file: None}
        if lost:
            looked = f"in {self.folder} and in ${files.VARIABLE}"
            raise BadInput(*(f"files: {name} is not there (looked {looked})" for name in lost))
        return list(found)

    def _found(self, name: str) -> list[Path]:
        if "*" in name:
            path = Path(name)
            root = Path(path.anchor) if path.is_absolute() else self.folder
            return sorted(each for each in root.glob(str(path.relative_to(path.anchor))) if each.is_file())
        path = self.folder / name
        there = path if path.is_file() else files.located(name)
        return [there] if there else []

    def _sources(self, split: Split) -> Sources:
        if self.arrays is not None:
            return Sources((Memory(self.arrays),))
        each: tuple[Source, ...] = tuple(opened(path) for path in self._paths(split))
        return Sources(each)


@dataclass(frozen=True, eq=False)
class OwnSequences(OwnTask):
    """Classification or regression of sequences."""

    @property
    def symbols(self) -> int | None:
        return self.spec.symbols

    @property
    def features(self) -> int | None:
        return None if self.spec.symbols else self._built.splits["train"].values.shape[1]

    @property
    def outputs(self) -> int:
        classes = self.classes
        return len(classes) if classes else self._built.splits["train"].targets.shape[1]

    @property
    def classes(self) -> Classes | None:
        """Of a classification, by their numbers."""
        return self._built.classes

    @property
    def readout(self) -> When:
        return self.spec.when

    @property
    def predicts(self) -> Predicts:
        return "numbers" if self.spec.kind == "regression" else "classes"

    @property
    def normalisation(self) -> Normalisation | None:
        return self._built.normalisation

    def split(self, split: Split) -> Sequences:
        check_split(split)
        return self._built.splits[split]

    def evaluate(self, model: Runnable, split: Split, on_steps: OnSteps | None = None, streams: int = 64) -> float:
        """The metric over a whole split, `streams` sequences of nearly equal length side by side."""
        metric = cast(ErrorMetric, self.metric)
        return measured(self.split(split), model, metric, self.outputs, on_steps, streams)

    def sample(self, split: Split, sequences: int, steps: int, seed: int) -> Sample:
        """`sequences` different sequences of a split, drawn with `seed`, each cut to its first `steps` steps."""
        return sampled(self.split(split), f"{split} split of {self.name}", sequences, steps, seed)

    def longest(self, split: Split, sequences: int) -> int:
        return int(self.split(split).lengths.max())

    @cached_property
    def _built(self) -> Built:
        with self._told():
            return build(
                self.spec, {split: read_part(self._spec_of(split), self._sources(split)) for split in self._parts}
            )

    def _spec_of(self, split: Split) -> TaskSpec:
        """The spec with the names that one split has."""
        spec = self.spec
        changes = {
            key: tuple(self._named(name, split) for name in given)
            if isinstance(given, tuple)
            else self._named(given, split)
            for key in ("inputs", "targets", "lengths", "sequence")
            if (given := getattr(spec, key)) is not None
        }
        return spec.model_copy(update=changes)


@dataclass(frozen=True, eq=False)
class OwnText(OwnTask):
    """A language model of characters, words or other symbols."""

    features = None
    normalisation = None

    @property
    def symbols(self) -> int:
        vocabulary = self.vocabulary()
        return self.spec.symbols or len(vocabulary or ())

    @property
    def outputs(self) -> int:
        return self.symbols

    @property
    def readout(self) -> When:
        return "every_step"

    @property
    def predicts(self) -> Predicts:
        return "symbols"

    def vocabulary(self) -> tuple[str, ...] | None:
        """The token of each symbol; None where the data are symbols already."""
        return self._read[1]

    def split(self, split: Split) -> Symbols:
        check_split(split)
        return self._read[0][split]

    def evaluate(self, model: Runnable, split: Split, on_steps: OnSteps | None = None, streams: int = 64) -> float:
        """BPC or PPW of a whole split, in `streams` warmed-up parts side by side."""
        metric = cast(TextMetric, self.metric)
        return language_model.measured(self.split(split), self.symbols, metric, model, on_steps, streams)

    def sample(self, split: Split, sequences: int, steps: int, seed: int) -> Sample:
        """As `language_model.pieces` cuts them."""
        return language_model.pieces(self.split(split), f"{split} split of {self.name}", sequences, steps, seed)

    def longest(self, split: Split, sequences: int) -> int:
        return language_model.longest(self.split(split), sequences)

    @cached_property
    def _read(self) -> tuple[Splits, tuple[str, ...] | None]:
        with self._told():
            if self.spec.tokens is None:
                return read_symbols(self.spec, {split: self._sources(split) for split in self._parts}), None
            self._paths()  # a vocabulary that is not there is told as other files are
            texts = {split: "".join(map(decoded, self._paths(split))) for split in self._parts}
            given = self.spec.vocabulary_file
            splits, text = read_text(self.spec, texts, read_vocabulary(self._found(given)[0]) if given else None)
            return splits, text.vocabulary
