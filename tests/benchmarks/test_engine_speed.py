"""How fast the engines are, as ratios within one run: a second on another machine says nothing."""

import time
from typing import Literal

import pytest

from archsim.analytic import run_analytic
from archsim.design import load_design
from archsim.machine import run_machine
from archsim.mapping import plan
from archsim.synthetic import synthesize
from archsim.work import measure

pytestmark = pytest.mark.slow


def test_burst_is_fifty_times_faster_than_column_at_1000_dense_units() -> None:
    design = load_design("skip-65nm")
    trace = synthesize(1000, 50, 1.0, sequences=8, steps=40)
    planned = plan(design, trace.graph, 8)

    def seconds_per_step(engine: Literal["burst", "column"], steps: int) -> float:
        work = measure(trace, planned, steps, skipping=True)
        start = time.perf_counter()
        run_machine(design, planned, work, engine)
        return (time.perf_counter() - start) / steps

    burst, column = seconds_per_step("burst", 40), seconds_per_step("column", 2)
    print(f"burst {burst * 1e3:.2f} ms a step, column {column * 1e3:.0f} ms a step: {column / burst:.0f} x")
    assert column / burst > 50


def test_analytic_of_64_designs_is_much_faster_than_64_times_one() -> None:
    base = load_design("skip-65nm")
    trace = synthesize(256, 50, 0.1, sequences=8, steps=50)
    jobs = []
    for clock in range(100, 164):
        design = base.override({"clock_mhz": clock})
        planned = plan(design, trace.graph, 8)
        jobs.append((design, planned, measure(trace, planned, 50, skipping=True)))
    start = time.perf_counter()
    run_analytic(jobs)
    together = time.perf_counter() - start
    start = time.perf_counter()
    for job in jobs:
        run_analytic([job])
    alone = time.perf_counter() - start
    print(f"64 designs: together {together:.3f} s, one by one {alone:.3f} s: {alone / together:.1f} x")
    assert alone / together > 5
