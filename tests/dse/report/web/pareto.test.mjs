// Dominance against its definition, over all pairs of random points with many ties.
import assert from "node:assert/strict";
import { test } from "node:test";
import { dominates, lexical, nonDominated } from "../../../../dse/report/web/pareto.js";

/** Numbers below 1 (Park & Miller, 1988), the same on every machine. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (16807 * state) % 2147483647;
    return state / 2147483647;
  };
}

const isBetter = (a, b) => a.every((cost, k) => cost <= b[k]) && a.some((cost, k) => cost < b[k]);

for (const goals of [1, 2, 3]) {
  test(`the front in ${goals} objectives, with every point of equal costs`, () => {
    const random = generator(goals);
    const points = Array.from({ length: 200 }, () => Array.from({ length: goals }, () => Math.floor(8 * random())));
    const expected = points.filter((point) => !points.some((other) => isBetter(other, point)));
    assert.ok(expected.length < points.length);
    const found = nonDominated(points, (point) => point);
    assert.deepEqual(found, expected);
    for (const a of points) for (const b of points) assert.equal(dominates(a, b), isBetter(a, b));
  });
}

test("the first cost that differs decides", () => {
  const costs = [
    [2, 0],
    [1, 9],
    [1, 3],
  ];
  assert.deepEqual(costs.sort(lexical), [
    [1, 3],
    [1, 9],
    [2, 0],
  ]);
});
