"""The table of gates by component beside the cost model's."""

from rich.console import Group, RenderableType

from archsim.rtl.area import LEFT_OUT, Compared, Comparison
from archsim.rtl.synthesis import DELAY
from dse.cli.tables.layout import figures, literal, several


def area_table(found: Comparison) -> RenderableType:
    """Cells, area and delay of each component, and what the cost model has for it at the design's node."""
    names = ("component", "cells", "µm²", "gates", "priced", "gates", "ratio", "ns")
    by, rows = found.synthesis, map(_line, (*found.rows, found.total))
    return Group(
        figures(
            "Logic by component, in Verilog and as priced; areas in thousands",
            names,
            rows,
        ),
        literal(
            f"{by.tool}, {by.library}; priced: at {found.design.node_nm} nm, in µm² (a library does not say its node:"
            " --set node_nm=)"
        ),
        f"gates: over a NAND2, of {by.nand2_um2:g} µm² here and of the cost model's library there; ratio: of gates",
        f"{several(by.clock_gates, 'clock gate')}; left out on both sides: {LEFT_OUT}",
        f"ns: {DELAY}",
    )


def _line(row: Compared) -> tuple[str, ...]:
    delay = "" if row.delay_ns is None or row.component == "total" else f"{row.delay_ns:.2f}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    areas = (row.area_um2, row.gates, row.priced_um2, row.priced_gates)
    return (row.label, f"{row.cells:,}", *(f"{value / 1000:,.2f}" for value in areas), ratio, delay)
