"""Where the integers of a model are stored, each at its own width."""

from workloads.fixed_point.settings import SHIFT_BITS
from workloads.numbers import Number
from workloads.packed import FieldSlot


def weight_slot(name: str, shape: tuple[int, ...], bits: int) -> FieldSlot:
    """Symmetric two's complement."""
    return FieldSlot(name, (shape,), bits, 1 - (1 << (bits - 1)), (1 << (bits - 1)) - 1)


def number_slot(name: str, number: Number | None, *shapes: tuple[int, ...], optional: bool = False) -> FieldSlot:
    assert number is not None
    return FieldSlot(name, shapes, number.bits, number.low, number.high, optional=optional)


def shift_slot(name: str, rows: int, per_row: bool) -> FieldSlot:
    return FieldSlot(name, ((rows if per_row else 1,),), SHIFT_BITS, -128, 127)
