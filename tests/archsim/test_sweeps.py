"""A sweep is every combination by itself; its front is that of its table; mistakes are said."""

from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from archsim import BadInput, Sweep, Trace, load_design, simulate, sweep, synthesize

VALUES = {"pe_array.tiles": [1, 2, 3], "clock_mhz": [100, 200]}


@pytest.fixture(scope="module")
def trace() -> Trace:
    return synthesize(hidden=64, inputs=10, density=0.2, sequences=8, steps=10)


@pytest.fixture(scope="module")
def swept(trace: Trace) -> Sweep:
    return sweep("skip-65nm", trace, VALUES)


def test_a_row_is_the_combination_by_itself(swept: Sweep, trace: Trace) -> None:
    frame = swept.to_frame()
    assert frame[["pe_array.tiles", "clock_mhz"]].to_numpy().tolist() == [
        [tiles, clock] for tiles in VALUES["pe_array.tiles"] for clock in VALUES["clock_mhz"]
    ]
    ran = frame[frame["reason"] == ""]
    assert len(ran) > 0
    for _, row in ran.iterrows():
        design = load_design("skip-65nm").override(
            {"pe_array.tiles": int(row["pe_array.tiles"]), "clock_mhz": int(row["clock_mhz"])}
        )
        report = simulate(design, trace)
        assert row["cycles"] == report.cycles
        assert row["energy_system_pj_per_token"] == pytest.approx(report.energy.total_system)
        assert row["area_mm2"] == pytest.approx(report.area.total_chip)


def test_what_does_not_fit_together_keeps_its_reason(trace: Trace) -> None:
    frame = sweep("skip-65nm", trace, {"lanes": [8, 7]}).to_frame()
    assert frame["reason"].tolist()[0] == ""
    assert "lanes" in frame["reason"].tolist()[1]
    assert np.isnan(frame["cycles"].tolist()[1])


def test_a_clock_that_no_circuit_reaches_is_on_no_front(trace: Trace) -> None:
    swept = sweep("skip-65nm", trace, {"clock_mhz": [200, 5000]})
    assert swept.to_frame()["clock_reachable"].tolist() == [True, False]
    assert swept.front(["latency_us_per_step"])["clock_mhz"].tolist() == [200]
    assert swept.front(["latency_us_per_step"], any_clock=True)["clock_mhz"].tolist() == [5000]
    assert [text.split("; ")[1:] for text in swept.plot().data[0].hovertext] == [[], ["no circuit reaches this clock"]]


def test_the_front_is_what_no_other_row_beats(swept: Sweep) -> None:
    columns = ["latency_us_per_step", "area_mm2"]
    frame, front = swept.to_frame(), swept.front(columns)
    ran = frame[frame["reason"] == ""]

    def beaten(row: pd.Series) -> bool:
        own, others = row[columns].to_numpy(float), ran[columns].to_numpy(float)
        return bool(((others <= own).all(1) & (others < own).any(1)).any())

    assert front.index.tolist() == [index for index, row in ran.iterrows() if not beaten(row)]


def test_it_is_shown_as_a_figure_and_as_a_table(swept: Sweep) -> None:
    figure = swept.plot("area_mm2", "cycles")
    assert isinstance(figure, go.Figure)
    assert len(figure.data[0].x) == (swept.to_frame()["reason"] == "").sum()
    assert "<table" in swept._repr_html_()


def test_names_and_paths_are_as_good_as_objects(trace: Trace, tmp_path: Path) -> None:
    file = str(tmp_path / "t.npz")
    trace.save(file)
    (tmp_path / "own.toml").write_text(load_design("skip-65nm").to_toml())
    expected = simulate(load_design("skip-65nm"), trace).cycles
    assert simulate("skip-65nm", file).cycles == simulate(str(tmp_path / "own.toml"), Path(file)).cycles == expected


def test_a_report_is_a_table_and_a_figure(trace: Trace) -> None:
    report = simulate("skip-65nm", trace)
    (row,) = report.to_frame().to_dict("records")
    assert (row["cycles"], row["lanes"]) == (report.cycles, report.lanes)
    assert sum(report.plot().data[0].y) == report.cycles
    assert "area_mm2" in report._repr_html_()


def test_mistakes_are_said(trace: Trace, swept: Sweep) -> None:
    with pytest.raises(BadInput, match=r"design skip-65nm: no parameter 'pe_array.tils'; choose from .*pe_array.tiles"):
        sweep("skip-65nm", trace, {"pe_array.tils": [1]})
    with pytest.raises(BadInput, match=r"sweep: lanes must have at least one value, not none"):
        sweep("skip-65nm", trace, {"lanes": []})
    for given in (2, "12"):
        with pytest.raises(BadInput, match=rf"sweep: lanes must have a list of values, not {given!r}"):
            sweep("skip-65nm", trace, {"lanes": given})  # type: ignore[dict-item]
    with pytest.raises(BadInput, match=r"column must be one of .*cycles.*, not 'speed'"):
        swept.front(["speed"])
    with pytest.raises(BadInput, match=r"nothing.npz: no such trace file"):
        simulate("skip-65nm", "nothing.npz")


def test_each_point_is_told_as_it_is_done(trace: Trace) -> None:
    told: list[tuple[int, int]] = []
    sweep("skip-65nm", trace, {"clock_mhz": [100, 200]}, on_point=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
