"""Words and numbers that the page says of a search."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dse import constraints
from dse.evaluation.outcome import ENDS, kind_of
from dse.objectives import Objective
from dse.report.shapes import Note, PageColumn, PageTable, Scalar, Tile
from dse.results import clocks
from dse.results.store import Results
from dse.space.space import Scenario, Space


def number(value: float) -> str:
    """Four figures, thousands separated, no exponent between a thousandth and a billion."""
    if value == 0 or not 1e-3 <= abs(value) < 1e9:
        return f"{value:.4g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def short(value: float) -> float:
    """Seven figures: what the page's data holds of a number."""
    return float(f"{value:.7g}")


def known(value: float | None) -> float | None:
    """`short`; None where there is no figure."""
    return None if value is None or math.isnan(value) else short(value)


def model_label(name: str) -> str:
    """A model's name; of one that is a file, the file's."""
    return Path(name).stem if "/" in name else name


def introduction(results: Results) -> str:
    space, counts = results.space, results.manifest.counts
    goals = _listed([_goal_words(goal) for goal in space.goals])
    bounds = _listed([_bound_words(space, name) for name in space.demanded])
    return (
        f"Each point is a complete accelerator design running one of {_networks(counts.models)}. "
        f"The search looked for {goals}{', with ' + bounds if bounds else ''}. A design is worth building only if no "
        "other is at least as good in every respect and better in one: those make up the Pareto front."
    )


def tiles(results: Results) -> list[Tile]:
    counts, manifest = results.manifest.counts, results.manifest
    accuracies = f"accuracies measured in this run, {counts.model_evaluations_cached} cached"
    shown = (
        (f"{counts.trials:,}", "trials"),
        (f"{counts.distinct_designs:,}", "distinct designs simulated"),
        (f"{counts.models}", "trained networks"),
        *([(f"{counts.model_evaluations}", accuracies)] if results.space.task else []),
        (f"{counts.front}", "designs on the front"),
        (f"{manifest.wall_seconds:,.0f} s", "on this machine"),
    )
    return [Tile(value=value, label=label) for value, label in shown]


def quality(results: Results) -> str:
    """How much of what there was to find was found."""
    found = results.quality
    if found is None:
        return "Nothing feasible was found."
    said = f"The front has {found.hypervolume:.2%} of the box's hypervolume"
    exact, regret = found.exact_hypervolume, found.regret
    if exact is None or regret is None:
        return f"{said}; how much there is to find is not known (archsim enumerate tells)."
    return (
        f"{said}, the exact front of the space {found.exact_hypervolume:.2%}: {found.regret:.2%} of it were not found."
    )


def notes(results: Results) -> list[Note]:
    """How the figures are meant, and what to beware of."""
    space, counts = results.space, results.manifest.counts
    scenario = space.scenario
    scope = {
        "model": "the whole model, readout included",
        "recurrent": "the recurrent layer (both gate products, the gates, the encoder) without the readout",
    }[scenario.scope]
    basis = sorted({detail.energy_basis for detail in results.details})
    said = [
        Note(
            text=f"Every design runs {scope}, on the same {_pieces(scenario)}, of at most {scenario.steps} steps each; "
            f"a design of fewer lanes runs the first of them.{_stream(scenario)} {_accuracy(space)}"
        ),
        *([Note(text=f"Energy is per token, and rests on {'; '.join(basis)}.")] if basis else []),
        Note(
            text="Calibrated figures rest on something fitted to published chips, predicted ones on memory models and "
            "synthesis alone. The energy of a DRAM bit is known to within a factor of two, so conclusions that depend "
            "on DRAM hold only as far as the range given with a design."
        ),
        Note(
            text=f"The {counts.front} designs of the front were run twice: by the closed form that the search used, "
            "and by the discrete-event simulator. Both agree in every cycle and every count."
        ),
        Note(
            text="Published designs were built for larger networks; on these they are points of reference, not rivals."
        ),
    ]
    lacking = [
        Note(text=f"No energy of the system counts this: {part}.", warning=True) for part in results.space.not_counted
    ]
    return [*said, *_clocks(results), Note(text=_bands(results)), *_left_out(results), *lacking]


