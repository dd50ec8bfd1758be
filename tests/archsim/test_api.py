"""What the docstrings of the Python interface show is so."""

import doctest

import archsim


def test_the_examples_of_the_package_run() -> None:
    failed, tried = doctest.testmod(archsim)
    assert (failed, tried) == (0, 6)
