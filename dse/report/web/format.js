// Numbers and names as the page shows them.
/** @import { PageColumn } from "./shapes.d.ts" */
/** @import { Cell, Data } from "./types.d.ts" */

/**
 * Four significant digits, thousands separated, no exponent between a thousandth and a billion.
 * @param {number} value
 */
export function number(value) {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size < 1e-3 || size >= 1e9) return String(Number(value.toPrecision(4)));
  const digits = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {number} value */
export const whole = (value) => value.toLocaleString("en-US");

/** @param {Cell} value */
export function shown(value) {
  if (value == null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (typeof value !== "number") return value;
  return Number.isInteger(value) ? whole(value) : number(value);
}

/**
 * As Plotly shows it literally: Plotly interprets a few HTML tags in labels.
 * @param {string} text
 */
export const label = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

/** @param {string} name */
export const spaced = (name) => name.replace(/_/g, " ");

/**
 * The name of a file without folder and suffix; any other name as it is.
 * @param {string} name
 */
export const baseName = (name) =>
  name.includes("/") ? name.slice(name.lastIndexOf("/") + 1).replace(/\.[^.]*$/, "") : name;

/**
 * @param {string} title
 * @param {string} unit
 */
export const withUnit = (title, unit) => (unit ? `${title} (${unit})` : title);

/**
 * @param {string} title
 * @param {string} unit
 * @param {boolean} words whether it is set flush left
 * @returns {PageColumn}
 */
export const column = (title, unit = "", words = false) => ({ title, unit, words });

/**
 * Comma-separated values (RFC 4180, but for the line ends), headings first.
 * @param {Data} data
 */
export function csv({ columns, rows }) {
  const lines = [columns.map((each) => withUnit(each.title, each.unit)), ...rows];
  return `${lines.map((line) => line.map(csvField).join(",")).join("\n")}\n`;
}

/** @param {Cell} value */
function csvField(value) {
  const text = value == null ? "" : Array.isArray(value) ? value.join(" ") : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}
