"""Spoken digits: log-mel features of the Free Spoken Digit Dataset. Stands in for TIDIGITS, which is licensed."""

import importlib
import io
import tarfile
import wave
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from workloads.tasks.base import SPLITS, Split
from workloads.tasks.classification import Classification, Splits
from workloads.tasks.files import Provided
from workloads.tasks.sequences import Sequences

RATE_HZ = 8_000
BANDS = 32
"""Mel bands from 20 Hz to 4 kHz; with 40 the lowest would be narrower than a bin of the 256-point transform."""
LIBRARY = "kaldi_native_fbank"


def log_mel(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Log energies ``(frames, BANDS)``, as Kaldi computes them, of `samples` at 8 kHz.

    Frames of 25 ms each 10 ms, none beyond the end; mean removed, pre-emphasis 0.97, Povey window, power spectrum of
    256 points, triangular mel bands. No dither, so that the same recording gives the same features. Energies below 1
    (that of a sample of 1 of 32,768) count as 1: some recordings hold digital silence, whose logarithm is arbitrary.
    """
    kaldi = importlib.import_module(LIBRARY)
    options = kaldi.FbankOptions()
    options.frame_opts.samp_freq = RATE_HZ
    options.frame_opts.dither = 0.0
    options.mel_opts.num_bins = BANDS
    bank = kaldi.OnlineFbank(options)
    bank.accept_waveform(RATE_HZ, samples.astype(np.float32))
    bank.input_finished()
    energies: NDArray[np.float32] = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)])
    return np.maximum(energies, np.float32(0))


def recordings(archive: bytes) -> dict[str, NDArray[np.int16]]:
    """Samples of each recording by its name, such as ``7_jackson_32``, sorted by name."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            file = opened.extractfile(member)  # None for a folder
            if file:
                with wave.open(file) as sound:
                    frames = sound.readframes(sound.getnframes())
                found[PurePosixPath(member.name).stem] = np.frombuffer(frames, "<i2").astype(np.int16)
    return dict(sorted(found.items()))


def split_of(name: str) -> Split:
    """Recordings 0 to 4 of each digit and speaker are for testing (the data set's rule), 5 to 9 for validation."""
    index = int(name.rsplit("_", 1)[1])
    return "test" if index < 5 else "validation" if index < 10 else "train"


def _parse(files: tuple[bytes, ...]) -> Splits:
    features = {name: log_mel(samples) for name, samples in recordings(files[0]).items()}
    train = np.concatenate([frames for name, frames in features.items() if split_of(name) == "train"])
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)

    def sequences(split: Split) -> Sequences:
        names = [name for name in features if split_of(name) == split]
        values = np.concatenate([(features[name] - mean) / deviation for name in names]).astype(np.float32)
        lengths = np.array([len(features[name]) for name in names])
        return Sequences(values, lengths, np.array([int(name[0]) for name in names]))

    return {split: sequences(split) for split in SPLITS}


SPOKEN_DIGITS = Classification(
    name="spoken-digits",
    title=f"Free Spoken Digit Dataset, 6 speakers: {BANDS} log-mel energies each 10 ms, normalised per band",
    published="none",
    outputs=10,
    features=BANDS,
    files=(
        Provided(
            path="fsdd/recordings.tar.xz",
            sha256="44d551b1c4afc57b130ee49ee9061f2c1f454307b393ff7061cbeed5dd220106",
            source="the folder recordings (3,000 wav, packed) of github.com/Jakobovski/free-spoken-digit-dataset",
        ),
    ),
    parse=_parse,
    library=(LIBRARY, "speech"),
)
