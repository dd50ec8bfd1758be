"""Imports go one way: dse -> workloads -> archsim.trace, dse -> archsim. Read from the source, not from what loads."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = ("archsim.trace", "archsim.errors", "archsim.files")
"""What networks know of the hardware side."""
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
