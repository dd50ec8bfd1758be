"""What the activation unit computes for one unit of a stage in one lane, as data: integers in, integers out.

    sums of the unit + its stored constants + h and what lies beside it  ->  operands made + what lies beside it

Whoever knows the network writes it down (`workloads.fixed_point.unit_functions`); it is evaluated here, in plain
integers, and written as Verilog by `integer_cell`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from archsim.errors import BadInput
from archsim.rtl.arithmetic import Operation, Range, Source, wrapped
from archsim.rtl.curves import Curve


@dataclass(frozen=True)
class SumRow:
    """The sum of one row of the unit, as its accumulator holds it."""

    name: str
    group: str
    """The accumulators' name in the plan (``Stage.sums``)."""
    row: int
    """Row of the unit within them, gate-major."""
    bits: int
    """Low bits that are read: with the bias, the sum is proved to fit them, so that what lies above adds nothing."""


@dataclass(frozen=True)
class Constant:
    """What is stored for a unit; a field of its constants' word."""

    name: str
    values: tuple[int, ...]
    """One a unit."""

    @property
    def range(self) -> Range:
        return Range.around(*self.values)


class StatePort(NamedTuple):
    """A value that lies in a state buffer: h, or what lies beside it."""

    name: str
    bits: int

    @property
    def value(self) -> str:
        """What steps call it as they read it."""
        return f"old_{self.name}"


class Step(NamedTuple):
    """A named value and how it is computed."""

    name: str
    operation: Operation


class Output(NamedTuple):
    """A result: the operand, or the field beside h, that it goes to; and the value, which `bits` hold."""

    name: str
    source: Source
    bits: int


@dataclass(frozen=True)
class UnitFunction:
    """The function of one stage. ValueError if it reads what is not there, or a result does not fit."""

    name: str
    """Name of the stage's operation in the graph."""
    units: int
    state: str | None
    """The operand whose h and whose word beside it the stage reads and writes; None without."""
    sums: tuple[SumRow, ...]
    constants: tuple[Constant, ...]
    h: StatePort | None
    """The h that the step met; None where it is not read."""
    beside: tuple[StatePort, ...]
    """The fields of the word that lies beside h in its layer, such as c: all of them, lowest first."""
    steps: tuple[Step, ...]
    made: tuple[Output, ...]
    """The operands that the stage makes, in the order of its encode operations; of a readout, the logit."""
    stored: tuple[Output, ...]
    """Fields beside h that are written; the others stay as they are."""

    def __post_init__(self) -> None:
        ranges = self.ranges
        for output in self.made + self.stored:
            held = Range.of_bits(output.bits)
            found = self._range(ranges, output.source)
            if not found.within(*held):
                raise ValueError(f"{self.name}: {output.name} must fit {output.bits} bits, not be within {found}")
        unknown = {output.name for output in self.stored} - {port.name for port in self.beside}
        if unknown:
            raise ValueError(f"{self.name}: stores {', '.join(sorted(unknown))}, which do not lie beside h")
        for constant in self.constants:
            if len(constant.values) != self.units:
                raise ValueError(f"{self.name}: {constant.name} must have {self.units} values")

    @property
    def ranges(self) -> dict[str, Range]:
        """The proven range of every value by its name, inputs first."""
        found = {each.name: Range.of_bits(each.bits) for each in self.sums}
        found |= {each.name: each.range for each in self.constants}
        found |= {port.value: Range.of_bits(port.bits) for port in self.ports}
        for name, operation in self.steps:
            if name in found:
                raise ValueError(f"{self.name}: {name} is there twice")
            found[name] = operation.range(*(self._range(found, source) for source in operation.sources))
        return found

    def _range(self, found: Mapping[str, Range], source: Source) -> Range:
        if isinstance(source, int):
            return Range(source, source)
        if source not in found:
            raise ValueError(f"{self.name}: reads {source} before it is there")
        return found[source]

    @property
    def ports(self) -> tuple[StatePort, ...]:
        """What it reads of the state."""
        return (*(() if self.h is None else (self.h,)), *self.beside)

    @property
    def read(self) -> frozenset[str]:
        """The names of the values that a step or a result reads."""
        sources = [source for step in self.steps for source in step.operation.sources]
        sources += [output.source for output in self.made + self.stored]
        return frozenset(source for source in sources if isinstance(source, str))

    @property
    def groups(self) -> tuple[str, ...]:
        """The accumulators that it reads, in order."""
        return tuple(dict.fromkeys(each.group for each in self.sums))

    @property
    def curves(self) -> tuple[Curve, ...]:
        """One for each module of a curve that it uses."""
        uses = (step.operation for step in self.steps if isinstance(step.operation, Curve))
        return tuple({curve.module: curve for curve in uses}.values())

    def constants_of(self, unit: int) -> dict[str, int]:
        return {each.name: each.values[unit] for each in self.constants}

    def evaluate(self, unit: int, sums: Mapping[str, int], state: Mapping[str, int]) -> dict[str, int]:
        """Results by the name of the operand or field, in plain integers; `sums` and `state` are by name.

        Of a sum the low bits count, as in hardware.
        """
        values = self.constants_of(unit) | {port.value: state[port.name] for port in self.ports}
        for each in self.sums:
            values[each.name] = wrapped(sums[each.name], each.bits)
        for name, operation in self.steps:
            values[name] = operation.value(*(_value(values, source) for source in operation.sources))
        return {output.name: _value(values, output.source) for output in self.made + self.stored}


def _value(values: Mapping[str, int], source: Source) -> int:
    return source if isinstance(source, int) else values[source]


@dataclass(frozen=True)
class UnitFunctions:
    """The functions of all stages of a step, in their order."""

    stages: tuple[UnitFunction, ...]

    def __post_init__(self) -> None:
        modules: dict[str, Curve] = {}
        for curve in self.curves():
            known = modules.setdefault(curve.module, curve)
            if known.module_text() != curve.module_text():
                raise ValueError(f"curve {curve.module} must be one and the same in all stages")

    def curves(self) -> Iterator[Curve]:
        """Curves of every stage; one of several may come more than once."""
        for stage in self.stages:
            yield from stage.curves

    def in_order(self, groups: tuple[tuple[str, ...], ...]) -> "UnitFunctions":
        """Those that read the sums of a plan's stages, ``tuple(sum.name for sum in stage.sums)`` each, in its order.

        BadInput where one has none.
        """
        by_groups = {stage.groups: stage for stage in self.stages}
        for wanted in groups:
            if wanted not in by_groups:
                raise BadInput(f"sums {', '.join(wanted)}: no integer operations are known for their stage")
        return UnitFunctions(tuple(by_groups[wanted] for wanted in groups))
