"""A person's own inputs and targets: what is measured on them, against the same by hand."""

from dataclasses import replace

import numpy as np
import pytest

from archsim.errors import BadInput
from workloads.config import Vector
from workloads.fixed_point import OwnData, Settings, analyse, quantize, search_bits, sweep


@pytest.fixture
def setting(draw):
    model = draw(
        weight_format="float32", state_bits=None, threshold=0.0, hidden=10, task=None, inputs=Vector(size=3), outputs=4
    )
    rng = np.random.default_rng(0)
    return model, rng.normal(size=(7, 90, 3)), rng


def last_step(model):
    return replace(
        model,
        config=model.config.model_copy(
            update={"readout": model.config.readout.model_copy(update={"when": "last_step"})}
        ),
    )


def test_without_targets_the_loss_is_the_difference_from_the_float_model(setting):
    model, inputs, _ = setting
    small = quantize(model, analyse(model, inputs), Settings(weight_bits=5, activation_bits=6))
    for net, at in ((model, slice(None)), (last_step(model), -1)):
        exact, ours = (each.run(inputs)[0][at].astype(float) for each in (model, small))
        expected = 100 * np.sqrt(np.mean((ours - exact) ** 2) / np.mean(exact**2))
        (point,) = sweep(net, (5,), (6,), own=OwnData(inputs))
        assert point.value == pytest.approx(expected, rel=1e-5)
        assert point.relative_loss == point.value / 100
    found = search_bits(model, None, 0.05, (3, 5, 8), (4, 6, 8), own=OwnData(inputs), method="exhaustive")
    assert found.float_value == 0
    assert found.best.value <= 5


def test_a_network_without_a_readout_is_measured_by_its_h(setting):
    model, inputs, _ = setting
    bare = replace(
        model, config=model.config.model_copy(update={"readout": None}), readout_codes=None, readout_scale=None,
        readout_bias=None,
    )  # fmt: skip
    small = quantize(bare, analyse(bare, inputs), Settings(weight_bits=5, activation_bits=6))
    exact = bare.states(inputs)[0].astype(float)
    codes = small.states(inputs)[0] * small.layers[0].numbers.state.unit
    (point,) = sweep(bare, (5,), (6,), own=OwnData(inputs))
    assert point.value == pytest.approx(100 * np.sqrt(np.mean((codes - exact) ** 2) / np.mean(exact**2)), rel=1e-5)
    with pytest.raises(BadInput, match="has no readout, so nothing in it can meet targets: leave them out"):
        sweep(bare, (5,), (6,), own=OwnData(inputs, np.zeros(90, int)))


@pytest.mark.parametrize("at_end", [True, False])
def test_targets_are_classes_or_numbers(setting, at_end):
    model, inputs, rng = setting
    small = quantize(model, analyse(model, inputs), Settings(weight_bits=5, activation_bits=6))
    logits = small.run(inputs)[0]
    logits = logits[-1] if at_end else logits
    classes = rng.integers(0, 4, logits.shape[:-1])
    (point,) = sweep(model, (5,), (6,), own=OwnData(inputs, classes))
    assert point.value == pytest.approx(100 * np.mean(logits.argmax(-1) != classes))
    numbers = rng.normal(size=logits.shape)
    (point,) = sweep(model, (5,), (6,), own=OwnData(inputs, numbers))
    assert point.value == pytest.approx(np.sqrt(np.mean((logits - numbers) ** 2)), rel=1e-6)
    float_value = np.sqrt(np.mean(((model.run(inputs)[0][-1] if at_end else model.run(inputs)[0]) - numbers) ** 2))
    assert point.relative_loss == pytest.approx(point.value / float_value - 1, abs=1e-6)


@pytest.mark.parametrize("targets", [(90,), (90, 7), (90, 4), (90, 7, 4)])
def test_sequences_first(setting, targets):
    """(90, 7) are classes of every step; (90, 4) are numbers at the end, also if there are as many steps."""
    model, inputs, rng = setting
    kind = int if targets in ((90,), (90, 7)) else float
    given = OwnData(inputs.swapaxes(0, 1), rng.integers(0, 4, targets).astype(kind)).steps_first(model.config)
    np.testing.assert_array_equal(given.inputs, inputs)
    turned = {(90,): (90,), (90, 7): (7, 90), (90, 4): (90, 4), (90, 7, 4): (7, 90, 4)}[targets]
    assert given.targets_shape == turned
    square = OwnData(np.zeros((90, 4, 3)), np.zeros((90, 4))).steps_first(model.config)
    assert square.targets_shape == (90, 4)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (
            np.zeros(7, int),
            r"targets that are classes \(integers\) must be \(90,\) at the end of a sequence or \(7, 90\)",
        ),
        (
            np.zeros(90),
            r"targets that are numbers \(floats\) must be \(90, 4\) at the end of a sequence or \(7, 90, 4\)",
        ),
        (np.full(90, 4), r"classes must be from 0 to 3, as it has 4 outputs, not 4 to 4"),
    ],
    ids=["axes", "numbers", "beyond"],
)
def test_targets_that_do_not_fit_are_refused(setting, targets, message):
    model, inputs, _ = setting
    with pytest.raises(BadInput, match=rf"^model drawn: [^\n]*{message}[^\n]*$"):
        sweep(model, (5,), (6,), own=OwnData(inputs, targets))


def test_what_no_loss_is_relative_to_is_refused(setting, draw):
    model, inputs, _ = setting
    with pytest.raises(BadInput, match="the float model meets its targets exactly, and no loss is relative to that"):
        sweep(model, (5,), (6,), own=OwnData(inputs, model.run(inputs)[0].astype(np.float64)))
    one = draw(weight_format="float32", state_bits=None, task=None, inputs=Vector(size=3), outputs=1)
    with pytest.raises(BadInput, match="integer targets are classes, and it has one output: give numbers as floats"):
        sweep(one, (5,), (6,), own=OwnData(inputs, np.zeros(90, int)))
    silent = replace(model, readout_scale=0 * model.readout_scale, readout_bias=0 * model.readout_bias)
    with pytest.raises(BadInput, match="all its outputs are 0, so that no difference is a share of them"):
        sweep(silent, (5,), (6,), own=OwnData(inputs))
