"""What is installed can write hardware: the Verilog is in the wheel."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from archsim.rtl.simulate import VERILOG

ROOT = Path(__file__).parents[3]


def test_the_wheel_has_every_file_of_verilog(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in ("archsim", "dse", "workloads"):
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path)]
    subprocess.run(pip, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"archsim/rtl/verilog/{path.name}" for path in VERILOG.iterdir()} <= names
