// Tab Design: up to four designs side by side, each a column or a colour.
import { chosen } from "./chosen.js";
import { CHOSEN, LETTERS } from "./colours.js";
import { diagram } from "./diagram.js";
import { el } from "./dom.js";
import { figure } from "./figure.js";
import { column, spaced, whole, withUnit } from "./format.js";
import { designByKey, entry, page, several } from "./page.js";
import { lettered, partsFigure, partsTable } from "./parts.js";
import { rooflineFigure, stallsFigure, stepsFigure } from "./performance.js";
import { designOf, pointByKey, writesPage } from "./points.js";
import { table } from "./tables.js";

/** @import { Cell, Content, ShownDesign } from "./types.d.ts" */

/** Names of a design that are in its heading. */
const IN_HEADING = ["name", "title"];

/** @returns {Content} */
export function buildDesign() {
  const designs = chosen.keys.map(designOf);
  if (!designs.length) return [el("p.soft", {}, "Choose a design on the tab Front.")];
  const simulated = designs.filter((design) => design.cycles);
  return [
    comparePicker(),
    el("div.designs", { style: `--across:${Math.min(2, designs.length)}` }, designs.map(panel)),
    absent(designs).map((text) => el("p.soft", {}, text)),
    ...(simulated.length ? breakdowns(simulated) : []),
    el(
      "div.columns",
      {},
      el("div", {}, el("h2", {}, "Figures"), figuresTable(designs)),
      el("div", {}, el("h2", {}, "Parameters"), parametersTable(designs)),
    ),
  ];
}

function comparePicker() {
  const rest = page.designs.filter((design) => !chosen.keys.includes(design.key));
  if (!rest.length || chosen.isFull()) return null;
  const options = rest.map(({ key, title }) =>
    el("option", { value: key }, several ? `${pointByKey.get(key)?.search.name ?? ""} ${title}` : title),
  );
  const select = el(
    "select",
    {
      id: "compare",
      onchange: (event) => {
        if (event.target.value) chosen.choose(event.target.value, true);
      },
    },
    el("option", { value: "" }, "another design of the front …"),
    options,
  );
  return el("label.compare", {}, "Compare with", select);
}

/**
 * @param {ShownDesign} design
 * @param {number} n
 * @param {ShownDesign[]} designs
 */
function panel(design, n, designs) {
  const away = el(
    "button.away",
    { type: "button", title: "Take it out of the comparison", onclick: () => chosen.choose(design.key, true) },
    "×",
  );
  const beside = designs.length > 1;
  return el(
    "section.panel",
    { "data-design": design.key },
    el("h3", {}, beside ? letterMark(n) : null, design.title, beside ? away : null),
    el("p.soft", {}, [design.says, design.clock].filter(Boolean).join(" ")),
    diagram(design),
    command(design),
    inVerilog(design),
  );
}

/** @param {number} n */
export const letterMark = (n) => el("b.letter", { style: `background:${CHOSEN[n]}` }, LETTERS[n]);

/** @param {ShownDesign} design */
export const command = (design) => (design.command ? copied("Run it again:", design.command) : null);

/**
 * The command that makes it in Verilog, or why there is none.
 * @param {ShownDesign} design
 */
function inVerilog(design) {
  if (!design.hardware) return null;
  const { command: words, reason } = design.hardware;
  return words
    ? copied("Make it in Verilog, and check it cycle for cycle:", words)
    : el("p.soft", {}, `No Verilog is written of it: ${reason}.`);
}

/**
 * A command that a click copies.
 * @param {string} what
 * @param {string} words
 */
function copied(what, words) {
  const code = el("code", {}, words);
  const copy = () => {
    getSelection()?.selectAllChildren(code);
    navigator.clipboard?.writeText(words).catch(() => {});
  };
  return el(
    "div",
    {},
    el("p.soft", {}, what),
    el("div.command", {}, code, el("button", { type: "button", onclick: copy }, "copy")),
  );
}

/**
 * What the page does not have of the designs that are chosen, and why.
 * @param {ShownDesign[]} designs
 */
function absent(designs) {
  const off = designs.filter((design) => pointByKey.has(design.key) && !designByKey.has(design.key));
  const far = off.filter((design) => !design.cycles);
  const texts = [];
  if (far.length) {
    const trials = far.map((design) => entry(pointByKey, design.key));
    const { trial, left_out } = trials[0].search.others;
    texts.push(
      `Of ${trials.map((point) => `trial ${point.trial}`).join(", ")} there are parameters and objectives alone: of the points off the front, energy, area, stalls and roofline are kept for the ${whole(trial.length)} nearest to it, ${whole(left_out)} lie farther. The command shows ${writesPage(far[0]) ? "them" : "energy and roofline"}.`,
    );
  }
  if (off.length > far.length) {
    const steps = writesPage(off[0]) ? "; the command, with --html run.html, shows the steps" : "";
    texts.push(
      `Cycles of each step, speed-up by skipping and test figures are there for designs of the front alone, which are simulated step by step and tested${steps}.`,
    );
  }
  return texts;
}

/** @param {ShownDesign[]} designs */
function breakdowns(designs) {
  const energy = () =>
    partsFigure(
      "energy",
      "Energy per token",
      "nJ",
      "By component, DRAM included; the whisker spans what sources say of DRAM and leakage, a row's source appears when it is pointed at.",
      designs,
    );
  const area = () =>
    partsFigure(
      "area",
      "Chip area",
      "mm²",
      "By component, without DRAM, pads and clock tree; the whisker spans what sources say of how cells scale with the node.",
      designs,
    );
  const steps = designs.some((design) => design.step_cycles.length);
  const roofs = designs.some((design) => design.roofline);
  return [
    el(
      "div.columns",
      {},
      el("div", {}, figure(energy), partsTable("energy", "nJ", designs)),
      el("div", {}, figure(area), partsTable("area", "mm²", designs)),
    ),
    el(
      roofs && steps ? "div.columns.three" : "div.columns",
      {},
      figure(() => stallsFigure(designs)),
      roofs ? figure(() => rooflineFigure(designs)) : null,
      steps ? figure(() => stepsFigure(designs)) : null,
    ),
  ];
}

/** @param {ShownDesign[]} designs */
function figuresTable(designs) {
  const units = new Map(designs.flatMap((design) => design.facts.map(({ term, unit }) => [term, unit])));
  const rows = [...units].map(([term, unit]) => [
    withUnit(term, unit),
    ...designs.map((design) => design.facts.find((fact) => fact.term === term)?.value ?? null),
  ]);
  return sideBySide("figures", rows, designs);
}

/** @param {ShownDesign[]} designs */
function parametersTable(designs) {
  const names = new Set(designs.flatMap((design) => Object.keys(design.parameters)));
  const rows = [...names]
    .filter((name) => !IN_HEADING.includes(name))
    .map((name) => [name, ...designs.map((design) => design.parameters[name] ?? null)]);
  return sideBySide("parameters", rows, designs);
}

/**
 * Rows in which designs differ are marked.
 * @param {string} name
 * @param {Cell[][]} rows
 * @param {ShownDesign[]} designs
 */
function sideBySide(name, rows, designs) {
  const columns = [
    column(spaced(name)[0].toUpperCase() + spaced(name).slice(1), "", true),
    ...designs.map((_, n) => column(lettered(designs, n) || "Value")),
  ];
  const differ = (/** @type {Cell[]} */ [, ...values]) => new Set(values.map((each) => JSON.stringify(each))).size > 1;
  return table(name, { columns, rows }, { rowClass: (i) => differ(rows[i]) && "differs" });
}
