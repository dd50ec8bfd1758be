"""Designs around a base, drawn from values that fit, values that do not, and values of the wrong type."""

from collections.abc import Mapping, Sequence

import numpy as np

from archsim.design import Design, Value, parameters

POOL: Mapping[str, Sequence[Value]] = {
    "name": ("a", 3),
    "node_nm": (65, 28, 45, 50, 300),
    "clock_mhz": (100, 200, 500, 1000, 0, 200.0),
    "voltage_v": (0.9, 1.0, 1, 3.0, float("nan")),
    "lanes": (1, 2, 3, 4, 8, True),
    "host": ((), ("readout",), "readout"),
    "dataflow": ("output-stationary", "weight-stationary", "none-such"),
    "physical.utilisation": (0.5, 0.7, 1, 2.0),
    "physical.clock_tree": (True, False, 1),
    "physical.pads": (16, 100, 4000, 3),
    "physical.flavour": ("low-power", "general-purpose", "none-such"),
    "physical.temperature_c": (0, 85.0, 300.0),
    "physical.sram_voltage_v": (1.1, 0.1),
    "dram.kind": ("lpddr4", "hbm2", "gddr5", "none-such"),
    "dram.bandwidth_gbps": (1.0, 12.8, 100, 0.0),
    "dram.latency_ns": (10.0, 50, -1.0),
    "dram.burst_bits": (1, 256),
    "dram.outstanding": (1, 8),
    "dram.inputs": (True, False),
    "dram.arbitration": ("static", "tdm", "fcfs"),
    "dram.input_share": (0.25, 0.5),
    "weight_memory.capacity_kib": (0, 1, 64, 192, 4096),
    "weight_memory.residency": ("whole", "part"),
    "weight_memory.organisation": ("shared", "per_tile", "per_pe"),
    "weight_memory.weights_per_word": (1, 2, 4),
    "weight_memory.weights_per_cycle": (0, 4, 12, 48),
    "weight_memory.fifo_words": (0, 16, 300),
    "weight_memory.ports": (1, 2, 3),
    "weight_memory.forwarding": ("cut-through", "store-and-forward"),
    "weight_memory.latency_cycles": (1, 3),
    "pe_array.multiplier": ("fixed", "mux", "shift"),
    "pe_array.tiles": (1, 2, 4, 8),
    "pe_array.pes_per_tile": (4, 8, 12, 48),
    "pe_array.weight_bits": (1, 2, 4, 8, 17),
    "pe_array.act_bits": (2, 8, 12),
    "pe_array.accumulator_bits": (16, 24),
    "pe_array.accumulators": (1, 2, 4, 16),
    "pe_array.double_buffered": (True, False),
    "pe_array.clock_gated": (True, False),
    "pe_array.stages": (1, 3),
    "pe_array.read_ports": (1, 2),
    "skip_encoder.enabled": (True, False),
    "skip_encoder.columns_per_cycle": (1, 4, 16),
    "skip_encoder.offset_bits": (0, 4, 12),
    "skip_encoder.stages": (1, 2),
    "state_buffer.units": (100, 512),
    "state_buffer.cell_bits": (8, 16),
    "state_buffer.banks": (3, 4),
    "state_buffer.ports": (1, 2),
    "activation_unit.units_per_cycle": (1, 2, 4),
    "activation_unit.depth_cycles": (0, 6),
    "activation_unit.curve": ("table", "segments"),
    "activation_unit.entries": (3, 256),
    "sequencer.setup_cycles": (0, 5),
    "sequencer.empty_burst_cycles": (0, 1),
    "sequencer.bank_cycles": (0, 2),
    "sequencer.steps_at_once": (1, 2),
}


def settings(base: Design, rng: np.random.Generator, count: int, most: int = 8) -> list[dict[str, Value]]:
    """What `count` designs set on `base`: at most `most` paths each, of some that many of them set, and of all."""
    known = [path for path in POOL if path in parameters(base)]
    often = rng.choice(known, 3 * most // 2, replace=False)
    found = []
    for _ in range(count):
        size = int(rng.integers(0, most))
        paths = dict.fromkeys((*rng.choice(often, size, replace=False).tolist(), str(rng.choice(known))))
        found.append({path: POOL[path][int(rng.integers(0, len(POOL[path])))] for path in paths})
    return found
