"""The style and the script of the report. Both are embedded: the page loads nothing."""

STYLE = """
:root { color-scheme: light; --ground: #ffffff; --panel: #f6f7f9; --line: #dfe3e8; --text: #1a1f26;
  --soft: #5a6472; --link: #0072b2; --chosen: #fdeee3; --grid: #e6e9ed; }
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { color-scheme: dark; --ground: #14171c;
  --panel: #1c2128; --line: #323944; --text: #e6e9ed; --soft: #9aa5b3; --link: #56b4e9; --chosen: #3a2a1c;
  --grid: #2b323c; } }
:root[data-theme=dark] { color-scheme: dark; --ground: #14171c; --panel: #1c2128; --line: #323944; --text: #e6e9ed;
  --soft: #9aa5b3; --link: #56b4e9; --chosen: #3a2a1c; --grid: #2b323c; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main, header, footer { max-width: 1400px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 30px; position: relative; }
h1 { font-size: 25px; line-height: 1.25; margin: 0 120px 4px 0; font-weight: 650; }
h2 { font-size: 18px; margin: 38px 0 8px; font-weight: 650; }
h3 { font-size: 15px; margin: 0 0 2px; font-weight: 650; }
p { margin: 8px 0; max-width: 78ch; }
.soft, figcaption, footer { color: var(--soft); }
figcaption { font-size: 13px; max-width: 72ch; margin-top: 6px; }
button.theme { position: absolute; right: 28px; top: 30px; font: inherit; font-size: 13px; padding: 4px 12px;
  border: 1px solid var(--line); border-radius: 6px; background: var(--panel); color: var(--text); cursor: pointer; }
.tiles { display: flex; flex-wrap: wrap; gap: 10px; margin: 18px 0 0; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 8px 16px; }
.tiles b { display: block; font-size: 20px; font-weight: 650; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); font-size: 13px; }
.columns { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 22px; }
.columns.wide { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); }
.columns.three { grid-template-columns: repeat(3, minmax(0, 1fr)); }
figure { margin: 0; min-width: 0; }
.plot { width: 100%; min-width: 0; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(290px, 1fr)); gap: 4px 26px; margin: 12px 0; }
.facts div { display: flex; justify-content: space-between; gap: 10px; border-bottom: 1px solid var(--line);
  padding: 3px 0; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: break-word; }
.command { display: flex; gap: 10px; align-items: flex-start; }
.command code { flex: 1; min-width: 0; overflow-wrap: anywhere; background: var(--ground);
  border: 1px solid var(--line); border-radius: 6px; padding: 8px 12px; }
.command button { font: inherit; font-size: 13px; padding: 6px 12px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--ground); color: var(--text); cursor: pointer; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 8px; max-height: 560px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child, th.words, td.words { text-align: left; }
td.long { white-space: normal; min-width: 26ch; }
thead th { position: sticky; top: 0; background: var(--panel); border-bottom: 1px solid var(--line); font-weight: 600;
  vertical-align: bottom; }
thead small { display: block; color: var(--soft); font-weight: 400; }
th button { all: unset; cursor: pointer; }
th button:focus-visible, tr:focus-visible, button:focus-visible { outline: 2px solid var(--link);
  outline-offset: -2px; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
tbody tr + tr td { border-top: 1px solid var(--line); }
tr[data-trial] { cursor: pointer; }
tr[data-trial]:hover { background: var(--panel); }
tr.chosen, tr.chosen:hover { background: var(--chosen); }
.warning { border-left: 4px solid #d55e00; padding: 4px 14px; }
footer { font-size: 13px; padding-top: 30px; padding-bottom: 40px; overflow-wrap: anywhere; }
@media (max-width: 1100px) { .columns.three, .columns.wide { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 900px) { .columns { grid-template-columns: minmax(0, 1fr); }
  main, header, footer { padding-left: 18px; padding-right: 18px; } button.theme { right: 18px; } }
"""

