"""Every task: its data are the ones that published figures rest on, split as they were; and what it says of its data.

What may not be shipped is tested where ``$ARCHSIM_DATA`` has it, and its parsing on made-up files everywhere.
"""

import dataclasses
import errno
import gzip
import hashlib
import http.server
import io
import itertools
import json
import lzma
import os
import subprocess
import sys
import tarfile
import threading
import wave
import zipfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads import tasks
from workloads.tasks import SPLITS, files, imdb, language_model, ptb, ptb_word, smnist, spoken_digits
from workloads.tasks.files import Fetched, Provided, Shipped, combined

SIZES = {  # symbols, or sequences, in train, validation, test
    "war-and-peace": (2_606_580, 325_823, 325_823),
    "tiny-shakespeare": (892_315, 111_539, 111_540),
    "linux": (4_965_596, 620_700, 620_700),
    "ptb-char": (5_017_482, 393_042, 442_423),  # as published, with end of line
    "text8": (90_000_000, 5_000_000, 5_000_000),
    "ptb-word": (929_589, 73_760, 82_430),  # as published, with end of sentence
    "smnist": (50_000, 10_000, 10_000),
    "smnist-half": (50_000, 10_000, 10_000),
    "smnist-rows": (50_000, 10_000, 10_000),
    "imdb": (22_500, 2_500, 25_000),
    "spoken-digits": (2_400, 300, 300),
    "japanese-vowels": (216, 54, 370),
    "digits": (1_437, 180, 180),
}
SYMBOLS = {"war-and-peace": 83, "tiny-shakespeare": 65, "ptb-char": 50, "text8": 27, "ptb-word": 10_000, "imdb": 10_001}
LENGTHS = {
    "smnist": (784, 784),
    "smnist-half": (196, 196),
    "smnist-rows": (28, 28),
    "digits": (8, 8),
    "japanese-vowels": (7, 29),
}
DUPLICATES = {"imdb": (13, 101, 22)}  # texts in train and validation, train and test, validation and test: as counted

every_task = pytest.mark.parametrize("name", [t.name for t in tasks.ALL])
SEQUENCES = [t.name for t in tasks.ALL if t.readout == "last_step"]
TEXTS = [t.name for t in tasks.ALL if t.readout == "every_step"]


def with_data(name):
    """The task, or a skip that says what is missing."""
    task = tasks.by_name(name)
    missing = task.missing()
    if missing:
        pytest.skip(missing)
    return task


@every_task
def test_a_task_says_what_it_is(name):
    task = tasks.by_name(name)
    assert task.metric in ("bpc", "ppw", "error_pct")
    assert task.readout == ("last_step" if task.metric == "error_pct" else "every_step")
    assert (task.symbols is None) != (task.features is None)
    assert task.outputs > 1
    assert task.title
    assert task.published
    assert int(task.sha256, 16) < 2**256
    assert len(task.sha256) == 64


def test_names_differ():
    assert {t.name for t in tasks.ALL} == set(SIZES)
    assert len(tasks.ALL) == len(SIZES)


@every_task
def test_split_sizes(name):
    task = with_data(name)
    assert tuple(len(task.split(split)) for split in SPLITS) == SIZES[name]
    if name in SYMBOLS:
        assert task.symbols == SYMBOLS[name]


@every_task
def test_a_split_is_read_once(name):
    task = with_data(name)
    first, second = task.split("test"), task.split("test")
    assert np.shares_memory(getattr(first, "values", first), getattr(second, "values", second))


@every_task
def test_an_unknown_split_is_refused(name):
    with pytest.raises(BadInput, match="split must be one of train, validation, test, not 'dev'"):
        tasks.by_name(name).split("dev")


def test_an_unknown_task_is_refused():
    with pytest.raises(BadInput, match=r"task must be one of war-and-peace, .*, digits, or a TOML file, not 'ptb'"):
        tasks.by_name("ptb")


