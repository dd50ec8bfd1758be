"""One HTML file: Plotly, the style, the data and the scripts in it, and a policy under which it can load nothing."""

import html
import json
from importlib import resources

from plotly.offline import get_plotlyjs

from dse.report.shapes import Page

SCRIPTS = (
    "dom.js",
    "figure.js",
    "tables.js",
    "points.js",
    "scatter.js",
    "controls.js",
    "front.js",
    "diagram.js",
    "design.js",
    "search.js",
    "samplers.js",
    "model.js",
    "validation.js",
    "timeline.js",
    "app.js",
)
"""In the order in which they run; together they are one script."""

POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
"""What the page may load: nothing but what is in it. Plotly compiles shaders with eval, and draws images as data."""


def render(page: Page) -> str:
    """The whole page."""
    scripts = "\n".join(_web(name) for name in SCRIPTS)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(page.title)}</title>
<style>{_web("app.css")}</style>
</head>
<body>
<header><h1>{html.escape(page.title)}</h1><button id="theme" type="button">dark / light</button></header>
<nav role="tablist" aria-label="Parts of the report"></nav>
<main><noscript>This report is drawn by a script in it; please allow scripts.</noscript></main>
<script>{get_plotlyjs()}</script>
<script type="application/json" id="data">{embedded(page)}</script>
<script>{scripts}</script>
</body>
</html>
"""


def embedded(page: Page) -> str:
    """JSON that no text in it can break out of."""
    plain = json.dumps(page.model_dump(mode="json"), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _web(name: str) -> str:
    return resources.files("dse.report").joinpath("web", name).read_text(encoding="utf-8")
