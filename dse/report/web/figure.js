// A figure: {name, title, caption, columns, rows, traces, layout}. It is made anew whenever it is drawn, so that its
// colours are those of the theme and its data those of the moment.

// Okabe & Ito, "Color Universal Design" (2008): told apart with any colour vision.
const COLOURS = {
  get blue() {
    return ink("--blue"); // its own is too dark on a dark ground
  },
  orange: "#E69F00",
  green: "#009E73",
  vermillion: "#D55E00",
  purple: "#CC79A7",
  sky: "#56B4E9",
  yellow: "#F0E442",
  grey: "#8A8F98",
};
const cycle = (n) => Object.values(COLOURS)[Math.max(0, n) % 8];
const SCALE = "Cividis"; // perceptually uniform, read alike with any colour vision (Nunez et al., 2018)
const LETTERS = ["A", "B", "C", "D"];
const CHOSEN = ["#D55E00", "#0072B2", "#009E73", "#CC79A7"];
const PLAIN = ",~r"; // ticks: thousands told apart, no exponent, no trailing zeros

// Named one by one: Plotly's own choice includes a button that sends the figure to a server.
const BUTTONS = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];
const CONFIG = { responsive: true, displaylogo: false, modeBarButtons: [BUTTONS] };

// A colour of the style as the theme has it, resolved: Plotly reads no `light-dark()`.
const resolved = document.body.appendChild(el("i", { hidden: true }));
function ink(name) {
  resolved.style.color = `var(${name})`;
  return getComputedStyle(resolved).color;
}
const visible = (element) => element.offsetParent !== null;

function themed(layout) {
  const grid = { gridcolor: ink("--grid"), linecolor: ink("--line"), zerolinecolor: ink("--line"), automargin: true };
  const made = {
    height: 380,
    margin: { l: 60, r: 20, t: 14, b: 52 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { align: "left", bgcolor: ink("--panel"), bordercolor: ink("--line"), font: { color: ink("--text") } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: ink("--soft"), activecolor: ink("--text") },
    legend: { orientation: "h", yanchor: "bottom", y: 1.02, xanchor: "left", x: 0 },
    ...layout,
    font: { family: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif", size: 13, color: ink("--text") },
  };
  for (const axis of ["xaxis", "yaxis"]) made[axis] = { zeroline: false, ...grid, ...layout[axis] };
  return made;
}

function figure(make) {
  const { name, title, caption } = make();
  const plot = el("div.plot", { "data-figure": name });
  plot.make = make;
  const head = el("div.head", {}, el("h3", {}, title), csvButton(name, make));
  return el("figure", {}, head, plot, el("figcaption", {}, caption));
}

function draw(plot) {
  const { caption, traces, layout, bar = false } = plot.make();
  plot.nextElementSibling.textContent = caption;
  return Plotly.react(plot, traces, themed(layout), { ...CONFIG, displayModeBar: bar ? "hover" : false });
}

const drawAll = () => all(".plot").filter(visible).forEach(draw);

function axis(title, unit, more = {}) {
  return { title: { text: label(withUnit(title, unit)) }, ...more };
}

// An axis in decades: ticks at 1, 2 and 5 of each as plain numbers, or at 1 alone where they would run together; where
// none of these may lie in reach, Plotly's own.
function logAxis(title, unit, values) {
  const positive = values.filter((value) => value > 0);
  const [low, high] = positive.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
  return axis(title, unit, {
    type: "log",
    tickformat: PLAIN,
    dtick: high > 100 * low ? 1 : high > 4 * low ? "D2" : undefined,
  });
}
