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


@pytest.mark.parametrize(
    ("words", "most"),
    [
        (("--help",), 7),
        (("list",), 27),
        (("run", "--design", "edge-resident", "--workload", "wp-lstm256-ternary"), 50),
        (("run", "--design", "skip-65nm", "--workload", "wp-lstm256-ternary-s90", "--lanes", "8"), 60),
    ],
)
def test_a_command_takes_as_long_as_so_many_starts_of_python(
    words: tuple[str, ...], most: float, tmp_path: Path
) -> None:
    python, found = seconds(tmp_path, "-c", "pass"), seconds(tmp_path, "-m", "dse.cli", *words)
    print(f"python -c pass {python:.3f} s, archsim {' '.join(words)} {found:.3f} s of CPU: {found / python:.1f} x")
    assert found / python < most
