// Block diagram of an accelerator, drawn to its own numbers: a square a PE, tiles apart, memories by their capacity,
// channels as thick as they are wide.

const MOST_SQUARES = 768; // of PEs: beyond, a square stands for several

function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat().filter(Boolean));
  return made;
}

const say = (x, y, text, more = {}) => svg("text", { x, y, ...more }, String(text));

// A box with lines of text at its top; dashed where the design has no such part.
function box(x, y, width, height, lines, { absent = false, fill = "var(--panel)" } = {}) {
  const rect = svg("rect", {
    x,
    y,
    width,
    height,
    rx: 6,
    class: absent ? "part absent" : "part",
    style: `fill:${fill}`,
  });
  return svg(
    "g",
    {},
    rect,
    lines.map((line, i) => say(x + width / 2, y + 17 + 15 * i, line, { class: i ? "soft" : "name" })),
  );
}

// Wider channels are drawn thicker, by doublings.
const thickness = (bits) => Math.max(1.5, Math.min(16, 1.2 * Math.log2(1 + bits)));

function channel(path, bits, text = null, at = null) {
  const line = svg("path", { d: path, class: "channel", "stroke-width": thickness(bits), "marker-end": "url(#tip)" });
  return svg("g", {}, line, text ? say(at[0], at[1], text, { class: "soft" }) : null);
}

function diagram(design) {
  const of = design.parameters;
  const area = Object.fromEntries(design.area.map((part) => [part.name, `${number(part.value)} mm²`]));
  const picture = svg(
    "svg",
    { viewBox: "0 0 960 390", class: "diagram", role: "img", "aria-label": `Block diagram of ${design.title}` },
    svg(
      "defs",
      {},
      svg(
        "marker",
        {
          id: "tip",
          viewBox: "0 0 6 6",
          refX: 4,
          refY: 3,
          markerWidth: 10,
          markerHeight: 10,
          markerUnits: "userSpaceOnUse",
          orient: "auto",
        },
        svg("path", { d: "M0 0 L6 3 L0 6 z", class: "tip" }),
      ),
    ),
    svg("rect", { x: 152, y: 6, width: 802, height: 378, rx: 10, class: "chip" }),
    say(164, 24, `chip: ${of.node_nm} nm, ${of.clock_mhz} MHz, ${of.lanes} ${of.lanes === 1 ? "lane" : "lanes"}`, {
      class: "name",
      style: "text-anchor:start",
    }),
    memories(of, area),
    array(of, area),
    results(of, area),
  );
  return picture;
}

function memories(of, area) {
  const kib = of["weight_memory.capacity_kib"],
    words = of["weight_memory.fifo_words"];
  const height = kib ? Math.min(190, 52 + 6 * Math.sqrt(kib)) : 52;
  const bits = of["weight_memory.weights_per_cycle"] * of["pe_array.weight_bits"];
  const dramBits = (1000 * of["dram.bandwidth_gbps"]) / of.clock_mhz;
  return svg(
    "g",
    {},
    box(8, 70, 112, 130, [
      "DRAM",
      of["dram.kind"],
      `${number(of["dram.bandwidth_gbps"])} Gb/s`,
      `${number(of["dram.latency_ns"])} ns`,
    ]),
    channel(`M120 135 H174`, dramBits),
    box(
      178,
      70,
      132,
      height,
      kib
        ? ["weight SRAM", `${kib.toLocaleString("en-US")} KiB`, area.weight_memory || ""]
        : ["no weight SRAM", "weights stream"],
      { absent: !kib },
    ),
    box(178, 70 + height + 14, 132, 40, ["FIFO", `${words.toLocaleString("en-US")} words`]),
    channel(`M310 135 H370`, bits),
    say(342, 160, `${of["weight_memory.weights_per_cycle"]}`, { class: "name" }),
    say(342, 174, "weights", { class: "soft" }),
    say(342, 187, "a cycle", { class: "soft" }),
    box(178, 330, 132, 42, ["sequencer", area.sequencer || ""]),
  );
}

