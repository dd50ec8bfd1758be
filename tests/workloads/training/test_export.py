"""What is exported is what was trained; what is fine-tuned starts from what it is given."""

from dataclasses import replace

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads import cells, formats, tasks
from workloads.model import Model
from workloads.sparsify import LANES
from workloads.training.recipe import Recipe, load_recipe
from workloads.zoo.card import Card

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

NORMS = ("none", "batch", "layer", "weight")
FORMATS = ("float32", "float16", "fixed8", "fixed4-row", "ternary", "binary", "pow2-ternary", "exponential4",
           "limp-ternary", "limp-binary")  # fmt: skip
CELLS = [cell.name for cell in cells.ALL if not cell.peepholes]
TEXT = Recipe(
    name="drawn", task="tiny-shakespeare", hidden=6, weight_format="ternary", epochs=1, patience=1, batch=4, steps=9,
    products="float32",
)  # fmt: skip
DIGITS = Recipe(
    name="digits", task="digits", hidden=6, weight_format="ternary", epochs=1, patience=1, batch=16, products="float32"
)
VOWELS = TEXT.changed(task="japanese-vowels")


def drawn(recipe, steps=1, seed=2):
    """A network in double precision whose every parameter and statistic is drawn, as if it had been trained."""
    from workloads.training.train import build

    network = build(recipe, steps).double()
    generator = torch.Generator().manual_seed(seed)

    def uniform(tensor, low, high):
        if tensor is not None:
            tensor.uniform_(low, high, generator=generator)

    with torch.no_grad():
        for layer in network.stack:
            uniform(layer.bias, -0.5, 0.5)
            uniform(layer.bias_candidate, -0.5, 0.5)
            uniform(layer.bias_cell, -0.5, 0.5)
            uniform(layer.initial, -0.9, 0.9)
            for norm in filter(None, (layer.recurrent_norm, layer.input_norm, layer.cell_norm)):
                if norm.norm != "none":
                    uniform(norm.gain, -0.3, 0.9)
                if norm.by_batch:
                    uniform(norm.mean, -0.2, 0.2)
                    uniform(norm.variance, 0.05, 0.4)
        if network.embedding is not None:
            uniform(network.embedding.full, -1.5, 1.5)
        uniform(network.readout_bias, -1, 1)
    return network


def agree(recipe, network, inputs, lengths=None):
    """The exported model, whose numpy logits are those of PyTorch's inference from the running statistics."""
    from workloads.training.export import export
    from workloads.training.train import final_draw

    model, inference = export(recipe, network), network.inference(final_draw(recipe))
    ours, state = model.run(inputs, dtype=np.float64)
    theirs, after = inference.run(inputs)
    assert np.ptp(theirs) > 0.1
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-5)
    for mine, other in zip(state, after, strict=True):
        np.testing.assert_allclose(mine, other.numpy(), rtol=0, atol=2e-5)
    if lengths is not None:
        np.testing.assert_allclose(
            model.last(inputs, lengths, np.float64), inference.last(inputs, lengths), rtol=0, atol=2e-5
        )
    return model


def symbols(steps=12, sequences=3):
    return tasks.by_name("tiny-shakespeare").split("validation")[: steps * sequences].reshape(sequences, steps).T


