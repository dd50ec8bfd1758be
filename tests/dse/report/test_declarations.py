"""The page's data as the type checker of its scripts knows them."""

from typing import Any

import pytest

from dse.report import declarations
from dse.report.shapes import Page


def test_the_scripts_are_checked_against_the_data_of_today() -> None:
    assert declarations.FILE.read_text() == declarations.declarations(), "run python -m dse.report.declarations"


def test_every_field_of_the_page_is_declared() -> None:
    _, _, interface = declarations.declarations().partition("interface Page {")
    body, _, _ = interface.partition("}")
    assert [line.split(":")[0].strip() for line in body.strip().splitlines()] == list(Page.model_fields)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, "number"),
        ({"$ref": "#/$defs/Goal"}, "Goal"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({"enum": ["low", "high"], "type": "string"}, '"low" | "high"'),
        ({"type": "array", "items": {"type": "string"}}, "string[]"),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "(string | null)[]"),
        ({"type": "array", "items": {"enum": ["low", "high"], "type": "string"}}, '("low" | "high")[]'),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "[number, string]"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "Record<string, boolean>"),
    ],
)
def test_each_kind_of_field_has_its_type(schema: dict[str, Any], expected: str) -> None:
    assert declarations.typescript(schema) == expected


@pytest.mark.parametrize("schema", [{}, {"type": "object"}, {"type": "array"}, {"type": "bytes"}])
def test_a_field_without_a_type_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no TypeScript is known for"):
        declarations.typescript(schema)
