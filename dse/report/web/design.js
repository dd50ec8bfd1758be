// Tab Design: up to four designs side by side, each column or colour one of them.

const COMPONENTS = [
  "pe_array",
  "scratch",
  "weight_memory",
  "state_buffer",
  "skip_encoder",
  "activation_unit",
  "sequencer",
  "leakage",
  "dram",
];
const PART_COLOURS = [
  "#0072B2",
  "#56B4E9",
  "#009E73",
  "#F0E442",
  "#CC79A7",
  "#E69F00",
  "#999933",
  "#8A8F98",
  "#D55E00",
];
const partColour = (name) => PART_COLOURS[Math.max(0, COMPONENTS.indexOf(name)) % PART_COLOURS.length];

// In the order of blame; the tab Timeline has more of them than the PE array.
const CAUSE_COLOURS = {
  busy: "#009E73",
  scratch_bank: "#CC79A7",
  state_dependency: "#E69F00",
  input_fetch: "#882255",
  fifo_credit: "#F0E442",
  setup: "#999933",
  weight_latency: "#56B4E9",
  weight_bandwidth: "#0072B2",
  block_data: "#8A8F98",
  input_buffer: "#AA4499",
  channel: "#D55E00",
  drain: "#C9CDD3",
};

const sum = (parts, of = "value") => parts.reduce((total, part) => total + part[of], 0);
const lettered = (designs, n) => (designs.length > 1 ? LETTERS[n] : "");
const rowName = (designs, n) => (designs.length > 1 ? LETTERS[n] : " ");

