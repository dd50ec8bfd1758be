"""The examples in the docstrings of the Python interface are correct."""

import ast
import doctest
from importlib import resources

import pytest

import archsim


def test_the_examples_of_the_package_run() -> None:
    failed, tried = doctest.testmod(archsim)
    assert (failed, tried) == (0, 9)


def test_type_checkers_see_the_names_that_are_loaded_when_asked_for() -> None:
    stub = ast.parse((resources.files("archsim") / "__init__.pyi").read_text())
    typed = {
        alias.name: str(node.module) for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert typed == archsim._HOMES  # type: ignore[attr-defined]
    assert set(typed) <= set(dir(archsim))
    assert all(getattr(archsim, name).__name__ == name for name in archsim.__all__)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="module 'archsim' has no attribute 'nothing'"):
        getattr(archsim, "nothing")  # noqa: B009  the very call that `archsim.nothing` is


@pytest.mark.parametrize("package", ["archsim", "workloads", "dse"])
def test_packages_are_typed(package: str) -> None:
    assert (resources.files(package) / "py.typed").is_file()
