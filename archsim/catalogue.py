"""The components of the machine, with their actions, events and causes of stalls, each declared once.

A component counts its actions in the ledger (``costs`` prices them), logs its events (``analysis`` derives from them
what it did in every cycle), and gives a cause for every cycle in which it stalls. Everything that lists components or
prints their names reads `CATALOGUE`: one entry here makes a new component known to ``explain``, users' cost tables,
timelines, ``diff``, the files of a search and the report page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property


class Cause(StrEnum):
    """Why a component stalls in a cycle.

    A cycle is either busy or has exactly one cause. Where several causes apply, it is the one that the component
    declares first.
    """

    SCRATCH_BANK = "scratch_bank"
    """No scratch bank is free for the next block."""
    STATE_DEPENDENCY = "state_dependency"
    """The operand list of the new state is not known yet. The weight path counts this from the burst's turn on."""
    INPUT_FETCH = "input_fetch"
    """The inputs of the next burst have not arrived, or inputs occupy the channel that its weights need."""
    FIFO_CREDIT = "fifo_credit"
    """The weight path waits for room in the FIFO, or for the PEs to begin the previous burst, since it holds only one
    descriptor ahead. Engine `burst` knows how long path and PEs waited within a burst, but not when: it attributes the
    PEs' wait to credits for as many cycles as the path waited for them."""
    SETUP = "setup"
    """The sequencer sets up the next burst of the weight path."""
    WEIGHT_LATENCY = "weight_latency"
    """The first column of a burst has not arrived yet; set-up, row scales and biases that precede it are included."""
    WEIGHT_BANDWIDTH = "weight_bandwidth"
    """The next column of a burst has not arrived yet: the weight path is slower than the PEs."""
    BLOCK_DATA = "block_data"
    """The component upstream has not finished a block."""
    INPUT_BUFFER = "input_buffer"
    """Both input buffers are full."""
    CHANNEL = "channel"
    """Weights occupy the DRAM channel."""
    DRAIN = "drain"
    """Nothing is left to do; the last results are on their way out."""


class Event(StrEnum):
    """What a component logs, with the cycle from which it holds. Within a component, cycles never decrease."""

    TURN = "turn"
    """Weight path: the burst could begin, since the path is free and the previous burst is being consumed. Input
    reader: a buffer is free for the inputs of a step."""
    LISTED = "listed"
    """The operand lists that the burst reads are known."""
    ADMITTED = "admitted"
    """The burst's inputs have arrived, and it may take the channel."""
    NORMS = "norms"
    """The first burst of a block is set up, and the block's row scales and biases take the weight path."""
    START = "start"
    """Weight path: the burst is set up and its columns may take the path. PE array: the PEs begin to consume the burst;
    a block's first burst claims a scratch bank."""
    WAIT_CREDIT = "wait_credit"
    """The weight path waits for room in the FIFO. Engine `burst` logs all waits of a burst together at its end."""
    WAIT_CHANNEL = "wait_channel"
    """The weight path waits for the channel to carry one column (engine `column` with ``fcfs`` only)."""
    WAIT_COLUMN = "wait_column"
    """The PEs wait for the next column. Engine `burst` logs all such waits of a burst together at its end."""
    LOAD = "load"
    """No vector is left to pass a group of columns whose weights stay in the PEs, and the next one is still being
    loaded. Engine `burst` logs all such waits of a burst together, before those for columns."""
    COLUMN = "column"
    """A column takes the weight path, or the PEs begin to consume it (engine `column` only)."""
    DONE = "done"
    """The burst has been consumed."""
    ACTIVATE = "activate"
    """A block is being activated."""
    ENCODE = "encode"
    """A block is being scanned for non-zero columns."""
    PHASE = "phase"
    """Sequencer: the machine has drained, and the next phase of the network begins."""
    FETCH = "fetch"
    """Inputs occupy the channel."""
    END = "end"
    """The current piece of work is complete. Weight path: the burst's last column has left it (engine `burst` logs no
    end for a burst without columns). PE array: the block has been consumed. Activation unit: the block has been
    activated and its scratch bank is free. Skip encoder: the block has been scanned. Input reader: the inputs have left
    the channel."""


@dataclass(frozen=True)
class Action:
    """One thing that a component does, counted in the ledger and priced by ``costs``."""

    component: str
    """Name of the component that counts it."""
    name: str
    charged_to: str
    """Name of the component whose cost block prices it and to which its energy belongs."""

    def __hash__(self) -> int:
        """Hash the name alone: actions are keys of all price lists, and few have the same name."""
        return hash(self.name)

    @cached_property
    def path(self) -> str:
        """Its name in a user's cost table."""
        return f"{self.component}.{self.name}"


