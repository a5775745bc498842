"""A fork goes on exactly where its origin was, and neither sees the other again."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

import pytest

from tests.snapshots.arena_use import bytes_in_use, mappings_left
from wasm_interp import CodeContext, ContextClosed, LimitExceeded, Limits, Sandbox, StopKind, UsageError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks need memfd_create and pagemap")

PATIENCE_SECONDS = 60.0


def text(context: CodeContext, code: str) -> str | None:
    """The text of a run that must not fail."""
    result = context.run(code, timeout=PATIENCE_SECONDS)
    assert result.error is None, result.error
    return result.text


def wait_inside(context: CodeContext, sandbox: Sandbox, code: str = "1") -> tuple[threading.Thread, Callable[[], None]]:
    """A run that is under way, and lasts until it is let go."""
    began = threading.Event()
    cell = f"import os, time; print('in')\nwhile not os.path.exists('/tmp/go'): time.sleep(0.001)\n{code}"
    run = threading.Thread(target=lambda: context.run(cell, on_stdout=lambda _: began.set(), timeout=PATIENCE_SECONDS))
    run.start()
    assert began.wait(PATIENCE_SECONDS)
    return run, lambda: sandbox.files.write("/tmp/go", "")


# What goes on


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param("x = [1]; d = {'a': x}", "x.append(2); d['a']", "[1, 2]", id="objects"),
        pytest.param("g = iter(range(10)); next(g)", "next(g), next(g)", "(1, 2)", id="iterator"),
        pytest.param(
            "def count():\n    n = 0\n    while True:\n        n += 1\n        yield n\ng = count(); next(g)",
            "next(g), next(g)",
            "(2, 3)",
            id="generator half way",
        ),
        pytest.param(
            "f = open('log', 'w+'); f.write('abc'); f.flush()",
            "f.write('d'); f.flush(); f.seek(0); f.read()",
            "'abcd'",
            id="open file",
        ),
        pytest.param(
            "f = open('log', 'w'); f.write('in the buffer')", "f.close(); open('log').read()", "'in the buffer'",
            id="unflushed file",
        ),
        pytest.param(
            "import os; f = open('gone', 'w+'); f.write('x'); f.flush(); os.remove('gone')",
            "f.seek(0); f.read()",
            "'x'",
            id="open file without a name",
        ),
        pytest.param("import os; os.mkdir('d'); os.chdir('d')", "os.getcwd()", "'/workspace/d'", id="working folder"),
        pytest.param("import os; os.environ['A'] = 'b'", "os.environ['A']", "'b'", id="environment"),
        pytest.param(
            "import asyncio\nasync def late():\n    await asyncio.sleep(0.02)\n    return 'late'\n"
            "task = asyncio.create_task(late()); await asyncio.sleep(0)",
            "await task",
            "'late'",
            id="pending task",
        ),
        pytest.param(
            "import pandas as pd; df = pd.DataFrame({'a': [1, 2]})", "int(df.a.sum())", "3", id="data frame"
        ),
        pytest.param(
            "import sqlite3; db = sqlite3.connect(':memory:'); db.execute('create table t (n)'); "
            "db.execute('insert into t values (7)')",
            "db.execute('select n from t').fetchall()",
            "[(7,)]",
            id="database",
        ),
    ],
)  # fmt: skip
def test_a_fork_goes_on_where_its_origin_was(context: CodeContext, before: str, after: str, expected: str) -> None:
    assert context.run(before).error is None
    fork = context.fork()
    assert text(fork, after) == expected


def test_an_open_figure_goes_on(context: CodeContext) -> None:
    """Figures are shown and closed at the end of a cell, unless pyplot does not know them."""
    context.run("from matplotlib.figure import Figure; figure = Figure(); axes = figure.subplots(); axes.plot([1, 2])")
    fork = context.fork()
    result = fork.run("axes.plot([2, 1]); display(figure); len(axes.lines)")
    assert result.text == "2"
    assert result.results[0].png_bytes is not None
    assert text(context, "len(axes.lines)") == "1"


def test_neither_sees_the_other_again(context: CodeContext) -> None:
    context.run("x = 1; big = bytearray(3 << 20)")
    fork = context.fork()
    assert fork.id != context.id
    context.run("x = 2; big[:] = b'o' * len(big)")
    fork.run("x = 3; y = 1")
    assert text(context, "x, 'y' in globals(), big[-1]") == "(2, False, 111)"
    assert text(fork, "x, 'y' in globals(), big[-1]") == "(3, True, 0)"


def test_counts_and_settings_go_on(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(timeout=7, cwd="/tmp", env_vars={"A": "b"}, limits=Limits(open_files=20))
    context.run("1")
    fork = context.fork()
    assert (fork.language, fork.cwd, fork.timeout) == ("python", "/tmp", 7.0)
    assert fork.run("import os; os.environ['A']").execution_count == context.run("1").execution_count == 2
    assert fork.run("[open(f'f{n}', 'w') for n in range(20)]").error is not None


def test_the_file_system_is_shared(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("1")
    fork = context.fork()
    fork.run("open('here', 'w').write('x')")
    assert text(context, "open('here').read()") == "'x'"
    assert sandbox.list_code_contexts() == [context, fork]


def test_a_fork_of_a_context_that_never_ran_is_told_where_it_is(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(cwd="/tmp/here", env_vars={"A": "b"})
    assert text(context.fork(), "import os; os.getcwd(), os.environ['A']") == "('/tmp/here', 'b')"
    assert text(context, "import os; os.getcwd(), os.environ['A']") == "('/tmp/here', 'b')"


# Randomness

DRAW = "import random, numpy, os, uuid; [random.random(), numpy.random.rand(), os.urandom(8).hex(), uuid.uuid4().hex]"


def test_entropy_is_fresh_in_each_fork(context: CodeContext) -> None:
    context.run(DRAW)
    drawn = [each.run(DRAW).results[0].json for each in (context, context.fork(), context.fork())]
    assert [len(set(kind)) for kind in zip(*drawn, strict=True)] == [3, 3, 3, 3]


def test_seeded_generators_go_on_where_they_were(context: CodeContext) -> None:
    context.run("import random, numpy; random.seed(5); numpy.random.seed(5); own = random.Random(1); own.random()")
    fork = context.fork()
    draw = "random.random(), numpy.random.rand(), own.random(), numpy.random.default_rng(3).random()"
    assert text(fork, draw) == text(context, draw)


def test_a_fork_brought_back_from_its_first_run_still_gets_fresh_entropy(context: CodeContext) -> None:
    context.run("import random; random.random()")
    fork = context.fork()
    assert fork.run("import os; os.abort()").stopped is not None
    assert text(fork, "random.random()") != text(context, "random.random()")


def test_a_fork_of_a_fork_that_never_ran_gets_fresh_entropy(context: CodeContext) -> None:
    context.run("import random; random.random()")
    fork = context.fork()
    twins = [fork.fork(), fork.fork(), fork, context]
    assert len({text(each, "random.random()") for each in twins}) == 4


# Forks of forks


def test_a_thousand_forks_of_forks(sandbox: Sandbox) -> None:
    """Memory and mappings are a process's own limits: it would be ended at 65,530 mappings."""
    before = bytes_in_use(), mappings_left()
    newest = first = sandbox.create_code_context()
    first.run("n = 0; import pandas as pd; df = pd.DataFrame({'a': [1]})")
    for _ in range(999):
        newest = newest.fork()
        newest.run("n += 1")
    with pytest.raises(LimitExceeded, match=r"^the sandbox has 1000 contexts; its limit max_contexts is 1000$"):
        newest.fork()
    assert text(newest, "n, int(df.a.sum())") == "(999, 1)"
    assert text(sandbox.list_code_contexts()[500], "n") == "500"
    assert text(first, "n") == "0"
    sandbox.close()
    assert (bytes_in_use(), mappings_left()) == before


