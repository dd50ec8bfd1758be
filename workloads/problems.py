"""Mistakes in files, in one line."""

from pydantic import ValidationError


def explain(error: ValidationError) -> str:
    """The mistakes of a validation: dotted path, rule, what was given."""
    lines = []
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            lines.append(f"{where}: unknown key")
        elif item["type"] == "missing":
            lines.append(f"{where}: is missing")
        else:
            given = "" if isinstance(item["input"], dict) else f", not {item['input']!r}"
            message = item["msg"].removeprefix("Value error, ")
            lines.append(f"{where + ': ' if where else ''}{message}{'' if ', not ' in message else given}")
    return "; ".join(lines)
