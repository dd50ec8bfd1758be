"""A layer in integers: what is stored of it, and the machine that steps it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from workloads import cells
from workloads.cells import Cell
from workloads.cells.integer import Codes, Fractions, IntegerStep, LayerNumbers
from workloads.config import LayerConfig
from workloads.fixed_point.activations import Activation, Squashing
from workloads.fixed_point.products import WIDEST_BITS, Accumulate, Interval, LookUp, Products, dot, one_of, reach
from workloads.numbers import Ints, Kind, Number, Saturations, Shift

_CHUNK_BYTES = 2**24


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """The integers of a layer. A weight is ``code * 2**-fraction``, with one fraction a matrix or one a row."""

    config: LayerConfig
    numbers: LayerNumbers
    recurrent_codes: NDArray[np.integer]  # (R, H)
    recurrent_fraction: NDArray[np.int8]  # (1,) or (R,)
    input_codes: NDArray[np.integer]  # (R, I)
    input_fraction: NDArray[np.int8]  # (1,) or (R,)
    bias_codes: NDArray[np.integer]  # (R,)
    recurrent_bias_codes: NDArray[np.integer] | None = None  # (H,), cell `gru`
    initial_codes: tuple[NDArray[np.integer], ...] | None = None  # (H,) each, h first

    @property
    def cell(self) -> Cell:
        return cells.by_name(self.config.cell)

    def start(self, batch: int) -> Codes:
        """What a sequence begins with, ``(B, H)`` each; of h, codes whose value is below the threshold are zero."""
        if self.initial_codes is None:
            return tuple(np.zeros((batch, self.config.hidden), np.int64) for _ in self.numbers.states)
        h, *rest = (np.tile(codes.astype(np.int64), (batch, 1)) for codes in self.initial_codes)
        return (pruned(h, self.config.threshold, self.numbers.state), *rest)


@dataclass(frozen=True)
class Proof:
    """How wide the accumulators of a product must be for no partial sum to overflow, whatever the operands."""

    site: str
    accumulator_bits: int
    bits_needed: int
    rows: int
    rows_proved: int

    @classmethod
    def of(cls, site: str, accumulator_bits: int, interval: Interval) -> "Proof":
        """BadInput where the sums themselves do not fit the 62 bits that they are computed with."""
        needed = interval.bits()
        if needed.max() > WIDEST_BITS:
            raise BadInput(
                f"{site}: sums must fit {WIDEST_BITS} bits, not need {needed.max()}: numbers lie too far apart"
            )
        proved = int(np.count_nonzero(needed <= accumulator_bits))
        return cls(site, accumulator_bits, int(needed.max()), len(needed), proved)

    @property
    def proved(self) -> bool:
        return self.rows_proved == self.rows


def by_row(values: NDArray[np.integer], rows: int) -> Ints:
    """One value a row ``(R,)``, of one a matrix or one a row."""
    return np.broadcast_to(values.astype(np.int64), (rows,))


def accumulate(
    codes: NDArray[np.integer],  # (R, K)
    left: Ints,  # (R,)
    start: Interval,
    operand: Number,
    site: str,
    accumulator_bits: int,
    products: Products,
    saturations: Saturations,
) -> tuple[Accumulate, Interval, Proof]:
    """The product of `codes` and an operand, with the interval of what it leaves in accumulators that held `start`."""
    unshifted, magnitudes = np.zeros(len(codes), np.int64), np.abs(codes.astype(np.int64))
    after = start + reach(codes, left, operand.low, operand.high)
    proof = Proof.of(site, accumulator_bits, after)
    Proof.of(site, accumulator_bits, start + reach(magnitudes, left, operand.low, -operand.low))

    def widest(matrix: NDArray[np.integer]) -> int:
        return int(reach(matrix, unshifted, operand.low, -operand.low).bits().max())

    product, magnitude = (dot(matrix, widest(matrix), products) for matrix in (codes, magnitudes))
    return Accumulate(codes, left, accumulator_bits, site, proof.proved, product, magnitude, saturations), after, proof


def threshold_codes(threshold: float, fraction: Ints | int) -> Ints | int:
    """The least code whose value is not below `threshold`: ``|v| < threshold`` becomes ``|code| < this``, exactly."""
    exact = Fraction(threshold)
    codes = [min(math.ceil(exact * Fraction(2) ** int(f)), 1 << WIDEST_BITS) for f in np.atleast_1d(fraction)]
    return codes[0] if isinstance(fraction, int) else np.array(codes, np.int64)


def pruned(codes: NDArray[np.integer], threshold: float, number: Number) -> NDArray[Any]:
    """Codes whose value is below `threshold` are zero."""
    return np.where(np.abs(codes.astype(np.int64)) < threshold_codes(threshold, number.fraction), 0, codes)


@dataclass(frozen=True, eq=False)
class IntegerMachine:
    """A layer ready to step: products into accumulators, and shifts from there on. Made by `machine`."""

    layer: IntegerLayer
    squashing: Squashing
    accumulator_bits: int
    input_part: Accumulate | LookUp
    bias: Ints  # (R,) as accumulators hold it
    biases_clipped: tuple[int, int]
    """How many accumulators, of how many, begin with a bias that they do not hold."""
    recurrent: tuple[Accumulate, ...]  # one for each of the cell's recurrent products
    recurrent_bias: Ints  # (H,)
    arguments: dict[str, Shift]
    """From the accumulators of a gate to the argument of its curve."""
    step: IntegerStep
    to_state: Shift
    threshold: Ints | int
    proofs: tuple[Proof, ...]
    site: str
    saturations: Saturations

    def accumulators(self, inputs: NDArray[Any]) -> Iterator[Ints]:
        """Accumulators ``(B, R)`` that hold bias and input product, for every step of `inputs` ``(T, B[, I])``."""
        chunk = max(1, _CHUNK_BYTES // max(1, inputs.shape[1] * len(self.bias) * 8))
        for first in range(0, len(inputs), chunk):
            window = inputs[first : first + chunk]
            self.saturations.step = first
            clipped, biases = self.biases_clipped
            self.saturations.note("accumulator", f"{self.site} bias", np.full(window.shape[:2], clipped), biases)
            if isinstance(self.input_part, LookUp):
                yield from self.input_part(window)
            else:
                yield from self.input_part(self.bias, window)

    def product(self, stage: int, start: Ints, operand: NDArray[Any]) -> Ints:
        return self.recurrent[stage](start, operand)

    def gate(self, name: str, accumulators: Ints) -> Ints:
        curve = self.squashing.of(self.layer.cell.curve(name))
        assert curve is not None
        return self._curve(curve, f"gate {name}", self.arguments[name](accumulators))

    def tanh(self, argument: Ints) -> Ints:
        assert self.squashing.tanh is not None
        return self._curve(self.squashing.tanh, "cell", argument)

    def _curve(self, curve: Activation, place: str, argument: Ints) -> Ints:
        low, high = curve.argument.low, curve.argument.high
        return curve(self.saturations.clip("argument", f"{self.site} {place}", argument, low, high))

    def clip(self, what: Literal["cell", "reset", "accumulator"], codes: Ints) -> Ints:
        if what == "accumulator":
            limit = 1 << (self.accumulator_bits - 1)
            return self.saturations.clip("accumulator", f"{self.site} reset product", codes, -limit, limit - 1)
        number = self.layer.numbers.cell if what == "cell" else self.layer.numbers.reset
        assert number is not None
        kind: Kind = "state" if what == "cell" else "argument"
        place = f"{self.site} {what}"
        return self.saturations.clip(kind, place, codes, number.low, number.high, number.ends)

    def new_h(self, value: Ints) -> Ints:
        if self.layer.config.threshold > 0:
            value = np.where(np.abs(value) < self.threshold, 0, value)
        number = self.layer.numbers.state
        codes = self.to_state(value)
        return self.saturations.clip("state", f"{self.site} h", codes, number.low, number.high, number.ends)

    def run(self, inputs: NDArray[Any], state: Codes) -> tuple[NDArray[np.int16], dict[str, NDArray[np.int16]], Codes]:
        """h ``(T, B, H)`` of every step, the other results of each step by name, and the state after the last."""
        steps, batch = inputs.shape[:2]
        states = np.empty((steps, batch, self.layer.config.hidden), np.int16)
        results = {name: np.empty_like(states) for name in self.layer.cell.results}
        for t, start in enumerate(self.accumulators(inputs)):
            self.saturations.step = t
            state, computed = self.step(self, start, state)
            states[t] = state[0]
            for name, values in zip(results, computed, strict=True):
                results[name][t] = values
        return states, results, state


@dataclass(frozen=True, eq=False)
class Accumulators:
    """Where a layer's sums have their binary point, and the biases there, which may not fit."""

    fractions: Fractions
    input_left: Ints  # (R,)
    recurrent_left: Ints  # (R,)
    bias: Ints  # (R,)
    recurrent_bias: Ints  # (H,)
    shared: NDArray[np.bool_]  # (R,) both products are added to the same accumulator

    @classmethod
    def of(cls, layer: IntegerLayer, squashing: Squashing) -> "Accumulators":
        """A row's accumulator has the finer fraction of the two products it holds; the other is shifted left."""
        cell, numbers, hidden = layer.cell, layer.numbers, layer.config.hidden
        rows = len(cell.gates) * hidden
        of_input = by_row(layer.input_fraction, rows) + (numbers.input.fraction if numbers.input else 0)
        of_state = by_row(layer.recurrent_fraction, rows) + numbers.state.fraction
        shared = np.repeat([a == b for a, b in zip(cell.input_groups, cell.recurrent_groups, strict=True)], hidden)
        finest = np.maximum(of_input, of_state)
        input_fraction, state_fraction = np.where(shared, finest, of_input), np.where(shared, finest, of_state)
        reset = state_fraction[rows - hidden :]
        return cls(
            Fractions(squashing.fraction, squashing.tanh_fraction, input_fraction, reset),
            input_fraction - of_input,
            state_fraction - of_state,
            _constant(layer.bias_codes, numbers.bias, input_fraction),
            _constant(layer.recurrent_bias_codes, numbers.recurrent_bias, reset),
            shared,
        )