// The PE array: tiles in rows, in each a square a PE, lanes told apart by their shade.
function array(of, area) {
  const tiles = of["pe_array.tiles"],
    perTile = of["pe_array.pes_per_tile"],
    pes = tiles * perTile;
  const each = Math.ceil(pes / MOST_SQUARES),
    squares = Math.max(1, Math.round(perTile / each));
  const x = 376,
    y = 40,
    width = 340,
    height = 262;
  const columns = Math.max(1, Math.min(tiles, Math.round(Math.sqrt((tiles * width) / height)))),
    rows = Math.ceil(tiles / columns);
  const [w, h] = [(width - 8) / columns, (height - 8) / rows];
  const drawn = Array.from({ length: tiles }, (_, t) =>
    tile(
      x + 4 + (t % columns) * w,
      y + 4 + Math.floor(t / columns) * h,
      w - 4,
      h - 4,
      squares,
      t * perTile,
      each,
      pes / of.lanes,
    ),
  );
  const banks = of["pe_array.double_buffered"] ? "2 banks" : "1 bank";
  const what = `${tiles} ${tiles === 1 ? "tile" : "tiles"} × ${perTile} PEs`;
  const kind = { fixed: "multiplier", mux: "multiplexer", shift: "shifter" }[of["pe_array.multiplier"]];
  return svg(
    "g",
    {},
    svg("rect", { x, y, width, height, rx: 6, class: "part", style: "fill:var(--panel)" }),
    drawn,
    say(x + width / 2, y + height + 19, `${what}${each > 1 ? ` (a square: ${each})` : ""}, ${pes / of.lanes} a lane`, {
      class: "name",
    }),
    say(
      x + width / 2,
      y + height + 36,
      `${kind}, ${of["pe_array.weight_bits"]}-bit weights × ${of["pe_array.act_bits"]}-bit states`,
      { class: "soft" },
    ),
    say(
      x + width / 2,
      y + height + 52,
      `${of["pe_array.accumulators"]} sums a PE of ${of["pe_array.accumulator_bits"]} bits, ${banks}`,
      { class: "soft" },
    ),
    say(
      x + width / 2,
      y + height + 68,
      [area.pe_array && `PEs ${area.pe_array}`, area.scratch && `sums ${area.scratch}`].filter(Boolean).join(", "),
      { class: "soft" },
    ),
  );
}

function tile(x, y, width, height, squares, first, each, perLane) {
  const columns = Math.max(1, Math.ceil(Math.sqrt((squares * width) / height))),
    rows = Math.ceil(squares / columns);
  const step = Math.min((width - 4) / columns, (height - 4) / rows),
    side = Math.min(22, 0.8 * step);
  const [dx, dy] = [(width - columns * step) / 2, (height - rows * step) / 2];
  const lane = (i) => Math.floor((first + i * each) / perLane);
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

function results(of, area) {
  const skips = of["skip_encoder.enabled"];
  const state = of["state_buffer.units"];
  return svg(
    "g",
    {},
    channel("M716 84 H760", 8 * of.lanes),
    channel("M854 128 V146", 8 * of["activation_unit.units_per_cycle"]),
    channel("M854 214 V232", 8 * of["activation_unit.units_per_cycle"]),
    channel("M764 278 H722", of["pe_array.act_bits"] * of.lanes),
    box(764, 40, 180, 88, [
      "activation unit",
      `${of["activation_unit.units_per_cycle"]} units a cycle`,
      `${of["activation_unit.depth_cycles"]} cycles deep`,
      area.activation_unit || "",
    ]),
    box(
      764,
      148,
      180,
      66,
      skips
        ? ["skip encoder", `${of["skip_encoder.columns_per_cycle"]} columns a cycle`, area.skip_encoder || ""]
        : ["no skipping", "every column is streamed"],
      { absent: !skips },
    ),
    box(764, 234, 180, 92, [
      "state buffer",
      `${state.toLocaleString("en-US")} units × ${of["state_buffer.cell_bits"]} bits of c`,
      area.state_buffer || "",
    ]),
  );
}
