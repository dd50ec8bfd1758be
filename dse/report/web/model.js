// Tab Model: what the networks lose in accuracy, and what their zeros let the hardware leave out.
import { chosen } from "./chosen.js";
import { cycle } from "./colours.js";
import { el } from "./dom.js";
import { axis, figure } from "./figure.js";
import { column, label, number } from "./format.js";
import { measured, networkByKey, page } from "./page.js";
import { designOf } from "./points.js";
import { symbolOf } from "./scatter.js";
import { table } from "./tables.js";
import { openTab } from "./tabs.js";
import { distinct } from "./view.js";

/** @import { NetworkTab } from "./shapes.d.ts" */
/** @import { Content, Figure } from "./types.d.ts" */

/** @type {NetworkTab} */
let network = page.networks[0];

/** Shows the network that the design chosen last runs. */
export function followChosen() {
  const key = chosen.keys[chosen.keys.length - 1];
  if (key) network = networkByKey.get(designOf(key).model) ?? network;
}

/** @param {number} index */
function showNetwork(index) {
  network = page.networks[index];
  openTab("model");
}

/** @returns {Content} */
export function buildModel() {
  const picker = el(
    "select",
    { id: "network", onchange: (event) => showNetwork(Number(event.target.value)) },
    page.networks.map((each, i) => el("option", { value: i, selected: each === network }, each.label)),
  );
  const { states, weights } = network;
  return [
    el("h2", {}, "The networks"),
    measured && page.networks.length > 1
      ? el("div.columns", {}, figure(accuracyFigure), networksTable())
      : networksTable(),
    el("h2", {}, el("label", {}, "One network: ", picker)),
    weights.length
      ? null
      : el(
          "p.soft",
          {},
          "Its weights are not shown: the run was given a trace, the network was quantized after training, or its file is no longer there.",
        ),
    el(
      "div.columns",
      {},
      states.length ? [unitsFigure, stepsOfStates, lanesFigure].map(figure) : [],
      weights.length ? figure(weightsFigure) : null,
    ),
    ...papers(),
  ];
}

function papers() {
  if (!page.papers.rows.length) return [];
  return [
    el("h2", {}, "What papers report of trained networks"),
    el(
      "p",
      {},
      "Less is better: below zero, ours is. A dash is a network that is not trained, or not measured so, yet; its recipe is there.",
    ),
    table("papers", page.papers),
  ];
}

function networksTable() {
  const [{ unit }] = page.networks;
  const columns = [
    column("Network", "", true),
    column("Weights", "", true),
    column("Threshold"),
    column("Zeros", "%"),
    column("Size", "KiB"),
    ...(measured ? [column("Validation", unit), column("Test", unit)] : []),
  ];
  const rows = page.networks.map((each) => [
    each.label,
    each.weight_format,
    each.threshold,
    each.state_sparsity,
    each.weight_kib,
    ...(measured ? [each.validation, each.test] : []),
  ]);
  return table(
    "networks",
    { columns, rows },
    { keys: page.networks.map((_, i) => `network ${i}`), onRow: (key) => showNetwork(Number(key.split(" ")[1])) },
  );
}

/**
 * Each network as it was trained, and pruned harder: what sparsity costs in accuracy.
 * @returns {Figure}
 */
function accuracyFigure() {
  const networks = page.networks.filter((each) => each.validation != null);
  const kinds = distinct(networks.map((each) => each.weight_format));
  const { metric, unit } = networks[0];
  return {
    name: "accuracy",
    title: "What zeros cost in accuracy",
    caption:
      "Each network as it was trained (filled), and pruned harder than it was trained for (hollow): lower is better, further right gives the hardware more to skip.",
    traces: kinds.map((kind, n) =>
      accuracyTrace(
        networks.filter((each) => each.weight_format === kind),
        kind,
        n,
      ),
    ),
    columns: [
      column("Network", "", true),
      column("Weights", "", true),
      column("Zeros", "%"),
      column(`Validation ${metric}`, unit),
      column(`Test ${metric}`, unit),
    ],
    rows: networks.map((each) => [each.label, each.weight_format, each.state_sparsity, each.validation, each.test]),
    layout: { height: 360, xaxis: axis("Zeros in the state", "%"), yaxis: axis(`Validation ${metric}`, unit) },
  };
}

/**
 * @param {NetworkTab[]} group of networks that were measured
 * @param {string} kind of their weights
 * @param {number} n
 */
