"""A user's cost table changes exactly the figures that it names, and is refused if it names anything else."""

import re
import tomllib
from pathlib import Path

import pytest

from archsim import catalogue, designs
from archsim.costs import SHIPPED, CostTable, area, energy, leakage, load_cost_table, own
from archsim.costs.model import dram_pj_per_bit, prices
from archsim.costs.own import cost_table
from archsim.design import load_design
from archsim.errors import BadInput
from archsim.ledger import Ledger

SKIP = load_design("skip-65nm")

OWN = """
name = "ours"

[area.pe_array]
value = 1000
unit = "um2/PE"
source = "our synthesis"

[area.weight_memory]
value = 0.5
unit = "mm2"
source = "our compiler"

[energy.pe_array.mac]
value = 2.0
low = 1.5
high = 3.0
unit = "pJ"
source = "our power report"

[leakage.state_buffer]
value = 0.25
unit = "nW/bit"
source = "our data sheet"

[dram.lpddr4]
value = 5.0
unit = "pJ/bit"
source = "our DRAM"
"""


def table(text: str = OWN) -> CostTable:
    return cost_table(tomllib.loads(text))


def run(costs: CostTable = SHIPPED) -> object:
    ledger = Ledger()
    for action in prices(SKIP):
        ledger.add(action, 1000)
    ledger.add(catalogue.READ_BITS, 1000)
    return energy(SKIP, ledger, 200, 1, costs)


def test_it_changes_exactly_what_it_names() -> None:
    costs = table()
    for own_, shipped, named in (
        (area(SKIP, costs).components, area(SKIP).components, {"pe_array", "weight_memory"}),
        (leakage(SKIP, costs), leakage(SKIP), {"state_buffer"}),
        (prices(SKIP, costs), prices(SKIP), {catalogue.MAC}),
    ):  # fmt: skip
        assert {key for key in shipped if own_[key] != shipped[key]} == named  # type: ignore[index]


def test_its_values_by_hand() -> None:
    costs = table()
    assert area(SKIP, costs).components["pe_array"].value == pytest.approx(192 * 1000e-6)
    assert area(SKIP, costs).components["weight_memory"].value == 0.5
    bits = 1024 * 8 * (2 * 8 + 16)  # units x lanes x (h twice, c)
    assert leakage(SKIP, costs)["state_buffer"].value == pytest.approx(0.25e-6 * bits)
    mac = prices(SKIP, costs)[catalogue.MAC]
    assert (mac.value, mac.band.low, mac.band.high) == (2.0, 1.5, 3.0)
    assert (mac.unit, mac.status, mac.source) == ("pJ", "given", "our power report")
    assert dram_pj_per_bit(SKIP, costs).value == 5.0


def test_energy_follows_and_carries_the_band() -> None:
    shipped, ours = run(), run(table())
    before, after = shipped.components, ours.components  # type: ignore[attr-defined]
    assert {n for n in before if before[n] != after[n]} == {"pe_array", "leakage", "dram"}
    difference = 1000 * (2.0 - prices(SKIP)[catalogue.MAC].value)
    assert after["pe_array"].value - before["pe_array"].value == pytest.approx(difference)
    assert after["pe_array"].band.high - after["pe_array"].value == pytest.approx(1000)
    assert after["dram"].value - before["dram"].value == pytest.approx(1000 * (5.0 - 11.0))
    assert "our power report" in after["pe_array"].source


def test_a_component_is_given_only_if_all_of_it_is() -> None:
    ledger = Ledger()
    ledger.add(catalogue.MAC, 10)
    assert energy(SKIP, ledger, 200, 1, table()).components["pe_array"].status == "given"
    ledger.add(catalogue.IDLE_PE_CYCLE, 1)
    assert energy(SKIP, ledger, 200, 1, table()).components["pe_array"].status == "calibrated"


def test_an_own_kind_of_dram() -> None:
    text = 'name = "x"\n[dram.own-lpddr5]\nvalue = 4\nunit = "pJ/bit"\nsource = "s"\n'
    design = SKIP.override({"dram.kind": "own-lpddr5"})
    with pytest.raises(BadInput, match=r"^dram\.kind must be one of"):
        dram_pj_per_bit(design)
    assert dram_pj_per_bit(design, table(text)).value == 4
    assert energy(design, Ledger(), 1, 1, table(text)).components["dram"].value == 0
    known = f'{text}[background.own-lpddr5]\nvalue = 10\nunit = "mW"\nsource = "s"\n'
    read = Ledger()
    read.add(catalogue.READ_BITS, 1)
    assert energy(design, read, 200, 1, table(known)).components["dram"].value == pytest.approx(4 + 10 * 1000)


def test_the_background_of_a_channel() -> None:
    text = 'name = "x"\n[background.lpddr4]\nvalue = 10\nunit = "mW"\nsource = "s"\n'
    ledger = Ledger()
    ledger.add(catalogue.READ_BITS, 1)
    wide = SKIP.override({"dram.bandwidth_gbps": 100})  # two channels
    assert energy(wide, ledger, 200, 1, table(text)).components["dram"].value == pytest.approx(11 + 2 * 10 * 1000)


