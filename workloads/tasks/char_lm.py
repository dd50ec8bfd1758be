"""Character language models: predict the next symbol of a text; the metric is bits per character (BPC)."""

import hashlib
import lzma
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archsim.trace import BadInput

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class CharLM:
    """A text split 80/10/10 by position, as symbol indices into its sorted alphabet.

    `published` names figures of other works on the same text, for orientation only.
    """

    name: str
    title: str
    file: str
    sha256: str
    symbols: int
    published: str
    metric: str = "bpc"

    def text(self) -> str:
        """The whole text; ValueError where the shipped file is not the one these figures rest on."""
        return _text(self.file, self.sha256)

    def alphabet(self) -> str:
        """Sorted distinct characters; ValueError unless there are `symbols` of them."""
        alphabet = "".join(sorted(set(self.text())))
        if len(alphabet) != self.symbols:
            raise ValueError(f"{self.name} must have {self.symbols} symbols, not {len(alphabet)}")
        return alphabet

    def split(self, split: Split) -> NDArray[np.uint8]:
        """Symbol indices ``(N,)`` of one split; BadInput where there is no such split."""
        if split not in SPLITS:
            raise BadInput(f"split must be one of {', '.join(SPLITS)}, not {split!r}")
        indices = _indices(self.file, self.sha256, self.alphabet())
        first, second = len(indices) * 8 // 10, len(indices) * 9 // 10
        return {"train": indices[:first], "validation": indices[first:second], "test": indices[second:]}[split]


@cache
def _text(file: str, sha256: str) -> str:
    packed = resources.files("workloads.tasks").joinpath("data", file).read_bytes()
    raw = lzma.decompress(packed)
    digest = hashlib.sha256(raw).hexdigest()
    if digest != sha256:
        raise ValueError(f"{file}: SHA-256 must be {sha256}, not {digest}")
    return raw.decode("utf-8")


@cache
def _indices(file: str, sha256: str, alphabet: str) -> NDArray[np.uint8]:
    code_points = np.frombuffer(_text(file, sha256).encode("utf-32-le"), dtype="<u4")
    return np.searchsorted([ord(c) for c in alphabet], code_points).astype(np.uint8)


WAR_AND_PEACE = CharLM(
    name="war-and-peace",
    title="War and Peace, characters (Karpathy et al. 2015; byte order mark removed, carriage returns kept)",
    file="warpeace.txt.xz",
    sha256="6c598f349d92e16fcf8e29b3328be35c30b814bc0f2bfacf29a429700d9c3141",
    symbols=83,
    published="RBT Table 1 at 512 units: float 1.72, ternary 1.72, binary 1.78 BPC (test)",
)
TINY_SHAKESPEARE = CharLM(
    name="tiny-shakespeare",
    title="Tiny Shakespeare, characters (Karpathy, char-rnn)",
    file="tinyshakespeare.txt.xz",
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    symbols=65,
    published="none",
)
