"""Fields of 1 to 16 bits in a byte stream, least significant bit first: the one bit packer of all integer formats."""

import math

import numpy as np
from numpy.typing import NDArray


def checked_bytes(packed: NDArray[np.uint8], shape: tuple[int, ...], bits: int) -> NDArray[np.uint8]:
    """`packed` itself, or a ValueError where its size is not that of `shape` at `bits` a weight."""
    expected = -(-math.prod(shape) * bits // 8)
    if packed.size != expected:
        raise ValueError(f"packed weights of shape {shape} at {bits} bits must be {expected} bytes, not {packed.size}")
    return packed


def pack_fields(fields: NDArray[np.generic], bits: int) -> NDArray[np.uint8]:
    """The low `bits` of each of `fields`, any shape, end to end in ``ceil(size * bits / 8)`` bytes."""
    words = fields.reshape(-1).astype("<i2").view(np.uint8).reshape(-1, 2)
    planes = np.unpackbits(words, axis=1, count=bits, bitorder="little")  # (N, bits)
    return np.packbits(planes, bitorder="little")


def unpack_fields(packed: NDArray[np.uint8], shape: tuple[int, ...], bits: int) -> NDArray[np.int16]:
    """Inverse of `pack_fields`, bits above `bits` zero. ValueError where the byte count does not fit the shape."""
    stream = np.unpackbits(checked_bytes(packed, shape, bits), count=math.prod(shape) * bits, bitorder="little")
    words = np.zeros((math.prod(shape), 2), np.uint8)
    words[:, : -(-bits // 8)] = np.packbits(stream.reshape(-1, bits), axis=1, bitorder="little")
    return words.view("<i2").astype(np.int16, copy=False).reshape(shape)


def unpack_signed(packed: NDArray[np.uint8], shape: tuple[int, ...], bits: int, name: str) -> NDArray[np.generic]:
    """Two's complement codes, symmetric about zero: int8 up to 8 bits, int16 above.

    ValueError where the byte count does not fit, or on the most negative code, which has no counterpart.
    """
    fields = unpack_fields(packed, shape, bits)
    codes: NDArray[np.int16] = (fields << (16 - bits)) >> (16 - bits)  # an arithmetic shift copies the sign bit down
    if np.any(codes == -(1 << (bits - 1))):
        raise ValueError(f"packed {name} weights hold the code {1 << (bits - 1)}, which stands for no weight")
    return codes.astype(code_type(bits), copy=False)


def code_type(bits: int) -> type[np.int8] | type[np.int16]:
    """The integer type that holds codes of `bits`."""
    return np.int8 if bits <= 8 else np.int16
