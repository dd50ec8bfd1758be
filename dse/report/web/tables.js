// Tables that sort by their headings and save themselves as CSV.
import { csvButton, el } from "./dom.js";
import { shown } from "./format.js";

/** @import { PageColumn } from "./shapes.d.ts" */
/** @import { Cell, Data } from "./types.d.ts" */

/** Cells of words that are longer than this, in characters, wrap. */
const LONG = 44;

/**
 * What rows do: with `keys`, one for each row, a row that is clicked (or entered) calls `onRow`; `rowClass` is the
 * class of row i.
 * @typedef {{
 *   keys?: string[],
 *   onRow?: (key: string, beside: boolean) => void,
 *   rowClass?: (i: number) => string | false | null,
 * }} Rows
 */

/**
 * @param {string} name
 * @param {Data} data
 * @param {Rows} options
 */
export function table(name, { columns, rows }, { keys, onRow, rowClass = () => null } = {}) {
  const body = el("tbody");
  const order = rows.map((_, i) => i);
  const fill = () =>
    body.replaceChildren(
      ...order.map((i) => {
        const cells = rows[i].map((value, k) => el(cellTag(columns[k], value), {}, shown(value)));
        return keys && onRow ? choosable(cells, rowClass(i), keys[i], onRow) : el("tr", { class: rowClass(i) }, cells);
      }),
    );
  const sort = (/** @type {number} */ index, /** @type {boolean} */ rising) => {
    order.sort((a, b) => (rising ? 1 : -1) * compare(rows[a][index], rows[b][index]));
    fill();
  };
  fill();
  const heads = columns.map((each, index) => heading(each, (rising) => sort(index, rising)));
  return el(
    "div.table",
    {},
    el(
      "div.head",
      {},
      csvButton(name, () => ({ columns, rows })),
    ),
    el("div.scroll", {}, el("table", {}, el("thead", {}, el("tr", {}, heads)), body)),
  );
}

/**
 * @param {PageColumn} of
 * @param {(rising: boolean) => void} sort
 */
function heading({ title, unit, words }, sort) {
  const press = () => {
    const rising = head.getAttribute("aria-sort") !== "ascending";
    for (const other of head.parentElement?.children ?? []) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    sort(rising);
  };
  const button = el("button", { type: "button", onclick: press }, title);
  const head = el(words ? "th.words" : "th", {}, button, unit ? el("small", {}, unit) : null);
  return head;
}

/**
 * @param {Cell} a
 * @param {Cell} b
 */
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a ?? "").localeCompare(String(b ?? ""));
}

/**
 * Words stay on one line unless they are a sentence.
 * @param {PageColumn} of
 * @param {Cell} value
 */
const cellTag = ({ words }, value) => (!words ? "td" : String(value).length > LONG ? "td.words.long" : "td.words");

/**
 * A row that is chosen by mouse or keyboard; beside others with shift, control or command.
 * @param {HTMLElement[]} cells
 * @param {string | false | null} mark
 * @param {string} key
 * @param {(key: string, beside: boolean) => void} onRow
 */
function choosable(cells, mark, key, onRow) {
  const choose = (/** @type {MouseEvent | KeyboardEvent} */ event) => onRow(key, isBeside(event));
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter") choose(event);
  };
  return el("tr", { class: mark, "data-key": key, tabindex: 0, onclick: choose, onkeydown: press }, cells);
}

/** @param {MouseEvent | KeyboardEvent} event */
export const isBeside = (event) => event.shiftKey || event.ctrlKey || event.metaKey;
