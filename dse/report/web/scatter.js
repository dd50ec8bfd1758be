// The figure of the tab Front: what of the points is drawn, where and how.

const NONE = "none";
const FORMAT = "weight format",
  MODEL = "model",
  SEARCH = "search";
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "cross", "star-triangle-up", "pentagon", "hexagon"];
const MOST_SVG = 1500; // faded points drawn without WebGL: more would make the browser crawl

const webgl = (() => {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
})();

const view = {};
const distinct = (values) => [...new Set(values)].sort();
const formats = distinct(points.map((point) => word(point, "weight_format")));
const models = distinct(points.map((point) => word(point, "model")));
const several = page.searches.length > 1;

function initialView() {
  const [first] = page.searches;
  const [a, b, c] = first.objectives;
  const [x, y, colour] = c ? [c, a, b] : [b, a, NONE];
  Object.assign(view, {
    x,
    y,
    colour: several ? SEARCH : colour,
    size: NONE,
    logX: goalByName.get(x).log,
    logY: goalByName.get(y).log,
    formats: new Set(formats),
    models: new Set(models),
    limits: { ...first.limits },
    dominated: true,
    misses: true,
    published: true,
  });
}

const withinLimits = (of) =>
  Object.entries(view.limits).every(([name, bound]) => {
    const goal = goalByName.get(name);
    return goal.minimize ? of(name) <= bound : of(name) >= bound;
  });

// {front, dominated, misses}: the points that pass the filters, by what they are among each other.
function sorted() {
  const passing = points.filter((p) => view.formats.has(word(p, "weight_format")) && view.models.has(word(p, "model")));
  const inside = [],
    misses = [];
  for (const point of passing) {
    const kept = word(point, "facts") && withinLimits((name) => value(point, name));
    (kept ? inside : misses).push(point);
  }
  const goals = page.searches[0].objectives.map((name) => goalByName.get(name));
  const cost = (point) => goals.map((goal) => (goal.minimize ? 1 : -1) * value(point, goal.name));
  const bySearch = page.searches.map((search) => inside.filter((point) => point.search === search));
  const marks = new Map(bySearch.flatMap((of) => nonDominated(of, cost).map((mark, i) => [of[i].key, mark])));
  return {
    front: inside.filter((p) => marks.get(p.key)),
    dominated: view.dominated ? inside.filter((p) => !marks.get(p.key)) : [],
    misses: view.misses ? misses : [],
  };
}

function hover(point, kind) {
  const names = distinct([view.x, view.y, view.colour, view.size].filter((name) => goalByName.has(name)));
  const figures = names.map((name) => {
    const goal = goalByName.get(name);
    return `${label(goal.title)}: ${number(value(point, name))} ${label(goal.unit)}`;
  });
  const search = several ? `${label(point.search.name)}, ` : "";
  return [`<b>${search}trial ${point.trial}</b>, ${kind}`, label(modelLabel(point)), ...figures].join("<br>");
}

// At most so many, evenly over the plane: one of those that fall on the same spot.
function thinned(of) {
  if (webgl || of.length <= MOST_SVG) return of;
  const spots = new Map();
  const place = (name, log, point) => (log ? Math.log(value(point, name)) : value(point, name));
  const xs = of.map((p) => place(view.x, view.logX, p)),
    ys = of.map((p) => place(view.y, view.logY, p));
  const span = (v) => {
    const low = v.reduce((a, b) => Math.min(a, b));
    return [low, v.reduce((a, b) => Math.max(a, b)) - low || 1];
  };
  const [x0, dx] = span(xs),
    [y0, dy] = span(ys);
  of.forEach((point, i) =>
    spots.set(`${Math.round((150 * (xs[i] - x0)) / dx)},${Math.round((90 * (ys[i] - y0)) / dy)}`, point),
  );
  const kept = [...spots.values()];
  return kept.filter((_, i) => i % Math.ceil(kept.length / MOST_SVG) === 0);
}

function faded(of, name, symbol) {
  const drawn = thinned(of);
  return {
    type: webgl ? "scattergl" : "scatter",
    mode: "markers",
    name,
    x: drawn.map((p) => value(p, view.x)),
    y: drawn.map((p) => value(p, view.y)),
    customdata: drawn.map((p) => p.key),
    text: drawn.map((p) => hover(p, name)),
    hoverinfo: "text",
    marker: { symbol, size: 6, color: COLOURS.grey, opacity: 0.5 },
  };
}

const categories = {
  [FORMAT]: (p) => word(p, "weight_format"),
  [MODEL]: (p) => word(p, "model"),
  [SEARCH]: (p) => p.search.name,
};

