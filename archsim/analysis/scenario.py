"""Scenarios of use: a stream that must keep up, or batches run back to back; and the resources that a deadline needs.

A stream has a step every period. Between steps the machine waits: it leaks, its DRAM idles, and its PEs are clocked
unless they are gated. A step begins when its input has arrived and the previous step has ended. This is exact as long
as every step ends within its period; otherwise the next step might have overlapped with the end of a late one, and
times are upper bounds. A step on its own is timed by ``analytic``.
"""

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.analytic.closed_form import step_cycles
from archsim.costs import EnergyReport, energy
from archsim.design import Design, Value
from archsim.errors import BadInput, check_numbers
from archsim.files import JsonValue
from archsim.ledger import Ledger
from archsim.machine.steps import run_machine
from archsim.mapping.plan import (
    BlockRun,
    Fetch,
    Plan,
    RunScope,
)
from archsim.simulation import Job, Prepared, prepare, quickest, simulate, time_run
from archsim.specs.base import ceil_div
from archsim.timing import Timing
from archsim.trace.trace import Trace

KIB_BITS = 8192
Timed = tuple[tuple[BlockRun, ...], Fetch | None]
"""The part of a plan that the time of a step depends on."""


@dataclass(frozen=True)
class Spread:
    """The least, mean and largest value of a quantity over steps."""

    least: float
    mean: float
    most: float

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Spread":
        return cls(float(values.min()), float(values.mean()), float(values.max()))

    def to_json(self) -> dict[str, JsonValue]:
        return {"least": self.least, "mean": self.mean, "most": self.most}


@dataclass(frozen=True)
class Streaming:
    """The results of a design on a stream with one step per period."""

    design: Design
    workload: str
    synthetic: bool
    scope: str
    lanes: int
    steps: int
    """Steps in which a sequence runs."""
    tokens: int
    period_us: float
    deadline_us: float
    latency_us: Spread
    """Latency of a step on its own, from its input to its last result."""
    slack_us: Spread
    """Time between the end of a step and its deadline; negative if the deadline is missed."""
    missed_steps: int
    elapsed_us: float
    """Time until the last step has ended and the last period is over."""
    busy_us: float
    """Part of the elapsed time in which a step was in progress."""
    energy: EnergyReport
    """Energy per token over the elapsed time."""

    @property
    def missed_share(self) -> float:
        return self.missed_steps / self.steps

    @property
    def energy_basis(self) -> str:
        return "leakage, DRAM background and clocked idle PEs over max(latency, period)"

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "scenario": "streaming",
            "design": self.design.name,
            "workload": self.workload,
            "synthetic": self.synthetic,
            "scope": self.scope,
            "lanes": self.lanes,
            "steps": self.steps,
            "tokens": self.tokens,
            "period_us": self.period_us,
            "deadline_us": self.deadline_us,
            "latency_us": self.latency_us.to_json(),
            "slack_us": self.slack_us.to_json(),
            "missed_steps": self.missed_steps,
            "missed_share": self.missed_share,
            "elapsed_us": self.elapsed_us,
            "busy_us": self.busy_us,
            "energy_basis": self.energy_basis,
            "energy_pj_per_token": energy_json(self.energy),
            "energy_not_counted": list(self.energy.left_out),
        }


@dataclass(frozen=True)
class Batch:
    """The results of a design on sequences side by side, with steps back to back."""

    design: Design
    workload: str
    synthetic: bool
    scope: str
    lanes: int
    steps: int
    tokens: int
    latency_us_per_step: float
    tokens_per_second: float
    energy: EnergyReport

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "scenario": "batch",
            "design": self.design.name,
            "workload": self.workload,
            "synthetic": self.synthetic,
            "scope": self.scope,
            "lanes": self.lanes,
            "steps": self.steps,
            "tokens": self.tokens,
            "latency_us_per_step": self.latency_us_per_step,
            "tokens_per_second": self.tokens_per_second,
            "energy_basis": self.energy.basis,
            "energy_pj_per_token": energy_json(self.energy),
        }


