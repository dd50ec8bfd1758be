"""A field that `archsim.record.PointRecord` gains is in a run's JSON, in every file of a search and in its page.

The field is declared as one more line of the module's source, in a process of its own: nothing else is edited.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
import importlib.util, json, sys
from pathlib import Path

BEFORE = "    cycles_per_step: "
LINE = '    mean_wait: Annotated[float, From(lambda report: sum(report.stalls.values()) / report.steps), '
LINE += 'Label("Waits per step", "cycles")]\\n'
spec = importlib.util.find_spec("archsim.record")
source = Path(spec.origin).read_text()
assert source.count(BEFORE) == 1
module = importlib.util.module_from_spec(spec)
sys.modules["archsim.record"] = module
exec(compile(source.replace(BEFORE, LINE + BEFORE), spec.origin, "exec"), module.__dict__)

from archsim import load_design, simulate, synthesize
from dse.report import view_page
from dse.results import store
from dse.exploration.study import search
from dse.space.space import parse_space
from tests.dse.conftest import FakeModels, tiny_tree

folder = Path(sys.argv[1])
search(parse_space(tiny_tree() | {"trials": 16}, "tiny"), folder, models=FakeModels())
report = simulate(load_design("skip-65nm"), synthesize(24, 5, 0.3, sequences=8, steps=4))
run = module.RunRecord.of(report).to_json()
saved = folder / "run.json"
saved.write_text(json.dumps(run))
results, page = store.read(folder), view_page([folder, saved])
facts = [{fact.term: fact.value for fact in design.facts} for design in page.designs]
(others,) = [term for term in page.searches[0].others.facts if term.term == "Waits per step"]
print(json.dumps({
    "json": [run["mean_wait"], sum(report.stalls.values()) / report.steps],
    "file": [detail["mean_wait"] for detail in json.loads((folder / "front_details.json").read_text())],
    "details": [sum(detail.stalls.values()) / detail.steps for detail in results.details],
    "table": results.parts.points["mean_wait"].tolist(),
    "stalls": (results.parts.points.filter(like="stall_").sum(axis=1) / results.parts.points["steps"]).tolist(),
    "page": [each["Waits per step"] for each in facts],
    "others": [others.values.values[i] for i in others.values.index],
    "units": [others.unit, *(f.unit for d in page.designs for f in d.facts if f.term == "Waits per step")],
}))
"""


def test_one_line_takes_a_field_to_every_place(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert found["json"][0] == found["json"][1]
    assert found["file"] == found["details"]
    assert found["table"] == found["stalls"]
    assert len(found["page"]) == len(found["details"]) + 1
    assert set(found["units"]) == {"cycles"}

    def rounded(values: list[float]) -> list[float]:
        return [float(f"{value:.7g}") for value in values]

    assert found["page"] == rounded([*found["details"], found["json"][0]])
    assert sorted([*found["others"], *found["page"][:-1]]) == sorted(rounded(found["table"]))
