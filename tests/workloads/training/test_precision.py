"""Precision of products in training: what it changes and by how much, how it is chosen, and that runs do not mix it."""

import json

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.training.recipe import Recipe

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("shorter_text")]

TEXT = Recipe(
    name="text", task="tiny-shakespeare", hidden=32, weight_format="ternary", state_bits=8, epochs=1, patience=1,
    batch=256, steps=25, learning_rate=0.01, products="float32", seed=5,
)  # fmt: skip


def losses(recipe, folder, device="cpu"):
    """Of every mini-batch of a run, and the run."""
    from workloads.training.train import train

    seen = []
    outcome = train(recipe, folder, device, on_progress=lambda progress: seen.append(progress.loss))
    return np.array(seen), outcome


@pytest.fixture(scope="module")
def exact(shorter_text, tmp_path_factory):
    """The losses of a run in float32, the run, and its folder."""
    folder = tmp_path_factory.mktemp("float32")
    return *losses(TEXT, folder), folder


@pytest.mark.parametrize("products", ["bfloat16", "bfloat16-layers"])
def test_losses_in_bfloat16_stay_close_to_those_in_float32(products, exact, tmp_path):
    """A mantissa of 8 bits moves a loss of some 4 bits by far less than a mini-batch's own scatter."""
    found, _ = losses(TEXT.changed(products=products), tmp_path)
    assert found[0] == pytest.approx(exact[0][0], abs=0.001)
    np.testing.assert_allclose(found, exact[0], rtol=0, atol=0.02)
    assert not np.array_equal(found, exact[0])
    assert exact[0][-1] < exact[0][0] - 1  # it learns


def test_float32_products_are_whole_whatever_the_process_was_set_to(exact, tmp_path):
    torch.set_float32_matmul_precision("medium")
    try:
        found, outcome = losses(TEXT, tmp_path)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert np.array_equal(found, exact[0])
    for name, value in exact[1].network.state_dict().items():
        assert torch.equal(outcome.network.state_dict()[name], value), name


@pytest.mark.parametrize(("products", "within"), [("float32", 1e-5), ("bfloat16-layers", 1e-5), ("bfloat16", 2**-7)])
def test_the_readout_and_its_gradient_are_as_exact_as_asked_for(products, within):
    from workloads.training import precision
    from workloads.training.train import build

    network = build(TEXT.changed(readout_format="float32"))
    generator = torch.Generator().manual_seed(1)
    states, towards = (torch.randn(40, width, generator=generator) for width in (32, 65))
    states.requires_grad_()
    logits = network.readout(states, precision.of_readout(products))
    logits.backward(towards)
    weight = network.readout_weight.full
    s, w, d = (tensor.detach().double() for tensor in (states, weight, towards))
    for found, exactly in (
        (logits, s @ w.T + network.readout_bias.detach().double()),
        (states.grad, d @ w),
        (weight.grad, d.T @ s),
        (network.readout_bias.grad, d.sum(0)),
    ):
        error = (found.double() - exactly).norm() / exactly.norm()
        assert error < within
        assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("told", "products"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16\n", "bfloat16"),
        ("flags\t\t: fpu amx_bf16 amx_tile\n", "bfloat16"),
        ("Features\t: fp asimd bf16\n", "bfloat16"),
        ("flags\t\t: fpu avx512f avx512_vnni\n", "medium"),
        ("processor\t: 0\n", "medium"),
        (None, "medium"),
    ],
)
def test_the_fastest_products_are_those_the_cpu_has_instructions_for(told, products, tmp_path, monkeypatch):
    from workloads.training import precision

    path, flags = tmp_path / "cpuinfo", precision._cpu_flags
    if told is not None:
        path.write_text(told)
    monkeypatch.setattr(precision, "_cpu_flags", lambda: flags(path))
    assert precision.settled(TEXT.changed(products="fastest"), "cpu").products == products
    assert precision.settled(TEXT, "cpu") == TEXT


def test_a_card_says_what_the_fastest_products_were(tmp_path, monkeypatch):
    from workloads.training import precision
    from workloads.training.export import train_and_export
    from workloads.training.sequence import eager

    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device: False)
    path = tmp_path / "digits.toml"
    keys = 'name = "digits"', 'task = "digits"', "hidden = 6", 'weight_format = "ternary"', "epochs = 1", "patience = 1"
    path.write_text("\n".join(keys))
    card = train_and_export(path, tmp_path / "run", tmp_path / "zoo", compile_=eager)
    assert card.recipe.products == "medium"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"products": "bfloat16"}, r"another recipe \(products float32, not bfloat16\)"),
        ({"products": "medium", "seed": 6}, r"another recipe \(products float32, not medium, seed 5, not 6\)"),
    ],
)
def test_a_run_does_not_go_on_in_another_precision(exact, changes, message):
    from workloads.training.train import train

    with pytest.raises(BadInput, match=rf"latest\.pt: was made by {message}; give an empty folder"):
        train(TEXT.changed(**changes), exact[2])


def test_a_checkpoint_from_before_readouts_in_bfloat16_goes_on_as_it_began(exact, tmp_path):
    from workloads.training.train import train

    for name in ("latest.pt", "best.pt"):
        saved = torch.load(exact[2] / name, weights_only=True)
        del saved["format"]
        saved["recipe"] = json.dumps(json.loads(saved["recipe"]) | {"products": "bfloat16"})
        torch.save(saved, tmp_path / name)
    assert train(TEXT.changed(products="bfloat16-layers"), tmp_path).epochs_run == 1
    with pytest.raises(BadInput, match=r"products bfloat16-layers, not bfloat16"):
        train(TEXT.changed(products="bfloat16"), tmp_path)


@pytest.mark.parametrize("products", ["float32", "bfloat16"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_a_step_on_a_text_needs_nothing_of_the_host(cell, products):
    """Tensors on the device `meta` have no values, so that every look at one is an error."""
    from workloads.training import precision
    from workloads.training.batches import batches_of
    from workloads.training.network import Passing
    from workloads.training.sequence import eager
    from workloads.training.train import _descend, _follow_quantiles, _share_of_zeros, build

    recipe = TEXT.changed(
        cell=cell, target_sparsity=0.5, activity_penalty=0.1, output_dropout=0.1, products=products,
        input_weight_format="fixed4-row", readout_format="exponential4",
    )  # fmt: skip
    network = build(recipe).to("meta")
    optimiser = torch.optim.Adam(network.parameters())
    state = network.start(recipe.batch)
    with pytest.raises(RuntimeError):
        float(state[0].sum())  # a look
    for batch in list(batches_of(recipe, "meta").epoch(0))[:2]:
        passing = Passing(batch.active, precision.of_layers(products), 0.05, eager)
        out = network.run(batch.inputs, state, passing)
        _descend(network, optimiser, out, batch)
        _follow_quantiles(network, out, 0.5)
        _share_of_zeros(network, out, batch)
        state = tuple(part.detach() for part in out.state)


if torch.cuda.is_available():  # under CI a test that is skipped is an error

    @pytest.mark.parametrize(("products", "within"), [("float32", 0.002), ("bfloat16", 0.02)])
    def test_a_gpu_learns_what_the_cpu_does(products, within, exact, tmp_path, monkeypatch):
        from workloads.training import train as module

        monkeypatch.setattr(module, "LOOK_EVERY", 1)
        found, _ = losses(TEXT.changed(products=products), tmp_path, "cuda")
        np.testing.assert_allclose(found, exact[0], rtol=0, atol=within)
