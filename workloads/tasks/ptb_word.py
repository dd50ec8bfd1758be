"""Word language model on Penn Treebank: predict the next word; the metric is perplexity per word (PPW)."""

from collections import Counter

import numpy as np

from workloads.tasks import ptb
from workloads.tasks.language_model import LanguageModel, Text


def _parse(files: tuple[bytes, ...]) -> Text:
    """Words as indices into the vocabulary of the training part, the most frequent first (equals: by the alphabet)."""
    parts = [ptb.words(file) for file in files]
    counts = Counter(parts[0])
    vocabulary = sorted(counts, key=lambda word: (-counts[word], word))
    index = {word: i for i, word in enumerate(vocabulary)}
    return Text(np.array([index[word] for part in parts for word in part], np.uint16), tuple(vocabulary))


PTB_WORD = LanguageModel(
    name="ptb-word",
    title="Penn Treebank, words (Mikolov's preprocessing: 10,000 words with <unk> and the end of a sentence)",
    published=(
        "test PPW at 300 units: RBT float 91.5, ternary 90.7, binary 92.2; "
        "PTQ LSTM float 92.8, 93.7 with 11-bit weights and 10-bit activations"
    ),
    metric="ppw",
    symbols=10_000,
    sizes=(929_589, 73_760, 82_430),
    files=ptb.FILES,
    parse=_parse,
)
