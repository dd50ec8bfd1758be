// The page: its tabs, its theme, and the designs chosen first.
import { chosen } from "./chosen.js";
import { buildDesign } from "./design.js";
import { find } from "./dom.js";
import { drawAll } from "./figure.js";
import { buildFront, listenToFront } from "./front.js";
import { buildModel, followChosen } from "./model.js";
import { page } from "./page.js";
import { points } from "./points.js";
import { buildSamplers } from "./samplers.js";
import { buildSearch } from "./search.js";
import { isOpen, layOut, openTab, tabs } from "./tabs.js";
import { buildTimeline, followTimeline } from "./timeline.js";
import { buildValidation } from "./validation.js";

layOut([
  {
    name: "front",
    title: "Front",
    build: buildFront,
    when: page.searches.length > 0,
    kept: true,
    drawn: listenToFront,
  },
  { name: "design", title: "Design", build: buildDesign, when: page.designs.length > 0 || points.length > 0 },
  { name: "search", title: "Search", build: buildSearch, when: page.searches.length > 0 },
  { name: "samplers", title: "Samplers", build: buildSamplers, when: page.comparisons.length > 0 },
  { name: "model", title: "Model", build: buildModel, when: page.networks.length > 0 },
  { name: "validation", title: "Validation", build: buildValidation, when: page.checks.length > 0 },
  { name: "timeline", title: "Timeline", build: buildTimeline, when: page.timelines.length > 0 },
]);

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
prefersDark.addEventListener("change", drawAll);
find("#theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const dark = dataset.theme ? dataset.theme === "dark" : prefersDark.matches;
  dataset.theme = dark ? "light" : "dark";
  drawAll();
});

// A search opens with its first design, runs all side by side.
const first = page.searches[0]?.first ?? page.designs[0]?.key;
if (!page.searches.length) chosen.begin(page.designs.map((design) => design.key));
else if (first) chosen.begin([first]);

chosen.listeners.push(followChosen, followTimeline, () => {
  if (isOpen("design")) openTab("design");
});
followChosen();
followTimeline();
openTab(tabs[0].name);