@dataclass(frozen=True)
class Least:
    """The least of a resource with which every step meets a deadline."""

    parameter: str
    """Dotted path of the resource in the design."""
    value: float
    unit: str
    deadline_us: float
    slowest_step_us: float
    """Time of the slowest step with `value`."""
    design: Design
    """The design with `value`; unchanged if it needs none of the resource."""

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "design": self.design.name,
            "parameter": self.parameter,
            "value": self.value,
            "unit": self.unit,
            "deadline_us": self.deadline_us,
            "slowest_step_us": self.slowest_step_us,
        }


def energy_json(report: EnergyReport) -> dict[str, JsonValue]:
    return {
        **{name: figure.value for name, figure in report.components.items()},
        "total_chip": report.total_chip,
        "total_system": report.total_system,
    }


def streaming(
    design: Design,
    trace: Trace,
    period_us: float,
    deadline_us: float | None = None,
    *,
    lanes: int = 1,
    steps: int | None = None,
    scope: RunScope = "model",
    engine: Literal["analytic", "burst"] = "analytic",
) -> Streaming:
    """Run `trace` as a stream with a step every `period_us`, each due `deadline_us` (None: a period) after its input.

    `burst` simulates the whole run, and on its own each step that differs from all earlier ones; its results equal
    those of `analytic`. BadInput for a period or deadline that is not positive and finite, or a trace without steps.
    """
    deadline_us = period_us if deadline_us is None else deadline_us
    _positive(period=period_us, deadline=deadline_us)
    job = Job(design, trace, lanes, steps, scope)
    _check_steps(job)
    prepared = prepare(job)
    latency = _latency(prepared, engine)
    if not len(latency):
        raise BadInput(f"workload {trace.header.workload}: its first {lanes} sequences have no step to stream")
    timing = run_machine(*prepared.triple, "burst") if engine == "burst" else time_run(prepared)
    clock = design.clock_mhz
    arrival = np.arange(len(latency), dtype=np.float64) * (period_us * clock)
    end = _ends(arrival, latency)
    slack = deadline_us * clock - (end - arrival)
    elapsed = round(max(float(end[-1]), float(arrival[-1]) + period_us * clock))
    tokens = prepared.tokens
    return Streaming(
        design=design,
        workload=trace.header.workload,
        synthetic=trace.header.synthetic,
        scope=scope,
        lanes=lanes,
        steps=len(latency),
        tokens=tokens,
        period_us=period_us,
        deadline_us=deadline_us,
        latency_us=Spread.of(latency / clock),
        slack_us=Spread.of(slack / clock),
        missed_steps=int((slack < -1e-6).sum()),  # a millionth of a cycle is rounding, not a missed deadline
        elapsed_us=elapsed / clock,
        busy_us=float(latency.sum()) / clock,
        energy=energy(design, _ledger_over(design, timing, elapsed, lanes), elapsed, tokens),
    )


def batch(
    design: Design,
    trace: Trace,
    *,
    lanes: int | None = None,
    steps: int | None = None,
    scope: RunScope = "model",
) -> Batch:
    """Run `trace` with `lanes` sequences side by side (None: all lanes of the design), and its steps back to back."""
    report = simulate(design, trace, quickest(design), lanes=lanes, steps=steps, scope=scope)
    return Batch(
        design=design,
        workload=report.workload,
        synthetic=report.synthetic,
        scope=scope,
        lanes=report.lanes,
        steps=report.steps,
        tokens=report.tokens,
        latency_us_per_step=report.latency_us_per_step,
        tokens_per_second=report.tokens_per_second,
        energy=report.energy,
    )