// The front: a trace a group where words are coloured; else one trace, and a legend of what the symbols mean.
function frontTraces(front) {
  const of = categories[view.colour];
  if (!of) return [...symbolLegend(front), frontTrace(front, front, FRONT, { showlegend: false }, numberColour(front))];
  const domain = { [FORMAT]: formats, [MODEL]: models, [SEARCH]: page.searches.map((search) => search.name) }[
    view.colour
  ];
  return domain
    .map((name, n) => [name, n, front.filter((point) => of(point) === name)])
    .filter(([, , group]) => group.length)
    .map(([name, n, group]) => frontTrace(group, front, baseName(name), {}, { color: cycle(n) }));
}

function frontTrace(group, front, name, more, colour) {
  return {
    type: "scatter",
    mode: "markers",
    name: label(name),
    ...more,
    x: group.map((p) => value(p, view.x)),
    y: group.map((p) => value(p, view.y)),
    customdata: group.map((p) => p.key),
    text: group.map((p) => hover(p, "on the front")),
    hoverinfo: "text",
    marker: {
      symbol: group.map((p) => symbolOf(word(p, "weight_format"))),
      size: sizes(group, front),
      line: { width: 1, color: ink("--text") },
      ...colour,
    },
  };
}

const symbolOf = (format) => SYMBOLS[Math.max(0, formats.indexOf(format)) % SYMBOLS.length];
const numberColour = (front) =>
  view.colour === NONE
    ? { color: COLOURS.blue }
    : { color: front.map((p) => value(p, view.colour)), coloraxis: "coloraxis" };

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

function sizes(group, front) {
  if (view.size === NONE) return 12;
  const of = (p) => (goalByName.get(view.size).log ? Math.log(value(p, view.size)) : value(p, view.size));
  const every = front.map(of);
  const [low, high] = [Math.min(...every), Math.max(...every)];
  return group.map((p) => 8 + 18 * (high > low ? (of(p) - low) / (high - low) : 0.5));
}