MAC = Action("pe_array", "mac", "pe_array")
MAC_ZERO_OPERAND = Action("pe_array", "mac_zero_operand", "pe_array")
IDLE_PE_CYCLE = Action("pe_array", "idle_pe_cycle", "pe_array")
WEIGHT_LOAD = Action("pe_array", "weight_load", "pe_array")
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
SUM_READ = Action("activation_unit", "sum_read", "activation_unit")
NORM_ACCESS = Action("activation_unit", "norm_access", "activation_unit")
ROW_AFFINE = Action("activation_unit", "row_affine", "activation_unit")
CURVE = Action("activation_unit", "curve", "activation_unit")
MULTIPLY = Action("activation_unit", "multiply", "activation_unit")
ADD = Action("activation_unit", "add", "activation_unit")
BURST = Action("sequencer", "burst", "sequencer")
COLUMN = Action("sequencer", "column", "sequencer")
CONTROL_CYCLE = Action("sequencer", "control_cycle", "sequencer")
READ_BITS = Action("dram", "read_bits", "dram")
WRITE_BITS = Action("dram", "write_bits", "dram")


@dataclass(frozen=True)
class Component:
    """A part of the machine: its name, and everything that it can count, log and wait for.

    A component that declares as many `events` as `causes`, ending with END and DRAIN, takes one piece of work at a
    time: each event ends the wait for the cause at the same position. ``analysis.stalls`` derives its busy cycles and
    stalls from this declaration; any other component has a track of its own there.
    """

    name: str
    title: str
    """Its name on a page or in a timeline."""
    on_chip: bool = True
    """Whether its area and energy count for the chip; otherwise they count for the system only."""
    has_area: bool = False
    """Whether it is a part of the chip with area and energy of its own, which ``costs.blocks`` defines."""
    actions: tuple[Action, ...] = ()
    events: tuple[Event, ...] = ()
    causes: tuple[Cause, ...] = ()
    """The causes for which it can stall, in the order of blame; empty if it has no process of its own."""
    waits_drawn: bool = False
    """Whether a timeline draws its waits as slices; otherwise its row is empty while it waits."""


@dataclass(frozen=True)
class Catalogue:
    """All components of a machine, in the order of reports. ValueError where declarations contradict each other."""

    components: tuple[Component, ...]
    pipeline: tuple[str, ...] = ()
    """Names of the processes that a block passes through, first to last; the others work beside the pipeline."""

    def __post_init__(self) -> None:
        for mistake in self._mistakes():
            raise ValueError(f"catalogue: {mistake}")

    def __getitem__(self, name: str) -> Component:
        return self._by_name[name]

    def __iter__(self) -> Iterator[Component]:
        return iter(self.components)

    @cached_property
    def _by_name(self) -> dict[str, Component]:
        return {component.name: component for component in self.components}

    @cached_property
    def actions(self) -> tuple[Action, ...]:
        """All actions, in the order of cost tables."""
        return tuple(action for component in self.components for action in component.actions)

    def action(self, component: str, name: str) -> Action | None:
        """The action `name` that a component counts; None if it is not declared."""
        return self._by_ledger.get((component, name))

    @cached_property
    def _by_ledger(self) -> dict[tuple[str, str], Action]:
        return {(action.component, action.name): action for action in self.actions}

    @cached_property
    def with_area(self) -> tuple[str, ...]:
        """Names of the components with an area of their own, in the order of reports."""
        return tuple(component.name for component in self.components if component.has_area)

    @cached_property
    def off_chip(self) -> tuple[str, ...]:
        """Names of the components that count for the system but not for the chip."""
        return tuple(component.name for component in self.components if not component.on_chip)

    @cached_property
    def processes(self) -> tuple[Component, ...]:
        """The components whose every cycle is accounted for: those of the pipeline, then those beside it."""
        beside = (c for c in self.components if c.causes and c.name not in self.pipeline)
        return (*(self[name] for name in self.pipeline), *beside)

    @cached_property
    def logging(self) -> tuple[Component, ...]:
        """The components that log events: the processes, then those that only log."""
        return (*self.processes, *(c for c in self.components if c.events and not c.causes))

    def charged(self, name: str) -> frozenset[Action]:
        """The actions whose energy is charged to the component `name`."""
        return self._charged[name]

    @cached_property
    def _charged(self) -> dict[str, frozenset[Action]]:
        return {c.name: frozenset(a for a in self.actions if a.charged_to == c.name) for c in self.components}

    def _mistakes(self) -> Iterator[str]:
        if len(self._by_name) < len(self.components):
            yield "two components have the same name"
        for component in self.components:
            yield from self._mistakes_of(component)
        for name in self.pipeline:
            if name not in self._by_name or not self[name].causes:
                yield f"{name} is in the pipeline, and not a component that can stand still"

    def _mistakes_of(self, component: Component) -> Iterator[str]:
        for action in component.actions:
            if action.component != component.name:
                yield f"{action.path} is declared by {component.name}"
            charged = self._by_name.get(action.charged_to)
            if charged is None or (charged.on_chip and not charged.has_area):
                yield f"{action.path} is charged to {action.charged_to}, which has no energy of its own"
        if component.has_area and not component.on_chip:
            yield f"{component.name} has an area, and is not on the chip"
        if component.causes and not (component.causes[-1] is Cause.DRAIN and Event.END in component.events):
            yield f"{component.name} can stand still: its last cause is {Cause.DRAIN}, and it logs {Event.END}"


