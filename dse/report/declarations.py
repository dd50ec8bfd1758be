"""What the page is given as TypeScript declares it: derived from `shapes`, for the type checker of ``web``.

``python -m dse.report.declarations`` writes ``web/shapes.d.ts`` anew.
"""

from pathlib import Path
from typing import Any

from dse.report.shapes import Page

FILE = Path(__file__).parent / "web" / "shapes.d.ts"
HEAD = "// Derived from dse/report/shapes.py, which documents it: python -m dse.report.declarations\n"
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def declarations() -> str:
    """An interface for `Page` and each model in it; ValueError where a field has a type that is not known here."""
    schema = Page.model_json_schema(mode="serialization")
    models = {**schema["$defs"], Page.__name__: schema}
    return "\n".join([HEAD, *(_interface(name, models[name]) for name in sorted(models))])


def _interface(name: str, schema: dict[str, Any]) -> str:
    """Every field is there: a dump leaves no default out."""
    fields = "".join(f"  {field}: {typescript(of)};\n" for field, of in schema.get("properties", {}).items())
    return f"export interface {name} {{\n{fields}}}\n"


def typescript(schema: dict[str, Any]) -> str:
    """The type that a JSON schema describes."""
    match schema:
        case {"$ref": str(reference)}:
            return reference.rsplit("/", 1)[1]
        case {"anyOf": options}:
            return " | ".join(dict.fromkeys(map(typescript, options)))
        case {"enum": values}:
            return " | ".join(f'"{value}"' for value in values)
        case {"type": "array", "prefixItems": items}:
            return f"[{', '.join(map(typescript, items))}]"
        case {"type": "array", "items": items}:
            item = typescript(items)
            return f"({item})[]" if " | " in item and not item.endswith(">") else f"{item}[]"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"Record<string, {typescript(values)}>"
        case {"type": str(kind)} if kind in SCALARS:
            return SCALARS[kind]
    raise ValueError(f"no TypeScript is known for {schema}")


if __name__ == "__main__":
    FILE.write_text(declarations(), encoding="utf-8")
