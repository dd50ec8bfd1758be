"use strict";
// Elements, numbers and files. Every text of the page's data is set as text: no name in it is ever markup.

const page = JSON.parse(document.getElementById("data").textContent);

const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// el("div.box", {title: "a"}, "text", child): attributes that begin with "on" are listeners.
function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

// Four figures, thousands told apart, no exponent between a millionth and a billion.
function number(value) {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size < 1e-3 || size >= 1e9) return String(Number(value.toPrecision(4)));
  const digits = Math.max(0, 3 - Math.floor(Math.log10(size)));
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function shown(value) {
  if (value == null) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(", ") || "none";
  if (typeof value !== "number") return value;
  return Number.isInteger(value) ? value.toLocaleString("en-US") : number(value);
}

// As Plotly shows it: Plotly reads a few HTML tags in labels.
const label = (value) => String(value).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

const spaced = (name) => name.replace(/_/g, " ");
const withUnit = (title, unit) => (unit ? `${title} (${unit})` : title);

function csv(columns, rows) {
  const field = (value) => {
    const text = value == null ? "" : Array.isArray(value) ? value.join(" ") : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const lines = [columns.map((column) => withUnit(column.title, column.unit)), ...rows];
  return lines.map((line) => line.map(field).join(",")).join("\n") + "\n";
}

function download(name, text) {
  const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// data() yields {columns, rows} when the button is pressed.
function csvButton(name, data) {
  const save = () => {
    const { columns, rows } = data();
    download(`${name}.csv`, csv(columns, rows));
  };
  return el("button.csv", { type: "button", title: "Save the data as CSV", onclick: save }, "CSV");
}

const column = (title, unit = "", words = false) => ({ title, unit, words });
