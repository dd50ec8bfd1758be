// Tab Front: any two objectives as axes, two more as colour and size; filters; what is chosen, in brief.

const redrawFront = () => draw(find("[data-figure=front]"));

const notes = () => [...publishedNames(), ...shadeNames(), ...pins()];

function movePins() {
  const plot = find("[data-figure=front]");
  if (plot?.layout) Plotly.relayout(plot, { annotations: notes() });
}

function brief() {
  const keys = chosen.keys;
  if (!keys.length) return [el("p.soft", {}, "Click a point.")];
  const design = designOf(keys.at(-1));
  const letter =
    keys.length > 1
      ? el("b.letter", { style: `background:${CHOSEN[keys.length - 1]}` }, LETTERS[keys.length - 1])
      : null;
  const more = el(
    "button.go",
    { type: "button", onclick: () => openTab("design") },
    keys.length > 1 ? `Compare all ${keys.length}` : "All of this design",
  );
  return [
    el("h3", {}, letter, design.title),
    el("p.soft", {}, design.says),
    more,
    factList(design.facts.slice(0, 8)),
    strip("Energy per token", "nJ", design.energy),
    strip("Chip area", "mm²", design.area),
    changedList(design),
    command(design),
  ];
}

const factList = (facts) =>
  el(
    "dl.facts",
    {},
    facts.map((fact) =>
      el("div", {}, el("dt", {}, fact.term), el("dd", {}, `${shown(fact.value)}${fact.unit ? ` ${fact.unit}` : ""}`)),
    ),
  );

function changedList(design) {
  const base = pointByKey.get(design.key)?.search.parameters || [];
  const picked = pointByKey.get(design.key);
  return picked
    ? el(
        "details",
        { open: true },
        el("summary", {}, "Parameters"),
        factList(base.map((name) => ({ term: name, value: word(picked, name), unit: "" }))),
      )
    : null;
}

// Shares of a whole as one bar of plain elements.
function strip(title, unit, parts) {
  if (!parts.length) return null;
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  const pieces = parts
    .filter((part) => part.value > 0.002 * total)
    .map((part) =>
      el("span", {
        style: `flex-grow:${part.value / total};background:${partColour(part.name)}`,
        title: `${spaced(part.name)}: ${number(part.value)} ${unit}, ${((100 * part.value) / total).toFixed(1)} %`,
      }),
    );
  const legend = [...parts]
    .sort((a, b) => b.value - a.value)
    .slice(0, 3)
    .map((part) =>
      el(
        "span",
        {},
        el("i", { style: `background:${partColour(part.name)}` }),
        `${spaced(part.name)} ${((100 * part.value) / total).toFixed(0)} %`,
      ),
    );
  return el(
    "div.share",
    {},
    el("div", {}, title, el("b", {}, `${number(total)} ${unit}`)),
    el("div.strip", {}, pieces),
    el("div.legend", {}, legend),
  );
}

function frontTable() {
  const goals = page.searches[0].objectives.map((name) => goalByName.get(name));
  const costs = (point) => goals.map((goal) => (goal.minimize ? 1 : -1) * value(point, goal.name));
  const front = sorted().front.sort((a, b) => lexical(costs(a), costs(b)));
  const [first] = page.searches;
  const stays = (p) =>
    designByKey.get(p.key)?.facts.find((fact) => fact.term === "On the front if costs are")?.value ?? null;
  const columns = [
    ...(several ? [column("Search", "", true)] : []),
    column("Trial"),
    column("Model", "", true),
    column("Weights", "", true),
    column("Zeros", "% of the state"),
    ...goals.map((goal) => column(goal.title, goal.unit)),
    column("Stays", "if costs are", true),
    ...first.parameters.map((name) => column(spaced(name.split(".").at(-1)), name.split(".").slice(0, -1).join("."))),
  ];
  const rows = front.map((p) => [
    ...(several ? [p.search.name] : []),
    p.trial,
    modelLabel(p),
    word(p, "weight_format"),
    value(p, "state_sparsity"),
    ...goals.map((goal) => value(p, goal.name)),
    stays(p),
    ...first.parameters.map((name) => (name in p.search.trials.coded ? word(p, name) : null)),
  ]);
  return table(
    "front-table",
    { columns, rows },
    {
      keys: front.map((p) => p.key),
      onRow: (key, beside) => chosen.choose(key, beside),
      rowClass: (i) => chosen.keys.includes(front[i].key) && "chosen",
    },
  );
}

function publishedTable() {
  const of = page.searches[0].published;
  const goals = page.searches[0].objectives.map((name) => goalByName.get(name));
  const columns = [
    column("Design", "", true),
    column("Model", "", true),
    ...goals.map((goal) => column(goal.title, goal.unit)),
    column("Keeps the constraints", "", true),
  ];
  const rows = of.trial.map((i) => [
    coded(of, "design", i),
    baseName(coded(of, "model", i)),
    ...goals.map((goal) => of.numbers[goal.name][i]),
    coded(of, "reason", i) || "yes",
  ]);
  return table("published", { columns, rows });
}

function buildFront() {
  initialView();
  const side = el("aside.panel", { id: "brief", "aria-live": "polite" }, brief());
  const made = figure(frontFigure);
  const rowsOfChosen = () =>
    all("tr[data-key]").forEach((row) => row.classList.toggle("chosen", chosen.keys.includes(row.dataset.key)));
  chosen.listeners.push(() => {
    side.replaceChildren(...brief());
    movePins();
    rowsOfChosen();
  });
  const intro = page.searches.map((search) =>
    el("div", {}, several ? el("h3", {}, search.name) : null, el("p", {}, search.introduction), tileList(search.tiles)),
  );
  return [
    ...intro,
    el("div.master", {}, el("div", {}, controls(), made, filters()), side),
    page.designs.length ? null : el("p.warning", {}, "No design keeps every constraint."),
    el("h2", {}, "Every design on the front"),
    el("p.soft", {}, "Click a heading to sort, a row to choose it; with shift, beside what is chosen."),
    frontTable(),
    el("h2", {}, "Published designs, for comparison"),
    publishedTable(),
    el("h2", {}, "How to read the figures"),
    page.searches.flatMap((search) => search.notes.map((note) => el(note.warning ? "p.warning" : "p", {}, note.text))),
  ];
}

const tileList = (tiles) =>
  el(
    "ul.tiles",
    {},
    tiles.map((tile) => el("li", {}, el("b", {}, tile.value), el("span", {}, tile.label))),
  );

// Once it is drawn: Plotly's own events come from the element it has drawn in.
function listenToFront() {
  const plot = find("[data-figure=front]");
  plot.on("plotly_click", (click) => {
    const key = click.points[0].customdata;
    if (key) chosen.choose(key, click.event.shiftKey || click.event.ctrlKey || click.event.metaKey);
  });
}
