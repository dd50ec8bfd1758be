"""Networks as the tab Model shows them: metric beside published ones, zeros of the states, histogram of the weights."""

import numpy as np
from numpy.typing import NDArray

from archsim.errors import BadInput
from archsim.trace.trace import Trace
from dse.report.designs import network_key
from dse.report.shapes import NetworkTab, PageColumn, PageTable, Scalar, WeightHistogram
from dse.report.words import known, model_label, short
from dse.results.details import ModelDetail, StateDetail
from dse.results.store import Results
from workloads import tasks, zoo
from workloads.fixed_point import IntegerModel
from workloads.model import Model
from workloads.sparsify import zeros
from workloads.zoo.published import published

BINS = 41


def search_networks(results: Results) -> list[NetworkTab]:
    """Every model and threshold that a search measured."""
    details = {(d.model, d.threshold): d for d in results.model_details}
    metric = results.space.metric
    found = []
    for _, row in results.models.iterrows():
        detail: ModelDetail | None = details.get((row["model"], row["threshold"]))
        found.append(
            NetworkTab(
                key=network_key(row["model"], row["threshold"]),
                label=_label(row["model"], row["threshold"], bool(row["as_trained"])),
                weight_format=row["weight_format"],
                weight_kib=short(row["weight_kib"]),
                threshold=short(row["threshold"]),
                as_trained=bool(row["as_trained"]),
                state_sparsity=short(100 * row["state_sparsity"]),
                metric="" if metric is None else metric.title,
                unit="" if metric is None else metric.unit,
                validation=known(row.get("validation_loss")),
                test=known(row.get("test_loss")),
                states=[] if detail is None else detail.states,
                weights=_weights(row["model"]),
            )
        )
    return found


def run_network(workload: str, threshold: float | None, trace: Trace) -> NetworkTab:
    """What one run computed; the metric is that of the model's card, where it has one and ran as trained.

    A trace on its own says nothing of the threshold and the weights of its model.
    """
    states = [StateDetail.of(z) for z in zeros(trace)]
    shares = [1 - float(np.mean(s.per_unit)) for s in states]
    as_trained, of_trace = threshold is None, workload.endswith(".npz")
    card = zoo.load_card(workload) if workload in zoo.ALL and as_trained else None
    measured = None if card is None else card.measured
    metric = tasks.METRIC_WORDS[measured.metric] if measured else None
    if threshold is None and not of_trace:
        threshold = max(layer.threshold for layer in zoo.load_config(workload).layers)
    products = (mv for phase in trace.phases for mv in phase.graph.mat_vecs)
    recurrent = [mv.weight_format.name for mv in products if mv.edge == "previous_step"]
    return NetworkTab(
        key=network_key(trace.header.workload, None),
        label=model_label(trace.header.workload),
        weight_format=", ".join(dict.fromkeys(recurrent)),
        weight_kib=None if card is None else short(card.file.weight_bytes / 1024),
        threshold=known(threshold),
        as_trained=as_trained,
        state_sparsity=short(100 * (1 - sum(shares) / len(shares))) if shares else 0.0,
        metric=metric.title if metric else "",
        unit=metric.unit if metric else "",
        validation=short(measured.validation) if measured else None,
        test=short(measured.test) if measured else None,
        states=states,
        weights=[] if of_trace else _weights(workload),
    )


def _label(model: str, threshold: float, as_trained: bool) -> str:
    return model_label(model) if as_trained else f"{model_label(model)} @ {threshold:.3g}"


def papers() -> PageTable:
    """What papers report of trained networks, and ours by the recipe that stands for each."""
    titles = ("Paper", "Network", "Metric")
    columns = (
        *(PageColumn(title=title, words=True) for title in titles),
        PageColumn(title="Published"),
        PageColumn(title="Ours"),
        PageColumn(title="Ours less theirs"),
        PageColumn(title="How sure", words=True),
    )
    rows: list[list[Scalar]] = [
        [
            p.paper,
            p.recipe,
            p.words,
            p.value,
            known(p.ours),
            known(p.difference),
            p.sure,
        ]
        for p in published()
    ]
    return PageTable(columns=columns, rows=rows)


def _weights(name: str) -> list[WeightHistogram]:
    """A histogram of every recurrent and input matrix; nothing where the file of a model is no longer there, or has
    only integers of a fixed-point network."""
    try:
        model = zoo.load_either(name)
    except BadInput:
        return []
    if isinstance(model, IntegerModel):
        return []
    return [one for number in range(len(model.layers)) for one in _of_layer(model, number)]


def _of_layer(model: Model, number: int) -> list[WeightHistogram]:
    layer, suffix = model.layers[number], f", layer {number + 1}" if len(model.layers) > 1 else ""
    matrices = (("W_h", layer.recurrent_codes), ("W_x", layer.input_codes), ("W_hr", layer.projection_codes))
    return [
        _histogram(f"{name}{suffix}", np.asarray(codes, np.float64)) for name, codes in matrices if codes is not None
    ]


def _histogram(matrix: str, codes: NDArray[np.float64]) -> WeightHistogram:
    """One bin a code where there are few, else `BINS` as wide as each other."""
    values, counts = np.unique(codes, return_counts=True)
    if len(values) > BINS:
        counts, edges = np.histogram(codes, BINS)
        values = (edges[1:] + edges[:-1]) / 2
    share = counts / codes.size
    return WeightHistogram(matrix=matrix, value=[short(v) for v in values], share=[short(100 * s) for s in share])
