"""What a machine is made of and what can be said of it, declared once: components, actions, causes, events.

A component counts its actions in the ledger (``costs`` prices them), logs its events (``analysis`` turns them into what
it did when), and gives a cause for every cycle in which it stands still. Whatever lists components or prints their
names derives from `CATALOGUE`: a line here is all that ``explain``, cost tables of one's own, timelines, ``diff``, the
files of a search and the report's page need to know of a new one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Cause(StrEnum):
    """Why a component stands still in a cycle."""

    SCRATCH_BANK = "scratch_bank"
    """No accumulators are free for the next block."""
    STATE_DEPENDENCY = "state_dependency"
    """The list of non-zero columns of a new state is not known."""
    INPUT_FETCH = "input_fetch"
    """Inputs are not there, or are on the channel that weights need."""
    FIFO_CREDIT = "fifo_credit"
    """The weight path waits for room in the FIFO, or for the PEs to begin the burst before."""
    SETUP = "setup"
    """The sequencer sets up the burst that the weight path is to begin."""
    WEIGHT_LATENCY = "weight_latency"
    """The first column of a burst is under way, or row scales and biases before it."""
    WEIGHT_BANDWIDTH = "weight_bandwidth"
    """The weight path is slower than the PEs."""
    BLOCK_DATA = "block_data"
    """The component upstream has not finished a block."""
    INPUT_BUFFER = "input_buffer"
    """Inputs of two steps are held already."""
    CHANNEL = "channel"
    """The DRAM channel is taken by weights."""
    DRAIN = "drain"
    """Nothing is left to do; the last results are on their way out."""


class Event(StrEnum):
    """What a component logs, with the cycle from which it holds. Within a component cycles never fall."""

    TURN = "turn"
    """The weight path could take the burst: it is free and the burst before is being consumed. Of the input reader:
    the inputs of a step may come, since a buffer is free for them."""
    LISTED = "listed"
    """The lists of the burst's columns are known too."""
    ADMITTED = "admitted"
    """The burst's inputs are there, and it may take the channel."""
    NORMS = "norms"
    """The first burst of a block is set up, and the block's row scales and biases take the weight path."""
    START = "start"
    """Weight path: the burst is set up and its columns may take the path. PE array: the burst is being consumed (the
    first of a block: into a scratch bank of its own)."""
    WAIT_CREDIT = "wait_credit"
    """The weight path waits for room in the FIFO (engine `burst`: all waits of the burst, gathered at its end)."""
    WAIT_CHANNEL = "wait_channel"
    """Engine `column`, ``fcfs``: the weight path waits for the channel, to take one column."""
    WAIT_COLUMN = "wait_column"
    """The PEs have consumed what there is (engine `burst`: all such waits, gathered at the burst's end)."""
    COLUMN = "column"
    """Engine `column`: a column takes the weight path, or is consumed by the PEs."""
    DONE = "done"
    """The burst is consumed."""
    ACTIVATE = "activate"
    """A block is being activated."""
    ENCODE = "encode"
    """A block is being scanned for non-zero columns."""
    FETCH = "fetch"
    """Inputs occupy the channel."""
    END = "end"
    """The work under way is over: the burst's last column has left the weight path (engine `burst`: not where a burst
    has no column), the block is consumed, activated and its bank free, or scanned, or the inputs have left the
    channel."""


@dataclass(frozen=True)
class Action:
    """One thing that a component does, counted in the ledger and priced by ``costs``."""

    component: str
    """The component whose ledger entry it is."""
    name: str
    charged_to: str
    """The component of the report whose energy it is."""

    @property
    def path(self) -> str:
        """How a cost table of one's own names it."""
        return f"{self.component}.{self.name}"


MAC = Action("pe_array", "mac", "pe_array")
MAC_ZERO_OPERAND = Action("pe_array", "mac_zero_operand", "pe_array")
IDLE_PE_CYCLE = Action("pe_array", "idle_pe_cycle", "pe_array")
SCRATCH_ACCESS = Action("pe_array", "scratch_access", "scratch")
SRAM_READ_WORD = Action("weight_memory", "sram_read_word", "weight_memory")
SRAM_WRITE_WORD = Action("weight_memory", "sram_write_word", "weight_memory")
FIFO_WORD = Action("weight_memory", "fifo_word", "weight_memory")
H_READ = Action("state_buffer", "h_read", "state_buffer")
H_WRITE = Action("state_buffer", "h_write", "state_buffer")
C_READ = Action("state_buffer", "c_read", "state_buffer")
C_WRITE = Action("state_buffer", "c_write", "state_buffer")
SCAN_COLUMN = Action("skip_encoder", "scan_column", "skip_encoder")
LIST_COLUMN = Action("skip_encoder", "list_column", "skip_encoder")
ROW_AFFINE = Action("activation_unit", "row_affine", "activation_unit")
CURVE = Action("activation_unit", "curve", "activation_unit")
MULTIPLY = Action("activation_unit", "multiply", "activation_unit")
ADD = Action("activation_unit", "add", "activation_unit")
BURST = Action("sequencer", "burst", "sequencer")
COLUMN = Action("sequencer", "column", "sequencer")
READ_BITS = Action("dram", "read_bits", "dram")


