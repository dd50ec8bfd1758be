// The trials of all searches as points, and the designs that they stand for.
import { baseName } from "./format.js";
import { costOf, designByKey, entry, goalOf, page } from "./page.js";
import { dominates } from "./pareto.js";
/** @import { Coded, Goal, Part, PartColumn, RooflineRecord, Trials } from "./shapes.d.ts" */
/** @import { Point, Setting, ShownDesign } from "./types.d.ts" */

export const FRONT = "front";
export const DOMINATED = "dominated";
export const MISSES = "misses a constraint";
const NOT_DRAWN = ["refused", "repeated"];

/** @type {Point[]} */
export const points = page.searches.flatMap((search, s) =>
  search.trials.trial
    .map((trial, i) => ({ key: `${s}:${trial}`, search, i, trial, kind: named(search.trials, "kind", i) }))
    .filter((point) => !NOT_DRAWN.includes(point.kind)),
);
export const pointByKey = new Map(points.map((point) => [point.key, point]));

/**
 * Entry i of a coded column.
 * @param {Coded} of
 * @param {number} i
 */
function decoded({ values, index }, i) {
  return values[index[i]];
}

/**
 * @param {Trials} trials
 * @param {string} name
 * @param {number} i
 * @returns {Setting}
 */
export function coded(trials, name, i) {
  return decoded(trials.coded[name], i);
}

/**
 * Entry i of a coded column that holds words.
 * @param {Trials} trials
 * @param {string} name
 * @param {number} i
 */
export function named(trials, name, i) {
  return /** @type {string} */ (coded(trials, name, i));
}

/**
 * A number of a point; only refused trials, which are no points, lack any.
 * @param {Point} point
 * @param {string} name
 */
export const value = (point, name) => /** @type {number} */ (point.search.trials.numbers[name][point.i]);

/**
 * @param {Point} point
 * @param {string} name
 */
export const setting = (point, name) => coded(point.search.trials, name, point.i);

/**
 * @param {Point} point
 * @param {string} name
 */
export const word = (point, name) => named(point.search.trials, name, point.i);

/**
 * The costs of a point, all to be minimized.
 * @param {Goal[]} goals
 * @returns {(point: Point) => number[]}
 */
export const costs = (goals) => (point) => goals.map((goal) => costOf(goal, value(point, goal.name)));

/**
 * Every parameter of the design of a trial: the base, the trial's own settings, and what its variants set.
 * @param {Point} point
 */
export function parametersOf(point) {
  const { base, parameters, variants } = point.search;
  const made = { ...base };
  for (const name of parameters) {
    const set = setting(point, name);
    if (name in variants) Object.assign(made, variants[name][String(set)] || {});
    else if (set != null) made[name] = set;
  }
  return made;
}

/**
 * The command that runs a point again.
 * @param {Point} point
 */
function commandOf(point) {
  const { head, traces, settings, tail } = point.search.commands;
  const set = point.search.parameters.map((name) => settings[name][point.search.trials.coded[name].index[point.i]]);
  return [head, traces[word(point, "network")], ...set.filter(Boolean), tail].join(" ");
}

/**
 * Whether the command of a design can write a page: that of a stream cannot.
 * @param {ShownDesign} design
 */
export const writesPage = (design) => design.command.startsWith("archsim run ");

/** For each search, the row of a trial among the points off the front. */
const otherRows = new Map(
  page.searches.map((search) => [search, new Map(search.others.trial.map((trial, row) => [trial, row]))]),
);

/**
 * Row `row` of columns, by the names of the columns.
 * @template T
 * @param {Record<string, T[]>} columns
 * @param {number} row
 */
function rowOf(columns, row) {
  return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]]));
}

/**
 * @param {PartColumn[]} columns
 * @param {number} row
 * @returns {Part[]}
 */
function partsAt(columns, row) {
  return columns
    .filter((part) => part.value[row] !== null)
    .map(({ name, value, low, high, status, source }) => ({
      name,
      value: /** @type {number} */ (value[row]),
      low: /** @type {number} */ ((low ?? value)[row]),
      high: /** @type {number} */ ((high ?? value)[row]),
      status: /** @type {string} */ (decoded(status, row)),
      source: /** @type {number} */ (decoded(source, row)),
    }));
}

/**
 * The breakdown of a point off the front; null where the page does not have it.
 * @param {Point} point
 */
function breakdownOf(point) {
  const row = entry(otherRows, point.search).get(point.trial);
  if (row === undefined) return null;
  const from = point.search.others;
  return {
    facts: from.facts.map(({ term, unit, values }) => ({
      term,
      unit,
      value: /** @type {string | number | boolean | null} */ (decoded(values, row)),
    })),
    energy: partsAt(from.energy, row),
    area: partsAt(from.area, row),
    cycles: from.cycles[row],
    busy_cycles: from.busy_cycles[row],
    stalls: rowOf(from.stalls, row),
    roofline: /** @type {RooflineRecord} */ (
      /** @type {unknown} */ ({ ...rowOf(from.roofline, row), bound: decoded(from.bound, row) })
    ),
    clock: /** @type {string} */ (decoded(from.clock, row)),
  };
}

/**
 * Why a point is not on the front of its search.
 * @param {Point} point
 */
function whyOff(point) {
  if (word(point, "reason")) return `Not feasible: ${word(point, "reason")}.`;
  const cost = costs(point.search.objectives.map(goalOf));
  const better = points.find(
    (other) => other.kind === FRONT && other.search === point.search && dominates(cost(other), cost(point)),
  );
  return better
    ? `Trial ${better.trial} is at least as good in every objective, and better in one.`
    : "Another design is at least as good in every objective, and better in one.";
}

/**
 * The design of a key: one of the front or a run as the page has it, or what is known of a trial.
 * @param {string} key
 * @returns {ShownDesign}
 */
export function designOf(key) {
  const point = pointByKey.get(key);
  const full = designByKey.get(key);
  if (full) return point ? { ...full, command: commandOf(point) } : full;
  return trialDesign(entry(pointByKey, key));
}

/**
 * @param {Point} point
 * @returns {ShownDesign}
 */
function trialDesign(point) {
  const breakdown = breakdownOf(point);
  return {
    key: point.key,
    title: `Trial ${point.trial}: ${modelLabel(point)}, ${word(point, "weight_format")} weights`,
    says: whyOff(point),
    model: word(point, "network"),
    parameters: parametersOf(point),
    energy: [],
    area: [],
    cycles: 0,
    busy_cycles: 0,
    stalls: {},
    roofline: null,
    clock: "",
    ...breakdown,
    facts: [
      ...page.goals.map((goal) => ({ term: goal.title, value: value(point, goal.name), unit: goal.unit })),
      { term: "State threshold", value: threshold(point), unit: "" },
      { term: "Zeros in the state", value: value(point, "state_sparsity"), unit: "%" },
      ...(breakdown?.facts ?? []),
    ],
    step_cycles: [],
    command: commandOf(point),
    hardware: null,
  };
}

/**
 * @param {Point} point
 */
const threshold = (point) => /** @type {number | null} */ (setting(point, "threshold"));

/** @param {Point} point */
export function modelLabel(point) {
  const at = threshold(point);
  return baseName(word(point, "model")) + (at ? ` @ ${Number(at.toPrecision(3))}` : "");
}
