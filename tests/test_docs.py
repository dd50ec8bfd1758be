"""What the documents say is so: their tables are generated, the files they name exist, and their links resolve."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from archsim import catalogue, designs
from dse.cli.tables.cards import zoo_markdown
from dse.cli.tables.networks import published_markdown
from tests.dse.cli.test_cli import archsim
from workloads import zoo
from workloads.zoo.published import published

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "archsim", "workloads", "dse") for page in (ROOT / folder).rglob("*.md")),
    ]
)
RESULTS = ROOT / "docs" / "results"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
FENCED = re.compile(r"^(?:    .*|```.*?^```)$", re.MULTILINE | re.DOTALL)
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def between(page: str, name: str) -> str:
    """The generated table called `name` of a page of results."""
    text = (RESULTS / page).read_text()
    return text.split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->")[0].strip()


def test_the_table_of_models_is_generated() -> None:
    cards = (zoo.load_card(name) for name in zoo.ALL)
    assert between("models.md", "zoo table") == zoo_markdown(cards)


def test_the_table_of_published_networks_is_generated() -> None:
    assert between("published-networks.md", "published networks") == published_markdown(published())


def test_the_table_of_published_chips_is_generated() -> None:
    assert between("published-chips.md", "published chips") == archsim("validate", "--markdown").stdout.strip()


@pytest.mark.parametrize(("page", "longest"), [("README.md", 180), ("archsim/DESIGN.md", 250)])
def test_a_page_that_is_read_first_is_short(page: str, longest: int) -> None:
    assert len((ROOT / page).read_text().splitlines()) <= longest


@every_page
def test_links_resolve(page: Path) -> None:
    text = FENCED.sub("", page.read_text())
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The names by which a page's headings are linked to, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link).resolve() for link in re.findall(r"\]\(([^)#]+)\)", index.read_text())}
    assert {page for page in PAGES if page.is_relative_to(ROOT / "docs")} <= {*linked, index}


def test_files_for_what_is_added_are_there() -> None:
    """Each kind of thing: the file to start from, the file with its line in ``ALL``, and its suite."""
    table = CONTRIBUTING.split("## Adding something")[1]
    named = re.findall(r"`([a-z_]+/[^`]+)`", table)
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).exists(), name
    lines = re.findall(r"^\|[^|]+\|[^|]+\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(lines) >= 6
    for path in lines:
        assert re.search(r"^ALL\b", (ROOT / path).read_text(), re.MULTILINE), path


def test_the_glossary_has_every_cause_of_a_stall() -> None:
    stalls = (ROOT / "docs" / "glossary.md").read_text().split("## Stalls")[1].split("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]+\| ([^|]+) \|$", stalls, re.MULTILINE))
    where = {cause: [c.title for c in catalogue.CATALOGUE.processes if cause in c.causes] for cause in catalogue.Cause}
    everywhere = [c.title for c in catalogue.CATALOGUE.processes]
    assert {cause: ["all"] if titles == everywhere else sorted(titles) for cause, titles in where.items()} == {
        cause: sorted(titles.split(", ")) for cause, titles in rows.items()
    }


def test_every_package_is_found() -> None:
    """Each folder with modules is a package, and the build takes it along."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    folders = {module.parent for name in ("archsim", "workloads", "dse") for module in (ROOT / name).rglob("*.py")}
    assert len(folders) > 20
    for folder in folders:
        package = str(folder.relative_to(ROOT)).replace("/", ".")
        assert (folder / "__init__.py").exists(), package
        assert any(fnmatch(package, pattern) for pattern in found), package


def test_every_shipped_design_has_its_file() -> None:
    files = {p.stem for p in (ROOT / "archsim" / "designs").glob("*.toml")}
    assert files == set(designs.ALL)