def _clocks(results: Results) -> list[Note]:
    """What the clocks of the front take; nothing of a front that was written before this was looked at."""
    extra = list(results.front.get(clocks.COLUMN, ()))
    said = ((clocks.more_stages(extra), False), (clocks.impossible(extra), True))
    return [Note(text=text, warning=warning) for text, warning in said if text]


def failures(results: Results) -> PageTable:
    """Why trials were not feasible, the most frequent reason first; numbers in the reasons are left out."""
    trials = results.trials
    reasons = Counter(kind_of(str(reason)) for reason in trials[~trials["feasible"]]["reason"])
    rows: list[list[Scalar]] = [[count, reason] for reason, count in reasons.most_common()]
    return PageTable(columns=(PageColumn(title="Trials"), PageColumn(title="Reason", words=True)), rows=rows)


def footer(results: Results) -> str:
    manifest, space = results.manifest, results.space
    versions = ", ".join(f"{name} {number}" for name, number in manifest.versions.items())
    return (
        f"Search {space.name}, base design {Path(space.base).name}, sampler {space.sampler}, seed {manifest.seed}, "
        f"written {manifest.written}. Python {manifest.python}, {versions}. Space {manifest.space_sha256[:16]}, base "
        f"{manifest.base_design_sha256[:16]}; everything is in the tables beside this file."
    )


def _networks(count: int) -> str:
    return "one trained network" if count == 1 else f"{count} really trained networks"


def _pieces(scenario: Scenario) -> str:
    if scenario.inputs is not None:
        return f"{scenario.sequences} sequences of {Path(scenario.inputs).name}"
    return f"{scenario.sequences} pieces of the validation data"


def _accuracy(space: Space) -> str:
    if space.task is None:
        return "The networks were run without a task: their accuracy was not measured."
    return (
        "Accuracy is measured on the whole validation split, with each network quantized and pruned as the hardware "
        "would run it."
    )


def _stream(scenario: Scenario) -> str:
    if scenario.period_us is None:
        return ""
    return (
        f" They enter as a stream: a step of every lane each {scenario.period_us:g} µs, due {scenario.due_us:g} µs"
        " after its input. Energy is over the whole period, and a design of which a step is late is not feasible."
    )


def _bands(results: Results) -> str:
    """How much of the front depends on costs of which only a band is known."""
    trials, parts = results.trials, []
    for end in ENDS:
        there, stay = trials[f"on_front_{end}"], trials[f"on_front_{end}"] & trials["on_front"]
        parts.append(f"{end}: {stay.sum()} of {trials['on_front'].sum()} stay, {(there & ~stay).sum()} others join")
    return f"The front with all energies and areas at one end of the bands that sources leave, {'; '.join(parts)}."


def _left_out(results: Results) -> list[Note]:
    trials = results.trials
    left = sorted({str(v) or "nothing" for v in trials[trials["feasible"]]["left_out"]})
    if len(left) > 1:
        told = f"what they leave to the host differs ({'; '.join(left)}). Compare them with care."
        return [Note(text=f"Not all designs do the same work: {told}", warning=True)]
    return [Note(text=f"Left out of every design alike: {left[0]}.")] if left else []


def _goal_words(goal: Objective) -> str:
    return f"{'low' if goal.direction == 'minimize' else 'high'} {goal.noun}"


def _bound_words(space: Space, name: str) -> str:
    if constraints.is_one(name):
        return constraints.by_name(name).title
    goal, bound = space.objective(name), space.constraints[name]
    return f"{goal.noun} at {'most' if goal.sign > 0 else 'least'} {bound:g} {goal.unit}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([*filter(None, [", ".join(words[:-1])]), *words[-1:]])
