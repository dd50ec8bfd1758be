"""How long the command line takes, in CPU time, as a multiple of what Python itself takes to start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TIMED = """
import resource, subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
"""


def seconds(bytecode: Path, *words: str) -> float:
    """CPU time of an interpreter with these arguments, the least of five; modules are compiled before that."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(bytecode)

    def once() -> float:
        command = [sys.executable, "-c", TIMED, *words]
        return float(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout)

    once()
    return min(once() for _ in range(5))


def test_help_takes_as_long_as_a_few_starts_of_python(tmp_path: Path) -> None:
    python, found = seconds(tmp_path, "-c", "pass"), seconds(tmp_path, "-m", "dse.cli", "--help")
    print(f"python -c pass {python:.3f} s, archsim --help {found:.3f} s of CPU: {found / python:.1f} x")
    assert found / python < 7