@pytest.mark.parametrize("name", TEXTS)
def test_every_symbol_of_a_text_occurs_and_none_beyond(name):
    task = with_data(name)
    seen = np.unique(np.concatenate([np.unique(task.split(split)) for split in SPLITS]))
    np.testing.assert_array_equal(seen, np.arange(task.symbols))
    assert len(set(task.vocabulary())) == task.symbols == task.outputs


@pytest.mark.parametrize("name", ["war-and-peace", "tiny-shakespeare", "linux", "ptb-char", "ptb-word"])
def test_splits_do_not_overlap_and_are_the_text_in_order(name):
    task = with_data(name)
    tokens = task.vocabulary()
    space = " " if task.metric == "ppw" else ""
    assert space.join(tokens[i] for split in SPLITS for i in task.split(split)) == task.text()


def test_the_shipped_text_is_what_is_in_its_file():
    for task, file in zip(tasks.ALL, ("warpeace.txt.xz", "tinyshakespeare.txt.xz"), strict=False):
        packed = Path(language_model.__file__).parent / "data" / file
        assert task.text() == lzma.decompress(packed.read_bytes()).decode()


def test_war_and_peace_keeps_carriage_returns_and_has_no_byte_order_mark():
    text = tasks.by_name("war-and-peace").text()
    assert text.count("\r\n") == text.count("\n") > 60_000
    assert not text.startswith("\ufeff")


@pytest.mark.parametrize("name", SEQUENCES)
def test_values_lengths_and_labels(name):
    task = with_data(name)
    for split in SPLITS:
        data = task.split(split)
        assert set(data.targets) == set(range(task.outputs))
        assert data.lengths.min() >= 1
        if task.symbols:
            assert data.values.dtype == np.uint16
            assert data.values.max() < task.symbols
        else:
            assert data.values.dtype == np.float32
            assert data.values.shape == (data.lengths.sum(), task.features)
            assert np.all(np.isfinite(data.values))
    if name in LENGTHS:
        lengths = np.concatenate([task.split(split).lengths for split in SPLITS])
        assert (lengths.min(), lengths.max()) == LENGTHS[name]


@pytest.mark.parametrize("name", SEQUENCES)
def test_no_sequence_is_in_two_splits(name):
    task = with_data(name)
    items = {split: {task.split(split)[i].tobytes() for i in range(len(task.split(split)))} for split in SPLITS}
    both = tuple(len(items[a] & items[b]) for a, b in itertools.combinations(SPLITS, 2))
    assert both == DUPLICATES.get(name, (0, 0, 0))


def test_a_batch_is_each_sequence_padded_with_zero():
    data = tasks.by_name("japanese-vowels").split("test")
    chosen = np.array([300, 4, 17])
    inputs, lengths, labels = data.batch(chosen)
    assert inputs.shape == (max(data.lengths[chosen]), 3, 12)
    for lane, index in enumerate(chosen):
        start = data.lengths[:index].sum()
        np.testing.assert_array_equal(inputs[: lengths[lane], lane], data.values[start : start + data.lengths[index]])
        assert not inputs[lengths[lane] :, lane].any()
    np.testing.assert_array_equal(labels, data.targets[chosen])


# Samples


@every_task
def test_a_sample_is_drawn_with_its_seed(name):
    task = with_data(name)
    steps = min(300, task.longest("validation", 5))
    sample = task.sample("validation", sequences=5, steps=steps, seed=1)
    again, other = task.sample("validation", 5, steps, 1), task.sample("validation", 5, steps, 2)
    np.testing.assert_array_equal(sample.inputs, again.inputs)
    assert not np.array_equal(sample.inputs, other.inputs)
    shape = (sample.warmup + max(sample.lengths), 5)
    assert sample.inputs.shape == (shape if task.symbols else (*shape, task.features))
    assert sample.lengths.shape == (5,)
    assert 1 <= min(sample.lengths) <= max(sample.lengths) <= steps
    if task.readout == "every_step":
        assert sample.warmup == language_model.WARMUP
        assert set(sample.lengths) == {steps}
    else:
        assert sample.warmup == 0


