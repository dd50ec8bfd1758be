// Tab Front: any two objectives as axes, two more as colour and size; filters; what is chosen, in brief.
import { movePins } from "./annotations.js";
import { chosen } from "./chosen.js";
import { controls, filters } from "./controls.js";
import { command, letterMark } from "./design.js";
import { all, contents, el } from "./dom.js";
import { figure, plotOf } from "./figure.js";
import { baseName, column, shown, spaced } from "./format.js";
import { designByKey, page, searchGoals, several } from "./page.js";
import { lexical } from "./pareto.js";
import { strip } from "./parts.js";
import { coded, costs, designOf, modelLabel, named, pointByKey, setting, value, word } from "./points.js";
import { frontFigure } from "./scatter.js";
import { isBeside, table } from "./tables.js";
import { openTab } from "./tabs.js";
import { initialView, sorted } from "./view.js";

/** @import { Tile } from "./shapes.d.ts" */
/** @import { Cell, Content, ShownDesign } from "./types.d.ts" */

/** Figures of a design that are shown in brief. */
const IN_BRIEF = 8;

/** @returns {Content} */
export function buildFront() {
  initialView();
  const side = el("aside.panel", { id: "brief", "aria-live": "polite" }, brief());
  const scatter = figure(frontFigure);
  chosen.listeners.push(() => {
    side.replaceChildren(...contents(brief()));
    movePins();
    markRows();
  });
  const introductions = page.searches.map((search) =>
    el("div", {}, several ? el("h3", {}, search.name) : null, el("p", {}, search.introduction), tiles(search.tiles)),
  );
  return [
    introductions,
    el("div.master", {}, el("div", {}, controls(), scatter, filters()), side),
    page.designs.length ? null : el("p.warning", {}, "No design keeps every constraint."),
    el("h2", {}, "Every design on the front"),
    el("p.soft", {}, "Click a heading to sort, a row to choose it; with shift, beside what is chosen."),
    frontTable(),
    el("h2", {}, "Published designs, for comparison"),
    publishedTable(),
    el("h2", {}, "How to read the figures"),
    page.searches.flatMap((search) => search.notes.map((note) => el(note.warning ? "p.warning" : "p", {}, note.text))),
  ];
}

/** Called once the figure is drawn: Plotly's own events come from the element in which it has drawn. */
export function listenToFront() {
  plotOf("front")?.on("plotly_click", ({ event, points: [{ customdata: key }] }) => {
    if (key) chosen.choose(key, isBeside(event));
  });
}

function markRows() {
  for (const row of all("tr[data-key]")) row.classList.toggle("chosen", chosen.keys.includes(row.dataset.key ?? ""));
}

/** @param {Tile[]} values */
const tiles = (values) =>
  el(
    "ul.tiles",
    {},
    values.map((tile) => el("li", {}, el("b", {}, tile.value), el("span", {}, tile.label))),
  );

/** The design that was chosen last, in brief. */
function brief() {
  const { keys } = chosen;
  if (!keys.length) return [el("p.soft", {}, "Click a point.")];
  const design = designOf(keys[keys.length - 1]);
  const beside = keys.length > 1;
  const more = el(
    "button.go",
    { type: "button", onclick: () => openTab("design") },
    beside ? `Compare all ${keys.length}` : "All of this design",
  );
  return [
    el("h3", {}, beside ? letterMark(keys.length - 1) : null, design.title),
    el("p.soft", {}, design.says),
    more,
    termList(design.facts.slice(0, IN_BRIEF)),
    strip("Energy per token", "nJ", design.energy),
    strip("Chip area", "mm²", design.area),
    settingList(design),
    command(design),
  ];
}

/** @param {{term: string, value: Cell, unit: string}[]} terms */
const termList = (terms) =>
  el(
    "dl.facts",
    {},
    terms.map(({ term, value, unit }) =>
      el("div", {}, el("dt", {}, term), el("dd", {}, `${shown(value)}${unit ? ` ${unit}` : ""}`)),
    ),
  );

/**
 * What the search set of a design; nothing for a run.
 * @param {ShownDesign} design
 */
function settingList(design) {
  const point = pointByKey.get(design.key);
  if (!point) return null;
  const terms = point.search.parameters.map((name) => ({ term: name, value: setting(point, name), unit: "" }));
  return el("details", { open: true }, el("summary", {}, "Parameters"), termList(terms));
}

function frontTable() {
  const goals = searchGoals();
  const cost = costs(goals);
  const front = sorted().front.sort((a, b) => lexical(cost(a), cost(b)));
  const { parameters } = page.searches[0];
  const stays = (/** @type {string} */ key) =>
    designByKey.get(key)?.facts.find((fact) => fact.term === "On the front if costs are")?.value ?? null;
  const columns = [
    ...(several ? [column("Search", "", true)] : []),
    column("Trial"),
    column("Model", "", true),
    column("Weights", "", true),
    column("Zeros", "% of the state"),
    ...goals.map((goal) => column(goal.title, goal.unit)),
    column("Stays", "if costs are", true),
    ...parameters.map(parameterColumn),
  ];
  const rows = front.map((p) => [
    ...(several ? [p.search.name] : []),
    p.trial,
    modelLabel(p),
    word(p, "weight_format"),
    value(p, "state_sparsity"),
    ...goals.map((goal) => value(p, goal.name)),
    stays(p.key),
    ...parameters.map((name) => (name in p.search.trials.coded ? setting(p, name) : null)),
  ]);
  return table(
    "front-table",
    { columns, rows },
    {
      keys: front.map((p) => p.key),
      onRow: (key, beside) => chosen.choose(key, beside),
      rowClass: (i) => chosen.keys.includes(front[i].key) && "chosen",
    },
  );
}

/** @param {string} path of a parameter: its last name, above the component that has it */
function parameterColumn(path) {
  const names = path.split(".");
  return column(spaced(names[names.length - 1]), names.slice(0, -1).join("."));
}

function publishedTable() {
  const of = page.searches[0].published;
  const goals = searchGoals();
  const columns = [
    column("Design", "", true),
    column("Model", "", true),
    ...goals.map((goal) => column(goal.title, goal.unit)),
    column("Keeps the constraints", "", true),
  ];
  const rows = of.trial.map((i) => [
    coded(of, "design", i),
    baseName(named(of, "model", i)),
    ...goals.map((goal) => of.numbers[goal.name][i]),
    coded(of, "reason", i) || "yes",
  ]);
  return table("published", { columns, rows });
}
