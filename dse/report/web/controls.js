// What sets the figure of the tab Front: axes, colour, size, filters and limits.

function choice(title, options, name, onChange) {
  const made = options.map(([key, text]) => el("option", { value: key, selected: view[name] === key }, text));
  const set = (event) => {
    view[name] = event.target.value;
    onChange?.();
    redrawFront();
  };
  return el("label", {}, title, el("select", { "data-view": name, onchange: set }, made));
}

function tick(title, name) {
  const set = (event) => {
    view[name] = event.target.checked;
    redrawFront();
  };
  return el(
    "label.tick",
    {},
    el("input", { type: "checkbox", "data-view": name, checked: view[name], onchange: set }),
    title,
  );
}

function ticks(title, values, name) {
  const toggle = (each) => (event) => {
    view[name][event.target.checked ? "add" : "delete"](each);
    redrawFront();
  };
  const boxes = values.map((each) =>
    el(
      "label.tick",
      {},
      el("input", { type: "checkbox", checked: view[name].has(each), "data-filter": each, onchange: toggle(each) }),
      baseName(each),
    ),
  );
  return el("fieldset", { "data-filters": name }, el("legend", {}, title), boxes);
}

function limit(goal) {
  const set = (event) => {
    const bound = Number(event.target.value);
    if (event.target.value === "" || !Number.isFinite(bound)) delete view.limits[goal.name];
    else view.limits[goal.name] = bound;
    redrawFront();
  };
  const box = el("input", {
    type: "number",
    step: "any",
    value: view.limits[goal.name] ?? "",
    "data-limit": goal.name,
    placeholder: "any",
    onchange: set,
  });
  return el("label", {}, `${goal.title} ${goal.minimize ? "≤" : "≥"}`, el("span.unit", {}, box, goal.unit));
}

function controls() {
  const axes = page.goals.map((goal) => [goal.name, goal.title]);
  const words = [[FORMAT, FORMAT], [MODEL, MODEL], ...(several ? [[SEARCH, SEARCH]] : []), [NONE, NONE]];
  const scale = (name, log) => () => {
    view[log] = goalByName.get(view[name]).log;
    find(`[data-view=${log}]`).checked = view[log];
  };
  return el(
    "div.controls",
    {},
    choice("Across", axes, "x", scale("x", "logX")),
    choice("Up", axes, "y", scale("y", "logY")),
    choice("Colour", [...axes, ...words], "colour"),
    choice("Size", [[NONE, NONE], ...axes], "size"),
    el(
      "div.ticks",
      {},
      tick("log across", "logX"),
      tick("log up", "logY"),
      tick("dominated", "dominated"),
      tick("outside limits", "misses"),
      tick("published", "published"),
    ),
  );
}

function filters() {
  const limits = el("fieldset", {}, el("legend", {}, "Limits (constraints)"), page.goals.map(limit));
  return el(
    "details.filters",
    { open: innerWidth > 1100 },
    el("summary", {}, "Filters"),
    ticks("Weight format", formats, "formats"),
    ticks("Model", models, "models"),
    limits,
  );
}
