"""Many designs on one trace: the cycles, stalls and counts of ``simulate_many``, in one compiled loop.

Designs that differ in nothing that plan and timing depend on are run once (``bulk_tables.PIECES``). What the compiled
plan does not cover, it leaves to be simulated one by one, and says so.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from archsim.analytic import bulk_positions as at
from archsim.analytic.bulk_plan import model_bits
from archsim.analytic.bulk_positions import COUNTS, NOT_COVERED, OUTCOME, RAN, REFUSED
from archsim.analytic.bulk_tables import PIECES, Network, WorkArrays, covers
from archsim.analytic.bulk_timing import COUNTED, evaluate
from archsim.catalogue import Action
from archsim.columns.designs import Designs, Reasons
from archsim.columns.gather import Gatherer, gathered
from archsim.cores import cores
from archsim.design import Design
from archsim.errors import BadInput
from archsim.mapping.plan import RunScope
from archsim.mapping.refusals import check_formats, check_operations
from archsim.simulation import Job, prepare
from archsim.trace.graph import Scope
from archsim.trace.trace import Trace

Ints = NDArray[np.int64]

_GATHERERS = {function: Gatherer(function, len(places), np.int64) for function, places in PIECES}
CHUNK = 2048
"""Machines that a thread runs at a time."""
_DRAM = (at.HAS_DRAM, at.ACCESS_BITS, at.ACCESS_CYCLES, at.ACCESS_PARTS, at.INPUTS, at.IN_TURNS, at.INPUT_CYCLES,
         at.INPUT_PARTS, at.DRAM_LATENCY)  # fmt: skip
_OTHERS = tuple(k for k in range(at.DESIGN_FIELDS) if k not in (*_DRAM, at.CAPACITY, at.FITS, at.SUMS))


@dataclass(frozen=True, eq=False)
class Runs:
    """What became of N designs on one trace. Designs that are run as one have one of the rows."""

    codes: NDArray[np.int32]
    """(N,), the row of each design."""
    rows: Ints
    """(rows, COUNTS + counts): at the places of ``bulk_positions``, then the counts of ``bulk_timing.COUNTED``."""
    tokens: Ints
    """(rows,)"""
    model_bits: Ints
    """(N,)"""
    steps: int

    def of(self, field: int) -> Ints:
        """A number of each design, ``(N,)``."""
        found: Ints = self.rows[:, field][self.codes]
        return found

    def counts_of(self, designs: Ints, actions: Sequence[Action]) -> Ints:
        """What some of the designs count of each of `actions`, ``(designs, actions)``."""
        counts = np.zeros((len(designs), len(actions)), np.int64)
        for k, action in enumerate(COUNTED):
            counts[:, actions.index(action)] = self.rows[self.codes[designs], COUNTS + k]
        return counts

    @cached_property
    def ran(self) -> NDArray[np.bool_]:
        """Whether each has run, ``(N,)``."""
        found: NDArray[np.bool_] = self.of(OUTCOME) == RAN
        return found

    @property
    def refused(self) -> Ints:
        """The numbers of designs that cannot run the trace, or are none."""
        return np.flatnonzero(self.of(OUTCOME) == REFUSED)

    @property
    def not_covered(self) -> Ints:
        """The numbers of designs that are left to be simulated one by one."""
        return np.flatnonzero(self.of(OUTCOME) == NOT_COVERED)


class _Group(NamedTuple):
    """Designs that run the same products on the same lanes with the same encoder."""

    numbers: Ints
    host: tuple[Scope, ...]
    lanes: int
    skipping: bool
    reach: int | None


class Machines:
    """N designs as the numbers that plan and timing depend on; made once, run on any number of traces."""

    def __init__(self, designs: Designs) -> None:
        self.designs = designs
        self._hosts: dict[tuple[Scope, ...], int] = {}
        count = len(designs)
        self.numbers = np.zeros((count, at.DESIGN_FIELDS), np.int64)
        sound = np.ones(count, bool)
        for function, places in PIECES:
            found = _GATHERERS[function](designs)
            self.numbers[:, places] = found.values
            sound &= found.reasons.codes < 0
        kinds = gathered(designs, lambda design: (int(covers(design)), self._host(design)), 2, np.int64)
        self._host_of = kinds.values[:, 1]
        self.sound = sound & (kinds.reasons.codes < 0)
        """Those of which all numbers are known; others are refused by the tables of costs, or are no valid design."""
        self.covered = self.sound & (kinds.values[:, 0] > 0)
        self._others = _key([*self.numbers[:, _OTHERS].T, self._host_of, _part(self.numbers)])
        self._drams = _key([self.numbers[:, k] for k in _DRAM])
        self._sums = _key([self.numbers[:, at.SUMS]])

    def _host(self, design: Design) -> int:
        return self._hosts.setdefault(tuple(design.host), len(self._hosts))

    def run(self, trace: Trace, scope: RunScope = "model") -> Runs:
        """All designs on all steps of a trace, with a sequence in every lane."""
        outcome = np.full(len(self.numbers), NOT_COVERED, np.int64)
        outcome[~self.sound] = REFUSED
        bits = np.zeros(len(self.numbers), np.int64)
        codes = np.zeros(len(self.numbers), np.int32)
        rows: list[Ints] = [np.zeros((3, COUNTS + len(COUNTED)), np.int64)]
        rows[0][:, OUTCOME] = range(3)
        tokens: list[Ints] = [np.ones(3, np.int64)]
        begun = 3
        for group in self._groups(trace, scope, outcome):
            try:
                network = Network.of(trace, scope, group.host, group.lanes)
                work = WorkArrays(network, trace.steps, group.skipping, group.reach)
            except BadInput:  # too few sequences
                outcome[group.numbers] = REFUSED
                continue
            bits[group.numbers] = self._fit(network, group.numbers)
            first, inverse = self._distinct(group.numbers)
            rows.append(_evaluated(self.numbers[first], network, work, group, trace.steps))
            tokens.append(np.full(len(first), work.total_tokens, np.int64))
            codes[group.numbers] = begun + inverse
            outcome[group.numbers] = RAN
            begun += len(first)
        apart = outcome != RAN
        codes[apart] = outcome[apart]
        return Runs(codes, np.concatenate(rows), np.concatenate(tokens), bits, trace.steps)

    def _groups(self, trace: Trace, scope: RunScope, outcome: Ints) -> Iterator[_Group]:
        """The designs that are run here; sets the outcome of those that are refused at once."""
        if trace.header.reads_ahead or len(trace.described) > 1:
            return
        left = np.flatnonzero(self.covered)
        for index, host in enumerate(self._hosts):
            own = left[self._host_of[left] == index]
            if not len(own):
                continue
            taken = own[self._takes(trace, scope, host, own)]
            outcome[own] = REFUSED
            numbers = self.numbers[taken]
            key = _key([numbers[:, k] for k in (at.LANES, at.ENCODES, at.REACH)])
            for k in np.unique(key):
                members = taken[key == k]
                lanes, encodes, reach = (int(self.numbers[members[0], f]) for f in (at.LANES, at.ENCODES, at.REACH))
                yield _Group(members, host, lanes, bool(encodes), None if reach < 0 else reach)

    def _takes(self, trace: Trace, scope: RunScope, host: tuple[Scope, ...], own: Ints) -> NDArray[np.bool_]:
        """Whether their PEs take the formats of the products, and the machine its operations, ``(own,)``."""
        (phase,) = trace.described
        chosen = Network.of(trace, scope, host, 1).chosen
        if not any(mv.edge == "previous_step" for mv in chosen.mat_vecs):
            return np.zeros(len(own), bool)

        def formats(design: Design) -> tuple[()]:
            check_operations(design, phase.graph)
            check_formats(design, phase.graph, chosen.mat_vecs)
            return ()

        return gathered(self.designs, formats, 0, np.int64).reasons.codes[own] < 0

    def _fit(self, network: Network, members: Ints) -> Ints:
        """Bits of the model on each design; notes which of them hold it as a whole."""
        words, inverse = np.unique(self.numbers[members, at.BUS_BITS], return_inverse=True)
        design = np.zeros(at.DESIGN_FIELDS, np.int64)
        found = np.zeros(len(words), np.int64)
        for k, bits in enumerate(words):
            design[at.BUS_BITS] = bits
            found[k] = model_bits(network.stages, network.streams, design)
        own: Ints = found[inverse]
        self.numbers[members, at.FITS] = (own > 0) & (own <= self.numbers[members, at.CAPACITY])
        return own

    def _distinct(self, members: Ints) -> tuple[Ints, Ints]:
        """A design of each kind that runs alike, in the order that `evaluate` asks for, and which of them each is.

        The DRAM of a design that holds the whole model takes no part, unless inputs come from it.
        """
        fits, inputs = self.numbers[members, at.FITS], self.numbers[members, at.INPUTS]
        dram = np.where((fits > 0) & (inputs == 0), 0, 1 + self._drams[members])
        key = _key([self._others[members], fits, dram, self._sums[members]])
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        return members[first], inverse


def reasons(designs: Designs, trace: Trace, scope: RunScope, refused: Ints) -> Reasons:
    """Why some of `designs` cannot run a trace, as ``simulate_many`` says it, ``(refused,)``."""

    def planned(design: Design) -> tuple[()]:
        prepare(Job(design, trace, scope=scope))
        return ()

    return gathered(designs.take(refused), planned, 0, np.int64).reasons


def _part(numbers: Ints) -> Ints:
    """The capacity, where how much of it there is decides what is resident."""
    found: Ints = np.where(numbers[:, at.PART_RESIDENT] > 0, numbers[:, at.CAPACITY], -1)
    return found


def _key(columns: list[Ints]) -> Ints:
    """Numbers from 0 on by which rows are told apart, in the order of their columns."""
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        if len(column) and (column != column[0]).any():
            values, codes = np.unique(column, return_inverse=True)
            key = key * len(values) + codes
            if int(key.max()) > 2**24:  # so that the next product is no overflow
                key = np.unique(key, return_inverse=True)[1]
    return key


def _evaluated(machines: Ints, network: Network, work: WorkArrays, group: _Group, steps: int) -> Ints:
    results = np.zeros((len(machines), COUNTS + len(COUNTED)), np.int64)
    encoder = steps, group.skipping, group.reach
    own = (
        network.stages, network.streams, network.by_reads, network.kinds(*encoder, True),
        network.kinds(*encoder, False), network.unit_counts, work.streamed, work.active, work.tokens, work.totals,
        work.off_steps, work.off_lanes, work.scalars,
    )  # fmt: skip
    inputs = np.ascontiguousarray(machines)
    inputs[:, at.INPUTS] *= network.input_bits > 0

    def run(first: int) -> None:
        evaluate(inputs[first : first + CHUNK], *own, results[first : first + CHUNK])

    with ThreadPoolExecutor(cores()) as threads:
        list(threads.map(run, range(0, len(machines), CHUNK)))
    return results
