"""A recipe in variants: which there are, what is trained, and that what has ended is not trained again."""

import json

import pytest
import tomli_w
from typer.testing import CliRunner

from archsim.errors import BadInput
from dse.cli.app import app
from workloads.training.recipe import Recipe

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

from workloads.training import sequence  # noqa: E402
from workloads.training.sweep import sweep, variants  # noqa: E402
from workloads.training.train import train, validate  # noqa: E402

BASE = Recipe(name="small", task="digits", hidden=6, weight_format="float32", epochs=1, patience=1, batch=200)


def test_every_combination_that_is_a_recipe():
    each = {"weight_format": ("float32", "ternary"), "rounding": ("deterministic", "stochastic"), "hidden": (6, 8)}
    fitting, refused = variants(BASE, each)
    assert [tuple(variant.values.values()) for variant in fitting] == [
        ("float32", "deterministic", 6),
        ("float32", "deterministic", 8),
        ("ternary", "deterministic", 6),
        ("ternary", "deterministic", 8),
        ("ternary", "stochastic", 6),
        ("ternary", "stochastic", 8),
    ]
    assert [variant.recipe for variant in fitting] == [BASE.changed(**variant.values) for variant in fitting]
    assert refused == ["recipe small: rounding: weight format float32 has no stochastic rounding"]


@pytest.mark.parametrize(
    ("each", "message"),
    [
        ({"hiden": (6,)}, "each: must name a field of recipes other than name, not 'hiden'"),
        ({"name": ("a", "b")}, "each: must name a field of recipes other than name, not 'name'"),
        ({"hidden": (0, -1)}, "each: no combination is a recipe; the first: recipe small: hidden: "),
    ],
)
def test_what_is_no_field_and_what_is_no_recipe_is_refused(each, message):
    with pytest.raises(BadInput, match=message):
        variants(BASE, each)


def test_variants_are_trained_as_recipes_are_and_once(tmp_path):
    fitting, _ = variants(BASE, {"weight_format": ("float32", "ternary")})
    told = []
    first = list(sweep(fitting, tmp_path / "runs", on_progress=lambda k: lambda p: told.append((k, p.epoch))))
    assert {k for k, _ in told} == {0, 1}
    for variant, trained in zip(fitting, first, strict=True):
        outcome = train(variant.recipe, tmp_path / variant.recipe.weight_format)
        assert (trained.variant, trained.metric) == (variant, "error_pct")
        assert trained.validation == outcome.validation_loss
        assert trained.test == validate(outcome.network, "test")
        assert (trained.best_epoch, trained.epochs_run) == (outcome.best_epoch, outcome.epochs_run)
    told.clear()
    assert list(sweep(fitting, tmp_path / "runs", on_progress=lambda k: lambda p: told.append(k))) == first
    assert not told
    with pytest.raises(BadInput, match="was made by another recipe"):
        next(sweep(variants(BASE.changed(seed=2), {"weight_format": ("float32",)})[0], tmp_path / "runs"))


def test_the_command_prints_every_variant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # A compiler takes longer than the training.
    monkeypatch.setattr("dse.cli.training.fastest", lambda: sequence.eager)
    (tmp_path / "small.toml").write_text(tomli_w.dumps(BASE.model_dump(exclude_none=True)))
    words = ["train", "small.toml", "--each", "weight_format=float32,ternary", "--each", "hidden=4,6"]
    run = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)
    found = json.loads(run.stdout)
    assert [(v["variant"]["weight_format"], v["variant"]["hidden"]) for v in found] == [
        ("float32", 4),
        ("float32", 6),
        ("ternary", 4),
        ("ternary", 6),
    ]
    table = CliRunner().invoke(app, [*words, "--markdown"], catch_exceptions=False).stdout.strip().splitlines()
    tests = [f"{v['test']:.2f}" for v in found]
    assert table == [
        "| weight_format | 4 | 6 |",
        "|---|---|---|",
        f"| float32 | {tests[0]} | {tests[1]} |",
        f"| ternary | {tests[2]} | {tests[3]} |",
    ]
    wrong = CliRunner().invoke(app, ["train", "small.toml", "--each", "hidden"])
    assert isinstance(wrong.exception, BadInput)
    assert str(wrong.exception) == "--each must be FIELD=VALUE,VALUE,..., not 'hidden'"
