// What the tab Front shows: axes, filters and limits, and the points that pass them.
import { goalOf, page, searchGoals, several } from "./page.js";
import { nonDominated } from "./pareto.js";
import { costs, points, setting, value, word } from "./points.js";
/** @import { Groups, View } from "./types.d.ts" */

/** What colour and size may show beside objectives. */
export const NONE = "none";
export const FORMAT = "weight format";
export const MODEL = "model";
export const SEARCH = "search";

export const view = /** @type {View} */ ({});

/** @param {string[]} values */
export const distinct = (values) => [...new Set(values)].sort();

export const formats = distinct(points.map((point) => word(point, "weight_format")));
export const models = distinct(points.map((point) => word(point, "model")));

/** The objectives of the first search on axes and colour; everything shown; its constraints as limits. */
export function initialView() {
  const [first] = page.searches;
  const [a, b, c] = first.objectives;
  const [x, y, colour] = c ? [c, a, b] : [b, a, NONE];
  Object.assign(view, {
    x,
    y,
    colour: several ? SEARCH : colour,
    size: NONE,
    logX: goalOf(x).log,
    logY: goalOf(y).log,
    formats: new Set(formats),
    models: new Set(models),
    limits: { ...first.limits },
    dominated: true,
    misses: true,
    published: true,
  });
}

/** @param {(name: string) => number | null} of an objective's value by its name */
export const withinLimits = (of) =>
  Object.entries(view.limits).every(([name, bound]) => {
    const number = of(name) ?? 0;
    return goalOf(name).minimize ? number <= bound : number >= bound;
  });

/**
 * The points that pass the filters.
 * @returns {Groups}
 */
export function sorted() {
  const passing = points.filter((p) => view.formats.has(word(p, "weight_format")) && view.models.has(word(p, "model")));
  const kept = new Set(passing.filter((p) => setting(p, "facts") && withinLimits((name) => value(p, name))));
  const inside = passing.filter((p) => kept.has(p));
  const cost = costs(searchGoals());
  const bySearch = page.searches.map((search) => inside.filter((point) => point.search === search));
  const front = new Set(bySearch.flatMap((own) => nonDominated(own, cost)));
  return {
    front: inside.filter((p) => front.has(p)),
    dominated: view.dominated ? inside.filter((p) => !front.has(p)) : [],
    misses: view.misses ? passing.filter((p) => !kept.has(p)) : [],
  };
}
