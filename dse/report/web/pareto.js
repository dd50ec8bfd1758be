// Dominance among vectors of costs, all to be minimized.

/**
 * The items that no other one dominates, in their order.
 * @template T
 * @param {T[]} items
 * @param {(item: T) => number[]} cost
 */
export function nonDominated(items, cost) {
  const costs = items.map(cost);
  const order = costs.map((_, i) => i).sort((a, b) => lexical(costs[a], costs[b]));
  /** @type {number[][]} */
  const front = [];
  /** @type {Set<number>} */
  const found = new Set();
  for (const i of order) {
    // in this order none dominates an earlier one
    if (front.some((better) => dominates(better, costs[i]))) continue;
    front.push(costs[i]);
    found.add(i);
  }
  return items.filter((_, i) => found.has(i));
}

/**
 * Compares by the first cost that differs.
 * @param {number[]} a
 * @param {number[]} b
 */
export function lexical(a, b) {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return a[k] - b[k];
  return 0;
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
export function dominates(a, b) {
  let better = false;
  for (let k = 0; k < a.length; k++) {
    if (a[k] > b[k]) return false;
    if (a[k] < b[k]) better = true;
  }
  return better;
}
