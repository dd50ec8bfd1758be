// Tab Timeline: what every component did in a window of steps.
import { chosen } from "./chosen.js";
import { ink, stateColour } from "./colours.js";
import { el } from "./dom.js";
import { axis, figure, PLAIN } from "./figure.js";
import { column, spaced, whole } from "./format.js";
import { entry, page, timelineByKey } from "./page.js";
import { BUSY, stateTitle } from "./performance.js";
import { designOf, writesPage } from "./points.js";
import { openTab } from "./tabs.js";

/** @import { TimelineTab } from "./shapes.d.ts" */
/** @import { Content, Figure } from "./types.d.ts" */

let shownTimeline = page.timelines[0]?.key;

/** Shows the timeline of the design that was chosen last, if there is one. */
export function followTimeline() {
  const key = chosen.keys[chosen.keys.length - 1];
  if (timelineByKey.has(key)) shownTimeline = key;
}

/** @returns {Content} */
export function buildTimeline() {
  const picker = el(
    "select",
    {
      id: "timeline-of",
      onchange: (event) => {
        shownTimeline = event.target.value;
        openTab("timeline");
      },
    },
    page.timelines.map((each) => el("option", { value: each.key, selected: each.key === shownTimeline }, each.title)),
  );
  const missing = chosen.keys
    .filter((key) => !timelineByKey.has(key))
    .map(designOf)
    .filter(writesPage);
  return [
    page.timelines.length > 1 ? el("p", {}, el("label", {}, "Timeline of ", picker)) : null,
    figure(() => slices(entry(timelineByKey, shownTimeline))),
    missing.length
      ? el(
          "p.soft",
          {},
          `Of ${missing[missing.length - 1].title} none is kept here; its command with `,
          el("code", {}, "--html run.html"),
          " shows one.",
        )
      : null,
  ];
}

/**
 * @param {TimelineTab} of
 * @returns {Figure}
 */
function slices(of) {
  const us = (/** @type {number} */ cycles) => cycles / of.clock_mhz;
  return {
    name: "timeline",
    bar: true,
    title: `Steps ${of.first_step} to ${of.last_step}`,
    caption: `What every part of ${of.title} did, cycle by cycle: working, or waiting and for what; drag over the figure to look closer, double-click to see all.`,
    traces: of.states.map((state, at) => {
      const rows = of.state.flatMap((s, i) => (s === at ? [i] : []));
      return {
        type: "bar",
        orientation: "h",
        name: stateTitle(state),
        base: rows.map((i) => us(of.begin[i])),
        x: rows.map((i) => us(of.cycles[i])),
        y: rows.map((i) => of.components[of.component[i]]),
        marker: { color: stateColour(state), line: { width: 0 } },
        text: rows.map(
          (i) =>
            `step ${of.step[i]}, block ${of.block[i]}<br>${whole(of.cycles[i])} cycles from ${whole(of.origin + of.begin[i])}`,
        ),
        textposition: "none",
        hovertemplate: `${state === BUSY ? "working" : spaced(state)}<br>%{text}<extra>%{y}</extra>`,
      };
    }),
    columns: [
      column("Component", "", true),
      column("State", "", true),
      column("Begin", "cycle"),
      column("Cycles", "cycles"),
      column("Step"),
      column("Block"),
    ],
    rows: of.begin.map((begin, i) => [
      of.components[of.component[i]],
      of.states[of.state[i]],
      of.origin + begin,
      of.cycles[i],
      of.step[i],
      of.block[i],
    ]),
    layout: {
      height: 400,
      barmode: "overlay",
      bargap: 0.3,
      hovermode: "closest",
      margin: { l: 10, r: 20, t: 14, b: 52 },
      legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, traceorder: "normal" },
      shapes: stepLines(of).map((begin) => ({
        type: "line",
        x0: us(begin),
        x1: us(begin),
        yref: "paper",
        y0: 0,
        y1: 1,
        line: { color: ink("--soft"), width: 1, dash: "dot" },
      })),
      xaxis: axis("Time since the window begins", "µs", { tickformat: PLAIN }),
      yaxis: { autorange: "reversed", showgrid: false, categoryorder: "array", categoryarray: of.components },
    },
  };
}

/**
 * The cycles in which the PE array begins a step.
 * @param {TimelineTab} of
 */
function stepLines(of) {
  const array = of.components.indexOf("PE array");
  /** @type {Map<number, number>} */
  const first = new Map();
  of.step.forEach((step, i) => {
    if (of.component[i] === array && !first.has(step)) first.set(step, of.begin[i]);
  });
  return [...first.values()];
}
