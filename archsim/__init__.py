"""Discrete-event simulation of accelerators for recurrent networks.

This package describes a design, maps a trace onto it, simulates the run and prices what was counted.

>>> from archsim import load_design, simulate, synthesize
>>> trace = synthesize(hidden=64, inputs=10, density=0.2, sequences=8, steps=20)
>>> report = simulate("skip-65nm", trace)
>>> report.lanes, report.steps, report.macs.useful <= report.macs.issued <= report.macs.dense
(8, 20, True)

A design is data, varied by dotted path:

>>> wide = load_design("skip-65nm").override({"pe_array.tiles": 8, "weight_memory.weights_per_cycle": 48})
>>> simulate(wide, trace).cycles < report.cycles
True

Several values of several parameters are a sweep, whose table and figure are pandas and Plotly objects:

>>> from archsim import sweep
>>> found = sweep("skip-65nm", trace, {"pe_array.tiles": [4, 8], "clock_mhz": [100, 200]})
>>> len(found.to_frame())
4

Further questions about a run or a design are answered by the modules of ``archsim.analysis``: `scenario` (streams and
deadlines), `roofline`, `stalls`, `perfetto` (timelines), `diff`, `explain` (sources of every cost) and `validate`
(published chips). ``archsim.machine.functional`` checks a run's partial sums bit for bit.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "BadInput": "archsim.errors",
    "Design": "archsim.design",
    "Job": "archsim.simulation",
    "SimReport": "archsim.report",
    "Trace": "archsim.trace",
    "load_design": "archsim.design",
    "Sweep": "archsim.sweeps",
    "simulate": "archsim.interface",
    "simulate_many": "archsim.simulation",
    "sweep": "archsim.sweeps",
    "synthesize": "archsim.trace",
}
"""Public names, each with the module that defines it; their types are in ``__init__.pyi``."""

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562), so that `import archsim.trace` loads no simulator."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
