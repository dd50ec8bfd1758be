"""Designs as data: loading, overriding, digests and refusals."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import pytest

from archsim import designs
from archsim.design import Design, load_design, parameters
from archsim.errors import BadInput
from archsim.specs import ALL as SPECS
from archsim.specs.base import LATER, Spec


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
            value: Any = design.model_dump(mode="json")
            for part in path.split("."):
                assert isinstance(value, dict)
                value = value[part]
            if not isinstance(value, list):
                assert design.override({path: value}) == design


@pytest.mark.parametrize("spec", SPECS)
def test_every_spec_is_frozen_and_refuses_unknown_keys(spec: type) -> None:
    assert spec.model_config["frozen"]  # type: ignore[attr-defined]
    assert spec.model_config["extra"] == "forbid"  # type: ignore[attr-defined]


IDENTITIES = {
    "skip-65nm": "273fc36897826519d9eaf5e739293118296894272a19ee2934bb83d967b859f8",
    "rbt-low-power-full": "0aebbc89f6dcd1f5ecc6e40ac51225a09256b5e2feb621a6dc51b9a4849dbd6b",
    "rbt-low-power-ternary": "8cdc29944719a72fb3b955b323d607f5c3ce6f1645d6ddf7f126e32e27529a36",
    "rbt-low-power-binary": "21f3df947741514744245b2034f4f038a3a466015ca12097e08c6e56c9b91c45",
    "rbt-high-speed-ternary": "69a56f119046994222e476cf3f0a620ddff2de6de38fa74734414f9ef4f5e761",
    "rbt-high-speed-binary": "b0a3c8b73981f8d3df5fa08e6dd038f4fe8647778b462d3177f8250c6b4527dd",
    "edge-8pe": "07c94fc102fac80065ad0c8e0b2d95d0357fab2d7e9d605afca398e312805a6e",
    "edge-shift": "afd338d7ccd327b3c48ec18adbe74e632740bf6e0df5a6520ed1af2c79d156b2",
    "edge-resident": "fd0bce17e56c38beeaef90950190cc58bdd9c497d8f1d3d4cae04ea9b7d82ca0",
    "stream-only": "cd0612aa1fa268494635c1ed982ad900aa20e8d0a281ca8f29f793f681ee16f6",
    "edge-private": "44d0138471966be5ceb028704cbbf4b4da86d9eb4f9092a265cf19ed7f4ecfa2",
    "large": "dc658c93a62e3d918101dde0035c1aa9f800846c77ac4abeecac1e0f60319110",
    "stationary-65nm": "de267a39ff15a595c554fd7c1aee78fccf8f6f5a70aa2d39a0afdc31e6dbe81c",
}
"""Digests that searches have stored: with another digest, a stored search could not be continued."""


def test_the_identity_of_shipped_designs_stays() -> None:
    """If a design file is changed on purpose, its line here changes too; if a field is added, no line may change."""
    assert {name: load_design(name).sha256 for name in designs.ALL} == IDENTITIES


class Encoder(Spec):
    """A component that the first designs did not have."""

    kind: str = "none"


class Grown(Design):
    """A design with one more field and one more component than stored designs have."""

    colour: Annotated[str, LATER] = "grey"
    encoder: Annotated[Encoder, LATER] = Encoder()


class TestALaterField:
    def test_at_its_default_leaves_a_design_what_it_was(self) -> None:
        before = load_design("skip-65nm")
        grown = Grown.model_validate(before.model_dump())
        assert (grown.colour, grown.encoder.kind) == ("grey", "none")
        assert grown.sha256 == before.sha256
        assert grown.to_toml() == before.to_toml()
        assert list(grown.stated()) == list(before.stated())

    def test_set_makes_another_design(self) -> None:
        before = load_design("skip-65nm")
        for values in ({"colour": "red"}, {"encoder": {"kind": "some"}}):
            grown = Grown.model_validate(before.model_dump() | values)
            assert grown.sha256 != before.sha256
            assert grown.stated() == before.stated() | values
            assert Grown.model_validate(tomllib.loads(grown.to_toml())) == grown

    def test_can_be_set_by_its_path(self) -> None:
        assert {"colour", "encoder.kind"} <= set(parameters(Grown.model_validate(load_design("large").model_dump())))


def test_nothing_else_is_left_out() -> None:
    """A field that is not marked `LATER` is stated even at its default."""

    def unmarked(spec: Spec) -> dict[str, Any]:
        kept = [name for name, field in type(spec).model_fields.items() if LATER not in field.metadata]
        tree = spec.model_dump(mode="json")
        given = ((name, getattr(spec, name)) for name in kept)
        return {name: unmarked(value) if isinstance(value, Spec) else tree[name] for name, value in given}

    design = load_design("skip-65nm")
    assert design.stated() == unmarked(design)


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
    with pytest.raises(BadInput, match=r"no parameter 'pe_array.tile'; choose from .*pe_array\.tiles"):
        design.override({"pe_array.tile": 2})
    with pytest.raises(BadInput, match=r"lanes must divide the 192 PEs \(tiles x pes_per_tile\), 7 does not"):
        design.override({"lanes": 7})
    with pytest.raises(BadInput, match=r"entries of a table must be a power of two, not 100"):
        design.override({"activation_unit.curve": "table", "activation_unit.entries": 100})
    with pytest.raises(BadInput, match=r"weight_memory\.ports"):
        design.override({"weight_memory.ports": 3})
    assert isinstance(design, Design)
