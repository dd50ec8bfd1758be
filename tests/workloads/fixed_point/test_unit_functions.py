"""Integer cells as hardware has them, against the integer model itself: recorded runs, and numbers at every edge."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.errors import BadInput
from archsim.rtl import integer_cell
from tests.archsim.rtl.integer_bench import Vector, evaluated, simulate
from tests.workloads.fixed_point.test_fixed_point import CELLS, INPUTS, WIDTHS, drawn_inputs, drawn_integer_model
from workloads import zoo
from workloads.fitting import task_of
from workloads.fixed_point import IntegerModel, Settings, calibrate, quantize
from workloads.fixed_point.integers import beside_before, integer_run_of
from workloads.fixed_point.unit_functions import unit_functions
from workloads.numbers import Saturations
from workloads.tasks import Sample

SUM_BITS = 40


# Runs of a model


def given_sample(model: IntegerModel, steps: int, lanes: int, seed: int, warmup: int = 2) -> Sample:
    return Sample(drawn_inputs(model, steps + warmup, lanes, seed), np.full(lanes, steps), warmup)


def states_of(model: IntegerModel, sample: Sample) -> Iterator[dict[tuple[str, str], np.ndarray]]:
    """The state after every step, ``(S, H)`` by the layer's h and its own name, one step at a time."""
    state = model.start(len(sample.lengths))
    for t, inputs in enumerate(sample.inputs):
        _, state = model.operands(inputs[None], state)
        flat = iter(state)
        if t >= sample.warmup:
            yield {
                (f"h{model.config.suffix(k)}", name): next(flat)
                for k, layer in enumerate(model.layers)
                for name in layer.cell.states
            }


def recorded(model: IntegerModel, sample: Sample):
    """The functions, a vector for every unit, lane and step, and what the evaluator makes of each.

    What it makes must be what the model has made. What lies beside h goes round as in hardware.
    """
    functions, run = unit_functions(model), integer_run_of(model, sample)
    made = {name: rows[1:] if name.startswith("h") else rows for name, rows in run.operands.items()}
    if model.readout_codes is not None:
        made["logit"] = model.logits(made[f"h{model.config.suffix(len(model.layers) - 1)}"])
    beside = {name: codes.copy() for name, codes in beside_before(model, sample).items()}
    lanes, vectors, found = len(sample.lengths), [], []
    once = model.config.readout is not None and model.config.readout.when == "last_step"
    for t, states in enumerate(states_of(model, sample)):
        for n, stage in enumerate(functions.stages):
            if stage.name == "readout_bias" and once and t < max(sample.lengths) - 1:
                continue
            own = {port.name: beside.setdefault((stage.state, port.name), zeros(lanes, stage)) for port in stage.beside}
            for lane, unit in np.ndindex(lanes, stage.units):
                sums = tuple(int(run.sums[row.group][t, lane, row.row * stage.units + unit]) for row in stage.sums)
                state = {name: int(codes[lane, unit]) for name, codes in own.items()}
                if stage.h is not None:
                    state["h"] = int(run.operands[stage.state][t, lane, unit])
                vectors.append(Vector(n, unit, sums, state))
                (now,) = evaluated(functions, vectors[-1:])
                assert now.results == {name: made[name][t, lane, unit] for name in now.results}, (stage.name, t)
                for field, value in now.beside.items():
                    own[field][lane, unit] = value
                found.append(now)
        for name in states.keys() & beside.keys():
            np.testing.assert_array_equal(beside[name], states[name])
    return functions, vectors, found


def zeros(lanes, stage):
    return np.zeros((lanes, stage.units), np.int64)


WIDE = {
    "table": Settings(weight_bits=6, activation_bits=7, table_bits=6),
    "segments": Settings(weight_bits=8, activation_bits=8, cell_bits=11, activation="segments"),
    "one shift a matrix": Settings(
        weight_bits=7, activation_bits=6, per_row=False, activation="segments", split_bits=0
    ),
}


@pytest.mark.parametrize("wide", WIDE)
@pytest.mark.parametrize("cell", CELLS)
def test_what_hardware_computes_is_what_the_model_computes(draw, tmp_path, cell, wide):
    """Embedding, two layers of which the second prunes what it reads, readout: every value of every step."""
    model = drawn_integer_model(
        draw, WIDE[wide], cell, "embedding", seed=3, layers=2, threshold=0.1, input_threshold=0.2, initial=True
    )
    functions, vectors, found = recorded(model, given_sample(model, 40, 2, seed=5))
    assert len({tuple(each.results.items()) for each in found}) > 80  # nothing stands still
    assert simulate(functions, vectors, tmp_path, SUM_BITS) == found


