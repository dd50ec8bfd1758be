"""The page's modules as one script."""

import re
from graphlib import CycleError

import pytest

from dse.report.bundle import bundle
from dse.report.html import scripts


def test_each_module_comes_after_those_that_it_imports() -> None:
    modules = {
        "app.js": 'import { b, also } from "./b.js";\nimport { a } from "./a.js";\nb(a, also);\n',
        "b.js": 'import {\n  a,\n} from "./a.js";\n\nexport function b() {}\nexport const also = a;\n',
        "a.js": '/** @import { A } from "./types.d.ts" */\n\n/** What a is. */\nexport let a = 1;\n',
    }
    assert bundle(modules) == (
        '"use strict";\n'
        "\n/** What a is. */\nlet a = 1;\n\n"
        "\nfunction b() {}\nconst also = a;\n\n"
        "b(a, also);\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        'import a from "./a.js";',
        'import * as a from "./a.js";',
        'import { a as b } from "./a.js";',
        'import "./a.js";',
        'import { a } from "elsewhere";',
        "export default 1;",
        "export { a };",
        'export * from "./a.js";',
        "export class A {}",
    ],
)
def test_what_one_scope_cannot_stand_for_is_refused(line: str) -> None:
    with pytest.raises(
        ValueError, match=rf"app\.js: must import and export by name alone, not {re.escape(repr(line))}"
    ):
        bundle({"app.js": f"{line}\n", "a.js": ""})


def test_modules_that_import_each_other_are_refused() -> None:
    with pytest.raises(CycleError, match=r"a\.js"):
        bundle({"a.js": 'import { b } from "./b.js";\n', "b.js": 'import { a } from "./a.js";\n'})


DECLARED = re.compile(r"^(?:export )?(?:async )?(?:const|let|var|class|function\*?) ?(.*)", re.MULTILINE)


def test_the_names_of_all_modules_differ() -> None:
    declared = [(name, found) for name, text in scripts().items() for found in DECLARED.findall(text)]
    names = [re.match(r"(\w+)(?: = |;|\()", found) for _, found in declared]
    assert [where for where, name in zip(declared, names, strict=True) if not name] == []  # one name a declaration
    plain = [name[1] for name in names if name]
    assert len(plain) > 100
    assert sorted(plain) == sorted(set(plain))


def test_every_module_is_imported_but_the_one_that_runs() -> None:
    modules = scripts()
    imported = {name for text in modules.values() for name in re.findall(r'from "\./(\S+\.js)"', text)}
    assert set(modules) - imported == {"app.js"}
