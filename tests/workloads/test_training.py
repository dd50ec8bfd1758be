"""Training: its gradient, its checkpoints, and that what is exported is what was trained."""

import tomllib

import numpy as np
import pytest

from archsim.trace import BadInput
from workloads import formats, tasks, zoo
from workloads.model import Model
from workloads.training.recipe import Recipe, load_recipe

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

RECIPE = """\
name = "tiny"
task = "tiny-shakespeare"
hidden = 8
weight_format = "ternary"
state_bits = 8
target_sparsity = 0.4
epochs = 2
patience = 2
batch = 256
steps = 60
learning_rate = 0.02
seed = 5
"""


@pytest.fixture(scope="module")
def recipe():
    return Recipe.model_validate(tomllib.loads(RECIPE))


@pytest.fixture(scope="module")
def finished(recipe, tmp_path_factory):
    """A run from the first epoch to the last, and its folder."""
    from workloads.training.train import train

    folder = tmp_path_factory.mktemp("straight")
    return train(recipe, folder), folder


class Stop(Exception):
    """Stands for a machine that is switched off."""


def plain_autograd(input_gates, weight, phi, h, c, threshold, state_bits):
    """The sequence written out with PyTorch's own operations.

    What is pruned to zero is zero whatever h was, and passes no gradient; rounding passes it straight through.
    """
    states = []
    for gates_x in input_gates:
        product = h @ weight.t()
        mean, variance = product.mean(0), product.var(0, correction=0)
        i, f, g, o = (gates_x + phi * (product - mean) / torch.sqrt(variance + 1e-5)).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        h = h * (h.abs() >= threshold)
        if state_bits is not None:
            unit = 2 ** (state_bits - 1)
            h = h + (torch.clamp(torch.round(h * unit), -unit, unit - 1) / unit - h).detach()
        states.append(h)
    return torch.stack(states), c


@pytest.mark.parametrize(("threshold", "state_bits"), [(0.0, None), (0.12, None), (0.0, 8), (0.12, 6)])
def test_the_gradient_is_that_of_plain_autograd(threshold, state_bits):
    from workloads.training.lstm import EAGER, _RunSequence

    generator = torch.Generator().manual_seed(0)

    def drawn(*shape, scale=1.0):
        return scale * torch.randn(*shape, generator=generator, dtype=torch.float64)

    steps, batch, hidden = 7, 9, 5
    leaves = drawn(steps, batch, 4 * hidden), drawn(4 * hidden, hidden, scale=0.4), drawn(4 * hidden, scale=0.3)
    state = drawn(batch, hidden, scale=0.3), drawn(batch, hidden)
    towards = drawn(steps, batch, hidden)
    results = []
    for run in (
        lambda *a: _RunSequence.apply(*a, *state, threshold, state_bits, torch.float64, EAGER)[:2],
        lambda *a: plain_autograd(*a, *state, threshold, state_bits),
    ):
        copies = [leaf.clone().requires_grad_() for leaf in leaves]
        states, cell = run(*copies)
        (states * towards).sum().backward()
        results.append([states.detach(), cell.detach(), *(leaf.grad for leaf in copies)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)
    if threshold:
        assert 0.1 < (results[0][0] == 0).double().mean() < 0.9


def test_a_stopped_run_goes_on_to_the_same_end(recipe, finished, tmp_path):
    from workloads.training.train import train

    straight, folder = finished

    def stop_in_the_second_epoch(progress):
        if progress.epoch == 1 and progress.batch == 3:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, tmp_path, on_progress=stop_in_the_second_epoch)
    resumed = train(recipe, tmp_path)
    assert resumed.validation_bpc == straight.validation_bpc
    assert (resumed.best_epoch, resumed.epochs_run) == (straight.best_epoch, straight.epochs_run)
    for name, value in straight.model.state_dict().items():
        torch.testing.assert_close(resumed.model.state_dict()[name], value, rtol=0, atol=0)
    assert (tmp_path / "log.csv").read_text() == (folder / "log.csv").read_text()


def test_a_finished_run_returns_its_outcome_at_once(recipe, finished):
    from workloads.training.train import train

    outcome, folder = finished
    again = train(recipe, folder, on_progress=lambda progress: pytest.fail("it trained again"))
    assert (again.validation_bpc, again.best_epoch, again.epochs_run) == (
        outcome.validation_bpc,
        outcome.best_epoch,
        outcome.epochs_run,
    )


def test_training_learns_and_prunes(finished):
    outcome, _ = finished
    assert outcome.validation_bpc < 5  # log2(65) = 6.02 for a guess
    assert outcome.model.threshold > 0


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None], ids=["empty", "garbage", "truncated"])
def test_a_broken_checkpoint_is_named(recipe, finished, tmp_path, damage):
    from workloads.training.train import train

    whole = (finished[1] / "latest.pt").read_bytes()
    (tmp_path / "latest.pt").write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(BadInput, match=r"latest\.pt: is not a whole checkpoint; delete it to start over \(.+\)$"):
        train(recipe, tmp_path)


