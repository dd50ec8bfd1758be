"""The programs that read an exported folder, and the command lines for each; all of them run in the folder."""

import shutil
from dataclasses import dataclass

from archsim.errors import BadInput

CORE, BENCH, MODULES, SIMULATION = "core", "testbench", "rtl", "bench"
"""The module that is hardware, the one that runs it, and the folders that both kinds of module lie in."""


@dataclass(frozen=True)
class Simulator:
    """A simulator of Verilog; `compile` names the definitions that a folder asks for, and the bench."""

    name: str
    title: str
    programs: tuple[str, ...]
    packages: str
    """Of Debian."""
    compile: str
    run: str

    def compiled(self, defined: str = "", bench: str = BENCH) -> str:
        """The command that compiles a bench; `defined` is a macro."""
        return self.compile.format(defined=f"-D{defined} " if defined else "", bench=bench)

    def check(self) -> None:
        """BadInput where it is not installed: what to install."""
        missing = [program for program in self.programs if not shutil.which(program)]
        if missing:
            raise BadInput(
                f"--check needs {self.title}, and {missing[0]} is not installed: apt-get install {self.packages}"
                " (Debian, Ubuntu); without --check the folder is written alone"
            )


ICARUS = Simulator(
    name="icarus",
    title="Icarus Verilog",
    programs=("iverilog", "vvp"),
    packages="iverilog",
    compile=f"iverilog -g2012 {{defined}}-I. -I{MODULES} -I{SIMULATION} -y . -y {MODULES} -y {SIMULATION} -Y .sv"
    f" -s {{bench}} -o {BENCH}.vvp {SIMULATION}/{{bench}}.sv",
    run=f"vvp -n {BENCH}.vvp",
)
VERILATOR = Simulator(
    name="verilator",
    title="Verilator",
    programs=("verilator", "make", "g++"),
    packages="verilator g++ make",
    compile="verilator --binary --timing -O3 --x-assign fast --x-initial fast -Wno-fatal -Wno-lint -Wno-style"
    f" {{defined}}-I. -I{MODULES} -I{SIMULATION} -y . -y {MODULES} -y {SIMULATION} +libext+.sv"
    f" --prefix V{BENCH} --top-module {{bench}} {SIMULATION}/{{bench}}.sv",
    run=f"obj_dir/V{BENCH}",
)
SIMULATORS = (ICARUS, VERILATOR)

LINT = f"verilator --lint-only -Wall -I. -I{MODULES} -y {MODULES} +libext+.sv --top-module {CORE} {MODULES}/{CORE}.sv"
SYNTHESIZE = "yosys synthesis.ys"


def check_yosys() -> None:
    """BadInput where it is not installed: what to install."""
    if not shutil.which("yosys"):
        raise BadInput(
            "--synth needs Yosys, and yosys is not installed: apt-get install yosys (Debian, Ubuntu); without --synth"
            " the folder is written alone"
        )