def _constant(codes: NDArray[np.integer] | None, number: Number | None, fraction: Ints) -> Ints:
    """A bias at the `fraction` of its accumulators."""
    if codes is None or number is None:
        return np.zeros(len(fraction), np.int64)
    if np.max(fraction - number.fraction) > WIDEST_BITS - number.bits:
        raise BadInput(f"a bias must fit {WIDEST_BITS} bits in its accumulator: numbers lie too far apart")
    return Shift.right_by(number.fraction - fraction)(codes.astype(np.int64))


def _held(bias: Ints, accumulator_bits: int) -> Ints:
    """What accumulators start from: a bias that does not fit is clipped (and its row is not proved)."""
    limit = 1 << (accumulator_bits - 1)
    return np.clip(bias, -limit, limit - 1)


def _not_held(bias: Ints, accumulator_bits: int) -> int:
    return int(np.count_nonzero(bias != _held(bias, accumulator_bits)))


def machine(
    layer: IntegerLayer,
    squashing: Squashing,
    site: str,
    accumulator_bits: int,
    products: Products,
    saturations: Saturations,
) -> IntegerMachine:
    """What steps `layer`. BadInput where its numbers lie so far apart that a sum does not fit 62 bits."""
    cell, numbers = layer.cell, layer.numbers
    own = Accumulators.of(layer, squashing)
    how = accumulator_bits, products, saturations
    input_part, after, proof = _input_part(layer, own, f"{site} input product", *how)
    recurrent, proofs = _recurrent(layer, own, after, f"{site} recurrent product", *how)
    proofs = [proof, *proofs]
    biases = np.concatenate([own.bias, own.recurrent_bias]) if cell.shifts_candidate else own.bias
    clipped = _not_held(biases, accumulator_bits)
    if numbers.reset is not None:
        proofs.append(
            Proof.of(f"{site} reset product", accumulator_bits, _with_reset(after, numbers.reset, own.fractions))
        )
    step = cell.integer_step(numbers, own.fractions)
    held = min(accumulator_bits, max(proof.bits_needed for proof in proofs))
    if numbers.reset is not None:
        shift_to(own.fractions.reset, numbers.reset, held, site)
    arguments = {
        gate: shift_to(fraction, curve.argument, held, site)
        for gate, fraction in zip(cell.gates, np.split(own.fractions.accumulator, len(cell.gates)), strict=True)
        if (curve := squashing.of(cell.curve(gate)))
    }
    return IntegerMachine(
        layer=layer,
        squashing=squashing,
        accumulator_bits=accumulator_bits,
        input_part=input_part,
        bias=_held(own.bias, accumulator_bits),
        biases_clipped=(clipped, biases.size),
        recurrent=recurrent,
        recurrent_bias=_held(own.recurrent_bias, accumulator_bits),
        arguments=arguments,
        step=step,
        to_state=shift_to(step.h_fraction, numbers.state, held if None in cell.curves else 0, site),
        threshold=threshold_codes(layer.config.threshold, step.h_fraction),
        proofs=tuple(proofs),
        site=site,
        saturations=saturations,
    )