def vectors(task="digits", sequences=3):
    return tasks.by_name(task).split("train").batch(np.arange(sequences) * 25)[:2]


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_the_exported_model_computes_what_training_infers(cell, norm, fmt):
    recipe = TEXT.changed(
        cell=cell, norm=norm, weight_format=fmt, state_bits=8, state_integer_bits=2 if cell == "rnn-relu" else 0,
        threshold=0.05,
    )  # fmt: skip
    model = agree(recipe, drawn(recipe), symbols())
    assert model.weight_format.name == fmt
    assert (model.config.layers[0].norm == "layer") == (norm == "layer")


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("pruned", ["all", "recurrence"])
def test_a_learned_initial_state_goes_with_the_model(cell, pruned):
    recipe = TEXT.changed(cell=cell, layers=2, state_bits=6, state_integer_bits=1, threshold=0.3, hidden=9,
                          pruned=(pruned,) if pruned == "recurrence" else TEXT.pruned,
                          initial_state="learned")  # fmt: skip
    network = drawn(recipe)
    model = agree(recipe, network, symbols())
    for layer, trained in zip(model.layers, network.stack, strict=True):
        np.testing.assert_array_equal(layer.initial_state, trained.initial.detach().numpy().astype(np.float32))
        h = trained.start(2)[0].detach().numpy()
        assert ((h != 0) & (np.abs(h) < 0.3)).any() == (pruned == "recurrence")
        np.testing.assert_array_equal(h * 16, np.round(h * 16))


@pytest.mark.parametrize("state_bits", [None, 8])
@pytest.mark.parametrize("cell", CELLS)
def test_what_reads_h_pruned_and_which_units_are_goes_with_the_model(cell, state_bits):
    recipe = TEXT.changed(cell=cell, layers=2, state_bits=state_bits, state_integer_bits=2 * (state_bits is not None),
                          threshold=0.6, pruned=("recurrence", "next_layer"), unpruned=1 / 3)  # fmt: skip
    model = agree(recipe, drawn(recipe), symbols())
    assert [layer.pruned for layer in model.config.layers] == ["all", "recurrence"]
    assert [layer.unpruned for layer in model.config.layers] == [2, 2]
    values, _ = model.operands(symbols())
    assert values["y_2"].astype(bool).mean() > values["h_2"].astype(bool).mean()
    for name in ("h_1", "h_2"):
        magnitudes = np.abs(values[name])
        assert not ((magnitudes[..., 2:] > 0) & (magnitudes[..., 2:] < 0.56)).any()  # 0.6 may be rounded to 0.5625
        assert (magnitudes[..., 2:] == 0).any()
        assert ((magnitudes[..., :2] > 0) & (magnitudes[..., :2] < 0.6)).any()


@pytest.mark.parametrize("rounding", ["deterministic", "stochastic"])
@pytest.mark.parametrize("fmt", [f for f in formats.ALL if f.stochastic or f.name not in FORMATS], ids=lambda f: f.name)
def test_every_format_is_exported_as_it_is_trained(fmt, rounding):
    recipe = TEXT.changed(
        weight_format=fmt.name, rounding=rounding, round_biases=True, norm="none", readout_format="fixed5-row"
    )
    model = agree(recipe, drawn(recipe), symbols())
    assert model.config.readout.weight_format == "fixed5-row"


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_stacked_layers_over_an_embedding(cell, norm):
    recipe = TEXT.changed(
        cell=cell, norm=norm, layers=2, embedding=5, embedding_format="fixed6-row", input_weight_format="fixed8",
        input_bits=7, input_integer_bits=1, input_threshold=0.1, state_bits=6, state_integer_bits=1,
        rounding="stochastic", round_biases=True,
    )  # fmt: skip
    model = agree(recipe, drawn(recipe), symbols())
    assert [len(layer.input_codes[0]) for layer in model.layers] == [5, 6]
    assert [layer.input_bits for layer in model.config.layers] == [7, None]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("cell", CELLS)
def test_vectors_of_unequal_length_read_out_at_their_last_step(cell, norm):
    recipe = VOWELS.changed(cell=cell, norm=norm, weight_format="fixed8", input_bits=8, input_integer_bits=2, layers=2)
    inputs, lengths = vectors("japanese-vowels")
    assert len(set(lengths)) > 1
    model = agree(recipe, drawn(recipe), inputs, lengths)
    assert model.config.readout.when == "last_step"


