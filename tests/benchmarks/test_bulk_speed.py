"""Hardware points a second on one core: what a search and an enumeration spend on one, beside its model.

Every point is a design of its own, priced for the first time, on a trace that the points before have run too.
"""

import time

import numpy as np
import pytest

from archsim.analytic import bulk_positions as at
from archsim.analytic.bulk import Machines
from archsim.columns.designs import Designs
from archsim.costs.columns import priced
from archsim.design import Design, Value, load_design
from archsim.errors import BadInput
from archsim.machine.steps import run_machine
from archsim.simulation import Job, prepare, simulate_many
from archsim.trace.synthetic import synthesize
from archsim.trace.trace import Trace

pytestmark = pytest.mark.slow

# As in dse/studies/demo.toml.
PARAMETERS: dict[str, tuple[Value, ...]] = {
    "clock_mhz": (100, 150, 200, 250, 300),
    "lanes": (1, 2, 4, 8, 16),
    "dram.bandwidth_gbps": (12.8, 25.6, 51.2, 102.4),
    "weight_memory.capacity_kib": (0, 48, 96, 192, 384),
    "weight_memory.weights_per_cycle": (8, 16, 24, 48, 96, 192),
    "pe_array.tiles": (1, 2, 4, 8),
    "pe_array.pes_per_tile": (8, 16, 24, 32, 48, 64),
    "pe_array.accumulators": (1, 2, 4, 8, 16),
    "skip_encoder.enabled": (True, False),
}
WEIGHTS = ("fixed8", "fixed8", "ternary", "ternary", "ternary", "binary", "binary")


def traces(steps: int) -> list[Trace]:
    """Seven models of 256 units, 16 sequences each."""
    densities = (0.5, 0.1, 0.5, 0.2, 0.1, 0.5, 0.9)
    pairs = zip(densities, WEIGHTS, strict=True)
    return [synthesize(256, 206, d, correlation=0.3, sequences=16, steps=steps, weight_format=w) for d, w in pairs]


def drawn_designs(count: int, seed: int) -> list[Design]:
    """Valid ones, all different."""
    rng, base = np.random.default_rng(seed), load_design("skip-65nm")
    designs: dict[Design, None] = {}
    while len(designs) < count:
        try:
            picked = {path: values[rng.integers(len(values))] for path, values in PARAMETERS.items()}
            designs[base.override(picked)] = None
        except BadInput:  # lanes that do not divide the PEs
            continue
    return list(designs)


def points_per_second(designs: list[Design], models: list[Trace]) -> float:
    jobs = [Job(design, model, scope="recurrent") for design in designs for model in models]
    start = time.process_time()
    done = sum(not isinstance(report, BadInput) for report in simulate_many(jobs))
    seconds = time.process_time() - start
    assert done > 0.7 * len(jobs)
    return len(jobs) / seconds


@pytest.mark.parametrize("steps", [50, 200])
def test_points_a_second(steps: int) -> None:
    models = traces(steps)
    points_per_second(drawn_designs(100, seed=1), models)  # traces counted, tables read
    each = points_per_second(drawn_designs(300, seed=steps), models)
    fresh = drawn_designs(2100, seed=steps + 1)
    once = sum(300 / points_per_second(fresh[k * 300 : (k + 1) * 300], [models[k]]) for k in range(7))
    print(f"{steps} steps: {each:,.0f} points a second, all models on a design; {2100 / once:,.0f}, one on each")
    assert each > 20 * burst_points_per_second(fresh[:20], models[0])


@pytest.mark.parametrize(("steps", "least"), [(24, 20), (200, 20)])
def test_points_of_a_sweep_a_second(steps: int, least: int) -> None:
    """All combinations of a grid on seven models, bands of energy and area included, after one that compiles."""
    base, models = load_design("skip-65nm"), traces(steps)
    grid = {path: values for path, values in PARAMETERS.items() if path != "lanes"} | {"lanes": (4, 8)}
    sweep(Designs.of_grid(base, grid, 0, 100), models[:1])
    sizes = [20_000, 60_000]
    seconds = [sweep(Designs.of_grid(base, grid, 0, size), models) for size in sizes]
    exponent = np.log(seconds[1] / seconds[0]) / np.log(sizes[1] / sizes[0])
    swept = 7 * sizes[1] / seconds[1]
    one_by_one = points_per_second(drawn_designs(200, seed=steps), models)
    print(
        f"{steps} steps: {swept:,.0f} points a second in a sweep, {swept / one_by_one:.0f} times as many as one by one"
    )
    print(f"time grows with the points to the power of {exponent:.2f}")
    assert swept > least * one_by_one
    assert exponent < 1.1


def sweep(designs: Designs, models: list[Trace]) -> float:
    """CPU seconds for all designs on all models."""
    start = time.process_time()
    machines, costs = Machines(designs), priced(designs)
    for model in models:
        found = machines.run(model, "recurrent")
        ran = np.flatnonzero(found.ran)
        numbers = found.rows[found.codes[ran]]
        counts = found.counts_of(ran, costs.actions)
        energies = costs.energy(ran, counts, numbers[:, at.CYCLES], found.tokens[found.codes[ran]])
        assert np.isfinite(energies.system).all()
        assert not len(found.not_covered)
    return time.process_time() - start


def burst_points_per_second(designs: list[Design], model: Trace) -> float:
    prepared = [prepare(Job(design, model, scope="recurrent")) for design in designs if runs(design, model)]
    start = time.process_time()
    for each in prepared:
        run_machine(*each.triple, "burst")
    return len(prepared) / (time.process_time() - start)


def runs(design: Design, model: Trace) -> bool:
    return not isinstance(next(simulate_many([Job(design, model, scope="recurrent")])), BadInput)
