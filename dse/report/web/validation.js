// Tab Validation: published hardware figures beside those of the cost model.
import { COLOURS, ink } from "./colours.js";
import { el } from "./dom.js";
import { axis, figure } from "./figure.js";
import { column, label, number } from "./format.js";
import { page } from "./page.js";
import { table } from "./tables.js";

/** @import { PublishedCheck } from "./shapes.d.ts" */
/** @import { Content, Data, Figure } from "./types.d.ts" */

/** @returns {Content} */
export function buildValidation() {
  return [
    el(
      "p",
      {},
      "The hardware figures of papers beside those of archsim's own designs as they ship, each marked with what its agreement is worth. Identities (arithmetic on what a paper states) and blind figures (no choice was made with them in sight) can fail. Two numbers of the cost model are fitted to six figures: the table has their errors when each is left out. Figures that are checked were in sight when the model was built, so that their agreement proves little.",
    ),
    figure(errorsFigure),
    el("h2", {}, "The figures"),
    table("validation", checksData()),
  ];
}

/** @param {PublishedCheck} check */
const checkName = ({ chip, figure: what }) => `${chip}: ${what}`;

/** @param {number} error in per cent; what rounds to nothing has no sign */
function signed(error) {
  const rounded = Math.round(10 * error) / 10 || 0;
  return `${rounded > 0 ? "+" : ""}${rounded.toFixed(1)}`;
}

/** A check with its place on the axis. */
/** @typedef {PublishedCheck & {at: string}} Compared */

/** @returns {Figure} */
function errorsFigure() {
  const compared = page.checks.map((check, i) => /** @type {Compared} */ ({ ...check, at: `${i}` })).reverse();
  const allowed = compared.flatMap(({ at, tolerance_pct: allowed }) => (allowed == null ? [] : [{ at, allowed }]));
  const most = Math.max(...compared.map((check) => Math.abs(check.error_pct)), ...allowed.map((each) => each.allowed));
  return {
    name: "errors",
    title: "How far off we are",
    caption:
      "Error of each figure against the published one, by what it is worth; the grey marks are what is allowed of those that can fail.",
    traces: [
      kindTrace("identity", COLOURS.green, "", compared),
      kindTrace("fitted", COLOURS.blue, "", compared),
      kindTrace("checked", COLOURS.sky, "/", compared),
      kindTrace("blind", COLOURS.orange, "x", compared),
      ...[-1, 1].map((sign) => ({
        type: "scatter",
        mode: "markers",
        name: "allowed",
        showlegend: sign > 0,
        hoverinfo: "skip",
        y: allowed.map((each) => each.at),
        x: allowed.map((each) => sign * each.allowed),
        marker: { symbol: "line-ns-open", size: 12, color: ink("--soft"), line: { width: 1.5 } },
      })),
      {
        type: "scatter",
        mode: "text",
        showlegend: false,
        hoverinfo: "skip",
        y: compared.map((check) => check.at),
        x: compared.map(() => 1.95 * most),
        text: compared.map((check) => `${signed(check.error_pct)} %`),
        textposition: "middle left",
      },
    ],
    ...checksData(),
    layout: {
      height: 120 + 24 * compared.length,
      bargap: 0.35,
      barmode: "overlay",
      margin: { l: 10, r: 40, t: 14, b: 52 },
      xaxis: axis("Error against the published figure", "%", { zeroline: true, range: [-1.1 * most, 2 * most] }),
      yaxis: {
        showgrid: false,
        type: "category",
        tickvals: compared.map((check) => check.at),
        ticktext: compared.map((check) => label(checkName(check))),
        categoryarray: compared.map((check) => check.at),
        categoryorder: "array",
      },
    },
  };
}

/**
 * @param {string} kind
 * @param {string} colour
 * @param {string} hatch
 * @param {Compared[]} compared
 */
function kindTrace(kind, colour, hatch, compared) {
  const group = compared.filter((check) => check.kind === kind);
  return {
    type: "bar",
    orientation: "h",
    name: kind,
    y: group.map((check) => check.at),
    x: group.map((check) => check.error_pct),
    marker: {
      color: colour,
      pattern: { shape: hatch, solidity: 0.3, fillmode: "overlay", fgcolor: "rgba(0,0,0,0.45)" },
    },
    customdata: group.map(
      (check) =>
        `${label(checkName(check))}<br>published ${number(check.published)} ${label(check.unit)}, ours ${number(check.ours)}<br>${label(check.note)}`,
    ),
    hovertemplate: "%{customdata}<extra></extra>",
  };
}

/** @returns {Data} */
const checksData = () => ({
  columns: [
    column("Chip", "", true),
    column("Figure", "", true),
    column("Unit", "", true),
    column("Published"),
    column("Ours"),
    column("Error", "%"),
    column("Left out", "%"),
    column("Allowed", "%"),
    column("Kind", "", true),
    column("How sure", "", true),
    column("Gates", "", true),
    column("Note", "", true),
  ],
  rows: page.checks.map((check) => [
    check.chip,
    check.figure,
    check.unit,
    check.published,
    check.ours,
    check.error_pct,
    check.left_out_pct,
    check.tolerance_pct,
    check.kind,
    check.sure,
    check.gates,
    check.note,
  ]),
});
