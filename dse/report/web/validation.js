// Tab Validation: published hardware figures beside ours.

const QUANTITIES = {
  gops: "peak",
  gops_one_lane: "peak, 1 lane",
  gops_per_w: "efficiency",
  area_mm2: "area",
  power_mw: "power",
  speedup_max: "speed-up",
  skipped_share: "skipped share",
};
const checkName = (check) => `${check.chip}: ${QUANTITIES[check.quantity] || spaced(check.quantity)}`;

const errors = () => {
  const of = page.checks.filter((check) => check.error_pct != null);
  const one = of.map((check, i) => ({ ...check, at: `${i}` })).reverse();
  const bases = [
    ["fitted", COLOURS.blue, ""],
    ["predicted", COLOURS.orange, "/"],
  ];
  const allowed = one.filter((check) => check.tolerance_pct != null);
  const most = Math.max(
    ...one.map((check) => Math.abs(check.error_pct)),
    ...allowed.map((check) => check.tolerance_pct),
  );
  return {
    name: "errors",
    title: "How far off we are",
    caption:
      "Error of each figure against the published one: fitted ones went into the calibration, predicted ones (hatched) did not; the grey marks are what is allowed.",
    traces: [
      ...bases.map(([basis, colour, hatch]) => {
        const group = one.filter((check) => check.basis === basis);
        return {
          type: "bar",
          orientation: "h",
          name: basis,
          y: group.map((check) => check.at),
          x: group.map((check) => check.error_pct),
          marker: {
            color: colour,
            pattern: { shape: hatch, solidity: 0.3, fillmode: "overlay", fgcolor: "rgba(0,0,0,0.45)" },
          },
          customdata: group.map(
            (check) =>
              `${label(checkName(check))}<br>published ${number(check.published)} ${label(check.unit)}, ours ${number(check.ours)}<br>${label(check.note)}`,
          ),
          hovertemplate: "%{customdata}<extra></extra>",
        };
      }),
      ...[-1, 1].map((sign) => ({
        type: "scatter",
        mode: "markers",
        name: "allowed",
        showlegend: sign > 0,
        hoverinfo: "skip",
        y: allowed.map((check) => check.at),
        x: allowed.map((check) => sign * check.tolerance_pct),
        marker: { symbol: "line-ns-open", size: 12, color: ink("--soft"), line: { width: 1.5 } },
      })),
      {
        type: "scatter",
        mode: "text",
        showlegend: false,
        hoverinfo: "skip",
        y: one.map((check) => check.at),
        x: one.map(() => 1.55 * most),
        text: one.map((check) => `${check.error_pct > 0 ? "+" : ""}${check.error_pct.toFixed(1)} %`),
        textposition: "middle left",
      },
    ],
    columns: checkColumns(),
    rows: checkRows(),
    layout: {
      height: 120 + 24 * one.length,
      bargap: 0.35,
      barmode: "overlay",
      margin: { l: 10, r: 40, t: 14, b: 52 },
      xaxis: axis("Error against the published figure", "%", { zeroline: true, range: [-1.1 * most, 1.6 * most] }),
      yaxis: {
        showgrid: false,
        type: "category",
        tickvals: one.map((check) => check.at),
        ticktext: one.map((check) => label(checkName(check))),
        categoryarray: one.map((check) => check.at),
        categoryorder: "array",
      },
    },
  };
};

const checkColumns = () => [
  column("Chip", "", true),
  column("Figure", "", true),
  column("Unit", "", true),
  column("Published"),
  column("Ours"),
  column("Error", "%"),
  column("Allowed", "%"),
  column("Basis", "", true),
  column("The published figure is", "", true),
  column("Gates", "", true),
  column("Note", "", true),
];
const checkRows = () =>
  page.checks.map((check) => [
    check.chip,
    QUANTITIES[check.quantity] || check.quantity,
    check.unit,
    check.published,
    check.ours,
    check.error_pct,
    check.tolerance_pct,
    check.basis,
    check.sure,
    check.gates,
    check.note,
  ]);

function buildValidation() {
  return [
    el(
      "p",
      {},
      "The hardware figures of the papers that archsim models, beside those of its own cost model. Only figures that were read in a paper, or that agree between sources, can fail.",
    ),
    figure(errors),
    el("h2", {}, "The figures"),
    table("validation", { columns: checkColumns(), rows: checkRows() }),
  ];
}
