"""The steps of a run, each simulated, or reused from an earlier step with the same work and the same barrier."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.catalogue import Cause
from archsim.design import Design
from archsim.ledger import Ledger
from archsim.machine.assembly import Machine, Transactions
from archsim.machine.barrier import Barrier
from archsim.machine.log import Log
from archsim.machine.ports import Datapath
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work
from archsim.timing import STALLS, Timing


class _SimulatedStep(NamedTuple):
    """The result of a step, in cycles from the one at which its weight path was free."""

    path: int
    """When the path was free for the next step."""
    after: Barrier
    """What the step has left, in cycles from `path`."""
    stalls: tuple[int, ...]
    """By cause, in the order of `STALLS`."""
    ended: int
    finished: int


@dataclass
class _RunTotals:
    """Sums over the steps of a run so far."""

    ledger: Ledger = field(default_factory=Ledger)
    busy: int = 0
    finished: int = 0
    reused: int = 0
    stalls: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STALLS, 0))

    def add_stalls(self, stalls: Iterable[int]) -> None:
        for cause, cycles in zip(STALLS, stalls, strict=True):
            self.stalls[cause] += cycles


REMEMBERED = 4096
"""The most steps kept for reuse, the latest ones, at a kilobyte each, so that memory stays bounded."""


def run_machine(
    design: Design,
    plan: Plan,
    work: Work,
    engine: Transactions = "burst",
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
    reuse: bool = True,
    datapath: Datapath | None = None,
) -> Timing:
    """Simulate `work` on the machine. Raises Deadlock if the machine stops before its end.

    `burst` simulates one step at a time, from the barrier that the previous one left. With `reuse`, a step with the
    same columns and barrier as an earlier one is not simulated again: it takes the same time, and only its actions are
    counted. `datapath` carries numbers through the machine (engine `column` only).
    """
    if engine == "burst":
        return _run_bursts(design, plan, work, log, on_step, reuse and log is None)
    totals = _RunTotals()
    machine = Machine(
        design, plan, work, range(work.steps), Barrier.start(plan, work), engine, totals.ledger,
        log=log, on_step=on_step, datapath=datapath,
    )  # fmt: skip
    end = machine.simulate()
    totals.busy, totals.finished = machine.busy, machine.finished
    totals.add_stalls(machine.stalls.values())
    step_ends = np.array([machine.step_ends.get(step, 0) for step in range(work.steps)], np.int64)
    return _timing(design, work, totals, end.tiles, step_ends)


def _run_bursts(
    design: Design,
    plan: Plan,
    work: Work,
    log: Log | None,
    on_step: Callable[[int], None] | None,
    reuse: bool,
) -> Timing:
    barrier, origin, totals = Barrier.start(plan, work), 0, _RunTotals()
    counter = Machine(design, plan, work, range(work.steps), barrier, "burst", totals.ledger)
    known: dict[tuple[Barrier, tuple[int, ...], int], _SimulatedStep] = {}
    step_ends = np.zeros(work.steps, np.int64)
    for step in range(work.steps):
        key = barrier, work.signature(step), work.inputs_at(plan, step + 1)
        found = known.get(key) if reuse else None
        if found is None:
            machine = Machine(
                design, plan, work, range(step, step + 1), barrier, "burst", totals.ledger, origin=origin, log=log
            )
            left = machine.simulate()
            ended, stalls = machine.step_ends.get(step, 0), tuple(machine.stalls.values())
            found = _SimulatedStep(left.path, left.after(left.path), stalls, ended, machine.finished)
            totals.busy += machine.busy
            if reuse:
                if len(known) >= REMEMBERED:
                    del known[next(iter(known))]
                known[key] = found
        else:
            totals.reused += 1
            counter.count(step)
        totals.add_stalls(found.stalls)
        step_ends[step] = origin + found.ended if found.ended else 0
        totals.finished = max(totals.finished, origin + found.finished)
        origin, barrier = origin + found.path, found.after
        if on_step:
            on_step(step + 1)
    totals.busy += counter.busy
    return _timing(design, work, totals, origin + barrier.tiles, step_ends)


def _timing(design: Design, work: Work, totals: _RunTotals, tiles_free: int, step_ends: NDArray[np.int64]) -> Timing:
    np.maximum.accumulate(step_ends, out=step_ends)  # a step in which no lane runs ends with the previous one
    finished, ledger = totals.finished, totals.ledger
    totals.stalls[Cause.DRAIN] += finished - tiles_free
    issued = ledger.get(catalogue.MAC) + ledger.get(catalogue.MAC_ZERO_OPERAND)
    ledger.add(catalogue.IDLE_PE_CYCLE, design.shape.clocked(work.lane_cycles(step_ends, finished), finished) - issued)
    return Timing(finished, totals.busy, totals.stalls, step_ends, ledger, totals.reused)
