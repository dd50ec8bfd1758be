"""The search over bits against trying everything, and what its points say."""

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from workloads import tasks
from workloads.config import Embedding
from workloads.fixed_point import Settings, analyse, calibrate, quantize, relative_loss, search_bits, sweep
from workloads.fixed_point.fewest import cheaper_neighbours, smallest, smallest_checked, smallest_monotone
from workloads.fixed_point.quantize import memory_of
from workloads.tasks.metrics import bits_per_character


@given(data=st.data(), axes=st.tuples(*[st.integers(1, 5)] * 3), weights=st.tuples(*[st.integers(1, 30)] * 3))
def test_both_methods_find_the_optimum_of_a_monotone_grid(data, axes, weights):
    """`within` is above some drawn corners; the optimum is found by trying everything."""
    grid = [(w, a, c) for w in range(axes[0]) for a in range(axes[1]) for c in range(axes[2])]
    costs = {bits: sum(b * w for b, w in zip(bits, weights, strict=True)) for bits in grid}
    corners = data.draw(st.lists(st.sampled_from(grid), max_size=4))
    good = {bits for bits in grid if any(all(b >= c for b, c in zip(bits, corner, strict=True)) for corner in corners)}
    best = min(good, key=lambda bits: (costs[bits], bits), default=None)
    for method in (smallest, smallest_monotone, smallest_checked):
        tried = []

        def within(bits, tried=tried):
            tried.append(bits)
            return bits in good

        assert method(costs, within) == best
        assert len(set(tried)) == len(tried)
    assert smallest(costs, lambda bits: False) is None
    assert smallest_monotone(costs, lambda bits: False) is None


def test_monotony_saves_trials():
    grid = {(w, a, c): 10 * w + a + c for w in range(11) for a in range(11) for c in range(11)}
    tried = []

    def within(bits):
        tried.append(bits)
        return all(b >= 6 for b in bits)

    assert smallest_monotone(grid, within) == (6, 6, 6)
    assert len(tried) < 60


def _tried_by_comparing_all_pairs(costs, good):
    """What the docstring of `search_bits` says is tried, in order, by looking at every pair of points."""
    open_ = sorted(costs, key=lambda bits: (costs[bits], bits))
    tried = []
    while open_:
        below = [[p for p in open_ if all(a <= b for a, b in zip(p, q, strict=True))] for q in open_]
        gain = [min(len(open_) - n, len(no_more)) for n, no_more in enumerate(below)]
        n = gain.index(max(gain))
        tried.append(open_[n])
        open_ = open_[:n] if open_[n] in good else [p for p in open_ if p not in below[n]]
    return tried


@given(data=st.data(), costs=st.dictionaries(st.tuples(*[st.sampled_from((2, 3, 5, 9))] * 4), st.integers(1, 20)))
def test_what_is_tried_rules_out_most_of_any_grid(data, costs):
    """With holes, as where c is as wide as h; and `within` need not be monotone."""
    good = set(data.draw(st.lists(st.sampled_from(sorted(costs))))) if costs else set()
    tried = []

    def within(bits):
        tried.append(bits)
        return bits in good

    smallest_monotone(costs, within)
    assert tried == _tried_by_comparing_all_pairs(costs, good)


def test_a_large_grid_takes_memory_in_proportion():
    """All pairs of 50,625 points would take 2.4 GiB even as single bytes."""
    costs = {bits: sum(bits) for bits in product(range(2, 17), repeat=4)}
    tracemalloc.start()
    assert smallest_monotone(costs, lambda bits: min(bits) >= 9) == (9, 9, 9, 9)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50e6


def test_exhaustive_finds_the_optimum_where_more_bits_are_worse_at_times():
    costs = {(w, a, 8): 100 * w + a for w in range(2, 6) for a in range(2, 6)}
    good = {(3, 4, 8), (5, 5, 8)}
    assert smallest(costs, good.__contains__) == (3, 4, 8)


