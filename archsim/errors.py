"""The exception for bad input, and its wording: what is wrong, where, which rule it breaks, and what was given."""

from collections.abc import Sequence
from difflib import get_close_matches

from pydantic import ValidationError


class BadInput(ValueError):
    """A file or an argument breaks a stated rule.

    `lines` has one line for each mistake: characters of quoted input that would break a line are escaped.
    """

    def __init__(self, *mistakes: str) -> None:
        self.lines = tuple("".join(c if c.isprintable() else ascii(c)[1:-1] for c in each) for each in mistakes)
        super().__init__("; ".join(self.lines))


def explain(error: ValidationError) -> str:
    """The mistakes of a validation, joined into one line."""
    return "; ".join(mistakes(error))


def mistakes(error: ValidationError) -> list[str]:
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
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{where + ': ' if where else ''}{message}{'' if ', not ' in message else given}")
    return lines


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."


def near(given: str, names: Sequence[str]) -> str:
    """The valid `names` to suggest to a user who entered `given`: the closest ones, or all if none is close."""
    close = get_close_matches(given, names, n=3)
    return f"{', '.join(close)}, ..." if close else ", ".join(names)
