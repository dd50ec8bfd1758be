// Figures. One is made anew whenever it is drawn, so that its colours are those of the theme and its data those of the
// moment.
import { ink } from "./colours.js";
import { all, csvButton, el } from "./dom.js";
import { label, withUnit } from "./format.js";
/** @import { Figure, Layout, Plot } from "./types.d.ts" */

/** Ticks with thousands separated, without exponent and trailing zeros. */
export const PLAIN = ",~r";

/** Named one by one: Plotly's own choice includes a button that sends the figure to a server. */
const BUTTONS = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];
const CONFIG = { responsive: true, displaylogo: false, modeBarButtons: [BUTTONS] };

/**
 * A layout with what all figures share.
 * @param {Layout} layout
 */
function themed(layout) {
  const grid = { gridcolor: ink("--grid"), linecolor: ink("--line"), zerolinecolor: ink("--line"), automargin: true };
  return {
    height: 380,
    margin: { l: 60, r: 20, t: 14, b: 52 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { align: "left", bgcolor: ink("--panel"), bordercolor: ink("--line"), font: { color: ink("--text") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink("--soft"), activecolor: ink("--text") },
    legend: { orientation: "h", yanchor: "bottom", y: 1.02, xanchor: "left", x: 0 },
    ...layout,
    font: { family: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", size: 13, color: ink("--text") },
    xaxis: { zeroline: false, ...grid, ...layout.xaxis },
    yaxis: { zeroline: false, ...grid, ...layout.yaxis },
  };
}

/** @param {() => Figure} make called whenever it is drawn */
export function figure(make) {
  const { name, title, caption } = make();
  const plot = Object.assign(el("div.plot", { "data-figure": name }), { make });
  const head = el("div.head", {}, el("h3", {}, title), csvButton(name, make));
  return el("figure", {}, head, plot, el("figcaption", {}, caption));
}

/**
 * The element in which a figure is drawn, if the page has it.
 * @param {string} name
 */
export const plotOf = (name) => /** @type {Plot | null} */ (document.querySelector(`[data-figure=${name}]`));

/** @param {Plot} plot */
export function draw(plot) {
  const { caption, traces, layout, bar = false } = plot.make();
  if (plot.nextElementSibling) plot.nextElementSibling.textContent = caption;
  return Plotly.react(plot, traces, themed(layout), { ...CONFIG, displayModeBar: bar ? "hover" : false });
}

/** @param {ParentNode} within */
export const plots = (within = document) => /** @type {Plot[]} */ (all(".plot", within));

/** Draws every figure that is visible. */
export const drawAll = () => plots().filter(isVisible).forEach(draw);

/** @param {HTMLElement} element */
const isVisible = (element) => element.offsetParent !== null;

/**
 * @param {string} title
 * @param {string} unit
 * @param {object} more in Plotly's terms
 */
export function axis(title, unit, more = {}) {
  return { title: { text: label(withUnit(title, unit)) }, ...more };
}

/**
 * A logarithmic axis: plain numbers at 1, 2 and 5 of each decade, or at 1 alone where they would run together; where
 * none of these may be within the range, at Plotly's own choice.
 * @param {string} title
 * @param {string} unit
 * @param {(number | null)[]} values that it spans
 */
export function logAxis(title, unit, values) {
  const [low, high] = extent(values.filter((v) => v != null && v > 0));
  return axis(title, unit, {
    type: "log",
    tickformat: PLAIN,
    dtick: high > 100 * low ? 1 : high > 4 * low ? "D2" : undefined,
  });
}

/**
 * The least and the largest value; of any number of them.
 * @param {(number | null)[]} values none is null
 */
export function extent(values) {
  return /** @type {number[]} */ (values).reduce(
    ([a, b], v) => [Math.min(a, v), Math.max(b, v)],
    [Infinity, -Infinity],
  );
}
