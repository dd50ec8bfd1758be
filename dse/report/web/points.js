// The trials of all searches as points, what is chosen of them, and which of those shown no other beats.

const FRONT = "front",
  DOMINATED = "dominated",
  MISSES = "misses a constraint";
const MOST_CHOSEN = 4;

const goalByName = new Map(page.goals.map((goal) => [goal.name, goal]));
const designByKey = new Map(page.designs.map((design) => [design.key, design]));
const networkByKey = new Map(page.networks.map((network) => [network.key, network]));

// A point is {key, search, i}: row i of its search's trials.
const points = page.searches.flatMap((search, s) =>
  search.trials.trial.flatMap((trial, i) => {
    const kind = coded(search.trials, "kind", i);
    return kind === "refused" || kind === "repeated" ? [] : [{ key: `${s}:${trial}`, search, i, trial, kind }];
  }),
);
const pointByKey = new Map(points.map((point) => [point.key, point]));

function coded(trials, name, i) {
  const of = trials.coded[name];
  return of.values[of.index[i]];
}

const value = (point, goal) => point.search.trials.numbers[goal][point.i];
const word = (point, name) => coded(point.search.trials, name, point.i);

const chosen = {
  keys: [],
  listeners: [],
  // Alone, or beside what is chosen already; once more takes it away.
  choose(key, beside = false) {
    const others = this.keys.filter((each) => each !== key);
    if (!beside) this.keys = [key];
    else this.keys = others.length < this.keys.length ? others : [...this.keys, key].slice(-MOST_CHOSEN);
    this.listeners.forEach((told) => told());
  },
};

// Marks of the points that no other point beats. `cost` yields the costs of a point, all to be minimised.
function nonDominated(among, cost) {
  const costs = among.map(cost);
  const order = costs.map((_, i) => i).sort((a, b) => lexical(costs[a], costs[b]));
  const front = [];
  const marks = new Array(among.length).fill(false);
  for (const i of order) {
    // sorted: nothing that comes later beats what came before
    if (front.some((of) => dominates(of, costs[i]))) continue;
    front.push(costs[i]);
    marks[i] = true;
  }
  return marks;
}

function lexical(a, b) {
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return a[k] - b[k];
  return 0;
}

function dominates(a, b) {
  let better = false;
  for (let k = 0; k < a.length; k++) {
    if (a[k] > b[k]) return false;
    if (a[k] < b[k]) better = true;
  }
  return better;
}

// Every parameter of the design of a trial: the base, what the trial picked, and what its variants set.
function parametersOf(point) {
  const { base, parameters, variants } = point.search;
  const made = { ...base };
  for (const name of parameters) {
    const picked = word(point, name);
    if (name in variants) Object.assign(made, variants[name][picked] || {});
    else if (picked != null) made[name] = picked;
  }
  return made;
}

// The words of the command that runs a point again.
function commandOf(point) {
  const { head, traces, settings, tail } = point.search.commands;
  const set = point.search.parameters.map((name) => settings[name][point.search.trials.coded[name].index[point.i]]);
  return [head, traces[word(point, "network")], ...set.filter(Boolean), tail].join(" ");
}

// Whether the command of a design can write a page: that of a stream cannot.
const writesPage = (design) => design.command.startsWith("archsim run ");

// Trial to its row among the others, a map a search.
const otherRows = new Map(
  page.searches.map((search) => [search, new Map(search.others.trial.map((trial, row) => [trial, row]))]),
);

// What a point off the front consists of; null where the page has no such thing of it.
function partsOf(point) {
  const of = point.search.others,
    row = otherRows.get(point.search).get(point.trial);
  if (row === undefined) return null;
  const at = ({ values, index }) => values[index[row]];
  const parts = (columns) =>
    columns
      .filter((part) => part.value[row] !== null)
      .map(({ name, value, low, high, status, source }) => ({
        name,
        value: value[row],
        low: (low ?? value)[row],
        high: (high ?? value)[row],
        status: at(status),
        source: at(source),
      }));
  const rowOf = (columns) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values[row]]));
  return {
    facts: of.facts.map(({ term, unit, values }) => ({ term, unit, value: at(values) })),
    energy: parts(of.energy),
    area: parts(of.area),
    cycles: of.cycles[row],
    busy_cycles: of.busy_cycles[row],
    stalls: rowOf(of.stalls),
    roofline: { ...rowOf(of.roofline), bound: at(of.bound) },
    clock: at(of.clock),
  };
}

// Why a point is not on the front of its search.
function whyOff(point) {
  if (word(point, "reason")) return `Not feasible: ${word(point, "reason")}.`;
  const goals = point.search.objectives.map((name) => goalByName.get(name));
  const costs = (of) => goals.map((goal) => (goal.minimize ? 1 : -1) * value(of, goal.name));
  const better = points.find(
    (of) => of.kind === FRONT && of.search === point.search && dominates(costs(of), costs(point)),
  );
  return better
    ? `Trial ${better.trial} is at least as good in every objective, and better in one.`
    : "Another design is at least as good in every objective, and better in one.";
}

// What the tab Design shows of a key: a design of the front or a run as it is there, or what is known of a trial.
function designOf(key) {
  const point = pointByKey.get(key);
  const full = designByKey.get(key);
  if (full) return point ? { ...full, command: commandOf(point) } : full;
  const title = `Trial ${point.trial}: ${modelLabel(point)}, ${word(point, "weight_format")} weights`;
  const facts = page.goals.map((goal) => ({ term: goal.title, value: value(point, goal.name), unit: goal.unit }));
  facts.push({ term: "State threshold", value: word(point, "threshold"), unit: "" });
  facts.push({ term: "Zeros in the state", value: value(point, "state_sparsity"), unit: "%" });
  const parts = partsOf(point);
  return {
    key,
    title,
    says: whyOff(point),
    model: word(point, "network"),
    parameters: parametersOf(point),
    energy: [],
    area: [],
    stalls: {},
    roofline: null,
    clock: "",
    ...parts,
    facts: [...facts, ...(parts?.facts ?? [])],
    step_cycles: [],
    command: commandOf(point),
  };
}

const baseName = (name) =>
  name.includes("/")
    ? name
        .split("/")
        .at(-1)
        .replace(/\.[^.]*$/, "")
    : name;

function modelLabel(point) {
  const threshold = word(point, "threshold");
  return baseName(word(point, "model")) + (threshold ? ` @ ${Number(threshold.toPrecision(3))}` : "");
}
