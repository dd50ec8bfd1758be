// Colours of the page. Plotly is given them resolved, as the theme has them: it cannot read `light-dark()`.
import { el } from "./dom.js";
import { page } from "./page.js";

const resolved = document.body.appendChild(el("i", { hidden: true }));

/**
 * A colour of the style sheet as the theme has it.
 * @param {string} name
 */
export function ink(name) {
  resolved.style.color = `var(${name})`;
  return getComputedStyle(resolved).color;
}

/** Okabe & Ito, "Color Universal Design" (2008): distinct with any colour vision. */
export const COLOURS = {
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

/** Perceptually uniform, read alike with any colour vision (Nunez et al., 2018). */
export const SCALE = "Cividis";

/** Letters and colours of the designs that are chosen. */
export const LETTERS = ["A", "B", "C", "D"];
export const CHOSEN = ["#D55E00", "#0072B2", "#009E73", "#CC79A7"];

const COMPONENT_COLOURS = [
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
const STATE_COLOURS = [
  "#009E73",
  "#CC79A7",
  "#E69F00",
  "#882255",
  "#F0E442",
  "#999933",
  "#56B4E9",
  "#0072B2",
  "#8A8F98",
  "#AA4499",
  "#D55E00",
  "#C9CDD3",
];

/**
 * @template T
 * @param {T[]} values
 * @param {number} n
 */
const nth = (values, n) => values[Math.max(0, n) % values.length];

/** @param {number} n */
export const cycle = (n) => nth(Object.values(COLOURS), n);

/** Every component of an energy or an area on this page, in the order of the data. */
export const components = [
  ...new Set(
    [...page.designs, ...page.searches.map((search) => search.others)].flatMap(({ energy, area }) =>
      [...energy, ...area].map((part) => part.name),
    ),
  ),
];

/** @param {string} name of a component */
export const componentColour = (name) => nth(COMPONENT_COLOURS, components.indexOf(name));

/** @param {string} name of what a component does: it is busy, or stalls for a cause */
export const stateColour = (name) => nth(STATE_COLOURS, page.states.indexOf(name));