SCRIPT = """
"use strict";
const page = JSON.parse(document.getElementById("data").textContent);
// Named one by one: Plotly's own choice includes a button that sends the figure to a server.
const buttons = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];
const config = { responsive: true, displaylogo: false, modeBarButtons: [buttons] };
const find = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const made = structuredClone(layout);
  made.font = { ...made.font, color: colour("--text") };
  made.hoverlabel = { ...made.hoverlabel, bgcolor: colour("--panel"), bordercolor: colour("--line"),
    font: { color: colour("--text") } };
  made.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--soft"), activecolor: colour("--text") };
  for (const axis of ["xaxis", "yaxis"]) {
    made[axis] = { ...made[axis], gridcolor: colour("--grid"), linecolor: colour("--line") };
  }
  return made;
}

const shown = new Map();

function draw(id, figure) {
  shown.set(id, figure);
  const bar = id.startsWith("overview-") ? "hover" : false;
  return Plotly.react(id, figure.data, themed(figure.layout), { ...config, displayModeBar: bar });
}

function fact(term, value) {
  const row = document.createElement("div");
  const dt = document.createElement("dt");
  const dd = document.createElement("dd");
  dt.textContent = term;
  dd.textContent = value;
  row.append(dt, dd);
  return row;
}

function ring(trial) {
  for (const id of page.clickable) {
    const figure = shown.get(id);
    const chosen = figure.data.at(-1);
    chosen.x = [];
    chosen.y = [];
    for (const trace of figure.data) {
      const at = (trace.customdata || []).indexOf(trial);
      if (at >= 0) { chosen.x = [trace.x[at]]; chosen.y = [trace.y[at]]; }
    }
    draw(id, figure);
  }
}

function choose(trial) {
  const point = page.points[trial];
  find("#chosen-title").textContent = point.title;
  find("#chosen-says").textContent = point.says;
  find("#chosen-facts").replaceChildren(...point.facts.map(([term, value]) => fact(term, value)));
  find("#chosen-command").textContent = point.command;
  find("#chosen-clock").textContent = point.clock;
  for (const [name, figure] of Object.entries(point.figures)) draw("detail-" + name, figure);
  ring(trial);
  for (const row of all("tr[data-trial]")) row.classList.toggle("chosen", Number(row.dataset.trial) === trial);
}

function sort(header) {
  const table = header.closest("table");
  const column = [...header.parentElement.children].indexOf(header);
  const rising = header.getAttribute("aria-sort") !== "ascending";
  for (const other of header.parentElement.children) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", rising ? "ascending" : "descending");
  const key = (row) => row.children[column].dataset.sort;
  const order = (a, b) => {
    const [x, y] = [Number(key(a)), Number(key(b))];
    const by = Number.isNaN(x) || Number.isNaN(y) ? key(a).localeCompare(key(b)) : x - y;
    return rising ? by : -by;
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
}

for (const [name, figure] of Object.entries(page.overview)) draw("overview-" + name, figure);
for (const id of page.clickable) {
  document.getElementById(id).on("plotly_click", (click) => {
    const trial = click.points[0].customdata;
    if (trial in page.points) choose(trial);
  });
}
for (const row of all("tr[data-trial]")) {
  row.addEventListener("click", () => choose(Number(row.dataset.trial)));
  row.addEventListener("keydown", (key) => { if (key.key === "Enter") choose(Number(row.dataset.trial)); });
}
for (const button of all("th button")) button.addEventListener("click", () => sort(button.parentElement));
if (page.first !== null) choose(page.first);

const redraw = () => { for (const [id, figure] of shown) draw(id, figure); };
find("button.theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme === "dark";
  root.dataset.theme = dark ? "light" : "dark";
  redraw();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
const copy = find("#copy");
if (copy) copy.addEventListener("click", () => {
  const range = document.createRange();
  range.selectNodeContents(find("#chosen-command"));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  if (navigator.clipboard) navigator.clipboard.writeText(find("#chosen-command").textContent);
});
"""
