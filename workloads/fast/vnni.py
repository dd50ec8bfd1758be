"""A tile of an integer matrix product in the 8-bit dot products of a CPU (AVX-512 VNNI), as an intrinsic of numba.

Neither numpy nor numba has the instruction, and a compiler does not find it in a loop: it is written out here.
"""

from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

LANES = 4
"""Rows of the result that a tile has."""
VECTORS = 4
WIDTH = 16 * VECTORS
"""Columns of the result that a tile has: four registers of 16 sums. Sixteen sums of registers hide the latency."""

_INT32, _INT64 = ir.IntType(32), ir.IntType(64)
_SUMS = ir.VectorType(_INT32, 16)
_TWICE = ir.FunctionType(_SUMS, [_SUMS] * 3)
_DOT = ir.InlineAsm(_TWICE, "vpdpbusd $3, $2, $0", "=v,0,v,v", side_effect=False)
"""Adds to each of 16 sums four products of an unsigned byte of the second with a signed byte of the third."""

binding.initialize_native_asmparser()


def at_hand() -> bool:
    """Whether this CPU has the instruction, and numba compiles for this CPU."""
    config: Any = numba.config
    for_another = config.DISABLE_JIT or config.CPU_NAME or config.CPU_FEATURES
    return not for_another and bool(binding.get_host_cpu_features().get("avx512vnni", False))


@intrinsic
def add_tile(typing: Any, weights: Any, codes: Any, quads: Any, sums: Any) -> Any:
    """Adds a product to a tile of sums ``(LANES, WIDTH)`` int32: of `weights` ``(quads, WIDTH, 4)`` uint8 and `codes`
    ``(LANES, quads, 4)`` int8. All are addresses but `quads`.
    """
    return types.void(weights, codes, quads, sums), _tile


def _tile(context: Any, build: Any, signature: Any, arguments: Any) -> Any:
    weights, codes, quads, sums = arguments
    weights, codes, sums = (
        build.inttoptr(address, kind.as_pointer())
        for address, kind in ((weights, _SUMS), (codes, _INT32), (sums, _SUMS))
    )
    before, loop, after = build.block, build.append_basic_block("loop"), build.append_basic_block("after")
    slots = [build.gep(sums, [_INT64(k)]) for k in range(LANES * VECTORS)]
    begun = [build.load(slot, align=4) for slot in slots]
    lanes = [build.mul(quads, _INT64(lane)) for lane in range(LANES)]
    build.branch(loop)
    build.position_at_end(loop)
    quad, running = build.phi(_INT64), [build.phi(_SUMS) for _ in slots]
    of_weights = [
        build.load(build.gep(weights, [build.add(build.mul(quad, _INT64(VECTORS)), _INT64(v))]), align=4)
        for v in range(VECTORS)
    ]
    of_codes = [_broadcast(build, build.load(build.gep(codes, [build.add(lane, quad)]), align=1)) for lane in lanes]
    added = [
        build.call(_DOT, [total, of_weights[k % VECTORS], of_codes[k // VECTORS]]) for k, total in enumerate(running)
    ]
    following = build.add(quad, _INT64(1))
    for phi, first, then in zip([quad, *running], [_INT64(0), *begun], [following, *added], strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(then, loop)
    build.cbranch(build.icmp_signed("<", following, quads), loop, after)
    build.position_at_end(after)
    for slot, total in zip(slots, added, strict=True):
        build.store(total, slot, align=4)
    return context.get_dummy_value()


def _broadcast(build: Any, value: Any) -> Any:
    undefined = ir.Constant(_SUMS, ir.Undefined)
    one = build.insert_element(undefined, value, _INT32(0))
    return build.shuffle_vector(one, undefined, ir.Constant(_SUMS, [0] * 16))
