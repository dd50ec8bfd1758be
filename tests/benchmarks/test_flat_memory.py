"""The peak memory of a whole process does not depend on the length of the trace that it makes or runs."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc"),
]

SHORT, LONG = 1_000, 100_000
BEFORE_MIB = 58  # of `archsim run` at 1,000 steps with numpy alone: numba takes 120 MiB more, however long the trace


# The high-water mark of the address space, since what wait4 tells begins with that of the parent.
LAUNCHER = """
from dse.cli import main
try:
    main()
finally:
    with open("/proc/self/status") as status:
        peak = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    print("\\npeak KiB", peak)
"""


def peak_mib(*arguments: str) -> float:
    """The peak memory of `archsim` with these arguments, in a process of its own."""
    ran = subprocess.run([sys.executable, "-c", LAUNCHER, *arguments], capture_output=True, text=True, check=True)
    return int(ran.stdout.split()[-1]) / 1024


def test_memory_is_flat_from_1000_to_100000_steps(tmp_path: Path) -> None:
    """256 units on 8 lanes; within 10 %, and within as much of what archsim took before it had a compiler in it."""
    peaks: dict[str, list[float]] = {"trace synth": [], "run": []}
    for steps in (SHORT, LONG):
        trace, count = str(tmp_path / f"{steps}.npz"), str(steps)
        drawn = ("--hidden", "256", "--density", "0.1", "--correlation", "0.5", "--steps", count, "--out", trace)
        run = ("run", "--design", "skip-65nm", "--workload", trace, "--steps", count)
        peaks["trace synth"].append(peak_mib("trace", "synth", *drawn))
        if steps == SHORT:
            peak_mib(*run)  # the first run in a new checkout compiles, which takes 80 MiB and would hide any growth
        peaks["run"].append(peak_mib(*run))
    for what, (short, long) in peaks.items():
        print(f"archsim {what}: {short:.1f} MiB at {SHORT:,} steps, {long:.1f} at {LONG:,}: x {long / short:.3f}")
    for short, long in peaks.values():
        assert long < 1.1 * short
        assert long - short < 0.1 * BEFORE_MIB
