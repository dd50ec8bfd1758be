"""Texts of one's own as symbols: characters, words, or an array of symbols."""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsim import files
from archsim.errors import BadInput
from workloads.tasks.base import SPLITS, Split, Symbols
from workloads.tasks.language_model import Text, characters
from workloads.tasks.own.layout import flat
from workloads.tasks.own.sources import Sources
from workloads.tasks.own.spec import Shares, TaskSpec

UNKNOWN, END = "<unk>", "<eos>"
"""A word that is not in the vocabulary, and the end of a line."""

Splits = Mapping[Split, Symbols]


def sizes(shares: Sequence[float], length: int) -> list[int]:
    """How much of a text of `length` symbols each split has."""
    ends = [round(share * length) for share in np.cumsum(shares)]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]


def decoded(path: Path) -> str:
    """A text file; BadInput where it is no UTF-8."""
    try:
        return files.read_text(path)
    except UnicodeDecodeError as error:
        raise BadInput(f"files: {path} must be text in UTF-8 ({error.reason} at byte {error.start})") from None


def read_text(spec: TaskSpec, texts: Mapping[Split, str], vocabulary: Sequence[str] | None) -> tuple[Splits, Text]:
    """Symbols of each split, and the text they make; `texts` has "train" alone where the spec splits it.

    A vocabulary of characters is that of the whole text, in order; of words, that of the training split, the most
    frequent first (equals: by the alphabet), after `UNKNOWN`.
    """
    if spec.tokens == "words":
        each = {split: _words(text) for split, text in texts.items()}
        parts = _divided(spec, {split: np.array(words, dtype=object) for split, words in each.items()})
        known = vocabulary or _frequent(parts["train"].tolist(), spec.vocabulary)
        return _numbered(parts, known)
    if vocabulary:
        return _numbered(
            _divided(spec, {s: np.array(list(text), dtype=object) for s, text in texts.items()}), vocabulary
        )
    whole = characters("".join(texts[split] for split in SPLITS if split in texts))
    ends = np.cumsum([len(texts[split]) for split in SPLITS if split in texts])[:-1]
    pieces = dict(zip((split for split in SPLITS if split in texts), np.split(whole.symbols, ends), strict=True))
    return _divided(spec, pieces), whole


def read_symbols(spec: TaskSpec, given: Mapping[Split, Sources]) -> Splits:
    """Splits of an array of symbols ``(N,)``; BadInput where one is none."""
    assert spec.inputs is not None
    assert spec.symbols is not None
    arrays: dict[Split, NDArray[Any]] = {}
    for split, sources in given.items():
        try:
            named = sources.read(*sources.matching(spec.inputs))
        except BadInput as error:
            raise BadInput(*(f"inputs: {line}" for line in error.lines)) from None
        array = flat(named, sum(a.size for a in named.arrays), "symbol")
        if array.dtype.kind not in "iu":
            raise BadInput(f"inputs: {named.where}: must be whole numbers, as symbols are, not {array.dtype}")
        wrong = np.flatnonzero((array < 0) | (array >= spec.symbols))
        if len(wrong):
            rule = f"must be symbols from 0 to {spec.symbols - 1}"
            raise BadInput(f"inputs: {named.where}: {rule}; {len(wrong)} are not, the first at {wrong[0]}")
        arrays[split] = array.astype(np.min_scalar_type(spec.symbols - 1))
    return _divided(spec, arrays)


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """A JSON list of tokens in the order of their symbols."""
    try:
        tokens = json.loads(files.read_text(path))
    except (ValueError, RecursionError, OSError) as error:
        raise BadInput(f"vocabulary_file: {path}: must be a JSON list of tokens ({error})") from None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens) or len(tokens) < 2:
        raise BadInput(f"vocabulary_file: {path}: must be a JSON list of at least 2 tokens")
    if len(set(tokens)) < len(tokens):
        twice = next(token for token, count in Counter(tokens).items() if count > 1)
        raise BadInput(f"vocabulary_file: {path}: must have each token once, not {twice!r} twice")
    return tuple(tokens)


def _divided(spec: TaskSpec, arrays: Mapping[Split, NDArray[Any]]) -> dict[Split, NDArray[Any]]:
    splits = dict(arrays)
    if isinstance(spec.splits, Shares):
        ends = np.cumsum(sizes(spec.splits.shares, len(arrays["train"])))[:-1]
        splits = dict(zip(SPLITS, np.split(arrays["train"], ends), strict=True))
    for split in SPLITS:
        if len(splits[split]) < 2:
            raise BadInput(f"splits: {split} must have at least 2 symbols, not {len(splits[split])}")
    return splits


def _words(text: str) -> list[str]:
    return [sys.intern(word) for line in text.splitlines() for word in (*line.split(), END)]  # each word once in memory


def _frequent(words: Sequence[str], most: int | None) -> tuple[str, ...]:
    counts = Counter(words)
    del counts[UNKNOWN]
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    return (UNKNOWN, *ordered[: most - 1 if most else None])


def _numbered(parts: Mapping[Split, NDArray[Any]], vocabulary: Sequence[str]) -> tuple[Splits, Text]:
    """BadInput where a token is not in the vocabulary, which has no symbol for what is unknown."""
    if len(vocabulary) > 65536:
        raise BadInput(f"vocabulary: must be at most 65536 tokens, not {len(vocabulary):,}; give vocabulary = NUMBER")
    index = {token: number for number, token in enumerate(vocabulary)}
    dtype, unknown = np.min_scalar_type(len(vocabulary) - 1), index.get(UNKNOWN)
    splits: dict[Split, Symbols] = {}
    for split, tokens in parts.items():
        numbers = [index.get(token, unknown) for token in tokens.tolist()]
        if None in numbers:
            given = tokens[numbers.index(None)]
            raise BadInput(f"vocabulary_file: must have every token, or {UNKNOWN}; {given!r} of {split} is not there")
        splits[split] = np.array(numbers, dtype)
    return splits, Text(np.concatenate([splits[split] for split in SPLITS]), tuple(vocabulary))
