"""How fast the engines are, as ratios within one run: a second on another machine says nothing."""

import time
from collections.abc import Callable
from typing import Literal

import pytest

from archsim.analytic.closed_form import run_analytic
from archsim.design import load_design
from archsim.machine.steps import run_machine
from archsim.mapping.planner import plan
from archsim.mapping.work import measure
from archsim.simulation import Job, prepare, simulate, simulate_many
from archsim.trace.synthetic import synthesize

pytestmark = pytest.mark.slow


def test_burst_is_fifty_times_faster_than_column_at_1000_dense_units() -> None:
    design = load_design("skip-65nm")
    trace = synthesize(1000, 50, 1.0, sequences=8, steps=40)
    planned = plan(design, trace.graph, 8)

    def seconds_per_step(engine: Literal["burst", "column"], steps: int) -> float:
        work = measure(trace, planned, steps, skipping=True)
        start = time.process_time()
        run_machine(design, planned, work, engine, reuse=False)
        return (time.process_time() - start) / steps

    burst, column = seconds_per_step("burst", 40), seconds_per_step("column", 2)
    print(f"burst {burst * 1e3:.2f} ms a step, column {column * 1e3:.0f} ms a step: {column / burst:.0f} x")
    assert column / burst > 50


def test_a_text_of_442423_tokens_by_reuse() -> None:
    """1,000 units, 50 symbols, 8 lanes."""
    design, steps = load_design("skip-65nm"), -(-442_423 // 8)
    trace = synthesize(1000, 50, 0.19, correlation=0.8, sequences=8, steps=steps)
    start = time.process_time()
    report = simulate(design, trace)
    seconds, hits = time.process_time() - start, report.reused_steps / steps
    print(f"burst: {report.tokens:,} tokens in {seconds:.1f} s, {hits:.2%} of the steps reused")
    assert hits > 0.9


def test_analytic_is_hundreds_of_times_faster_than_burst() -> None:
    """Speed over designs and signatures: the recurrences alone, then with tables, counts and costs, as in a search."""
    trace = synthesize(1000, 50, 0.2, correlation=0.5, sequences=8, steps=1000)
    jobs = [Job(load_design("skip-65nm").override({"clock_mhz": clock}), trace) for clock in range(100, 164)]
    prepared = [prepare(job) for job in jobs]
    run_analytic(*prepared[0].triple)  # compiled, and the trace counted

    def steps_per_second(work: Callable[[], object], designs: int = len(jobs)) -> float:
        start = time.process_time()
        work()
        return designs * trace.steps / (time.process_time() - start)

    burst = steps_per_second(lambda: run_machine(*prepared[0].triple, "burst", reuse=False), designs=1)
    recurrences = steps_per_second(lambda: [run_analytic(*each.triple) for each in prepared])
    everything = steps_per_second(lambda: list(simulate_many(jobs)))
    print(
        f"analytic: {recurrences:,.0f} (design, step) a second ({recurrences / burst:,.0f} x burst); with plans, "
        f"counts and costs {everything:,.0f}"
    )
    assert recurrences / burst > 300
