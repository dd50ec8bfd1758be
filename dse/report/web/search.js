// Tab Search: how the search went.
import { COLOURS, cycle, ink } from "./colours.js";
import { el } from "./dom.js";
import { axis, figure, PLAIN } from "./figure.js";
import { column, label, number, spaced, whole } from "./format.js";
import { measured, page, several } from "./page.js";
import { table } from "./tables.js";
/** @import { SearchTab } from "./shapes.d.ts" */
/** @import { Content, Figure } from "./types.d.ts" */

/** @returns {Content} */
export function buildSearch() {
  const course = page.searches.some((search) => search.course.length);
  const timed = page.searches.some((search) => search.pace.length);
  return [
    el("div.columns", {}, course ? figure(hypervolume) : null, timed ? figure(pace) : null),
    ...page.searches.map((search) => [
      several ? el("h2", {}, search.name) : null,
      el("p", {}, `${search.quality} ${rate(search)}`),
      el(
        "div.columns",
        {},
        search.importances.rows.length
          ? figure(() => importances(search))
          : el("p.soft", {}, "Too few trials to say what mattered."),
        el(
          "div",
          {},
          figure(() => outcomes(search)),
          el("h2", {}, "Why trials were not feasible"),
          search.failures.rows.length
            ? table("failures", search.failures)
            : el("p.soft", {}, "Every trial was feasible."),
        ),
      ),
      el("p.foot", {}, search.footer),
    ]),
  ];
}

/** @returns {Figure} */
const hypervolume = () => ({
  name: "hypervolume",
  title: "Hypervolume",
  caption:
    "Share of the box between the best of each objective and a corner behind the worst of the front (" +
    `${page.searches.map((search) => search.reference).join("; ")}) that the trials so far dominate: when it is flat, more trials found nothing better.`,
  traces: page.searches.map((search, s) => ({
    type: "scatter",
    mode: "lines",
    name: label(search.name),
    x: search.course.map((_, i) => i + 1),
    y: search.course.map((v) => 100 * v),
    line: { color: cycle(s), width: 2, shape: "hv" },
    hovertemplate: "after %{x} trials: %{y:.2f} %<extra></extra>",
  })),
  columns: [column("Search", "", true), column("Trials"), column("Hypervolume", "%")],
  rows: page.searches.flatMap((search) => search.course.map((v, i) => [search.name, i + 1, 100 * v])),
  layout: {
    height: 360,
    showlegend: several,
    xaxis: axis("Trials", "number"),
    yaxis: axis("Hypervolume", "% of the box", { rangemode: "tozero" }),
  },
});

/** @returns {Figure} */
const pace = () => ({
  name: "pace",
  title: "Pace",
  caption: `Trials complete over the time of the search${measured ? "; flat where accuracies were being measured" : ""}.`,
  traces: page.searches.map((search, s) => ({
    type: "scatter",
    mode: "lines",
    name: label(search.name),
    x: search.pace.map(([, seconds]) => seconds),
    y: search.pace.map(([done]) => done),
    line: { color: cycle(s), width: 2 },
    hovertemplate: "%{y} trials after %{x:.0f} s<extra></extra>",
  })),
  columns: [column("Search", "", true), column("Trials"), column("Time", "s")],
  rows: page.searches.flatMap((search) => search.pace.map(([done, seconds]) => [search.name, done, seconds])),
  layout: {
    height: 360,
    showlegend: several,
    xaxis: axis("Time spent on searching", "s", { rangemode: "tozero" }),
    yaxis: axis("Complete", "trials", { rangemode: "tozero", tickformat: PLAIN }),
  },
});

/** @param {SearchTab} search */
function rate({ pace }) {
  if (!pace.length) return "";
  const [trials, seconds] = pace[pace.length - 1];
  const counted = measured ? ", accuracies measured meanwhile counted in" : "";
  return seconds > 0 ? `${number(trials / seconds)} trials a second${counted}.` : "";
}

/**
 * @param {SearchTab} search
 * @returns {Figure}
 */
function importances({ importances: { columns, rows } }) {
  const names = rows.map(([name]) => spaced(String(name))).reverse();
  return {
    name: "importances",
    title: "What each objective depends on",
    columns,
    rows,
    caption:
      "Importance of each parameter for each objective by PED-ANOVA: how differently it is distributed among the best tenth of the trials, so that what the search took along with a good choice counts too; shares of an objective add up to 1.",
    traces: columns.slice(1).map((each, n) => ({
      type: "bar",
      orientation: "h",
      name: label(each.title),
      y: names,
      x: rows.map((row) => row[n + 1]).reverse(),
      marker: { color: cycle(n) },
      hovertemplate: "%{y}: %{x:.3f}<extra>%{fullData.name}</extra>",
    })),
    layout: {
      height: 130 + 17 * rows.length * Math.min(3, columns.length - 1),
      barmode: "group",
      bargap: 0.25,
      xaxis: axis("Importance", "share"),
      margin: { l: 10, r: 20, t: 14, b: 52 },
      legend: { orientation: "h", y: 1.01, yanchor: "bottom", x: 0, traceorder: "normal" },
    },
  };
}

/**
 * @param {SearchTab} search
 * @returns {Figure}
 */
function outcomes(search) {
  const { values, index } = search.trials.coded.kind;
  const counts = values
    .map((kind, k) => ({ kind, count: index.filter((each) => each === k).length }))
    .sort((a, b) => b.count - a.count);
  const rising = [...counts].reverse();
  return {
    name: "outcomes",
    title: "What became of the trials",
    caption:
      "A trial is refused where a design cannot be built or cannot do a model, and repeated where an earlier one was at the same point.",
    traces: [
      {
        type: "bar",
        orientation: "h",
        y: rising.map(({ kind }) => kind),
        x: rising.map(({ count }) => count),
        marker: { color: COLOURS.blue },
        text: rising.map(({ count }) => whole(count)),
        textposition: "auto",
        insidetextfont: { color: ink("--ground") },
        hoverinfo: "skip",
      },
    ],
    columns: [column("Outcome", "", true), column("Trials")],
    rows: counts.map(({ kind, count }) => [kind, count]),
    layout: {
      height: 280,
      margin: { l: 10, r: 20, t: 14, b: 52 },
      xaxis: axis("Trials", "number"),
      yaxis: { showgrid: false },
    },
  };
}
