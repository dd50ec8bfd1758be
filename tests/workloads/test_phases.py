"""Recorded traces of what waits for whole sequences: their phases by hand, and their zeros as PyTorch finds them."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from archsim.trace.graph import Elementwise, Encode, UnitOperations
from archsim.trace.trace import Trace
from workloads import sparsify, tasks, zoo
from workloads.config import Config, Dense, Embedding, HeadLayer, LayerConfig, OneHot, Readout, Vector
from workloads.dense import DenseNumbers
from workloads.graphs import phases_of
from workloads.integer_bits import needed_bits
from workloads.integers import integer_run
from workloads.model import Model
from workloads.record import record_sample
from workloads.tasks.base import Sample

HIDDEN, OUTPUTS = 6, 3
VECTOR = Vector(size=5)


def configured(inputs=VECTOR, levels=1, bidirectional=True, readout=None, **layer):
    fields = {"cell": "lstm", "hidden": HIDDEN, "weight_format": "fixed8", "input_weight_format": "fixed8"}
    fields |= {"state_bits": 8, "threshold": 0.1} | layer
    one, back = LayerConfig(**fields), LayerConfig(**fields, reverse=True, beside=True)
    layers = ((one, back) if bidirectional else (one,)) * levels
    return Config(name="drawn", input=inputs, layers=layers, readout=readout)


def read(when="every_step", **more):
    return Readout(outputs=OUTPUTS, weight_format="fixed8", when=when, **more)


RELU = HeadLayer(outputs=4, weight_format="fixed8", activation="relu")


def with_numbers(config, codes, layer, seed=1, initial=True):
    """A model of `config` with drawn weights."""
    rng = np.random.default_rng(seed)

    def numbers(rows, columns, bias=True):
        drawn, scale = codes("fixed8", (rows, columns), rng)
        return drawn, np.asarray(2 * scale, np.float32).reshape(-1), rng.normal(0, 0.3, rows).astype(np.float32)

    table, table_scale, dense, head = None, None, None, []
    if config.input.kind == "embedding":
        table, table_scale, _ = numbers(config.input.symbols, config.input.size)
    if config.input.kind == "dense":
        dense = DenseNumbers(*numbers(config.input.width, config.input.features))
    layers = tuple(layer(each, config.input_width(k), rng, initial and k == 0) for k, each in enumerate(config.layers))
    readout, width = {}, config.level_outputs(-1)
    if config.readout is not None:
        for each in config.readout.head:
            head.append(DenseNumbers(*numbers(each.outputs, width)))
            width = each.outputs
        names = ("readout_codes", "readout_scale", "readout_bias")
        readout = dict(zip(names, numbers(OUTPUTS, width), strict=True))
    return Model(config, layers, table, table_scale, dense=dense, head=tuple(head), **readout)


@pytest.fixture(scope="session")
def made(drawn_numbers):
    return lambda config, seed=1, initial=True: with_numbers(config, *drawn_numbers, seed, initial)


def sample_of(config, lengths, seed=0, warmup=0):
    rng = np.random.default_rng(seed)
    shape = (warmup + max(lengths), len(lengths))
    if config.input.symbols is not None:
        inputs = rng.integers(0, config.input.symbols, shape).astype(np.uint16)
    else:
        inputs = rng.normal(0, 1, (*shape, config.input.features)).astype(np.float32)
        inputs *= rng.random(inputs.shape) < 0.7
    return Sample(inputs, np.asarray(lengths, np.int64), warmup)


def products(phase):
    return {mv.name: (mv.rows, mv.cols, mv.operand, mv.edge, mv.group, mv.when) for mv in phase.graph.mat_vecs}


def lstm(suffix, x, edge, inputs, hidden=HIDDEN, outputs=HIDDEN):
    return {
        f"W_x{suffix}": (4 * hidden, inputs, x, edge, f"gates{suffix}", "every_step"),
        f"W_h{suffix}": (4 * hidden, outputs, f"h{suffix}", "previous_step", f"gates{suffix}", "every_step"),
    }


def test_both_directions_share_a_step_and_what_lies_above_waits(made):
    phases = phases_of(made(configured(levels=2, readout=read())))
    first, second, last = phases
    assert products(first) == lstm("_1", "x", "input", 5) | lstm("_2", "x_reverse", "input", 5)
    assert products(second) == lstm("_3", "x_3", "input", 12) | lstm("_4", "x_3_reverse", "input", 12)
    assert products(last) == {"readout": (OUTPUTS, 2 * HIDDEN, "y", "input", "readout", "every_step")}
    assert [phase.steps for phase in phases] == ["all"] * 3
    assert [phase.rereads for phase in phases] == [(), ("x_3_reverse",), ()]
    assert {o.name: (o.kind, o.size, o.bits) for o in second.graph.operands} == {
        "x_3": ("vector", 12, 8), "x_3_reverse": ("vector", 12, 8), "h_3": ("state", 6, 8), "h_4": ("state", 6, 8),
    }  # fmt: skip


def test_the_last_h_of_both_directions_is_read_where_they_end(made):
    (only,) = phases_of(made(configured(readout=read("last_step"))))
    assert {name: rest for name, rest in products(only).items() if name.startswith("readout")} == {
        "readout_forward": (OUTPUTS, HIDDEN, "h_1", "same_step", "readout", "last_step"),
        "readout_reverse": (OUTPUTS, HIDDEN, "h_2", "same_step", "readout", "last_step"),
    }


def test_a_forward_layer_above_waits_and_its_own_readout_does_not(made):
    both = configured().layers
    above = both[0].model_copy(update={"hidden": 4})
    phases = phases_of(made(Config(name="drawn", input=VECTOR, layers=(*both, above), readout=read())))
    assert products(phases[1]) == lstm("_3", "x_3", "input", 12, 4, 4) | {
        "readout": (OUTPUTS, 4, "h_3", "same_step", "readout", "every_step")
    }


@pytest.mark.parametrize(
    ("inputs", "first"),
    [
        (Embedding(symbols=7, size=5, weight_format="fixed8"), ("embedding", 5, 7, "token")),
        (Dense(features=3, width=5, weight_format="fixed8", activation="relu"), ("dense", 5, 3, "features")),
    ],
    ids=["embedding", "dense"],
)
def test_what_comes_before_both_directions_is_computed_once(made, inputs, first):
    name, *rest = first
    before, both, *_ = phases_of(made(configured(inputs=inputs)))
    assert {mv: (rows, cols, x) for mv, (rows, cols, x, *_) in products(before).items()} == {name: tuple(rest)}
    assert products(both) == lstm("_1", "x", "input", 5) | lstm("_2", "x_reverse", "input", 5)
    assert both.rereads == ("x_reverse",)


def test_a_dense_layer_before_one_direction_is_part_of_its_step(made):
    inputs = Dense(features=3, width=5, weight_format="fixed8", activation="relu")
    (only,) = phases_of(made(configured(inputs=inputs, bidirectional=False)))
    assert products(only) == lstm("", "x", "input", 5) | {"dense": (5, 3, "features", "input", "dense", "every_step")}
    unit = next(op for op in only.graph.operations if op.name == "dense_unit")
    assert unit == Elementwise(name="dense_unit", scope="embedding", size=5, of=("dense",),
                               unit=UnitOperations(curves=1, adds=1, state_writes=1))  # fmt: skip
    assert Encode(name="encode_x", scope="embedding", size=5, of="dense_unit", operand="x") in only.graph.operations


@pytest.mark.parametrize(("when", "steps"), [("every_step", "all"), ("last_step", "one")])
def test_a_head_is_a_phase(made, when, steps):
    _, head = phases_of(made(configured(bidirectional=False, readout=read(when, head=(RELU,)))))
    assert head.steps == steps
    assert products(head) == {
        "head_1": (4, HIDDEN, "y", "input", "head_1", "every_step"),
        "readout": (OUTPUTS, 4, "y_1", "same_step", "readout", "every_step"),
    }


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pooling_is_counted_where_each_h_is_made(made, pooling):
    plain = phases_of(made(configured()))
    steps, read_ = phases_of(made(configured(readout=read("last_step", pooling=pooling))))
    units = [[op.unit for op in graph.graph.operations if isinstance(op, Elementwise)] for graph in (*plain, steps)]
    for one, more in zip(*units, strict=True):
        added = {name: count - getattr(one, name) for name, count in more if count != getattr(one, name)}
        # a comparison; or a difference, its share of the steps so far, and a sum
        arithmetic = {"adds": 1} if pooling == "max" else {"adds": 2, "multiplies": 1}
        assert added == arithmetic | {"cell_reads": 1, "cell_writes": 1}
    assert read_.graph.operand("y").bits == 8


def test_a_mean_is_rounded_as_the_h_that_it_is_of(made):
    model = made(configured(readout=read("last_step", pooling="mean")))
    sample = sample_of(model.config, [7, 3, 5])
    h, _ = model.states(sample.inputs, lengths=sample.lengths)
    y = model.operands(sample.inputs, lengths=sample.lengths)[0]["y"][0]
    for lane, length in enumerate(sample.lengths):
        np.testing.assert_array_equal(y[lane], np.round(h[:length, lane].mean(0, dtype=np.float64) * 128) / 128)


def test_a_projection_is_a_second_product_of_a_step(made):
    (only,) = phases_of(made(configured(bidirectional=False, projection=2)))
    assert products(only) == lstm("", "x", "input", 5, HIDDEN, 2) | {
        "W_hr": (2, HIDDEN, "m", "same_step", "projection", "every_step")
    }
    assert {o.name: (o.kind, o.size) for o in only.graph.operands} == {
        "x": ("vector", 5), "m": ("result", HIDDEN), "h": ("state", 2),
    }  # fmt: skip
    sizes = {op.name: op.size for op in only.graph.operations if isinstance(op, Elementwise)}
    assert sizes == {"cell": HIDDEN, "project": 2}


@st.composite
def configs(draw):
    inputs = draw(
        st.sampled_from([
            VECTOR, OneHot(symbols=7), Embedding(symbols=7, size=4, weight_format="fixed8"),
            Dense(features=3, width=4, weight_format="fixed8", activation="relu"),
        ])
    )  # fmt: skip
    layers = []
    for _ in range(draw(st.integers(1, 3))):
        cell = draw(st.sampled_from(["lstm", "gru", "gru-classic", "rnn-tanh", "lstm-peephole"]))
        fields = {
            "cell": cell, "hidden": draw(st.integers(1, 9)), "weight_format": "fixed8", "input_weight_format": "fixed8",
            "state_bits": 6, "threshold": draw(st.sampled_from([0.0, 0.2])),
            "pruned": draw(st.sampled_from(["all", "recurrence"])),
            "projection": draw(st.sampled_from([None, 3])) if cell == "lstm" else None,
        }  # fmt: skip
        direction = draw(st.sampled_from(["forward", "reverse", "both"]))
        layers += [LayerConfig(**fields, reverse=direction == "reverse")]
        layers += [LayerConfig(**fields, reverse=True, beside=True)] if direction == "both" else []
    when = draw(st.sampled_from(["every_step", "last_step"]))
    pooling = draw(st.sampled_from([None, "mean", "max"])) if when == "last_step" else None
    at_last = when == "last_step" and layers[-1].reverse and not pooling and draw(st.booleans())
    head = draw(st.sampled_from([(), (RELU,), (RELU, RELU)]))
    readout = draw(st.sampled_from([None, read(when, pooling=pooling, head=head, at_last_position=at_last)]))
    return Config(name="drawn", input=inputs, layers=tuple(layers), readout=readout)


def alone(model, sample, lane):
    """Operands of one sequence by itself, cut to its length: nothing there is padding."""
    length = int(sample.lengths[lane])
    return model.operands(sample.inputs[:length, lane : lane + 1])[0]


@settings(max_examples=40)
@given(configs(), st.lists(st.integers(1, 7), min_size=1, max_size=3), st.integers(0, 2**20))
def test_recorded_zeros_are_those_of_each_sequence_by_itself(made, config, lengths, seed):
    model, sample = made(config, seed), sample_of(config, lengths, seed)
    trace = record_sample(model, sample, {})
    for part, phase in zip(trace.phases, trace.header.phases, strict=True):
        for operand in part.graph.operands:
            rows = part.arrays[operand.name]
            for lane in range(len(lengths)):
                expected = alone(model, sample, lane)[operand.name][:, 0]
                steps = slice(operand.kind == "state", None)
                ours = rows[steps, lane][: 1 if phase.steps == "one" else lengths[lane]]
                if operand.kind == "one_hot":
                    np.testing.assert_array_equal(ours, expected)
                else:
                    bits = np.unpackbits(ours, axis=-1, count=operand.size).astype(bool)
                    np.testing.assert_array_equal(bits, expected != 0)


def test_a_trace_is_recorded_into_a_file_as_it_is_in_memory(made, tmp_path):
    model = made(configured(levels=2, readout=read("last_step", pooling="mean", head=(RELU,))))
    sample = sample_of(model.config, [7, 3, 1])
    held = record_sample(model, sample, {})
    stored = record_sample(model, sample, {}, tmp_path / "trace.npz")
    assert stored.sha256 == held.sha256
    assert len(Trace.load(tmp_path / "trace.npz").phases) == 3


def test_a_state_cannot_be_carried_into_a_layer_in_reverse(made):
    model = made(configured(readout=read()))
    said = re.escape("model drawn: layers.1 reads a sequence from its last step on, so no state can be carried")
    with pytest.raises(BadInput, match=f"^{said}"):
        record_sample(model, sample_of(model.config, [5, 5], warmup=2), {})
    with pytest.raises(BadInput, match=f"^{said}"):
        model.run(sample_of(model.config, [5, 5]).inputs, model.start(2))


def test_pooling_leaves_nothing_to_read_at_every_step(made):
    model = made(configured(readout=read("last_step", pooling="mean")))
    with pytest.raises(BadInput, match=r"^model drawn: its readout pools over the steps, so it has no logits at every"):
        model.run(sample_of(model.config, [5, 5]).inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pooling": "mean"}, "pooling needs when = 'last_step', not 'every_step'"),
        ({"at_last_position": True}, "at_last_position needs when = 'last_step', not 'every_step'"),
        ({"when": "last_step", "pooling": "max", "at_last_position": True}, "at_last_position and pooling exclude"),
    ],
)
def test_readouts_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        read(**change)


@pytest.mark.parametrize(
    ("cell", "layers", "message"),
    [
        ("lstm", [{"beside": True}], "beside must be that of a layer that reads in reverse"),
        ("lstm", [{"reverse": True, "beside": True}], "layers.0: beside must follow a layer that reads forwards"),
        ("lstm", [{"reverse": True}, {"reverse": True, "beside": True}], "layers.1: beside must follow a layer that"),
        ("gru", [{"projection": 2}], "projection must be none in cell gru: only lstm can have one"),
    ],
)
def test_directions_and_projections_that_make_no_sense_are_refused(cell, layers, message):
    fields = {"cell": cell, "hidden": 4, "weight_format": "fixed8", "input_weight_format": "fixed8"}
    with pytest.raises(ValueError, match=message):
        Config(name="drawn", input=VECTOR, layers=[fields | more for more in layers])


def test_the_position_of_a_readout_needs_a_layer_in_reverse():
    with pytest.raises(ValueError, match="at_last_position needs a last layer that reads in reverse"):
        configured(bidirectional=False, readout=read("last_step", at_last_position=True))


@pytest.mark.parametrize("target", [0.6, [0.3, 0.5, 0.6, 0.7]])
def test_layers_in_reverse_are_pruned_to_a_target_and_their_zeros_counted(made, target):
    model = made(configured(levels=2, threshold=0.0, state_bits=None))
    sample = sample_of(model.config, [9, 4, 7])
    pruned = sparsify.prune_to(model, target, sample)
    found = sparsify.zeros(record_sample(pruned, sample, {}))
    assert [zeros.operand for zeros in found] == ["h_1", "h_2", "h_3", "h_4"]
    if isinstance(target, float):
        assert np.mean([zeros.sparsity for zeros in found]) == pytest.approx(target, abs=0.02)
    else:
        assert [zeros.sparsity for zeros in found] == pytest.approx(target, abs=0.03)


@settings(max_examples=25)
@given(configs(), st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(0, 2**20))
def test_integers_of_every_phase_are_those_of_its_zeros(made, config, lengths, seed):
    layers = [layer.model_copy(update={"input_bits": 7, "input_integer_bits": 2}) for layer in config.layers]
    if config.input.kind == "one_hot":
        layers[: len(config.levels[0])] = config.layers[: len(config.levels[0])]
    plain = config.readout and config.readout.model_copy(update={"head": ()})
    config = config.model_copy(update={"layers": tuple(layers), "readout": plain})
    model = made(Config.model_validate(config.model_dump()), seed, initial=False)
    sample = sample_of(config, lengths, seed)
    if config.input.kind == "dense":
        with pytest.raises(BadInput, match="operand features is floating point, not integers"):
            integer_run(model, sample)
        return
    run, trace, rng = integer_run(model, sample), record_sample(model, sample, {}), np.random.default_rng(seed)
    for phase in trace.phases:
        for mv in phase.graph.mat_vecs:
            nonzero = phase.nonzero(mv, phase.sequences, phase.steps)
            operand = phase.graph.operand(mv.operand)
            shift = operand.kind == "state" and mv.edge == "same_step"
            assert run.sums[mv.name].shape == (*nonzero.shape[:2], mv.rows)
            for _ in range(3):
                t, s, row = (int(rng.integers(n)) for n in run.sums[mv.name].shape)
                columns = np.flatnonzero(nonzero[t, s])
                one_hot = operand.kind == "one_hot"
                values = np.ones(len(columns)) if one_hot else run.operands[mv.operand][t + shift, s, columns]
                assert values.all()
                assert run.sums[mv.name][t, s, row] == values @ run.weights[mv.name][row, columns]


def test_a_head_and_what_is_dense_before_have_the_integer_bits_that_their_weights_prove(made):
    """The largest results that inputs within the given range can have: no element is ever clipped."""
    inputs = Dense(features=3, width=5, weight_format="fixed8", activation="none")
    config = configured(inputs=inputs, state_bits=None, readout=read("last_step", head=(RELU, RELU)))
    model = made(config).with_bits(12, 10, 2)
    assert (model.config.input.input_bits, model.config.input.input_integer_bits) == (10, 2)
    weights = np.abs(model.dense.codes * model.dense.scale)
    reach = (4 * weights.sum(1) + np.abs(model.dense.bias)).max()
    for layer in model.config.layers:
        assert layer.input_bits == 10
        assert 2 ** (layer.input_integer_bits - 1) < reach < 2**layer.input_integer_bits
    largest = np.ones(2 * HIDDEN)
    for numbers, layer in zip(model.head, model.config.readout.head, strict=True):
        reach = (np.abs(numbers.codes * numbers.scale) @ largest + np.abs(numbers.bias)).max()
        assert layer.bits == 12
        assert 2 ** (layer.integer_bits - 1) < reach < 2**layer.integer_bits
        largest = np.full(layer.outputs, 2.0**layer.integer_bits)
    sample = sample_of(config, [7, 3, 5])
    extreme = np.where(sample.inputs > 0, 3.9, -4.0).astype(np.float32)
    y = model.operands(extreme, lengths=sample.lengths)[0]
    for name, bits, integer in [("x", 10, model.config.layers[0].input_integer_bits)] + [
        (f"y_{k}", 12, layer.integer_bits) for k, layer in enumerate(model.config.readout.head, 1)
    ]:
        codes = y[name] * 2.0 ** (bits - 1 - integer)
        np.testing.assert_array_equal(codes, np.round(codes))
    assert {each.place for each in model.saturations.places} >= {"features", "x", "y_1", "y_2"}
    assert not any(each.clipped for each in model.saturations.places if each.place != "features")


def test_a_line_says_what_a_model_is_made_of():
    config = configured(
        inputs=Dense(features=3, width=5, weight_format="fixed8"),
        projection=2,
        readout=read("last_step", pooling="max", head=(RELU,)),
    )
    assert config.title == "dense of 5, lstm 6 to 2 in both directions, max pooling, dense 4 (relu), readout of 3"
    assert configured(bidirectional=False, cell="gru").title == "vector of 5, gru 6, no readout"


def test_both_directions_have_one_number(made):
    """What lies above reads them as one vector, whose elements have one point."""
    both = configured(state_bits=None, cell="rnn-relu", threshold=0.0)
    model = made(both)
    inputs = sample_of(both, [9, 9]).inputs
    h_1, h_2 = (needed for needed in needed_bits(model, inputs) if needed.operand.startswith("h"))
    operands, _ = model.operands(inputs)
    assert h_1.integer_bits == h_2.integer_bits
    assert h_1.largest == h_2.largest >= max(float(np.abs(operands[name]).max()) for name in ("h_1", "h_2"))
    said = r"layers\.1: h must have 8 bits, 2 of them integer bits, as the layer beside it, not 8 bits, 3 of them"
    with pytest.raises(BadInput, match=said):
        model.with_bits(8, 8, 2, (2, 3))


@pytest.mark.parametrize("name", ["wp-lstm256-ternary-s90", "spoken-gru64-float", "smnist-rows-lstm100-binary"])
def test_a_model_that_uses_nothing_new_is_stored_as_before(name, tmp_path):
    shipped = zoo.model_path(name)
    Model.load(shipped).save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == shipped.read_bytes()


def test_what_enters_a_dense_layer_is_what_integer_bits_are_taken_for(made):
    model = made(configured(inputs=Dense(features=3, width=5, weight_format="fixed8"), bidirectional=False))
    inputs = sample_of(model.config, [9, 9]).inputs
    first, *_ = needed_bits(model, inputs)
    assert (first.operand, first.largest) == ("features", float(np.abs(inputs).max()))


def test_a_layer_in_reverse_would_see_the_symbols_that_it_is_to_predict():
    symbols = tasks.by_name("tiny-shakespeare").symbols
    config = configured(inputs=OneHot(symbols=symbols), readout=Readout(outputs=symbols, weight_format="fixed8"))
    said = (
        r"layers\.1 reads a sequence from its last step on, and so what tiny-shakespeare asks it to predict: all layers"
    )
    with pytest.raises(ValueError, match=said):
        Config.model_validate(config.model_dump() | {"task": "tiny-shakespeare"})
