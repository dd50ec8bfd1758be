"""Handwritten digits of 8 x 8 pixels, row by row. Small enough to train on in seconds."""

import io

import numpy as np

from workloads.tasks.classification import Classification, Splits
from workloads.tasks.files import Shipped
from workloads.tasks.sequences import Sequences

SIZES = (1_437, 180, 180)
"""Split 80/10/10 by position. The file runs from writer to writer, so few are in two splits; shuffled, all would be."""


def _parse(files: tuple[bytes, ...]) -> Splits:
    table = np.loadtxt(io.BytesIO(files[0]), delimiter=",", dtype=np.int64)  # 64 pixels of 0 to 16, label
    pixels, labels = (table[:, :64] / 16).astype(np.float32), table[:, 64]

    def sequences(begin: int, end: int) -> Sequences:
        return Sequences(pixels[begin:end].reshape(-1, 8), np.full(end - begin, 8, np.int64), labels[begin:end])

    train, validation, test = np.cumsum(SIZES)
    return {
        "train": sequences(0, train),
        "validation": sequences(train, validation),
        "test": sequences(validation, test),
    }


DIGITS = Classification(
    name="digits",
    title="Handwritten digits (UCI, Alpaydin and Kaynak), row by row: 8 steps of 8 (pixels / 16)",
    published="none",
    outputs=10,
    features=8,
    files=(Shipped("digits.csv.xz", "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"),),
    parse=_parse,
)
