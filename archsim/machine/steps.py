"""The steps of a run: simulated one after the other, or known from an earlier one that met the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from archsim import catalogue
from archsim.design import Design
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work
from archsim.timing import Timing

if TYPE_CHECKING:
    from archsim.machine.functional import Functional
from archsim.machine.assembly import Run
from archsim.machine.barrier import Barrier
from archsim.machine.log import Log


@dataclass(frozen=True)
class _Step:
    """What a step did, seen from the cycle at which its weight path was free."""

    barrier: Barrier
    stalls: dict[str, int]
    ended: int
    finished: int


REMEMBERED = 4096
"""Steps kept for reuse at most, the latest, so that memory stays flat: they take a kilobyte each."""


def run_machine(
    design: Design,
    plan: Plan,
    work: Work,
    engine: Literal["burst", "column"] = "burst",
    log: Log | None = None,
    on_step: Callable[[int], None] | None = None,
    reuse: bool = True,
    functional: "Functional | None" = None,
) -> Timing:
    """Simulate `work` on the machine; Deadlock where it stands still.

    `burst` simulates a step at a time from what the one before left. With `reuse`, a step that meets what an earlier
    one met (the same columns, the same barrier) is not simulated again: its time is known, its counts are its own.
    """
    if engine == "burst":
        return _run_bursts(design, plan, work, log, on_step, reuse and log is None)
    start = Barrier.start(plan, work)
    run = Run(design, plan, work, 0, work.steps, start, log=log, on_step=on_step, functional=functional)
    end = run.simulate(engine)
    step_ends = np.array(list(run.step_ends.values()), np.int64)
    return _timing(design, run, run.finished, end.tiles, step_ends, reused=0)


def _run_bursts(
    design: Design,
    plan: Plan,
    work: Work,
    log: Log | None,
    on_step: Callable[[int], None] | None,
    reuse: bool,
) -> Timing:
    barrier, origin, reused = Barrier.start(plan, work), 0, 0
    whole = Run(design, plan, work, 0, 0, barrier)  # gathers what the steps did
    known: dict[tuple[Barrier, tuple[int, ...], int], _Step] = {}
    step_ends = np.zeros(work.steps, np.int64)
    for step in range(work.steps):
        key = barrier, work.signature(step), work.inputs_at(plan, step + 1)
        found = known.get(key) if reuse else None
        if found is None:
            run = Run(design, plan, work, step, step + 1, barrier, origin, log, ledger=whole.ledger)
            after = run.simulate("burst")
            found = _Step(after, run.stalls, run.step_ends[step], run.finished)
            whole.busy += run.busy
            if reuse:
                if len(known) >= REMEMBERED:
                    del known[next(iter(known))]
                known[key] = found
        else:
            reused += 1
            whole.count(step)
        for cause, cycles in found.stalls.items():
            whole.stalls[cause] += cycles
        step_ends[step] = origin + found.ended if found.ended else 0
        whole.finished = max(whole.finished, origin + found.finished)
        origin += found.barrier.path
        barrier = found.barrier.after(found.barrier.path)
        if on_step:
            on_step(step + 1)
    return _timing(design, whole, whole.finished, origin + barrier.tiles, step_ends, reused)


def _timing(
    design: Design, run: Run, finished: int, tiles_free: int, step_ends: NDArray[np.int64], reused: int
) -> Timing:
    np.maximum.accumulate(step_ends, out=step_ends)  # a step in which no lane runs ends with the one before
    run.stall("drain", finished - tiles_free)
    issued = run.ledger.get(catalogue.MAC) + run.ledger.get(catalogue.MAC_ZERO_OPERAND)
    run.ledger.add(catalogue.IDLE_PE_CYCLE, design.pe_array.pes * finished - issued)
    return Timing(finished, run.busy, run.stalls, step_ends, run.ledger, reused)
