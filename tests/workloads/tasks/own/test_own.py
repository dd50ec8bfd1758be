"""Tasks that a person describes: what is read is what lies in the files, whatever their kind and layout."""

import re

import numpy as np
import pandas as pd
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads import tasks
from workloads.tasks import SPLITS, own_task
from workloads.tasks.own import sources

SMALLEST = """\
kind = "classification"
files = "sensors.npz"
inputs = "x"
targets = "y"
layout = "sequences, steps, features"
splits = { by = "share", shares = [0.7, 0.15, 0.15], seed = 1 }
"""
SHARES = {"by": "position", "shares": [0.5, 0.25, 0.25]}


def made(seed=0, count=20, steps=6, features=3):
    """Inputs ``(count, steps, features)``, classes and lengths."""
    rng = np.random.default_rng(seed)
    x = rng.normal(2, 3, (count, steps, features)).astype(np.float32)
    return x, np.arange(count) % 3, rng.integers(1, steps + 1, count)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with the smallest task in it."""
    x, y, _ = made()
    np.savez(tmp_path / "sensors.npz", x=x, y=y)
    (tmp_path / "mine.toml").write_text(SMALLEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_data_that_change_are_read_again(folder):
    before = tasks.by_name("mine.toml")
    assert len(before.split("train")) == 14
    x, y, _ = made(count=40)
    np.savez(folder / "sensors.npz", x=x, y=y)
    after = tasks.by_name("mine.toml")
    assert len(after.split("train")) == 28
    assert after is not before


def sequences(data):
    """Every sequence with its target, as lists, whatever their order."""
    return sorted((data[i].tolist(), data.targets[i].tolist()) for i in range(len(data)))


def test_the_smallest_file_is_a_task_by_its_path(folder):
    task = tasks.by_name("mine.toml")
    assert task.name == str(folder / "mine.toml")
    assert (task.metric, task.readout, task.predicts) == ("error_pct", "last_step", "classes")
    assert (task.symbols, task.features, task.outputs, task.classes) == (None, 3, 3, (0, 1, 2))
    assert [len(task.split(split)) for split in SPLITS] == [14, 3, 3]
    assert tasks.by_name(folder / "mine.toml") is task
    x, y, _ = made()
    expected = sorted((x[i].tolist(), int(y[i])) for i in range(20))
    assert sorted(each for split in SPLITS for each in sequences(task.split(split))) == expected


def test_a_task_file_is_looked_for_where_it_was_in_the_working_folder_and_among_the_data(
    folder, tmp_path_factory, monkeypatch
):
    gone = tmp_path_factory.mktemp("gone") / "mine.toml"
    assert tasks.by_name(gone).outputs == 3  # in the working folder
    monkeypatch.chdir(gone.parent)
    with pytest.raises(
        BadInput, match=r"task .*gone.*mine\.toml: is not there, nor is mine\.toml in .* or \$ARCHSIM_DATA"
    ):
        tasks.by_name(gone)
    monkeypatch.setenv("ARCHSIM_DATA", str(folder))
    assert tasks.by_name(gone).outputs == 3


def test_the_same_data_in_npz_npy_csv_and_parquet_are_the_same_task(folder):
    x, y, lengths = made()
    keys = {"layout": "sequences, steps, features", "splits": SHARES, "normalisation": "standard"}
    rows = pd.DataFrame(
        [(i, y[i], *x[i, t]) for i in range(20) for t in range(lengths[i])], columns=["id", "label", "a", "b", "c"]
    )
    rows.to_csv("rows.csv", index=False)
    rows.to_parquet("rows.parquet")
    np.savez_compressed("all.npz", x=x, y=y, n=lengths)
    for name, array in (("x", x), ("y", y), ("n", lengths)):
        np.save(f"{name}.npy", array)
    turned = np.asfortranarray(x.transpose(1, 0, 2))
    of_rows = {**keys, "layout": "steps, features", "inputs": ["a", "b", "c"], "targets": "label", "sequence": "id"}
    found = [
        own_task("classification", "all.npz", inputs="x", targets="y", lengths="n", **keys),
        own_task("classification", ["x.npy", "y.npy", "n.npy"], inputs="x", targets="y", lengths="n", **keys),
        own_task("classification", "rows.csv", **of_rows),
        own_task("classification", "rows.parquet", **of_rows),
        own_task("classification", inputs=x, targets=y, lengths=lengths, **keys),
        own_task("classification", inputs=turned, targets=y, lengths=lengths,
                 **{**keys, "layout": "steps, sequences, features"}),
    ]  # fmt: skip
    for task in found:
        for split in SPLITS:
            data, expected = task.split(split), found[0].split(split)
            np.testing.assert_array_equal(data.lengths, expected.lengths)
            np.testing.assert_allclose(data.values, expected.values, rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(data.targets, expected.targets)


def test_padding_is_never_read():
    x, y, lengths = made()
    keys = {"targets": y, "lengths": lengths, "layout": "sequences, steps, features", "splits": SHARES}
    clean = own_task("classification", inputs=x, normalisation="min-max", **keys)
    padded = x.copy()
    for i, length in enumerate(lengths):
        padded[i, length:] = np.nan
    dirty = own_task("classification", inputs=padded, normalisation="min-max", **keys)
    for split in SPLITS:
        np.testing.assert_array_equal(dirty.split(split).values, clean.split(split).values)


@given(st.sampled_from(["standard", "min-max"]), st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_normalisation_is_fitted_on_the_training_split_alone(method, seed):
    x, y, lengths = made(seed)
    keys = {"targets": y, "lengths": lengths, "layout": "sequences, steps, features", "splits": SHARES}
    task = own_task("classification", inputs=x, normalisation=method, **keys)
    train = np.concatenate([x[i, : lengths[i]] for i in range(10)]).astype(np.float64)
    offset, scale = (train.mean(0), train.std(0)) if method == "standard" else (train.min(0), np.ptp(train, axis=0))
    np.testing.assert_allclose(task.normalisation.offset, offset, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(task.normalisation.scale, scale, rtol=1e-9)
    test = np.concatenate([x[i, : lengths[i]] for i in range(15, 20)])
    np.testing.assert_allclose(task.split("test").values, (test - offset) / scale, rtol=1e-4, atol=1e-5)
    changed = x.copy()
    changed[15:] *= 1000
    assert own_task("classification", inputs=changed, normalisation=method, **keys).normalisation == task.normalisation


@given(st.integers(3, 12), st.integers(0, 2**32 - 1), st.integers(0, 5))
@settings(max_examples=25)
def test_splits_are_disjoint_whole_and_the_same_for_a_seed_and_no_group_is_in_two(groups, seed, draw):
    rng = np.random.default_rng(seed)
    count = 5 * groups
    x = np.arange(count, dtype=np.float32).reshape(count, 1, 1)
    of = rng.integers(0, groups, count)
    of[:groups] = np.arange(groups)

    def task():
        return own_task(
            "regression", arrays={"x": x, "y": x[:, 0], "who": of}, inputs="x", targets="y",
            layout="sequences, steps, features",
            splits={"by": "share", "shares": [0.6, 0.2, 0.2], "seed": draw, "group": "who"},
        )  # fmt: skip

    members = [task().split(split).values[:, 0].astype(int) for split in SPLITS]
    assert sorted(np.concatenate(members)) == list(range(count))
    who = [set(of[each]) for each in members]
    assert sum(map(len, who)) == groups
    again = task()
    for split, each in zip(SPLITS, members, strict=True):
        np.testing.assert_array_equal(again.split(split).values[:, 0].astype(int), each)


def test_splits_may_be_given_by_a_column_by_names_and_with_a_share_for_validation(folder):
    x, y, _ = made()
    mark = np.array(["a"] * 12 + ["b"] * 8)
    given_ = {"by": "column", "column": "part", "train": "a", "test": "b", "validation_share": 0.25, "seed": 3}
    keys = {"inputs": "x", "targets": "y", "layout": "sequences, steps, features"}
    task = own_task("classification", arrays={"x": x, "y": y, "part": mark}, splits=given_, **keys)
    assert [len(task.split(split)) for split in SPLITS] == [9, 3, 8]
    np.testing.assert_array_equal(task.split("test").values, x[12:].reshape(-1, 3))
    np.savez("train.npz", x=x[:10], y=y[:10])
    np.savez("val.npz", x=x[10:15], y=y[10:15])
    np.savez("test.npz", x=x[15:], y=y[15:])
    task = own_task("classification", "{split}.npz", splits={"by": "name", "validation": "val"}, **keys)
    assert [len(task.split(split)) for split in SPLITS] == [10, 5, 5]
    np.savez("both.npz", x_train=x[:15], y_train=y[:15], x_test=x[15:], y_test=y[15:])
    names = {"inputs": "x_{split}", "targets": "y_{split}", "layout": "sequences, steps, features"}
    task = own_task("classification", "both.npz", splits={"by": "name", "validation_share": 0.2, "seed": 1}, **names)
    assert [len(task.split(split)) for split in SPLITS] == [12, 3, 5]


def test_rows_are_cut_into_windows_and_targets_may_be_those_of_the_last_row(folder):
    rows = pd.DataFrame({"run": [0] * 7 + [1] * 5, "v": np.arange(12.0), "next": np.arange(12.0) + 1})
    rows.to_csv("rows.csv", index=False)
    task = own_task(
        "regression", "rows.csv", inputs="v", targets="next", layout="steps, features", sequence="run", window=3,
        stride=2, target_row="last", splits={"by": "share", "shares": [0.3, 0.3, 0.4], "seed": 1, "group": "v"},
    )  # fmt: skip
    with pytest.raises(BadInput, match=r"splits\.group: must be the same for all rows of a sequence"):
        task.split("train")
    task = own_task(
        "regression", "rows.csv", inputs="v", targets="next", layout="steps, features", sequence="run", window=2,
        target_row="last", splits=SHARES,
    )  # fmt: skip
    whole = [task.split(split) for split in SPLITS]
    assert np.concatenate([data.values for data in whole])[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 7, 8, 9, 10]
    assert np.concatenate([data.targets for data in whole])[:, 0].tolist() == [2, 4, 6, 9, 11]


def test_targets_of_every_step_go_with_the_steps(folder):
    x, _, lengths = made()
    marks = (x[..., 0] > 2).astype(np.int64)
    keys = {"lengths": lengths, "layout": "sequences, steps, features", "splits": SHARES, "when": "every_step"}
    task = own_task("classification", inputs=x, targets=marks, **keys)
    data = task.split("test")
    expected = np.concatenate([marks[i, : lengths[i]] for i in range(15, 20)])
    np.testing.assert_array_equal(data.targets, expected)
    _, _, batch = data.batch(np.arange(5))
    assert batch.shape == (lengths[15:].max(), 5)
    numbers = own_task("regression", inputs=x, targets=x[..., :2], **keys)
    assert numbers.outputs == 2
    np.testing.assert_array_equal(numbers.split("test").targets, numbers.split("test").values[:, :2])


class Known:
    """A network that answers with the numbers that enter."""

    def run(self, inputs, state=None):
        return inputs, ()

    def last(self, inputs, lengths):
        return inputs[np.asarray(lengths) - 1, np.arange(len(lengths))]


@pytest.mark.parametrize("when", ["every_step", "last_step"])
def test_a_network_is_measured_on_the_steps_that_there_are(when):
    x, _, lengths = made()
    last = x[np.arange(20), lengths - 1]
    wanted = (x if when == "every_step" else last) + np.float32(0.5)
    task = own_task(
        "regression", inputs=x, targets=wanted, lengths=lengths, layout="sequences, steps, features", splits=SHARES,
        when=when, metric="mae",
    )  # fmt: skip
    done = []
    assert task.evaluate(Known(), "test", lambda *each: done.append(each), 2) == pytest.approx(0.5)
    assert done[-1] == (5, 5)
    sample = task.sample("train", 4, 3, seed=0)
    assert sample.inputs.shape == (min(3, sample.lengths.max()), 4, 3)


def test_a_text_is_split_by_position_and_words_are_numbered_by_the_training_split(tmp_path):
    (tmp_path / "a.txt").write_text("b a b\n" * 40 + "c a\n" * 10)
    keys = {"folder": tmp_path, "splits": {"by": "position", "shares": [0.8, 0.1, 0.1]}}
    text = own_task("language-model", "a.txt", tokens="characters", **keys)
    assert (text.metric, text.vocabulary(), text.symbols) == ("bpc", ("\n", " ", "a", "b", "c"), 5)
    assert sum(len(text.split(split)) for split in SPLITS) == 40 * 6 + 40
    words = own_task("language-model", "a.txt", tokens="words", **keys)
    assert words.metric == "ppw"
    assert words.vocabulary() == ("<unk>", "b", "<eos>", "a")  # c is in no training sentence
    assert 0 in words.split("test")
    assert 0 not in words.split("train")
    numbers = own_task("language-model", inputs=text.split("train"), symbols=5, **keys)
    assert numbers.symbols == 5


def test_a_program_s_arrays_are_written_as_a_task_file(tmp_path):
    x, y, _ = made()
    task = own_task("classification", inputs=x, targets=y, layout="sequences, steps, features", splits=SHARES,
                    normalisation="standard")  # fmt: skip
    assert task.missing() is None
    other = own_task("classification", inputs=x + 1, targets=y, layout="sequences, steps, features", splits=SHARES,
                     normalisation="standard")  # fmt: skip
    assert task.sha256 != other.sha256
    task.save(tmp_path / "saved.toml")
    again = tasks.by_name(tmp_path / "saved.toml")
    for split in SPLITS:
        np.testing.assert_array_equal(again.split(split).values, task.split(split).values)
    assert again.normalisation == task.normalisation


def test_the_digest_changes_with_the_data_and_with_what_changes_a_figure_alone(folder):
    before = tasks.by_name("mine.toml").sha256
    (folder / "other.toml").write_text(SMALLEST + 'title = "another"\n')
    assert tasks.by_name("other.toml").sha256 == before
    (folder / "seed.toml").write_text(SMALLEST.replace("seed = 1", "seed = 2"))
    assert tasks.by_name("seed.toml").sha256 != before
    x, y, _ = made(1)
    np.savez(folder / "sensors.npz", x=x, y=y)
    (folder / "new.toml").write_text(SMALLEST)
    assert tasks.by_name("new.toml").sha256 != before


def written(folder, **changes):
    tree = {
        "kind": "classification", "files": ["sensors.npz"], "inputs": "x", "targets": "y",
        "layout": "sequences, steps, features", "splits": {"by": "share", "shares": [0.7, 0.15, 0.15], "seed": 1},
    }  # fmt: skip
    (folder / "wrong.toml").write_text(tomli_w.dumps({k: v for k, v in {**tree, **changes}.items() if v is not None}))
    return folder / "wrong.toml"


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"kind": "sorting"}, [r"kind: .* not 'sorting'"]),
        ({"colour": 1, "layout": "time"}, [r"layout\.0: .*not 'time'", r"colour: unknown key"]),
        ({"splits": {"by": "share", "shares": [0.5, 0.5, 0.5]}},
         [r"splits\.shares: must be above 0 and add up to 1, not 0\.5, 0\.5, 0\.5", r"splits\.seed: is needed"]),
        ({"inputs": None, "metric": "rmse"},
         [r"metric: must be error_pct or f1_loss_pct for classification, not 'rmse'", r"inputs: is missing"]),
        ({"layout": "steps, features"}, [r"layout: names no sequences"]),
        ({"layout": "sequences, features"}, [r"layout: must name steps"]),
        ({"sequence": "id", "window": 3}, [r"sequence: goes with a layout of steps", r"window: goes with a layout"]),
        ({"symbols": 5}, [r"layout: symbols have no features"]),
        ({"kind": "language-model"}, [r"targets: goes with classification and regression alone"]),
        ({"splits": {"by": "name"}}, [r"splits\.validation|splits\.by: \"name\" goes with \{split\}"]),
        ({"splits": {"by": "luck"}}, [r"splits: .*'luck'"]),
        ({"symbols": True}, [r"symbols: .*not True"]),
    ],
)  # fmt: skip
def test_every_rule_that_a_file_breaks_is_told_at_once_with_its_place(folder, changes, lines):
    path = written(folder, **changes)
    with pytest.raises(BadInput) as told:
        tasks.by_name(path)
    assert all(line.startswith(str(path)) for line in told.value.lines)
    for line in lines:
        assert re.search(line, str(told.value))


@pytest.mark.parametrize(
    ("arrays", "changes", "message"),
    [
        ({}, {"inputs": "z", "targets": "w"},
         r"inputs: must name what is in .*sensors.npz \(x, y\), not 'z'.*targets: .*not 'w'"),
        ({"y": np.arange(19) % 3}, {}, r"targets: .*sensors.npz: y: must have shape \(20,\), as inputs, not \(19,\)"),
        ({"x": np.zeros((20, 6))}, {"layout": "sequences, steps"}, None),
        ({"x": np.zeros(20)}, {}, r"inputs: .*must have the axes sequences, steps, features, not shape \(20,\)"),
        ({"x": np.array(["a"] * 20)}, {}, r"inputs: .*: must be numbers, not <U1"),
        ({"y": np.linspace(0, 1, 20)}, {}, r"targets: classes must be whole numbers or text, not 0\.\d+"),
        ({"y": np.arange(20) % 3 - 1}, {}, r"targets: class -1 is below 0, as padding often is; list"),
        ({"y": np.arange(20) % 3 - 1}, {"classes": [-1, 0, 1]}, None),
        ({"y": np.array([0, 1] * 9 + [2, 3])}, {"splits": SHARES},
         r"targets: test must have classes of the training split \(0, 1\), not 2, 3"),
        ({"y": np.zeros(20, int)}, {}, r"targets: must have at least 2 classes in the training split, not \[0\]"),
        ({"n": np.array([7] * 20)}, {"lengths": "n"},
         r"lengths: must be whole numbers from 1 to 6, not 7 \(sequence 0\)"),
        ({"x": np.full((20, 6), 9)}, {"symbols": 9, "layout": "sequences, steps", "splits": SHARES},
         r"inputs: must be symbols from 0 to 8; 60 in train are not, the first in sequence 0, step 0"),
        ({"x": np.zeros((20, 6))}, {"symbols": 9, "layout": "sequences, steps"},
         r"must be whole numbers, as symbols are"),
    ],
)  # fmt: skip
def test_data_that_do_not_fit_are_refused_with_their_place(folder, arrays, changes, message):
    x, y, _ = made()
    np.savez(folder / "sensors.npz", **({"x": x, "y": y} | arrays))
    task = tasks.by_name(written(folder, **changes))
    if message is None:
        assert task.outputs == 3
        return
    with pytest.raises(BadInput, match=message):
        task.split("train")


def test_missing_values_are_refused_with_their_number_and_the_first_place(folder):
    x, y, _ = made()
    x[3, 2, 1] = x[3, 4, 0] = np.inf
    np.savez(folder / "sensors.npz", x=x, y=y)
    with pytest.raises(BadInput, match=r"inputs: 2 are missing or infinite in train, the first in sequence 3, step 2"):
        tasks.by_name(written(folder, splits=SHARES)).split("test")
    (folder / "rows.csv").write_text("id,a,y\n1,0.5,u\n1,,u\n2,1,v\n3,1,u\n4,1,v\n")
    keys = {"files": "rows.csv", "inputs": "a", "layout": "steps, features", "sequence": "id", "splits": SHARES}
    with pytest.raises(BadInput, match=r"inputs: 1 are missing or infinite in train, the first in row 2"):
        tasks.by_name(written(folder, **keys)).split("test")
    (folder / "rows.csv").write_text("id,a,y\n1,0.5,u\n1,1,\n2,1,v\n")
    with pytest.raises(BadInput, match=r"targets: .*rows.csv: y: 1 of 3 are missing, the first in row 2"):
        tasks.by_name(written(folder, **keys)).split("test")


def test_no_object_is_unpickled_and_no_bomb_is_unpacked(folder, monkeypatch):
    class Touch:
        def __reduce__(self):
            return (open, (str(folder / "touched"), "w"))

    np.savez(folder / "sensors.npz", x=np.array([Touch()] * 20, object), y=np.arange(20) % 3)
    with pytest.raises(BadInput, match=r"inputs: .*sensors\.npz: x: cannot be read"):
        tasks.by_name("mine.toml").split("train")
    assert not (folder / "touched").exists()
    monkeypatch.setattr(sources, "MOST_BYTES", 2**20)
    np.savez_compressed(folder / "sensors.npz", x=np.zeros((20, 10_000, 8)), y=np.arange(20) % 3)
    (folder / "bomb.toml").write_text(SMALLEST)
    with pytest.raises(BadInput, match=r"inputs: .*x: must be at most 0\.000976\d* GiB unpacked, not 12,800,128 bytes"):
        tasks.by_name("bomb.toml").split("train")


def test_a_task_says_which_files_are_not_there(folder):
    task = tasks.by_name(written(folder, files=["nowhere.npz", "sensors.npz", "elsewhere*.npz"]))
    assert task.missing().startswith("files: nowhere.npz is not there (looked in ")
    with pytest.raises(BadInput, match=r"nowhere\.npz is not there.*elsewhere\*\.npz is not there"):
        task.split("train")