def test_statistics_of_each_step_are_refused_by_name(tmp_path):
    from workloads.training.export import export, train_and_export

    recipe = DIGITS.changed(norm="batch-per-step")
    message = r"recipe digits: norm batch-per-step cannot be exported: it has statistics of each step"
    with pytest.raises(BadInput, match=message):
        export(recipe, drawn(recipe, steps=8))
    path = tmp_path / "recipe.toml"
    path.write_text('name = "digits"\ntask = "digits"\nhidden = 6\nweight_format = "ternary"\nepochs = 1\n'
                    'patience = 1\nnorm = "batch-per-step"\n')  # fmt: skip
    with pytest.raises(BadInput, match=message):
        train_and_export(path, tmp_path / "run", tmp_path / "zoo")
    assert not (tmp_path / "run").exists()  # before it trains


# Training and inference


@pytest.mark.parametrize(
    ("cell", "norm"),
    [
        (cell, norm)
        for cell in CELLS
        for norm in ("none", "layer", "weight", "batch-per-step")
        if norm == "batch-per-step" or not cells.by_name(cell).normed_cell
    ],
)
def test_training_computes_what_inference_does(cell, norm):
    """Once the running statistics are those of the mini-batch; those that all steps share differ from each step's."""
    from workloads.training.network import Passing
    from workloads.training.sequence import eager

    recipe = DIGITS.changed(cell=cell, norm=norm, layers=2, state_bits=5, state_integer_bits=1, threshold=0.03)
    network = drawn(recipe, steps=8)
    inputs, _ = vectors(sequences=7)
    given = torch.from_numpy(inputs).double()
    out = network.run(given, network.start(7), Passing(None, torch.float64, 1.0, eager))
    states, after = network.inference().states(inputs)
    torch.testing.assert_close(out.states.detach(), states, rtol=0, atol=1e-12)
    for ours, theirs in zip(out.state, after, strict=True):
        torch.testing.assert_close(ours.detach(), theirs, rtol=0, atol=1e-12)


def test_running_statistics_of_each_step_end_with_the_sequences_they_were_taken_from():
    network = drawn(DIGITS.changed(norm="batch-per-step"), steps=5)
    with pytest.raises(BadInput, match="norm batch-per-step has statistics of 5 steps, not of the 8 steps it is given"):
        network.inference().last(*vectors())


@pytest.mark.parametrize("recipe", [TEXT, TEXT.changed(embedding=4), VOWELS], ids=["one-hot", "embedding", "vectors"])
def test_running_statistics_are_those_of_the_steps_that_sequences_run(recipe):
    from workloads.training.network import Passing
    from workloads.training.sequence import eager

    network = drawn(recipe.changed(weight_format="float32", norm="batch"))
    (layer,) = network.stack
    lengths = np.array([7, 4, 5])
    inputs = symbols(7) if recipe.task == TEXT.task else vectors(recipe.task)[0][:7]
    active = torch.from_numpy(np.arange(7)[:, None] < lengths)
    given = torch.from_numpy(inputs.astype(np.int64) if inputs.ndim == 2 else inputs.astype(np.float64))
    out = network.run(given, network.start(3), Passing(active[..., None], torch.float64, 1.0, eager))
    assert not out.states[~active].any()

    entering = network.entering(given).detach()
    weights = layer.weights()
    columns = weights.input.detach().t()
    z = (columns[entering] if entering.ndim == 2 else entering @ columns)[active]
    torch.testing.assert_close(layer.input_norm.mean, z.mean(0))
    torch.testing.assert_close(layer.input_norm.variance, z.var(0, correction=0))

    before = torch.cat([torch.zeros(1, 3, 6), out.states.detach()[:-1]])
    by_step = [(h @ weights.recurrent.detach().t())[lanes] for h, lanes in zip(before, active, strict=True)]
    counts = active.sum(1)
    mean = sum(n * z.mean(0) for n, z in zip(counts, by_step, strict=True)) / counts.sum()
    variance = sum(n * z.var(0, correction=0) for n, z in zip(counts, by_step, strict=True)) / counts.sum()
    torch.testing.assert_close(layer.recurrent_norm.mean, mean)
    torch.testing.assert_close(layer.recurrent_norm.variance, variance)


