// The data of the page, and its entries by name.
/** @import { Goal, Page } from "./shapes.d.ts" */

/** @type {Page} */
export const page = JSON.parse(document.getElementById("data")?.textContent ?? "");

export const goalByName = new Map(page.goals.map((goal) => [goal.name, goal]));
export const designByKey = new Map(page.designs.map((design) => [design.key, design]));
export const networkByKey = new Map(page.networks.map((network) => [network.key, network]));
export const timelineByKey = new Map(page.timelines.map((timeline) => [timeline.key, timeline]));

/** Whether searches are told apart by their names. */
export const several = page.searches.length > 1;

/** Whether the accuracy of any network was measured: without a task there is none. */
export const measured = page.networks.some((network) => network.validation != null);

/**
 * The entry of a map; an error if there is none.
 * @template K, V
 * @param {Map<K, V>} map
 * @param {K} key
 */
export function entry(map, key) {
  const found = map.get(key);
  if (found === undefined) throw new Error(`there is no ${key}`);
  return found;
}

/** @param {string} name */
export const goalOf = (name) => entry(goalByName, name);

/**
 * The cost of a value, to be minimized.
 * @param {Goal} goal
 * @param {number} value
 */
export const costOf = (goal, value) => (goal.minimize ? 1 : -1) * value;

/** The objectives of the first search: searches that are shown together have the same task. */
export const searchGoals = () => page.searches[0].objectives.map(goalOf);
