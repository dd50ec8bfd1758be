"""Dense layers in integers, before the recurrent layers and between h and the readout: each rounds its results once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from archsim.frozen import Frozen
from workloads.fixed_point.layers import ReadoutMachine, by_row, shift_to
from workloads.fixed_point.products import Products
from workloads.fixed_point.settings import IntegerWidths
from workloads.fixed_point.slots import number_slot, shift_slot, weight_slot
from workloads.numbers import Ints, Number, Saturations, Shift
from workloads.packed import Arrays, Slot


class DensePoints(Frozen):
    """Fixed-point numbers of a dense layer."""

    bias: Number
    result: Number


@dataclass(frozen=True, eq=False)
class IntegerDense:
    """The integers of a dense layer: one of a head, or that before the recurrent layers."""

    numbers: DensePoints
    codes: NDArray[np.integer]  # (O, I)
    fraction: NDArray[np.int8]  # (1,) or (O,)
    bias_codes: NDArray[np.integer]  # (O,)

    @classmethod
    def stored(cls, arrays: Arrays, prefix: str, numbers: DensePoints) -> Self:
        """Those that lie in the slots whose names begin with `prefix`."""
        return cls(numbers, *(arrays[f"{prefix}{name}"] for name in ("weight", "fraction", "bias")))

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays by the names of their slots."""
        return {f"{prefix}weight": self.codes, f"{prefix}fraction": self.fraction, f"{prefix}bias": self.bias_codes}

    def machine(
        self,
        operand: Number,
        place: str,
        positive: bool,
        accumulator_bits: int,
        products: Products,
        saturations: Saturations,
    ) -> "DenseMachine":
        """What computes it of operands with the number `operand`; its results are called `place` where they clip."""
        sums = ReadoutMachine.of(
            self.codes, self.fraction, self.bias_codes, self.numbers.bias, operand, accumulator_bits, products,
            saturations, f"{place} product",
        )  # fmt: skip
        aligned = by_row(self.fraction, len(self.codes)).max() - self.fraction.min()
        held = min(sums.proof.bits_needed, accumulator_bits) + int(aligned)
        to_result = shift_to(sums.fraction, self.numbers.result, held, place)
        return DenseMachine(sums, positive, to_result, self.numbers.result, place, saturations)


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


def dense_slots(prefix: str, outputs: int, inputs: int, numbers: DensePoints, wide: IntegerWidths) -> Iterator[Slot]:
    """Where the integers of a dense layer are stored."""
    yield weight_slot(f"{prefix}weight", (outputs, inputs), wide.weight_bits)
    yield shift_slot(f"{prefix}fraction", outputs, wide.per_row)
    yield number_slot(f"{prefix}bias", numbers.bias, (outputs,))
