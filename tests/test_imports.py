"""Imports go one way: dse -> workloads -> archsim.trace, dse -> archsim; and never round a circle, types included.

Read from the source, not from what loads.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = (
    "archsim.trace", "archsim.errors", "archsim.files", "archsim.frozen", "archsim.plugins",
    "archsim.rtl.arithmetic", "archsim.rtl.curves", "archsim.rtl.unit_function",
)  # fmt: skip
"""What networks know of the hardware side: traces, and integer operations as data."""
ALLOWED = {
    "archsim": lambda module: module.split(".")[0] not in {"workloads", "dse"},
    "workloads": lambda module: (
        module.split(".")[0] != "dse" and (module.split(".")[0] != "archsim" or module.startswith(CONTRACT))
    ),
    "dse": lambda module: True,
}


def imported(path: Path) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            modules |= {f"archsim.{a.name}" for a in node.names} if node.module == "archsim" else {str(node.module)}
    return modules


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_imports_go_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = [f"{f.relative_to(ROOT)}: {m}" for f in files for m in imported(f) if not ALLOWED[package](m)]
    assert wrong == []


def test_analytic_does_not_know_the_machine() -> None:
    files = sorted((ROOT / "archsim" / "analytic").glob("*.py"))
    assert len(files) > 2
    assert not {m for f in files for m in imported(f) if m.startswith(("archsim.machine", "simpy"))}


def modules(package: str) -> dict[str, list[Path]]:
    """Files of each module, by its dotted name: a stub is part of the module that it lies beside."""
    found: dict[str, list[Path]] = {}
    for path in sorted([*(ROOT / package).rglob("*.py"), *(ROOT / package).rglob("*.pyi")]):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found.setdefault(".".join(parts[:-1] if parts[-1] == "__init__" else parts), []).append(path)
    return found


def named(path: Path) -> Iterator[tuple[str, str]]:
    """Each module that a file imports, in a function and for types too, with the name that it takes of it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((str(node.module), alias.name) for alias in node.names)


def graph(package: str) -> dict[str, set[str]]:
    """What each module of a package imports of the same package."""
    files = modules(package)
    return {
        name: {
            target
            for path in paths
            for module, taken in named(path)
            for target in [f"{module}.{taken}" if f"{module}.{taken}" in files else module]
            if target in files and target != name
        }
        for name, paths in files.items()
    }


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other round a circle; none where there is no such circle."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_a_circle_is_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert set(circle({"a": {"b"}, "b": {"c"}, "c": {"b"}})) == {"b", "c"}


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_no_circles(package: str) -> None:
    edges = graph(package)
    assert len(edges) > 50
    assert sum(map(len, edges.values())) > 100
    assert circle(edges) == []


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("archsim", ("simpy", "numpy", "pydantic")),
        ("archsim.trace", ("simpy", "archsim.machine", "archsim.mapping")),
        ("dse", ("numpy", "typer")),
        ("dse.cli", ("numpy", "typer", "archsim")),
        ("dse.evaluation.workers", ("numpy",)),
    ],
)
def test_what_a_module_does_not_load(module: str, absent: tuple[str, ...]) -> None:
    code = f"import {module}, sys; print(*[name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


if __name__ == "__main__":  # python tests/test_imports.py: the graphs, a module a line, and any circle
    for package in ALLOWED:
        edges = graph(package)
        for name, targets in edges.items():
            print(name, "->", ", ".join(sorted(targets)) or "-")
        print(f"{package}: {len(edges)} modules, circle: {' -> '.join(circle(edges)) or 'none'}\n")
