"""The loops of the fast path, compiled by numba: each does what numpy does in several passes, operation by operation.

No operation is merged with another or put in another order, so that each result has the bits that numpy's has.
Transcendental functions are left to numpy. Everything is float32 ``(B, ...)``, stored row by row.
"""

from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from workloads.fast import vnni
from workloads.fast.vnni import LANES, WIDTH

Floats: TypeAlias = NDArray[np.float32]
Bytes: TypeAlias = NDArray[np.uint8]

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")
_add_tile: Any = vnni.add_tile
_ONE, _HALF = np.float32(1), np.float32(0.5)
_OFFSET = 128
"""What codes of weights are stored above: the instruction multiplies unsigned bytes with signed ones."""
_BLOCK = 256
"""Lanes whose codes are kept in the cache while all weights pass."""


def packed(weight: Floats) -> Bytes:
    """Codes ``(I, R)`` from -127 to 127 in the order in which they are read: ``(panels, quads, WIDTH, 4)`` uint8."""
    inputs, rows = weight.shape
    quads, panels = -(-inputs // 4), -(-rows // WIDTH)
    padded = np.full((quads * 4, panels * WIDTH), _OFFSET, np.uint8)
    padded[:inputs, :rows] = weight + np.float32(_OFFSET)
    return np.ascontiguousarray(padded.reshape(quads, 4, panels, WIDTH).transpose(2, 0, 3, 1))


@_compiled
def _encode(v: Floats, per_unit: np.float32, codes: NDArray[np.int8], starts: NDArray[np.int32]) -> bool:
    """Whether all of `v` are multiples of the unit that a byte can say. Their codes, and where sums begin."""
    misfits = 0
    for b in range(v.shape[0]):
        total = np.int32(0)
        for k in range(v.shape[1]):
            scaled = v[b, k] * per_unit
            nearest = np.rint(scaled)
            misfits += not (nearest == scaled and nearest >= np.float32(-128) and nearest <= np.float32(127))
            code = np.int32(nearest)
            codes[b, k] = np.int8(code)
            total += code
        starts[b] = -_OFFSET * total
    return misfits == 0


@_compiled
def product(
    v: Floats, weights: Bytes, per_unit: np.float32, unit: np.float32, scale: Floats, out: Floats, add: bool
) -> bool:
    """``scale * (W v)`` ``(B, R)`` of `v` ``(B, I)`` into `out`, or added to it. False, and nothing done, where some
    element is no multiple of `unit`."""
    lanes, rows = v.shape[0], scale.shape[0]
    panels, quads = weights.shape[0], weights.shape[1]
    codes = np.zeros((-(-lanes // LANES) * LANES, quads * 4), np.int8)
    starts = np.zeros(codes.shape[0], np.int32)
    if not _encode(v, per_unit, codes, starts):
        return False
    sums = np.empty((LANES, WIDTH), np.int32)
    for block in range(0, lanes, _BLOCK):
        for panel in range(panels):
            first = panel * WIDTH
            width = min(WIDTH, rows - first)
            for lane in range(block, min(block + _BLOCK, lanes), LANES):
                for b in range(LANES):
                    sums[b, :] = starts[lane + b]
                _add_tile(weights[panel].ctypes.data, codes[lane].ctypes.data, quads, sums.ctypes.data)
                for b in range(min(LANES, lanes - lane)):
                    if add:
                        for r in range(width):
                            out[lane + b, first + r] += np.float32(sums[b, r]) * unit * scale[first + r]
                    else:
                        for r in range(width):
                            out[lane + b, first + r] = np.float32(sums[b, r]) * unit * scale[first + r]
    return True


@_compiled
def prune(
    v: Floats,
    threshold: np.float32,
    per_unit: np.float32,
    unit: np.float32,
    limit: np.float32,
    clipped: NDArray[np.int64],
) -> None:
    """Prunes and rounds `v`, in place; how many of each lane were `clipped` ``(B,)``."""
    low, high = -limit, limit - _ONE
    for b in range(v.shape[0]):
        beyond = 0
        for k in range(v.shape[1]):
            x = v[b, k]
            x = np.rint(x * np.float32(abs(x) >= threshold) * per_unit)
            beyond += (x < low) | (x > high)
            x = low if x < low else x
            x = high if x > high else x
            v[b, k] = x * unit
        clipped[b] = beyond


@_compiled
def lstm_cell(gates: Floats, c: Floats, after: Floats) -> None:
    """c after a step, of tanh of the halved sums of i, f and o and of the sum of g ``(B, 4H)``."""
    hidden = c.shape[1]
    for b in range(c.shape[0]):
        for k in range(hidden):
            kept = (gates[b, hidden + k] + _ONE) * c[b, k]
            after[b, k] = (kept + (gates[b, k] + _ONE) * gates[b, 2 * hidden + k]) * _HALF


@_compiled
def lstm_output(gates: Floats, made: Floats) -> None:
    """tanh(c) times the gate o, in place ``(B, H)``."""
    hidden = made.shape[1]
    for b in range(made.shape[0]):
        for k in range(hidden):
            made[b, k] = made[b, k] * (gates[b, 3 * hidden + k] + _ONE) * _HALF


@_compiled
def gru_candidate(gates: Floats, recurrent: Floats, shift: Floats) -> None:
    """Adds to the sum of n the recurrent product and its `shift` ``(H,)``, behind the gate r."""
    hidden = shift.shape[0]
    for b in range(gates.shape[0]):
        for k in range(hidden):
            reset = (gates[b, k] + _ONE) * _HALF
            gates[b, 2 * hidden + k] += (recurrent[b, 2 * hidden + k] + shift[k]) * reset


@_compiled
def gru_output(gates: Floats, before: Floats, h: Floats) -> None:
    """h ``(B, H)`` between the candidate and the h before, by the gate z."""
    hidden = h.shape[1]
    for b in range(h.shape[0]):
        for k in range(hidden):
            n = gates[b, 2 * hidden + k]
            h[b, k] = (before[b, k] - n) * ((gates[b, hidden + k] + _ONE) * _HALF) + n
