"""Commands about one design beside run: stream, fit, explain, validate, diff."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from archsim.analysis.diff import diff, load_run
from archsim.analysis.explain import explain as explain_design
from archsim.analysis.roofline import column_histograms, roofline
from archsim.analysis.scenario import (
    Least,
    least_bandwidth,
    least_sram,
    streaming,
)
from archsim.analysis.validate import validate
from archsim.costs import SHIPPED, load_cost_table
from archsim.costs.model import left_out
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.record import RooflineRecord
from archsim.simulation import simulate
from dse.cli.bars import progress
from dse.cli.inputs import load_workload, parse_overrides, record_text
from dse.cli.options import DesignArgument, DesignOption, Json, Lanes, OwnCosts, Scope, WorkloadOption, overrides
from dse.cli.tables.analyses import diff_report, stream_report
from dse.cli.tables.costs import explain_report, fit_report, validation_markdown, validation_table
from dse.cli.terminal import out, print_json
from dse.evaluation.fit import fit
from workloads import tasks, zoo


def stream(
    design: DesignOption,
    workload: WorkloadOption,
    period: Annotated[float, typer.Option(help="Microseconds from one step's input to the next.")],
    deadline: Annotated[float | None, typer.Option(help="Microseconds a step may take; default: the period.")] = None,
    set_: Annotated[list[str] | None, overrides("clock_mhz=100")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the stream.")] = 100,
    lanes: Lanes = None,
    scope: Scope = "model",
    as_json: Json = False,
) -> None:
    """A stream, a step of every lane each period: slack, energy, and the least DRAM and SRAM that hold the deadline.

    archsim stream --design skip-65nm --workload wp-lstm256-ternary-s90 --period 100

    archsim stream --design edge-8pe --workload wp-lstm256-fixed8-s90 --period 2000 --deadline 500 --json
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    lanes = lanes or chosen.lanes
    trace = load_workload(workload, lanes, steps, "test", None)
    options: dict[str, Any] = {"lanes": lanes, "steps": min(steps, trace.steps), "scope": scope}
    found = streaming(chosen, trace, period, deadline, **options)
    with progress("bisecting", None):
        least = {
            "bandwidth": _least(lambda: least_bandwidth(chosen, trace, found.deadline_us, **options)),
            "sram": _least(lambda: least_sram(chosen, trace, found.deadline_us, **options)),
        }
    roof = roofline(simulate(chosen, trace, **options))
    histograms = column_histograms(trace, lanes)
    if as_json:
        needs = {name: each if isinstance(each, str) else each.to_json() for name, each in least.items()}
        lists = [histogram.to_json() for histogram in histograms]
        print_json({**found.to_json(), "least": needs, "roofline": RooflineRecord.of(roof).to_json(), "columns": lists})
        return
    out.print(stream_report(found, least, roof))


def _least(find: Callable[[], Least]) -> Least | str:
    """What was found, or why there is none."""
    try:
        return find()
    except BadInput as reason:
        return str(reason)


def fit_(
    design: DesignArgument = "edge-resident",
    hidden: Annotated[int, typer.Option(min=1, help="Units of the LSTM.")] = 512,
    density: Annotated[float, typer.Option(help="Share of its state that is not zero.")] = 0.2,
    as_json: Json = False,
) -> None:
    """Formats against on-chip SRAM: where a model begins to fit, and what that does to energy per token.

    archsim fit

    archsim fit large --hidden 1500 --json
    """
    with progress("simulating", None):
        found = fit(load_design(design), hidden=hidden, density=density)
    if as_json:
        print_json([{**vars(each), "system_pj_per_token": vars(each.system_pj_per_token)} for each in found])
    else:
        out.print(fit_report(found))


def explain(
    design: DesignArgument,
    set_: Annotated[list[str] | None, overrides("voltage_v=0.9")] = None,
    costs: OwnCosts = None,
    as_json: Json = False,
) -> None:
    """Every cost figure of a design, with its unit, its source, and how sure it is.

    archsim explain skip-65nm --set voltage_v=0.9

    archsim explain mine.toml --costs measured.toml --json
    """
    chosen = load_design(design).override(parse_overrides(set_ or []))
    rows = explain_design(chosen, load_cost_table(costs) if costs else SHIPPED)
    if as_json:
        print_json([row.to_json() for row in rows])
    else:
        out.print(explain_report(rows, left_out(chosen)))


def validate_(
    traces: Annotated[bool, typer.Option("--traces/--no-traces", help="SKIP's speed-up on the shipped models.")] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="The table as docs/results has it.")] = False,
    as_json: Json = False,
) -> None:
    """The published hardware figures beside ours; exit code 1 where one that gates is missed.

    archsim validate

    archsim validate --no-traces --json
    """
    recorded = {}
    if traces:
        for card in map(zoo.load_card, zoo.ALL):
            if card.measured.state_sparsity > 0.25 and tasks.by_name(card.data.task).ships:
                recorded[card.name] = record_text(zoo.load_either(card.name), "test", 8, 400)
    with progress("simulating", None):
        found = validate(recorded)
    if as_json:
        print_json(found.to_json())
    elif markdown:
        print(validation_markdown(found))
    else:
        out.print(validation_table(found))
    if not found.ok:
        raise typer.Exit(1)


def diff_(
    before: Annotated[Path, typer.Argument(help="What `archsim run --json` printed.")],
    after: Annotated[Path, typer.Argument(help="The same of another run.")],
    as_json: Json = False,
) -> None:
    """What changed between two runs, by component, the largest effect first.

    archsim diff one.json other.json

    archsim diff one.json other.json --json
    """
    found = diff(load_run(before), load_run(after))
    if as_json:
        print_json(found.to_json())
    else:
        out.print(diff_report(found))