def test_layers_of_large_changes_are_made_into_one(context: CodeContext) -> None:
    newest = context
    for n in range(20):
        newest.run(f"part{n} = bytearray(b'{n % 10}') * (1 << 20)")
        newest = newest.fork()
    layers = newest._kernel._restore_point._checkpoint
    assert layers is not None
    assert len(layers._base.image.layers) <= 10
    assert text(newest, "[chr(globals()[f'part{n}'][-1]) for n in range(20)] == [str(n % 10) for n in range(20)]")
    assert text(newest, "sum(len(globals()[f'part{n}']) for n in range(20)) >> 20") == "20"


def test_the_memory_is_given_back(sandbox: Sandbox) -> None:
    before = bytes_in_use(), mappings_left()
    context = sandbox.create_code_context()
    context.run("big = bytearray(b'x') * (8 << 20)")
    forks = [context.fork() for _ in range(5)]
    for fork in forks:
        fork.run("big[::4096] = b'y' * (len(big) // 4096)")
    grand = [fork.fork() for fork in forks]
    assert bytes_in_use() - before[0] > 40 << 20
    context.close()
    for each in forks:
        each.close()
    assert {text(each, "chr(big[0]), chr(big[1]), len(big)") for each in grand} == {"('y', 'x', 8388608)"}
    for each in grand:
        each.close()
    assert (bytes_in_use(), mappings_left()) == before


