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

// What the tab Design shows of a key: simulated in full (the front, or a run), or what its row of the trials says.
function designOf(key) {
  const full = designByKey.get(key);
  if (full) return full;
  const point = pointByKey.get(key);
  const title = `Trial ${point.trial}: ${modelLabel(point)}, ${word(point, "weight_format")} weights`;
  const facts = page.goals.map((goal) => ({ term: goal.title, value: value(point, goal.name), unit: goal.unit }));
  facts.push({ term: "State threshold", value: word(point, "threshold"), unit: "" });
  facts.push({ term: "Zeros in the state", value: value(point, "state_sparsity"), unit: "%" });
  return {
    key,
    title,
    says: word(point, "reason") || "Another design is better in every respect.",
    facts,
    parameters: parametersOf(point),
    energy: [],
    area: [],
    stalls: {},
    step_cycles: [],
    roofline: null,
    command: "",
    clock: "",
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
