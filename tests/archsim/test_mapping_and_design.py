"""Designs as data, and the plan made from them."""

from pathlib import Path

import pytest

from archsim import designs
from archsim.components import ALL as SPECS
from archsim.design import Design, load_design, parameters
from archsim.mapping import plan
from archsim.synthetic import FORMATS, synthesize
from archsim.trace import BadInput, Graph, MatVec


@pytest.mark.parametrize("name", designs.ALL)
class TestEveryDesign:
    def test_loads_and_is_named_as_its_file(self, name: str) -> None:
        assert load_design(name).name == name

    def test_survives_toml(self, name: str, tmp_path: Path) -> None:
        design = load_design(name)
        (tmp_path / "copy.toml").write_text(design.to_toml())
        assert load_design(tmp_path / "copy.toml") == design
        assert load_design(tmp_path / "copy.toml").sha256 == design.sha256

    def test_every_parameter_can_be_overridden_with_itself(self, name: str) -> None:
        design = load_design(name)
        for path in parameters(design):
            value: object = design.model_dump(mode="json")
            for part in path.split("."):
                assert isinstance(value, dict)
                value = value[part]
            if not isinstance(value, list):
                assert design.override({path: value}) == design


@pytest.mark.parametrize("spec", SPECS)
def test_every_spec_is_frozen_and_refuses_unknown_keys(spec: type) -> None:
    assert spec.model_config["frozen"]  # type: ignore[attr-defined]
    assert spec.model_config["extra"] == "forbid"  # type: ignore[attr-defined]


def test_skip_has_the_published_shape() -> None:
    """192 PEs of 8 bits at 200 MHz; 384 rows a block, so the list of 1,000 units is read 11 times a step."""
    design = load_design("skip-65nm")
    planned = plan(design, synthesize(1000, 50, 1.0, steps=1).graph, 8)
    assert design.pe_array.pes == 192
    assert [block.rows for block in planned.blocks] == [384] * 10 + [160]
    assert planned.blocks[0].stream_cycles == planned.blocks[0].tile_cycles == 16
    assert [len(block.bursts) for block in planned.blocks] == [2] + [1] * 10


def test_weights_that_fit_are_resident_and_stream_otherwise() -> None:
    graph = synthesize(64, 10, 0.5, steps=1).graph
    small = load_design("skip-65nm").override({"weight_memory.capacity_kib": 19})
    large = load_design("skip-65nm").override({"weight_memory.capacity_kib": 21})
    # 256 rows x 74 columns of 8 bits, each column padded to 11 words of 24 weights, and 256 shifts of 16 bits
    assert plan(small, graph, 1).model_bits == 11 * 24 * 8 * 74 + 256 * 16
    assert not plan(small, graph, 1).resident
    assert plan(large, graph, 1).resident
    assert plan(large, graph, 1).blocks[0].column_dram_bits == 0


def test_a_ternary_model_fits_where_an_8_bit_one_does_not() -> None:
    design = load_design("skip-65nm").override({"weight_memory.capacity_kib": 100})
    graphs = {f: synthesize(256, 83, 0.5, steps=1, weight_format=f).graph for f in ("ternary", "fixed8")}
    assert plan(design, graphs["ternary"], 1).resident
    assert not plan(design, graphs["fixed8"], 1).resident


@pytest.mark.parametrize(
    ("design", "weights", "message"),
    [
        ("rbt-low-power-binary", "fixed8", "cannot run operation W_x: fixed8 weights need a multiplier"),
        ("rbt-low-power-binary", "ternary", "ternary weights take 2 bits, a PE takes 1"),
        ("skip-65nm", "fixed12", "fixed12 weights take 12 bits, a PE takes 8"),
        ("skip-65nm", "float32", "float32 weights need a floating-point MAC, this array has fixed PEs"),
    ],
)
def test_a_format_that_the_array_cannot_do_is_refused_by_name(design: str, weights: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan(load_design(design), synthesize(8, 2, 0.5, steps=1, weight_format=weights).graph, 1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"weight_memory.fifo_words": 4}, "weight_memory.fifo_words must be at least 16, one column of a block, not 4"),
        ({"state_buffer.units": 99}, "state_buffer.units must be at least 100, not 99"),
        ({"pe_array.accumulators": 1, "pe_array.pes_per_tile": 2}, "must hold the 4 rows of a unit 1 times, not 1 x 1"),
    ],
)
def test_an_impossible_design_is_refused(override: dict[str, int], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan(load_design("skip-65nm").override(override), synthesize(100, 2, 0.5, steps=1).graph, 1)


def test_products_of_different_widths_in_one_group_are_refused() -> None:
    graph = synthesize(8, 2, 0.5, steps=1).graph
    w_x, *rest = graph.operations
    assert isinstance(w_x, MatVec)
    narrow = w_x.model_copy(update={"weight_format": FORMATS["ternary"]})
    mixed = Graph(operations=(narrow, *rest), operands=graph.operands)
    with pytest.raises(BadInput, match="group gates: its products must have weights of one width, not 2 and 8 bits"):
        plan(load_design("skip-65nm"), mixed, 1)


def test_mistakes_in_a_design_file_are_all_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = load_design("skip-65nm").to_toml().replace("clock_mhz = 200", "clock_mhz = 0\ncolour = 1")
    path.write_text(text)
    with pytest.raises(
        BadInput, match=r"mine\.toml: clock_mhz: .*greater than or equal to 1, not 0; colour: unknown key$"
    ):
        load_design(path)
    path.write_text("name = ")
    with pytest.raises(BadInput, match=r"mine\.toml: is not a TOML file"):
        load_design(path)
    with pytest.raises(BadInput, match=r"absent: no such design file, nor one of skip-65nm"):
        load_design("absent")


def test_overrides_name_what_there_is() -> None:
    design = load_design("skip-65nm")
    assert design.override({"pe_array.tiles": 2}).pe_array.pes == 96
    with pytest.raises(BadInput, match=r"no parameter 'pe_array.tile'; there is .*pe_array\.tiles"):
        design.override({"pe_array.tile": 2})
    with pytest.raises(BadInput, match=r"lanes must divide the 192 PEs \(tiles x pes_per_tile\), 7 does not"):
        design.override({"lanes": 7})
    assert isinstance(design, Design)