function accuracyTrace(group, kind, n) {
  const symbol = symbolOf(kind);
  return {
    type: "scatter",
    mode: "markers",
    name: label(kind),
    x: group.map((each) => each.state_sparsity),
    y: group.map((each) => each.validation),
    text: group.map(
      (each) =>
        `<b>${label(each.label)}</b><br>${number(each.state_sparsity)} % zeros<br>${each.validation?.toFixed(4)} ${label(each.unit)}`,
    ),
    hoverinfo: "text",
    marker: {
      size: 12,
      color: cycle(n),
      symbol: group.map((each) => (each.as_trained ? symbol : `${symbol}-open`)),
      line: { width: 1.5 },
    },
  };
}

/** @returns {Figure} */
function unitsFigure() {
  const { states, label: name } = network;
  return {
    name: "units",
    title: "Zeros by unit",
    caption: `How often each unit of ${name} is zero, the most often first: units that always are could be left out of the network.`,
    traces: states.map((state, n) => {
      const falling = [...state.per_unit].sort((a, b) => b - a);
      return {
        type: "scatter",
        mode: "lines",
        fill: "tozeroy",
        name: label(state.operand),
        x: falling.map((_, i) => i + 1),
        y: falling.map((v) => 100 * v),
        line: { color: cycle(n), width: 1.5 },
        hovertemplate: "%{y:.1f} %<extra></extra>",
      };
    }),
    columns: [column("State", "", true), column("Unit"), column("Zeros", "% of the steps")],
    rows: states.flatMap((state) => state.per_unit.map((v, i) => [state.operand, i, 100 * v])),
    layout: {
      height: 300,
      showlegend: states.length > 1,
      xaxis: axis("Units, most often zero first", "rank"),
      yaxis: axis("Zero", "% of the steps", { range: [0, 101] }),
    },
  };
}

/** @returns {Figure} */
function stepsOfStates() {
  const { states } = network;
  return {
    name: "time",
    title: "Zeros over time",
    caption: "Share of the state that is zero after each step, over all sequences that still run.",
    traces: states.map((state, n) => ({
      type: "scatter",
      mode: "lines",
      name: label(state.operand),
      x: state.per_step.map((_, i) => i),
      y: state.per_step.map((v) => 100 * v),
      line: { color: cycle(n), width: 1.5 },
      hovertemplate: "step %{x}: %{y:.1f} %<extra></extra>",
    })),
    columns: [column("State", "", true), column("Step"), column("Zeros", "%")],
    rows: states.flatMap((state) => state.per_step.map((v, i) => [state.operand, i, 100 * v])),
    layout: {
      height: 300,
      showlegend: states.length > 1,
      xaxis: axis("Step", "index"),
      yaxis: axis("Zeros in the state", "%", { range: [0, 101] }),
    },
  };
}

/** @returns {Figure} */
function lanesFigure() {
  const { states } = network;
  return {
    name: "lanes",
    title: "Zeros that lanes share",
    caption:
      "Share of columns that are zero in all of so many sequences side by side: what is left to skip when lanes share a weight.",
    traces: states.map((state, n) => ({
      type: "bar",
      name: label(state.operand),
      x: Object.keys(state.union),
      y: Object.values(state.union).map((v) => 100 * v),
      marker: { color: cycle(n) },
      text: Object.values(state.union).map((v) => (100 * v).toFixed(1)),
      textposition: "auto",
      hovertemplate: "%{x} lanes: %{y:.1f} %<extra></extra>",
    })),
    columns: [column("State", "", true), column("Lanes"), column("Zero in all", "%")],
    rows: states.flatMap((state) =>
      Object.entries(state.union).map(([lanes, v]) => [state.operand, Number(lanes), 100 * v]),
    ),
    layout: {
      height: 300,
      showlegend: states.length > 1,
      xaxis: axis("Lanes", "sequences", { type: "category", showgrid: false }),
      yaxis: axis("Zero in all lanes", "%", { range: [0, 101] }),
    },
  };
}

/** @returns {Figure} */
function weightsFigure() {
  const { weights, weight_format: format } = network;
  return {
    name: "weights",
    title: "Weights",
    caption: `How the codes of the ${format} weights are distributed; a weight is its code times the scale of its row.`,
    traces: weights.map((matrix, n) => ({
      type: "bar",
      name: label(matrix.matrix),
      x: matrix.value,
      y: matrix.share,
      marker: { color: cycle(n) },
      hovertemplate: "code %{x}: %{y:.2f} %<extra></extra>",
    })),
    columns: [column("Matrix", "", true), column("Code"), column("Share", "%")],
    rows: weights.flatMap((matrix) => matrix.value.map((code, i) => [matrix.matrix, code, matrix.share[i]])),
    layout: {
      height: 300,
      barmode: "group",
      bargap: 0.1,
      showlegend: weights.length > 1,
      xaxis: axis("Code", "units of the scale"),
      yaxis: axis("Weights", "% of the matrix"),
    },
  };
}
