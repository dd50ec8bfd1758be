// What is written and shaded on the figure of the tab Front: names of published designs, limits, and pins on what is
// chosen.
import { chosen } from "./chosen.js";
import { CHOSEN, COLOURS, ink, LETTERS } from "./colours.js";
import { plotOf } from "./figure.js";
import { label, number } from "./format.js";
import { goalOf, page } from "./page.js";
import { named, pointByKey, value } from "./points.js";
import { view } from "./view.js";
/** @import { Point } from "./types.d.ts" */

export const annotations = () => [...publishedNames(), ...limitNames(), ...pins()];

/** Plotly moves pins without looking at the points again. */
export function movePins() {
  const plot = plotOf("front");
  if (plot?.layout) Plotly.relayout(plot, { annotations: annotations() });
}

/**
 * Annotations of a logarithmic axis are placed by the exponent, shapes by the value itself.
 * @param {number} x
 * @param {number} y
 */
const spot = (x, y) => ({ x: view.logX ? Math.log10(x) : x, y: view.logY ? Math.log10(y) : y });

/** The rows of the published designs that pass the filters. */
export function publishedRows() {
  const of = page.searches[0].published;
  return of.trial.filter(
    (i) => view.models.has(named(of, "model", i)) && view.formats.has(named(of, "weight_format", i)),
  );
}

/**
 * A number of a published design.
 * @param {string} name
 * @param {number} i
 */
export const publishedValue = (name, i) => /** @type {number} */ (page.searches[0].published.numbers[name][i]);

/** Each published design is named once, at its highest or lowest star by turns along x, near it or one line further. */
function publishedNames() {
  if (!view.published) return [];
  const [x, y] = [view.x, view.y].map((name) => (/** @type {number} */ i) => publishedValue(name, i));
  /** @type {Map<string, number[]>} */
  const rowsOf = new Map();
  for (const i of publishedRows()) {
    const name = named(page.searches[0].published, "design", i);
    rowsOf.set(name, [...(rowsOf.get(name) ?? []), i]);
  }
  const least = (/** @type {number[]} */ rows) => Math.min(...rows.map(x));
  return [...rowsOf]
    .sort(([, a], [, b]) => least(a) - least(b))
    .map(([name, rows], turn) => {
      const rising = [...rows].sort((a, b) => y(a) - y(b));
      const above = turn % 2 === 0;
      const i = above ? rising[rising.length - 1] : rising[0];
      const away = turn % 4 < 2 ? 14 : 27;
      return {
        ...spot(x(i), y(i)),
        text: label(name),
        showarrow: false,
        yshift: above ? away : -away,
        font: { size: 11 },
        bgcolor: ink("--ground"),
        borderpad: 0,
        opacity: 0.85,
      };
    });
}

/** The axes that show something that has a limit. */
const limited = () =>
  [
    { at: "x", other: "y", name: view.x, log: view.logX },
    { at: "y", other: "x", name: view.y, log: view.logY },
  ]
    .filter(({ name }) => name in view.limits)
    .map((axis) => ({ ...axis, bound: view.limits[axis.name] }));

/** What a limit rules out, shaded. */
export const shades = () =>
  limited().map(({ at, other, name, bound }) => ({
    type: "rect",
    layer: "below",
    line: { width: 0 },
    fillcolor: "rgba(213, 94, 0, 0.10)",
    [`${at}ref`]: at,
    [`${at}0`]: bound,
    [`${at}1`]: goalOf(name).minimize ? bound * 1e6 : bound / 1e6,
    [`${other}ref`]: `${other} domain`,
    [`${other}0`]: 0,
    [`${other}1`]: 1,
  }));

const limitNames = () =>
  limited().map(({ at, other, bound, log }) => ({
    [at]: log ? Math.log10(bound) : bound,
    [other]: 0.99,
    [`${other}ref`]: "paper",
    text: `limit ${number(bound)}`,
    showarrow: false,
    font: { size: 11, color: COLOURS.vermillion },
    xanchor: at === "x" ? "left" : "right",
    yanchor: at === "x" ? "top" : "bottom",
  }));

/**
 * Whether a spot is so high in the figure that a pin above it would lie on the legend.
 * @param {{y: number}} spot
 */
function isHigh({ y }) {
  const range = plotOf("front")?.layout?.yaxis.range;
  return range && y > range[0] + 0.85 * (range[1] - range[0]);
}

/** A pin on each chosen point. A run is no point; it has its letter on the tab Design. */
export function pins() {
  return chosen.keys.flatMap((key, n) => {
    const point = pointByKey.get(key);
    return point ? [pin(point, n)] : [];
  });
}

/**
 * @param {Point} point
 * @param {number} n its number among the chosen
 */
function pin(point, n) {
  const at = spot(value(point, view.x), value(point, view.y));
  return {
    ...at,
    text: `<b>${chosen.keys.length > 1 ? LETTERS[n] : `trial ${point.trial}`}</b>`,
    showarrow: true,
    arrowhead: 0,
    arrowwidth: 2,
    arrowcolor: CHOSEN[n],
    standoff: 7,
    ax: 0,
    ay: isHigh(at) ? 38 : -38,
    bgcolor: CHOSEN[n],
    borderpad: 3,
    font: { size: 12, color: "#ffffff" },
  };
}
