"""Plans of designs and graphs, compared with plans made by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from archsim.design import Design, load_design
from archsim.errors import BadInput, Deadlock
from archsim.mapping.plan import Plan
from archsim.mapping.planner import plan
from archsim.simulation import ENGINES, Engine, simulate
from archsim.trace.columns import pack_mask
from archsim.trace.graph import Graph, MatVec
from archsim.trace.header import VERSION, Header
from archsim.trace.synthetic import FORMATS, synthesize
from archsim.trace.trace import Trace
from tests.archsim.cuts import largest_blocks
from workloads.config import Config, Embedding, LayerConfig, OneHot, Readout
from workloads.graphs import graph_of


def test_skip_has_the_published_shape() -> None:
    """192 PEs of 8 bits at 200 MHz; 384 rows a block, so the list of 1,000 units is read 11 times a step."""
    design = load_design("skip-65nm")
    planned = plan(design, synthesize(1000, 50, 1.0, steps=1).graph, 8)
    assert design.pe_array.pes == 192
    assert [block.bursts[0].rows for block in planned.blocks] == [384] * 10 + [160]
    burst = planned.blocks[0].bursts[0]
    assert burst.pace.of(burst.column_words) == burst.tile_cycles == 16
    assert [len(block.bursts) for block in planned.blocks] == [2] + [1] * 10


def test_weights_that_fit_are_resident_and_stream_otherwise() -> None:
    graph = synthesize(64, 10, 0.5, steps=1).graph
    small = load_design("skip-65nm").override({"weight_memory.capacity_kib": 19})
    large = load_design("skip-65nm").override({"weight_memory.capacity_kib": 21})
    # 256 rows x 74 columns of 8 bits, each column padded to 11 words of 24 weights, and 256 shifts of 16 bits
    assert plan(small, graph, 1).model_bits == 11 * 24 * 8 * 74 + 256 * 16
    assert not plan(small, graph, 1).resident
    assert plan(large, graph, 1).resident
    assert plan(large, graph, 1).blocks[0].bursts[0].column_dram_bits == 0


@largest_blocks()
def test_what_fits_is_kept_and_the_rest_streams() -> None:
    """64 units at one lane in 384-row blocks: one block of 256 rows. A column takes 11 words of 192 bits; norms come
    first (256 x 16 bits), then W_h (all 64 columns are read), then W_x (one of its 10)."""
    graph = synthesize(64, 10, 0.5, steps=1).graph
    column, norms = 11 * 192, 256 * 16

    def planned(kib: int) -> Plan:
        memory: dict[str, Any] = {"weight_memory.capacity_kib": kib, "weight_memory.residency": "part"}
        return plan(load_design("skip-65nm").override(memory), graph, 1)

    for kib, bits, w_x_resident, w_h_resident in (
        (3, norms, False, False),
        (16, norms + 10 * column, True, False),  # W_h takes 16.5 KiB
        (18, norms + 64 * column, False, True),
        (20, norms + 74 * column, True, True),
    ):
        found = planned(kib)
        assert found.resident_bits == bits
        w_x, w_h = found.blocks[0].bursts
        assert [b.column_dram_bits == 0 for b in (w_x, w_h)] == [w_x_resident, w_h_resident]
        assert [b.latency_cycles for b in (w_x, w_h)] == [2 if r else 20 for r in (w_x_resident, w_h_resident)]
        assert found.resident == (kib == 20)


def test_a_ternary_model_fits_where_an_8_bit_one_does_not() -> None:
    design = load_design("skip-65nm").override({"weight_memory.capacity_kib": 100})
    graphs = {f: synthesize(256, 83, 0.5, steps=1, weight_format=f).graph for f in ("ternary", "fixed8")}
    assert plan(design, graphs["ternary"], 1).resident
    assert not plan(design, graphs["fixed8"], 1).resident


@pytest.mark.parametrize(
    ("design", "weights", "message"),
    [
        ("rbt-low-power-binary", "fixed8", "cannot run operation W_x: fixed8 weights need a multiplier"),
        ("rbt-low-power-binary", "ternary", "ternary weights take 2 bits, a PE takes 1"),
        ("skip-65nm", "fixed12", "fixed12 weights take 12 bits, a PE takes 8"),
        ("skip-65nm", "float32", "float32 weights need a floating-point MAC, this array has fixed PEs"),
    ],
)
def test_a_format_that_the_array_cannot_do_is_refused_by_name(design: str, weights: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan(load_design(design), synthesize(8, 2, 0.5, steps=1, weight_format=weights).graph, 1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            {
                "weight_memory.weights_per_cycle": 3,
                "weight_memory.fifo_words": 1,
                "weight_memory.forwarding": "store-and-forward",
            },  # a unit has four rows
            "weight_memory.fifo_words must be at least 128, what the PEs need at once of a column, not 1",
        ),
        ({"state_buffer.units": 99}, "state_buffer.units must be at least 100, not 99"),
        (
            {"pe_array.accumulators": 1, "pe_array.pes_per_tile": 2},
            "must hold the 4 sums of a unit, 1 of them a row, not 1 x 1",
        ),
    ],
)
def test_an_impossible_design_is_refused(override: dict[str, int | str], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan(load_design("skip-65nm").override(override), synthesize(100, 2, 0.5, steps=1).graph, 1)


@pytest.mark.parametrize(("product", "operand"), [("W_x_rz", "rh"), ("W_x_n", "h")])
def test_what_would_wait_for_itself_is_refused(product: str, operand: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step makes an operand after it is read; without the refusal, the machine stops and says why."""
    graph = network("gru-classic")
    wrong = {"operand": operand, "edge": "same_step", "cols": 60}
    operations = tuple(op.model_copy(update=wrong) if op.name == product else op for op in graph.operations)
    header = Header(version=VERSION, workload="w", synthetic=True, provenance={},
                    graph=Graph(operations=operations, operands=graph.operands))  # fmt: skip
    arrays = {o.name: np.zeros((3, 1), np.uint16) if o.kind == "one_hot"
              else np.zeros((3 + (o.kind == "state"), 1, -(-o.size // 8)), np.uint8)
              for o in graph.operands}  # fmt: skip
    trace, design = Trace(header, arrays, np.array([3])), load_design("skip-65nm")
    with pytest.raises(
        BadInput, match=f"operation {product}: reads {operand} of the same step, which is made after it"
    ):
        plan(design, trace.graph, 1)
    monkeypatch.setattr("archsim.mapping.planner.check_order", lambda *_: None)
    message = (
        r"deadlock at cycle \d+, in step 0: weight_stream waits for a list of non-zero columns from the encoder; "
        r"pe_array waits for the first column of a burst; activation_unit waits for a finished block from the PE array"
    )
    with pytest.raises(Deadlock, match=message):
        simulate(design, trace, lanes=1)


def test_products_of_different_widths_are_streamed_apart_at_their_own() -> None:
    graph = synthesize(8, 2, 0.5, steps=1).graph
    w_x, *rest = graph.operations
    assert isinstance(w_x, MatVec)
    narrow = w_x.model_copy(update={"weight_format": FORMATS["ternary"]})
    planned = plan(load_design("skip-65nm"), Graph(operations=(narrow, *rest), operands=graph.operands), 1)
    # 32 rows of 2 bits and of 8; SRAM words of 24 x 8 bits
    assert [b.column_dram_bits for b in planned.blocks[0].bursts] == [64, 256]
    assert planned.model_bits == 192 * 2 + 2 * 192 * 8 + 32 * 16


def network(cell: str, layers: int = 1, scaled: bool = False, **inputs: object) -> Graph:
    config = Config(
        name="n",
        input=OneHot(symbols=5) if not inputs else Embedding(**inputs),  # type: ignore[arg-type]
        layers=(LayerConfig(cell=cell, hidden=60, weight_format="fixed8", input_weight_format="fixed8", state_bits=8,
                            input_bits=8 if inputs else None),
                *[LayerConfig(cell=cell, hidden=60, weight_format="fixed8", input_weight_format="fixed8",
                              state_bits=8)] * (layers - 1)),
    )  # fmt: skip
    return graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: scaled))


Shape = list[tuple[int, list[tuple[int, list[tuple[str, int]]]]]]


def shape(design: Design, graph: Graph) -> Shape:
    """The (units, [(rows, lists waited for)]) of every block on one lane."""
    planned = plan(design, graph, 1)
    return [
        (block.units, [(b.rows, [(planned.lists[w.list][0], w.steps_back) for w in b.waits]) for b in block.bursts])
        for block in planned.blocks
    ]


@largest_blocks()
def test_the_candidate_of_a_gru_needs_a_fourth_accumulator() -> None:
    """4 PEs a lane with 12 accumulators: 12 of an LSTM's units, and of a GRU's, whose PEs own 3 whole units each; an
    LSTM of the same rows without that fourth sum would hold 16."""
    design = load_design("skip-65nm").override({"pe_array.tiles": 1, "pe_array.pes_per_tile": 32,
                                                "pe_array.accumulators": 12})  # fmt: skip
    h = [("h", 1)]
    assert shape(design, network("lstm"))[:2] == [(12, [(48, []), (48, h)]), (12, [(48, h)])]
    assert shape(design, network("gru"))[:2] == [(12, [(36, []), (36, h)]), (12, [(36, h)])]
    assert plan(design, network("gru"), 1).blocks[0].bursts[0].tile_cycles == 9  # 3 units x 3 rows a PE
    # with row scales each of the three rows has two sums: 4 PEs x 12 / 2 rows, 3 a unit
    assert shape(design, network("gru", scaled=True))[0][0] == 8
    # scaled and normalised apart an LSTM holds half of its rows
    assert shape(design, network("lstm", scaled=True))[0][0] == 6
    assert shape(design, network("rnn-tanh"))[0][0] == 48


@largest_blocks()
def test_a_gru_that_resets_first_has_a_second_barrier() -> None:
    design = load_design("skip-65nm").override({"pe_array.accumulators": 64})
    assert plan(design, network("gru-classic"), 1).lists == (("rh",), ("h",))
    assert shape(design, network("gru-classic")) == [
        (60, [(120, []), (120, [("h", 1)])]),
        (60, [(60, []), (60, [("rh", 0)])]),
    ]


@largest_blocks()
def test_a_stack_waits_for_the_layer_below_and_an_embedding_for_its_rows() -> None:
    design = load_design("skip-65nm").override({"pe_array.accumulators": 64})
    graph = network("rnn-tanh", layers=2, symbols=9, size=7, weight_format="fixed8")
    assert shape(design, graph) == [
        (7, [(7, [])]),
        (60, [(60, [("h_1", 1)]), (60, [("x", 0)])]),
        (60, [(60, [("h_2", 1)]), (60, [("h_1", 0)])]),
    ]
    on_host = design.override({"host": ["embedding"]})
    assert shape(on_host, graph)[0] == (60, [(60, []), (60, [("h_1", 1)])])


def stack(own_input: bool) -> Trace:
    """Two layers of an LSTM over 6 steps of 3 sequences; with `own_input` the second reads an operand of its own, whose
    elements are zero where those of the first layer's h are."""
    layer = LayerConfig(cell="lstm", hidden=20, weight_format="fixed8", input_weight_format="fixed8", state_bits=8)
    layers = (layer, layer.model_copy(update={"input_bits": 8}) if own_input else layer)
    config = Config(name="stack", input=OneHot(symbols=5), layers=layers)
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
    rng = np.random.default_rng(0)
    states = {name: rng.random((7, 3, 20)) < 0.4 for name in ("h_1", "h_2")}
    arrays: dict[str, Any] = {"x": rng.integers(0, 5, (6, 3), dtype=np.uint16)}
    arrays |= {name: pack_mask(mask) for name, mask in states.items()}
    if own_input:
        arrays["x_2"] = pack_mask(states["h_1"][1:])
    header = Header(version=VERSION, workload="w", synthetic=True, provenance={}, graph=graph)
    return Trace(header, arrays, np.array([6, 6, 4]))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_state_is_waited_for_though_the_layer_above_reads_an_operand_of_its_own(engine: Engine) -> None:
    """h and the operand made from it for the layer above are listed in one scan: they take the time of one list, but
    columns of their own. Neither comes from outside, so that the inputs are only the symbols, of 3 bits."""
    design = load_design("skip-65nm").override({"lanes": 3, "dram.inputs": True, "activation_unit.depth_cycles": 99})
    shared, own = (simulate(design, stack(each), engine) for each in (False, True))
    assert (own.cycles, own.busy_cycles, own.stalls) == (shared.cycles, shared.busy_cycles, shared.stalls)
    assert own.stalls["state_dependency"] > 0
    counts = {component: dict(actions) for component, actions in own.ledger.counts.items()}
    masks = np.unpackbits(stack(False).arrays["h_1"][1:], axis=-1, count=20).astype(bool)  # (steps, lanes, units)
    running = np.arange(6)[:, None] < np.array([6, 6, 4])
    counts["skip_encoder"]["list_column"] -= int((masks & running[..., None]).any(axis=1).sum())
    assert counts == shared.ledger.counts
    planned = plan(design, stack(True).graph, 3)
    assert planned.lists == (("h_1", "x_2"), ("h_2",))
    assert planned.fetch is not None
    assert planned.fetch.bits == (0, 3, 6, 9)


@pytest.mark.parametrize(
    ("pruned", "readout", "lists"),
    [("all", True, ("h",)), ("recurrence", True, ("h", "y")), ("recurrence", False, ("h",))],
)
def test_a_state_of_two_operands_is_held_once_and_lists_are_made_of_what_is_read(
    pruned: Any, readout: bool, lists: tuple[str, ...]
) -> None:
    layer = LayerConfig(cell="gru", hidden=50, weight_format="fixed8", input_weight_format="fixed8", state_bits=8,
                        threshold=0.1, pruned=pruned)  # fmt: skip
    config = Config(
        name="m", input=OneHot(symbols=5), layers=(layer,), readout=Readout(outputs=9, weight_format="fixed8")
    )
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
    scope: Any = "model" if readout else "recurrent"
    assert plan(load_design("skip-65nm").override({"state_buffer.units": 50}), graph, 8, scope).lists == (lists,)
    with pytest.raises(BadInput, match=r"state_buffer\.units must be at least 50, not 49"):
        plan(load_design("skip-65nm").override({"state_buffer.units": 49}), graph, 8, scope)


@pytest.mark.parametrize(("cell", "cycles"), [("lstm", 2), ("gru-classic", 1), ("rnn-tanh", 1)])
def test_a_cell_state_of_one_port_is_read_and_written_in_turn(cell: str, cycles: int) -> None:
    """An LSTM's unit reads its c and writes it; a GRU has none. One unit a cycle, one bank, 2 lanes of 4 units."""
    config = Config(
        name="m",
        input=OneHot(symbols=3),
        layers=(LayerConfig(cell=cell, hidden=4, weight_format="fixed8", input_weight_format="fixed8", state_bits=8),),
        readout=None,
    )
    graph = graph_of(SimpleNamespace(config=config, scaled_apart=lambda layer: False))
    design = load_design("skip-65nm").override({"activation_unit.units_per_cycle": 1, "state_buffer.banks": 1})
    for ports, expected in ((1, cycles * 8), (2, 8)):
        block = plan(design.override({"state_buffer.ports": ports}), graph, 2).blocks[0]
        assert block.activation_cycles == expected


@largest_blocks()
def test_a_fifo_of_one_port_takes_a_word_in_and_out_in_turn() -> None:
    """A column has 16 bus words; the channel alone takes 12 cycles, or 96 if it has an eighth of the bandwidth."""
    graph = synthesize(1000, 50, 1.0, steps=1).graph
    skip = load_design("skip-65nm")
    for dram_gbps, capacity_kib, ports, expected in (
        (51.2, 0, 2, 16), (51.2, 0, 1, 32), (6.4, 0, 1, 96), (51.2, 8192, 2, 16), (51.2, 8192, 1, 32),
    ):  # fmt: skip
        design = skip.override(
            {
                "dram.bandwidth_gbps": dram_gbps,
                "weight_memory.capacity_kib": capacity_kib,
                "weight_memory.ports": ports,
            }
        )
        burst = plan(design, graph, 8).blocks[0].bursts[0]
        assert burst.pace.of(burst.column_words) == expected
        assert burst.column_words == 16


def test_a_column_takes_whole_accesses_of_the_dram() -> None:
    graph = synthesize(8, 2, 0.5, steps=1, weight_format="ternary").graph
    design = load_design("skip-65nm").override({"dram.burst_bits": 128})
    assert [b.column_dram_bits for b in plan(design, graph, 1).blocks[0].bursts] == [128, 128]  # 64 are wanted
