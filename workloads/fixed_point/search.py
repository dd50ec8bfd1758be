"""Accuracy against bits: every point of a grid, or the smallest memory within a stated loss."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

from archsim.errors import BadInput
from workloads.config import Config
from workloads.fitting import task_of
from workloads.fixed_point.fewest import METHODS, Bits, Method
from workloads.fixed_point.model import IntegerModel
from workloads.fixed_point.own_data import OwnData, OwnMetric
from workloads.fixed_point.products import Products
from workloads.fixed_point.quantize import calibrate, memory_of, quantize
from workloads.fixed_point.ranges import Ranges, analyse
from workloads.fixed_point.settings import Settings
from workloads.model import Model
from workloads.tasks import METRIC_WORDS, Metric, Runnable, Split, Task

BITS = tuple(range(2, 13))
Evaluate = Callable[[Runnable], float]
"""The metric of a model, lower is better."""


@dataclass(frozen=True)
class MeasuredBits:
    """One integer model, measured. A row of a table."""

    weight_bits: int
    activation_bits: int
    cell_bits: int | None
    """None: there is no c."""
    embedding_bits: int | None
    """None: there is no embedding."""
    value: float
    """The task's metric."""
    relative_loss: float
    memory_bytes: int
    float32_bytes: int
    memory_cut: float
    """Share of the float32 bytes that is saved."""
    accumulator_bits: int
    rows_unproved: int
    """Accumulators that the ranges do not prove large enough."""
    accumulator_clips: int
    """How many sums saturated in the evaluation."""
    accumulator_clipped: float
    """Share of sums that saturated."""
    argument_clipped: float
    """Share of arguments of sigmoid and tanh that were clipped."""
    state_clipped: float
    """Share of h and c that was clipped."""
    input_clipped: float
    """Share of the vectors' elements that was clipped as they entered."""
    constants_clipped: float
    """The largest share of a tensor (weights, biases, embedding, initial states) that its codes do not reach."""


def relative_loss(metric: Metric, float_value: float, value: float) -> float:
    """How much worse `value` is, relative to the float model: of the accuracy where the metric is an error in percent,
    of the metric itself otherwise. Negative: better."""
    whole = 100 - float_value if METRIC_WORDS[metric].of_hundred else float_value
    if not whole:  # nothing is right, or nothing wrong: any loss is too much
        return math.copysign(math.inf, value - float_value) if value != float_value else 0.0
    return (value - float_value) / whole


def own_loss(metric: OwnMetric, float_value: float, value: float) -> float:
    """`relative_loss` on a person's own data, where a divergence is a loss itself."""
    if metric == "divergence_pct":
        return value / 100
    if metric == "rmse" and not float_value:
        raise BadInput("the float model meets its targets exactly, and no loss is relative to that: leave them out")
    return relative_loss(metric, float_value, value)


@dataclass(frozen=True)
class _Bench:
    """What points are measured with."""

    model: Model
    ranges: Ranges
    settings: Settings
    products: Products
    evaluate: Callable[[Model | IntegerModel], float]
    loss: Callable[[float, float], float]
    """How much worse a value is than the float model's."""
    float_value: float

    def settings_of(self, bits: Bits) -> Settings:
        weight, activation, cell, embedding = bits
        return self.settings.but(
            weight_bits=weight, activation_bits=activation, cell_bits=cell, embedding_bits=embedding
        )

    def build(self, bits: Bits) -> IntegerModel:
        return quantize(self.model, self.ranges, self.settings_of(bits)).with_products(self.products)

    def memory_bits(self, bits: Bits) -> int:
        return memory_of(self.model, self.ranges, self.settings_of(bits)).total_bits

    def point(self, bits: Bits) -> MeasuredBits:
        candidate, config = self.build(bits), self.model.config
        value, memory, seen = self.evaluate(candidate), candidate.memory, candidate.saturations
        weight, activation, cell, embedding = bits
        return MeasuredBits(
            weight_bits=weight,
            activation_bits=activation,
            cell_bits=cell if config.has_cell_state else None,
            embedding_bits=embedding if config.input.kind == "embedding" else None,
            value=value,
            relative_loss=self.loss(self.float_value, value),
            memory_bytes=memory.total_bytes,
            float32_bytes=memory.float32_bytes,
            memory_cut=memory.cut,
            accumulator_bits=candidate.widths.accumulator_bits,
            rows_unproved=sum(proof.rows - proof.rows_proved for proof in candidate.proofs),
            accumulator_clips=seen.count("accumulator"),
            accumulator_clipped=seen.share("accumulator"),
            argument_clipped=seen.share("argument"),
            state_clipped=seen.share("state"),
            input_clipped=seen.share("input"),
            constants_clipped=max(constant.share for constant in candidate.constants_clipped),
        )


def _bench(
    model: Model,
    task: Task[Any] | None,
    settings: Settings | None,
    ranges: Ranges | None,
    split: Split,
    products: Products,
    evaluate: Evaluate | None,
    metric: Metric | None,
    own: OwnData | None,
) -> _Bench:
    """With `task`, or the model's own one, unless there are `own` data, or `evaluate` and its `metric` are given."""
    settings = settings or Settings()
    if own is not None:
        ranges, measure = ranges or analyse(model, own.inputs), own.measure(model)
        return _Bench(model, ranges, settings, products, measure, partial(own_loss, own.metric), measure(model))
    if evaluate is None:
        given = task or task_of(model)
        evaluate, metric = lambda candidate: given.evaluate(candidate, split), given.metric
    if metric is None:
        raise BadInput("metric must be given with evaluate")
    ranges = ranges or calibrate(model)
    return _Bench(model, ranges, settings, products, evaluate, partial(relative_loss, metric), evaluate(model))


