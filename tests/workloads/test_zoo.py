"""The zoo: every name has its checkpoint and its card, and the two agree."""

import re

import pytest

from archsim.trace import BadInput
from workloads import tasks, zoo
from workloads.training.recipe import load_recipe
from workloads.training.recipes import ALL as ALL_RECIPES
from workloads.zoo.card import file_sha256
from workloads.zoo.published import published, untrained

shipped = pytest.mark.parametrize("name", zoo.ALL)


@shipped
def test_every_checkpoint_has_a_card_that_is_its_own(name):
    model, card = zoo.load_model(name), zoo.load_card(name)
    path = zoo.model_path(name)
    assert model.name == card.name == card.recipe.name == name
    assert card.file.sha256 == file_sha256(path)
    assert card.file.bytes == path.stat().st_size
    assert card.file.weight_bytes == model.weight_bytes
    assert card.file.gate_weight_bytes == model.gate_weight_bytes
    assert card.data.sha256 == tasks.by_name(model.task).sha256
    layers = model.config.layers
    assert {(layer.cell, layer.hidden, layer.weight_format, layer.state_bits) for layer in layers} == {
        (card.recipe.cell, card.recipe.hidden, card.recipe.weight_format, card.recipe.state_bits)
    }
    assert [layer.threshold for layer in layers] == [state.threshold for state in card.measured.states]
    assert card.training.validation == pytest.approx(card.measured.validation, rel=0.001)


def test_recipes_of_a_group_differ_in_what_is_compared_alone():
    """Formats and sparsity; how much regularising each takes, since quantized weights regularise of themselves; and the
    type of the products in training, of which machines are fast at different ones."""
    recipes = [load_recipe(name) for name in ALL_RECIPES]
    assert tuple(recipe.name for recipe in recipes) == ALL_RECIPES
    formats = {"weight_format", "state_bits", "input_bits", "input_integer_bits", "target_sparsity"}
    free = {"name", "products", "activity_penalty", "output_dropout", "input_dropout", *formats}
    for group in {recipe.group for recipe in recipes}:
        members = [recipe for recipe in recipes if recipe.group == group]
        assert len({recipe.model_dump_json(exclude=free) for recipe in members}) == 1, group


def test_every_model_has_a_recipe():
    assert [name for name in ALL_RECIPES if name in zoo.ALL] == list(zoo.ALL)


@shipped
def test_a_checkpoint_was_made_by_its_recipe(name):
    assert zoo.load_card(name).recipe == load_recipe(name)


@pytest.mark.slow
@shipped
def test_the_metric_on_a_card_is_measured_again(name):
    found = zoo.verify(name)
    assert found.passed
    if found.missing:
        pytest.skip(found.missing)
    assert found.measured_loss == pytest.approx(found.card_loss, rel=zoo.TOLERANCE)


def test_verification_without_data_says_what_is_missing_and_still_checks_the_file(draw, tmp_path, monkeypatch):
    monkeypatch.delenv("ARCHSIM_DATA", raising=False)
    path = tmp_path / "mine.safetensors"
    draw(task="ptb-char").save(path)
    card = zoo.load_card("wp-lstm256-ternary")
    file = card.file.model_copy(update={"sha256": file_sha256(path)})
    for sha256, passed in ((file.sha256, True), ("0" * 64, False)):
        card.model_copy(update={"file": file.model_copy(update={"sha256": sha256})}).save(path.with_suffix(".toml"))
        found = zoo.verify(path)
        assert found.measured_loss is None
        assert "ARCHSIM_DATA" in found.missing
        assert found.passed is passed


def test_an_unknown_name_is_refused():
    with pytest.raises(BadInput, match=re.escape("nothing: no such model file, nor one of wp-lstm256-float, ")):
        zoo.load_model("nothing")


def test_a_model_without_a_card_is_named(draw, tmp_path):
    path = tmp_path / "bare.safetensors"
    draw().save(path)
    assert zoo.load_model(path).name == "drawn"
    with pytest.raises(BadInput, match=r"bare\.toml: no such card"):
        zoo.load_card(path)
    path.with_suffix(".toml").write_text('name = "bare"\n')
    with pytest.raises(BadInput, match=r"bare\.toml: published: is missing; data: is missing"):
        zoo.load_card(path)
    path.with_suffix(".toml").write_text("name = ")
    with pytest.raises(BadInput, match=r"bare\.toml: is not a TOML file"):
        zoo.load_card(path)


def test_published_figures_are_joined_with_cards():
    figures = {figure.recipe: figure for figure in published()}
    ternary = figures["wp-lstm512-ternary"]
    assert (ternary.value, ternary.metric) == (1.72, "bpc")
    assert ternary.ours == zoo.load_card("wp-lstm512-ternary").measured.test
    assert ternary.difference == pytest.approx(ternary.ours - 1.72)
    assert all((figure.ours is None) == (name not in zoo.ALL) for name, figure in figures.items())
    assert set(figures) <= set(ALL_RECIPES)


def test_every_recipe_without_a_model_is_listed_with_its_hours():
    assert [each.recipe for each in untrained()] == [name for name in ALL_RECIPES if name not in zoo.ALL]
    assert all(each.hours > 0 and each.recipe in each.command for each in untrained())
