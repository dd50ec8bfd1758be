// Tabs, theme, and the first design chosen.

const TABS = {
  front: { title: "Front", build: buildFront, when: page.searches.length > 0, once: true },
  design: { title: "Design", build: buildDesign, when: page.designs.length > 0 || points.length > 0 },
  search: { title: "Search", build: buildSearch, when: page.searches.length > 0 },
  samplers: { title: "Samplers", build: buildSamplers, when: page.comparisons.length > 0 },
  model: { title: "Model", build: buildModel, when: page.networks.length > 0 },
  validation: { title: "Validation", build: buildValidation, when: page.checks.length > 0 },
  timeline: { title: "Timeline", build: buildTimeline, when: page.timelines.length > 0 },
};
const tabs = Object.entries(TABS).filter(([, tab]) => tab.when);
let open = null;

function layOut() {
  find("nav").append(
    ...tabs.map(([name, tab]) =>
      el(
        "button",
        { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name, onclick: () => openTab(name) },
        tab.title,
      ),
    ),
  );
  find("main").replaceChildren(
    ...tabs.map(([name]) =>
      el("section", { id: name, role: "tabpanel", "aria-labelledby": `tab-${name}`, hidden: true }),
    ),
  );
}

// A tab is built anew whenever it is opened, but for the front, whose controls are kept.
function openTab(name) {
  const changed = open !== name;
  open = name;
  for (const [each] of tabs) {
    find(`#${each}`).hidden = each !== name;
    find(`#tab-${each}`).setAttribute("aria-selected", each === name);
  }
  const section = find(`#${name}`);
  const first = !section.childElementCount;
  if (first || !TABS[name].once) {
    all(".plot", section).forEach((plot) => plot.data && Plotly.purge(plot));
    section.replaceChildren(...TABS[name].build().flat().filter(Boolean));
  }
  drawAll();
  if (first && name === "front") listenToFront();
  if (changed && !first) scrollTo({ top: 0 });
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
find("#theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const dark = dataset.theme ? dataset.theme === "dark" : prefersDark.matches;
  dataset.theme = dark ? "light" : "dark";
  drawAll();
});
prefersDark.addEventListener("change", drawAll);

layOut();
chosen.keys = [page.searches[0]?.first ?? page.designs[0]?.key].filter(Boolean);
if (!page.searches.length) chosen.keys = page.designs.slice(0, MOST_CHOSEN).map((design) => design.key);
chosen.listeners.push(followChosen, followTimeline, () => {
  if (open === "design") openTab("design");
});
followChosen();
followTimeline();
openTab(tabs[0][0]);