def test_running_statistics_of_c_are_those_of_the_steps_that_sequences_run():
    from workloads.training.network import Passing
    from workloads.training.sequence import eager

    recipe = VOWELS.changed(cell="lstm-normed-cell", weight_format="float32", norm="none")
    network = drawn(recipe)
    (layer,) = network.stack
    lengths, given = np.array([7, 4, 5]), torch.from_numpy(vectors(recipe.task)[0][:7].astype(np.float64))
    active = torch.from_numpy(np.arange(7)[:, None] < lengths)
    by_step = []
    for steps in range(1, 8):  # the state after so many steps; batch norm of training leaves later ones out
        out = network.run(given[:steps], network.start(3), Passing(active[:steps, :, None], torch.float64, 1.0, eager))
        by_step.append(out.state[1].detach()[active[steps - 1]])
    counts = active.sum(1)
    for statistic, of in ((layer.cell_norm.mean, torch.mean), (layer.cell_norm.variance, biased_variance)):
        expected = sum(n * of(c, 0) for n, c in zip(counts, by_step, strict=True)) / counts.sum()
        torch.testing.assert_close(statistic, expected)


def biased_variance(v, axis):
    return v.var(axis, correction=0)


def test_a_cell_by_another_name_is_trained_as_well(monkeypatch, tmp_path):
    """All that is asked of a cell is in its class: nothing else here knows its name."""
    from workloads.training.train import train

    shipped = (*cells.ALL, replace(cells.by_name("lstm"), name="lstm-2"))
    monkeypatch.setitem(vars(cells.PLUGINS), "shipped", shipped)
    recipe = DIGITS.changed(hidden=4)
    ours, theirs = (
        train(recipe.changed(cell=cell), tmp_path / cell).network.state_dict() for cell in ("lstm-2", "lstm")
    )
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_unknown_cell_is_refused_by_name():
    with pytest.raises(BadInput, match=r"cell must be one of lstm, gru, gru-classic, rnn-.*, not 'elman'"):
        cells.by_name("elman")


# Fine-tuning


@pytest.fixture(scope="module")
def float_run(tmp_path_factory):
    """A run in float32, and its folder."""
    from workloads.training.train import train

    folder = tmp_path_factory.mktemp("float")
    recipe = DIGITS.changed(weight_format="float32", hidden=10, learning_rate=0.03)
    return recipe, train(recipe, folder), folder


def test_fine_tuning_starts_from_the_checkpoints_loss(float_run, tmp_path):
    from workloads.training import start
    from workloads.training.batches import batches_of
    from workloads.training.train import build, train, validate

    recipe, outcome, folder = float_run
    tuned = recipe.changed(start_from=str(folder), seed=9, weight_format="fixed8")
    network = build(recipe.changed(seed=9))
    start.load(str(folder), network, next(batches_of(recipe, "cpu").epoch(0)))
    assert validate(network) == outcome.validation_loss
    losses = []
    train(tuned, tmp_path, on_progress=lambda progress: losses.append(progress.loss))
    assert np.mean(losses[:5]) < 2.6 < np.log2(10)  # untrained: 3.3 bits


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("cell", [cell for cell in CELLS if not cells.by_name(cell).normed_cell])
@pytest.mark.parametrize("recipe", [TEXT.changed(layers=2), VOWELS, TEXT.changed(embedding=4)], ids=["1", "2", "3"])
def test_fine_tuning_starts_from_a_model(recipe, cell, norm, tmp_path):
    from workloads.training import start
    from workloads.training.batches import batches_of
    from workloads.training.export import export
    from workloads.training.train import build

    recipe = recipe.changed(cell=cell, norm=norm, weight_format="float32", state_bits=8, state_integer_bits=3)
    network = drawn(recipe)
    path = tmp_path / "model.safetensors"
    export(recipe, network).save(path)
    again = build(recipe.changed(seed=7)).double()
    start.load(str(path), again, next(batches_of(recipe, "cpu").epoch(0)))
    inputs = vectors(recipe.task)[0] if recipe.task == VOWELS.task else symbols()
    np.testing.assert_allclose(again.inference().run(inputs)[0], network.inference().run(inputs)[0], rtol=0, atol=2e-5)


