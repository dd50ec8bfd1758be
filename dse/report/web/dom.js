// Elements and downloads. Every text of the page's data is set as text: no name in it is ever markup.
import { csv } from "./format.js";
/** @import { Attributes, Content, Data } from "./types.d.ts" */

/**
 * The first element that matches; an error if there is none.
 * @param {string} selector
 * @returns {HTMLElement}
 */
export function find(selector) {
  const found = document.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`no element matches ${selector}`);
  return found;
}

/**
 * @param {string} selector
 * @param {ParentNode} within
 * @returns {HTMLElement[]}
 */
export const all = (selector, within = document) => [...within.querySelectorAll(selector)].filter(isElement);

/**
 * @param {Element} element
 * @returns {element is HTMLElement}
 */
const isElement = (element) => element instanceof HTMLElement;

/**
 * el("div.box", {title: "a"}, "text", child): attributes that begin with "on" are listeners; those that are false or
 * missing are left out.
 * @param {string} tag with its classes
 * @param {Attributes} attributes
 * @param {Content} children
 */
export function el(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...contents(children));
  return made;
}

/** @param {Content} children */
export const contents = (children) => children.flat().filter((child) => child != null && child !== false);

/**
 * @param {string} name
 * @param {string} text
 */
function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/**
 * @param {string} name of the file, without its suffix
 * @param {() => Data} data called when the button is pressed
 */
export function csvButton(name, data) {
  const save = () => download(`${name}.csv`, csv(data()));
  return el("button.csv", { type: "button", title: "Save the data as CSV", onclick: save }, "CSV");
}
