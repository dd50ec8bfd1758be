"""The README of an exported folder."""

from archsim.rtl.case import Case, Expected
from archsim.rtl.tools import ICARUS, LINT, SYNTHESIZE, VERILATOR

_TEXT = """\
# {design} in Verilog, running {workload}

The machine that archsim simulates as engine `column`, in synthesizable Verilog, with the program of one design and one
network. Here it runs {window}, {lanes}, with
{integers}. It must take {cycles:,} cycles, log {events:,} events and read out
{sums:,} sums. Nothing of archsim is needed to run it.

Simulate it with Icarus Verilog:

    {simulate}

It prints the event log, and in its last line the cycles, the sums that were read and how many of them differ. Lint it
with Verilator, and synthesize it to gates with Yosys:

    {lint}

    {synthesize}

Components stay apart. PEs' sums and the encoder's flags are registers, all other memories are left as macros. With a
library of standard cells, areas by module follow: `cp YOUR.lib cells.lib && {synthesize} library.ys`

## Files
| file | what it is |
|---|---|
| `rtl/` | the hardware, the same for every design: `core.sv` is its top, each module says what it mirrors |
| `bench/` | the test bench: memories, what comes from outside, the event log, and the comparison of every sum |
| `parameters.svh` | sizes, of this design and network |
| `bursts.hex`, `blocks.hex`, `feeds.hex` | the program |
| `entries.hex`, `units.hex`, `stages.hex`, `distances.hex` | tables of the data path |
{more}| `weights.hex` | words of the weight memories |
| other `*.hex`, `run.svh`, `bench.svh` | for the bench: what comes from outside, recorded results, expected sums |
| `synthesis.ys`, `library.ys`, `library.abc`, `clock_gates.v` | for Yosys |
| `expected_events.txt` | a line an event: `E cycle component event step block column`, -1 where an event has none |
| `expected_sums.txt` | a line a sum: `step block lane unit accumulator row sum` |

Memories that modules of `rtl/` fill with `$readmemh` are read-only: program, tables, constants. All others are loaded
while the machine is reset, or written before they are read, so that any sequences may begin once others have ended.

Cycles and steps count from 0 at the first step of the window{shifted}. Events of a component are in order; those
of different components in one cycle may come in any. Within a column, from its second word on, a wait that ends in its
own cycle is not a difference.

A large machine runs much faster in Verilator, once that has compiled it:
`{verilator}`
"""


_SHIFTS = "| `row_shifts.hex`, `first_shifts.hex` | how far products are shifted, row by row |\n"
_CELLS = """\
| `integer_cell.sv`, `unit_*.sv`, `curve_*.sv` | the arithmetic of the activation unit, within `integer_cells.sv` |
| `integer_cell_parameters.svh` | its sizes |
| `integer_cells.hex`, `integer_cell_constants.hex` | its table of blocks, and biases |
| `integer_cells_kept.hex` | for the bench: h and what lies beside it as sequences begin |
"""


def readme(case: Case, expected: Expected) -> str:
    """What the folder is of, how to simulate, lint and synthesize it, and what its files are."""
    window, lanes = case.window, case.lanes
    return _TEXT.format(
        design=case.design.name,
        workload=case.workload,
        window=case.window_words,
        lanes="one sequence" if lanes == 1 else f"{lanes} sequences side by side",
        integers=case.integers_words,
        cycles=expected.cycles,
        events=len(expected.events),
        sums=case.sums,
        more=_SHIFTS * (case.integers.most_shift > 0) + _CELLS * (case.cells is not None),
        simulate=f"{ICARUS.compiled(case.defined)} && {ICARUS.run}",
        lint=LINT,
        synthesize=SYNTHESIZE,
        verilator=f"{VERILATOR.compiled(case.defined)} && {VERILATOR.run}",
        shifted=f", which is step {window.first} of the workload" if window.first else "",
    )
