// Tab Timeline: what every part did in a window of steps.

let shownTimeline = page.timelines[0]?.key;
const timelineByKey = new Map(page.timelines.map((each) => [each.key, each]));

const slices = () => {
  const of = timelineByKey.get(shownTimeline);
  const us = (cycles) => cycles / of.clock_mhz;
  const order = Object.keys(CAUSE_COLOURS).filter((state) => of.states.includes(state));
  return {
    name: "timeline",
    bar: true,
    title: `Steps ${of.first_step} to ${of.last_step}`,
    caption: `What every part of ${of.title} did, cycle by cycle: working, or waiting and for what; drag over the figure to look closer, double-click to see all.`,
    traces: order.map((state) => {
      const at = of.states.indexOf(state),
        rows = of.state.flatMap((s, i) => (s === at ? [i] : []));
      return {
        type: "bar",
        orientation: "h",
        name: state === "busy" ? "working" : `waits: ${spaced(state)}`,
        base: rows.map((i) => us(of.begin[i])),
        x: rows.map((i) => us(of.cycles[i])),
        y: rows.map((i) => of.components[of.component[i]]),
        marker: { color: CAUSE_COLOURS[state], line: { width: 0 } },
        text: rows.map(
          (i) =>
            `step ${of.step[i]}, block ${of.block[i]}<br>${of.cycles[i].toLocaleString("en-US")} cycles from ${(of.origin + of.begin[i]).toLocaleString("en-US")}`,
        ),
        textposition: "none",
        hovertemplate: `${state === "busy" ? "working" : spaced(state)}<br>%{text}<extra>%{y}</extra>`,
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
      shapes: stepLines(of, us),
      xaxis: axis("Time since the window begins", "µs", { tickformat: PLAIN }),
      yaxis: { autorange: "reversed", showgrid: false, categoryorder: "array", categoryarray: of.components },
    },
  };
};

// Where the PE array begins a step.
function stepLines(of, us) {
  const array = of.components.indexOf("PE array");
  const first = new Map();
  of.step.forEach((step, i) => {
    if (of.component[i] === array && !first.has(step)) first.set(step, of.begin[i]);
  });
  return [...first.values()].map((begin) => ({
    type: "line",
    x0: us(begin),
    x1: us(begin),
    yref: "paper",
    y0: 0,
    y1: 1,
    line: { color: ink("--soft"), width: 1, dash: "dot" },
  }));
}

function buildTimeline() {
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
    figure(slices),
    missing.length
      ? el(
          "p.soft",
          {},
          `Of ${missing.at(-1).title} none is kept here; its command with `,
          el("code", {}, "--html run.html"),
          " shows one.",
        )
      : null,
  ];
}

function followTimeline() {
  const key = chosen.keys.at(-1);
  if (timelineByKey.has(key)) shownTimeline = key;
}
