// The figure of the tab Front: which points are drawn, where and how.
import { annotations, publishedRows, publishedValue, shades } from "./annotations.js";
import { COLOURS, cycle, ink, SCALE } from "./colours.js";
import { axis, extent, logAxis, PLAIN } from "./figure.js";
import { baseName, column, label, number, withUnit } from "./format.js";
import { costOf, goalByName, goalOf, page, several } from "./page.js";
import { nonDominated } from "./pareto.js";
import { coded, DOMINATED, FRONT, MISSES, modelLabel, named, setting, value, word } from "./points.js";
import { distinct, FORMAT, formats, MODEL, models, NONE, SEARCH, sorted, view, withinLimits } from "./view.js";

/** @import { Figure, Groups, Point } from "./types.d.ts" */

const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star-triangle-up", "pentagon", "hexagon"];

/** Faded points that are drawn without WebGL: more would make the browser slow. */
export const MOST_SVG = 1500;

export const webgl = (() => {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
})();

/** @returns {Figure} */
export function frontFigure() {
  const groups = sorted();
  const traces = [
    faded(groups.misses, "outside a limit", "x-thin-open"),
    faded(groups.dominated, DOMINATED, "circle"),
    ...frontLines(groups.front),
    ...frontTraces(groups.front),
    ...publishedTraces(),
  ];
  const drawn = [...groups.front, ...groups.dominated, ...groups.misses];
  return {
    name: "front",
    bar: true,
    title: "What can be had",
    caption: frontCaption(groups),
    columns: frontColumns(),
    rows: frontRows(groups),
    traces,
    layout: {
      height: Math.max(430, Math.min(640, innerHeight - 380)),
      hovermode: "closest",
      dragmode: "zoom",
      uirevision: [view.x, view.y, view.logX, view.logY].join(),
      xaxis: frontAxis(view.x, view.logX, drawn),
      yaxis: frontAxis(view.y, view.logY, drawn),
      shapes: shades(),
      annotations: annotations(),
      ...colourAxis(groups.front),
    },
  };
}

/**
 * @param {Point} point
 * @param {string} kind
 */
function hover(point, kind) {
  const names = distinct([view.x, view.y, view.colour, view.size].filter((name) => goalByName.has(name)));
  const figures = names.map((name) => {
    const goal = goalOf(name);
    return `${label(goal.title)}: ${number(value(point, name))} ${label(goal.unit)}`;
  });
  const search = several ? `${label(point.search.name)}, ` : "";
  return [`<b>${search}trial ${point.trial}</b>, ${kind}`, label(modelLabel(point)), ...figures].join("<br>");
}

/**
 * What all traces of points share: places, keys and what hovering shows.
 * @param {Point[]} drawn
 * @param {string} kind
 */
const placed = (drawn, kind) => ({
  x: drawn.map((p) => value(p, view.x)),
  y: drawn.map((p) => value(p, view.y)),
  customdata: drawn.map((p) => p.key),
  text: drawn.map((p) => hover(p, kind)),
  hoverinfo: "text",
});

/**
 * Without WebGL at most so many, evenly over the plane: one of those that fall on the same spot.
 * @param {Point[]} from
 */
function thinned(from) {
  if (webgl || from.length <= MOST_SVG) return from;
  const xs = gridded(from, view.x, view.logX, 150);
  const ys = gridded(from, view.y, view.logY, 90);
  const kept = [...new Map(from.map((point, i) => [`${xs[i]},${ys[i]}`, point])).values()];
  return kept.filter((_, i) => i % Math.ceil(kept.length / MOST_SVG) === 0);
}

/**
 * The cell of a grid in which each point lies along one axis.
 * @param {Point[]} from
 * @param {string} name
 * @param {boolean} log
 * @param {number} cells
 */
function gridded(from, name, log, cells) {
  const places = from.map((p) => (log ? Math.log(value(p, name)) : value(p, name)));
  const [low, high] = extent(places);
  return places.map((place) => Math.round((cells * (place - low)) / (high - low || 1)));
}

/**
 * @param {Point[]} from
 * @param {string} name
 * @param {string} symbol
 */
const faded = (from, name, symbol) => ({
  type: webgl ? "scattergl" : "scatter",
  mode: "markers",
  name,
  ...placed(thinned(from), name),
  marker: { symbol, size: 6, color: COLOURS.grey, opacity: 0.5 },
});

/**
 * Colours that stand for words: what they may be, and which it is of a point.
 * @type {Record<string, {domain: string[], of: (point: Point) => string}>}
 */
const categories = {
  [FORMAT]: { domain: formats, of: (p) => word(p, "weight_format") },
  [MODEL]: { domain: models, of: (p) => word(p, "model") },
  [SEARCH]: { domain: page.searches.map((search) => search.name), of: (p) => p.search.name },
};

/**
 * The front: a trace for each group where words are coloured; else one trace, and a legend of what the symbols mean.
 * @param {Point[]} front
 */
function frontTraces(front) {
  if (!(view.colour in categories))
    return [...symbolLegend(front), frontTrace(front, front, FRONT, { showlegend: false }, numberColour(front))];
  const { domain, of } = categories[view.colour];
  return domain
    .map((name, n) => ({ name, n, group: front.filter((point) => of(point) === name) }))
    .filter(({ group }) => group.length)
    .map(({ name, n, group }) => frontTrace(group, front, baseName(name), {}, { color: cycle(n) }));
}

/**
 * @param {Point[]} group
 * @param {Point[]} front
 * @param {string} name
 * @param {object} more
 * @param {object} colour
 */
