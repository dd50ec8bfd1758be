// What sets the figure of the tab Front: axes, colour, size, filters and limits.
import { el, find } from "./dom.js";
import { draw, plotOf } from "./figure.js";
import { baseName } from "./format.js";
import { goalOf, page, several } from "./page.js";
import { FORMAT, formats, MODEL, models, NONE, SEARCH, view } from "./view.js";

/** @import { Goal } from "./shapes.d.ts" */
/** @import { ViewKey } from "./types.d.ts" */

function redraw() {
  const plot = plotOf("front");
  if (plot) draw(plot);
}

/**
 * @param {string} title
 * @param {string[][]} options pairs of value and text
 * @param {ViewKey<string>} name
 * @param {() => void} onChange
 */
function choice(title, options, name, onChange = () => {}) {
  const made = options.map(([key, text]) => el("option", { value: key, selected: view[name] === key }, text));
  const select = el(
    "select",
    {
      "data-view": name,
      onchange: (event) => {
        view[name] = event.target.value;
        onChange();
        redraw();
      },
    },
    made,
  );
  return el("label", {}, title, select);
}

/**
 * @param {string} title
 * @param {ViewKey<boolean>} name
 */
function tick(title, name) {
  const box = el("input", {
    type: "checkbox",
    "data-view": name,
    checked: view[name],
    onchange: (event) => {
      view[name] = event.target.checked;
      redraw();
    },
  });
  return el("label.tick", {}, box, title);
}

/**
 * @param {string} title
 * @param {string[]} values
 * @param {ViewKey<Set<string>>} name
 */
function ticks(title, values, name) {
  const box = (/** @type {string} */ each) =>
    el("input", {
      type: "checkbox",
      checked: view[name].has(each),
      "data-filter": each,
      onchange: (event) => {
        view[name][event.target.checked ? "add" : "delete"](each);
        redraw();
      },
    });
  const boxes = values.map((each) => el("label.tick", {}, box(each), baseName(each)));
  return el("fieldset", { "data-filters": name }, el("legend", {}, title), boxes);
}

/** @param {Goal} goal */
function limit(goal) {
  const box = el("input", {
    type: "number",
    step: "any",
    value: view.limits[goal.name] ?? "",
    "data-limit": goal.name,
    placeholder: "any",
    onchange: ({ target }) => {
      const bound = Number(target.value);
      if (target.value === "" || !Number.isFinite(bound)) delete view.limits[goal.name];
      else view.limits[goal.name] = bound;
      redraw();
    },
  });
  return el("label", {}, `${goal.title} ${goal.minimize ? "≤" : "≥"}`, el("span.unit", {}, box, goal.unit));
}

/**
 * Sets an axis to the scale in which its objective reads better.
 * @param {ViewKey<string>} name
 * @param {ViewKey<boolean>} log
 */
const scale = (name, log) => () => {
  view[log] = goalOf(view[name]).log;
  /** @type {HTMLInputElement} */ (find(`[data-view=${log}]`)).checked = view[log];
};

export function controls() {
  const axes = page.goals.map((goal) => [goal.name, goal.title]);
  const words = [[FORMAT, FORMAT], [MODEL, MODEL], ...(several ? [[SEARCH, SEARCH]] : []), [NONE, NONE]];
  return el(
    "div.controls",
    {},
    choice("Across", axes, "x", scale("x", "logX")),
    choice("Up", axes, "y", scale("y", "logY")),
    choice("Colour", [...axes, ...words], "colour"),
    choice("Size", [[NONE, NONE], ...axes], "size"),
    el(
      "div.ticks",
      {},
      tick("log across", "logX"),
      tick("log up", "logY"),
      tick("dominated", "dominated"),
      tick("outside limits", "misses"),
      tick("published", "published"),
    ),
  );
}

export function filters() {
  const limits = el("fieldset", {}, el("legend", {}, "Limits (constraints)"), page.goals.map(limit));
  return el(
    "details.filters",
    { open: innerWidth > 1100 },
    el("summary", {}, "Filters"),
    ticks("Weight format", formats, "formats"),
    ticks("Model", models, "models"),
    limits,
  );
}
