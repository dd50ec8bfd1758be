"""A window of a trace: the steps of a run that the machine in Verilog is run over."""

import re
from dataclasses import dataclass

import numpy as np

from archsim.errors import BadInput
from archsim.machine.functional import Integers
from archsim.trace.trace import Trace


@dataclass(frozen=True)
class Window:
    """Steps of a trace, counted from 0."""

    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> "Window":
        """From ``FIRST:LAST``, or from a number of steps. BadInput for anything else."""
        found = re.fullmatch(r"(?:(\d{1,9}):)?(\d{1,9})", text.strip(), re.ASCII)
        if found:
            first, last = found.groups()
            window = cls(0, int(last) - 1) if first is None else cls(int(first), int(last))
            if window.first <= window.last:
                return window
        raise BadInput(f"--steps must be FIRST:LAST or a number of steps, not {text!r}")

    @property
    def steps(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"step {self.first}" if self.steps == 1 else f"steps {self.first} to {self.last}"

    def of_trace(self, trace: Trace, lanes: int) -> Trace:
        """The first `lanes` sequences from the first step on; row 0 of a state is what that step meets.

        BadInput if the trace has too few steps, or if one of the sequences has ended before the first step.
        """
        trace.check(lanes, self.last + 1)
        lengths = trace.lengths[:lanes] - self.first
        if lengths.min() < 1:
            ended = int(np.argmin(lengths))
            raise BadInput(
                f"steps {self.first}:{self.last}: sequence {ended} has ended after {trace.lengths[ended]} steps;"
                " begin earlier, or take fewer lanes"
            )
        arrays = {}
        for operand in trace.graph.operands:
            stop = self.first + int(lengths.max()) + (operand.kind == "state")
            arrays[operand.name] = trace.arrays[operand.name][self.first : stop][:, :lanes]
        return Trace(trace.header, arrays, lengths)

    def of_integers(self, integers: Integers, trace: Trace) -> Integers:
        """The values of the operands of `trace` in these steps; the weights stay."""
        states = {operand.name for operand in trace.graph.operands if operand.kind == "state"}
        operands = {
            name: rows[self.first : self.last + 1 + (name in states)] for name, rows in integers.operands.items()
        }
        return Integers(integers.weights, operands, integers.shifts)