def least_bandwidth(
    design: Design,
    trace: Trace,
    deadline_us: float,
    *,
    lanes: int = 1,
    steps: int | None = None,
    scope: RunScope = "model",
) -> Least:
    """The least DRAM bandwidth, to 1 Mb/s, with which every step on its own ends within `deadline_us`.

    Bisection finds it, since more bandwidth never costs a cycle: it only reduces the cycles of a column on the weight
    path, and the recurrence of ``analytic`` consists of sums and maxima of these. BadInput if not even the bandwidth
    that weight bus and inputs can use meets the deadline, or for a design without DRAM.
    """
    _positive(deadline=deadline_us)
    if design.dram is None:
        raise BadInput(f"design {design.name}: has no [dram], so no least bandwidth")
    job = _Deadline(design, trace, deadline_us, lanes, steps, scope)
    top = _useful_mbps(design, job.prepared({}).only.plan)
    path = "dram.bandwidth_gbps"
    most: dict[str, Value] = {path: top / 1000} if top else {}
    if not job.holds(most):
        enough = f"with {top / 1000:g} Gb/s, as much as can be used," if top else "all weights lie in SRAM, and"
        raise BadInput(
            f"design {design.name}: no DRAM bandwidth holds a deadline of {deadline_us:g} us: {enough} the slowest step"
            f" takes {job.slowest_us(most):.4g} us"
        )
    if not top:
        return job.least(path, 0.0, "Gb/s", most)
    mbps = 1 + bisect_left(range(1, top + 1), True, key=lambda mbps: job.holds({path: mbps / 1000}))
    return job.least(path, mbps / 1000, "Gb/s", {path: mbps / 1000})


def least_sram(
    design: Design,
    trace: Trace,
    deadline_us: float,
    *,
    lanes: int = 1,
    steps: int | None = None,
    scope: RunScope = "model",
) -> Least:
    """The least weight SRAM, to 1 KiB, with which every step on its own ends within `deadline_us`.

    With ``residency = "part"``, more SRAM may be slower, since a block whose weights come from both memories takes two
    bursts. So every size that keeps other weights resident is tried, the smallest first. A design that must hold the
    whole model in one memory has one size to try, the least that does; private memories take longer in the least one
    where a faster arrangement needs more, so those up to the design's own are tried. BadInput if none meets the
    deadline.
    """
    _positive(deadline=deadline_us)
    job = _Deadline(design, trace, deadline_us, lanes, steps, scope)
    path = "weight_memory.capacity_kib"
    if design.dram is None or design.weight_memory.private:
        least = _least_that_holds_the_model(job, path)
        most = design.weight_memory.capacity_kib if design.weight_memory.private else least
    else:
        least, most = 0, ceil_div(job.prepared({}).model_bits, KIB_BITS)
    kib = _first_size(job, path, least, most)
    if kib is not None:
        return job.least(path, float(kib), "KiB", {path: kib})
    raise BadInput(
        f"design {design.name}: no weight SRAM holds a deadline of {deadline_us:g} us: with {most:,} KiB and all"
        f" of the model on chip the slowest step takes {job.slowest_us({path: most}):.4g} us"
    )


def _least_that_holds_the_model(job: "_Deadline", path: str) -> int:
    """The least of the sizes up to the design's own that is not refused, by bisection."""
    job.prepared({})  # BadInput names what the design cannot run whatever the size

    def holds_model(kib: int) -> bool:
        try:
            job.prepared({path: kib})
        except BadInput:
            return False
        return True

    return 1 + bisect_left(range(1, job.design.weight_memory.capacity_kib + 1), True, key=holds_model)


def _first_size(job: "_Deadline", path: str, low: int, high: int) -> int | None:
    """The least of the sizes `low` to `high` that meets the deadline; None if none does.

    The mapping considers weights in a fixed order and keeps each that fits beside those already kept. So if two sizes
    keep the same weights, every size between them does too, and sizes between equal plans need not be tried. What is
    the fastest arrangement in two sizes of private memories is so in every size between them.
    """
    if job.holds({path: low}):
        return low
    if low == high or job.timed({path: low}) == job.timed({path: high}):
        return None
    middle = (low + high) // 2
    found = _first_size(job, path, low, middle)
    return _first_size(job, path, middle + 1, high) if found is None else found


def _latency(prepared: Prepared, engine: Literal["analytic", "burst"]) -> NDArray[np.int64]:
    """Cycles of every step in which a sequence runs, each on its own, ``(steps,)``."""
    design, plan, work = prepared.triple
    if engine == "analytic":
        return step_cycles(design, plan, work)
    cycles: dict[tuple[int, ...], int] = {}
    running = [(step, work.signature(step)) for step in range(work.steps) if work.tokens_at(step)]
    for step, signature in running:
        if signature not in cycles:
            cycles[signature] = run_machine(design, plan, work.only(step), "burst").cycles
    return np.array([cycles[signature] for _, signature in running], np.int64)