def _input_part(
    layer: IntegerLayer,
    own: Accumulators,
    site: str,
    accumulator_bits: int,
    products: Products,
    saturations: Saturations,
) -> tuple[Accumulate | LookUp, Interval, Proof]:
    start, number = Interval.point(own.bias), layer.numbers.input
    if number is not None:
        return accumulate(
            layer.input_codes, own.input_left, start, number, site, accumulator_bits, products, saturations
        )
    after = start + one_of(layer.input_codes, own.input_left)
    proof = Proof.of(site, accumulator_bits, after)
    held = _held(own.bias, accumulator_bits)
    look_up = LookUp.of(held, layer.input_codes, own.input_left, site, accumulator_bits, saturations)
    return look_up, after, proof


def _recurrent(
    layer: IntegerLayer,
    own: Accumulators,
    after_input: Interval,
    site: str,
    accumulator_bits: int,
    products: Products,
    saturations: Saturations,
) -> tuple[tuple[Accumulate, ...], list[Proof]]:
    hidden, stages, proofs, first = layer.config.hidden, [], [], 0
    apart = Interval.point(np.concatenate([own.bias[:-hidden], own.recurrent_bias]))
    before = after_input.where(own.shared, apart)
    for of_cell in layer.cell.stages:
        rows = slice(first, first + len(of_cell.gates) * hidden)
        stage, _, proof = accumulate(
            layer.recurrent_codes[rows], own.recurrent_left[rows], before.rows(rows), layer.numbers.state,
            site, accumulator_bits, products, saturations,
        )  # fmt: skip
        stages.append(stage)
        proofs.append(proof)
        first = rows.stop
    return tuple(stages), proofs