// One horizontal bar a design, a colour a component, a whisker for the band of the total.
function partsFigure(name, title, unit, caption, designs) {
  const of = designs.map((design) => design[name]);
  const names = COMPONENTS.filter((part) =>
    of.some((parts) => parts.some((each) => each.name === part && each.value > 0)),
  );
  const ys = designs.map((_, n) => rowName(designs, n));
  const get = (n, part, field) => of[n].find((each) => each.name === part)?.[field] ?? 0;
  const traces = names.map((part) => ({
    type: "bar",
    orientation: "h",
    name: spaced(part),
    y: ys,
    x: designs.map((_, n) => get(n, part, "value")),
    hovertemplate: `${spaced(part)}: %{x:.4g} ${unit}<extra></extra>`,
    marker: { color: partColour(part), line: { width: 0.5, color: ink("--ground") } },
  }));
  const totals = of.map((parts) => sum(parts));
  traces.push({
    type: "scatter",
    mode: "markers",
    showlegend: false,
    y: ys,
    x: totals,
    marker: { size: 1, color: ink("--text") },
    hovertemplate: `total %{x:.4g} ${unit}<extra></extra>`,
    error_x: {
      type: "data",
      symmetric: false,
      color: ink("--text"),
      thickness: 1.5,
      width: 6,
      array: of.map((parts) => sum(parts, "high") - sum(parts)),
      arrayminus: of.map((parts) => sum(parts) - sum(parts, "low")),
    },
  });
  return {
    name,
    title,
    caption,
    traces,
    columns: [
      column("Design", "", true),
      column("Component", "", true),
      column("Value", unit),
      column("Low", unit),
      column("High", unit),
      column("Status", "", true),
      column("Source", "", true),
    ],
    rows: designs.flatMap((design, n) =>
      of[n].map((part) => [
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

// The legend and the exact figures of the bars above it; a component's source is what its row says when pointed at.
function partsTable(name, unit, designs) {
  const names = COMPONENTS.filter((part) => designs.some((design) => design[name].some((each) => each.name === part)));
  const head = designs.flatMap((design, n) => [
    el("th", {}, lettered(designs, n) || `${unit}`),
    el("th", {}, "share"),
    designs.length > 1 ? null : el("th", {}, "low to high"),
    designs.length > 1 ? null : el("th.words", {}, "status"),
  ]);
  const rows = names.map((part) =>
    el(
      "tr",
      { title: page.texts[designs[0][name].find((each) => each.name === part)?.source] },
      el("td.words", {}, el("i.swatch", { style: `background:${partColour(part)}` }), spaced(part)),
      designs.flatMap((design) => partCells(design[name], part, designs.length === 1)),
    ),
  );
  const totals = designs.flatMap((design) => [
    el("td", {}, number(sum(design[name]))),
    el("td", {}, "100 %"),
    ...(designs.length > 1
      ? []
      : [el("td", {}, band(sum(design[name], "low"), sum(design[name], "high"))), el("td", {}, "")]),
  ]);
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

const band = (low, high) => (low === high ? "–" : `${number(low)} to ${number(high)}`);

function partCells(parts, name, full) {
  const part = parts.find((each) => each.name === name),
    total = sum(parts);
  if (!part) return [el("td", {}, "–"), el("td", {}, "–")];
  const cells = [el("td", {}, number(part.value)), el("td", {}, `${((100 * part.value) / total).toFixed(1)} %`)];
  return full ? [...cells, el("td", {}, band(part.low, part.high)), el("td.words", {}, part.status)] : cells;
}

function stallsFigure(designs) {
  const ys = designs.map((_, n) => rowName(designs, n));
  const causes = Object.keys(CAUSE_COLOURS).filter((cause) => designs.some((design) => cause in design.stalls));
  const names = ["busy", ...causes.filter((cause) => designs.some((design) => design.stalls[cause] > 0))];
  const cycles = (design, cause) => (cause === "busy" ? design.busy_cycles : design.stalls[cause] || 0);
  const said = { busy: "working" };
  return {
    name: "stalls",
    title: "Time on the PE array",
    caption:
      "Share of all cycles in which the PEs work, and what they wait for in the others; together they are the whole run.",
    traces: names.map((cause) => ({
      type: "bar",
      orientation: "h",
      name: said[cause] || `waits: ${spaced(cause)}`,
      y: ys,
      x: designs.map((design) => (100 * cycles(design, cause)) / design.cycles),
      marker: { color: CAUSE_COLOURS[cause], line: { width: 0.5, color: ink("--ground") } },
      text: designs.map((design) =>
        cycles(design, cause) > 0.06 * design.cycles
          ? `${((100 * cycles(design, cause)) / design.cycles).toFixed(0)} %`
          : "",
      ),
      textposition: "inside",
      insidetextanchor: "middle",
      textangle: 0,
      hovertemplate: "%{fullData.name}: %{x:.1f} %<extra></extra>",
    })),
    columns: [column("Design", "", true), column("Cause", "", true), column("Cycles", "cycles"), column("Share", "%")],
    rows: designs.flatMap((design) =>
      ["busy", ...causes].map((cause) => [
        design.title,
        cause,
        cycles(design, cause),
        (100 * cycles(design, cause)) / design.cycles,
      ]),
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

// Ceilings of each design, and where it lies under them (Williams, Waterman & Patterson, 2009).
function rooflineFigure(designs) {
  const with_ = designs.map((design, n) => ({ design, n, roof: design.roofline })).filter(({ roof }) => roof);
  const at = with_.map(({ roof }) => roof.macs_per_dram_bit ?? 1000);
  const [low, high] = [Math.min(...at) / 20, Math.max(...at) * 20];
  const xs = Array.from({ length: 60 }, (_, i) => low * (high / low) ** (i / 59));
  const roofs = with_.map(({ roof, n }) => {
    const flat = Math.min(roof.ceiling_lanes_gops, roof.ceiling_bus_gops ?? Infinity);
    const dram = Math.min(roof.ceiling_dram_gops ?? Infinity, roof.ceiling_accesses_gops ?? Infinity);
    const slope = roof.macs_per_dram_bit ? dram / roof.macs_per_dram_bit : Infinity;
    return {
      type: "scatter",
      mode: "lines",
      hoverinfo: "skip",
      showlegend: false,
      line: { color: CHOSEN[n], width: 2 },
      x: xs,
      y: xs.map((x) => Math.min(flat, slope * x)),
    };
  });
  const dots = with_.map(({ design, roof, n }) => ({
    type: "scatter",
    mode: "markers",
    name: lettered(designs, n) || "this design",
    x: [roof.macs_per_dram_bit ?? 1000],
    y: [roof.achieved_gops],
    marker: { size: 13, color: CHOSEN[n], line: { width: 1, color: ink("--text") } },
    text: [
      `${label(design.title)}<br>${number(roof.achieved_gops)} GOPS, bound by ${roof.bound}: ${(100 * roof.share).toFixed(1)} % of that ceiling`,
    ],
    hoverinfo: "text",
  }));
  const drawn = [...roofs, ...dots].flatMap((trace) => trace.y);
  const heights = [Math.min(...drawn) / 2, Math.max(...drawn) * 2]; // near its roof a design is seen near it
  const bound = with_
    .map(({ roof, n }) =>
      `${lettered(designs, n)} bound by ${roof.bound}, ${(100 * roof.share).toFixed(0)} % of that ceiling${roof.macs_per_dram_bit == null ? " (reads no DRAM: drawn at 1,000)" : ""}`.trim(),
    )
    .join("; ");
  return {
    name: "roofline",
    title: "Roofline",
    caption: `What DRAM, weight bus and PEs allow, and what is achieved: ${bound}.`,
    traces: [...roofs, ...dots],
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
    rows: with_.map(({ design, roof }) => [
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

function stepsFigure(designs) {
  const with_ = designs.map((design, n) => ({ design, n })).filter(({ design }) => design.step_cycles.length);
  const stride = Math.max(1, Math.ceil(Math.max(...with_.map(({ design }) => design.step_cycles.length)) / 2000));
  return {
    name: "steps",
    title: "Cycles of each step",
    caption: `From the state of one step to that of the next: how much of it the zeros of that step saved${stride > 1 ? ` (every ${stride}th step)` : ""}.`,
    traces: with_.map(({ design, n }) => ({
      type: "scatter",
      mode: "lines",
      name: lettered(designs, n) || "this design",
      line: { color: CHOSEN[n], width: 1.5, shape: "hv" },
      x: design.step_cycles.map((_, i) => i).filter((i) => i % stride === 0),
      y: design.step_cycles.filter((_, i) => i % stride === 0),
      hovertemplate: "step %{x}: %{y:,} cycles<extra></extra>",
    })),
    columns: [column("Design", "", true), column("Step"), column("Cycles", "cycles")],
    rows: with_.flatMap(({ design }) => design.step_cycles.map((cycles, i) => [design.title, i, cycles])),
    layout: {
      height: 330,
      showlegend: designs.length > 1,
      xaxis: axis("Step", "index"),
      yaxis: axis("Time of the step", "cycles", { tickformat: PLAIN, rangemode: "tozero" }),
    },
  };
}

// --- words and tables ---

function factsTable(designs) {
  const terms = [...new Map(designs.flatMap((design) => design.facts.map((fact) => [fact.term, fact.unit]))).entries()];
  const get = (design, term) => design.facts.find((fact) => fact.term === term)?.value ?? null;
  return sideBySide(
    "figures",
    terms.map(([term, unit]) => [withUnit(term, unit), ...designs.map((design) => get(design, term))]),
    designs,
  );
}

function parametersTable(designs) {
  const names = [...new Set(designs.flatMap((design) => Object.keys(design.parameters)))].filter(
    (name) => !["name", "title"].includes(name),
  );
  return sideBySide(
    "parameters",
    names.map((name) => [name, ...designs.map((design) => design.parameters[name] ?? null)]),
    designs,
  );
}

// Rows in which designs differ are marked.
function sideBySide(name, rows, designs) {
  const columns = [
    column(spaced(name)[0].toUpperCase() + spaced(name).slice(1), "", true),
    ...designs.map((_, n) => column(lettered(designs, n) || "Value")),
  ];
  const differ = (row) => new Set(row.slice(1).map((each) => JSON.stringify(each))).size > 1;
  return table(name, { columns, rows }, { rowClass: (i) => differ(rows[i]) && "differs" });
}

function command(design) {
  if (!design.command) return null;
  const code = el("code", {}, design.command);
  const copy = () => {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    navigator.clipboard?.writeText(design.command).catch(() => {});
  };
  return el(
    "div",
    {},
    el("p.soft", {}, "Run it again:"),
    el("div.command", {}, code, el("button", { type: "button", onclick: copy }, "copy")),
  );
}

function designHead(design, n, designs) {
  const letter = designs.length > 1 ? el("b.letter", { style: `background:${CHOSEN[n]}` }, LETTERS[n]) : null;
  const away =
    designs.length > 1
      ? el(
          "button.away",
          { type: "button", title: "Take it out of the comparison", onclick: () => chosen.choose(design.key, true) },
          "×",
        )
      : null;
  return el(
    "section.panel",
    { "data-design": design.key },
    el("h3", {}, letter, design.title, away),
    el("p.soft", {}, [design.says, design.clock].filter(Boolean).join(" ")),
    diagram(design),
    command(design),
  );
}

function comparePicker() {
  const rest = page.designs.filter((design) => !chosen.keys.includes(design.key));
  if (!rest.length || chosen.keys.length >= MOST_CHOSEN) return null;
  const add = (event) => event.target.value && chosen.choose(event.target.value, true);
  return el(
    "label.compare",
    {},
    "Compare with",
    el(
      "select",
      { id: "compare", onchange: add },
      el("option", { value: "" }, "another design of the front …"),
      rest.map((design) =>
        el(
          "option",
          { value: design.key },
          several ? `${pointByKey.get(design.key)?.search.name ?? ""} ${design.title}` : design.title,
        ),
      ),
    ),
  );
}

function buildDesign() {
  const designs = chosen.keys.map(designOf);
  if (!designs.length) return [el("p.soft", {}, "Choose a design on the tab Front.")];
  const full = designs.filter((design) => design.cycles);
  return [
    comparePicker(),
    el("div.designs", { style: `--across:${Math.min(2, designs.length)}` }, designs.map(designHead)),
    absent(designs).map((text) => el("p.soft", {}, text)),
    ...(full.length ? breakdowns(full) : []),
    el(
      "div.columns",
      {},
      el("div", {}, el("h2", {}, "Figures"), factsTable(designs)),
      el("div", {}, el("h2", {}, "Parameters"), parametersTable(designs)),
    ),
  ];
}

// What the page has not of the designs that are chosen, and why.
function absent(designs) {
  const off = designs.filter((design) => pointByKey.has(design.key) && !designByKey.has(design.key));
  const far = off.filter((design) => !design.cycles);
  const names = (of) => of.map((design) => `trial ${pointByKey.get(design.key).trial}`).join(", ");
  const said = [];
  if (far.length) {
    const { trial, left_out } = pointByKey.get(far[0].key).search.others;
    said.push(
      `Of ${names(far)} there are parameters and objectives alone: of the points off the front, energy, area, stalls and roofline are kept for the ${trial.length.toLocaleString("en-US")} nearest to it, ${left_out.toLocaleString("en-US")} lie farther. The command shows ${writesPage(far[0]) ? "them" : "energy and roofline"}.`,
    );
  }
  if (off.length > far.length) {
    const steps = writesPage(off[0]) ? "; the command, with --html run.html, shows the steps" : "";
    said.push(
      `Cycles of each step, speed-up by skipping and test figures are there for designs of the front alone, which are simulated step by step and tested${steps}.`,
    );
  }
  return said;
}

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
