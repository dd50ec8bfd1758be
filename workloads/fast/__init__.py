"""The reference, faster: the same numbers, bit for bit, by other loops. Its definition stays that of numpy.

Products of codes are exact in float32 while every partial sum fits 24 bits, so that neither the order of a sum nor the
type of its numbers changes anything: where weights and operands are bytes, and the CPU has the instruction (`vnni`),
they are made of bytes. Elementwise work is compiled (`kernels`), operation by operation, and every tanh is numpy's.
What is left is done the plain way: other formats and bits, a state in floating point, layer norm, float64, an operand
that is no multiple of its unit, and the elementwise work of cells without a loop of their own.

Loading numba and what it compiled takes half a second, so this begins when a process has so much work that it pays.
"""

from workloads.cells import Cell, Folded, Product, Step
from workloads.state_pruning import Pruning

PAYS = 4 * 10**9
"""Multiplications that take a tenth of a second, plainly made: processes that make so many make many more."""
STEP = 5 * 10**6
"""What a step of a cell costs beside its products, in multiplications."""


class _Plain:
    """How many multiplications this process has made the plain way though there is a faster one."""

    made = 0


def pays(multiplications: int) -> bool:
    """Whether so many more shall be made the fast way; where not, they are taken to be made the plain way."""
    if _Plain.made >= PAYS:
        return True
    _Plain.made += multiplications
    return False


def fast_layer(cell: Cell, folded: Folded, entering: Pruning) -> tuple[Folded, Step]:
    """The parameters of a layer and its step, each part as fast as can be. `entering` says how its input is rounded."""
    from workloads.fast import layers

    return layers.fast_layer(cell, folded, entering)


def fast_product(product: Product, operand: Pruning) -> Product:
    """The same product, made of bytes where it can be; `operand` says how its operand is rounded."""
    from workloads.fast import layers

    return layers.fast_product(product, operand)