@pytest.mark.parametrize("theirs", ["zeros", "learned"])
@pytest.mark.parametrize("ours", ["zeros", "learned"])
def test_fine_tuning_takes_an_initial_state_where_the_recipe_has_one(ours, theirs, tmp_path):
    from workloads.training import start
    from workloads.training.export import export
    from workloads.training.train import build

    recipe, path = DIGITS.changed(weight_format="float32", norm="none"), tmp_path / "model.safetensors"
    network = drawn(recipe.changed(initial_state=theirs))
    export(network.recipe, network).save(path)
    again = build(recipe.changed(initial_state=ours)).double()
    if (ours, theirs) == ("zeros", "learned"):
        with pytest.raises(BadInput, match="has an initial state, and sequences are trained from zeros"):
            start.load(str(path), again, batch_of(recipe))
        return
    start.load(str(path), again, batch_of(recipe))
    inputs = vectors()[0]
    np.testing.assert_allclose(again.inference().run(inputs)[0], network.inference().run(inputs)[0], rtol=0, atol=2e-5)


def batch_of(recipe):
    from workloads.training.batches import batches_of

    return next(batches_of(recipe, "cpu").epoch(0))


def test_a_model_whose_c_is_normalised_is_no_start(tmp_path):
    """Its statistics are folded, and the c of a mini-batch is not among what a model hands out."""
    from workloads.training import start
    from workloads.training.export import export
    from workloads.training.train import build

    recipe, path = DIGITS.changed(cell="lstm-normed-cell", weight_format="float32"), tmp_path / "model.safetensors"
    export(recipe, drawn(recipe)).save(path)
    with pytest.raises(BadInput, match=r"a model has no statistics of c; start from the folder of a run$"):
        start.load(str(path), build(recipe), batch_of(recipe))


