// Where the cycles of designs went: stalls of the PE array, the roofline, and each step.
import { CHOSEN, ink, stateColour } from "./colours.js";
import { axis, extent, logAxis, PLAIN } from "./figure.js";
import { column, label, number, spaced } from "./format.js";
import { barNames, lettered } from "./parts.js";
/** @import { RooflineRecord } from "./shapes.d.ts" */
/** @import { Figure, ShownDesign } from "./types.d.ts" */

export const BUSY = "busy";

/** @param {string} state */
export const stateTitle = (state) => (state === BUSY ? "working" : `waits: ${spaced(state)}`);

/**
 * @param {ShownDesign[]} designs
 * @returns {Figure}
 */
export function stallsFigure(designs) {
  const ys = barNames(designs);
  const causes = [...new Set(designs.flatMap((design) => Object.keys(design.stalls)))];
  const cycles = (/** @type {ShownDesign} */ design, /** @type {string} */ state) =>
    state === BUSY ? design.busy_cycles : design.stalls[state] || 0;
  const share = (/** @type {ShownDesign} */ design, /** @type {string} */ state) =>
    (100 * cycles(design, state)) / design.cycles;
  const drawn = [BUSY, ...causes.filter((cause) => designs.some((design) => cycles(design, cause) > 0))];
  return {
    name: "stalls",
    title: "Time on the PE array",
    caption:
      "Share of all cycles in which the PEs work, and what they wait for in the others; together they are the whole run.",
    traces: drawn.map((state) => ({
      type: "bar",
      orientation: "h",
      name: stateTitle(state),
      y: ys,
      x: designs.map((design) => share(design, state)),
      marker: { color: stateColour(state), line: { width: 0.5, color: ink("--ground") } },
      text: designs.map((design) =>
        cycles(design, state) > 0.06 * design.cycles ? `${share(design, state).toFixed(0)} %` : "",
      ),
      textposition: "inside",
      insidetextanchor: "middle",
      textangle: 0,
      hovertemplate: "%{fullData.name}: %{x:.1f} %<extra></extra>",
    })),
    columns: [column("Design", "", true), column("Cause", "", true), column("Cycles", "cycles"), column("Share", "%")],
    rows: designs.flatMap((design) =>
      [BUSY, ...causes].map((state) => [design.title, state, cycles(design, state), share(design, state)]),
    ),
    layout: {
      barmode: "stack",
      height: 176 + 44 * designs.length,
      bargap: 0.25,
      margin: { l: 30, r: 20, t: 8, b: 46 },
      legend: { orientation: "h", y: 1.03, yanchor: "bottom", x: 0, traceorder: "normal" },
      xaxis: axis("Cycles of the PE array", "%", { range: [0, 100.5] }),
      yaxis: { autorange: "reversed", showgrid: false },
    },
  };
}

/** Where a design that reads no DRAM is drawn, MACs per bit. */
const NO_DRAM = 1000;

/** @param {RooflineRecord} roof */
const intensity = (roof) => roof.macs_per_dram_bit ?? NO_DRAM;

/**
 * The ceilings of a design at each intensity.
 * @param {RooflineRecord} roof
 * @param {number[]} xs
 */
function ceiling(roof, xs) {
  const flat = Math.min(roof.ceiling_lanes_gops, roof.ceiling_bus_gops ?? Infinity);
  const dram = Math.min(roof.ceiling_dram_gops ?? Infinity, roof.ceiling_accesses_gops ?? Infinity);
  const slope = roof.macs_per_dram_bit ? dram / roof.macs_per_dram_bit : Infinity;
  return xs.map((x) => Math.min(flat, slope * x));
}

/**
 * The ceilings of each design, and where it lies under them (Williams, Waterman & Patterson, 2009).
 * @param {ShownDesign[]} designs
 * @returns {Figure}
 */
