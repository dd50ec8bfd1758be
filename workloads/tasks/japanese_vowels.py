"""Japanese Vowels: which of nine men says /ae/? Sequences of unequal length."""

import numpy as np
from numpy.typing import NDArray

from workloads.tasks.classification import Classification, Splits
from workloads.tasks.files import Shipped
from workloads.tasks.sequences import Sequences

CHANNELS = 12
VALIDATION = 6
"""Last utterances of each of the nine speakers in the training part (of 30) that are for validation."""


def unpacked(file: bytes) -> Sequences:
    """Sequences of one shipped file, see ``data/README.md``: int32 N, N labels, N lengths, then values x 10^6.

    The four bytes of the integers lie apart, all the lowest first, which packs better.
    """
    numbers = np.frombuffer(file, np.uint8).reshape(4, -1).T.copy().view("<i4")[:, 0].astype(np.int64)
    count = int(numbers[0])
    labels, lengths, values = np.split(numbers[1:], [count, 2 * count])
    return Sequences((values / 1e6).astype(np.float32).reshape(-1, CHANNELS), lengths, labels)


def _chosen(data: Sequences, indices: NDArray[np.intp]) -> Sequences:
    return Sequences(np.concatenate([data[i] for i in indices]), data.lengths[indices], data.targets[indices])


def _parse(files: tuple[bytes, ...]) -> Splits:
    train, test = map(unpacked, files)
    held_out = np.concatenate([np.flatnonzero(train.targets == speaker)[-VALIDATION:] for speaker in range(9)])
    kept = np.setdiff1d(np.arange(len(train)), held_out)
    return {"train": _chosen(train, kept), "validation": _chosen(train, held_out), "test": test}


JAPANESE_VOWELS = Classification(
    name="japanese-vowels",
    title="Japanese Vowels (UCI, Kudo, Toyama and Shimbo), 9 speakers: 7 to 29 steps of 12 LPC cepstrum coefficients",
    published="none",
    outputs=9,
    features=CHANNELS,
    files=(
        Shipped("japanese_vowels_train.xz", "1f4fe22d81fdd7c6fb87a90907647e3757774b6825636035fd900e98b94c948a"),
        Shipped("japanese_vowels_test.xz", "2ea0a9174dd27f04f0d188ff9774de22a59fff555f7f8a7704531dc4ef6f9875"),
    ),
    parse=_parse,
)