def _ends(arrival: NDArray[np.float64], latency: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cycle at which each step ends if it begins once its input has arrived and the previous step has ended."""
    done = np.cumsum(latency, dtype=np.float64)
    return done + np.maximum.accumulate(arrival - (done - latency))


def _ledger_over(design: Design, timing: Timing, cycles: int, lanes: int) -> Ledger:
    """The counts of a run, with the PEs of its lanes idle for the rest of `cycles`."""
    counts = {component: dict(actions) for component, actions in timing.ledger.counts.items()}
    ledger = Ledger(counts)
    ledger.add(catalogue.IDLE_PE_CYCLE, design.shape.pes_for(lanes) * (cycles - timing.cycles))
    return ledger


def _check_steps(job: Job) -> None:
    """BadInput for a job whose steps wait for more than their own inputs, as those of a bidirectional layer do."""
    header, waits = job.trace.header, prepare(replace(job, steps=None)).waits
    if waits:
        other = "" if header.reads_ahead else ", or the recurrent layers alone (--scope recurrent)"
        if job.design.sequencer.steps_at_once > 1:
            other = ", or with sequencer.steps_at_once = 1"
        raise BadInput(
            f"workload {header.workload}: cannot run as a stream, a step every period: {waits}; run whole sequences"
            f" instead (archsim run){other}"
        )


def _positive(**times_us: float) -> None:
    check_numbers(**times_us)
    for name, value in times_us.items():
        if not 0 < value < inf:
            raise BadInput(f"{name} must be above 0 us and finite, not {value:g}")


def _useful_mbps(design: Design, plan: Plan) -> int:
    """The bandwidth beyond which no step gets faster, 10^6 bits per second; 0 if nothing comes from DRAM.

    Beyond it, the weight bus bounds the time of a column, and inputs take a single cycle.
    """
    dram, clock, fifo = design.channel, design.clock_mhz, design.weight_memory
    blocks = [run.block for run in plan.runs]
    bursts = [burst for block in blocks for burst in block.bursts if burst.streamed]
    weights = [dram.mbps_for(b.column_dram_bits, clock, fifo.fifo_cycles(b.column_words)) for b in bursts]
    streamed = [block.norms.dram_bits for block in blocks if block.norms.dram_bits]
    weights += [dram.mbps_for(bits, clock, ceil_div(bits, design.bus_word_bits)) for bits in streamed]
    inputs = [dram.mbps_for(plan.fetch.bits[-1], clock, 1, "inputs")] if plan.fetch else []
    return max(weights + inputs, default=0)


class _Deadline:
    """Tests variants of a design against one deadline; equal plans are timed only once."""

    def __init__(
        self, design: Design, trace: Trace, deadline_us: float, lanes: int, steps: int | None, scope: RunScope
    ) -> None:
        _check_steps(Job(design, trace, lanes, steps, scope))
        self.design, self.deadline_us = design, deadline_us
        self._trace, self._lanes, self._steps, self._scope = trace, lanes, steps, scope
        self._known: dict[Timed, float] = {}
        self._timed: dict[tuple[tuple[str, Value], ...], Timed] = {}

    def prepared(self, values: dict[str, Value]) -> Prepared:
        return prepare(Job(self.design.override(values), self._trace, self._lanes, self._steps, self._scope))

    def timed(self, values: dict[str, Value]) -> Timed:
        key = tuple(values.items())
        if key not in self._timed:
            plan = self.prepared(values).only.plan
            self._timed[key] = plan.runs, plan.fetch
        return self._timed[key]

    def slowest_us(self, values: dict[str, Value]) -> float:
        timed = self.timed(values)
        if timed not in self._known:
            prepared = self.prepared(values)
            self._known[timed] = int(step_cycles(*prepared.triple).max(initial=0)) / self.design.clock_mhz
        return self._known[timed]

    def holds(self, values: dict[str, Value]) -> bool:
        return self.slowest_us(values) <= self.deadline_us * (1 + 1e-12)

    def least(self, path: str, value: float, unit: str, values: dict[str, Value]) -> Least:
        return Least(path, value, unit, self.deadline_us, self.slowest_us(values), self.design.override(values))
