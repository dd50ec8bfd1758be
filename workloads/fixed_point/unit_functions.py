"""An integer model's arithmetic after the accumulators, as data that hardware is made from (`archsim.rtl`).

The model's own code is run on symbols (`recorded`): a cell's integer step and the layer's gates, clips and pruning are
written down as they are computed, so that a new cell needs nothing here. A step is cut where a product of it waits for
a result of the same step; what a later stage reads of an earlier one is kept beside h.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np

from archsim.errors import BadInput
from archsim.rtl.arithmetic import Accumulate, Range, Source
from archsim.rtl.unit_function import Constant, Output, StatePort, Step, SumRow, UnitFunction, UnitFunctions
from archsim.trace.graph import Elementwise, Encode, Graph
from workloads.fixed_point.activations import Activation
from workloads.fixed_point.head import DenseMachine
from workloads.fixed_point.layers import IntegerMachine, Proof, ReadoutMachine, pruned
from workloads.fixed_point.model import IntegerModel
from workloads.fixed_point.recorded import Recorder, Symbols
from workloads.graphs import phases_of
from workloads.numbers import Ints

Side = Literal["input", "recurrent"]


def unit_functions(model: IntegerModel) -> UnitFunctions:
    """The function of every stage of a step of `model`, in the order of its graph.

    BadInput where accumulators may saturate, since those of the machine wrap around, or where a step has phases.
    """
    phases = phases_of(model)
    if len(phases) > 1:
        raise BadInput(f"model {model.name}: must have one phase for integer cells, not {len(phases)}")
    graph = phases[0].graph
    found = {stage.name: stage for stage in _stages(model, graph)}
    read_here = {mv.group for mv in graph.mat_vecs}
    order = [
        op.name
        for op in graph.operations
        if isinstance(op, Elementwise) or (isinstance(op, Encode) and op.of in read_here)
    ]
    return UnitFunctions(tuple(found[name] for name in order))


def _stages(model: IntegerModel, graph: Graph) -> Iterator[UnitFunction]:
    if model.config.input.kind == "embedding":
        yield _embedding(model)
    if model._dense is not None:
        yield _dense(model, model._dense)
    for k in range(len(model.layers)):
        yield from _Layer(model, graph, k).stages()
    if model._readout is not None:
        yield _readout(model, model._readout)


def _embedding(model: IntegerModel) -> UnitFunction:
    """Words of the embedding, pruned as the first layer reads them."""
    number, layer = model.spec.layers[0].input, model.config.layers[0]
    assert number is not None
    recorder = Recorder(model.config.input.width)
    x: Any = recorder.symbols("sum_embedding_0")
    with recorder.naming("x"):
        x = pruned(x, layer.input_threshold, number) if layer.input_threshold > 0 else x
    sums = (SumRow("sum_embedding_0", "embedding", 0, number.bits),)
    return _simple(recorder, "encode_x", sums, Output("x", x.parts[0], number.bits))


def _dense(model: IntegerModel, dense: DenseMachine) -> UnitFunction:
    """The dense layer before the recurrent ones, pruned as the first of these reads it."""
    number, layer = dense.number, model.config.layers[0]
    recorder = Recorder(len(dense.sums.bias))
    counts: Any = _NoCount()
    x: Any = replace(dense, sums=_summed(recorder, dense.sums, "dense"), saturations=counts)(_no_operand())
    with recorder.naming("x"):
        x = pruned(x, layer.input_threshold, number) if layer.input_threshold > 0 else x
    sums = (_alone("dense", dense.sums.proof),)
    return _simple(recorder, "dense_unit", sums, Output("x", _only(x), number.bits))


def _readout(model: IntegerModel, machine: ReadoutMachine) -> UnitFunction:
    """Logits as the model has them, at one fraction."""
    recorder = Recorder(len(machine.bias))
    logits = _summed(recorder, machine, "readout")(_no_operand())
    held, align = machine.proof.bits_needed, int(np.max(machine.align.left))
    sums = (_alone("readout", machine.proof),)
    return _simple(recorder, "readout_bias", sums, Output("logit", _only(logits), held + align))


def _alone(group: str, proof: Proof) -> SumRow:
    _check(proof)
    return SumRow(f"sum_{group}_0", group, 0, proof.bits_needed)


def _check(proof: Proof) -> None:
    """BadInput unless the accumulators of a product never overflow."""
    if not proof.proved:
        raise BadInput(
            f"{proof.site}: accumulators of {proof.accumulator_bits} bits may saturate, and a machine's wrap around:"
            f" state accumulator_bits of at least {proof.bits_needed}, or none"
        )


def _only(symbols: Any) -> Source:
    (part,) = symbols.parts
    source: Source = part
    return source


def _no_operand() -> Any:
    return np.zeros((1, 1), np.int64)


def _simple(recorder: Recorder, name: str, sums: tuple[SumRow, ...], made: Output) -> UnitFunction:
    """The function of a stage without state."""
    steps = _needed(recorder, [made.source], 0)
    return UnitFunction(name, recorder.units, None, sums, _constants(recorder, steps), None, (), steps, (made,), ())


class _NoCount:
    """Clips without counting; `Saturations` of symbols."""

    def note(self, *of: Any, **more: Any) -> None:
        """Nothing is counted."""

    def clip(self, kind: str, place: str, codes: Any, low: int, high: int, within: Any = None) -> Any:
        symbols: Symbols = codes
        return symbols.clipped(low, high)


def _summed(recorder: Recorder, machine: ReadoutMachine, group: str) -> Any:
    """The same machine, whose product is the sum that accumulators hold."""

    def product(start: Ints, operand: Any) -> Symbols:
        total = Accumulate(f"sum_{group}_0", recorder.constant(start, "bias"), machine.proof.bits_needed)
        return recorder.symbols(recorder.add(total, f"acc_{group}"))

    recorded: Any = _Product(product, SimpleNamespace(note=lambda *of: None))
    return replace(machine, product=recorded)


@dataclass(frozen=True)
class _Product:
    """In the place of an `Accumulate`."""

    recorded: Any
    saturations: Any
    site: str = ""

    def __call__(self, start: Ints, operand: Any) -> Symbols:
        made: Symbols = self.recorded(start, operand)
        return made


@dataclass(frozen=True, eq=False)
class _RecordedSquashing:
    """Both curves, which write down that they were used."""

    squashing: Any
    recorder: Recorder

    def of(self, curve: Literal["sigmoid", "tanh"] | None) -> Any:
        activation = self.squashing.of(curve)
        return None if activation is None else _RecordedCurve(activation, self.recorder)

    @property
    def tanh(self) -> Any:
        return self.of("tanh")


@dataclass(frozen=True, eq=False)
class _RecordedCurve:
    activation: Activation
    recorder: Recorder

    @property
    def argument(self) -> Any:
        return self.activation.argument

    def __call__(self, codes: Symbols) -> Symbols:
        curve = self.activation.in_hardware(_only(codes), f"curve_{self.activation.curve}")
        return self.recorder.symbols(self.recorder.add(curve, "curve"))


class _Layer:
    """A layer's step on symbols: it is what its cell steps with (`cells.integer.IntegerParts`)."""

    def __init__(self, model: IntegerModel, graph: Graph, k: int) -> None:
        machine = model._machines[k]
        self._config, self._graph, self._suffix = model.config, graph, model.config.suffix(k)
        self._cell, self._recorder = machine.layer.cell, Recorder(machine.layer.config.hidden)
        counts: Any = _NoCount()
        squashing: Any = _RecordedSquashing(machine.squashing, self._recorder)
        self._machine: IntegerMachine = replace(machine, saturations=counts, squashing=squashing)
        self._sums: dict[str, SumRow] = {}
        self._between: list[Source] = []
        """What each product but the first multiplies: a result of the stage before."""
        for proof in machine.proofs[: 1 + len(self._cell.stages)]:
            _check(proof)

    # What a cell steps with

    @property
    def recurrent_bias(self) -> Any:
        return self._recorder.symbols(self._recorder.constant(self._machine.recurrent_bias, "recurrent_bias"))

    def product(self, stage: int, start: Any, operand: Any) -> Any:
        self._recorder.stage = stage
        if stage:
            self._between.append(_only(operand))
        rows = zip(self._cell.stages[stage].gates, start.parts, strict=True)
        proof = self._machine.proofs[1 + stage]
        return self._recorder.symbols(*(self._added("recurrent", gate, begin, proof, stage) for gate, begin in rows))

    def gate(self, name: str, accumulators: Any) -> Any:
        return self._named(name, self._machine.gate, name, accumulators)

    def tanh(self, argument: Any) -> Any:
        return self._named("tanh", self._machine.tanh, argument)

    def clip(self, what: Literal["cell", "reset", "accumulator"], codes: Any) -> Any:
        return self._named(f"new_{what}", self._machine.clip, what, codes)

    def new_h(self, value: Any) -> Any:
        return self._named("new_h", self._machine.new_h, value)

    def _named(self, name: str, method: Any, *of: Any) -> Any:
        with self._recorder.naming(name):
            made: Symbols = method(*of)
        return self._recorder.symbols(self._recorder.result(name, _only(made)))

    # Sums

    def _added(self, side: Side, gate: str, begin: Source, proof: Proof, stage: int) -> str:
        """The accumulator of a gate after its product: what it began with and the sum that the machine has."""
        groups = self._cell.input_groups if side == "input" else self._cell.recurrent_groups
        group = groups[self._cell.gates.index(gate)]
        members = [own for own, each in zip(self._cell.gates, groups, strict=True) if each == group]
        row = SumRow(
            f"sum_{group}_{members.index(gate)}", f"{group}{self._suffix}", members.index(gate), proof.bits_needed
        )
        self._sums[row.name] = row
        name = f"acc_{gate if len(members) > 1 else group}"
        return self._recorder.add(Accumulate(row.name, begin, row.bits), name, stage)

    def _start(self) -> Symbols:
        """Accumulators before the recurrent product: the bias, with the input product where that has its own."""
        cell, parts = self._cell, list[Source]()
        apart = [of_x != of_h for of_x, of_h in zip(cell.input_groups, cell.recurrent_groups, strict=True)]
        biases = np.split(self._machine.bias, len(cell.gates))
        for gate, values, own in zip(cell.gates, biases, apart, strict=True):
            bias = self._recorder.constant(values, f"bias_{gate}")
            stage = next(n for n, each in enumerate(cell.stages) if gate in each.gates)
            parts.append(self._added("input", gate, bias, self._machine.proofs[0], stage) if own else bias)
        return self._recorder.symbols(*parts)

    # Stages

    def stages(self) -> list[UnitFunction]:
        """The cell's step, cut into its stages."""
        names, numbers, last = self._cell.states, self._machine.layer.numbers, len(self._cell.stages) - 1
        ports = [StatePort(name, number.bits) for name, number in zip(names, numbers.states, strict=True)]
        state: Any = tuple(self._recorder.symbols(port.value) for port in ports)
        start: Any = self._start()
        (h, *rest), _ = self._stepped(start, state)
        made = dict[int, tuple[Output, ...]]()
        for n, source in enumerate(self._between):
            made[n] = (Output(self._operand(n), source, numbers.state.bits),)
        made[last] = tuple(self._made(h))
        stored = {n: tuple[Output, ...]() for n in range(last)}
        stored[last] = tuple(
            Output(port.name, _only(new), port.bits) for port, new in zip(ports[1:], rest, strict=True)
        )
        return self._cut(ports, made, stored)

    def _stepped(self, start: Any, state: Any) -> Any:
        """The cell's own integer step. BadInput names a cell that does what is not recorded."""
        try:
            return self._machine.step(self, start, state)
        except BadInput as problem:
            raise BadInput(f"cell {self._cell.name}: {problem}") from None
        except (AttributeError, TypeError) as problem:
            raise BadInput(f"cell {self._cell.name}: integer step: {problem}, which has no hardware") from None

    def _operand(self, stage: int) -> str:
        return f"{self._cell.stages[stage].result}{self._suffix}"

    def _made(self, h: Any) -> Iterator[Output]:
        """The operands that are made of h, in the order of the graph: itself, and what a layer above prunes."""
        last, number = len(self._cell.stages) - 1, self._machine.layer.numbers.state
        name = f"{self._cell.stages[last].name}{self._suffix}"
        for operand in (op.operand for op in self._graph.operations if isinstance(op, Encode) and op.of == name):
            made = h
            if operand != self._operand(last):
                layers = self._config.layers
                above = next(k for k in range(len(layers)) if self._config.input_operand(k) == operand)
                made = self._named(operand, pruned, h, layers[above].input_threshold, number)
            yield Output(operand, _only(made), number.bits)

    def _cut(
        self, ports: list[StatePort], made: dict[int, tuple[Output, ...]], stored: dict[int, tuple[Output, ...]]
    ) -> list[UnitFunction]:
        """One function a stage. From the last to the first, so that each keeps what those after it read."""
        ranges, parts, kept = self._ranges(ports), {}, dict[str, StatePort]()
        for n in reversed(made):
            keeps = [port for name, port in kept.items() if self._recorder.steps[name][1] == n]
            stored[n] += tuple(Output(port.name, port.name, port.bits) for port in keeps)
            parts[n] = _needed(self._recorder, [output.source for output in made[n] + stored[n]], n)
            for source in _read(parts[n]):
                if source in self._recorder.steps and self._recorder.steps[source][1] != n:
                    kept[source] = StatePort(source, ranges[source].bits)
        beside = (*ports[1:], *kept.values())
        return [self._function(n, ports[0], beside, parts[n], made[n], stored[n], kept) for n in sorted(parts)]

    def _ranges(self, ports: list[StatePort]) -> dict[str, Range]:
        """The range of every value of the whole step."""
        steps = tuple(Step(name, operation) for name, (operation, _) in self._recorder.steps.items())
        constants = _constants(self._recorder, steps)
        sums = tuple(self._sums.values())
        h, *beside = ports
        whole = UnitFunction("", self._recorder.units, None, sums, constants, h, tuple(beside), steps, (), ())
        return whole.ranges

    def _function(
        self,
        stage: int,
        h: StatePort,
        beside: tuple[StatePort, ...],
        steps: tuple[Step, ...],
        made: tuple[Output, ...],
        stored: tuple[Output, ...],
        kept: dict[str, StatePort],
    ) -> UnitFunction:
        """The function of one stage, which reads what an earlier one keeps as it reads the state."""
        here = {step.name for step in steps}
        names = {name: port.value for name, port in kept.items() if name not in here}
        steps = tuple(Step(step.name, step.operation.reading(names)) for step in steps)
        name, read = f"{self._cell.stages[stage].name}{self._suffix}", _read(steps)
        order = next(op.of for op in self._graph.operations if isinstance(op, Elementwise) and op.name == name)
        sums = sorted(
            (self._sums[s] for s in read if s in self._sums), key=lambda row: (order.index(row.group), row.row)
        )
        return UnitFunction(
            name=name,
            units=self._recorder.units,
            state=self._operand(len(self._cell.stages) - 1),
            sums=tuple(sums),
            constants=_constants(self._recorder, steps),
            h=h if h.value in read else None,
            beside=beside,
            steps=steps,
            made=made,
            stored=stored,
        )


def _read(steps: Sequence[Step]) -> dict[str, None]:
    """Names of what steps read, in order."""
    return dict.fromkeys(s for step in steps for s in step.operation.sources if isinstance(s, str))


def _needed(recorder: Recorder, results: Sequence[Source], stage: int) -> tuple[Step, ...]:
    """The steps of a stage that its `results` come from, in order."""
    needed, found = set(results), list[Step]()
    for name, (operation, own) in reversed(recorder.steps.items()):
        if own == stage and name in needed:
            needed.update(operation.sources)
            found.append(Step(name, operation))
    return tuple(reversed(found))


def _constants(recorder: Recorder, steps: Sequence[Step]) -> tuple[Constant, ...]:
    """The constants that steps read."""
    return tuple(Constant(name, recorder.constants[name]) for name in _read(steps) if name in recorder.constants)
