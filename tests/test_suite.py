"""The suite's own rules (conftest.py), tried on a small suite in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = {
    "test_tools.py": """
import pytest

def test_without_a_tool():
    pytest.importorskip("nosuchtool")

@pytest.mark.skipif(True, reason="needs a browser")
def test_without_a_browser():
    pass

def test_without_data():
    pytest.skip("task t: $ARCHSIM_DATA/set/text is not there")
""",
    "test_module.py": """
import pytest

pytest.importorskip("nosuchtool")

def test_nothing():
    pass
""",
    "test_drawn.py": """
from hypothesis import given, settings
from hypothesis import strategies as st

counted = {"default": 0, "own": 0}

@given(st.integers())
def test_default(n):
    counted["default"] += 1

@settings(max_examples=7)
@given(st.integers())
def test_own(n):
    counted["own"] += 1

def test_how_many():
    print("drawn", counted["default"], counted["own"])
""",
}


def ran(folder: Path, *arguments: str, ci: bool) -> str:
    """What pytest prints of the small suite."""
    for name, text in SUITE.items():
        (folder / name).write_text(text)
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "--rootdir",
            ".",
            "-rsfE",
            *arguments,
        ],
        cwd=folder,
        env=environment | ({"CI": "1"} if ci else {}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.stdout


def test_files_that_are_dealt_out_in_a_way_of_their_own_are_there() -> None:
    named = re.findall(r'"(tests/.*)"', Path(__file__).with_name("conftest.py").read_text())
    assert len(named) > 5
    assert [name for name in named if not (Path(__file__).parents[1] / name).is_file()] == []


@pytest.mark.parametrize(
    ("ci", "expected"),
    [
        (False, {"passed": 3, "skipped": 4}),
        (True, {"passed": 3, "failed": 1, "skipped": 1, "errors": 2}),
    ],
)
def test_under_ci_only_data_may_be_missing(ci: bool, expected: dict[str, int], tmp_path: Path) -> None:
    printed = ran(tmp_path, "--continue-on-collection-errors", ci=ci)
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|skipped|errors)", printed)}
    assert counts == expected, printed
    assert "$ARCHSIM_DATA/set/text is not there" in printed
    assert ("Under CI nothing is skipped" in printed) == ci


@pytest.mark.parametrize(("profile", "times"), [((), 1), (("--hypothesis-profile", "nightly"), 20)])
def test_a_night_draws_twenty_times_as_many_examples(profile: tuple[str, ...], times: int, tmp_path: Path) -> None:
    assert f"drawn {100 * times} {7 * times}" in ran(tmp_path, "test_drawn.py", "-s", *profile, ci=True)