NOISY = st.integers(0, 2**32).map(lambda seed: np.random.default_rng(seed))


def drawn_losses(rng, noise):
    """Costs that grow with every bit, and a loss that falls with every bit but for noise."""
    slopes, weights = rng.uniform(0.5, 2, 3), rng.integers(1, 30, 3)
    grid = [tuple(int(b) for b in bits) for bits in product(range(2, 7), repeat=3)]
    costs = {bits: int(np.dot(bits, weights)) for bits in grid}
    return costs, {bits: float((slopes * 2.0 ** -np.array(bits)).sum() + noise * rng.normal()) for bits in grid}


@settings(max_examples=40)
@given(rng=NOISY, noise=st.sampled_from((0.0, 0.02, 0.1)), limit=st.floats(0.05, 1.0), most=st.integers(3, 6))
def test_a_wider_range_never_answers_more_memory(rng, noise, limit, most):
    """Of the exhaustive search, whatever the losses; of the other one, where more bits are never worse."""
    costs, losses = drawn_losses(rng, noise)
    part = {bits: cost for bits, cost in costs.items() if max(bits) <= most}
    for method in (smallest, smallest_checked) if noise == 0 else (smallest,):
        narrow, wide = (method(some, lambda bits: losses[bits] <= limit) for some in (part, costs))
        if narrow is not None:
            assert costs[wide] <= costs[narrow]


@settings(max_examples=40)
@given(rng=NOISY, noise=st.sampled_from((0.02, 0.1, 1.0)), limit=st.floats(0.05, 1.0))
def test_no_cheaper_neighbour_of_what_is_found_is_within(rng, noise, limit):
    costs, losses = drawn_losses(rng, noise)
    tried = []

    def within(bits):
        tried.append(bits)
        return losses[bits] <= limit

    best = smallest_checked(costs, within)
    assert len(set(tried)) == len(tried)
    most = np.inf if best is None else costs[best]
    for bits in (b for b in costs if costs[b] < most and b not in tried):
        assert sum(losses[t] > limit and all(x <= y for x, y in zip(bits, t, strict=True)) for t in tried) >= 2
    if best is None:
        return
    assert losses[best] <= limit
    near = [b for b in costs if max(abs(x - y) for x, y in zip(b, best, strict=True)) <= 1 and costs[b] < costs[best]]
    assert list(cheaper_neighbours(costs, best)) == sorted(near, key=lambda b: (costs[b], b))
    assert not any(losses[bits] <= limit for bits in near)


@pytest.fixture(scope="module")
def setting(draw):
    """A drawn model, its ranges, and how far a candidate's logits are from the float model's, as a metric."""
    model = draw(weight_format="float32", state_bits=None, threshold=0.0, hidden=12)
    symbols = tasks.by_name(model.task).split("validation")[:600].reshape(60, 10)
    exact, _ = model.run(symbols)

    def evaluate(candidate):
        logits, _ = candidate.run(symbols)
        return 1.0 + float(np.mean(np.abs(logits - exact)))

    return model, calibrate(model, sequences=4, steps=50), evaluate


@pytest.mark.parametrize("method", ["monotone", "exhaustive"])
@pytest.mark.parametrize("limit", [0.3, 0.1, 0.03, None])
def test_the_search_finds_what_a_sweep_of_everything_finds(setting, method, limit):
    """None: the loss of one of them, to the last bit, which is within it."""
    model, ranges, evaluate = setting
    bits = {"weight_bits": (3, 5, 7, 9), "activation_bits": (4, 6, 8, 10)}
    swept = sweep(model, **bits, ranges=ranges, evaluate=evaluate, metric="bpc")
    limit = swept[10].relative_loss if limit is None else limit
    good = [p for p in swept if p.relative_loss <= limit]
    found = search_bits(model, None, limit, **bits, ranges=ranges, evaluate=evaluate, metric="bpc", method=method)
    best = min(good, key=lambda p: p.memory_bytes)
    assert found.best == best
    assert set(found.points) <= set(swept)
    assert found.untried == sum(p.memory_bytes < best.memory_bytes and p not in found.points for p in swept)
    assert found.float_value == 1.0
    assert found.model.name == f"drawn-w{best.weight_bits}a{best.activation_bits}"
    assert evaluate(found.model) == best.value
    assert (found.method, found.max_relative_loss) == (method, limit)


