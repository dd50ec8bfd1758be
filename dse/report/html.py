"""One HTML file: Plotly, the style, the data and the scripts in it, and a policy under which it can load nothing."""

import html
import json
from importlib import resources

from plotly.offline import get_plotlyjs

from dse.report.bundle import bundle
from dse.report.shapes import Page

WEB = resources.files("dse.report") / "web"
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
"""What the page may load: nothing but what is in it. Plotly compiles shaders with eval, and draws images as data."""


def render(page: Page) -> str:
    """The whole page."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(page.title)}</title>
<style>{(WEB / "app.css").read_text(encoding="utf-8")}</style>
</head>
<body>
<header><h1>{html.escape(page.title)}</h1><button id="theme" type="button">dark / light</button></header>
<nav role="tablist" aria-label="Parts of the report"></nav>
<main><noscript>This report is drawn by a script in it; please allow scripts.</noscript></main>
<script>{get_plotlyjs()}</script>
<script type="application/json" id="data">{embedded(page)}</script>
<script>{bundle(scripts())}</script>
</body>
</html>
"""


def embedded(page: Page) -> str:
    """JSON that no text in it can break out of."""
    plain = json.dumps(page.model_dump(mode="json"), allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def scripts() -> dict[str, str]:
    """The modules of the page by file name."""
    files = sorted((file for file in WEB.iterdir() if file.name.endswith(".js")), key=lambda file: file.name)
    return {file.name: file.read_text(encoding="utf-8") for file in files}
