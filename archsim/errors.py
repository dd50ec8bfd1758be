"""The exceptions, and the wording of bad input: what is wrong, where, which rule it breaks, and what was given."""

from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # pydantic takes longer to load than `archsim --help` to answer
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails


class BadInput(ValueError):
    """A file or an argument breaks a stated rule.

    `lines` has one line for each mistake: characters of quoted input that would break a line are escaped.
    """

    def __init__(self, *mistakes: str) -> None:
        self.lines = tuple("".join(c if c.isprintable() else ascii(c)[1:-1] for c in each) for each in mistakes)
        super().__init__("; ".join(self.lines))


class Deadlock(RuntimeError):
    """The machine stops before its end; the message says when, in which step, and which process waits for which.

    ``mapping`` refuses every input known to cause a deadlock, so one indicates a bug in the machine or a plan made by
    hand.
    """


def explain(error: "ValidationError") -> str:
    """The mistakes of a validation, joined into one line."""
    return "; ".join(mistakes(error))


def mistakes(error: "ValidationError") -> list[str]:
    """The mistakes of a validation, each with its dotted path, the rule, and what was given."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key")
        elif item["type"] == "missing":
            lines.append(f"{where}: is missing")
        else:
            given = "" if isinstance(item["input"], dict) else f", not {_shown(item['input'])}"
            message = broken_rule(item)
            lines.append(f"{where + ': ' if where else ''}{message}{'' if ', not ' in message else given}")
    return lines


def broken_rule(item: "ErrorDetails") -> str:
    """The rule that one mistake of a validation breaks, in pydantic's words unless they would puzzle."""
    if item["type"] == "int_type" and isinstance(item["input"], float):
        return "must be an integer, without a decimal point"
    return item["msg"].removeprefix("Value error, ")


def _shown(value: object) -> str:
    try:
        text = repr(list(value) if isinstance(value, tuple) else value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."


def check_integers(**given: object) -> None:
    """BadInput unless each value is an integer, or None: a truth is none, nor is a number with a decimal point."""
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral)):
            raise BadInput(f"{name} must be an integer, not {_shown(value)}")


def check_numbers(**given: object) -> None:
    """BadInput unless each value is a real number, or None: a truth is none."""
    for name, value in given.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Real)):
            raise BadInput(f"{name} must be a number, not {_shown(value)}")


def near(given: str, names: Sequence[str]) -> str:
    """The valid `names` to suggest to a user who entered `given`: the closest ones, or all if none is close."""
    close = get_close_matches(given, names, n=3)
    return f"{', '.join(close)}, ..." if close else ", ".join(names)