# At the wrong moment


def test_a_fork_waits_for_the_run_that_is_going_on(sandbox: Sandbox, context: CodeContext) -> None:
    run, let_go = wait_inside(context, sandbox, "x = 'done'")
    forks: list[CodeContext] = []
    fork = threading.Thread(target=lambda: forks.append(context.fork()))
    fork.start()
    fork.join(0.05)
    assert fork.is_alive()
    let_go()
    run.join()
    fork.join()
    assert text(forks[0], "x") == "'done'"


def test_a_fork_in_a_callback_of_its_own_context_is_refused(context: CodeContext) -> None:
    message = f"^a callback cannot wait for its own context {context.id}, whose cell waits for it$"
    with pytest.raises(UsageError, match=message):
        context.run("print(1)", on_stdout=lambda _: context.fork() and None)


def test_a_callback_may_fork_another_context(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    other.run("x = 5")
    forks: list[CodeContext] = []
    context.run("print(1)", on_stdout=lambda _: forks.append(other.fork()))
    assert text(forks[0], "x") == "5"


def test_closed_while_a_fork_waits(sandbox: Sandbox, context: CodeContext) -> None:
    run, _ = wait_inside(context, sandbox)
    errors: list[BaseException] = []

    def fork() -> None:
        try:
            context.fork()
        except ContextClosed as error:
            errors.append(error)

    waiting = threading.Thread(target=fork)
    waiting.start()
    context.close()
    run.join()
    waiting.join()
    assert [str(error) for error in errors] == [f"context {context.id} is closed"]


def test_a_fork_after_a_hard_stop(context: CodeContext) -> None:
    context.run("x = 1; g = iter(range(5)); next(g)")
    stopped = context.run("x = 2; sum(range(10**12))", timeout=0.05).stopped
    assert stopped is not None
    assert stopped.kind is StopKind.TIMEOUT
    assert text(context.fork(), "x, next(g)") == text(context, "x, next(g)") == "(1, 1)"


def test_a_hard_stop_in_a_fork_brings_it_back_and_leaves_its_origin_alone(context: CodeContext) -> None:
    context.run("x = 1; big = bytearray(4 << 20)")
    fork = context.fork()
    fork.run("x = 2")
    assert fork.run("x = 3; big[0] = 1; import os; os.abort()").stopped is not None
    assert text(fork, "x, big[0]") == "(2, 0)"
    assert text(context, "x, big[0]") == "(1, 0)"


def test_a_closed_context_cannot_be_forked(sandbox: Sandbox, context: CodeContext) -> None:
    context.close()
    with pytest.raises(ContextClosed, match=f"^context {context.id} is closed$"):
        context.fork()
    sandbox.close()
    with pytest.raises(ContextClosed, match=r"^the sandbox is closed$"):
        sandbox.fork()


@pytest.mark.parametrize("rollback", ["always", "off"])
def test_forks_do_not_depend_on_the_rollback_policy(sandbox: Sandbox, rollback: str) -> None:
    context = sandbox.create_code_context(limits=Limits(rollback=rollback))  # type: ignore[arg-type]
    context.run("x = 1")
    fork = context.fork()
    assert text(fork, "x") == text(fork, "x") == "1"
    fork.run("import os; os.abort()")
    assert text(fork, "globals().get('x')") == ("1" if rollback == "always" else None)


def test_a_metered_context_forks(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(limits=Limits(fuel=10**10))
    context.run("x = 1")
    result = context.fork().run("x")
    assert result.text == "1"
    assert result.fuel_used is not None


# Sandboxes


def test_a_forked_sandbox_has_the_same_contexts_and_files(sandbox: Sandbox, context: CodeContext) -> None:
    sandbox.run_code("d = 'default'")
    context.run("x = 1; f = open('log', 'w+'); f.write('abc'); f.flush()")
    with sandbox.fork() as twin:
        ids = [each.id for each in sandbox.list_code_contexts()]
        assert [each.id for each in twin.list_code_contexts()] == ids
        assert twin.run_code("d").text == "'default'"
        assert twin.run_code("x, f.tell()", context=context.id).text == "(1, 3)"
        assert twin.run_code("1", context=context.id).execution_count == 3
        assert len(twin.list_code_contexts()) == 2


def test_forked_sandboxes_share_nothing(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("f = open('log', 'w+'); f.write('abc'); f.flush()")
    sandbox.files.write("data", b"x" * 1000)
    with sandbox.fork() as twin:
        there = twin.list_code_contexts()[0]
        text(there, "f.write('def'); f.flush()")
        text(context, "f.write('GHI'); f.flush()")
        twin.files.remove("data")
        sandbox.files.write("mine", "")
        assert (sandbox.files.read_text("log"), twin.files.read_text("log")) == ("abcGHI", "abcdef")
        assert (sandbox.files.exists("data"), twin.files.exists("data")) == (True, False)
        assert (sandbox.files.exists("mine"), twin.files.exists("mine")) == (True, False)
        sandbox.close()
        assert text(there, "f.seek(0); f.read()") == "'abcdef'"


def test_files_without_a_name_live_as_long_as_each_sandbox_has_them_open(
    sandbox: Sandbox, context: CodeContext
) -> None:
    context.run("import os; f = open('gone', 'w+'); f.write('x' * 1000); f.flush(); os.remove('gone')")
    used = sandbox._fs.usage()
    with sandbox.fork() as twin:
        there = twin.list_code_contexts()[0]
        assert twin._fs.usage() == used
        text(context, "f.close()")
        text(context, "1")  # the state to come back to no longer has it open
        assert sandbox._fs.usage().bytes == 0
        assert text(there, "f.seek(0); len(f.read())") == "1000"
        text(there, "f.close()")
        text(there, "1")
        assert twin._fs.usage().bytes == 0


def test_the_quota_and_the_limits_go_on() -> None:
    limits = Limits(file_bytes=1000, open_files=9)
    with Sandbox(limits=limits, env_vars={"A": "b"}, max_contexts=2) as sandbox:
        sandbox.files.write("data", b"x" * 900)
        with sandbox.fork() as twin:
            with pytest.raises(LimitExceeded):
                twin.files.write("more", b"x" * 101)
            assert twin.run_code("import os; os.environ['A']").text == "'b'"
            twin.create_code_context()
            with pytest.raises(LimitExceeded, match="max_contexts is 2"):
                twin.create_code_context()


def test_a_sandbox_fork_waits_without_holding_what_a_callback_waits_for(sandbox: Sandbox) -> None:
    """The first context is free and the second one's callback needs it, while the fork waits for the second."""
    first, second = sandbox.create_code_context(), sandbox.create_code_context()
    forks: list[Sandbox] = []
    fork = threading.Thread(target=lambda: forks.append(sandbox.fork()))

    def on_stdout(_: str) -> None:
        fork.start()
        fork.join(0.05)
        first.run("y = 1", timeout=PATIENCE_SECONDS)
        sandbox.run_code("in_default = 1", timeout=PATIENCE_SECONDS)

    assert second.run("print(1); x = 1", on_stdout=on_stdout, timeout=PATIENCE_SECONDS).error is None
    fork.join(PATIENCE_SECONDS)
    with forks[0] as twin:
        assert twin.run_code("x", context=second.id).text == twin.run_code("y", context=first.id).text == "1"
        assert twin.run_code("in_default").text == "1"


def test_a_sandbox_fork_gives_all_back(sandbox: Sandbox) -> None:
    before = bytes_in_use(), mappings_left()
    sandbox.run_code("big = bytearray(b'x') * (8 << 20)")
    twins = [sandbox.fork() for _ in range(3)]
    twins.append(twins[0].fork())
    sandbox.close()
    assert {twin.run_code("len(big), big[5]").text for twin in twins} == {"(8388608, 120)"}
    for twin in twins:
        twin.close()
    assert (bytes_in_use(), mappings_left()) == before
