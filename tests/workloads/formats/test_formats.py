"""Every number format keeps the same promises. What a code may be, and how likely, is written here a second time."""

import math
import re
import struct
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from archsim.errors import BadInput
from workloads import formats
from workloads.formats.fixed import Fixed
from workloads.formats.floating import Float

WIDTHS = range(2, 17)
FIXED = {f"fixed{bits}{row}": bits for row in ("", "-row") for bits in WIDTHS}
BINARY, TERNARY = ("binary", "limp-binary"), ("ternary", "limp-ternary")
EXPONENTS = {"exponential3": range(-7, 1), "exponential4": range(-15, 1), "exponential5": range(-22, 10)}
"""Exponents of the codes; those of LIMP are absolute, the others count down from the scale."""

FLOATS = {"float32": 32, "float16": 16}
BITS = (
    FLOATS
    | {"pow2-ternary": 2, "exponential3": 4, "exponential4": 5, "exponential5": 6}
    | FIXED
    | dict.fromkeys(BINARY, 1)
    | dict.fromkeys(TERNARY, 2)
)
CODES = (
    {name: range(-(2 ** (bits - 1)) + 1, 2 ** (bits - 1)) for name, bits in FIXED.items()}
    | {name: [sign * 2.0**e for e in exponents for sign in (-1, 1)] for name, exponents in EXPONENTS.items()}
    | dict.fromkeys(BINARY, (-1, 1))
    | dict.fromkeys((*TERNARY, "pow2-ternary"), (-1, 0, 1))
)
MULTIPLIERS = (
    dict.fromkeys(FIXED, "fixed")
    | dict.fromkeys(EXPONENTS, "shift")
    | dict.fromkeys((*BINARY, *TERNARY, "pow2-ternary"), "mux")
    | dict.fromkeys(FLOATS, "float")
)
NEVER_DRAWN = {*FLOATS, "pow2-ternary"}
DRAWS = 10_000

every_format = pytest.mark.parametrize("fmt", formats.ALL, ids=lambda f: f.name)
quantized_formats = pytest.mark.parametrize(
    "fmt", [f for f in formats.ALL if f.name not in FLOATS], ids=lambda f: f.name
)
drawn_formats = pytest.mark.parametrize("fmt", [f for f in formats.ALL if f.stochastic], ids=lambda f: f.name)
matrices = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.floats(-4, 4, width=32, allow_nan=False)
)
briefly = settings(max_examples=20)


def column(scale):
    return scale.reshape(-1, 1)


def test_every_format_is_covered_here():
    assert {f.name: f.bits for f in formats.ALL} == BITS
    assert {f.name: f.multiplier for f in formats.ALL} == MULTIPLIERS
    assert {f.name for f in formats.ALL if not f.stochastic} == NEVER_DRAWN


# Conformance


@quantized_formats
@briefly
@given(weights=matrices)
def test_a_pe_of_the_formats_bits_and_multiplier_can_multiply_by_every_code(fmt, weights):
    codes = np.abs(fmt.quantize(weights, fmt.fit_scale(weights), None).astype(np.float64))
    if fmt.multiplier == "mux":
        assert codes.max() <= 1
    elif fmt.multiplier == "shift":
        assert np.all(np.frexp(codes[codes > 0])[0] == 0.5), "a shift is a power of two"
    else:
        assert codes.max() < 2 ** (fmt.bits - 1)


@every_format
@briefly
@given(weights=matrices)
def test_packing_keeps_every_code_in_its_true_width(fmt, weights):
    codes = fmt.quantize(weights, fmt.fit_scale(weights))
    packed = fmt.pack(codes)
    assert packed.dtype == np.uint8
    assert packed.shape == (-(-weights.size * BITS[fmt.name] // 8),)
    unpacked = fmt.unpack(packed, weights.shape)
    assert unpacked.dtype == codes.dtype
    np.testing.assert_array_equal(unpacked, codes)


@quantized_formats
@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 8, 67])
def test_every_code_survives_packing_and_lies_where_python_integers_put_it(fmt, size):
    codes = np.resize(np.array(CODES[fmt.name]), size).astype(fmt.quantize(np.ones((1, 1)), np.ones(1)).dtype)
    packed = fmt.pack(codes)
    assert packed.tobytes() == packed_by_python(fmt.name, codes.tolist())
    np.testing.assert_array_equal(fmt.unpack(packed, (size, 1)), codes.reshape(size, 1))


