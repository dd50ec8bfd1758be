"""Points of the front as the tab Design shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from archsim.record import FigureRecord, PointRecord
from dse.report.shapes import DesignTab, HardwareTab, Part, TermValue
from dse.report.values import key, leaves, setting
from dse.report.words import known, model_label, number, short
from dse.results.details import FrontDetail
from dse.results.store import Results

PJ_PER_NJ = 1000.0
STAYS = "On the front if costs are"
"""At which ends of the costs' bands a point is still on it; the page's table of the front has it too."""


class Texts:
    """Texts that repeat, each kept once; the page names them by number."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.known.setdefault(text, len(self.known))


def front_designs(
    results: Results, index: int, texts: Texts, hardware: Sequence[HardwareTab | None]
) -> list[DesignTab]:
    """Every point of the front of search number `index`, with what is known of its `hardware`."""
    return [
        _of_detail(detail, results, index, texts, own) for detail, own in zip(results.details, hardware, strict=True)
    ]


def network_key(model: str, threshold: float | None) -> str:
    return f"{model}@{'' if threshold is None else format(threshold, '.6g')}"


def _of_detail(
    detail: FrontDetail, results: Results, index: int, texts: Texts, hardware: HardwareTab | None
) -> DesignTab:
    searched = {name: setting(value) for name, value in detail.overrides.items()}  # also where it is a default
    return DesignTab(
        key=key(index, detail.trial),
        title=f"Trial {detail.trial}: {model_label(detail.model)}, {detail.weight_format} weights",
        says=energy_words(detail.energy_chip_pj_per_token, detail.energy_system_band_pj_per_token),
        model=network_key(detail.model, detail.threshold),
        facts=_detail_facts(detail, results),
        parameters=leaves(results.space.design(detail.overrides)) | searched,
        energy=parts(detail.energy, PJ_PER_NJ, texts),
        area=parts(detail.area, 1.0, texts),
        cycles=detail.cycles,
        busy_cycles=detail.busy_cycles,
        stalls=detail.stalls,
        step_cycles=detail.step_cycles,
        roofline=detail.roofline,
        command="",
        clock=clock_words(detail.clock_problems),
        hardware=hardware,
    )


def _detail_facts(detail: FrontDetail, results: Results) -> list[TermValue]:
    space, metric = results.space, results.space.metric
    named = [*space.goals, *(figure for figure in space.figures if figure.name not in space.objectives)]
    tested = [] if metric is None else [(f"Test {metric.title}", known(detail.test_loss), metric.unit)]
    return [
        *(
            TermValue(term=goal.title, value=short(goal.shown(detail.objectives[goal.name])), unit=goal.screen_unit)
            for goal in named
        ),
        *(TermValue(term=term, value=value, unit=unit) for term, value, unit in tested),
        TermValue(term=STAYS, value=", ".join(["mid", *detail.on_front_at])),
        TermValue(term="State threshold", value=short(detail.threshold)),
        TermValue(term="Zeros in the state", value=short(100 * detail.state_sparsity), unit="%"),
        *labelled(detail),
        TermValue(term="Weights", value=weights_words(detail.weights_resident)),
        TermValue(term="Left out", value="; ".join(detail.left_out) or "nothing"),
        not_counted(detail),
    ]


def not_counted(record: PointRecord) -> TermValue:
    """What the totals of energy do not hold."""
    said = "not said in the file" if record.energy_not_counted is None else "; ".join(record.energy_not_counted)
    return TermValue(term="Not counted in energy", value=said)


def labelled(record: PointRecord) -> list[TermValue]:
    """What has a label in a record."""
    values = dict(record)
    return [
        TermValue(term=label.title, value=known(values[name]), unit=label.unit)
        for name, label in record.labels().items()
    ]


def parts(components: Mapping[str, FigureRecord], scale: float, texts: Texts) -> list[Part]:
    return [
        Part(
            name=name,
            value=short(figure.value / scale),
            low=short(figure.low / scale),
            high=short(figure.high / scale),
            status=figure.status,
            source=texts(figure.source),
        )
        for name, figure in components.items()
    ]


def energy_words(chip_pj: float, system_pj: tuple[float, float, float]) -> str:
    low, mid, high = (number(pj / PJ_PER_NJ) for pj in system_pj)
    chip = number(chip_pj / PJ_PER_NJ)
    on_chip = f", {chip} nJ of it on the chip" if system_pj[1] > chip_pj else ", all of it on the chip"
    band = f"; {low} to {high} at the ends of the cost bands" if low != high else ""
    return f"{mid} nJ a token{on_chip}{band}."


def weights_words(resident: bool) -> str:
    return "resident in SRAM" if resident else "streamed from DRAM"


def clock_words(problems: tuple[str, ...]) -> str:
    return f"Misses its clock as it stands: {'; '.join(problems)}" if problems else "Every part meets the clock."


def trace_file(detail: FrontDetail, folder: Path) -> Path:
    return folder / detail.trace
