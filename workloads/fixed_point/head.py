"""A head in integers: dense layers between h and the readout, each with a number of its own for its results."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.trace.graph import Frozen
from workloads.config import HeadLayer
from workloads.fixed_point.layers import ReadoutMachine, by_row, shift_to
from workloads.fixed_point.products import Products
from workloads.numbers import Ints, Number, Saturations, Shift


class HeadNumbers(Frozen):
    """Fixed-point numbers of a dense layer of a head."""

    bias: Number
    result: Number


@dataclass(frozen=True, eq=False)
class IntegerDense:
    """The integers of a dense layer of a head."""

    config: HeadLayer
    numbers: HeadNumbers
    codes: NDArray[np.integer]  # (O, I)
    fraction: NDArray[np.int8]  # (1,) or (O,)
    bias_codes: NDArray[np.integer]  # (O,)

    def machine(
        self, operand: Number, place: str, accumulator_bits: int, products: Products, saturations: Saturations
    ) -> "DenseMachine":
        """What computes it of operands with the number `operand`; its results are called `place` where they clip."""
        sums = ReadoutMachine.of(
            self.codes, self.fraction, self.bias_codes, self.numbers.bias, operand, accumulator_bits, products,
            saturations, f"{place} product",
        )  # fmt: skip
        aligned = by_row(self.fraction, len(self.codes)).max() - self.fraction.min()
        held = min(sums.proof.bits_needed, accumulator_bits) + int(aligned)
        to_result = shift_to(sums.fraction, self.numbers.result, held, place)
        return DenseMachine(sums, self.config.activation == "relu", to_result, self.numbers.result, place, saturations)


@dataclass(frozen=True, eq=False)
class DenseMachine:
    """A dense layer of a head: its sums, their positive parts if that is its activation, and its results' number."""

    sums: ReadoutMachine
    positive: bool
    to_result: Shift
    number: Number
    place: str
    saturations: Saturations

    def __call__(self, codes: NDArray[np.integer]) -> Ints:
        """Codes of its results ``(..., O)``, of codes ``(..., I)``."""
        values = self.sums(codes)
        values = np.maximum(values, 0) if self.positive else values
        number = self.number
        return self.saturations.clip(
            "state", self.place, self.to_result(values), number.low, number.high, number.ends
        )  # fmt: skip
