"""Pictures of the README, and of every tab to look at: ``python tests/dse/report/take_pictures.py results/demo OUT``.

OUT gets every tab whole, light and dark, at 1440 and 800 pixels; ``dse/report/pictures`` the three that are shown.
"""

import math
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from dse.report import NAME, write_report

SHOWN = Path(__file__).parents[3] / "dse" / "report" / "pictures"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
SETTLED_MS = 700
MARGIN = 8


def opened(browser: Any, report: Path, width: int, height: int, scheme: str) -> Any:
    page = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme).new_page()
    page.goto(report.resolve().as_uri())
    page.wait_for_timeout(SETTLED_MS)
    return page


def turn_to(page: Any, tab: str) -> None:
    page.click(f"#tab-{tab}")
    page.wait_for_timeout(SETTLED_MS)


def every_tab(browser: Any, report: Path, out: Path) -> None:
    for scheme in ("light", "dark"):
        for width in (1440, 800):
            page = opened(browser, report, width, 900, scheme)
            for tab in page.evaluate("tabs.map((tab) => tab.name)"):
                turn_to(page, tab)
                page.screenshot(path=out / f"{tab}-{scheme}-{width}.png", full_page=True)


def down_to(page: Any, last: Any) -> None:
    """The window as high as the page down to the end of `last`, so that a picture cuts nothing in two."""
    box = last.bounding_box()
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": math.ceil(box["y"] + box["height"] + MARGIN)})
    page.wait_for_timeout(SETTLED_MS)


def shown(browser: Any, report: Path) -> None:
    """Front; two designs side by side; a timeline. How long the search took is left out: it is the machine's."""
    page = opened(browser, report, 1300, 920, "light")
    page.locator(".tiles li", has_text="on this machine").evaluate("tile => tile.remove()")
    down_to(page, page.locator(".master figcaption"))
    page.screenshot(path=SHOWN / "front.png")
    by_area = page.evaluate("page.designs.toSorted((a, b) => sum(a.area) - sum(b.area)).map((design) => design.key)")
    page = opened(browser, report, 1300, 1010, "dark")
    page.evaluate("keys => keys.forEach((key, n) => chosen.choose(key, n > 0))", [by_area[0], by_area[-1]])
    turn_to(page, "design")
    down_to(page, page.locator("#design figcaption").nth(1))
    page.screenshot(path=SHOWN / "design.png")
    page = opened(browser, report, 1300, 600, "light")
    turn_to(page, "timeline")
    down_to(page, page.locator("#timeline figcaption").last)
    page.screenshot(path=SHOWN / "timeline.png")


def main(folder: str, out: str) -> None:
    report = write_report(Path(folder))
    Path(out).mkdir(parents=True, exist_ok=True)
    SHOWN.mkdir(exist_ok=True)
    with sync_playwright() as runs:
        browser = runs.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        every_tab(browser, report, Path(out))
        shown(browser, report)
        browser.close()
    print(report.with_name(NAME))


if __name__ == "__main__":
    main(*sys.argv[1:])
