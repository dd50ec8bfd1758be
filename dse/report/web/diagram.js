// Block diagram of an accelerator, drawn to its own numbers: a square for each PE, tiles apart, memories by their
// capacity, channels as thick as they are wide.
import { number, whole } from "./format.js";

/** @import { Setting, ShownDesign } from "./types.d.ts" */

/** Squares of PEs: if there are more, each stands for several. */
const MOST_SQUARES = 768;

/** @typedef {Record<string, Setting>} Parameters */
/** @typedef {Record<string, string>} Areas by component, in words; "" where the design has none */

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {(SVGElement | SVGElement[] | string | null)[]} children
 */
function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.append(...children.flat().filter((child) => child !== null));
  return made;
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {Record<string, string>} more
 */
const say = (x, y, text, more = {}) => svg("text", { x, y, ...more }, text);

/**
 * A box with lines of text at its top; dashed where the design has no such part.
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {string[]} lines
 * @param {{absent?: boolean}} options
 */
function box(x, y, width, height, lines, { absent = false } = {}) {
  const className = absent ? "part absent" : "part";
  const rect = svg("rect", { x, y, width, height, rx: 6, class: className, style: "fill:var(--panel)" });
  const texts = lines.map((line, i) => say(x + width / 2, y + 17 + 15 * i, line, { class: i ? "soft" : "name" }));
  return svg("g", {}, rect, texts);
}

/**
 * Wider channels are drawn thicker, by doublings.
 * @param {number} bits
 */
const thickness = (bits) => Math.max(1.5, Math.min(16, 1.2 * Math.log2(1 + bits)));

/**
 * @param {string} path
 * @param {number} bits
 */
function channel(path, bits) {
  const line = svg("path", { d: path, class: "channel", "stroke-width": thickness(bits), "marker-end": "url(#tip)" });
  return svg("g", {}, line);
}

/** The tip of a channel's arrow. */
function tip() {
  const size = { viewBox: "0 0 6 6", refX: 4, refY: 3, markerWidth: 10, markerHeight: 10 };
  const marker = { id: "tip", ...size, markerUnits: "userSpaceOnUse", orient: "auto" };
  return svg("defs", {}, svg("marker", marker, svg("path", { d: "M0 0 L6 3 L0 6 z", class: "tip" })));
}

/**
 * @param {number} n
 * @param {string} singular
 * @param {string} plural
 */
const counted = (n, singular, plural = `${singular}s`) => `${n} ${n === 1 ? singular : plural}`;

/** @param {ShownDesign} design */
export function diagram(design) {
  const of = design.parameters;
  const areas = Object.fromEntries(design.area.map((part) => [part.name, `${number(part.value)} mm²`]));
  const lanes = counted(numeric(of, "lanes"), "lane");
  return svg(
    "svg",
    { viewBox: "0 0 960 390", class: "diagram", role: "img", "aria-label": `Block diagram of ${design.title}` },
    tip(),
    svg("rect", { x: 152, y: 6, width: 802, height: 378, rx: 10, class: "chip" }),
    say(164, 24, `chip: ${of.node_nm} nm, ${of.clock_mhz} MHz, ${lanes}`, {
      class: "name",
      style: "text-anchor:start",
    }),
    memories(of, areas),
    array(of, areas),
    results(of, areas),
  );
}

/**
 * @param {Parameters} of
 * @param {string} name
 */
const numeric = (of, name) => /** @type {number} */ (of[name]);

/**
 * What lies before the PEs: DRAM and weight memory, with the FIFO and the bus of a shared one.
 * @param {Parameters} of
 * @param {Areas} areas
 */
function memories(of, areas) {
  const shared = (of["weight_memory.organisation"] ?? "shared") === "shared";
  return svg(
    "g",
    {},
    dram(of),
    ...(shared ? sharedMemory(of, areas) : privateMemories(of, areas)),
    box(178, 330, 132, 42, ["sequencer", areas.sequencer ?? ""]),
  );
}

/** @param {Parameters} of */
function dram(of) {
  if (of["dram.kind"] === undefined) return box(8, 70, 112, 130, ["no DRAM"], { absent: true });
  const bandwidth = numeric(of, "dram.bandwidth_gbps");
  return svg(
    "g",
    {},
    box(8, 70, 112, 130, [
      "DRAM",
      String(of["dram.kind"]),
      `${number(bandwidth)} Gb/s`,
      `${number(numeric(of, "dram.latency_ns"))} ns`,
    ]),
    channel("M120 135 H174", (1000 * bandwidth) / numeric(of, "clock_mhz")),
  );
}

/**
 * The memories of tiles or PEs, drawn as one box: each lies beside the PEs that read it.
 * @param {Parameters} of
 * @param {Areas} areas
 */
function privateMemories(of, areas) {
  const tiles = numeric(of, "pe_array.tiles");
  const perTile = of["weight_memory.organisation"] === "per_tile";
  const count = perTile ? tiles : tiles * numeric(of, "pe_array.pes_per_tile");
  const each = number(numeric(of, "weight_memory.capacity_kib") / count);
  const lines = ["weight SRAM", `${whole(count)} × ${each} KiB`, perTile ? "one a tile" : "one a PE"];
  return [box(178, 70, 132, 82, [...lines, areas.weight_memory ?? ""]), channel("M310 111 H370", 1)];
}

/**
 * @param {Parameters} of
 * @param {Areas} areas
 */
