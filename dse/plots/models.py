"""What pruning the state costs in accuracy, by weight format."""

from typing import NamedTuple

import plotly.graph_objects as go

from dse.plots.base import OverviewPlot, colour, figure, model_label, symbol, text
from dse.store import Results
from workloads.tasks import MetricWords


class ModelsInfo(NamedTuple):
    """One point a model and threshold; formats in order of first appearance."""

    weight_format: list[str]
    sparsity_percent: list[float]
    validation_loss: list[float]
    label: list[str]
    metric: MetricWords


def models_info(results: Results) -> ModelsInfo:
    models, metric = results.models, results.space.metric
    return ModelsInfo(
        weight_format=models["weight_format"].tolist(),
        sparsity_percent=(100 * models["state_sparsity"]).tolist(),
        validation_loss=models["validation_loss"].tolist(),
        label=[
            f"<b>{text(model_label(row['model']))}</b><br>threshold {row['threshold']:.3g}"
            f"{' (as trained)' if row['as_trained'] else ''}<br>{100 * row['state_sparsity']:.1f} % zeros"
            f"<br>{row['validation_loss']:.4f} {metric.unit}"
            for _, row in models.iterrows()
        ],
        metric=metric,
    )


def models_plot(info: ModelsInfo) -> go.Figure:
    made = figure(height=400)
    for weight_format in dict.fromkeys(info.weight_format):
        picked = [i for i, name in enumerate(info.weight_format) if name == weight_format]
        made.add_trace(
            go.Scatter(
                x=[info.sparsity_percent[i] for i in picked],
                y=[info.validation_loss[i] for i in picked],
                name=text(weight_format),
                mode="markers",
                hovertext=[info.label[i] for i in picked],
                hoverinfo="text",
                marker={"symbol": symbol(weight_format), "size": 12, "color": colour(weight_format)},
            )
        )
    made.update_layout(
        xaxis={"title": {"text": "Zeros in the state (%)"}, "zeroline": False},
        yaxis={
            "title": {"text": f"Validation {info.metric.title} ({info.metric.unit})"},
            "zeroline": False,
            "automargin": True,
        },
    )
    return made


def _make(results: Results) -> go.Figure:
    return models_plot(models_info(results))


MODELS = OverviewPlot(
    name="models",
    title="What sparsity costs in accuracy",
    caption="Each trained model, and the same pruned harder than it was trained for: lower is better, further right "
    "gives the hardware more to skip.",
    make=_make,
)
