// Tab Samplers: how much of an exact front each sampler has found, by trial, over seeds.

const SAMPLER_COLOURS = {
  nsga2: "blue",
  nsga3: "sky",
  tpe: "orange",
  gp: "purple",
  qmc: "green",
  random: "grey",
  grid: "vermillion",
};

function samplerTraces({ sampler, trials, mean, least, most }) {
  const color = COLOURS[SAMPLER_COLOURS[sampler]];
  return [
    {
      type: "scatter",
      mode: "lines",
      x: [...trials, ...[...trials].reverse()],
      y: [...most, ...[...least].reverse()],
      fill: "toself",
      fillcolor: color,
      opacity: 0.2,
      line: { width: 0 },
      hoverinfo: "skip",
      showlegend: false,
    },
    {
      type: "scatter",
      mode: "lines",
      name: label(sampler),
      x: trials,
      y: mean,
      line: { color, width: 2 },
      hovertemplate: "after %{x} trials: %{y:.2f} %<extra>%{fullData.name}</extra>",
    },
  ];
}

const samplersFigure = (comparison) => () => ({
  name: "samplers",
  title: "Share of the exact front",
  caption:
    "Hypervolume of what was found as a share of the exact front's: lines are means over the seeds, bands reach from the worst seed to the best.",
  traces: comparison.curves.flatMap(samplerTraces),
  columns: [
    column("Sampler", "", true),
    column("Trials"),
    column("Mean", "%"),
    column("Least", "%"),
    column("Most", "%"),
  ],
  rows: comparison.curves.flatMap((curve) =>
    curve.trials.map((n, i) => [curve.sampler, n, curve.mean[i], curve.least[i], curve.most[i]]),
  ),
  layout: {
    height: 460,
    xaxis: logAxis(
      "Trials",
      "number",
      comparison.curves.flatMap((curve) => curve.trials),
    ),
    yaxis: axis("Found", "% of the exact hypervolume", { range: [0, 101] }),
  },
});

function buildSamplers() {
  return page.comparisons.flatMap((comparison) => [
    el("h2", {}, comparison.name),
    el("p", {}, comparison.says),
    figure(samplersFigure(comparison)),
    table("samplers", comparison.table),
  ]);
}