def test_a_readout_at_the_last_step(draw, tmp_path):
    model = drawn_integer_model(draw, Settings(), "gru", "vector", seed=2, when="last_step")
    functions, vectors, found = recorded(model, given_sample(model, 12, 2, seed=5))
    assert sum("logit" in each.results for each in found) == 2 * model.config.readout.outputs
    assert simulate(functions, vectors, tmp_path, SUM_BITS) == found


@pytest.mark.parametrize("kind", sorted(INPUTS))
def test_sums_that_have_wrapped_around_are_as_good(draw, tmp_path, kind):
    """A sum lacks its bias and may lie beyond the accumulator for a while: only its low bits count."""
    model = drawn_integer_model(draw, Settings(), "gru", kind, seed=4, threshold=0.0)
    functions, vectors, found = recorded(model, given_sample(model, 20, 1, seed=6))
    bits = max(row.bits for stage in functions.stages for row in stage.sums)
    turned = [each._replace(sums=tuple(s + (5 << bits) for s in each.sums)) for each in vectors]
    assert evaluated(functions, turned) == found
    assert simulate(functions, vectors, tmp_path, bits) == found


# Every edge: accumulators and states that no run has met


def edges(bits: int) -> list[int]:
    """Both ends of a number, and both sides of every power of two and of every half."""
    near = {sign * (1 << n) + off for n in range(bits) for sign in (1, -1) for off in (-1, 0, 1)}
    halves = {sign * 3 * (1 << n) + off for n in range(bits) for sign in (1, -1) for off in (-1, 0, 1)}
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return sorted(v for v in near | halves | {low, high} if low <= v <= high)


def drawn_codes(rng, bits: int, shape: tuple[int, ...]):
    """Half of them edges."""
    anything = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)
    return np.where(rng.random(shape) < 0.5, rng.choice(edges(bits), shape), anything)


def step_of_layer(model: IntegerModel, k: int, drawn: int, rng):
    """The integer step of layer `k`, on `drawn` sets of accumulators and states: what it is given and what it makes."""
    machine = model._machines[k]
    cell, hidden, numbers = machine.layer.cell, machine.layer.config.hidden, machine.layer.numbers
    bits = [proof.bits_needed for proof in machine.proofs]
    start = drawn_codes(rng, bits[0], (drawn, len(cell.gates) * hidden))
    sums = [drawn_codes(rng, b, (drawn, len(s.gates) * hidden)) for s, b in zip(cell.stages, bits[1:], strict=False)]
    state = tuple(drawn_codes(rng, number.bits, (drawn, hidden)) for number in numbers.states)
    products: Any = tuple(lambda _start, _operand, own=own: own for own in sums)
    alone = replace(machine, recurrent=products, saturations=Saturations())
    after, results = machine.step(alone, start, state)
    return start, sums, state, after, results


def check_edges(model: IntegerModel, k: int, drawn: int, seed: int):
    """Vectors of layer `k` with accumulators of every kind, and what the integer step makes of them."""
    rng, functions, suffix = np.random.default_rng(seed), unit_functions(model), model.config.suffix(k)
    start, sums, state, after, results = step_of_layer(model, k, drawn, rng)
    machine = model._machines[k]
    cell, hidden = machine.layer.cell, machine.layer.config.hidden
    biases = dict(zip(cell.gates, np.split(machine.bias, len(cell.gates)), strict=True))
    rows: dict[tuple[str, int], np.ndarray] = {}  # what the accumulators lack of their bias
    gates = iter(zip(cell.gates, cell.input_groups, cell.recurrent_groups, strict=True))
    for of_stage, own in zip(sums, cell.stages, strict=True):
        for part in np.split(of_stage, len(own.gates), axis=1):
            gate, into, group = next(gates)
            row = [g for g, of in zip(cell.gates, cell.recurrent_groups, strict=True) if of == group].index(gate)
            rows[f"{group}{suffix}", row] = part - (biases[gate] if into == group else machine.recurrent_bias)
            if into != group:
                of_gate = np.split(start, len(cell.gates), axis=1)[cell.gates.index(gate)]
                rows[f"{into}{suffix}", 0] = of_gate - biases[gate]
    found, vectors = [], []
    named = dict(zip(cell.states, state, strict=True))
    made = {f"{name}{suffix}": codes for name, codes in zip((*cell.results, "h"), (*results, after[0]), strict=True)}
    for n, unit in np.ndindex(drawn, hidden):
        beside = {name: int(codes[n, unit]) for name, codes in named.items()}
        for at, stage in enumerate(functions.stages):
            if stage.sums[0].group not in {group for group, _ in rows}:
                continue  # of another layer
            given = tuple(int(rows[row.group, row.row][n, unit]) for row in stage.sums)
            vectors.append(
                Vector(at, unit, given, {"h": beside["h"]} | {p.name: beside.get(p.name, 0) for p in stage.beside})
            )
            (now,) = evaluated(functions, vectors[-1:])
            beside |= now.beside
            found.append(now)
            for name in now.results.keys() & made.keys():
                assert now.results[name] == made[name][n, unit], (stage.name, vectors[-1])
        for name, codes in zip(cell.states[1:], after[1:], strict=True):
            assert beside[name] == codes[n, unit]
    return functions, vectors, found


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wide=WIDTHS,
    threshold=st.sampled_from([0.0, 0.1, 0.3]),
    squeeze=st.sampled_from([1.0, 0.3, 0.01]),
    seed=st.integers(0, 2**16),
)
def test_every_edge_of_drawn_models(draw, cell, wide, threshold, squeeze, seed):
    wide = wide | {"accumulator_bits": None}
    model = drawn_integer_model(draw, Settings(**wide), cell, "one_hot", seed, threshold=threshold, squeeze=squeeze)
    check_edges(model, 0, 30, seed)


