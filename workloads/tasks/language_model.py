"""Language models: predict the next symbol of a text, be it a character or a word."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import numpy as np

from archsim.errors import BadInput
from workloads.tasks.base import OnSteps, Runnable, Sample, Split, Symbols, check_sample, check_split
from workloads.tasks.files import DataFile, Shipped, combined
from workloads.tasks.metrics import CHUNK, TextMetric, bits_per_character, perplexity

WARMUP = 256
"""Symbols each sequence of a sample runs before recording starts: the state is then one that the text has made."""
_LOGITS = 2**23  # computed at a time; a word has 10,000 of them


class Text(NamedTuple):
    """Symbols ``(N,)`` of a whole text, train, validation and test in this order, and the token of each symbol."""

    symbols: Symbols
    vocabulary: tuple[str, ...]


@dataclass(frozen=True)
class LanguageModel:
    """A text as symbols, split by position into `sizes` (train, validation, test).

    `parse` makes the text of what is in the files. Perplexity per word is two to the bits per word.
    """

    name: str
    title: str
    published: str
    metric: TextMetric
    symbols: int
    sizes: tuple[int, int, int]
    files: tuple[DataFile, ...]
    parse: Callable[[tuple[bytes, ...]], Text]

    features: None = None
    readout: Literal["every_step"] = "every_step"
    predicts: Literal["symbols"] = "symbols"
    normalisation: None = None

    @property
    def outputs(self) -> int:
        return self.symbols

    @property
    def sha256(self) -> str:
        return combined(self.files)

    @property
    def ships(self) -> bool:
        return all(isinstance(file, Shipped) for file in self.files)

    def missing(self) -> str | None:
        return next((line for file in self.files if (line := file.missing(self.name))), None)

    def vocabulary(self) -> tuple[str, ...]:
        """The token, a character or a word, of each symbol."""
        return _text(self).vocabulary

    def text(self) -> str:
        """The whole text, tokens side by side (words: with a space between)."""
        tokens = np.array(self.vocabulary(), dtype=object)[_text(self).symbols]
        return (" " if self.metric == "ppw" else "").join(tokens)

    def split(self, split: Split) -> Symbols:
        """Symbols ``(N,)`` of one split."""
        check_split(split)
        train, validation, _ = self.sizes
        begin, end = {
            "train": (0, train),
            "validation": (train, train + validation),
            "test": (train + validation, sum(self.sizes)),
        }[split]
        return _text(self).symbols[begin:end]

    def evaluate(self, model: Runnable, split: Split, on_steps: OnSteps | None = None, streams: int = 64) -> float:
        """BPC or PPW of a whole split, in `streams` warmed-up parts side by side (see `bits_per_character`)."""
        return measured(self.split(split), self.symbols, self.metric, model, on_steps, streams)

    def sample(self, split: Split, sequences: int, steps: int, seed: int) -> Sample:
        """As `pieces` cuts them."""
        return pieces(self.split(split), f"{split} split of {self.name}", sequences, steps, seed)

    def longest(self, split: Split, sequences: int) -> int:
        return longest(self.split(split), sequences)


def measured(
    text: Symbols, symbols: int, metric: TextMetric, model: Runnable, on_steps: OnSteps | None, streams: int
) -> float:
    """BPC or PPW of a text in as many parts side by side as it has transitions for, `streams` at most."""
    chunk = min(CHUNK, _LOGITS // symbols)
    bits = bits_per_character(model.run, text, min(streams, len(text) - 1), on_steps=on_steps, chunk=chunk)
    return perplexity(bits) if metric == "ppw" else bits


def pieces(text: Symbols, where: str, sequences: int, steps: int, seed: int) -> Sample:
    """`sequences` contiguous pieces of a text, `steps` symbols each, after `WARMUP` symbols to warm up on.

    The text is cut into as many equal parts; all pieces start at one offset into their part, drawn with `seed`.
    """
    check_sample(sequences, steps)
    most = longest(text, sequences)
    if steps > most:
        raise BadInput(f"steps must be at most {most} with {sequences} sequences of the {where}, not {steps}")
    offset = int(np.random.default_rng(seed).integers(most - steps + 1))
    starts = np.arange(sequences) * (len(text) // sequences) + offset
    return Sample(text[starts + np.arange(WARMUP + steps)[:, None]], np.full(sequences, steps, np.int64), WARMUP)


def longest(text: Symbols, sequences: int) -> int:
    """The most steps that as many `pieces` can have."""
    return max(0, len(text) // sequences - WARMUP)


def sizes_by_tenths(length: int) -> tuple[int, int, int]:
    """80/10/10 of a text by position, as Karpathy et al. 2015 have it."""
    first, second = length * 8 // 10, length * 9 // 10
    return first, second - first, length - second


def characters(text: str) -> Text:
    """A text as indices into its sorted alphabet."""
    alphabet = sorted(set(text))
    points = [ord(c) for c in alphabet]
    symbols = np.empty(len(text), np.min_scalar_type(len(alphabet) - 1))
    of_point = np.zeros(max(points, default=0) + 1, symbols.dtype)
    of_point[points] = np.arange(len(points))
    piece = 2**20  # four bytes a character: 400 MB for text8, were it done at once
    for first in range(0, len(text), piece):
        code_points = np.frombuffer(text[first : first + piece].encode("utf-32-le"), "<u4")
        symbols[first : first + piece] = of_point[code_points]
    return Text(symbols, tuple(alphabet))


@cache
def _text(task: LanguageModel) -> Text:
    text = task.parse(tuple(file.read(task.name) for file in task.files))
    if len(text.vocabulary) != task.symbols:
        raise BadInput(f"{task.name} must have {task.symbols} symbols, not {len(text.vocabulary)}")
    if len(text.symbols) != sum(task.sizes):
        raise BadInput(f"{task.name} must be {sum(task.sizes)} symbols long, not {len(text.symbols)}")
    text.symbols.flags.writeable = False
    return text