@pytest.mark.parametrize("name", designs.ALL)
def test_every_shipped_figure_can_be_given_as_it_is(name: str) -> None:
    """A table made of the shipped figures changes no value, only its source."""
    design = load_design(name)
    lines = ['name = "same"']
    for component, figure in area(design).components.items():
        lines.append(f'[area.{component}]\nvalue = {figure.value!r}\nunit = "mm2"\nsource = "s"')
    for component, figure in leakage(design).items():
        lines.append(f'[leakage.{component}]\nvalue = {figure.value!r}\nunit = "mW"\nsource = "s"')
    for action, figure in prices(design).items():
        lines.append(f'[energy.{action.path}]\nvalue = {figure.value!r}\nunit = "pJ"\nsource = "s"')
    costs = table("\n".join(lines))
    assert area(design, costs).total_chip == area(design).total_chip
    assert {f.status for f in (*area(design, costs).components.values(), *leakage(design, costs).values())} == {"given"}
    assert [f.value for f in prices(design, costs).values()] == [f.value for f in prices(design).values()]


def test_the_example_of_the_docstring_loads() -> None:
    text = "\n".join(line.removeprefix("    ") for line in (own.__doc__ or "").splitlines() if line.startswith("    "))
    assert len(cost_table(tomllib.loads(text)).figures) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[area.pe_array]\nvalue = 1", "name: must be a text, not None"),
        ('name = "x"\n[area.pe]\nvalue = 1\nunit = "mm2"\nsource = "s"',
         "area.pe: unknown key; choose from area.pe_array, area.scratch, area.weight_memory, area.state_buffer,"
         " area.skip_encoder, area.activation_unit, area.sequencer"),
        ('name = "x"\n[energy.sequencer.divide]\nvalue = 1\nunit = "pJ"\nsource = "s"',
         "energy.sequencer.divide: unknown key; choose from energy.sequencer.burst"),
        ('name = "x"\n[price.pe_array]\nvalue = 1\nunit = "pJ"\nsource = "s"',
         "price.pe_array: unknown key; choose from area, leakage, energy, dram, background"),
        ('name = "x"\n[dram.optane]\nvalue = 1\nunit = "pJ/bit"\nsource = "s"',
         "dram.optane: unknown key; choose from dram.lpddr4, dram.lpddr, dram.lpddr3, dram.ddr3, dram.gddr5, dram.hbm2,"
         " dram.hmc"),
        ('name = "x"\n[area.pe_array]\nvalue = 1\nunit = "pJ"\nsource = "s"',
         "area.pe_array.unit: must be mm2 or um2/PE, not 'pJ'"),
        ('name = "x"\n[area.pe_array]\nvalue = -1\nunit = "mm2"\nsource = "s"',
         "area.pe_array.value: Input should be greater than or equal to 0, not -1.0"),
        ('name = "x"\n[area.pe_array]\nvalue = "1"\nunit = "mm2"\nsource = "s"',
         "area.pe_array.value: Input should be a valid number, not '1'"),
        ('name = "x"\n[area.pe_array]\nvalue = 1\nunit = "mm2"', "area.pe_array.source: is missing"),
        ('name = "x"\n[area.pe_array]\nvalue = 1\nunit = "mm2"\nsource = "s"\nnote = "n"',
         "area.pe_array.note: unknown key"),
        ('name = "x"\n[area.pe_array]\nvalue = 1\nlow = 0.5\nunit = "mm2"\nsource = "s"',
         "area.pe_array: low and high go together"),
        ('name = "x"\n[area.pe_array]\nvalue = 1\nlow = 2\nhigh = 3\nunit = "mm2"\nsource = "s"',
         "area.pe_array: value must lie between low and high, not 2, 1, 3"),
        ('name = "x"\narea = 1', "area: must be a table with value, unit and source, not 1"),
        ('name = "x"\n[energy.pe_array]\nmac = 1', "energy.pe_array: unknown key; choose from energy.pe_array.mac,"),
    ],
)  # fmt: skip
def test_mistakes_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "costs.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=f"^{re.escape(f'{path}: {message}')}"):
        load_cost_table(path)


def test_files_that_are_not_there_or_not_toml(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no such cost table$"):
        load_cost_table(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("x = ")
    with pytest.raises(BadInput, match="is not a TOML file"):
        load_cost_table(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xff")
    with pytest.raises(BadInput, match="is not a TOML file"):
        load_cost_table(tmp_path / "binary.toml")
    (tmp_path / "long.toml").write_text(f"x = 1{'0' * 5000}")
    with pytest.raises(BadInput, match="is not a TOML file"):
        load_cost_table(tmp_path / "long.toml")
    figure = f'name = "x"\n[dram.lpddr4]\nvalue = 1{"0" * 400}\nunit = "pJ/bit"\nsource = "s"\n'
    with pytest.raises(BadInput, match=r"dram\.lpddr4\.value: Input should be a finite number"):
        table(figure)


def test_tables_are_hashable_and_compare_by_content() -> None:
    assert hash(table()) == hash(table())
    assert table() == table() != SHIPPED
