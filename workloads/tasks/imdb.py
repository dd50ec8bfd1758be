"""IMDb: is a film review positive? Words in, one answer at the end of the review.

The data set has reviews twice: 101 texts of the training split are in the test split too, 22 of the validation split
are, and 13 are in training and validation. They stay, as in the published figures.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workloads.tasks.base import SPLITS, Split
from workloads.tasks.classification import Classification, Splits
from workloads.tasks.files import Provided
from workloads.tasks.sequences import Sequences

WORDS = 10_000
"""Most frequent words of the training split that have a symbol; equals: by the alphabet. Symbol 0 is any other word."""
LONGEST = 400
"""Words of a review that are read: its last ones, for the verdict tends to come at the end."""
VALIDATION_FROM = 11_250
"""Reviews of the training part from this id on, 1,250 a class, are for validation. One block: the reviews of a film lie
side by side, and so hardly any film is in both."""

_LINE_BREAK = re.compile(r"<br\s*/?>")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")


class Review(NamedTuple):
    """One labelled review (0 negative, 1 positive), its words as indices into a list."""

    split: Split
    label: int
    words: NDArray[np.int64]


def words(text: str) -> list[str]:
    """Lower case, HTML line breaks dropped; runs of letters a to z and digits, with the apostrophes inside them."""
    return _WORD.findall(_LINE_BREAK.sub(" ", text.lower()))


def frequent(counts: NDArray[np.int64], names: Sequence[str], size: int = WORDS) -> list[int]:
    """Indices of the `size` words of the highest count, that first; equals: by the alphabet."""
    return sorted(np.flatnonzero(counts).tolist(), key=lambda i: (-counts[i], names[i]))[:size]


def _reviews(file: bytes) -> tuple[list[Review], list[str]]:
    """Every review, and every word there is."""
    index: dict[str, int] = defaultdict(count().__next__)
    reviews = []
    for line in file.splitlines():
        item = json.loads(line)
        held_out = item["split"] == "train" and item["id"] >= VALIDATION_FROM
        numbers = np.fromiter(map(index.__getitem__, words(item["text"])), np.int64)
        reviews.append(Review("validation" if held_out else item["split"], item["label"], numbers))
    return reviews, list(index)


def _parse(files: tuple[bytes, ...]) -> Splits:
    reviews, names = _reviews(files[0])
    train = np.concatenate([review.words for review in reviews if review.split == "train"])
    known = frequent(np.bincount(train, minlength=len(names)), names)
    symbols = np.zeros(len(names), np.uint16)
    symbols[known] = np.arange(1, len(known) + 1)

    def sequences(split: Split) -> Sequences:
        chosen = [review for review in reviews if review.split == split]
        read = [symbols[review.words[-LONGEST:]] for review in chosen]
        labels = np.array([review.label for review in chosen], np.int64)
        return Sequences(np.concatenate(read), np.array([len(review) for review in read], np.int64), labels)

    return {split: sequences(split) for split in SPLITS}


IMDB = Classification(
    name="imdb",
    title=f"IMDb reviews, positive or negative: the last {LONGEST} words of each, {WORDS:,} words and unknown",
    published="PTQ: less than 1 % accuracy lost at up to 90 % less memory",
    outputs=2,
    symbols=WORDS + 1,
    files=(
        Provided(
            path="imdb/imdb_reviews.jsonl.gz",
            sha256="03cb3fec8def03206a86ee6d76019b869ef5caa8bb90f13cbd3a502237d16a33",
            unpacked_sha256="6defcff91b2172588eec863f6b67f8951eb6a065783d598c4e6ef79946f8f1b2",
            source=(
                "the Large Movie Review Dataset (Maas et al., ACL 2011), 50,000 labelled reviews as lines of JSON with "
                "the keys split, label, id, rating, text (github.com/dax44/AMLM), gzipped or not"
            ),
        ),
    ),
    parse=_parse,
)
