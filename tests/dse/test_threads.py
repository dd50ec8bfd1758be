"""One thread of linear algebra for the command line and for worker processes; an import changes nothing."""

import os
import subprocess
import sys

import pytest

from dse.threads import VARIABLES, one_thread_each, one_thread_in_children


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def printed(code: str) -> list[str]:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.usefixtures("unset")
def test_imports_leave_the_number_of_threads_as_it_is() -> None:
    code = (
        "import os, dse, dse.cli.app, dse.exploration.study; print(*map(os.environ.get, ('OMP_NUM_THREADS', 'PATH')))"
    )
    assert printed(code) == ["None", os.environ["PATH"]]


@pytest.mark.usefixtures("unset")
def test_the_command_line_sets_it_before_numpy_is_loaded() -> None:
    code = """
import os, sys
from dse import cli
set_ = cli.one_thread_each
def watched():
    assert "numpy" not in sys.modules
    set_()
cli.one_thread_each = watched
sys.argv = ["archsim", "--quiet", "list", "studies", "--json"]
try:
    cli.main()
except SystemExit:
    pass
assert "numpy" in sys.modules
print(os.environ["OMP_NUM_THREADS"], os.environ["OPENBLAS_NUM_THREADS"])
"""
    assert printed(code)[-2:] == ["1", "1"]


def test_what_the_environment_says_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    one_thread_each()
    assert os.environ["OMP_NUM_THREADS"] == "3"


@pytest.mark.usefixtures("unset")
def test_processes_that_are_started_take_one_and_this_one_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with one_thread_in_children():
        assert [os.environ[variable] for variable in VARIABLES] == ["1", "2"]
    assert "OMP_NUM_THREADS" not in os.environ
    assert os.environ["OPENBLAS_NUM_THREADS"] == "2"
