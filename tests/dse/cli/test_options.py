"""Options whose value is one of a few words: another word is a mistake in one line, which lists them."""

import pytest
from typer.testing import CliRunner

from archsim.errors import BadInput
from dse.cli.app import app

RUN = ("run", "--design", "skip-65nm", "--workload", "none.npz")
RECORD = ("trace", "record", "--workload", "none", "--out", "none.npz")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*RUN, "--engine", "fast"), "engine must be one of burst, column, analytic, not 'fast'"),
        ((*RUN, "--scope", "all"), "scope must be one of model, recurrent, not 'all'"),
        ((*RUN, "--split", "train"), "--split must be validation or test, not 'train'"),
        ((*RECORD, "--split", "tset"), "--split must be validation or test, not 'tset'"),
        (
            ("list", "design"),
            "list must be one of all, designs, workloads, tasks, cells, formats, studies, not 'design'",
        ),
        (("import", "none", "--input", "words"), "--input must be vector or one_hot, not 'words'"),
        (("import", "none", "--activation", ""), "--activation must be tanh or relu, not ''"),
        (("import", "none", "--when", "Last_Step"), "--when must be every_step or last_step, not 'Last_Step'"),
    ],
)
def test_another_word_is_one_line(words: tuple[str, ...], said: str) -> None:
    refused = CliRunner().invoke(app, words).exception
    assert isinstance(refused, BadInput)
    assert refused.lines == (said,)


@pytest.mark.parametrize("words", [("list", "studies"), ("list", "all", "--json"), ("list",)])
def test_each_of_them_is_taken(words: tuple[str, ...]) -> None:
    taken = CliRunner().invoke(app, words)
    assert taken.exit_code == 0