@pytest.mark.parametrize("squeeze", [1.0, 0.1])
@pytest.mark.parametrize("cell", CELLS)
def test_every_edge_in_verilog(draw, tmp_path, cell, squeeze):
    model = drawn_integer_model(
        draw, Settings(activation="segments"), cell, "one_hot", 7, layers=2, threshold=0.1, squeeze=squeeze
    )
    functions, vectors, found = check_edges(model, 1, 300, seed=8)
    assert simulate(functions, vectors, tmp_path, SUM_BITS) == found


# What is wrong in Verilog is found


def mutants(text: str) -> Iterator[tuple[str, str]]:
    """The net at fault, and the module with one shift, rounding, clip, operand or bias of a net gone wrong."""
    faults = (
        (r">>> (\d+)\)", lambda m: f">>> {int(m[1]) - 1})"),
        (r" \+ \d+'sd\d+\)", lambda m: ")"),
        (r"= \([a-z_]+ < [^?]*\? [^:]*: ", lambda m: "= "),
        (r" : \([a-z_]+ > [^?]*\? [^:]*: ", lambda m: " : "),
        (r"= (\S+) \* (\S+);", lambda m: f"= {m[1]} * {m[1]};"),
        (r"= (sum\S+) \+ .*;", lambda m: f"= {m[1]};"),
        (r"\.argument\((\S+)\)", lambda m: ".argument(tanh_clipped)"),
    )
    lines = text.splitlines()
    for n, line in enumerate(lines):
        for pattern, instead in faults:
            changed = re.sub(pattern, instead, line, count=1)
            if changed != line:
                yield line.strip(), "\n".join([*lines[:n], changed, *lines[n + 1 :]])


@pytest.mark.slow
def test_every_mutant_of_an_lstm_fails(draw, tmp_path):
    """What a clip of the range cannot change is no mutant: the proven range says so."""
    wide = Settings(activation="segments", per_row=False)
    model = drawn_integer_model(draw, wide, "lstm", "one_hot", 7, threshold=0.1, hidden=2)
    functions, vectors, found = check_edges(model, 0, 400, seed=8)
    texts = integer_cell.files(functions, SUM_BITS)
    assert simulate(functions, vectors, tmp_path, SUM_BITS, texts) == found
    seen = 0
    for line, text in mutants(texts["unit_cell.sv"]):
        seen += 1
        assert simulate(functions, vectors, tmp_path, SUM_BITS, texts | {"unit_cell.sv": text}) != found, line
    assert seen > 25


# Refusals


def test_accumulators_that_may_saturate_are_refused_by_name(draw):
    model = drawn_integer_model(draw, Settings(accumulator_bits=12), "lstm", "one_hot", seed=3)
    message = (
        r"layer (input|recurrent) product: accumulators of 12 bits may saturate, and a machine's wrap around: state"
        r" accumulator_bits of at least \d+, or none"
    )
    with pytest.raises(BadInput, match=message):
        unit_functions(model)


def test_accumulators_of_a_design_must_hold_the_sums(draw):
    functions = unit_functions(drawn_integer_model(draw, Settings(), "lstm", "one_hot", seed=3))
    needed = max(row.bits for stage in functions.stages for row in stage.sums)
    with pytest.raises(
        BadInput, match=rf"accumulator_bits must be at least the {needed} of this model's sums, not {needed - 1}"
    ):
        integer_cell.files(functions, needed - 1)


# A shipped model


def test_a_shipped_model(tmp_path):
    """Every unit of every step of War and Peace, quantized from the shipped float model as `archsim ptq` does."""
    model = zoo.load_model("wp-lstm256-float")
    small = quantize(model, calibrate(model, sequences=4, steps=64), Settings(weight_bits=7, cell_bits=12))
    sample = task_of(small).sample("validation", 1, 8, 0)
    functions, vectors, found = recorded(small, sample)
    assert simulate(functions, vectors, tmp_path, 24) == found
