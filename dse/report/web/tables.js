// A table that sorts by its headings and saves itself as CSV. `keys`, where given, make rows choose a design;
// `rowClass(i)` marks row i.

function table(name, { columns, rows }, { keys = null, onRow = null, rowClass = () => null } = {}) {
  const body = el("tbody");
  const order = rows.map((_, i) => i);
  const fill = () =>
    body.replaceChildren(...order.map((i) => tableRow(columns, rows[i], rowClass(i), keys && keys[i], onRow)));
  const heads = columns.map((each, index) => heading(each, index, rows, order, fill));
  fill();
  const made = el("table", {}, el("thead", {}, el("tr", {}, heads)), body);
  return el(
    "div.table",
    {},
    el(
      "div.head",
      {},
      csvButton(name, () => ({ columns, rows })),
    ),
    el("div.scroll", {}, made),
  );
}

function heading(each, index, rows, order, fill) {
  const sort = (event) => {
    const head = event.currentTarget.parentElement;
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    order.sort((a, b) => (rising ? 1 : -1) * compare(rows[a][index], rows[b][index]));
    fill();
  };
  const title = el("button", { type: "button", onclick: sort }, each.title);
  return el(each.words ? "th.words" : "th", {}, title, each.unit ? el("small", {}, each.unit) : null);
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a ?? "").localeCompare(String(b ?? ""));
}

// Words stay on one line unless they are a sentence.
const kindOf = (of, value) => (!of.words ? "td" : String(value).length > 44 ? "td.words.long" : "td.words");

function tableRow(columns, row, mark, key, onRow) {
  const cells = row.map((value, i) => el(kindOf(columns[i], value), {}, shown(value)));
  if (!key) return el("tr", { class: mark }, cells);
  const choose = (event) => onRow(key, event.shiftKey || event.ctrlKey || event.metaKey);
  const press = (event) => {
    if (event.key === "Enter") choose(event);
  };
  return el("tr", { class: mark, "data-key": key, tabindex: 0, onclick: choose, onkeydown: press }, cells);
}