const frontTrace = (group, front, name, more, colour) => ({
  type: "scatter",
  mode: "markers",
  name: label(name),
  ...more,
  ...placed(group, "on the front"),
  marker: {
    symbol: group.map((p) => symbolOf(word(p, "weight_format"))),
    size: sizes(group, front),
    line: { width: 1, color: ink("--text") },
    ...colour,
  },
});

/** @param {string} format of the weights */
export const symbolOf = (format) => SYMBOLS[Math.max(0, formats.indexOf(format)) % SYMBOLS.length];

/** @param {Point[]} front */
const numberColour = (front) =>
  view.colour === NONE
    ? { color: COLOURS.blue }
    : { color: front.map((p) => value(p, view.colour)), coloraxis: "coloraxis" };

/** @param {Point[]} front */
const symbolLegend = (front) =>
  formats
    .filter((format) => front.some((p) => word(p, "weight_format") === format))
    .map((format) => ({
      type: "scatter",
      mode: "markers",
      x: [null],
      y: [null],
      name: `front, ${label(format)}`,
      hoverinfo: "skip",
      marker: { symbol: symbolOf(format), size: 11, color: COLOURS.grey, line: { width: 1, color: ink("--text") } },
    }));

/**
 * @param {Point[]} group
 * @param {Point[]} front
 */
function sizes(group, front) {
  if (view.size === NONE) return 12;
  const goal = goalOf(view.size);
  const of = (/** @type {Point} */ p) => (goal.log ? Math.log(value(p, view.size)) : value(p, view.size));
  const [low, high] = extent(front.map(of));
  return group.map((p) => 8 + 18 * (high > low ? (of(p) - low) / (high - low) : 0.5));
}

/**
 * The stairs under which nothing was found, in the two axes that are shown: a line for each search.
 * @param {Point[]} front
 */
function frontLines(front) {
  const [gx, gy] = [goalOf(view.x), goalOf(view.y)];
  return page.searches.map((search, s) => {
    const own = front.filter((p) => p.search === search);
    const line = nonDominated(own, (p) => [costOf(gx, value(p, view.x)), costOf(gy, value(p, view.y))]);
    line.sort((a, b) => value(a, view.x) - value(b, view.x));
    return {
      type: "scatter",
      mode: "lines",
      hoverinfo: "skip",
      showlegend: false,
      x: line.map((p) => value(p, view.x)),
      y: line.map((p) => value(p, view.y)),
      line: { color: several ? cycle(s) : ink("--soft"), width: 1.5, dash: "dot", shape: gx.minimize ? "hv" : "vh" },
    };
  });
}

function publishedTraces() {
  if (!view.published) return [];
  const of = page.searches[0].published;
  const rows = publishedRows();
  const kept = rows.map((i) => coded(of, "facts", i) && withinLimits((name) => publishedValue(name, i)));
  return [
    {
      type: "scatter",
      mode: "markers",
      name: "published design",
      x: rows.map((i) => publishedValue(view.x, i)),
      y: rows.map((i) => publishedValue(view.y, i)),
      text: rows.map(
        (i) => `<b>${label(named(of, "design", i))}</b>, published<br>${label(baseName(named(of, "model", i)))}`,
      ),
      hoverinfo: "text",
      cliponaxis: false,
      marker: { symbol: kept.map((yes) => (yes ? "star" : "star-open")), size: 13, color: COLOURS.vermillion },
    },
  ];
}

/**
 * @param {string} name
 * @param {boolean} log
 * @param {Point[]} drawn
 */
function frontAxis(name, log, drawn) {
  const goal = goalOf(name);
  const values = [
    ...drawn.map((p) => value(p, name)),
    ...(view.published ? page.searches[0].published.numbers[name] : []),
  ];
  const made = log ? logAxis(goal.title, goal.unit, values) : axis(goal.title, goal.unit, { tickformat: PLAIN });
  return { ...made, range: range(values, log) };
}

/**
 * The range that all points need: shading, which has no end, must not widen it.
 * @param {(number | null)[]} values
 * @param {boolean} log
 */
function range(values, log) {
  const places = values.filter((v) => v != null).filter((v) => !log || v > 0);
  if (!places.length) return undefined;
  const [low, high] = extent(places.map((v) => (log ? Math.log10(v) : v)));
  const room = 0.05 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

/** @param {Point[]} front */
function colourAxis(front) {
  const goal = goalByName.get(view.colour);
  if (!goal || !front.length) return {};
  const bar = {
    title: { text: label(withUnit(goal.title, goal.unit)), side: "right" },
    thickness: 12,
    outlinewidth: 0,
    tickformat: PLAIN,
  };
  return { coloraxis: { colorscale: SCALE, colorbar: bar } };
}

/** @param {Groups} groups */
function frontCaption(groups) {
  const counted = `${groups.front.length} designs that no other of those shown beats, ${groups.dominated.length} dominated, ${groups.misses.length} outside a limit`;
  return `${counted}; stars are published designs on the same networks (hollow: outside a limit). Click a point to choose it, shift-click to set up to four side by side.`;
}

const frontColumns = () => [
  column("Search", "", true),
  column("Trial"),
  column("Kind", "", true),
  column("Model", "", true),
  column("Threshold"),
  column("Weights", "", true),
  ...page.goals.map((goal) => column(goal.title, goal.unit)),
];

/** @param {Groups} groups */
function frontRows(groups) {
  const row = (/** @type {string} */ kind) => (/** @type {Point} */ p) => [
    p.search.name,
    p.trial,
    kind,
    word(p, "model"),
    setting(p, "threshold"),
    word(p, "weight_format"),
    ...page.goals.map((goal) => value(p, goal.name)),
  ];
  return [...groups.front.map(row(FRONT)), ...groups.dominated.map(row(DOMINATED)), ...groups.misses.map(row(MISSES))];
}