def test_a_missing_best_checkpoint_is_named(recipe, finished, tmp_path):
    from workloads.training.train import train

    (tmp_path / "latest.pt").write_bytes((finished[1] / "latest.pt").read_bytes())
    with pytest.raises(BadInput, match=r"best\.pt: no such checkpoint, though latest\.pt is beside it"):
        train(recipe, tmp_path)


def test_a_checkpoint_of_another_recipe_is_refused(recipe, finished):
    from workloads.training.train import train

    with pytest.raises(BadInput, match=r"latest\.pt: was made by another recipe"):
        train(recipe.model_copy(update={"seed": 6}), finished[1])


def test_a_batch_larger_than_the_text_is_refused(recipe, tmp_path):
    from workloads.training.train import train

    with pytest.raises(BadInput, match="recipe tiny: batch x steps must be at most the 892314 transitions"):
        train(recipe.model_copy(update={"batch": 100_000}), tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs = 0", "epochs: Input should be greater than or equal to 1, not 0"),
        ("layers = 2", "layers: unknown key"),
        ('task = "ptb"', "task: task must be one of war-and-peace, tiny-shakespeare, not 'ptb'"),
        ('weight_format = "fp4"', "weight_format: weight format must be one of .*, not 'fp4'"),
        ("steps = ", "is not a TOML file"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, change, message):
    path = tmp_path / "recipe.toml"
    key = change.split(" ")[0]
    path.write_text("\n".join([*(line for line in RECIPE.splitlines() if line.split(" ")[0] != key), change]))
    with pytest.raises(BadInput, match=rf"recipe\.toml: {message}"):
        load_recipe(path)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.toml: no such recipe file, nor one of wp-lstm256-float, "):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("fmt", formats.ALL, ids=lambda f: f.name)
@pytest.mark.parametrize(("threshold", "state_bits"), [(0.0, None), (0.1, 8)])
def test_the_exported_model_computes_what_training_infers(recipe, fmt, threshold, state_bits):
    from workloads.training.export import export
    from workloads.training.train import build

    chosen = recipe.model_copy(update={"hidden": 20, "weight_format": fmt.name, "state_bits": state_bits})
    network = build(chosen)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():  # statistics and gains of a network that has been trained
        for product in ("input", "recurrent"):
            getattr(network, f"{product}_mean").normal_(0, 0.1, generator=generator)
            getattr(network, f"{product}_variance").uniform_(0.02, 0.2, generator=generator)
            getattr(network, f"phi_{product}").uniform_(0.3, 0.9, generator=generator)
        network.readout_bias.normal_(generator=generator)
        network.threshold.fill_(threshold)
    model = export(chosen, network)
    symbols = tasks.by_name(chosen.task).split("validation")[:800].reshape(200, 4)

    zeros = torch.zeros(4, chosen.hidden, dtype=torch.float64)
    theirs, h, c = network.double().infer(torch.from_numpy(symbols.astype(np.int64)), zeros, zeros)
    ours, state = model.run(symbols, dtype=np.float64)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(state[0], h.numpy(), rtol=0, atol=1e-4)
    np.testing.assert_allclose(state[1], c.numpy(), rtol=0, atol=1e-4)
    assert model.weight_format is fmt
    assert set(np.unpackbits(state[0].view(np.uint8))) == {0, 1}


def test_train_and_export_writes_a_model_and_a_card_that_hold_together(finished, tmp_path):
    from workloads.training.export import LANES, train_and_export
    from workloads.training.lstm import EAGER
    from workloads.training.train import validate

    outcome, folder = finished
    recipe_path = tmp_path / "tiny.toml"
    recipe_path.write_text(RECIPE)
    card = train_and_export(recipe_path, folder, tmp_path / "zoo", hours=0.25, steps=EAGER)
    path = tmp_path / "zoo" / "tiny.safetensors"
    assert sorted(p.name for p in path.parent.iterdir()) == ["tiny.safetensors", "tiny.toml"]
    assert zoo.load_card(path) == card

    test_bpc = validate(outcome.model, tasks.by_name("tiny-shakespeare").split("test"))
    assert card.measured.test_bpc == pytest.approx(test_bpc, abs=0.001)
    assert card.measured.validation_bpc == pytest.approx(outcome.validation_bpc, abs=0.001)
    assert card.recipe == load_recipe(recipe_path)
    assert card.training.hours == 0.25
    assert card.data.sha256 == tasks.by_name("tiny-shakespeare").sha256
    unions = card.measured.union_sparsity
    assert tuple(unions) == LANES
    assert unions[1] == pytest.approx(card.measured.state_sparsity)
    assert list(unions.values()) == sorted(unions.values(), reverse=True)
    assert 0 < card.measured.state_sparsity < 1
    assert card.file.bytes == path.stat().st_size

    verified = zoo.verify(path)
    assert verified.passed
    assert verified.measured_bpc == card.measured.test_bpc

    Model.load(path).with_threshold(0.9).save(path)
    spoilt = zoo.verify(path)
    assert not spoilt.passed
    assert not spoilt.same_file
    assert spoilt.measured_bpc > spoilt.card_bpc + 0.01
