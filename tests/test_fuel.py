"""Fuel: how much a program may execute, counted the same on every run of it."""

from __future__ import annotations

import pytest

from wasm_interp import CodeContext, Limits, Sandbox, StateAfterStop, StopKind

PLENTY = 10**12
PROGRAMS = {
    "arithmetic": "1 + 1",
    "loop": "t = 0\nfor i in range(20_000): t += i * i\nt",
    "strings": "','.join(sorted(str(i) for i in range(2_000)))[:20]",
    "classes": "class A:\n  def f(self): return 1\nsum(A().f() for _ in range(1_000))",
    "sets": "len({str(i) for i in range(3_000)}), hash('a')",
    "json": "import json\nlen(json.dumps([{'a': i} for i in range(500)]))",
    "regex": "import re\nlen(re.findall(r'\\d+', 'a1b22c333' * 200))",
    "numpy": "import numpy as np\nfloat((np.arange(10_000).reshape(100, 100) @ np.ones((100, 100))).sum())",
    "pandas": "import pandas as pd\nint(pd.DataFrame({'a': range(500)}).groupby(lambda i: i % 7).a.sum().sum())",
    "files": "open('f', 'w').write('x' * 1000)\nlen(open('f').read())",
    "error": "def f(n): return f(n - 1) if n else 1 / 0\nf(50)",
    "display": "for i in range(5): display(i)",
}


def metered(sandbox: Sandbox, fuel: int = PLENTY) -> CodeContext:
    return sandbox.create_code_context(limits=Limits(fuel=fuel))


def fuel_of(cells: list[str], fuel: int = PLENTY) -> list[int | None]:
    """What each cell took, in a context of a sandbox of its own."""
    with Sandbox() as sandbox, metered(sandbox, fuel) as context:
        context.run("None")  # a context's first run learns the time of day and its entropy
        return [context.run(cell).fuel_used for cell in cells]


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_program_takes_the_same_fuel_every_time(name: str) -> None:
    first, *others = [fuel_of([PROGRAMS[name], PROGRAMS[name]]) for _ in range(4)]
    assert others == [first] * 3
    assert all(fuel and fuel > 1_000 for fuel in first)


def test_a_program_that_runs_out_took_all_of_it_at_the_same_point_every_time() -> None:
    code = "n = 0\nwhile True:\n  n += 1\n  if n % 100 == 0: print(n)"
    outcomes = set()
    for _ in range(3):
        with Sandbox() as sandbox, metered(sandbox, 20_000_000) as context:
            context.run("None")
            result = context.run(code)
            outcomes.add((result.stdout, result.fuel_used, result.error and result.error.name))
    ((stdout, used, error),) = outcomes
    assert (used, error) == (20_000_000, "OutOfFuel")
    assert stdout.startswith("100\n200\n")


def test_a_context_lives_on_as_it_was_before_the_run_that_ran_out(sandbox: Sandbox) -> None:
    context = metered(sandbox, 50_000_000)
    context.run("kept = [1, 2]\nfile = open('log', 'w')\nprint('one', file=file)")
    result = context.run("kept.append(3)\nwhile True: pass")
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.FUEL, StateAfterStop.ROLLED_BACK)
    assert result.error is not None
    assert result.error.value == "out of fuel; the context is as it was before the run, its files are as written"
    after = context.run("kept")
    assert (after.text, after.error) == ("[1, 2]", None)
    assert after.fuel_used is not None
    assert 0 < after.fuel_used < 50_000_000
    context.run("print('two', file=file, flush=True)")
    assert sandbox.files.read_text("/workspace/log") == "one\ntwo\n"


def test_each_run_has_all_of_the_fuel(sandbox: Sandbox) -> None:
    context = metered(sandbox, 100_000_000)
    context.run("None")
    loop = "for i in range(100_000): pass"
    used = [context.run(loop).fuel_used or 0 for _ in range(20)]
    assert sum(used) > 100_000_000
    assert max(used) < 100_000_000


def test_more_work_takes_more_fuel_in_proportion() -> None:
    one, ten, hundred = fuel_of([f"for i in range({count}_000): pass" for count in (10, 100, 1000)])
    assert one is not None
    assert ten is not None
    assert hundred is not None
    assert 5 < (hundred - ten) / (ten - one) < 15


def test_a_caught_exception_does_not_refill_the_fuel(sandbox: Sandbox) -> None:
    context = metered(sandbox, 100_000_000)
    code = "while True:\n  try: raise ValueError\n  except ValueError: pass"
    result = context.run(code)
    assert result.stopped is not None
    assert result.stopped.kind is StopKind.FUEL
    assert result.fuel_used == 100_000_000


def test_a_program_cannot_catch_the_end_of_its_fuel(sandbox: Sandbox) -> None:
    context = metered(sandbox, 50_000_000)
    result = context.run(
        "while True:\n  try:\n    while True: pass\n  except BaseException: print('caught')\n  finally: print('!')"
    )
    assert result.stopped is not None
    assert result.stopped.kind is StopKind.FUEL
    assert result.stdout == ""


def test_no_fuel_at_all_is_out_of_fuel_at_once(sandbox: Sandbox) -> None:
    context = metered(sandbox, 0)
    for _ in range(2):
        result = context.run("1 + 1")
        assert result.error is not None
        assert (result.error.name, result.fuel_used) == ("OutOfFuel", 0)


def test_a_timeout_stops_a_metered_program_too(sandbox: Sandbox) -> None:
    context = metered(sandbox)
    context.run("x = 1")
    for code in ("while True: pass", "import time\ntime.sleep(3600)"):
        result = context.run(code, timeout=0.2)
        assert result.stopped is not None
        assert (result.stopped.kind, result.stopped.state) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
        assert result.duration < 30
        assert result.fuel_used is not None
        assert 0 < result.fuel_used < PLENTY
    assert context.run("x").text == "1"


def test_a_metered_program_that_does_not_yield_is_ended_by_force(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.05)
    context = metered(sandbox)
    context.run("x = 1")
    result = context.run("x = 2\nsum(range(10**12))", timeout=0.1)
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.TIMEOUT, StateAfterStop.ROLLED_BACK)
    assert context.run("x").text == "1"


def test_without_a_limit_nothing_is_counted(context: CodeContext) -> None:
    assert context.run("1 + 1").fuel_used is None


def test_metered_and_other_contexts_share_a_sandbox(sandbox: Sandbox, context: CodeContext) -> None:
    other = metered(sandbox)
    other.run("open('note', 'w').write('from the metered')")
    assert context.run("open('note').read()").text == "'from the metered'"
