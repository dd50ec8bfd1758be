// Tab Samplers: how much of an exact front each sampler has found, by trial, over seeds.
import { COLOURS, cycle } from "./colours.js";
import { el } from "./dom.js";
import { axis, figure, logAxis } from "./figure.js";
import { column, label } from "./format.js";
import { page } from "./page.js";
import { table } from "./tables.js";

/** @import { SamplerLine, SamplersTab } from "./shapes.d.ts" */
/** @import { Content, Figure } from "./types.d.ts" */

/**
 * So that a sampler has the same colour in every comparison; one that is not named takes that of its place.
 * @type {Record<string, keyof typeof COLOURS>}
 */
const SAMPLER_COLOURS = {
  nsga2: "blue",
  nsga3: "sky",
  tpe: "orange",
  gp: "purple",
  qmc: "green",
  random: "grey",
  grid: "vermillion",
};

/** @returns {Content} */
export function buildSamplers() {
  return page.comparisons.flatMap((comparison) => [
    el("h2", {}, comparison.name),
    el("p", {}, comparison.says),
    figure(() => samplersFigure(comparison)),
    table("samplers", comparison.table),
  ]);
}

/**
 * @param {SamplersTab} comparison
 * @returns {Figure}
 */
const samplersFigure = ({ curves }) => ({
  name: "samplers",
  title: "Share of the exact front",
  caption:
    "Hypervolume of what was found as a share of the exact front's: lines are means over the seeds, bands reach from the worst seed to the best.",
  traces: curves.flatMap(curveTraces),
  columns: [
    column("Sampler", "", true),
    column("Trials"),
    column("Mean", "%"),
    column("Least", "%"),
    column("Most", "%"),
  ],
  rows: curves.flatMap((curve) =>
    curve.trials.map((n, i) => [curve.sampler, n, curve.mean[i], curve.least[i], curve.most[i]]),
  ),
  layout: {
    height: 460,
    xaxis: logAxis(
      "Trials",
      "number",
      curves.flatMap((curve) => curve.trials),
    ),
    yaxis: axis("Found", "% of the exact hypervolume", { range: [0, 101] }),
  },
});

/**
 * The band of a curve, and its mean.
 * @param {SamplerLine} curve
 * @param {number} n
 */
function curveTraces({ sampler, trials, mean, least, most }, n) {
  const color = sampler in SAMPLER_COLOURS ? COLOURS[SAMPLER_COLOURS[sampler]] : cycle(n);
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
