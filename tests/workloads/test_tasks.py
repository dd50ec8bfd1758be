"""The texts that ship are the ones the published figures rest on."""

import dataclasses

import numpy as np
import pytest

from archsim.trace import BadInput
from workloads import tasks
from workloads.tasks.char_lm import SPLITS

EXPECTED = {  # symbols, characters in each split
    "war-and-peace": (83, (2_606_580, 325_823, 325_823)),
    "tiny-shakespeare": (65, (892_315, 111_539, 111_540)),
}

every_task = pytest.mark.parametrize("task", tasks.ALL, ids=lambda t: t.name)


@every_task
def test_symbols_and_split_sizes(task):
    symbols, sizes = EXPECTED[task.name]
    splits = [task.split(split) for split in SPLITS]
    assert len(task.alphabet()) == task.symbols == symbols
    assert tuple(len(split) for split in splits) == sizes
    assert all(split.max() < symbols for split in splits)


@every_task
def test_splits_are_the_text_in_order(task):
    whole = np.concatenate([task.split(split) for split in SPLITS])
    alphabet = task.alphabet()
    decoded = "".join(alphabet[i] for i in whole[:2000]) + "".join(alphabet[i] for i in whole[-2000:])
    assert decoded == task.text()[:2000] + task.text()[-2000:]
    assert len(whole) == len(task.text())


def test_war_and_peace_keeps_carriage_returns_and_has_no_byte_order_mark():
    text = tasks.by_name("war-and-peace").text()
    assert text.count("\r\n") == text.count("\n") > 60_000
    assert not text.startswith("\ufeff")


def test_another_text_is_refused():
    other = dataclasses.replace(tasks.ALL[1], sha256="0" * 64)
    with pytest.raises(ValueError, match=r"tinyshakespeare\.txt\.xz: SHA-256 must be 0{64}, not 86c4e6aa"):
        other.text()


def test_another_alphabet_is_refused():
    with pytest.raises(ValueError, match="tiny-shakespeare must have 64 symbols, not 65"):
        dataclasses.replace(tasks.ALL[1], symbols=64).alphabet()


def test_unknown_names_are_refused():
    with pytest.raises(BadInput, match="task must be one of war-and-peace, tiny-shakespeare, not 'ptb'"):
        tasks.by_name("ptb")
    with pytest.raises(BadInput, match="split must be one of train, validation, test, not 'dev'"):
        tasks.ALL[0].split("dev")  # type: ignore[arg-type]
