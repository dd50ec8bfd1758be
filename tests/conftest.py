"""What holds of every test: one BLAS thread, one worker, how many examples are drawn, and that CI skips nothing."""

import os
from collections.abc import Generator

import pytest
from hypothesis import is_hypothesis_test, settings
from xdist.scheduler import LoadScopeScheduling

# Products here are small, and two threads that wait for each other on a busy machine are slower than one.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
os.environ.setdefault("ARCHSIM_WORKERS", "1")  # networks here are measured sooner than a process begins

CI = "CI" in os.environ

# No deadline: how long an example takes says more of the machine than of the code. A commit passes or fails for what
# it changes: CI draws the same examples every time, a developer new ones.
settings.register_profile("archsim", deadline=None, derandomize=CI)
settings.register_profile("nightly", deadline=None, derandomize=False, print_blob=True)
settings.load_profile("archsim")  # `--hypothesis-profile=nightly` comes later and wins

NIGHTLY = 20
"""Times as many examples as a test asks for are drawn under the profile `nightly`."""

MAY_BE_MISSING = "$ARCHSIM_DATA"
"""Data sets that may not be shipped are named by this variable; under CI nothing else is a reason to skip."""

SPREAD = ("tests/test_zoo_on_designs.py",)
"""Files whose tests go to whatever process is free; those of any other file stay together, with what they share."""

LONG = (
    *SPREAD,
    "tests/workloads/training/test_training.py",
    "tests/archsim/test_engines.py",
    "tests/test_readme.py",
    "tests/dse/exploration/test_study.py",
    "tests/workloads/training/test_export.py",
    "tests/workloads/importers/keras/test_keras.py",
    "tests/workloads/formats/test_formats.py",
    "tests/workloads/fixed_point/test_fixed_point.py",
    "tests/workloads/fixed_point/test_unit_functions.py",
    "tests/workloads/test_reference.py",
)
"""Files that take longest, the longest first: they begin first, so that no process ends long after the rest."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """How `make test` deals out the tests to its processes."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in SPREAD else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile | None:
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # otherwise files with many tests come first, however short those are
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {file: number for number, file in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(LONG)))
    if settings.get_current_profile_name() == "nightly":
        functions = {getattr(item.obj, "__func__", item.obj) for item in items if isinstance(item, pytest.Function)}
        for test in (f for f in functions if is_hypothesis_test(f)):
            asked = test._hypothesis_internal_use_settings
            test._hypothesis_internal_use_settings = settings(asked, max_examples=NIGHTLY * asked.max_examples)


def failed_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Under CI a test that lacks a tool fails: skipped, it would be left out for ever, and nobody would know."""
    if CI and report.skipped and isinstance(report.longrepr, tuple) and MAY_BE_MISSING not in report.longrepr[2]:
        report.outcome = "failed"
        report.longrepr = (
            f"{report.longrepr[2]}\nUnder CI nothing is skipped: see .ci/run, which installs what tests need."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    failed_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    failed_if_skipped(report)
    return report
