"""The zoo: every name has its checkpoint and its card, and the two agree."""

import re
import tomllib

import pytest

from archsim.errors import BadInput
from workloads import tasks, zoo
from workloads.config import Vector
from workloads.training.recipe import load_recipe
from workloads.training.recipes import ALL as ALL_RECIPES
from workloads.zoo import verification
from workloads.zoo.card import Card, Quantized, file_sha256
from workloads.zoo.published import published, untrained
from workloads.zoo.verification import verify

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
    assert {(layer.cell, layer.hidden, layer.state_bits) for layer in layers} == {
        (card.recipe.cell, card.recipe.hidden, card.recipe.state_bits)
    }
    shipped_in = {"float32": {"float32", "float16"}}.get(card.recipe.weight_format, {card.recipe.weight_format})
    assert {layer.weight_format for layer in layers} <= shipped_in
    assert [layer.threshold for layer in layers] == [state.threshold for state in card.measured.states]
    assert card.training.validation == pytest.approx(card.measured.validation, rel=0.001)


def test_recipes_of_a_group_differ_in_what_is_compared_alone():
    """Formats, sparsity and what is pruned; how much regularising each takes, since quantized weights regularise of
    themselves; and the type of the products in training, of which machines are fast at different ones."""
    recipes = [load_recipe(name) for name in ALL_RECIPES]
    assert tuple(recipe.name for recipe in recipes) == ALL_RECIPES
    formats = {"weight_format", "state_bits", "input_bits", "input_integer_bits", "target_sparsity", "pruned"}
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
    found = list(verify(name))
    assert [each.bits for each in found] == [None, *(entry.bits for entry in zoo.load_card(name).quantized)]
    assert all(each.passed for each in found)
    if found[0].missing:
        pytest.skip(found[0].missing)
    for each in found:
        assert each.measured_loss == pytest.approx(each.card_loss, abs=each.tolerance)


@pytest.mark.parametrize(("task", "passes"), [("digits", 2), ("tiny-shakespeare", 0)])
def test_two_sequences_told_otherwise_are_not_another_model(task, passes, draw, tmp_path, monkeypatch):
    """One of 180 test digits is 0.56 %. Bits per character may differ by a thousandth only."""
    path, inputs = tmp_path / "mine.safetensors", Vector(size=8) if task == "digits" else None
    draw(task=task, inputs=inputs, outputs=tasks.by_name(task).outputs, when=tasks.by_name(task).readout).save(path)
    card = zoo.load_card("wp-lstm256-ternary")
    file = card.file.model_copy(update={"sha256": file_sha256(path)})
    measured = card.measured.model_copy(update={"test": 5.0})
    card.model_copy(update={"file": file, "measured": measured}).save(path.with_suffix(".toml"))
    for sign in (1, -1):
        for flipped in range(4):
            monkeypatch.setattr(verification, "evaluate", lambda *_, n=flipped * sign, **__: 5.0 + n * 100 / 180)
            (found,) = verify(path)
            assert found.passed is (flipped <= passes), flipped
        for share, passed in ((0.0009, True), (0.0011, passes > 0)):
            monkeypatch.setattr(verification, "evaluate", lambda *_, share=share * sign, **__: 5.0 * (1 + share))
            (found,) = verify(path)
            assert found.passed is passed


def test_verification_without_data_says_what_is_missing_and_still_checks_the_file(draw, tmp_path, monkeypatch):
    monkeypatch.delenv("ARCHSIM_DATA", raising=False)
    path = tmp_path / "mine.safetensors"
    draw(task="ptb-char").save(path)
    card = zoo.load_card("wp-lstm256-ternary")
    file = card.file.model_copy(update={"sha256": file_sha256(path)})
    for sha256, passed in ((file.sha256, True), ("0" * 64, False)):
        card.model_copy(update={"file": file.model_copy(update={"sha256": sha256})}).save(path.with_suffix(".toml"))
        (found,) = verify(path)
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
    figures = {(figure.paper, figure.recipe): figure for figure in published()}
    ternary = figures["RBT, War and Peace, LSTM 512", "wp-lstm512-ternary"]
    assert (ternary.value, ternary.metric) == (1.72, "bpc")
    assert ternary.ours == zoo.load_card("wp-lstm512-ternary").measured.test
    assert ternary.difference == pytest.approx(ternary.ours - 1.72)
    assert {name for _, name in figures} <= set(ALL_RECIPES)
    assert all(figure.trained == (name in zoo.ALL) for (_, name), figure in figures.items())
    assert all(figure.ours is None for figure in figures.values() if not figure.trained)
    plain = {key: figure for key, figure in figures.items() if figure.metric in tasks.METRIC_WORDS}
    assert len(plain) > 15
    assert all((figure.ours is None) == (name not in zoo.ALL) for (_, name), figure in plain.items())


def test_published_figures_of_other_kinds_come_from_the_same_cards():
    figures = {(figure.recipe, figure.metric): figure for figure in published()}
    sparse, dense = (zoo.load_card(f"wp-lstm512-ternary{s}").measured.test for s in ("-s90", ""))
    assert figures["wp-lstm512-ternary-s90", "+bpc"].ours == sparse - dense
    assert figures["wp-lstm512-ternary-s90", "+bpc"].words == "loss over the dense twin, bits per character"
    assert figures["ptb-word-lstm300-float", "ppw 11/10"].value == 93.7
    left = figures["imdb-lstm64-float", "memory_pct"]
    assert left.ours == pytest.approx(9.63, abs=0.005)  # 4-bit weights and states, 7 bits of c, 3 of the embedding
    assert (left.value, left.difference) == (10, left.ours - 10)


def test_integers_are_recorded_once_for_their_bits_in_order():
    card = zoo.load_card("wp-lstm256-ternary")
    entry = {"validation": 1.8, "test": 1.9, "memory_cut": 0.8}
    for bits in ((8, 8, 8), (4, 8, 8), (8, 8, 8)):
        widths = dict(zip(("weight_bits", "activation_bits", "cell_bits"), bits, strict=True))
        card = card.with_quantized(Quantized(**widths, **entry))
        entry["test"] += 0.1
    assert [(q.bits, round(q.test, 1)) for q in card.quantized] == [("4/8/8", 2.0), ("8/8/8", 2.1)]
    assert Card.model_validate(tomllib.loads(card.to_toml())) == card
    gru = Quantized(weight_bits=5, activation_bits=6, embedding_bits=3, **entry)
    assert gru.bits == "5/6/3"
    assert card.with_quantized(gru).quantized[1] == gru


def test_every_recipe_without_a_model_is_listed_with_its_hours():
    assert [each.recipe for each in untrained()] == [name for name in ALL_RECIPES if name not in zoo.ALL]
    assert all(each.hours > 0 and each.recipe in each.command for each in untrained())


def test_a_name_that_is_nearly_one_is_told_which():
    with pytest.raises(BadInput, match=r"^wp-lstm256: no such model file, nor one of (wp-lstm256-\S+, ){3}\.\.\.$"):
        zoo.model_path("wp-lstm256")