def test_nothing_within_the_loss_is_said_so(setting):
    model, ranges, evaluate = setting
    found = search_bits(model, None, 1e-9, (2, 3), (2, 3), ranges=ranges, evaluate=evaluate, metric="bpc")
    assert found.best is None
    assert found.model is None
    assert (3, 3) in [(p.weight_bits, p.activation_bits) for p in found.points]


def test_points_say_what_was_measured(setting):
    model, ranges, evaluate = setting
    told = []
    base = Settings(accumulator_bits=14, cell_bits=11)
    points = sweep(
        model, (4, 8), (5,), (6, 9), settings=base, ranges=ranges, evaluate=evaluate, metric="bpc",
        on_point=lambda point, done, total: told.append((point, done, total)),
    )  # fmt: skip
    assert [(p.weight_bits, p.activation_bits, p.cell_bits) for p in points] == [
        (4, 5, 6), (4, 5, 9), (8, 5, 6), (8, 5, 9)
    ]  # fmt: skip
    assert told == [(point, n + 1, 4) for n, point in enumerate(points)]
    for point in points:
        wide = base.but(weight_bits=point.weight_bits, activation_bits=5, cell_bits=point.cell_bits)
        alone = quantize(model, ranges, wide)  # multiplies integers
        assert point.value == evaluate(alone)
        assert point.accumulator_clips == alone.saturations.count("accumulator")
        assert point.argument_clipped == alone.saturations.share("argument")
        assert point.state_clipped == alone.saturations.share("state")
        assert point.accumulator_clipped == alone.saturations.share("accumulator")
        assert point.accumulator_bits == 14
        assert point.constants_clipped == max(c.clipped / c.of for c in alone.constants_clipped)
        assert point.rows_unproved == sum(p.rows - p.rows_proved for p in alone.proofs)
        assert alone.memory == memory_of(model, ranges, wide)
        assert (point.memory_bytes, point.memory_cut) == (alone.memory.total_bytes, alone.memory.cut)
    assert points[-1].accumulator_clips > 0
    assert sweep(model, (4,), (5,), settings=base, ranges=ranges, evaluate=evaluate, metric="bpc")[0].cell_bits == 11
    assert sweep(model, (4,), (5,), ranges=ranges, evaluate=evaluate, metric="bpc")[0].cell_bits == 5


def test_an_embedding_has_bits_of_its_own(draw):
    table = Embedding(symbols=50, size=6, weight_format="float32")
    model = draw(weight_format="float32", state_bits=None, threshold=0.0, hidden=4, task=None, inputs=table, outputs=3)
    ranges = analyse(model, np.random.default_rng(0).integers(0, 50, (20, 3)).astype(np.uint8))
    how = {"ranges": ranges, "evaluate": lambda m: float(m.run(np.zeros((2, 1), np.uint8))[0].sum()), "metric": "bpc"}
    narrow, wide = sweep(model, (8,), (6,), (7,), (3, 9), **how)
    assert (narrow.embedding_bits, wide.embedding_bits) == (3, 9)
    spared = model.embedding_codes.size * 6 + model.config.input.width * 6  # the table, and the row that enters
    assert (wide.memory_bytes - narrow.memory_bytes) == pytest.approx(spared / 8, abs=1)
    assert wide.value == how["evaluate"](
        quantize(model, ranges, Settings(activation_bits=6, cell_bits=7, embedding_bits=9))
    )
    assert sweep(model, (8,), (6,), **how)[0].embedding_bits == 6
    found = search_bits(model, None, 1e9, (8,), (6,), (7,), (3, 9), **how)
    assert found.best == narrow