function sharedMemory(of, areas) {
  const kib = numeric(of, "weight_memory.capacity_kib");
  const height = kib ? Math.min(190, 52 + 6 * Math.sqrt(kib)) : 52;
  const bits = numeric(of, "weight_memory.weights_per_cycle") * numeric(of, "pe_array.weight_bits");
  const sram = kib
    ? ["weight SRAM", `${whole(kib)} KiB`, areas.weight_memory ?? ""]
    : ["no weight SRAM", "weights stream"];
  return [
    box(178, 70, 132, height, sram, { absent: !kib }),
    box(178, 70 + height + 14, 132, 40, ["FIFO", `${whole(numeric(of, "weight_memory.fifo_words"))} words`]),
    channel("M310 135 H370", bits),
    say(342, 160, `${of["weight_memory.weights_per_cycle"]}`, { class: "name" }),
    say(342, 174, "weights", { class: "soft" }),
    say(342, 187, "a cycle", { class: "soft" }),
  ];
}

/** What a multiplier is called in the picture. */
/** @type {Record<string, string>} */
const MULTIPLIERS = { fixed: "multiplier", mux: "multiplexer", shift: "shifter" };

/**
 * The PE array: tiles in rows, in each a square for each PE, shaded by its lane.
 * @param {Parameters} of
 * @param {Areas} areas
 */
function array(of, areas) {
  const tiles = numeric(of, "pe_array.tiles");
  const perTile = numeric(of, "pe_array.pes_per_tile");
  const pes = tiles * perTile;
  const perLane = pes / numeric(of, "lanes");
  const perSquare = Math.ceil(pes / MOST_SQUARES);
  const squares = Math.max(1, Math.round(perTile / perSquare));
  const [x, y, width, height] = [376, 40, 340, 262];
  const columns = Math.max(1, Math.min(tiles, Math.round(Math.sqrt((tiles * width) / height))));
  const rows = Math.ceil(tiles / columns);
  const [w, h] = [(width - 8) / columns, (height - 8) / rows];
  const drawn = Array.from({ length: tiles }, (_, t) => {
    const lane = (/** @type {number} */ i) => Math.floor((t * perTile + i * perSquare) / perLane);
    const [left, top] = [x + 4 + (t % columns) * w, y + 4 + Math.floor(t / columns) * h];
    return tile(left, top, w - 4, h - 4, squares, lane);
  });
  const multiplier = String(of["pe_array.multiplier"]);
  const lines = [
    `${counted(tiles, "tile")} × ${perTile} PEs${perSquare > 1 ? ` (a square: ${perSquare})` : ""}, ${perLane} a lane`,
    `${MULTIPLIERS[multiplier] ?? multiplier}, ${of["pe_array.weight_bits"]}-bit weights × ${of["pe_array.act_bits"]}-bit states`,
    `${of["pe_array.accumulators"]} sums a PE of ${of["pe_array.accumulator_bits"]} bits, ${of["pe_array.double_buffered"] ? "2 banks" : "1 bank"}`,
    [areas.pe_array && `PEs ${areas.pe_array}`, areas.scratch && `sums ${areas.scratch}`].filter(Boolean).join(", "),
  ];
  const below = [19, 36, 52, 68];
  return svg(
    "g",
    {},
    svg("rect", { x, y, width, height, rx: 6, class: "part", style: "fill:var(--panel)" }),
    drawn,
    lines.map((line, i) => say(x + width / 2, y + height + below[i], line, { class: i ? "soft" : "name" })),
  );
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 * @param {number} squares
 * @param {(i: number) => number} lane of square i
 */
function tile(x, y, width, height, squares, lane) {
  const columns = Math.max(1, Math.ceil(Math.sqrt((squares * width) / height)));
  const rows = Math.ceil(squares / columns);
  const step = Math.min((width - 4) / columns, (height - 4) / rows);
  const side = Math.min(22, 0.8 * step);
  const [dx, dy] = [(width - columns * step) / 2, (height - rows * step) / 2];
  const marks = Array.from({ length: squares }, (_, i) =>
    svg("rect", {
      x: (x + dx + (i % columns) * step + (step - side) / 2).toFixed(1),
      y: (y + dy + Math.floor(i / columns) * step + (step - side) / 2).toFixed(1),
      width: side.toFixed(1),
      height: side.toFixed(1),
      class: `pe lane${lane(i) % 2}`,
    }),
  );
  return svg("g", {}, svg("rect", { x, y, width, height, rx: 4, class: "tile" }), marks);
}

/**
 * What comes after the PE array, down the right side: activation unit, skip encoder, state buffer.
 * @param {Parameters} of
 * @param {Areas} areas
 */
function results(of, areas) {
  const lanes = numeric(of, "lanes");
  const activated = 8 * numeric(of, "activation_unit.units_per_cycle");
  const skips = of["skip_encoder.enabled"];
  const encoder = skips
    ? ["skip encoder", `${of["skip_encoder.columns_per_cycle"]} columns a cycle`, areas.skip_encoder ?? ""]
    : ["no skipping", "every column is streamed"];
  return svg(
    "g",
    {},
    channel("M716 84 H760", 8 * lanes),
    channel("M854 128 V146", activated),
    channel("M854 214 V232", activated),
    channel("M764 278 H722", numeric(of, "pe_array.act_bits") * lanes),
    box(764, 40, 180, 88, [
      "activation unit",
      `${of["activation_unit.units_per_cycle"]} units a cycle`,
      `${of["activation_unit.depth_cycles"]} cycles deep`,
      areas.activation_unit ?? "",
    ]),
    box(764, 148, 180, 66, encoder, { absent: !skips }),
    box(764, 234, 180, 92, [
      "state buffer",
      `${whole(numeric(of, "state_buffer.units"))} units × ${of["state_buffer.cell_bits"]} bits of c`,
      areas.state_buffer ?? "",
    ]),
  );
}
