// The tabs of the page, and which of them is open.
import { contents, el, find } from "./dom.js";
import { drawAll, plots } from "./figure.js";
/** @import { Tab } from "./types.d.ts" */

/** @type {Tab[]} */
export const tabs = [];
let open = "";

/** @param {string} name */
export const isOpen = (name) => open === name;

/**
 * The tabs that have something to show; none is open yet.
 * @param {Tab[]} possible
 */
export function layOut(possible) {
  tabs.push(...possible.filter((tab) => tab.when));
  find("nav").append(
    ...tabs.map(({ name, title }) =>
      el(
        "button",
        { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name, onclick: () => openTab(name) },
        title,
      ),
    ),
  );
  find("main").replaceChildren(
    ...tabs.map(({ name }) =>
      el("section", { id: name, role: "tabpanel", "aria-labelledby": `tab-${name}`, hidden: true }),
    ),
  );
}

/**
 * Shows a tab, built anew unless it is kept.
 * @param {string} name
 */
export function openTab(name) {
  const changed = open !== name;
  open = name;
  for (const each of tabs) {
    find(`#${each.name}`).hidden = each.name !== name;
    find(`#tab-${each.name}`).setAttribute("aria-selected", String(each.name === name));
  }
  const tab = tabs.find((each) => each.name === name);
  if (!tab) return;
  const section = find(`#${name}`);
  const first = !section.childElementCount;
  if (first || !tab.kept) {
    for (const plot of plots(section)) if (plot.data) Plotly.purge(plot);
    section.replaceChildren(...contents(tab.build()));
  }
  drawAll();
  if (first) tab.drawn?.();
  if (changed && !first) scrollTo({ top: 0 });
}