def test_a_network_without_c_has_no_bits_of_it(draw):
    model = draw(cell="gru", weight_format="float32", state_bits=None, threshold=0.0, hidden=4, task=None, outputs=3)
    ranges = analyse(model, np.zeros((4, 3), np.uint8))
    how = {"ranges": ranges, "evaluate": lambda m: float(m.run(np.zeros((2, 1), np.uint8))[0].sum()), "metric": "bpc"}
    (point,) = sweep(model, (8,), (6,), **how)
    assert point.cell_bits is None
    assert sweep(model, (8,), (6,), (2, 16), (2, 16), **how) == [point]  # nor of an embedding
    assert search_bits(model, None, 1e9, (8,), (6,), (2, 16), (2, 16), method="exhaustive", **how).points == (point,)
    narrow, wide = (quantize(model, ranges, Settings(activation_bits=6, cell_bits=bits)) for bits in (2, 16))
    assert narrow.memory == wide.memory
    assert how["evaluate"](narrow) == how["evaluate"](wide) == point.value


def test_memory_grows_with_every_bit(setting):
    """What `monotone` rests on for cost; for loss it is an assumption."""
    model, ranges, _ = setting
    costs = {
        (w, a): memory_of(model, ranges, Settings(weight_bits=w, activation_bits=a)).total_bits
        for w in range(2, 17)
        for a in range(2, 17)
    }
    for (w, a), cost in costs.items():
        assert cost < costs.get((w + 1, a), cost + 1)
        assert cost < costs.get((w, a + 1), cost + 1)


def test_without_evaluate_it_is_the_models_own_task(draw, monkeypatch):
    model = draw(weight_format="float32", state_bits=None, threshold=0.0, hidden=8)
    task = tasks.by_name(model.task)
    short = task.split("validation")[:700]
    asked = []

    def evaluate(self, candidate, split, on_steps=None, streams=64):
        asked.append(split)
        return bits_per_character(candidate.run, short, streams=7)

    monkeypatch.setattr(type(task), "evaluate", evaluate)
    (point,) = sweep(model, (12,), (12,), split="test")
    assert asked == ["test", "test"]
    assert sweep(model, (12,), (12,), split="test", task=task) == [point]
    found = search_bits(model, task, 0.02, (12,), (12,), split="test")
    assert (found.best, found.float_value) == (point, evaluate(None, model, "x"))
    assert abs(point.relative_loss) < 0.02
    assert point.relative_loss == pytest.approx((point.value - evaluate(None, model, "x")) / evaluate(None, model, "x"))


def test_a_metric_goes_with_evaluate(setting):
    model, ranges, evaluate = setting
    with pytest.raises(BadInput, match="metric must be given with evaluate"):
        sweep(model, (4,), (4,), ranges=ranges, evaluate=evaluate)


def test_what_is_not_there_to_try_is_refused(setting):
    model, ranges, evaluate = setting
    how = {"ranges": ranges, "evaluate": evaluate, "metric": "bpc"}
    with pytest.raises(BadInput, match="embedding_bits must each hold at least one number"):
        search_bits(model, None, 0.01, (4,), (), **how)
    with pytest.raises(BadInput, match="method must be one of monotone, exhaustive, not 'greedy'"):
        search_bits(model, None, 0.01, (4,), (4,), method="greedy", **how)
    with pytest.raises(BadInput, match="weight_bits: Input should be greater than or equal to 2, not 1"):
        sweep(model, (1,), (4,), **how)


def test_loss_is_relative_to_what_is_good():
    assert relative_loss("bpc", 2.0, 2.02) == pytest.approx(0.01)
    assert relative_loss("ppw", 92.8, 93.7) == pytest.approx(0.0097, abs=1e-4)  # PTQ's table 3, LSTM
    assert relative_loss("error_pct", 15.0, 15.85) == pytest.approx(0.01)  # 85 % to 84.15 %
    assert relative_loss("bpc", 2.0, 1.9) < 0