def _with_reset(after_input: Interval, reset: Number, fractions: Fractions) -> Interval:
    """Interval of the candidate's accumulators once the reset product is in them ``(H,)``."""
    hidden, most = len(fractions.reset), -reset.low << fractions.gate
    right = [fractions.gate + reset.fraction - int(f) for f in fractions.accumulator[-hidden:]]
    shifted = np.array([(most + (1 << n >> 1)) >> n if n > 0 else most << -n for n in right], object)
    return after_input.rows(slice(-hidden, None)) + Interval(-shifted, shifted)


def shift_to(fraction: Ints | int, to: Number, bits: int, site: str) -> Shift:
    """From values of `bits` with `fraction` bits behind the point to those of `to`."""
    right = np.asarray(fraction) - to.fraction
    if bits - int(right.min()) > WIDEST_BITS:
        raise BadInput(f"{site}: sums must fit {WIDEST_BITS} bits when rescaled: numbers lie too far apart")
    return Shift.right_by(right)


@dataclass(frozen=True, eq=False)
class ReadoutMachine:
    """Logits from codes of h: products into accumulators that start at the bias, then all at one fraction."""

    product: Accumulate
    bias: Ints  # (V,)
    biases_clipped: int
    align: Shift
    fraction: int
    proof: Proof

    @classmethod
    def of(
        cls,
        codes: NDArray[np.integer],  # (V, H)
        fraction: NDArray[np.int8],  # (1,) or (V,)
        bias_codes: NDArray[np.integer],  # (V,)
        bias: Number,
        state: Number,
        accumulator_bits: int,
        products: Products,
        saturations: Saturations,
        site: str = "readout",
    ) -> "ReadoutMachine":
        rows = by_row(fraction, len(codes)) + state.fraction
        start = _constant(bias_codes, bias, rows)
        product, _, proof = accumulate(
            codes, np.zeros_like(rows), Interval.point(start), state, site, accumulator_bits, products, saturations
        )
        finest = int(rows.max())
        if min(proof.bits_needed, accumulator_bits) + finest - int(rows.min()) > WIDEST_BITS:
            raise BadInput(f"{site}: sums must fit {WIDEST_BITS} bits: numbers lie too far apart")
        held, beyond = _held(start, accumulator_bits), _not_held(start, accumulator_bits)
        return cls(product, held, beyond, Shift.right_by(rows - finest), finest, proof)

    def __call__(self, states: NDArray[np.integer]) -> Ints:
        """Codes ``(..., V)`` with `fraction` bits behind the point, of codes of h ``(..., H)``."""
        clipped = np.full(states.shape[:-1], self.biases_clipped)
        self.product.saturations.note("accumulator", f"{self.product.site} bias", clipped, len(self.bias))
        return self.align(self.product(self.bias, states))