@every_task
def test_samples_that_are_not_there_are_refused(name):
    task = with_data(name)
    with pytest.raises(BadInput, match="sequences and steps must be at least 1, not 0 and 5"):
        task.sample("test", sequences=0, steps=5, seed=0)
    with pytest.raises(BadInput, match="sequences and steps must be at least 1, not 5 and 0"):
        task.sample("test", sequences=5, steps=0, seed=0)
    with pytest.raises(BadInput, match="must be at most"):
        task.sample("test", sequences=10**9, steps=1, seed=0)


@given(sequences=st.integers(1, 40), steps=st.integers(1, 500), seed=st.integers(0, 99))
def test_pieces_of_a_text_lie_in_it_in_order(sequences, steps, seed):
    task = tasks.by_name("tiny-shakespeare")
    text = task.split("test")
    sample = task.sample("test", sequences, steps, seed)
    begins = [bytes(text).find(sample.inputs[:, s].tobytes()) for s in range(sequences)]
    assert min(begins) >= 0
    gaps = np.diff(begins)
    assert np.all(gaps == len(text) // sequences) or not len(gaps)


def test_the_longest_sample_takes_all_there_is():
    task = tasks.by_name("tiny-shakespeare")
    most = task.longest("test", 4)
    assert most == 111_540 // 4 - 256
    assert task.sample("test", 4, most, seed=0).inputs.shape == (256 + most, 4)
    with pytest.raises(
        BadInput, match=rf"steps must be at most {most} with 4 sequences of the test split of tiny-shakespeare, not"
    ):
        task.sample("test", 4, most + 1, seed=0)


def test_sequences_of_a_sample_differ_and_end_where_they_end():
    task = tasks.by_name("japanese-vowels")
    data = task.split("test")
    every = {data[i].tobytes() for i in range(len(data))}
    sample = task.sample("test", sequences=370, steps=task.longest("test", 370), seed=3)
    drawn = {sample.inputs[:length, s].tobytes() for s, length in enumerate(sample.lengths)}
    assert drawn == every
    assert sorted(sample.lengths) == sorted(data.lengths)
    cut = task.sample("test", sequences=370, steps=10, seed=3)
    np.testing.assert_array_equal(cut.lengths, np.minimum(sample.lengths, 10))
    np.testing.assert_array_equal(cut.inputs, sample.inputs[:10])
    for lane, length in enumerate(cut.lengths):
        assert not cut.inputs[length:, lane].any()
    with pytest.raises(
        BadInput, match="sequences must be at most the 370 of the test split of japanese-vowels, not 371"
    ):
        task.sample("test", sequences=371, steps=1, seed=0)


@every_task
def test_a_uniform_guess_is_measured(name):
    task = with_data(name)
    if task.metric == "error_pct":
        model = SimpleNamespace(last=lambda inputs, lengths: np.zeros((len(lengths), task.outputs)))
        expected = 100 * np.mean(task.split("validation").targets != 0)
    else:
        task = dataclasses.replace(task, sizes=(sum(task.sizes) - 2_001, 2_000, 1))
        model = SimpleNamespace(run=lambda inputs, state: (np.zeros((*inputs.shape, task.outputs), np.float32), ()))
        expected = {"bpc": np.log2(task.outputs), "ppw": task.outputs}[task.metric]
    assert task.evaluate(model, "validation") == pytest.approx(expected, rel=1e-5)


# Files


def test_importing_tasks_reads_no_data():
    code = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from workloads import tasks
assert len(tasks.ALL) > 10
wrong = [path for path in opened if path.endswith((".xz", ".gz")) or "/tasks/data" in path]
sys.exit(str(wrong) if wrong else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@every_task
def test_missing_data_are_one_line_that_says_what_where_and_whence(name, monkeypatch, tmp_path):
    task = dataclasses.replace(tasks.by_name(name), title="not read yet")
    if isinstance(task.files[0], Shipped):
        assert task.missing() is None
        return
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for folder, state in ((None, "ARCHSIM_DATA is not set"), (str(tmp_path), f"ARCHSIM_DATA is {tmp_path}")):
        monkeypatch.setenv("ARCHSIM_DATA", folder) if folder else monkeypatch.delenv("ARCHSIM_DATA", raising=False)
        line = task.missing()
        start = f"task {name}: $ARCHSIM_DATA/{task.files[0].path} is not there ({state}); "
        assert line.startswith(start)
        assert "\n" not in line
        assert len(line) > len(start) + 20
        if isinstance(task.files[0], Provided) and not needs_library(task):
            with pytest.raises(BadInput) as caught:
                task.split("train")
            assert str(caught.value) == line


def needs_library(task):
    library = getattr(task, "library", None)
    return library is not None and not files.installed(library[0])


@pytest.fixture
def provided(tmp_path, monkeypatch):
    """A file that a person has put under $ARCHSIM_DATA, and its unpacked digest."""
    monkeypatch.setenv("ARCHSIM_DATA", str(tmp_path))
    (tmp_path / "set").mkdir()
    packed = tmp_path / "set" / "a.txt.gz"
    packed.write_bytes(gzip.compress(b"abc", mtime=0))
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    return packed, Provided("set/a.txt.gz", digest, "abc", hashlib.sha256(b"abc").hexdigest())


def test_a_provided_file_is_read_packed_or_unpacked(provided):
    packed, file = provided
    assert file.read("t") == b"abc"
    packed.with_suffix("").write_bytes(b"abc")
    packed.unlink()
    assert file.missing("t") is None
    assert file.read("t") == b"abc"
    packed.with_suffix("").write_bytes(b"abd")
    with pytest.raises(BadInput, match=r"^task t: .*/set/a\.txt: SHA-256 must be ba7816bf\w+, not a52d159f\w+$"):
        file.read("t")


def test_a_damaged_file_is_refused_with_both_digests(provided):
    packed, file = provided
    packed.write_bytes(b"not what it was")
    digest = hashlib.sha256(b"not what it was").hexdigest()
    with pytest.raises(BadInput) as caught:
        file.read("t")
    assert str(caught.value) == f"task t: {packed}: SHA-256 must be {file.sha256}, not {digest}"


def test_a_file_that_may_not_be_read_is_refused(provided, monkeypatch):
    _, file = provided

    def denied(path):  # root, as whom this may run, may read everything
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(BadInput, match=r"^task t: .*a\.txt\.gz: cannot be read \(Permission denied\)$"):
        file.read("t")


def test_a_damaged_task_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHSIM_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"")
    task = dataclasses.replace(tasks.by_name("smnist"), title="not read yet")
    with pytest.raises(BadInput, match=r"^task smnist: .*ubyte\.gz: SHA-256 must be 0b367032\w+, not e3b0c442\w+$"):
        task.split("train")


def test_another_shipped_text_is_refused():
    other = dataclasses.replace(tasks.ALL[1], files=(Shipped("tinyshakespeare.txt.xz", "0" * 64),))
    with pytest.raises(BadInput, match=r"tinyshakespeare\.txt\.xz: SHA-256 must be 0{64}, not 86c4e6aa"):
        other.text()


def test_another_alphabet_or_length_is_refused():
    with pytest.raises(BadInput, match="tiny-shakespeare must have 64 symbols, not 65"):
        dataclasses.replace(tasks.ALL[1], symbols=64).vocabulary()
    with pytest.raises(BadInput, match="tiny-shakespeare must be 6 symbols long, not 1115394"):
        dataclasses.replace(tasks.ALL[1], sizes=(1, 2, 3)).split("train")


def test_a_digest_of_several_files_is_that_of_their_digests():
    a, b = Shipped("a", "00" * 32), Shipped("b", "11" * 32)
    assert combined([a]) == "00" * 32
    assert combined([a, b]) == hashlib.sha256(f"{'00' * 32}\n{'11' * 32}\n".encode()).hexdigest()
    assert combined([b, a]) != combined([a, b])


def test_digests_are_those_of_the_manifest():
    manifest = Path(os.environ.get("ARCHSIM_DATA", "")) / "manifest.sha256"
    if not manifest.is_file():
        pytest.skip("$ARCHSIM_DATA has no manifest.sha256")
    listed = dict(reversed(line.split()) for line in manifest.read_text().splitlines())
    provided = [file for task in tasks.ALL for file in task.files if isinstance(file, Provided)]
    assert len(provided) > 10
    for file in provided:
        assert listed[f"./{file.path}"] == file.sha256
        assert (file.unpacked_sha256 is not None) == file.path.endswith(".gz")


def original(path):
    found = files.located(path)
    if not found:
        pytest.skip(f"$ARCHSIM_DATA/{path} is not there")
    return found


def test_shipped_digits_are_the_original():
    path = original("digits/digits.csv.gz")
    task = tasks.by_name("digits")
    assert task.files[0].read("digits") == gzip.decompress(path.read_bytes())


@pytest.mark.parametrize(("part", "splits"), [("TRAIN", ("train", "validation")), ("TEST", ("test",))])
def test_shipped_japanese_vowels_are_the_original(part, splits):
    path = original(f"japanese_vowels/JapaneseVowels_{part}.ts")
    lines = path.read_text().split("@data\n")[1].split()
    expected = Counter()
    for line in lines:
        *channels, label = line.split(":")
        values = np.array([[float(v) for v in channel.split(",")] for channel in channels]).T
        expected[values.astype(np.float32).tobytes(), int(label) - 1] += 1
    data = [tasks.by_name("japanese-vowels").split(split) for split in splits]
    there = Counter((d[i].tobytes(), int(d.targets[i])) for d in data for i in range(len(d)))
    assert there == expected


def test_digits_are_rows_of_sixteenths_in_the_order_of_the_file():
    task = tasks.by_name("digits")
    lines = task.files[0].read("digits").decode().split()
    items = [(data[i], data.targets[i]) for data in map(task.split, SPLITS) for i in range(len(data))]
    for line, (rows, label) in zip(lines, items, strict=True):
        *pixels, digit = map(int, line.split(","))
        assert label == digit
        assert (rows * 16).ravel().tolist() == pixels


def test_japanese_vowels_hold_out_six_of_each_speaker():
    task = tasks.by_name("japanese-vowels")
    assert list(np.bincount(task.split("train").targets)) == [24] * 9
    assert list(np.bincount(task.split("validation").targets)) == [6] * 9
    assert list(np.bincount(task.split("test").targets)) == [31, 35, 88, 44, 29, 24, 40, 50, 29]  # as UCI has it


# A public archive


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """An archive with one file, on a server of this machine, and the user's cache in a folder that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ARCHSIM_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("text", b"abcabc")
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "text.zip").write_bytes(packed.getvalue())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), lambda *a: Quiet(*a, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Fetched(
        "set/text",
        hashlib.sha256(b"abcabc").hexdigest(),
        f"http://127.0.0.1:{server.server_port}/text.zip",
        hashlib.sha256(packed.getvalue()).hexdigest(),
    )
    server.shutdown()
    server.server_close()


def test_an_archive_is_fetched_once(served):
    pytest.importorskip("pooch")
    assert served.missing("t").startswith("task t: $ARCHSIM_DATA/set/text is not there (ARCHSIM_DATA is not set); ")
    assert served.read("t") == b"abcabc"
    assert served.missing("t") is None
    gone = dataclasses.replace(served, url="http://127.0.0.1:9/text.zip")
    assert gone.read("t") == b"abcabc"  # from the cache


def test_an_archive_that_changed_is_refused(served):
    pytest.importorskip("pooch")
    other = dataclasses.replace(served, archive_sha256="0" * 64)
    with pytest.raises(BadInput, match=rf"^task t: .* fetching .*0{{64}}.*{served.archive_sha256}") as caught:
        other.read("t")
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match=r"^task t: http.*: SHA-256 must be 0{64}, not [0-9a-f]{64}$"):
        dataclasses.replace(served, sha256="0" * 64).read("t")


def test_no_network_is_one_line(served):
    pytest.importorskip("pooch")
    gone = dataclasses.replace(served, url="http://127.0.0.1:9/text.zip")
    with pytest.raises(BadInput, match=r"^task t: \$ARCHSIM_DATA/set/text is not there .* fetching http") as caught:
        gone.read("t")
    assert "\n" not in str(caught.value)


def test_without_pooch_an_archive_is_not_fetched(served, monkeypatch):
    monkeypatch.setattr(files, "installed", lambda module: False)
    with pytest.raises(BadInput, match=r"module pooch is not installed \(pip install 'archsim\[data\]'\)$"):
        served.read("t")


def test_an_archive_that_a_person_fetched_is_read(served, tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHSIM_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "set").mkdir(parents=True)
    there = tmp_path / "data" / "set" / "text.zip"
    (tmp_path / "served" / "text.zip").rename(there)
    assert served.missing("t") is None
    assert served.read("t") == b"abcabc"
    there.write_bytes(b"PK no")
    with pytest.raises(BadInput, match=r"^task t: .*text\.zip: cannot be read"):
        served.read("t")
    there.with_suffix("").write_bytes(b"abcabc")  # unpacked, which goes first
    assert served.read("t") == b"abcabc"


def test_text8_is_split_and_checked_as_text(tmp_path, monkeypatch):
    text = b" the quick brown fox jumps over the lazy dog" * 100
    monkeypatch.setenv("ARCHSIM_DATA", str(tmp_path))
    (tmp_path / "text8").mkdir()
    (tmp_path / "text8" / "text8").write_bytes(text)
    task = tasks.by_name("text8")
    file = dataclasses.replace(task.files[0], sha256=hashlib.sha256(text).hexdigest())
    small = dataclasses.replace(task, files=(file,), sizes=(3_960, 220, 220))
    assert "".join(small.vocabulary()) == " abcdefghijklmnopqrstuvwxyz"
    assert [len(small.split(split)) for split in SPLITS] == [3_960, 220, 220]
    with pytest.raises(BadInput, match=r"^task text8: .*text8: SHA-256 must be 6e890197\w+, not \w+$"):
        dataclasses.replace(task, title="not read yet").split("train")


# Parsing, on made-up files

PTB_LINES = b" no it was n't black monday \n but <unk> N was \n"


def test_ptb_words_and_characters():
    assert " ".join(ptb.words(PTB_LINES)) == "no it was n't black monday <eos> but <unk> N was <eos>"
    assert ptb.characters(PTB_LINES) == "no it was n't black monday\nbut <unk> N was\n"


def test_ptb_vocabulary_is_by_frequency_in_training_then_by_the_alphabet():
    text = ptb_word._parse((b" b a b \n c \n", b" a \n", b" c c \n"))
    assert text.vocabulary == ("<eos>", "b", "a", "c")
    assert list(text.symbols) == [1, 2, 1, 0, 3, 0, 2, 0, 3, 3, 0]
    assert text.symbols.dtype == np.uint16


def test_ptb_sentences_are_as_many_as_published():
    task = with_data("ptb-word")
    end = task.vocabulary().index(ptb.END)
    assert [np.count_nonzero(task.split(split) == end) for split in SPLITS] == [42_068, 3_370, 3_761]
    assert task.vocabulary()[:2] == ("the", "<unk>")


def test_ptb_characters_are_the_words():
    words, characters = with_data("ptb-word"), with_data("ptb-char")
    rewritten = words.text().replace(" <eos> ", "\n").replace(" <eos>", "\n")
    assert rewritten == characters.text()


@given(st.text(max_size=300))
def test_characters_are_indices_into_the_sorted_alphabet(text):
    text = text.encode("utf-8", "ignore").decode() or "x"
    parsed = language_model.characters(text)
    assert list(parsed.vocabulary) == sorted(set(text))
    assert "".join(parsed.vocabulary[i] for i in parsed.symbols) == text


def test_mnist_is_scaled_and_cut(monkeypatch):
    monkeypatch.setattr(smnist, "_VALIDATION", 2)
    rng = np.random.default_rng(0)

    def idx(count):
        pixels, labels = rng.integers(0, 256, (count, 28, 28), np.uint8), rng.integers(0, 10, count, np.uint8)
        return pixels, labels, bytes(16) + pixels.tobytes(), bytes(8) + labels.tobytes()

    train, test = idx(5), idx(3)
    for features in (1, 28):
        splits = smnist._parse((*train[2:], *test[2:]), features)
        assert [len(splits[split]) for split in SPLITS] == [3, 2, 3]
        np.testing.assert_allclose(splits["validation"][1].reshape(28, 28), train[0][4] / 255, rtol=1e-6)
        np.testing.assert_array_equal(splits["test"].targets, test[1])
        assert set(splits["test"].lengths) == {784 // features}
    half = smnist._parse((*train[2:], *test[2:]), features=1, side=14)["validation"]
    squares = [[train[0][4][2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean() for x in range(14)] for y in range(14)]
    np.testing.assert_allclose(half[1].reshape(14, 14), np.array(squares) / 255, rtol=1e-6)
    assert set(half.lengths) == {196}


def test_mnist_digits_are_what_their_labels_say():
    task = with_data("smnist-rows")
    train, test = task.split("train"), task.split("test")
    means = np.stack([train.values.reshape(-1, 784)[train.targets == digit].mean(axis=0) for digit in range(10)])
    images = test.values.reshape(-1, 784)
    nearest = np.argmin((means**2).sum(axis=1) - 2 * images @ means.T, axis=1)
    assert np.mean(nearest != test.targets) == pytest.approx(0.18, abs=0.005)  # a nearest-mean classifier's known error
    pixels = with_data("smnist").split("test")
    np.testing.assert_array_equal(pixels[7][:, 0], test[7].ravel())


def test_reviews_are_cut_into_words():
    text = "It's GREAT!<br /><br>10/10 -- 'don't' miss rock'n'roll, café."
    assert imdb.words(text) == ["it's", "great", "10", "10", "don't", "miss", "rock'n'roll", "caf"]


def test_the_most_frequent_words_come_first():
    assert imdb.frequent(np.array([1, 3, 0, 3, 2]), ["e", "d", "c", "b", "a"], size=3) == [3, 1, 4]


def test_reviews_of_the_test_and_validation_split_add_no_word(monkeypatch):
    monkeypatch.setattr(imdb, "LONGEST", 3)

    def line(split, number, label, text):
        return json.dumps({"split": split, "id": number, "label": label, "rating": 5, "text": text})

    lines = [
        line("train", 0, 0, "bad bad film"),
        line("train", 11_249, 1, "good film that one sees film"),
        line("train", 11_250, 1, "held out film"),
        line("test", 7, 0, "unseen bad"),
    ]
    splits = imdb._parse(("\n".join(lines).encode(),))
    symbol = {"film": 1, "bad": 2, "good": 3, "one": 4, "sees": 5, "that": 6}
    assert [list(splits["train"][i]) for i in range(2)] == [
        [symbol["bad"], symbol["bad"], symbol["film"]],
        [symbol["one"], symbol["sees"], symbol["film"]],  # the last three
    ]
    assert list(splits["validation"][0]) == [0, 0, symbol["film"]]
    assert list(splits["test"][0]) == [0, symbol["bad"]]
    assert [list(splits[split].targets) for split in SPLITS] == [[0, 1], [1], [0]]


def sound(samples):
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8_000, 0, "NONE", ""))
        written.writeframes(np.asarray(samples, "<i2").tobytes())
    return file.getvalue()


def recordings(names, rng):
    """An archive of noise of unequal length."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:xz") as archive:
        folder = tarfile.TarInfo("recordings")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name in names:
            data = sound(rng.normal(0, 1000, rng.integers(1_000, 3_000)).astype(np.int16))
            member = tarfile.TarInfo(f"recordings/{name}.wav")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue()


