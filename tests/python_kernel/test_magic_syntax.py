from __future__ import annotations

import pytest
from wasm_interp_kernel.magic_syntax import CellMagic, Rewritten, cell_magic, rewrite

M, S = "__wasm_interp_magic__", "__wasm_interp_shell__"


@pytest.mark.parametrize(
    ("source", "rewritten", "lines"),
    [
        ("%pwd", f"{M}('pwd', '')", {1}),
        ("%time f(x, 'a')  ", f"{M}('time', \"f(x, 'a')\")", {1}),
        ("x = %env HOME", f"x = {M}('env', 'HOME')", {1}),
        ("a, b = !ls", f"a, b = {S}('ls')", {1}),
        ("!ls -l \\\n  there\nx", f"{S}('ls -l    there')\n\nx", {1, 2}),
        ("if x:\n    %cd /tmp\n", f"if x:\n    {M}('cd', '/tmp')\n", {2}),
        ("x = (1\n  % 2)\n%pwd", f"x = (1\n  % 2)\n{M}('pwd', '')", {3}),
        ('t = """\n%no\n!no\n"""\n%pwd', f't = """\n%no\n!no\n"""\n{M}(\'pwd\', \'\')', {5}),
        ("t = 'it\\'s (' # (\n%pwd", f"t = 'it\\'s (' # (\n{M}('pwd', '')", {2}),
        ("% pwd", f"{M}('pwd', '')", {1}),
        ("!", f"{S}('')", {1}),
        ("pip install x>1", f"{M}('pip', 'install x>1')", {1}),
        ("if x:\n  conda  list\n", f"if x:\n  {M}('conda', 'list')\n", {2}),
    ],
)
def test_magic_lines_become_calls(source: str, rewritten: str, lines: set[int]) -> None:
    assert rewrite(source) == Rewritten(rewritten, frozenset(lines))


@pytest.mark.parametrize(
    "source",
    [
        "x % 2",
        "x = 5\n",
        "'''\n%a\n'''",
        "(\n%a\n)",
        "x != 1",
        "",
        "x = \\\n%a",
        "pip",
        "pip.main()",
        "pip = 1",
        "x = pip install y",
    ],
)
def test_python_is_left_alone(source: str) -> None:
    assert rewrite(source) is None


def test_line_numbers_stay() -> None:
    source = "%a \\\n b\n!c\n\nx = 1"
    assert rewrite(source).source.split("\n")[4] == "x = 1"


def test_cell_magics() -> None:
    assert cell_magic("%%time\nx\ny") == CellMagic("time", "", "\nx\ny")
    assert cell_magic("\n  %%writefile  a b \nx") == CellMagic("writefile", "a b", "\n\nx")
    assert cell_magic("%%html") == CellMagic("html", "", "\n")
    assert cell_magic("%time x") is None
    assert cell_magic("x\n%%time") is None
