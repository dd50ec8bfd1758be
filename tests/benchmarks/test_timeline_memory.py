"""A timeline is written as it comes: ten times the steps take no more memory."""

import tracemalloc
from pathlib import Path
from typing import Literal

import pytest

from archsim.analysis.perfetto import TimelineWriter
from archsim.analysis.stalls import Logged, OccupationLog
from archsim.design import load_design
from archsim.machine.steps import run_machine
from archsim.simulation import Job, prepare
from archsim.trace.synthetic import synthesize

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("engine", "steps"), [("burst", 20), ("column", 2)])
def test_memory_does_not_grow_with_the_steps_shown(
    tmp_path: Path, engine: Literal["burst", "column"], steps: int
) -> None:
    design, trace = load_design("skip-65nm"), synthesize(200, 10, 0.3, steps=10 * steps)

    def peak(shown: int) -> tuple[int, int]:
        prepared = prepare(Job(design, trace, steps=shown))
        events: list[Logged] = []
        timing = run_machine(*prepared.triple, engine, lambda *event: events.append(event))
        with (tmp_path / "t.json").open("w") as file:
            timeline, stalls = TimelineWriter(file, prepared, 0, shown - 1), OccupationLog(prepared.only.plan.banks)
            tracemalloc.start()
            timeline.open("drawn", synthetic=True)
            for event in events:
                timeline(*event)
                stalls(*event)
            timeline.close()
            stalls.finish(timing.cycles)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most, (tmp_path / "t.json").stat().st_size

    peak(steps)  # what is made once
    (few, short), (many, long) = peak(steps), peak(10 * steps)
    print(f"{engine}: {few / 1e3:.0f} kB for a file of {short / 1e3:.0f} kB, {many / 1e3:.0f} for {long / 1e3:.0f}")
    assert many - few < 0.15 * (long - short)  # what the garbage collector has not seen to yet
    assert many < 300_000