@dataclass(frozen=True)
class Component:
    """A part of the machine by its name, and all that it can count, log and wait for."""

    name: str
    title: str
    """As a page or a timeline shows it."""
    on_chip: bool = True
    """Its area and energy are the chip's; else it is of the system alone."""
    has_area: bool = False
    """It is a part of the chip with area and energy of its own."""
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    causes: tuple[Cause, ...] = ()
    """Why it can stand still, in the order of blame; none: it has no process of its own."""
    waits_drawn: bool = False
    """A timeline draws its waits as slices; else it is empty where it waits."""


@dataclass(frozen=True)
class Catalogue:
    """All components of a machine."""

    components: tuple[Component, ...]

    def __getitem__(self, name: str) -> Component:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Component]:
        return iter(self.components)

    @cached_property
    def _by_name(self) -> dict[str, Component]:
        return {component.name: component for component in self.components}

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """In the order in which cost tables have them."""
        return tuple(action for component in self.components for action in component.actions)

    @cached_property
    def with_area(self) -> tuple[str, ...]:
        """Parts of the chip, in the order in which reports show them."""
        return tuple(component.name for component in self.components if component.has_area)

    @cached_property
    def processes(self) -> tuple[Component, ...]:
        """Those whose every cycle is accounted for."""
        return tuple(component for component in self.components if component.causes)


CATALOGUE = Catalogue(
    (
        Component(
            "weight_stream", "weight path", waits_drawn=True,
            events=(Event.TURN, Event.LISTED, Event.ADMITTED, Event.NORMS, Event.START, Event.WAIT_CREDIT,
                    Event.WAIT_CHANNEL, Event.COLUMN, Event.END),
            causes=(Cause.STATE_DEPENDENCY, Cause.INPUT_FETCH, Cause.FIFO_CREDIT, Cause.SETUP, Cause.DRAIN),
        ),
        Component(
            "pe_array", "PE array", has_area=True, waits_drawn=True,
            actions=(MAC, MAC_ZERO_OPERAND, IDLE_PE_CYCLE, SCRATCH_ACCESS),
            events=(Event.START, Event.WAIT_COLUMN, Event.COLUMN, Event.DONE, Event.END),
            causes=(Cause.SCRATCH_BANK, Cause.STATE_DEPENDENCY, Cause.INPUT_FETCH, Cause.FIFO_CREDIT,
                    Cause.WEIGHT_LATENCY, Cause.WEIGHT_BANDWIDTH, Cause.DRAIN),
        ),
        Component("scratch", "scratch", has_area=True),
        Component(
            "weight_memory", "weight memory", has_area=True, actions=(SRAM_READ_WORD, SRAM_WRITE_WORD, FIFO_WORD)
        ),
        Component("state_buffer", "state buffer", has_area=True, actions=(H_READ, H_WRITE, C_READ, C_WRITE)),
        Component(
            "activation_unit", "activation unit", has_area=True, actions=(ROW_AFFINE, CURVE, MULTIPLY, ADD),
            events=(Event.ACTIVATE, Event.END), causes=(Cause.BLOCK_DATA, Cause.DRAIN),
        ),
        Component(
            "skip_encoder", "skip encoder", has_area=True, actions=(SCAN_COLUMN, LIST_COLUMN),
            events=(Event.ENCODE, Event.END), causes=(Cause.BLOCK_DATA, Cause.DRAIN),
        ),
        Component("sequencer", "sequencer", has_area=True, actions=(BURST, COLUMN)),
        Component(
            "input_reader", "input reader", events=(Event.TURN, Event.FETCH, Event.END),
            causes=(Cause.INPUT_BUFFER, Cause.CHANNEL, Cause.DRAIN),
        ),
        Component("dram", "DRAM", on_chip=False, actions=(READ_BITS,)),
    )
)  # fmt: skip
