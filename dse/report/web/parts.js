// Energy and area by component: a bar in brief, bars of several designs, and the table below them.
import { componentColour, components, ink, LETTERS } from "./colours.js";
import { el } from "./dom.js";
import { axis, PLAIN } from "./figure.js";
import { column, number, spaced } from "./format.js";
import { page } from "./page.js";
/** @import { Part } from "./shapes.d.ts" */
/** @import { Figure, PartValue, ShownDesign, Whole } from "./types.d.ts" */

/**
 * @param {Part[]} parts
 * @param {PartValue} of
 */
export const sum = (parts, of = "value") => parts.reduce((total, part) => total + part[of], 0);

/**
 * The letter of design n; nothing for a design on its own.
 * @param {ShownDesign[]} designs
 * @param {number} n
 */
export const lettered = (designs, n) => (designs.length > 1 ? LETTERS[n] : "");

/**
 * Where the bar of each design stands.
 * @param {ShownDesign[]} designs
 */
export const barNames = (designs) => designs.map((_, n) => lettered(designs, n) || " ");

/**
 * @param {Part[]} parts
 * @param {string} name
 */
const partOf = (parts, name) => parts.find((part) => part.name === name);

/**
 * @param {number} value
 * @param {number} total
 * @param {number} decimals
 */
const percent = (value, total, decimals) => `${((100 * value) / total).toFixed(decimals)} %`;

/**
 * Shares of a whole as one bar of plain elements, the largest three named.
 * @param {string} title
 * @param {string} unit
 * @param {Part[]} parts
 */
export function strip(title, unit, parts) {
  if (!parts.length) return null;
  const total = sum(parts);
  const pieces = parts
    .filter((part) => part.value > 0.002 * total)
    .map((part) =>
      el("span", {
        style: `flex-grow:${part.value / total};background:${componentColour(part.name)}`,
        title: `${spaced(part.name)}: ${number(part.value)} ${unit}, ${percent(part.value, total, 1)}`,
      }),
    );
  const legend = [...parts]
    .sort((a, b) => b.value - a.value)
    .slice(0, 3)
    .map((part) =>
      el(
        "span",
        {},
        el("i", { style: `background:${componentColour(part.name)}` }),
        `${spaced(part.name)} ${percent(part.value, total, 0)}`,
      ),
    );
  return el(
    "div.share",
    {},
    el("div", {}, title, el("b", {}, `${number(total)} ${unit}`)),
    el("div.strip", {}, pieces),
    el("div.legend", {}, legend),
  );
}

/**
 * A horizontal bar for each design, a colour for each component, a whisker for the band of the total.
 * @param {Whole} name
 * @param {string} title
 * @param {string} unit
 * @param {string} caption
 * @param {ShownDesign[]} designs
 * @returns {Figure}
 */
export function partsFigure(name, title, unit, caption, designs) {
  const ys = barNames(designs);
  const drawn = components.filter((part) => designs.some((design) => (partOf(design[name], part)?.value ?? 0) > 0));
  return {
    name,
    title,
    caption,
    traces: [
      ...drawn.map((part) => ({
        type: "bar",
        orientation: "h",
        name: spaced(part),
        y: ys,
        x: designs.map((design) => partOf(design[name], part)?.value ?? 0),
        hovertemplate: `${spaced(part)}: %{x:.4g} ${unit}<extra></extra>`,
        marker: { color: componentColour(part), line: { width: 0.5, color: ink("--ground") } },
      })),
      totalsTrace(
        designs.map((design) => design[name]),
        ys,
        unit,
      ),
    ],
    columns: [
      column("Design", "", true),
      column("Component", "", true),
      column("Value", unit),
      column("Low", unit),
      column("High", unit),
      column("Status", "", true),
      column("Source", "", true),
    ],
    rows: designs.flatMap((design) =>
      design[name].map((part) => [
        design.title,
        part.name,
        part.value,
        part.low,
        part.high,
        part.status,
        page.texts[part.source],
      ]),
    ),
    layout: {
      barmode: "stack",
      height: 132 + 44 * designs.length,
      showlegend: false,
      bargap: 0.25,
      margin: { l: 30, r: 20, t: 8, b: 46 },
      xaxis: axis(title, unit, { tickformat: PLAIN, rangemode: "tozero" }),
      yaxis: { autorange: "reversed", showgrid: false },
    },
  };
}

/**
 * @param {Part[][]} wholes
 * @param {string[]} ys
 * @param {string} unit
 */
const totalsTrace = (wholes, ys, unit) => ({
  type: "scatter",
  mode: "markers",
  showlegend: false,
  y: ys,
  x: wholes.map((parts) => sum(parts)),
  marker: { size: 1, color: ink("--text") },
  hovertemplate: `total %{x:.4g} ${unit}<extra></extra>`,
  error_x: {
    type: "data",
    symmetric: false,
    color: ink("--text"),
    thickness: 1.5,
    width: 6,
    array: wholes.map((parts) => sum(parts, "high") - sum(parts)),
    arrayminus: wholes.map((parts) => sum(parts) - sum(parts, "low")),
  },
});

/**
 * The legend and the exact figures of the bars above it; hovering over a row shows the source of its first figure.
 * @param {Whole} name
 * @param {string} unit
 * @param {ShownDesign[]} designs
 */
export function partsTable(name, unit, designs) {
  const alone = designs.length === 1;
  const head = designs.flatMap((_, n) => [
    el("th", {}, lettered(designs, n) || unit),
    el("th", {}, "share"),
    alone ? el("th", {}, "low to high") : null,
    alone ? el("th.words", {}, "status") : null,
  ]);
  const rows = components
    .filter((part) => designs.some((design) => partOf(design[name], part)))
    .map((part) =>
      el(
        "tr",
        { title: sourceOf(designs[0][name], part) },
        el("td.words", {}, el("i.swatch", { style: `background:${componentColour(part)}` }), spaced(part)),
        designs.flatMap((design) => partCells(design[name], part, alone)),
      ),
    );
  const totals = designs.flatMap((design) => totalCells(design[name], alone));
  const total = el("tr.total", {}, el("td.words", {}, name === "energy" ? "system" : "chip"), totals);
  return el(
    "div.scroll",
    {},
    el(
      "table.parts",
      { "data-parts": name },
      el("thead", {}, el("tr", {}, el("th.words", {}, "Component"), head)),
      el("tbody", {}, rows, total),
    ),
  );
}

/**
 * @param {Part[]} parts
 * @param {string} name
 */
function sourceOf(parts, name) {
  const part = partOf(parts, name);
  return part && page.texts[part.source];
}

/**
 * @param {number} low
 * @param {number} high
 */
const band = (low, high) => (low === high ? "–" : `${number(low)} to ${number(high)}`);

/**
 * @param {Part[]} parts
 * @param {string} name
 * @param {boolean} alone whether band and status are shown too
 */
function partCells(parts, name, alone) {
  const part = partOf(parts, name);
  if (!part) return [el("td", {}, "–"), el("td", {}, "–")];
  const cells = [el("td", {}, number(part.value)), el("td", {}, percent(part.value, sum(parts), 1))];
  return alone ? [...cells, el("td", {}, band(part.low, part.high)), el("td.words", {}, part.status)] : cells;
}

/**
 * @param {Part[]} parts
 * @param {boolean} alone
 */
function totalCells(parts, alone) {
  const cells = [el("td", {}, number(sum(parts))), el("td", {}, "100 %")];
  return alone ? [...cells, el("td", {}, band(sum(parts, "low"), sum(parts, "high"))), el("td", {}, "")] : cells;
}
