"""A machine in Verilog run, and compared with engine `column`: every event, every sum, and the cycles."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from archsim.rtl.arithmetic import wrapped
from archsim.rtl.compare import Difference, Logged, differences
from archsim.rtl.folder import Exported
from archsim.rtl.results import computed_results, expected_results
from archsim.rtl.simulate import Simulated, parsed, run
from archsim.rtl.sums import SumPlace
from archsim.rtl.tools import ICARUS, Simulator

JsonFacts = dict[str, object]


@dataclass(frozen=True)
class WrongSum:
    """A sum that is not as expected."""

    place: SumPlace
    expected: int
    found: int | None
    """None: unknown (some bit is x)."""

    def __str__(self) -> str:
        found = "unknown" if self.found is None else self.found
        return f"sum of {self.place}: expected {self.expected}, found {found}"

    def to_json(self) -> JsonFacts:
        return {**vars(self.place), "expected": self.expected, "found": self.found}


@dataclass(frozen=True)
class Check:
    """What a simulation in Verilog came to, beside what it must come to."""

    exported: Exported
    simulator: Simulator
    simulated: Simulated
    differences: tuple[Difference, ...]
    """The first event of each component that differs, the earliest first."""
    wrong_sum: WrongSum | None
    """The first sum that differs."""
    results: int
    """Results that integer cells have computed."""
    wrong_result: str | None
    """The first of them that differs or is missing, in words."""

    @property
    def passed(self) -> bool:
        return not self.reasons

    @property
    def reasons(self) -> tuple[str, ...]:
        """What differs, in words."""
        expected, found, case = self.exported.expected, self.simulated, self.exported.case
        reasons = list(map(str, self.differences))
        if self.wrong_sum or found.different:
            more = f" ({found.different:,} of {found.sums:,} sums differ)"
            reasons.append(f"{self.wrong_sum or 'sums'}{more}")
        if self.wrong_result:
            reasons.append(self.wrong_result)
        if found.cycles is not None and found.sums != case.sums:
            reasons.append(f"sums: archsim reads {case.sums:,}, Verilog {found.sums:,}")
        if found.cycles != expected.cycles:
            ended = "has not finished" if found.cycles is None else f"{found.cycles:,}"
            reasons.append(f"cycles: archsim {expected.cycles:,}, Verilog {ended}")
        return (*reasons, *found.complaints)

    @property
    def verdict(self) -> str:
        """In one line."""
        case, expected = self.exported.case, self.exported.expected
        what = f"{len(expected.events):,} events, {case.sums:,} sums, {expected.cycles:,} cycles"
        what = f"{self.results:,} results, {what}" if case.cells else what
        of = f"{case.design.name} in Verilog, {case.workload}, {case.window_words}, {case.integers_words}"
        if self.passed:
            return f"equal: {what} ({of})"
        return f"different: {self.reasons[0]} ({of})"

    def to_json(self) -> JsonFacts:
        case, expected, found = self.exported.case, self.exported.expected, self.simulated
        return {
            "equal": self.passed,
            "design": case.design.name,
            "workload": case.workload,
            "folder": str(self.exported.folder),
            "lanes": case.lanes,
            "first_step": case.window.first,
            "last_step": case.window.last,
            "run_steps": case.run_steps,
            "drawn_with_seed": case.seed,
            "simulator": self.simulator.name,
            "events": len(expected.events),
            "sums": case.sums,
            "cycles": expected.cycles,
            "in_verilog": {"events": len(found.events), "sums": found.sums, "cycles": found.cycles},
            "results": self.results,
            "wrong_sums": found.different,
            "first_wrong_sum": self.wrong_sum.to_json() if self.wrong_sum else None,
            "first_differences": [
                {
                    "component": each.component,
                    "number": each.number,
                    "archsim": _event(each.expected),
                    "verilog": _event(each.found),
                }
                for each in self.differences
            ],
            "reasons": list(self.reasons),
        }


def check(
    exported: Exported,
    simulator: Simulator = ICARUS,
    on_compiled: Callable[[], None] | None = None,
    on_cycle: Callable[[int], None] | None = None,
) -> Check:
    """Simulate an exported folder and compare. BadInput where the simulator is missing.

    `on_compiled` is called once the Verilog has been compiled, then `on_cycle` with the cycle of every event.
    """
    simulator.check()
    run(simulator.compiled(exported.case.defined), exported.folder)
    if on_compiled:
        on_compiled()
    return judged(exported, simulator, parsed(run(simulator.run, exported.folder, on_cycle)))


def judged(exported: Exported, simulator: Simulator, simulated: Simulated) -> Check:
    """What a simulation came to, beside what is expected of a folder."""
    found = differences(exported.expected.events, simulated.events)
    results, wrong = _results(exported, simulated)
    return Check(exported, simulator, simulated, tuple(found), _wrong_sum(exported, simulated), results, wrong)


def _results(exported: Exported, simulated: Simulated) -> tuple[int, str | None]:
    """How many results were computed, and the first that is not what the network had."""
    case = exported.case
    if case.cells is None:
        return 0, None
    expected, computed = expected_results(case), dict(computed_results(case, simulated.other))
    for result, value in expected.items():
        if computed.get(result) != value:
            where = f"step {result.step}, lane {result.lane}, {result.operand}, unit {result.unit}"
            return len(expected), f"result of {where}: expected {value}, computed {computed.get(result)}"
    return len(expected), None


def _event(event: Logged | None) -> JsonFacts | None:
    return None if event is None else {name: value for name, value in event._asdict().items() if name != "component"}


_SUM = re.compile(r"S step (\d+) block (\d+) element +(\d+) sum +(\d+): ([0-9a-fxzXZ]+), not ([0-9a-f]+)")


def _wrong_sum(exported: Exported, simulated: Simulated) -> WrongSum | None:
    """The first difference that the bench has printed."""
    program = exported.case.program
    bits = program.design.pe_array.accumulator_bits
    for line in simulated.other:
        if said := _SUM.match(line):
            place = SumPlace.of(program.plan, *(int(said[k]) for k in range(1, 5)))
            found = None if set(said[5].lower()) & set("xz") else wrapped(int(said[5], 16), bits)
            return WrongSum(place, wrapped(int(said[6], 16), bits), found)
    return None