def _grid(
    config: Config,
    weight_bits: Iterable[int],
    activation_bits: Iterable[int],
    cell_bits: Iterable[int] | None,
    embedding_bits: Iterable[int] | None,
    settings: Settings | None,
) -> list[Bits]:
    """Every combination; cells and embeddings that are not given, or not there, are as wide as the settings say."""
    cells = None if cell_bits is None or not config.has_cell_state else tuple(cell_bits)
    embeddings = None if embedding_bits is None or config.input.kind != "embedding" else tuple(embedding_bits)
    grid: list[Bits] = []
    for w, a in product(weight_bits, activation_bits):
        wide = (settings or Settings()).but(weight_bits=w, activation_bits=a).widths
        own_cells = (wide.cell_bits,) if cells is None else cells
        own_embeddings = (wide.embedding_bits,) if embeddings is None else embeddings
        grid += [(w, a, c, e) for c, e in product(own_cells, own_embeddings)]
    if not grid:
        raise BadInput("weight_bits, activation_bits, cell_bits and embedding_bits must each hold at least one number")
    return grid


def sweep(
    model: Model,
    weight_bits: Iterable[int] = BITS,
    activation_bits: Iterable[int] = BITS,
    cell_bits: Iterable[int] | None = None,
    embedding_bits: Iterable[int] | None = None,
    *,
    task: Task[Any] | None = None,
    settings: Settings | None = None,
    ranges: Ranges | None = None,
    split: Split = "validation",
    products: Products = "blas",
    evaluate: Evaluate | None = None,
    metric: Metric | None = None,
    own: OwnData | None = None,
    on_point: Callable[[MeasuredBits, int, int], None] | None = None,
) -> list[MeasuredBits]:
    """Every combination of bits, measured on the whole `split` of `task` (None: the model's own), or by `evaluate`, or
    on `own` data, which are calibrated on as well.

    Everything else is as in `settings`; `ranges` are those of `calibrate` unless given. ``on_point(point, done,
    total)`` is called after each.
    """
    grid = _grid(model.config, weight_bits, activation_bits, cell_bits, embedding_bits, settings)
    bench = _bench(model, task, settings, ranges, split, products, evaluate, metric, own)
    points = []
    for bits in grid:
        points.append(bench.point(bits))
        if on_point:
            on_point(points[-1], len(points), len(grid))
    return points


@dataclass(frozen=True, eq=False)
class BitSearch:
    """What a search found, and everything it measured, in order."""

    float_value: float
    max_relative_loss: float
    method: Method
    points: tuple[MeasuredBits, ...]
    best: MeasuredBits | None
    """The smallest memory within the loss; None: nothing in the grid is."""
    untried: int
    """Combinations that take less memory than the best, or all where there is none, and were not measured."""
    model: IntegerModel | None = field(repr=False)
    """The best one's model."""


def search_bits(
    model: Model,
    task: Task[Any] | None = None,
    max_relative_loss: float = 0.01,
    weight_bits: Iterable[int] = BITS,
    activation_bits: Iterable[int] = BITS,
    cell_bits: Iterable[int] | None = None,
    embedding_bits: Iterable[int] | None = None,
    *,
    method: Method = "monotone",
    settings: Settings | None = None,
    ranges: Ranges | None = None,
    split: Split = "validation",
    products: Products = "blas",
    evaluate: Evaluate | None = None,
    metric: Metric | None = None,
    own: OwnData | None = None,
    on_point: Callable[[MeasuredBits], None] | None = None,
) -> BitSearch:
    """The combination of bits with the smallest memory (`Memory.total_bits`) whose `relative_loss` is within the limit.

    Points are measured as in `sweep`. "monotone" takes it that more bits are never worse: a failure rules out all that
    have no more bits anywhere, a success all that take no less memory; the next point tried is the one that rules out
    most either way. A failure by chance may so rule out too much, and a wider range then answer more memory: so
    neighbours that take less memory are tried until none is within the limit, what is left is searched once more by
    itself, and `untried` says how many combinations are taken to fail unseen, each below two that did
    (`fewest.smallest_checked`). "exhaustive" takes nothing for granted: it tries in order of memory until one is within
    the limit, so that a wider range never answers more memory; of 1,331 combinations that is some hundreds, where the
    other method tries some tens.
    """
    if method not in METHODS:
        raise BadInput(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    grid = _grid(model.config, weight_bits, activation_bits, cell_bits, embedding_bits, settings)
    bench = _bench(model, task, settings, ranges, split, products, evaluate, metric, own)
    points: dict[Bits, MeasuredBits] = {}

    def within(bits: Bits) -> bool:
        points[bits] = bench.point(bits)
        if on_point:
            on_point(points[bits])
        return points[bits].relative_loss <= max_relative_loss

    costs = {bits: bench.memory_bits(bits) for bits in grid}
    best = METHODS[method](costs, within)
    most = math.inf if best is None else costs[best]
    return BitSearch(
        float_value=bench.float_value,
        max_relative_loss=max_relative_loss,
        method=method,
        points=tuple(points.values()),
        best=None if best is None else points[best],
        untried=sum(cost < most and bits not in points for bits, cost in costs.items()),
        model=None if best is None else bench.build(best).with_products("integer"),
    )