def test_a_start_of_another_shape_is_refused(float_run, tmp_path):
    from workloads.training.export import export
    from workloads.training.train import build, train

    recipe, _, folder = float_run
    path = tmp_path / "ternary.safetensors"
    export(TEXT, build(TEXT)).save(path)
    float_path = tmp_path / "float.safetensors"
    float_text = TEXT.changed(weight_format="float32")
    export(float_text, build(float_text)).save(float_path)
    for changed, message in (
        (recipe.changed(hidden=11, start_from=str(folder)), rf"start_from {folder}: hidden must be 11, as in recipe "),
        (recipe.changed(norm="layer", start_from=str(folder)), r": norm must be layer, as in recipe digits, not batch"),
        (VOWELS.changed(hidden=10, start_from=str(folder)), r": is not of the shape of recipe drawn \(size mismatch"),
        (recipe.changed(start_from=str(tmp_path)), r"best\.pt: no such checkpoint$"),
        (recipe.changed(start_from="nothing"), r"nothing: no such model file, nor one of "),
        (
            TEXT.changed(start_from=str(path)),
            r"ternary\.safetensors: weight format must be float32 or float16, not ternary",
        ),
        (recipe.changed(start_from=str(path)), r"input must be vector, as in recipe digits, not one_hot"),
        (TEXT.changed(norm="layer", start_from=str(float_path)), r"norm must be layer, as in recipe drawn, not none"),
        (TEXT.changed(cell="gru", start_from=str(float_path)), r"cell must be gru, as in recipe drawn, not lstm"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=message) as error:
            train(changed, tmp_path / "run")
        assert "\n" not in str(error.value)


# Cards


def test_train_and_export_writes_a_model_and_a_card_that_hold_together(float_run, tmp_path):
    from workloads.training.export import train_and_export
    from workloads.training.sequence import eager
    from workloads.training.train import validate

    recipe, outcome, folder = float_run
    recipe_path = tmp_path / "digits.toml"
    recipe_path.write_text(
        'name = "digits"\ntask = "digits"\nhidden = 10\nweight_format = "float32"\nepochs = 1\npatience = 1\n'
        'batch = 16\nlearning_rate = 0.03\nproducts = "float32"\nsteps = 9\n'.replace("steps = 9\n", "")
    )
    assert load_recipe(recipe_path) == recipe
    card = train_and_export(recipe_path, folder, tmp_path / "zoo", hours=0.25, compile_=eager)
    path = tmp_path / "zoo" / "digits.safetensors"
    assert sorted(p.name for p in path.parent.iterdir()) == ["digits.safetensors", "digits.toml"]
    assert Card.load(path.with_suffix(".toml")) == card
    model = Model.load(path)

    assert model.weight_format.name == "float16"
    assert card.measured.metric == "error_pct"
    assert card.measured.validation == outcome.validation_loss == card.training.validation
    assert card.measured.test == validate(outcome.network, "test")
    assert card.measured.test_one_stream is None
    assert card.recipe == recipe
    assert card.training.hours == 0.25
    assert card.data.sha256 == tasks.by_name("digits").sha256
    assert (card.data.symbols, card.data.features, card.data.outputs) == (None, 8, 10)
    assert card.data.split == "1,437 / 180 / 180 sequences"
    (zeros,) = card.measured.states
    assert (zeros.operand, zeros.threshold) == ("h", 0.0)
    assert tuple(zeros.union_sparsity) == LANES
    assert zeros.union_sparsity[1] == pytest.approx(zeros.sparsity) == card.measured.state_sparsity
    assert (card.file.bytes, card.file.weight_bytes) == (path.stat().st_size, model.weight_bytes)


def test_float_weights_are_shipped_in_float16_only_where_nothing_changes(float_run, monkeypatch):
    from workloads.training import export as module

    recipe, outcome, _ = float_run
    model = module.export(recipe, outcome.network)
    for half_loss, weight_format in ((5.0, "float16"), (5.01, "float32"), (4.99, "float32")):
        losses = {"float32": 5.0, "float16": half_loss}
        monkeypatch.setattr(module, "evaluate", lambda m, split, losses=losses: losses[m.weight_format.name])
        assert module.narrowest(model).weight_format.name == weight_format


@pytest.mark.slow
def test_a_card_of_a_text_has_a_figure_for_one_stream(tmp_path):
    from workloads.training.export import measure
    from workloads.training.train import build

    recipe = TEXT.changed(layers=2, hidden=4, threshold=0.05)
    from workloads.training.export import export

    measured = measure(export(recipe, build(recipe)))
    assert measured.metric == "bpc"
    assert measured.test_one_stream == pytest.approx(measured.test, abs=0.01)
    assert [state.operand for state in measured.states] == ["h_1", "h_2"]
    assert measured.threshold == pytest.approx(0.05)
    assert measured.state_sparsity == pytest.approx(np.mean([state.sparsity for state in measured.states]))
    assert list(measured.union_sparsity.values()) == sorted(measured.union_sparsity.values(), reverse=True)


def test_a_card_takes_the_place_of_its_own_recipe_and_of_no_other_file(tmp_path):
    """The card holds all of the recipe that it is of."""
    from workloads.training.export import _refuse_other_file

    recipe, other = tmp_path / "d.toml", tmp_path / "other.toml"
    for path in (recipe, other):
        path.write_text('name = "d"\n')
    _refuse_other_file(recipe, recipe)
    _refuse_other_file(tmp_path / "new.toml", recipe)
    with pytest.raises(BadInput, match=r"d\.toml: is no card, and the model's would replace it"):
        _refuse_other_file(recipe, other)
