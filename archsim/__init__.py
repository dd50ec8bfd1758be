"""Discrete-event simulation of accelerators for recurrent networks.

>>> from archsim import load_design, simulate, synthesize
>>> trace = synthesize(hidden=64, inputs=10, density=0.2, sequences=8, steps=20)
>>> report = simulate(load_design("skip-65nm"), trace)
>>> report.lanes, report.steps, report.macs.useful <= report.macs.issued <= report.macs.dense
(8, 20, True)

A design is data, varied by dotted path:

>>> wide = load_design("skip-65nm").override({"pe_array.tiles": 8, "weight_memory.weights_per_cycle": 48})
>>> simulate(wide, trace).cycles < report.cycles
True

Other modules are for what their names say: `scenario`, `roofline`, `timeline`, `functional`, `diff`, `validate`,
`explain`.
"""

from archsim.design import Design, load_design
from archsim.report import SimReport
from archsim.simulation import Job, simulate, simulate_many
from archsim.synthetic import synthesize
from archsim.trace import BadInput, Trace

__all__ = [
    "BadInput",
    "Design",
    "Job",
    "SimReport",
    "Trace",
    "load_design",
    "simulate",
    "simulate_many",
    "synthesize",
]
