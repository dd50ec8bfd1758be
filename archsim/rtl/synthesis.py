"""An exported folder synthesised with a library of cells: cells, area and delay of each module."""

import os
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from archsim.costs.liberty import Liberty
from archsim.errors import BadInput
from archsim.rtl.gates import AREAS, CELLS, CLOCK_GATES, LIBRARY, MEMORIES, SYNTHESIS, clock_gates
from archsim.rtl.tools import CORE

MACRO = "$mem_v2"
"""A memory that was not made of registers, as Yosys calls it."""

DELAY = (
    "the longest combinational path within one module as ABC has it after buffers and sizes (stime): nominal loads, no"
    " wires, no set-up or clock-to-output of registers, macros without delay, paths between modules cut at their ports"
)
"""What a delay is."""


@dataclass(frozen=True)
class Module:
    """A module with given parameters."""

    name: str
    copies: int
    cells: int
    """Of one copy, without macros and the modules in it."""
    area_um2: float
    """The same."""
    delay_ns: float | None
    """None where it has no combinational logic."""


@dataclass(frozen=True)
class Macro:
    """A memory that is left out."""

    module: str
    name: str
    words: int
    bits: int
    """Of a word."""
    copies: int


@dataclass(frozen=True)
class Synthesis:
    """What a folder's gates come to with one library."""

    library: str
    nand2_um2: float
    """The area of the library's smallest two-input NAND."""
    tool: str
    modules: tuple[Module, ...]
    macros: tuple[Macro, ...]
    clock_gates: int
    """In all."""


def synthesize(folder: Path, liberty: Liberty, on_pass: Callable[[str], None] = lambda words: None) -> Synthesis:
    """Run the folder's scripts; `on_pass` is told what Yosys is at. BadInput with the reason where the library fails.

    The library's clock gate is written into the folder, so that its own scripts come to the same.
    """
    nand2 = liberty.nand2
    (folder / CLOCK_GATES).write_text(clock_gates(liberty), encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for each in folder.resolve().iterdir():
            (work / each.name).symlink_to(each)
        (work / CELLS).write_text(liberty.text, encoding="utf-8")
        log = _yosys(work, liberty, on_pass)
        areas = (work / AREAS).read_text(encoding="utf-8")
        dumped = (work / MEMORIES).read_text(encoding="utf-8")
    found = {each.name: each for each in _counted(areas)}
    _check_areas(areas, found, liberty)
    copies, delays = _copies(found), _delays(log)
    gate = liberty.clock_gate.name if any(cell.clock_gate for cell in liberty.cells) else ""
    modules = tuple(
        Module(_source(name), copies[name], _cells(own, found), own.area_um2, delays.get(name))
        for name, own in found.items()
    )
    gates = sum(copies[name] * own.kinds.get(gate, 0) for name, own in found.items())
    version = re.search(r"Yosys \d\S*", log)
    macros = tuple(_macros(dumped, copies))
    return Synthesis(liberty.path.name, nand2, version[0] if version else "Yosys", modules, macros, gates)


def _yosys(work: Path, liberty: Liberty, on_pass: Callable[[str], None]) -> str:
    """Run the scripts; returns the log."""
    command = ["yosys", "-T", SYNTHESIS, LIBRARY]
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=work,
        env={**os.environ, "TMPDIR": str(work)},  # Yosys leaves there what ABC has failed on
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as yosys:
        assert yosys.stdout is not None
        for line in yosys.stdout:
            lines.append(line)
            at = re.match(r"[\d.]+ Executing (\w+) pass|[\d.]+ Extracting gate netlist of module `(\S+)'", line)
            if at:
                on_pass(f"yosys: {at[1].lower()}" if at[1] else f"yosys: cells of {_source(_plain(at[2]))}")
    if yosys.returncode:
        errors = [line.strip() for line in lines if line.startswith("ERROR: ")]
        reason = errors[0] if errors else f"ended with {yosys.returncode}"
        if "ABC output file" in reason:
            reason = "ABC maps nothing to it (it needs an inverter, a buffer and gates of two inputs)"
        raise BadInput(f"--liberty {liberty.path}: yosys: {reason}".replace(f"{work}{os.sep}", ""))
    return "".join(lines)


def _plain(name: str) -> str:
    """A module's name without the mark that names of the source have."""
    return name.removeprefix("\\")


def _source(name: str) -> str:
    """The name that a module has in its file, whatever its parameters."""
    return name.rpartition("\\")[2]


@dataclass(frozen=True)
class _Counted:
    """What `stat` says of a module."""

    name: str
    kinds: Mapping[str, int]
    """Cells of each kind, modules among them."""
    area_um2: float


def _counted(text: str) -> Iterator[_Counted]:
    """The modules in what `stat` has written, without the sum at its end.

    Its JSON is none where a macro has no area.
    """
    parts = re.split(r"^=== (.*) ===$", text, flags=re.MULTILINE)[1:]
    for name, part in zip(parts[::2], parts[1::2], strict=True):
        if name != "design hierarchy":
            area = re.search(r"Chip area for (?:top )?module .*: ([\d.]+)", part)
            kinds = re.findall(r"^ {5}(\S+) +(\d+)$", part, flags=re.MULTILINE)
            counts = {_plain(kind): int(count) for kind, count in kinds}
            yield _Counted(_plain(name), counts, float(area[1]) if area else 0.0)


def _cells(own: _Counted, found: Mapping[str, _Counted]) -> int:
    """The cells of a module itself."""
    return sum(count for kind, count in own.kinds.items() if kind not in found and kind != MACRO)


def _check_areas(text: str, found: Mapping[str, _Counted], liberty: Liberty) -> None:
    """BadInput if `stat` has found a cell without an area, which it would count as none."""
    kinds = set(map(_plain, re.findall(r"Area for cell type (\S+) is unknown", text)))
    unknown = sorted(kinds - {MACRO, *found})
    if unknown:
        raise BadInput(f"--liberty {liberty.path}: has no area for {', '.join(unknown)}")


def _copies(found: Mapping[str, _Counted]) -> Counter[str]:
    """How often each module is there, from the core down."""
    copies = Counter({CORE: 1})
    waiting = [(CORE, 1)]
    while waiting:
        name, count = waiting.pop()
        for kind, inside in found[name].kinds.items():
            if kind in found:
                copies[kind] += count * inside
                waiting.append((kind, count * inside))
    return copies


def _delays(log: str) -> dict[str, float]:
    """The delay of each module, ns, by its name."""
    parts = re.split(r"Extracting gate netlist of module `(\S+)'", log)[1:]
    found = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        delay = re.search(r"ABC: WireLoad.*Delay = *([\d.]+) ps", text)
        if delay:
            found[_plain(name)] = float(delay[1]) / 1000
    return found


def _macros(dumped: str, copies: Mapping[str, int]) -> Iterator[Macro]:
    """The memories in what `dump` has written."""
    for of_module in re.split(r"^\s*module ", dumped, flags=re.MULTILINE)[1:]:
        module = _plain(of_module.split()[0])
        for cell in re.split(r"^\s*cell \$mem_v2 ", of_module, flags=re.MULTILINE)[1:]:
            values = dict(re.findall(r"parameter(?: signed)? \\(SIZE|WIDTH|MEMID) (.*)", cell))
            name = values["MEMID"].strip('"').lstrip("\\")
            yield Macro(_source(module), name, int(values["SIZE"]), int(values["WIDTH"]), copies[module])
