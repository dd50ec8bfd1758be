"""Training: that it learns, goes on where it stopped, draws what it says, and refuses what it cannot do."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads import cells, tasks
from workloads.training.recipe import Recipe, load_recipe

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("shorter_text")]

RECIPE = """\
name = "tiny"
task = "tiny-shakespeare"
hidden = 8
weight_format = "ternary"
state_bits = 8
target_sparsity = 0.4
epochs = 2
patience = 2
batch = 512
steps = 60
learning_rate = 0.02
products = "float32"
seed = 5
"""
TEXT = Recipe(
    name="text", task="tiny-shakespeare", hidden=8, weight_format="ternary", state_bits=8, target_sparsity=0.4,
    epochs=2, patience=2, batch=1024, steps=40, learning_rate=0.1, products="float32", seed=5,
)  # fmt: skip
VOWELS = Recipe(
    name="vowels", task="japanese-vowels", cell="gru", hidden=16, layers=2, norm="batch", weight_format="limp-ternary",
    rounding="stochastic", round_biases=True, target_sparsity=(0.2, 0.4), input_bits=8, input_integer_bits=2,
    schedule="plateau", learning_rate=0.03, input_dropout=0.1, output_dropout=0.1,
    epochs=4, patience=4, batch=24, products="float32", seed=3,
)  # fmt: skip
DIGITS = Recipe(
    name="digits", task="digits", hidden=12, weight_format="float32", epochs=1, patience=1, batch=32,
    learning_rate=0.03, products="float32", seed=2,
)  # fmt: skip


class Stop(Exception):
    """Stands for a machine that is switched off."""


@pytest.fixture(
    scope="module", params=[pytest.param(TEXT, id="text"), pytest.param(VOWELS, id="vowels", marks=pytest.mark.slow)]
)
def finished(request, shorter_text, tmp_path_factory):
    """A recipe, a run of it from the first epoch to the last, and its folder."""
    from workloads.training.train import train

    folder = tmp_path_factory.mktemp(request.param.name)
    return request.param, train(request.param, folder), folder


def test_a_stopped_run_goes_on_to_the_same_end(finished, tmp_path):
    from workloads.training.train import train

    recipe, straight, folder = finished

    def stop_in_the_second_epoch(progress):
        if progress.epoch == 1 and progress.batch == 2:
            raise Stop

    with pytest.raises(Stop):
        train(recipe, tmp_path, on_progress=stop_in_the_second_epoch)
    torch.rand(7)  # what another run in this process may have drawn
    resumed = train(recipe, tmp_path)
    assert resumed.validation_loss == straight.validation_loss
    assert (resumed.best_epoch, resumed.epochs_run) == (straight.best_epoch, straight.epochs_run)
    for name, value in straight.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)
    assert (tmp_path / "log.csv").read_text() == (folder / "log.csv").read_text()


@pytest.mark.parametrize("saved", [False, True], ids=["before", "after"])
def test_a_run_killed_beside_its_checkpoint_has_each_epoch_once_in_its_log(finished, tmp_path, monkeypatch, saved):
    from workloads.training import checkpoints
    from workloads.training.train import train

    recipe, _, folder = finished
    save = checkpoints.save

    def killed(path, recipe, network, optimiser, standing):
        if saved or standing["epoch"] < 2:
            save(path, recipe, network, optimiser, standing)
        if standing["epoch"] == 2:
            raise Stop

    monkeypatch.setattr(checkpoints, "save", killed)
    with pytest.raises(Stop):
        train(recipe, tmp_path)
    monkeypatch.undo()
    train(recipe, tmp_path)
    assert (tmp_path / "log.csv").read_text() == (folder / "log.csv").read_text()


def test_a_finished_run_returns_its_outcome_at_once(finished):
    from workloads.training.train import train

    recipe, outcome, folder = finished
    again = train(recipe, folder, on_progress=lambda progress: pytest.fail("it trained again"))
    assert (again.validation_loss, again.best_epoch, again.epochs_run) == (
        outcome.validation_loss,
        outcome.best_epoch,
        outcome.epochs_run,
    )


def test_a_run_learns_prunes_and_keeps_a_log(finished):
    recipe, outcome, folder = finished
    assert outcome.validation_loss < {"text": 5, "vowels": 70}[recipe.name]  # a guess: log2(65) = 6.02 BPC, 88.9 %
    assert all(float(layer.threshold) > 0 for layer in outcome.network.stack)
    header, *lines = (folder / "log.csv").read_text().splitlines()
    metric = tasks.by_name(recipe.task).metric
    assert header.startswith(f"epoch,loss_bits,validation_{metric},sparsity,threshold_1")
    assert len(lines) == outcome.epochs_run
    best = lines[outcome.best_epoch - 1].split(",")
    assert float(best[2]) == pytest.approx(outcome.validation_loss, abs=1e-5)


@pytest.mark.parametrize("cell", [cell.name for cell in cells.ALL if not cell.peepholes])
def test_every_cell_learns(cell, tmp_path):
    from workloads.training.train import train

    losses = []
    recipe = DIGITS.changed(cell=cell, weight_format="fixed4-row")
    outcome = train(recipe, tmp_path, on_progress=lambda progress: losses.append(progress.loss))
    assert np.mean(losses[:3]) == pytest.approx(np.log2(10), abs=0.6)
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert outcome.validation_loss < 80  # a guess: 90 % wrong


@pytest.mark.parametrize("cell", ["lstm", "rnn-tanh"])
@pytest.mark.parametrize("seed", range(4))
def test_one_unit_starts_with_weights_of_glorots_size(cell, seed):
    """Where the four rows of an LSTM begin alike, or a vanilla network has one, they have no deviation of their own."""
    from workloads.training.train import build

    rows = {"lstm": 4, "rnn-tanh": 1}[cell]
    weights = build(DIGITS.changed(hidden=1, cell=cell, seed=seed)).stack[0].recurrent_weight.full
    assert weights.abs().flatten().tolist() == pytest.approx([(2 / (1 + rows)) ** 0.5] * rows)


def test_progress_counts_mini_batches_and_names_the_metric(tmp_path):
    from workloads.training.train import train

    seen = []
    train(DIGITS.changed(epochs=2, patience=2), tmp_path, on_progress=seen.append)
    assert [(p.epoch, p.batch, p.batches) for p in seen[-2:]] == [(1, 43, 44), (1, 44, 44)]
    assert len(seen) == 88
    assert seen[0].metric == "error_pct"
    assert seen[0].validation_loss == float("inf")
    assert 0 < seen[-1].validation_loss < 90


def test_a_plateau_divides_the_learning_rate(tmp_path):
    from workloads.training import checkpoints
    from workloads.training.train import build, train

    recipe = DIGITS.changed(optimiser="sgd", learning_rate=1e-9, schedule="plateau", epochs=3, patience=3, norm="none")
    train(recipe, tmp_path)  # too slow to learn a thing: epochs 2 and 3 are no better than 1
    network = build(recipe)
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    standing = checkpoints.resume(tmp_path / "latest.pt", recipe, network, optimiser, "cpu")
    assert standing["learning_rate"] == pytest.approx(1e-9 / 4**2)
    assert optimiser.param_groups[0]["lr"] == pytest.approx(1e-9 / 4)


def test_stochastic_weights_are_drawn_anew_for_every_mini_batch_and_alike_under_a_seed():
    from workloads.training.train import build, final_draw
    from workloads.training.weights import draw

    recipe = VOWELS.changed(weight_format="ternary", input_weight_format="fixed3")
    network = build(recipe)
    with torch.no_grad():
        for layer in network.stack:
            layer.bias.uniform_(-1, 1)
    layer = network.stack[0]

    def drawn(rng):
        return [part.detach().clone() for part in layer.weights(rng)]

    first, again, second = drawn(draw(3, 1, 1)), drawn(draw(3, 1, 1)), drawn(draw(3, 1, 2))
    final, final_again = drawn(final_draw(recipe)), drawn(final_draw(recipe))
    for k, what in enumerate(("recurrent", "input", "bias")):
        assert torch.equal(first[k], again[k]), what
        assert torch.equal(final[k], final_again[k]), what
        assert not torch.equal(first[k], second[k]), what
        assert not torch.equal(first[k], final[k]), what
    codes, scale = layer.recurrent_weight.codes(final_draw(recipe))
    np.testing.assert_allclose(final[0].numpy(), codes * scale, rtol=1e-6)
    assert final_draw(recipe.changed(rounding="deterministic")) is None


def test_the_mean_of_stochastic_weights_is_the_full_precision_one():
    from workloads.training.train import build
    from workloads.training.weights import draw

    layer = build(DIGITS.changed(weight_format="limp-ternary", rounding="stochastic")).stack[0]
    full = layer.recurrent_weight.full.detach()
    mean = sum(layer.recurrent_weight(draw(1, 1, k)).detach() for k in range(1, 401)) / 400
    (bound,) = layer.recurrent_weight.codes()[1]
    assert float((mean - full.clamp(-bound, bound)).abs().max()) < 5 * bound / 2 / 400**0.5


def test_a_quantized_weight_passes_its_gradient_straight_through():
    from workloads.training.train import build

    layer = build(DIGITS.changed(weight_format="fixed4", round_biases=True)).stack[0]
    towards = torch.randn(48, 12)
    recurrent, _, bias, _ = layer.weights()
    (recurrent * towards).sum().backward()
    torch.testing.assert_close(layer.recurrent_weight.full.grad, towards)
    codes, scale = layer.recurrent_weight.codes()
    np.testing.assert_array_equal(recurrent.detach().numpy(), (codes * scale[:, None]).astype(np.float32))
    unit = float(layer.input_weight.codes()[1][0])
    np.testing.assert_array_equal(bias.detach().numpy() / unit % 1, 0)  # biases lie on the grid of W_x
    bias.sum().backward()
    torch.testing.assert_close(layer.bias.grad, torch.ones(48))


@pytest.mark.parametrize("recipe", [TEXT, VOWELS], ids=lambda recipe: recipe.name)
def test_the_activity_penalty_is_of_the_mean_magnitude_over_the_steps_that_run(recipe):
    from workloads.training.batches import batches_of
    from workloads.training.network import Passing
    from workloads.training.sequence import eager
    from workloads.training.train import _descend, build

    recipe = recipe.changed(
        layers=2, target_sparsity=0.0, threshold=0.02, clip_norm=1e9, rounding="deterministic", batch=24
    )
    batches, gradients = batches_of(recipe, "cpu"), []
    batch = next(batches.epoch(0))
    for penalty in (0.0, 3.0):
        network = build(recipe.changed(activity_penalty=penalty), batches.steps)
        still = torch.optim.SGD(network.parameters(), lr=0.0)
        out = network.run(batch.inputs, network.start(recipe.batch), Passing(batch.active, torch.float32, 0.0, eager))
        _descend(network, still, out, batch)
        gradients.append([p.grad for p in network.parameters() if p.grad is not None])
    network = build(recipe, batches.steps)
    out = network.run(batch.inputs, network.start(recipe.batch), Passing(batch.active, torch.float32, 0.0, eager))
    lengths = batch.lengths if batch.lengths is not None else torch.full((recipe.batch,), len(batch.inputs))
    total = sum(out.layers[k].states[:n, lane].abs().sum() for k in range(2) for lane, n in enumerate(lengths))
    (3.0 * total / (2 * int(lengths.sum()) * recipe.hidden)).backward()
    alone = [torch.zeros(()) if p.grad is None else p.grad for p in network.parameters()]
    assert any(g.abs().max() > 1e-6 for g in alone)
    for without, with_, of_penalty in zip(*gradients, alone, strict=True):
        torch.testing.assert_close(with_ - without, of_penalty.expand_as(without), rtol=1e-3, atol=1e-7)


def test_the_union_penalty_is_of_what_is_lit_in_any_sequence():
    from workloads.training.batches import batches_of
    from workloads.training.network import Passing
    from workloads.training.sequence import eager
    from workloads.training.train import _penalty, build

    recipe = VOWELS.changed(
        target_sparsity=0.0, threshold=0.05, pruned=("recurrence",), union_penalty=2.0, rounding="deterministic"
    )
    batches = batches_of(recipe, "cpu")
    batch = next(b for b in batches.epoch(0) if len(set(b.lengths.tolist())) > 1)
    network = build(recipe, batches.steps)
    out = network.run(batch.inputs, network.start(recipe.batch), Passing(batch.active, torch.float32, 0.0, eager))
    penalty = _penalty(network, out, batch.active)
    terms, lengths = [], batch.lengths.tolist()
    for states in (done.states.detach().double().numpy() for done in out.layers):
        for t in range(max(lengths)):
            running = [states[t, lane] for lane in range(recipe.batch) if lengths[lane] > t]
            terms += [np.sqrt(np.mean(np.where(np.abs(h) >= 0.05, h, 0) ** 2)) for h in np.transpose(running)]
    assert float(penalty.detach()) == pytest.approx(2 * np.mean(terms), rel=1e-5)
    penalty.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)
    together = _penalty(build(recipe.changed(activity_penalty=3.0)), out, batch.active).detach()
    apart = _penalty(build(recipe.changed(activity_penalty=3.0, union_penalty=0.0)), out, batch.active).detach()
    assert float(together) == pytest.approx(float(apart + penalty.detach()), rel=1e-5)


@pytest.mark.parametrize("recipe", [TEXT, VOWELS], ids=lambda recipe: recipe.name)
def test_a_text_is_gone_on_with_and_sequences_start_anew(recipe, monkeypatch, tmp_path):
    from workloads.training.network import TrainedNetwork
    from workloads.training.train import train

    run, seen = TrainedNetwork.run, []

    def spy(network, inputs, state, passing, rng=None):
        out = run(network, inputs, state, passing, rng)
        seen.append((state, out.state))
        return out

    def stop_in_the_second_epoch(progress):
        if progress.epoch == 1:
            raise Stop

    monkeypatch.setattr(TrainedNetwork, "run", spy)
    with pytest.raises(Stop):
        train(recipe.changed(layers=2, target_sparsity=0.0), tmp_path, on_progress=stop_in_the_second_epoch)
    zeros = [not any(bool(part.any()) for part in given) for given, _ in seen]
    if recipe is VOWELS:
        assert all(zeros)
        return
    assert zeros == [True, *[False] * (len(zeros) - 2), True]  # the last is the first of the second epoch
    for (_, left), (given, _) in pairwise(seen[:-1]):
        assert len(given) == 4
        for ours, theirs in zip(given, left, strict=True):
            assert torch.equal(ours, theirs)
            assert not ours.requires_grad


def test_noise_on_the_first_state_is_drawn_anew_for_every_mini_batch(monkeypatch, tmp_path):
    from workloads.training.network import TrainedNetwork
    from workloads.training.train import train

    run, seen = TrainedNetwork.run, []

    def spy(network, inputs, state, passing, rng=None):
        seen.append(state)
        return run(network, inputs, state, passing, rng)

    monkeypatch.setattr(TrainedNetwork, "run", spy)
    train(DIGITS.changed(initial_noise=0.25), tmp_path)
    drawn = torch.stack([torch.stack(state) for state in seen])  # (mini-batches, 2, B, H)
    assert float(drawn.std()) == pytest.approx(0.25, rel=0.05)
    assert float(drawn.mean()) == pytest.approx(0, abs=0.01)
    assert len(torch.unique(drawn)) > 0.99 * drawn.numel()


RBT = DIGITS.changed(cell="lstm-normed-cell", weight_format="ternary", rounding="stochastic", state_bits=8,
                     initial_state="learned", initial_noise=0.1, epochs=2, patience=2)  # fmt: skip


def test_a_run_with_drawn_weights_normalised_c_and_learned_initial_state_goes_on_to_the_same_end(tmp_path):
    from workloads.training.train import train

    def stop_in_the_second_epoch(progress):
        if progress.epoch == 1 and progress.batch == 2:
            raise Stop

    straight = train(RBT, tmp_path / "straight")
    with pytest.raises(Stop):
        train(RBT, tmp_path / "resumed", on_progress=stop_in_the_second_epoch)
    resumed = train(RBT, tmp_path / "resumed").network.state_dict()
    for name, value in straight.network.state_dict().items():
        assert torch.equal(resumed[name], value), name
    (layer,) = straight.network.stack
    assert (layer.initial[1] != 0).all()
    assert (layer.cell_norm.variance != 1).all()


def test_batch_norm_takes_what_all_sequences_begin_with_off_again():
    """So a learned h0 is learned under other norms, and the first c under any: forget gates differ."""
    from workloads.training.network import Passing
    from workloads.training.sequence import eager
    from workloads.training.train import build

    for norm, h_learns in (("batch", False), ("weight", True)):
        network = build(DIGITS.changed(norm=norm, initial_state="learned")).double()
        out = network.run(
            torch.rand(8, 16, 8, dtype=torch.float64), network.start(16), Passing(None, torch.float64, 0.05, eager)
        )
        out.states[-1].square().sum().backward()
        of_h, of_c = network.stack[0].initial.grad.abs().amax(1)
        assert (of_h > 1e-6) == h_learns
        assert of_c > 1e-6


@pytest.mark.parametrize("carry", [True, False])
def test_a_window_of_a_text_begins_with_what_the_one_before_left_unless_the_recipe_says_otherwise(
    tmp_path, monkeypatch, carry
):
    from workloads.training.network import TrainedNetwork
    from workloads.training.train import train

    run, seen = TrainedNetwork.run, []

    def spy(network, inputs, state, passing, rng=None):
        out = run(network, inputs, state, passing, rng)
        seen.append((state, out.state, network.stack[0].start(1024)))
        return out

    monkeypatch.setattr(TrainedNetwork, "run", spy)
    train(TEXT.changed(initial_state="learned", carry_state=carry, epochs=1), tmp_path)
    assert len(seen) > 2
    for (_, left, _), (given, _, initial) in pairwise(seen):
        for ours, theirs in zip(given, left if carry else initial, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=0)


def test_batch_norm_of_sequences_that_begin_alike_trains_with_noise(tmp_path):
    """Black pixels first, as in sequential MNIST: the variance is zero for a hundred steps."""
    from workloads.training.network import Passing
    from workloads.training.sequence import eager
    from workloads.training.train import build

    network = build(DIGITS.changed(norm="batch"))
    inputs = torch.zeros(100, 16, 8)
    inputs[-8:] = torch.rand(8, 16, 8)

    def gradient(noise):
        network.zero_grad()
        start = tuple(noise * torch.randn_like(part) for part in network.start(16))
        out = network.run(inputs, start, Passing(None, torch.float32, 0.05, eager))
        out.states[-1].square().sum().backward()
        return network.stack[0].recurrent_weight.full.grad

    assert not torch.isfinite(gradient(0.0)).all() or gradient(0.0).norm() > 1e6
    assert gradient(0.1).norm() < 1e3


def test_dropout_of_what_enters_and_of_what_leaves_each_layer():
    from workloads.training.network import Passing
    from workloads.training.sequence import eager
    from workloads.training.train import build

    passing, inputs = Passing(None, torch.float32, 0.05, eager), torch.rand(8, 64, 8)

    def passed(**dropout):
        network = build(DIGITS.changed(norm="none", layers=2, **dropout))
        return network.run(inputs, network.start(64), passing)

    plain, outputs, entering = passed(), passed(output_dropout=0.25), passed(input_dropout=0.25)
    dropped = outputs.states == 0
    assert float(dropped.float().mean()) == pytest.approx(0.25, abs=0.02)
    torch.testing.assert_close(outputs.states[~dropped], outputs.layers[1].states[~dropped] / 0.75)
    torch.testing.assert_close(outputs.layers[0].states, plain.layers[0].states)  # the recurrence is left alone
    assert not torch.allclose(outputs.layers[1].states, plain.layers[1].states, atol=1e-3)
    assert not torch.allclose(entering.layers[0].states, plain.layers[0].states, atol=1e-3)
    torch.testing.assert_close(entering.states, entering.layers[1].states)


def test_one_target_sparsity_is_one_threshold_and_a_list_is_one_each():
    from workloads.training.network import Sequence
    from workloads.training.sequence import Pass
    from workloads.training.train import _follow_quantiles, build

    small, large = torch.arange(1, 101) / 1000, torch.arange(11, 111) / 100
    nothing = torch.zeros(())
    out = Sequence(nothing, (), tuple(Pass(nothing, (), None, values) for values in (small, large)))
    for target, ramp, expected in (
        (0.5, 1.0, (0.1, 0.1)),  # the median of both together is the largest of the small ones
        ((0.5, 0.2), 1.0, (0.05, 0.3)),
        ((0.5, 0.0), 0.5, (0.025, 0.0)),
    ):
        network = build(TEXT.changed(layers=2, target_sparsity=target))
        for _ in range(200):
            _follow_quantiles(network, out, ramp)
        assert [float(layer.threshold) for layer in network.stack] == pytest.approx(expected, abs=1e-6)


def test_a_fixed_threshold_rises_over_its_share_of_the_epochs(tmp_path, monkeypatch):
    from workloads.training import train as module

    seen, descend = [], module._descend
    monkeypatch.setattr(module, "_descend", lambda network, *a: (seen.append(float(network.stack[0].threshold)),
                                                                 descend(network, *a))[1])  # fmt: skip
    recipe = DIGITS.changed(epochs=4, patience=4, threshold=0.2, threshold_ramp=0.5, pruned=("recurrence",))
    outcome = module.train(recipe, tmp_path)
    done = np.arange(len(seen)) / len(seen)
    assert seen == pytest.approx(np.minimum(0.2, 0.2 * done / 0.5))
    assert float(outcome.network.stack[0].threshold) == pytest.approx(0.2)
    assert outcome.best_epoch >= 3  # while it rises, an epoch that is denser than asked for cannot be the best one


@pytest.mark.parametrize("unpruned", [pytest.param(0.0, marks=pytest.mark.slow), 0.25])
def test_a_recurrence_alone_is_trained_to_its_share_of_zeros_under_a_dense_readout(tmp_path, unpruned):
    from workloads.record import record
    from workloads.training.export import export
    from workloads.training.train import train

    recipe = DIGITS.changed(
        hidden=16, epochs=6, patience=6, target_sparsity=0.6, pruned=("recurrence",), unpruned=unpruned, state_bits=8
    )
    lit = []
    outcome = train(recipe, tmp_path, on_progress=lambda progress: lit.append(progress.sparsity))
    model = export(recipe, outcome.network)
    trace = record(model, "validation", 40, 8)
    h, y = (np.unpackbits(trace.arrays[name][0:], axis=-1, count=16) for name in ("h", "y"))
    assert 1 - h[1:].mean() == pytest.approx(0.6, abs=0.1)
    assert y.mean() > 0.9
    never = round(16 * unpruned)
    assert h[1:, :, :never].mean() > 0.9 if never else h[1:, :, 0].mean() < 0.9
    assert (h[1:] <= y).all()
    assert 0 < lit[-1] < 0.75


def test_text_batches_are_the_streams_of_the_text_in_order():
    from workloads.training.batches import batches_of

    text = tasks.by_name("tiny-shakespeare").split("train").astype(np.int64)
    batches = batches_of(TEXT, "cpu")
    seen = list(batches.epoch(0))
    assert len(seen) == batches.count == (len(text) - 1) // 1024 // 40
    length = (len(text) - 1) // 1024
    lane = torch.cat([batch.inputs[:, 7] for batch in seen])
    np.testing.assert_array_equal(lane, text[7 * length : 7 * length + len(lane)])
    np.testing.assert_array_equal(torch.cat([b.targets[:, 7] for b in seen]), text[7 * length + 1 :][: len(lane)])
    assert seen[0].active is None


def test_sequence_batches_hold_each_sequence_once_in_an_order_of_the_epoch():
    from workloads.training.batches import batches_of

    data = tasks.by_name("japanese-vowels").split("train")
    batches = batches_of(VOWELS, "cpu")
    seen = list(batches.epoch(0))
    assert batches.count == len(seen) == len(data) // 24
    known = {data[i].tobytes(): int(data.targets[i]) for i in range(len(data))}
    found = []
    for batch in seen:
        active = batch.active if batch.active is not None else torch.ones(*batch.inputs.shape[:2], 1, dtype=torch.bool)
        assert not batch.inputs[~active[..., 0]].any()
        np.testing.assert_array_equal(active.sum((0, 2)), batch.lengths)
        for lane, length in enumerate(batch.lengths):
            key = batch.inputs[:length, lane].numpy().tobytes()
            assert known[key] == batch.targets[lane]
            found.append(key)
    assert len(found) == len(set(found)) == batches.count * 24
    assert not torch.equal(seen[0].targets, next(batches.epoch(1)).targets)
    assert torch.equal(seen[0].targets, next(batches_of(VOWELS, "cpu").epoch(0)).targets)


def test_sequences_of_a_mini_batch_are_of_similar_length():
    from workloads.training.batches import batches_of

    data = tasks.by_name("japanese-vowels").split("train")
    spreads = [int(b.lengths.max() - b.lengths.min()) for b in batches_of(VOWELS, "cpu").epoch(0)]
    assert np.mean(spreads) < (data.lengths.max() - data.lengths.min()) / 3


# What cannot be done


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None], ids=["empty", "garbage", "truncated"])
def test_a_broken_checkpoint_is_named(finished, tmp_path, damage):
    from workloads.training.train import train

    recipe, _, folder = finished
    whole = (folder / "latest.pt").read_bytes()
    (tmp_path / "latest.pt").write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(BadInput, match=r"latest\.pt: is not a whole checkpoint; delete it to start over \(.+\)$"):
        train(recipe, tmp_path)


@pytest.mark.parametrize(
    ("name", "key"),
    [(name, key) for name in ("latest.pt", "best.pt") for key in ("recipe", "model")]
    + [("latest.pt", key) for key in ("optimiser", "standing", "rng", "device_rng")],
)
def test_a_file_that_is_no_checkpoint_is_named(finished, tmp_path, name, key):
    """One file in place of the other, or of something else."""
    from workloads.training.train import train

    recipe, _, folder = finished
    saved = torch.load(folder / name, weights_only=True)
    del saved[key]
    torch.save(saved, tmp_path / name)
    if name == "best.pt":
        recipe, tmp_path = recipe.changed(start_from=str(tmp_path)), tmp_path / "run"
    with pytest.raises(BadInput, match=rf"{name}: is not a checkpoint of a training run$"):
        train(recipe, tmp_path)


def test_a_missing_best_checkpoint_is_named(finished, tmp_path):
    from workloads.training.train import train

    recipe, _, folder = finished
    (tmp_path / "latest.pt").write_bytes((folder / "latest.pt").read_bytes())
    with pytest.raises(BadInput, match=r"best\.pt: no such checkpoint, though latest\.pt is beside it"):
        train(recipe, tmp_path)


def test_a_checkpoint_of_another_recipe_is_refused(finished):
    from workloads.training.train import train

    recipe, _, folder = finished
    with pytest.raises(BadInput, match=r"latest\.pt: was made by another recipe"):
        train(recipe.changed(seed=6), folder)


def test_an_lstm_may_begin_with_long_memories():
    """A forget gate of sigmoid(b) holds on to what it has for about e^b steps (Tallec & Ollivier 2018)."""
    from workloads.training.train import build

    plain = build(DIGITS.changed(hidden=200)).stack[0]
    long = build(DIGITS.changed(hidden=200, memory_steps=784)).stack[0]
    assert torch.equal(plain.recurrent_weight.full, long.recurrent_weight.full)
    i, f, *others = long.bias.view(4, -1)
    assert torch.equal(i, -f)
    assert 1 <= f.exp().min() < 40
    assert 740 < f.exp().max() <= 783
    assert not any(each.any() for each in others)
    assert torch.equal(plain.bias.view(4, -1)[1], torch.ones(200))
    with pytest.raises(BadInput, match="memory_steps: cell gru has no gates of its own to keep and to take in"):
        DIGITS.changed(cell="gru", memory_steps=784)


@pytest.mark.parametrize(("norm", "weights"), [("none", "float32"), ("weight", "float32"), ("weight", "ternary")])
def test_weights_of_inputs_may_begin_as_large_as_asked_for(norm, weights):
    """As the products have them, after rounding and norm."""
    from workloads.training.train import build

    recipe = DIGITS.changed(hidden=200, norm=norm, weight_format=weights)
    plain, wide = (build(recipe.changed(input_std=std)).stack[0].weights() for std in (None, 4.0))
    assert plain.input.std().item() == pytest.approx((2 / (8 + 800)) ** 0.5, rel=0.05)
    assert wide.input.std().item() == pytest.approx(4.0, rel=0.05)
    assert torch.equal(plain.recurrent, wide.recurrent)
    with pytest.raises(BadInput, match="input_std: norm batch divides it out again"):
        recipe.changed(norm="batch", input_std=4.0)


@pytest.fixture
def every_other_row(monkeypatch):
    """The task of every other row of a digit: 4 steps in place of 8."""
    from workloads.tasks.sequences import Sequences

    def parse(files):
        whole = tasks.DIGITS.parse(files)
        return {
            name: Sequences(split.values.reshape(-1, 8, 8)[:, ::2].reshape(-1, 8), split.lengths // 2, split.targets)
            for name, split in whole.items()
        }

    easier = replace(tasks.DIGITS, name="every-other-row", parse=parse)
    monkeypatch.setattr(tasks, "PLUGINS", replace(tasks.PLUGINS, shipped=(*tasks.ALL, easier)))
    return easier


@pytest.fixture
def curriculum(every_other_row):
    first = {"task": "every-other-row", "epochs": 2, "learning_rate": 0.02}
    return DIGITS.changed(
        name="curriculum", weight_format="ternary", state_bits=8, target_sparsity=0.5, memory_steps=8, first=first
    )


def test_a_curriculum_begins_with_the_best_of_a_dense_run_on_the_easier_task(curriculum, every_other_row, tmp_path):
    from workloads.training import checkpoints, start
    from workloads.training.train import build, train

    before = curriculum.before(longer=2.0)
    assert (before.task, before.epochs, before.learning_rate, before.memory_steps) == ("every-other-row", 2, 0.02, 4)
    assert (before.weight_format, before.target_sparsity, before.threshold, before.first) == ("ternary", 0.0, 0.0, None)
    assert curriculum.changed(memory_steps=None).before(longer=2.0).memory_steps is None
    seen = []
    outcome = train(curriculum, tmp_path / "run", on_progress=lambda p: seen.append((p.task, p.epoch)))
    assert list(dict.fromkeys(seen)) == [("every-other-row", 0), ("every-other-row", 1), ("digits", 0)]

    alone = train(before, tmp_path / "alone")
    network = build(curriculum)
    network.load_state_dict(alone.network.state_dict())
    start.lengthen_memories(network, start.times_longer("digits", every_other_row.name))
    network_file = tmp_path / "by-hand" / "best.pt"
    network_file.parent.mkdir()
    checkpoints.save_weights(network_file, curriculum, network)
    by_hand = train(curriculum.changed(first=None, start_from=str(network_file.parent)), tmp_path / "rest")
    for name, value in by_hand.network.state_dict().items():
        torch.testing.assert_close(outcome.network.state_dict()[name], value, rtol=0, atol=0)


@pytest.mark.parametrize(("task", "epoch"), [pytest.param("every-other-row", 1, marks=pytest.mark.slow), ("digits", 0)])
def test_a_stopped_curriculum_goes_on_to_the_same_end(curriculum, tmp_path, task, epoch):
    from workloads.training.train import train

    def stop(progress):
        if (progress.task, progress.epoch, progress.batch) == (task, epoch, 2):
            raise Stop

    straight = train(curriculum, tmp_path / "straight")
    with pytest.raises(Stop):
        train(curriculum, tmp_path / "stopped", on_progress=stop)
    resumed = train(curriculum, tmp_path / "stopped")
    for name, value in straight.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)


def test_a_run_of_a_task_that_has_changed_is_refused(every_other_row, monkeypatch, tmp_path):
    from workloads.training.train import train

    recipe = DIGITS.changed(task="every-other-row")
    train(recipe, tmp_path)
    changed = (*tasks.ALL, replace(every_other_row, outputs=11))
    monkeypatch.setattr(tasks, "PLUGINS", replace(tasks.PLUGINS, shipped=changed))
    with pytest.raises(
        BadInput, match=r"latest\.pt: does not fit the task every-other-row as it is now \(size mismatch"
    ):
        train(recipe, tmp_path)


def test_longer_memories_do_over_longer_sequences_what_shorter_ones_did():
    """If slow gates see the same input at every step, a cell depends on the share of the steps that have passed."""
    from workloads.training import start
    from workloads.training.train import build

    network = build(DIGITS.changed(hidden=6))
    layer = network.stack[0]
    with torch.no_grad():
        layer.recurrent_weight.full.zero_()
        layer.input_weight.full.zero_()
        i, f, g, _ = layer.bias.view(4, -1)
        f.copy_(torch.linspace(4, 7, 6))
        i.copy_(-f)
        g.copy_(torch.linspace(-1, 1, 6))

    def cells_after(steps):
        return layer.infer(torch.zeros(steps, 1, 8), layer.weights(), layer.start(1))[1][1]

    before, unchanged = cells_after(100), cells_after(200)
    start.lengthen_memories(network, 2.0)
    torch.testing.assert_close(cells_after(200), before, rtol=0.01, atol=0)
    assert ((unchanged - before).abs() > 0.1 * before.abs()).all()


def test_a_cell_without_a_forget_gate_keeps_its_memories():
    from workloads.training import start
    from workloads.training.train import build

    network = build(DIGITS.changed(cell="gru"))
    before = network.stack[0].bias.clone()
    start.lengthen_memories(network, 2.0)
    assert torch.equal(network.stack[0].bias, before)


def test_the_dense_run_before_leaves_the_threshold_to_the_recipe(curriculum, tmp_path):
    from workloads.training import start
    from workloads.training.train import build

    recipe = curriculum.changed(threshold=0.3, target_sparsity=0.0)
    network, before = build(recipe), build(recipe.before(longer=2.0))
    assert before.stack[0].threshold == 0.0
    start.take_over(network, before, 2.0)
    assert network.stack[0].threshold == pytest.approx(0.3)
    assert torch.equal(network.stack[0].recurrent_weight.full, before.stack[0].recurrent_weight.full)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"first": {"task": "japanese-vowels", "epochs": 1}},
            "first: features of japanese-vowels must be 8, as those of",
        ),
        ({"first": {"task": "nothing", "epochs": 1}}, "task must be one of .*, not 'nothing'"),
        ({"first": {"task": "digits", "epochs": 1, "hidden": 3}}, r"first\.hidden: .*"),
        (
            {"first": {"task": "digits", "epochs": 1}, "norm": "batch-per-step"},
            "first: norm batch-per-step has statistics",
        ),
    ],
)
def test_a_curriculum_that_cannot_be_is_refused(fields, message):
    with pytest.raises(BadInput, match=f"^recipe digits: .*{message}"):
        DIGITS.changed(**fields)


@pytest.mark.parametrize(("key", "value", "resumes"), [("lr_decay", None, True), ("depth", 3, False)])
def test_a_checkpoint_from_before_a_key_with_a_default_resumes(finished, tmp_path, key, value, resumes):
    import json

    from workloads.training.train import train

    recipe, outcome, folder = finished
    for name in ("latest.pt", "best.pt"):
        saved = torch.load(folder / name, weights_only=True)
        keys = json.loads(saved["recipe"])
        keys.pop(key, None)
        saved["recipe"] = json.dumps(keys | ({} if value is None else {key: value}))
        torch.save(saved, tmp_path / name)
    if resumes:
        assert train(recipe, tmp_path).validation_loss == outcome.validation_loss
        return
    with pytest.raises(BadInput, match=r"latest\.pt: was made by another recipe"):
        train(recipe, tmp_path)
    (tmp_path / "latest.pt").unlink()
    with pytest.raises(BadInput, match=r"best\.pt: was made by a recipe with other keys than recipes have now"):
        train(recipe.changed(start_from=str(tmp_path)), tmp_path / "run")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (TEXT, "recipe text: batch x steps must be at most the 223077 transitions"),
        (VOWELS, "recipe vowels: batch must be at most the 216 training sequences of japanese-vowels, not 100000"),
    ],
)
def test_a_batch_larger_than_the_data_is_refused(recipe, message, tmp_path):
    from workloads.training.train import train

    with pytest.raises(BadInput, match=message):
        train(recipe.changed(batch=100_000), tmp_path)


def test_statistics_of_each_step_need_sequences_of_one_length(tmp_path):
    from workloads.training.train import train

    with pytest.raises(BadInput, match="norm batch-per-step is for sequences of one length, those of japanese-vowels"):
        train(VOWELS.changed(norm="batch-per-step"), tmp_path)


def test_a_loss_that_is_not_finite_ends_the_run_with_one_line(tmp_path):
    from workloads.training.train import train

    recipe = DIGITS.changed(optimiser="sgd", learning_rate=1e38, clip_norm=1e38, norm="none")
    with pytest.raises(BadInput, match=r"recipe digits: the loss is not finite at epoch 1, mini-batch \d+; a lower"):
        train(recipe, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epochs = 0", "epochs: Input should be greater than or equal to 1, not 0"),
        ("depth = 2", "depth: unknown key"),
        ('task = "ptb"', "task: task must be one of war-and-peace, tiny-shakespeare, .*, not 'ptb'"),
        ('cell = "elman"', "cell: cell must be one of lstm, gru, gru-classic, rnn-tanh, rnn-relu.*, not 'elman'"),
        ('weight_format = "fp4"', "weight_format: weight format must be one of .*, not 'fp4'"),
        ('input_weight_format = "fp4"', "input_weight_format: weight format must be one of .*, not 'fp4'"),
        ("target_sparsity = [0.1, 0.2]", "target_sparsity must be one number or 1, one a layer, not 2"),
        ("target_sparsity = 1.0", "target_sparsity must be at least 0 and below 1, not 1.0"),
        ("unpruned = 1.0", "unpruned: Input should be less than 1, not 1.0"),
        ('pruned = ["readout"]', "what reads h pruned must include recurrence, not be readout: what the next layer"),
        ('pruned = ["c"]', r"pruned\.0: Input should be 'recurrence', 'next_layer' or 'readout', not 'c'"),
        ("threshold_ramp = 0.5", "threshold_ramp is that of a fixed threshold: it needs one, and no target_sparsity"),
        ("state_integer_bits = 8", "state_integer_bits must be below state_bits = 8, not 8"),
        ("input_bits = 8", "input_bits: a one-hot input is neither rounded, pruned nor dropped"),
        ("input_dropout = 0.5", "input_dropout: a one-hot input is neither rounded, pruned nor dropped"),
        ('embedding_format = "fixed8"', "embedding_format: there is no embedding"),
        ('norm = "batch-per-step"', "norm: batch-per-step is for sequences of one length; tiny-shakespeare is one"),
        ('norm = "group"', "norm: Input should be 'none', 'batch', 'batch-per-step', 'layer' or 'weight', not 'group'"),
        ("threshold = inf", "threshold: Input should be a finite number, not inf"),
        ("learning_rate = nan", "learning_rate: Input should be a finite number, not nan"),
        ("activity_penalty = inf", "activity_penalty: Input should be a finite number, not inf"),
        ("steps = ", "is not a TOML file"),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path, change, message):
    path = tmp_path / "recipe.toml"
    key = change.split(" ")[0]
    path.write_text("\n".join([*(line for line in RECIPE.splitlines() if line.split(" ")[0] != key), change]))
    with pytest.raises(BadInput, match=rf"recipe\.toml: {message}") as error:
        load_recipe(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("recipe", "change", "message"),
    [
        (TEXT, {"initial_noise": 0.1}, "recipe text: initial_noise: tiny-shakespeare is one long text, whose state"),
        (DIGITS, {"carry_state": False}, "recipe digits: carry_state: digits has whole sequences, which all begin"),
        (DIGITS, {"embedding": 4}, "recipe digits: embedding: digits has vectors, which need none"),
        (
            DIGITS,
            {"unpruned": 0.25, "target_sparsity": 0.75},
            "target_sparsity must be at least 0 and below 0.75, the share of the units that may be pruned, not 0.75",
        ),
        (
            DIGITS,
            {"weight_format": "pow2-ternary", "rounding": "stochastic"},
            "rounding: weight format pow2-ternary has no stochastic rounding",
        ),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(recipe, change, message):
    with pytest.raises(BadInput, match=message):
        recipe.changed(**change)


def test_a_missing_recipe_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.toml: no such recipe file, nor one of wp-lstm256-float, "):
        load_recipe(tmp_path / "none.toml")