export function rooflineFigure(designs) {
  const roofed = designs.flatMap((design, n) => {
    const roof = design.roofline;
    return roof ? [{ design, letter: lettered(designs, n), colour: CHOSEN[n], roof }] : [];
  });
  const [least, most] = extent(roofed.map(({ roof }) => intensity(roof)));
  const [low, high] = [least / 20, most * 20];
  const xs = Array.from({ length: 60 }, (_, i) => low * (high / low) ** (i / 59));
  const ceilings = roofed.map(({ roof, colour }) => ({
    type: "scatter",
    mode: "lines",
    hoverinfo: "skip",
    showlegend: false,
    line: { color: colour, width: 2 },
    x: xs,
    y: ceiling(roof, xs),
  }));
  const dots = roofed.map(({ design, letter, colour, roof }) => ({
    type: "scatter",
    mode: "markers",
    name: letter || "this design",
    x: [intensity(roof)],
    y: [roof.achieved_gops],
    marker: { size: 13, color: colour, line: { width: 1, color: ink("--text") } },
    text: [
      `${label(design.title)}<br>${number(roof.achieved_gops)} GOPS, bound by ${roof.bound}: ${(100 * roof.share).toFixed(1)} % of that ceiling`,
    ],
    hoverinfo: "text",
  }));
  const [lowest, highest] = extent([...ceilings, ...dots].flatMap((trace) => trace.y));
  const heights = [lowest / 2, highest * 2]; // no higher: a design that is near its ceiling must look near it
  const bounds = roofed.map(({ letter, roof }) => `${letter} ${boundText(roof)}`.trim());
  return {
    name: "roofline",
    title: "Roofline",
    caption: `What DRAM, weight bus and PEs allow, and what is achieved: ${bounds.join("; ")}.`,
    traces: [...ceilings, ...dots],
    columns: [
      column("Design", "", true),
      column("Intensity", "MACs per DRAM bit"),
      column("Achieved", "GOPS"),
      column("All PEs", "GOPS"),
      column("PEs of the lanes", "GOPS"),
      column("Weight bus", "GOPS"),
      column("DRAM", "GOPS"),
      column("DRAM accesses", "GOPS"),
      column("Bound by", "", true),
    ],
    rows: roofed.map(({ design, roof }) => [
      design.title,
      roof.macs_per_dram_bit,
      roof.achieved_gops,
      roof.ceiling_pes_gops,
      roof.ceiling_lanes_gops,
      roof.ceiling_bus_gops,
      roof.ceiling_dram_gops,
      roof.ceiling_accesses_gops,
      roof.bound,
    ]),
    layout: {
      height: 330,
      showlegend: designs.length > 1,
      xaxis: logAxis("Operational intensity", "MACs per DRAM bit", xs),
      yaxis: { ...logAxis("Performance", "GOPS", heights), range: heights.map(Math.log10) },
    },
  };
}

/** @param {RooflineRecord} roof */
function boundText(roof) {
  const noDram = roof.macs_per_dram_bit == null ? " (reads no DRAM: drawn at 1,000)" : "";
  return `bound by ${roof.bound}, ${(100 * roof.share).toFixed(0)} % of that ceiling${noDram}`;
}

/**
 * @param {ShownDesign[]} designs
 * @returns {Figure}
 */
export function stepsFigure(designs) {
  const stepped = designs
    .map((design, n) => ({ title: design.title, steps: design.step_cycles, n }))
    .filter(({ steps }) => steps.length);
  const stride = Math.max(1, Math.ceil(Math.max(...stepped.map(({ steps }) => steps.length)) / 2000));
  const isDrawn = (/** @type {unknown} */ _, /** @type {number} */ i) => i % stride === 0;
  return {
    name: "steps",
    title: "Cycles of each step",
    caption: `From the state of one step to that of the next: how much of it the zeros of that step saved${stride > 1 ? ` (every ${stride}th step)` : ""}.`,
    traces: stepped.map(({ steps, n }) => ({
      type: "scatter",
      mode: "lines",
      name: lettered(designs, n) || "this design",
      line: { color: CHOSEN[n], width: 1.5, shape: "hv" },
      x: steps.map((_, i) => i).filter(isDrawn),
      y: steps.filter(isDrawn),
      hovertemplate: "step %{x}: %{y:,} cycles<extra></extra>",
    })),
    columns: [column("Design", "", true), column("Step"), column("Cycles", "cycles")],
    rows: stepped.flatMap(({ title, steps }) => steps.map((cycles, i) => [title, i, cycles])),
    layout: {
      height: 330,
      showlegend: designs.length > 1,
      xaxis: axis("Step", "index"),
      yaxis: axis("Time of the step", "cycles", { tickformat: PLAIN, rangemode: "tozero" }),
    },
  };
}
