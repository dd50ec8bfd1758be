"""The report: one HTML file that opens offline. Python gathers and checks what it shows; ``web`` draws it."""

from collections.abc import Sequence
from pathlib import Path

from archsim.errors import BadInput
from archsim.report import SimReport
from dse.report.checks import checks
from dse.report.comparisons import comparison
from dse.report.designs import Texts, front_designs
from dse.report.hardware import front_hardware
from dse.report.html import render
from dse.report.networks import papers, run_network, search_networks
from dse.report.runs import load_saved, run_design, saved_design
from dse.report.searches import goals, search_page
from dse.report.shapes import NetworkTab, Page, PageTable, TimelineTab
from dse.report.timelines import front_timelines, timeline
from dse.results import store
from dse.results.files import write_text
from dse.results.store import Results

NAME = "report.html"
NO_TABLE = PageTable(columns=(), rows=[])


def write_report(folder: Path) -> Path:
    """Write ``report.html`` beside the tables of a finished search; BadInput names what is missing."""
    return write(view_page([folder]), folder / NAME)


def write(page: Page, path: Path) -> Path:
    """Whole or not at all."""
    write_text(path, render(page))
    return path


def view_page(paths: Sequence[Path]) -> Page:
    """Folders of searches (of one task) and saved runs, side by side; BadInput names what is not one of these."""
    folders = [path for path in paths if path.is_dir()]
    runs = [(path.stem, load_saved(path)) for path in paths if not path.is_dir()]
    found = [store.read(folder) for folder in folders]
    _same_task(found, folders)
    texts = Texts()
    networks: dict[str, NetworkTab] = {n.key: n for results in found for n in search_networks(results)}
    both = list(enumerate(zip(found, folders, strict=True)))
    of = _distinguished(found, folders)
    return Page(
        title=_title(found, of, [name for name, _ in runs]),
        goals=goals(found[0].space) if found else [],
        searches=[search_page(results, folder, i, texts, of[i]) for i, (results, folder) in both],
        designs=[
            *(
                design
                for i, (results, folder) in both
                for design in front_designs(results, i, texts, front_hardware(results, folder))
            ),
            *(saved_design(run, name, f"run:{i}", texts) for i, (name, run) in enumerate(runs)),
        ],
        networks=list(networks.values()),
        papers=papers() if any(results.space.task for results in found) else NO_TABLE,
        comparisons=[each for folder in folders if (each := comparison(folder))],
        checks=checks() if found else [],
        timelines=[t for i, (results, folder) in both for t in front_timelines(results, folder, i)],
        texts=list(texts.known),
    )


def run_page(report: SimReport, command: str, network: NetworkTab, timeline: TimelineTab) -> Page:
    """One simulation: its design, what it ran, and a window of its steps."""
    texts = Texts()
    design = run_design(report, timeline.key, command, texts)
    return Page(
        title=design.title,
        goals=[],
        searches=[],
        designs=[design],
        networks=[network],
        papers=NO_TABLE,
        comparisons=[],
        checks=[],
        timelines=[timeline],
        texts=list(texts.known),
    )


def comparison_page(folder: Path) -> Page:
    """What `archsim compare` found in a folder, on its own."""
    found = comparison(folder)
    if found is None:
        raise BadInput(f"{folder}: holds no comparison; run archsim compare")
    return Page(
        title=f"Samplers on {found.name}",
        goals=[],
        searches=[],
        designs=[],
        networks=[],
        papers=NO_TABLE,
        comparisons=[found],
        checks=[],
        timelines=[],
        texts=[],
    )


def _distinguished(found: Sequence[Results], folders: Sequence[Path]) -> list[str]:
    """What follows the name of each search: its folder, where another of the page has that name."""
    names = [results.space.name for results in found]
    return [f" ({folder})" if names.count(name) > 1 else "" for name, folder in zip(names, folders, strict=True)]


def _title(found: Sequence[Results], of: Sequence[str], runs: Sequence[str]) -> str:
    titles = [(results.space.title or results.space.name) + which for results, which in zip(found, of, strict=True)]
    return " and ".join([*titles, *(f"run {name}" for name in runs)])


def _same_task(found: Sequence[Results], folders: Sequence[Path]) -> None:
    measured = [results.space.task.name if results.space.task else "no task" for results in found]
    for name, folder in zip(measured, folders, strict=True):
        if name != measured[0]:
            raise BadInput(f"{folder}: must be a search of {measured[0]}, as {folders[0]}, not {name}")


__all__ = [
    "NAME",
    "comparison_page",
    "run_network",
    "run_page",
    "timeline",
    "view_page",
    "write",
    "write_report",
]