// The stairs under which nothing was found, in the two axes that are shown.
function frontLines(front) {
  const [gx, gy] = [goalByName.get(view.x), goalByName.get(view.y)];
  return page.searches.map((search, s) => {
    const of = front.filter((p) => p.search === search);
    const marks = nonDominated(of, (p) => [
      (gx.minimize ? 1 : -1) * value(p, view.x),
      (gy.minimize ? 1 : -1) * value(p, view.y),
    ]);
    const line = of.filter((_, i) => marks[i]).sort((a, b) => value(a, view.x) - value(b, view.x));
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
  const rows = of.trial.filter(
    (i) => view.models.has(coded(of, "model", i)) && view.formats.has(coded(of, "weight_format", i)),
  );
  const x = rows.map((i) => of.numbers[view.x][i]),
    y = rows.map((i) => of.numbers[view.y][i]);
  const keeps = rows.map((i) => coded(of, "facts", i) && withinLimits((name) => of.numbers[name][i]));
  const text = rows.map(
    (i) => `<b>${label(coded(of, "design", i))}</b>, published<br>${label(baseName(coded(of, "model", i)))}`,
  );
  return [
    {
      type: "scatter",
      mode: "markers",
      name: "published design",
      x,
      y,
      text,
      hoverinfo: "text",
      cliponaxis: false,
      marker: { symbol: keeps.map((yes) => (yes ? "star" : "star-open")), size: 13, color: COLOURS.vermillion },
    },
  ];
}

// Each published design is named once, at its highest or lowest star by turns along x, near it or one line further.
function publishedNames() {
  if (!view.published) return [];
  const of = page.searches[0].published;
  const at = new Map();
  for (const i of of.trial) {
    if (!view.models.has(coded(of, "model", i)) || !view.formats.has(coded(of, "weight_format", i))) continue;
    at.set(coded(of, "design", i), [...(at.get(coded(of, "design", i)) || []), i]);
  }
  const least = (rows) => Math.min(...rows.map((i) => of.numbers[view.x][i]));
  return [...at]
    .sort((a, b) => least(a[1]) - least(b[1]))
    .map(([name, rows], turn) => {
      const rising = [...rows].sort((a, b) => of.numbers[view.y][a] - of.numbers[view.y][b]);
      const above = turn % 2 === 0;
      const i = above ? rising.at(-1) : rising[0];
      const away = turn % 4 < 2 ? 14 : 27;
      return {
        ...spot(of.numbers[view.x][i], of.numbers[view.y][i]),
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

// Annotations of a log axis lie at the exponent, shapes at the value itself.
const spot = (x, y) => ({ x: view.logX ? Math.log10(x) : x, y: view.logY ? Math.log10(y) : y });

// Where an axis shows what has a limit: which axis, of what, and the limit.
const limited = () =>
  ["x", "y"]
    .filter((at) => view[at] in view.limits)
    .map((at) => ({ at, name: view[at], bound: view.limits[view[at]] }));

// What a constraint rules out is shaded, where an axis shows it.
function shades() {
  return limited().map(({ at, name, bound }) => {
    const wide = goalByName.get(name).minimize ? bound * 1e6 : bound / 1e6;
    const other = at === "x" ? "y" : "x";
    return {
      type: "rect",
      layer: "below",
      line: { width: 0 },
      fillcolor: "rgba(213, 94, 0, 0.10)",
      [`${at}ref`]: at,
      [`${at}0`]: bound,
      [`${at}1`]: wide,
      [`${other}ref`]: `${other} domain`,
      [`${other}0`]: 0,
      [`${other}1`]: 1,
    };
  });
}

function shadeNames() {
  return limited().map(({ at, bound }) => {
    const log = at === "x" ? view.logX : view.logY;
    const place = {
      [at]: log ? Math.log10(bound) : bound,
      [at === "x" ? "y" : "x"]: 0.99,
      [at === "x" ? "yref" : "xref"]: "paper",
    };
    return {
      ...place,
      text: `limit ${number(bound)}`,
      showarrow: false,
      font: { size: 11, color: COLOURS.vermillion },
      xanchor: at === "x" ? "left" : "right",
      yanchor: at === "x" ? "top" : "bottom",
    };
  });
}

// Whether a spot is so high in the figure that a pin above it would lie on the legend.
function high({ y }) {
  const range = find("[data-figure=front]")?.layout?.yaxis.range;
  return range && y > range[0] + 0.85 * (range[1] - range[0]);
}

// Pins are annotations: to move them Plotly need not look at the points again.
function pins() {
  return chosen.keys
    .map((key, n) => [pointByKey.get(key), n])
    .filter(([point]) => point) // a run is no point, and has a letter on the tab Design
    .map(([point, n]) => [spot(value(point, view.x), value(point, view.y)), point, n])
    .map(([at, point, n]) => ({
      ...at,
      text: `<b>${chosen.keys.length > 1 ? LETTERS[n] : `trial ${point.trial}`}</b>`,
      showarrow: true,
      arrowhead: 0,
      arrowwidth: 2,
      arrowcolor: CHOSEN[n],
      standoff: 7,
      ax: 0,
      ay: high(at) ? 38 : -38,
      bgcolor: CHOSEN[n],
      borderpad: 3,
      font: { size: 12, color: "#ffffff" },
    }));
}

function axisOf(name, log, values) {
  const goal = goalByName.get(name);
  return log ? logAxis(goal.title, goal.unit, values) : axis(goal.title, goal.unit, { tickformat: PLAIN });
}

// The range that all points need: shading, which goes on for ever, must not widen it.
function range(values, log) {
  const of = values.filter((v) => v != null && (!log || v > 0)).map((v) => (log ? Math.log10(v) : v));
  if (!of.length) return undefined;
  const [low, high] = of.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  const room = 0.05 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

function frontFigure() {
  const groups = sorted();
  const order = [...groups.front, ...groups.dominated, ...groups.misses];
  const traces = [
    faded(groups.misses, "outside a limit", "x-thin-open"),
    faded(groups.dominated, DOMINATED, "circle"),
    ...frontLines(groups.front),
    ...frontTraces(groups.front),
    ...publishedTraces(),
  ];
  const values = (name) => [
    ...order.map((p) => value(p, name)),
    ...(view.published ? page.searches[0].published.numbers[name] : []),
  ];
  const [xs, ys] = [values(view.x), values(view.y)];
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
      xaxis: { ...axisOf(view.x, view.logX, xs), range: range(xs, view.logX) },
      yaxis: { ...axisOf(view.y, view.logY, ys), range: range(ys, view.logY) },
      shapes: shades(),
      annotations: notes(),
      ...colourAxis(groups.front),
    },
  };
}

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

function frontCaption(groups) {
  const counted = `${groups.front.length} designs that no other of those shown beats, ${groups.dominated.length} dominated, ${groups.misses.length} outside a limit`;
  return `${counted}; stars are published designs on the same networks (hollow: outside a limit). Click a point to choose it, shift-click to set up to four side by side.`;
}

function frontColumns() {
  const named = page.goals.map((goal) => column(goal.title, goal.unit));
  return [
    column("Search", "", true),
    column("Trial"),
    column("Kind", "", true),
    column("Model", "", true),
    column("Threshold"),
    column("Weights", "", true),
    ...named,
  ];
}

function frontRows(groups) {
  const kinds = [
    ["front", groups.front],
    [DOMINATED, groups.dominated],
    [MISSES, groups.misses],
  ];
  return kinds.flatMap(([kind, of]) =>
    of.map((p) => [
      p.search.name,
      p.trial,
      kind,
      word(p, "model"),
      word(p, "threshold"),
      word(p, "weight_format"),
      ...page.goals.map((goal) => value(p, goal.name)),
    ]),
  );
}