WEIGHT_STREAM = Component(
    "weight_stream", "weight path", waits_drawn=True,
    events=(Event.TURN, Event.LISTED, Event.ADMITTED, Event.NORMS, Event.START, Event.WAIT_CREDIT,
            Event.WAIT_CHANNEL, Event.COLUMN, Event.END),
    causes=(Cause.STATE_DEPENDENCY, Cause.INPUT_FETCH, Cause.FIFO_CREDIT, Cause.SETUP, Cause.DRAIN),
)  # fmt: skip
PE_ARRAY = Component(
    "pe_array", "PE array", has_area=True, waits_drawn=True,
    actions=(MAC, MAC_ZERO_OPERAND, IDLE_PE_CYCLE, WEIGHT_LOAD, SCRATCH_ACCESS),
    events=(Event.START, Event.LOAD, Event.WAIT_COLUMN, Event.COLUMN, Event.DONE, Event.END),
    causes=(Cause.SCRATCH_BANK, Cause.STATE_DEPENDENCY, Cause.INPUT_FETCH, Cause.FIFO_CREDIT,
            Cause.WEIGHT_LATENCY, Cause.WEIGHT_BANDWIDTH, Cause.DRAIN),
)  # fmt: skip
SCRATCH = Component("scratch", "scratch", has_area=True)
WEIGHT_MEMORY = Component(
    "weight_memory", "weight memory", has_area=True, actions=(SRAM_READ_WORD, SRAM_WRITE_WORD, FIFO_WORD)
)
STATE_BUFFER = Component("state_buffer", "state buffer", has_area=True, actions=(H_READ, H_WRITE, C_READ, C_WRITE))
SKIP_ENCODER = Component(
    "skip_encoder", "skip encoder", has_area=True, actions=(SCAN_COLUMN, LIST_COLUMN),
    events=(Event.ENCODE, Event.END), causes=(Cause.BLOCK_DATA, Cause.DRAIN),
)  # fmt: skip
ACTIVATION_UNIT = Component(
    "activation_unit", "activation unit", has_area=True,
    actions=(SUM_READ, NORM_ACCESS, ROW_AFFINE, CURVE, MULTIPLY, ADD),
    events=(Event.ACTIVATE, Event.END), causes=(Cause.BLOCK_DATA, Cause.DRAIN),
)  # fmt: skip
SEQUENCER = Component(
    "sequencer", "sequencer", has_area=True, actions=(BURST, COLUMN, CONTROL_CYCLE), events=(Event.PHASE,)
)
INPUT_READER = Component(
    "input_reader", "input reader",
    events=(Event.TURN, Event.FETCH, Event.END), causes=(Cause.INPUT_BUFFER, Cause.CHANNEL, Cause.DRAIN),
)  # fmt: skip
DRAM = Component("dram", "DRAM", on_chip=False, actions=(READ_BITS, WRITE_BITS))

CATALOGUE = Catalogue(
    (WEIGHT_STREAM, PE_ARRAY, SCRATCH, WEIGHT_MEMORY, STATE_BUFFER, SKIP_ENCODER, ACTIVATION_UNIT, SEQUENCER,
     INPUT_READER, DRAM),
    pipeline=(WEIGHT_STREAM.name, PE_ARRAY.name, ACTIVATION_UNIT.name, SKIP_ENCODER.name),
)  # fmt: skip
