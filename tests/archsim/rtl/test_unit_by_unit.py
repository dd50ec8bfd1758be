"""Units that lie whole in one PE, where rows that share a place would waste sums: a GRU has four sums in three rows."""

from pathlib import Path

import pytest

from archsim.design import load_design
from archsim.simulation import Job, prepare
from tests.archsim.rtl.machines import differences, drawn_integers, tools
from tests.archsim.small_traces import trace_of

pytestmark = tools


@pytest.mark.parametrize(
    ("organisation", "tiles", "per_tile", "accumulators"),
    [("shared", 1, 10, 4), ("shared", 1, 4, 8), ("per_tile", 2, 2, 8)],
    ids=["fewer units than PEs", "several units a PE", "memories of their own"],
)
def test_sums_of_units_in_one_pe(
    organisation: str, tiles: int, per_tile: int, accumulators: int, tmp_path: Path
) -> None:
    trace = trace_of("gru-stack", "fixed8", 2)
    design = load_design("skip-65nm").override(
        {
            "lanes": 2,
            "pe_array.tiles": tiles,
            "pe_array.pes_per_tile": per_tile,
            "pe_array.accumulators": accumulators,
            "weight_memory.organisation": organisation,
            "weight_memory.capacity_kib": 256,
            "weight_memory.weights_per_cycle": 4,
        }
    )
    prepared = prepare(Job(design, trace, 2, steps=1))
    _, plan, _ = prepared.triple
    assert any(block.unit_by_unit for block in plan.blocks)
    assert differences(*prepared.triple, tmp_path, drawn_integers(trace, 1)) == ()
