"""What a person writes about a task: its keys, which `workloads.tasks.own` explains, and the rules between them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, ValidationError

from archsim.errors import BadInput, mistakes
from archsim.frozen import Frozen
from archsim.trace.graph import When
from workloads.tasks.base import SPLITS, Split
from workloads.tasks.metrics import Metric
from workloads.tasks.normalisation import Method

Kind = Literal["classification", "regression", "language-model"]
Axis = Literal["sequences", "steps", "features"]
PLACE = "{split}"
"""What the name of a split takes the place of."""
FILE = "{file}"
"""As `sequence`: the rows of each file are one sequence."""

METRICS: dict[Kind, tuple[Metric, ...]] = {
    "classification": ("error_pct", "f1_loss_pct"),
    "regression": ("rmse", "mae"),
    "language-model": ("bpc", "ppw"),
}
"""What each kind can be measured by, the default first."""


def _one_or_more(given: Any) -> Any:
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


def _axes(given: Any) -> Any:
    return tuple(axis.strip() for axis in given.split(",")) if isinstance(given, str) else _one_or_more(given)


Names = Annotated[tuple[StrictStr, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
Share = Annotated[float, Field(strict=True, ge=0, le=1)]
Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0)]


class Shares(Frozen):
    """Shares of the sequences, drawn with a seed (`by` "share"), or one after the other as they lie ("position")."""

    by: Literal["share", "position"]
    shares: tuple[Share, Share, Share]
    seed: Seed | None = None
    group: StrictStr | None = None


class Marked(Frozen):
    """A column or array says to which split each belongs: `train`, `validation` and `test` are what stands in it."""

    by: Literal["column"]
    column: StrictStr
    train: StrictInt | StrictStr = "train"
    validation: StrictInt | StrictStr | None = "validation"
    test: StrictInt | StrictStr = "test"
    validation_share: Share | None = None
    seed: Seed | None = None
    group: StrictStr | None = None

    @property
    def values(self) -> dict[Split, int | str | None]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


class Given(Frozen):
    """Files or arrays of their own for each split: each name takes the place of ``{split}``."""

    by: Literal["name"]
    train: StrictStr = "train"
    validation: StrictStr | None = "validation"
    test: StrictStr = "test"
    validation_share: Share | None = None
    seed: Seed | None = None
    group: StrictStr | None = None

    @property
    def names(self) -> dict[Split, str | None]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def _without_validation(given: Any) -> Any:
    """Where a share of the training data is for validation, the data have no split for it."""
    if isinstance(given, dict) and "validation_share" in given and "validation" not in given:
        return {**given, "validation": None}
    return given


class TaskSpec(Frozen):
    """A task as a person writes it, valid key by key; `faults` are the rules between keys."""

    kind: Kind
    files: Names
    splits: Annotated[Shares | Marked | Given, Field(discriminator="by"), BeforeValidator(_without_validation)]
    title: StrictStr = ""
    published: StrictStr = "none"
    inputs: Names | None = None
    targets: Names | None = None
    layout: Annotated[tuple[Axis, ...], BeforeValidator(_axes)] | None = None
    when: When = "last_step"
    lengths: StrictStr | None = None
    sequence: StrictStr | None = None
    window: Count | None = None
    stride: Count | None = None
    target_row: Literal["same", "last"] = "same"
    symbols: Annotated[int, Field(strict=True, ge=2, le=65536)] | None = None
    classes: tuple[StrictInt | StrictStr, ...] | None = None
    tokens: Literal["characters", "words"] | None = None
    vocabulary: Annotated[int, Field(strict=True, ge=2, le=65536)] | None = None
    vocabulary_file: StrictStr | None = None
    normalisation: Literal["none"] | Method = "none"
    metric: Metric | None = None

    @classmethod
    def read(cls, tree: Mapping[str, Any], where: str) -> Self:
        """Validated; BadInput with a line for each mistake."""
        try:
            spec = cls.model_validate(dict(tree))
        except ValidationError as error:
            raise BadInput(*(f"{where}: {line}" for line in mistakes(error))) from None
        if faults := list(spec.faults()):
            raise BadInput(*(f"{where}: {line}" for line in faults))
        return spec

    @property
    def measure(self) -> Metric:
        return self.metric or ("ppw" if self.tokens == "words" else METRICS[self.kind][0])

    @property
    def by_rows(self) -> bool:
        """Whether steps lie one below the other, so that something else says where a sequence begins."""
        return self.layout is not None and "sequences" not in self.layout

    @property
    def marked_by_rows(self) -> bool:
        """Whether targets, groups and splits are given for every row, instead of once a sequence."""
        return self.by_rows and self.lengths is None

    def faults(self) -> Iterator[str]:
        """Every rule between keys that is broken."""
        yield from self._kind()
        yield from self._splits()
        if self.kind == "language-model":
            yield from self._text()
        else:
            yield from self._sequences()

    def _kind(self) -> Iterator[str]:
        if self.metric and self.metric not in METRICS[self.kind]:
            yield f"metric: must be {' or '.join(METRICS[self.kind])} for {self.kind}, not {self.metric!r}"
        for key, kinds in _KINDS.items():
            if self.kind not in kinds and getattr(self, key) != type(self).model_fields[key].default:
                yield f"{key}: goes with {' and '.join(kinds)} alone, not with {self.kind}"

    def _text(self) -> Iterator[str]:
        if (self.tokens is None) == (self.inputs is None):
            yield "tokens: give either tokens (the files are text) or inputs (an array of symbols)"
        if self.inputs is not None and (len(self.inputs) > 1 or self.symbols is None):
            yield "inputs: must be one array, and symbols how many there are, for a language-model"
        if self.tokens is None and (self.vocabulary or self.vocabulary_file):
            yield "vocabulary: goes with tokens alone"
        if self.tokens is not None and self.symbols is not None:
            yield "symbols: is counted in a text, and goes with inputs alone"
        if self.vocabulary and (self.tokens != "words" or self.vocabulary_file):
            yield 'vocabulary: goes with tokens = "words" alone, and without vocabulary_file'
        if not isinstance(self.splits, Given) and self.splits.by != "position":
            yield f'splits.by: a text is split by "position" or "name", not {self.splits.by!r}'

    def _sequences(self) -> Iterator[str]:
        for key in ("inputs", "targets", "layout"):
            if getattr(self, key) is None:
                yield f"{key}: is missing, and {self.kind} needs it"
        if self.layout is not None:
            yield from self._layout(self.layout)
        if self.symbols is not None and self.normalisation != "none":
            yield "normalisation: symbols are not normalised"
        if self.symbols is not None and self.inputs is not None and len(self.inputs) > 1:
            yield f"inputs: must be one array or column where they are symbols, not {len(self.inputs)}"
        if self.kind == "classification" and self.targets is not None and len(self.targets) > 1:
            yield f"targets: must be one array or column for classification, not {len(self.targets)}"

    def _layout(self, layout: tuple[Axis, ...]) -> Iterator[str]:
        given = ", ".join(layout)
        if "steps" not in layout or len(set(layout)) < len(layout):
            yield f"layout: must name steps, and each axis once, not {given!r}"
        if self.symbols is not None and "features" in layout:
            yield f"layout: symbols have no features, so it must not name them, not {given!r}"
        if self.by_rows and layout[:1] != ("steps",):
            yield f"layout: without sequences, steps come first, not {given!r}"
        if self.by_rows and not (self.sequence or self.lengths or self.window):
            yield "layout: names no sequences, so sequence, lengths or window must say where each begins"
        if not self.by_rows:
            for key in ("sequence", "window"):
                if getattr(self, key) is not None:
                    yield f"{key}: goes with a layout of steps alone, and this one has sequences"
        if self.sequence and self.lengths:
            yield "lengths: the rows of each sequence are counted already, by the key sequence"
        if self.lengths and self.window:
            yield "window: goes with sequence, or alone, not with lengths"
        if self.stride and not self.window:
            yield "stride: goes with window alone"
        if self.target_row != "same" and (not self.marked_by_rows or self.when != "last_step"):
            yield 'target_row: goes with rows and when = "last_step" alone'

    def _splits(self) -> Iterator[str]:
        splits = self.splits
        holders = (*self.files, *(self.inputs or ()), *(self.targets or ()), self.lengths or "", self.sequence or "")
        if isinstance(splits, Given) != any(PLACE in name for name in holders):
            yield f'splits.by: "name" goes with {PLACE} in files, inputs or targets, and {PLACE} with it'
        if isinstance(splits, Shares):
            yield from self._shares(splits)
        else:
            if (splits.validation is None) == (splits.validation_share is None):
                yield "splits.validation: give either it or validation_share (of the training data)"
            if (splits.validation_share is None) != (splits.seed is None):
                yield "splits.seed: goes with validation_share, which is drawn with it"
            if splits.group and splits.validation_share is None:
                yield "splits.group: goes with validation_share, which keeps groups together"
            if splits.validation_share is not None and self.kind == "language-model":
                yield "splits.validation_share: a text is not drawn from; give each split a file"
            named = [str(given) for given in (splits.train, splits.validation, splits.test) if given is not None]
            if len(set(named)) < len(named):
                yield f"splits: must be called differently, not {', '.join(named)}"

    def _shares(self, splits: Shares) -> Iterator[str]:
        if abs(sum(splits.shares) - 1) > 1e-9 or not all(splits.shares):
            yield f"splits.shares: must be above 0 and add up to 1, not {', '.join(map(str, splits.shares))}"
        if (splits.by == "share") != (splits.seed is not None):
            yield 'splits.seed: is needed by = "share", which is drawn with it, and goes with nothing else'
        if splits.by == "position" and splits.group:
            yield 'splits.group: goes with by = "share" alone'
        overlapping = self.window is not None and self.stride is not None and self.stride < self.window
        if overlapping and not splits.group:
            yield 'splits: windows that overlap would be in two splits; give a group, or by = "column"'


_KINDS: dict[str, tuple[Kind, ...]] = {
    "targets": ("classification", "regression"),
    "layout": ("classification", "regression"),
    "when": ("classification", "regression"),
    "lengths": ("classification", "regression"),
    "sequence": ("classification", "regression"),
    "window": ("classification", "regression"),
    "stride": ("classification", "regression"),
    "target_row": ("classification", "regression"),
    "normalisation": ("classification", "regression"),
    "classes": ("classification",),
    "tokens": ("language-model",),
    "vocabulary": ("language-model",),
    "vocabulary_file": ("language-model",),
}
"""Keys that not every kind has."""

__all__ = ["FILE", "METRICS", "PLACE", "SPLITS", "Given", "Marked", "Shares", "TaskSpec"]