@pytest.mark.parametrize("name", [*FIXED, *EXPONENTS])
def test_every_single_code_survives_packing(name):
    fmt = formats.by_name(name)
    codes = np.array(CODES[name])
    np.testing.assert_array_equal(fmt.unpack(fmt.pack(codes), codes.shape), codes)


def packed_by_python(name, codes):
    """One long integer, first code in the lowest bits; binary formats have it in the highest of each byte."""
    if name in BINARY:
        bits = "".join("1" if code > 0 else "0" for code in codes)
        return bytes(int(bits[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(bits), 8))
    bits = BITS[name]
    stream = sum(field_of(name, code) << (i * bits) for i, code in enumerate(codes))
    return stream.to_bytes(-(-len(codes) * bits // 8), "little")


def field_of(name, code):
    if name in EXPONENTS:
        return EXPONENTS[name].index(round(math.log2(abs(code)))) + (len(EXPONENTS[name]) if code < 0 else 0)
    return code % 2 ** BITS[name]


@pytest.mark.parametrize(
    ("name", "codes", "stored"),
    [
        ("float32", [1.0, -2.5], "0000803f 000020c0"),
        ("float16", [1.0, -2.5], "003c 00c1"),
        ("fixed8", [-127, 5], "81 05"),
        ("ternary", [-1, 0, 1, 1, -1], "53 03"),  # 01 01 00 11, then 11
        ("binary", [1, -1, 1], "a0"),
        ("fixed12", [-1, 0x123, -2047], "ff3f12 0108"),
        ("fixed16", [0x1234, -2], "3412 feff"),
    ],
)
def test_stored_bytes_do_not_change(name, codes, stored):
    assert formats.by_name(name).pack(np.array(codes)).tobytes() == bytes.fromhex(stored)


@every_format
@briefly
@given(weights=matrices)
def test_quantized_weights_are_representable_and_stay_so(fmt, weights):
    scale = fmt.fit_scale(weights)
    assert scale.dtype == np.float64
    assert scale.shape == ((len(weights),) if fmt.name.endswith("-row") else (1,))
    assert np.all(scale > 0)
    codes = fmt.quantize(weights, scale)
    assert codes.shape == weights.shape
    assert codes.dtype == code_type(fmt.name)
    if fmt.name in CODES:
        assert set(codes.ravel().tolist()) <= set(CODES[fmt.name])
    again = codes.astype(np.float64) * column(scale)
    np.testing.assert_array_equal(fmt.quantize(again, scale), codes)
    if fmt.stochastic:  # nothing to draw where a weight has a code of its own
        np.testing.assert_array_equal(fmt.quantize(again, scale, np.random.default_rng(1)), codes)


def code_type(name):
    if name in EXPONENTS or name in FLOATS:
        return np.float32
    return np.int8 if BITS[name] <= 8 else np.int16


@quantized_formats
def test_rounding_is_to_the_nearest_of_all_representable_values(fmt):
    rng = np.random.default_rng(3)
    weights = np.concatenate([rng.normal(0, spread, (3, 20)) for spread in (1e-4, 0.05, 2)])
    scale = fmt.fit_scale(weights)
    assert_nearest(fmt, weights, scale)


@quantized_formats
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_halves_are_rounded_as_the_papers_do(fmt, scale):
    if fmt.name in EXPONENTS:
        middles = np.array([1.5 * 2.0**e for e in EXPONENTS[fmt.name][:-1]])
        weights = np.concatenate([[0.0], middles, -middles])
    else:
        weights = np.arange(-7, 8) / 2
    assert_nearest(fmt, scale * weights[None], np.array([scale]))


def assert_nearest(fmt, weights, scale):
    codes = fmt.quantize(weights, scale)
    for row, row_scale, row_codes in zip(weights, np.broadcast_to(scale, len(weights)), codes, strict=True):
        assert row_codes.tolist() == [nearest(fmt.name, w, row_scale) for w in row.tolist()]


def nearest(name, weight, scale):
    allowed = np.array(CODES[name], dtype=np.float64)
    distance = np.abs(allowed * scale - weight)
    return min(allowed[distance == distance.min()].tolist(), key=lambda code: preference(name, code))


def preference(name, code):
    """Which of two codes that are equally near comes first."""
    if name in FIXED:
        return code % 2
    if name == "pow2-ternary":
        return -abs(code)
    return -code if name in BINARY else (abs(code), code)


@every_format
@briefly
@given(weights=matrices)
def test_rounded_weights_are_codes_times_scales_in_the_type_of_the_weights(fmt, weights):
    scale = fmt.fit_scale(weights)
    values = formats.rounded(fmt, weights)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, fmt.quantize(weights, scale) * column(scale).astype(np.float32))
    if fmt.stochastic:
        drawn = fmt.quantize(weights, scale, np.random.default_rng(5)) * column(scale).astype(np.float32)
        np.testing.assert_array_equal(formats.rounded(fmt, weights, np.random.default_rng(5)), drawn)


# Drawing


@drawn_formats
def test_a_seed_settles_every_draw(fmt):
    weights = np.random.default_rng(1).uniform(-0.04, 0.04, (40, 50)).astype(np.float32)
    scale = fmt.fit_scale(weights)
    first, same, other = (fmt.quantize(weights, scale, np.random.default_rng(seed)) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, same)
    assert np.any(first != other)
    assert np.any(first != fmt.quantize(weights, scale))


@drawn_formats
@pytest.mark.parametrize("weight_type", [np.float32, np.float64])
def test_draws_follow_the_papers_probabilities(fmt, weight_type):
    shares = [-2.5, -1.0, -0.999, -0.6, -0.3, -0.1, -0.01, 0.0, 0.001, 0.2, 0.25, 0.4, 0.55, 0.8, 0.97, 1.0, 1.2]
    scale = np.float32(0.0372) if fmt.name in BINARY + TERNARY else 0.25
    scales = scale * 2.0 ** np.arange(len(shares)) if fmt.name.endswith("-row") else np.array([scale])
    weights = (np.array(shares) * scales * max(CODES[fmt.name])).astype(weight_type)
    codes = fmt.quantize(
        np.repeat(weights[:, None], DRAWS, axis=1), scales.astype(np.float64), np.random.default_rng(2)
    )
    assert codes.dtype == code_type(fmt.name)
    for weight, row_scale, row in zip(weights, np.broadcast_to(scales, len(weights)), codes, strict=True):
        assert_drawn(row, probabilities(fmt.name, float(weight) / float(row_scale)), where=f"{weight} at {row_scale}")


def assert_drawn(codes, chances, where):
    """Shares and mean within five standard errors; what is certain or impossible, exactly."""
    counts = Counter(codes.tolist())
    assert sum(chances.values()) == pytest.approx(1)
    assert set(counts) <= set(chances), where
    for code, chance in chances.items():
        error = math.sqrt(chance * (1 - chance) / DRAWS)
        assert counts[code] / DRAWS == pytest.approx(chance, abs=5 * error, rel=0), where
    mean = sum(code * chance for code, chance in chances.items())
    variance = sum(chance * (code - mean) ** 2 for code, chance in chances.items())
    drawn = float(np.mean(codes, dtype=np.float64))
    assert drawn == pytest.approx(mean, abs=5 * math.sqrt(variance / DRAWS) + 1e-12 * abs(mean), rel=0), where


def probabilities(name, x):
    """Chance of each code that a weight of `x` scales can become, without those that are nil."""
    if name in BINARY:  # RBT, LIMP
        plus = min(max((x + 1) / 2, 0.0), 1.0)
        chances = [(1, plus), (-1, 1 - plus)]
    elif name in TERNARY:  # RBT, LIMP
        nonzero = min(abs(x), 1.0)
        chances = [(1 if x > 0 else -1, nonzero), (0, 1 - nonzero)]
    elif name in EXPONENTS:  # LIMP
        chances = exponential_probabilities(EXPONENTS[name], x)
    else:  # no paper of the four: floor + Bernoulli(fraction)
        largest, below = 2 ** (FIXED[name] - 1) - 1, math.floor(x)
        chances = [(max(min(code, largest), -largest), 1 - abs(x - code)) for code in (below, below + 1)]
    total = Counter()
    for code, chance in chances:
        total[code] += chance
    return {code: min(chance, 1.0) for code, chance in total.items() if chance > 0}


def exponential_probabilities(exponents, x):
    low, high = exponents[0], exponents[-1]
    i = low if x == 0 else min(max(math.floor(math.log2(abs(x))), low), high)
    up = min(max(abs(x) / 2.0**i - 1, 0.0), 1.0) if i < high else 0.0
    sign = 1 if x > 0 else -1
    return [(sign * 2.0 ** (i + 1), up), (sign * 2.0**i, 1 - up)]


@pytest.mark.parametrize("name", ["fixed2", "fixed5", "fixed8-row", "fixed12", *EXPONENTS])
def test_draws_of_weights_within_the_fitted_range_have_the_weight_as_their_mean(name):
    fmt = formats.by_name(name)
    weights = np.array([-0.43, -0.3, -0.11, 0.02, 0.271])  # the largest too: it can be rounded up
    matrix = np.repeat(weights[:, None], DRAWS, axis=1)
    drawn = formats.rounded(fmt, matrix, np.random.default_rng(4))
    tolerance = 5 * np.maximum(np.std(drawn, axis=1), 1e-12) / math.sqrt(DRAWS)
    assert np.all(np.abs(drawn.mean(axis=1) - weights) <= tolerance)


@pytest.mark.parametrize("name", sorted(NEVER_DRAWN))
def test_a_format_that_no_paper_samples_refuses_a_generator(name):
    with pytest.raises(BadInput, match=f"^weight format {name} has no stochastic rounding$"):
        formats.by_name(name).quantize(np.zeros((2, 2)), np.ones(1), np.random.default_rng(1))


# Scales


@pytest.mark.parametrize("name", FIXED)
@briefly
@given(weights=matrices)
def test_fixed_point_rounds_to_nearest_on_the_least_power_of_two_that_holds_the_weights(name, weights):
    fmt = formats.by_name(name)
    scale = fmt.fit_scale(weights)
    assert np.all(np.log2(scale) == np.round(np.log2(scale)))
    error = np.abs(fmt.quantize(weights, scale).astype(np.float64) * column(scale) - weights)
    assert np.all(error <= column(scale) / 2)
    rows = weights if name.endswith("-row") else weights.reshape(1, -1)
    largest_code = 2 ** (FIXED[name] - 1) - 1
    for row, row_scale in zip(np.abs(rows), scale, strict=True):
        if row_scale > 2.0**-126 and row.any():
            assert row.max() > largest_code * row_scale / 2  # half the scale would not hold the largest weight


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_scale_a_row_is_the_scale_of_that_row_alone(bits):
    rng = np.random.default_rng(bits)
    weights = rng.normal(0, 1, (6, 30)) * 10.0 ** np.arange(-3, 3)[:, None]
    weights[2] = 0
    by_row, alone = formats.by_name(f"fixed{bits}-row"), formats.by_name(f"fixed{bits}")
    scale = by_row.fit_scale(weights)
    codes = by_row.quantize(weights, scale)
    for i, row in enumerate(weights):
        assert scale[i] == alone.fit_scale(row[None])[0]
        np.testing.assert_array_equal(codes[i], alone.quantize(row[None], scale[i : i + 1])[0])


@pytest.mark.parametrize("name", ["exponential3", "exponential4"])
@briefly
@given(weights=matrices)
def test_the_top_exponent_is_the_least_that_holds_the_largest_weight(name, weights):
    (scale,) = formats.by_name(name).fit_scale(weights)
    lowest = EXPONENTS[name][0]
    assert math.frexp(scale)[0] == 0.5
    assert scale >= np.abs(weights).max()
    assert scale / 2 < np.abs(weights).max() or scale == 2.0 ** (-126 - lowest)  # its smallest code: a normal float32


def test_limp_exponents_are_absolute():
    fmt = formats.by_name("exponential5")
    weights = np.array([[2.0**-30, -(2.0**-22), 0.7, 700.0, 9000.0, 0.0]])
    scale = fmt.fit_scale(weights)
    assert scale.tolist() == [1.0]
    assert fmt.quantize(weights, scale).tolist() == [[2.0**-22, -(2.0**-22), 0.5, 512.0, 512.0, -(2.0**-22)]]


@pytest.mark.parametrize("fmt", [f for f in formats.ALL if f.name != "exponential5"], ids=lambda f: f.name)
def test_a_matrix_of_zeros_has_a_scale(fmt):
    zeros = np.zeros((3, 4), np.float32)
    scale = fmt.fit_scale(zeros)
    assert np.all(np.isfinite(scale))
    assert np.all(scale > 0)
    if fmt.name not in BINARY:
        assert np.all(np.abs(formats.rounded(fmt, zeros)) <= 2.0**-126)


@pytest.mark.parametrize("name", ["ternary", "binary"])
@pytest.mark.parametrize("gates", [1, 4])
def test_alpha_is_half_the_glorot_bound_of_the_fused_matrix(name, gates):
    weights = np.zeros((4 * 512, 83))
    alpha = (6 / (83 + 4 * 512)) ** 0.5 / 2
    np.testing.assert_allclose(formats.by_name(name).fit_scale(weights, gates), [alpha], rtol=1e-15)


@pytest.mark.parametrize("name", ["limp-ternary", "limp-binary"])
@pytest.mark.parametrize(("rows", "gates"), [(512, 1), (3 * 512, 3), (4 * 512, 4)])
def test_the_scale_of_limp_is_the_glorot_bound_of_one_gate(name, rows, gates):
    bound = (6 / (83 + 512)) ** 0.5
    np.testing.assert_allclose(formats.by_name(name).fit_scale(np.zeros((rows, 83)), gates), [bound], rtol=1e-15)


def test_pow2_ternary_has_one_scale_for_all_weights():
    fmt = formats.by_name("pow2-ternary")
    weights = np.array([[-3.0, -0.25, -0.2499, 0.2499, 0.25, 1.0]])
    assert fmt.fit_scale(weights).tolist() == [0.5]
    assert formats.rounded(fmt, weights).tolist() == [[-0.5, -0.5, 0.0, 0.0, 0.5, 0.5]]


@pytest.mark.parametrize("bits", [1, 17])
def test_fixed_point_of_another_width_is_refused(bits):
    with pytest.raises(BadInput, match=f"^bits of a fixed-point weight must be between 2 and 16, not {bits}$"):
        Fixed(bits)


@pytest.mark.parametrize("bits", [8, 64])
def test_floating_point_of_another_width_is_refused(bits):
    with pytest.raises(BadInput, match=f"^bits of a floating-point weight must be 16 or 32, not {bits}$"):
        Float(bits)


@pytest.mark.parametrize(("bits", "field", "largest"), [(16, "e", 65504.0), (32, "f", 3.4028234663852886e38)])
def test_floats_are_rounded_as_python_packs_them(bits, field, largest):
    weights = np.random.default_rng(1).normal(0, [[1e-6], [0.3], [300]], (3, 50))
    codes = Float(bits).quantize(weights, np.ones(1))
    assert codes.tolist() == [[struct.unpack(field, struct.pack(field, w))[0] for w in row] for row in weights.tolist()]
    assert Float(bits).quantize(np.array([[1e300, -1e300]]), np.ones(1)).tolist() == [[largest, -largest]]


# Storage


@pytest.mark.parametrize(
    ("hidden", "inputs", "binary_kb", "ternary_kb"),
    [(1000, 50, 525, 1050), (512, 83, 152, 304), (512, 101, 157, 314), (100, 1, 5, 10)],
    ids=["ptb", "war-and-peace", "linux", "smnist"],
)
def test_the_storage_figures_of_rbt(hidden, inputs, binary_kb, ternary_kb):
    weights = 4 * hidden * (inputs + hidden)
    for name, published_kb in (("binary", binary_kb), ("ternary", ternary_kb)):
        fmt = formats.by_name(name)
        stored = sum(fmt.pack(np.ones((4 * hidden, cols), np.int8)).nbytes for cols in (hidden, inputs))
        assert stored == weights * BITS[name] / 8
        assert abs(stored / 1000 - published_kb) < 1  # RBT rounds some down and some up: 304.6 is 304, 161.6 is 162


# Refusals


@every_format
def test_a_wrong_byte_count_is_refused(fmt):
    expected = -(-12 * BITS[fmt.name] // 8)
    message = rf"packed weights of shape \(3, 4\) at {fmt.bits} bits must be {expected} bytes, not {expected + 1}$"
    with pytest.raises(ValueError, match=message):
        fmt.unpack(np.zeros(expected + 1, np.uint8), (3, 4))


@pytest.mark.parametrize("name", [*FIXED, *TERNARY, "pow2-ternary"])
def test_the_code_that_stands_for_nothing_is_refused(name):
    unused = 2 ** (BITS[name] - 1)  # two's complement has one negative number more
    packed = np.frombuffer(unused.to_bytes(-(-BITS[name] // 8), "little"), np.uint8)
    message = f"^packed {name} weights hold the code {unused}, which stands for no weight$"
    with pytest.raises(ValueError, match=message):
        formats.by_name(name).unpack(packed, (1, 1))


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(BadInput, match=re.escape("must be one of float32, float16, fixed2, fixed3, ")) as refusal:
        formats.by_name("fp4")
    assert str(refusal.value).endswith(", exponential3, exponential4, exponential5, not 'fp4'")