def test_recordings_are_split_by_their_index_and_normalised_by_training():
    pytest.importorskip(spoken_digits.LIBRARY)
    names = [f"{digit}_ann_{index}" for digit in (3, 4) for index in (12, 4, 9, 0, 5, 49, 10)]
    splits = spoken_digits._parse((recordings(names, np.random.default_rng(0)),))
    assert [list(splits[split].targets) for split in SPLITS] == [[3, 3, 3, 4, 4, 4], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_allclose(splits["train"].values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(splits["train"].values.std(axis=0), 1, atol=1e-5)
    assert np.abs(splits["test"].values.mean(axis=0)).max() > 1e-4


def log_mel_by_hand(frame):
    """One frame of 200 samples: Kaldi's recipe in plain numpy, the Fourier transform as a sum."""
    samples = frame.astype(np.float64) - frame.mean()
    samples = samples - 0.97 * np.concatenate([samples[:1], samples[:-1]])
    samples *= (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(200) / 199)) ** 0.85  # Povey's window
    bins = np.arange(128)
    wave_numbers = np.exp(-2j * np.pi * np.outer(bins, np.arange(200)) / 256)
    power = np.abs(wave_numbers @ samples) ** 2

    def mel(hz):
        return 1127 * np.log(1 + hz / 700)

    edges = np.linspace(mel(20), mel(4_000), spoken_digits.BANDS + 2)
    at = mel(bins * 8_000 / 256)
    energies = []
    for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
        weights = np.minimum((at - left) / (centre - left), (right - at) / (right - centre)).clip(0)
        energies.append(weights @ power)
    return np.log(np.maximum(energies, 1.0))


def test_features_are_what_they_are_said_to_be():
    pytest.importorskip(spoken_digits.LIBRARY)
    rng = np.random.default_rng(0)
    t = np.arange(1_500) / 8_000
    samples = (4_000 * np.sin(2 * np.pi * 440 * t) + 500 * rng.normal(size=len(t)) + 200).astype(np.int16)
    features = spoken_digits.log_mel(samples)
    assert features.shape == (1 + (1_500 - 200) // 80, spoken_digits.BANDS)
    for frame in (0, 7, len(features) - 1):
        np.testing.assert_allclose(features[frame], log_mel_by_hand(samples[80 * frame : 80 * frame + 200]), rtol=2e-4)


def test_silence_is_zero_and_a_tone_is_in_its_band():
    pytest.importorskip(spoken_digits.LIBRARY)
    assert not spoken_digits.log_mel(np.zeros(400, np.int16)).any()
    tone = (8_000 * np.sin(2 * np.pi * 1_000 * np.arange(800) / 8_000)).astype(np.int16)
    edges = np.linspace(1127 * np.log(1 + 20 / 700), 1127 * np.log(1 + 4_000 / 700), spoken_digits.BANDS + 2)
    nearest = np.argmin(np.abs(edges[1:-1] - 1127 * np.log(1 + 1_000 / 700)))
    assert set(spoken_digits.log_mel(tone).argmax(axis=1)) == {nearest}


def test_without_the_library_spoken_digits_say_how_to_get_it(monkeypatch):
    task = dataclasses.replace(tasks.by_name("spoken-digits"), library=("no_such_module", "speech"), files=())
    line = "task spoken-digits: the module no_such_module is not installed (pip install 'archsim[speech]')"
    assert task.missing() == line
    with pytest.raises(BadInput) as caught:
        task.split("train")
    assert str(caught.value) == line
