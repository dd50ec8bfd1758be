"""A component that no module of archsim knows: it is declared, priced and counted only here."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archsim.catalogue import CATALOGUE, Action, Cause, Component, Event
from archsim.costs import CostTable, blocks
from archsim.costs.block import BuiltBlock, HardwareBlock, MemoryPrice, PlacedMemory, single_port
from archsim.costs.library import Library
from archsim.design import Design
from archsim.mapping.plan import Plan
from archsim.mapping.work import Work
from archsim.timing import Timing

STORE_READ = Action("probe_store", "word_read", "probe_store")
STORE = Component(
    "probe_store", "store of probes", has_area=True, actions=(STORE_READ,),
    events=(Event.FETCH, Event.END), causes=(Cause.BLOCK_DATA, Cause.DRAIN),
)  # fmt: skip

WORD_BITS = 32


def store_bits(design: Design) -> int:
    return design.state_buffer.units * WORD_BITS


def build(design: Design) -> BuiltBlock:
    memory = single_port(design, store_bits(design), WORD_BITS)
    return BuiltBlock(
        memories=(PlacedMemory(STORE.name, memory),), prices={STORE_READ: MemoryPrice(memory, memory.read_pj)}
    )


BLOCK = HardwareBlock(STORE, unit="bit", count=store_bits, build=build)
MORE = replace(CATALOGUE, components=(*CATALOGUE.components, STORE))
SCRATCH = CostTable("with a store of probes", library=Library(MORE, (*blocks.ALL, BLOCK)))

READS = 1000
Engine = Callable[..., Timing]


def with_store(engine: Engine) -> Engine:
    """An engine with the new store beside it: it counts a number of words, and logs one piece of work in each step."""

    def run(design: Design, plan: Plan, work: Work, *args: Any, **kwargs: Any) -> Timing:
        timing = engine(design, plan, work, *args, **kwargs)
        timing.ledger.add(STORE_READ, READS)
        log: Any = next((each for each in args if callable(each)), None)
        for step in range(work.steps) if log else ():
            log(10 * step + 2, STORE.name, Event.FETCH, step, 0, -1)
            log(10 * step + 7, STORE.name, Event.END, step, 0, -1)
        return timing

    return run
