from __future__ import annotations

import math
import re
import threading
import uuid
from typing import Any

import pytest

import wasm_interp
from wasm_interp import (
    CodeContext,
    ContextClosed,
    ContextNotFound,
    LimitExceeded,
    Limits,
    Sandbox,
    StateAfterStop,
    StopKind,
    UnknownLanguage,
    UsageError,
)
from wasm_interp._core.languages import registry
from wasm_interp._core.languages.python import PythonLanguage

PATIENCE_SECONDS = 30.0
# In a guest: meet another one at a place in the file system that both see. A guest that waits in vain times out.
MEET = """
import os, time
def meet(mine, theirs):
    open(mine, "w").close()
    while not os.path.exists(theirs):
        time.sleep(0.001)
"""


def other_language() -> type[PythonLanguage]:
    class Other(PythonLanguage):
        name = "other"
        aliases = frozenset({"other"})

    return Other


def in_thread(function: Any, *arguments: Any, **options: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=arguments, kwargs=options, daemon=True)
    thread.start()
    return thread


# The package


def test_star_import_gives_the_public_names() -> None:
    names: dict[str, object] = {}
    exec("from wasm_interp import *", names)
    del names["__builtins__"]
    assert sorted(names) == sorted(wasm_interp.__all__)
    assert {"Sandbox", "CodeContext", "ExecutionResult", "Result", "Limits", "AsyncSandbox", "Files"} <= names.keys()


def test_a_name_that_the_package_has_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'wasm_interp' has no attribute 'nothing'$"):
        wasm_interp.nothing  # noqa: B018


# Languages


@pytest.mark.parametrize("name", ["python", "Python", "PYTHON3", "py"])
def test_a_language_has_aliases_in_any_case(sandbox: Sandbox, name: str) -> None:
    assert sandbox.create_code_context(name).language == "python"
    assert sandbox.run_code("1 + 1", language=name).text == "2"


@pytest.mark.parametrize("name", ["ruby", "", "python ", None, 3])
def test_an_unknown_language_is_refused_with_the_choices(sandbox: Sandbox, name: Any) -> None:
    choices = ", ".join(language.name for language in registry.LANGUAGES)
    complaint = f"^unknown language {re.escape(repr(name))}; choose one of: {choices}$"
    assert choices.startswith("python")
    with pytest.raises(UnknownLanguage, match=complaint):
        sandbox.create_code_context(name)
    if name is not None:
        with pytest.raises(UnknownLanguage, match=complaint):
            sandbox.run_code("1", language=name)
    assert sandbox.list_code_contexts() == []


def test_context_and_language_must_agree(
    sandbox: Sandbox, context: CodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "LANGUAGES", (*registry.LANGUAGES, other_language()()))
    with pytest.raises(UsageError, match=f"^context {context.id} runs python, not other$"):
        sandbox.run_code("1", context=context, language="OTHER")
    assert sandbox.run_code("'ran'", context=context, language="py").execution_count == 1


# Default contexts


def test_without_a_context_one_is_made_and_kept(sandbox: Sandbox) -> None:
    assert sandbox.list_code_contexts() == []
    first = sandbox.run_code("kept = 1")
    second = sandbox.run_code("kept + 1", language="python")
    assert (first.execution_count, second.execution_count, second.text) == (1, 2, "2")
    (default,) = sandbox.list_code_contexts()
    assert (default.language, default.cwd, default.timeout) == ("python", "/workspace", 30.0)


def test_a_default_context_is_never_one_that_the_caller_made(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("mine = 1")
    assert sandbox.run_code("'mine' in globals()").text == "False"
    assert len(sandbox.list_code_contexts()) == 2


def test_each_language_has_its_default_context(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def create(self: Sandbox, language: PythonLanguage, *rest: Any) -> CodeContext:
        made.append(language.name)
        return original(self, registry.LANGUAGES[0], *rest)

    original = Sandbox._create
    monkeypatch.setattr(Sandbox, "_create", create)
    monkeypatch.setattr(registry, "LANGUAGES", (*registry.LANGUAGES, other_language()()))
    contexts = [sandbox.context_for(None, language) for language in (None, "other", "python", "other")]
    assert made == ["python", "other"]
    assert contexts[0] is contexts[2]
    assert contexts[1] is contexts[3]
    assert contexts[0] is not contexts[1]


def test_a_default_context_that_was_deleted_is_made_anew(sandbox: Sandbox) -> None:
    sandbox.run_code("kept = 1")
    (first,) = sandbox.list_code_contexts()
    sandbox.delete_code_context(first)
    assert sandbox.run_code("'kept' in globals()").text == "False"
    (second,) = sandbox.list_code_contexts()
    assert second.id != first.id


def test_many_threads_share_one_default_context(sandbox: Sandbox) -> None:
    sandbox.files.write("warm", b"")
    threads = [in_thread(sandbox.run_code, f"name_{n} = {n}") for n in range(8)]
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert len(sandbox.list_code_contexts()) == 1
    names = sandbox.run_code("sorted(n for n in globals() if n.startswith('name_'))").results[0].json
    assert names == [f"name_{n}" for n in range(8)]


# Contexts by name


def test_contexts_are_listed_in_order_of_creation(sandbox: Sandbox) -> None:
    first = sandbox.create_code_context()
    sandbox.run_code("1")
    last = sandbox.create_code_context()
    listed = sandbox.list_code_contexts()
    assert [listed[0], listed[2], len(listed)] == [first, last, 3]
    sandbox.delete_code_context(first)
    assert sandbox.list_code_contexts() == listed[1:]
    listed.clear()
    assert len(sandbox.list_code_contexts()) == 2


def test_a_context_can_be_given_by_its_id(sandbox: Sandbox) -> None:
    contexts = [sandbox.create_code_context() for _ in range(3)]
    assert len({context.id for context in contexts}) == 3
    for number, context in enumerate(contexts):
        sandbox.run_code(f"n = {number}", context=context.id)
    assert [sandbox.run_code("n", context=context).text for context in contexts] == ["0", "1", "2"]


@pytest.mark.parametrize("call", ["run_code", "delete_code_context"])
def test_an_unknown_context_is_named(sandbox: Sandbox, call: str) -> None:
    arguments = {"run_code": {"code": "1", "context": "ctx-no"}, "delete_code_context": {"context": "ctx-no"}}
    with pytest.raises(ContextNotFound, match=r"^this sandbox has no context ctx-no; it may have been deleted$"):
        getattr(sandbox, call)(**arguments[call])
    assert sandbox.list_code_contexts() == []


def test_a_context_of_another_sandbox_is_unknown(sandbox: Sandbox) -> None:
    with Sandbox() as other:
        theirs = other.create_code_context()
        with pytest.raises(ContextNotFound, match=theirs.id):
            sandbox.run_code("1", context=theirs)
        assert theirs.run("1").text == "1"


def test_a_deleted_context_is_unknown_from_then_on(sandbox: Sandbox, context: CodeContext) -> None:
    sandbox.delete_code_context(context.id)
    complaint = f"^this sandbox has no context {context.id}; it may have been deleted$"
    with pytest.raises(ContextNotFound, match=complaint):
        sandbox.run_code("1", context=context)
    with pytest.raises(ContextNotFound, match=complaint):
        sandbox.delete_code_context(context)
    with pytest.raises(ContextClosed, match=f"^context {context.id} is closed$"):
        context.run("1")
    assert context.is_closed
    assert sandbox.list_code_contexts() == []


@pytest.mark.parametrize(("value", "kind"), [(5, "int"), (b"ctx", "bytes"), (Sandbox, "type")])
def test_a_context_is_a_context_or_an_id(sandbox: Sandbox, value: Any, kind: str) -> None:
    complaint = f"^context must be a CodeContext or its id, not {kind}$"
    with pytest.raises(UsageError, match=complaint):
        sandbox.run_code("1", context=value)
    with pytest.raises(UsageError, match=complaint):
        sandbox.delete_code_context(value)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "2"])
def test_max_contexts_is_a_whole_number_of_at_least_1(value: Any) -> None:
    with pytest.raises(
        UsageError, match=f"^max_contexts must be a whole number of at least 1, not {re.escape(repr(value))}$"
    ):
        Sandbox(max_contexts=value)


def test_no_more_than_max_contexts_are_open_at_once() -> None:
    with Sandbox(max_contexts=2) as sandbox:
        sandbox.run_code("1")
        own = sandbox.create_code_context()
        complaint = r"^the sandbox has 2 contexts; its limit max_contexts is 2$"
        with pytest.raises(LimitExceeded, match=complaint):
            sandbox.create_code_context(cwd="/workspace/new")
        assert not sandbox.files.exists("new")
        assert sandbox.run_code("1 + 1").text == "2"
        own.close()
        sandbox.create_code_context()


# What contexts share


def test_contexts_see_each_others_files_and_not_each_others_variables(sandbox: Sandbox) -> None:
    first, second = sandbox.create_code_context(), sandbox.create_code_context(cwd="/tmp")
    first.run("secret = 1; open('/tmp/shared', 'w').write('from the first')")
    assert second.run("open('shared').read()").text == "'from the first'"
    assert second.run("'secret' in globals()").text == "False"
    second.run("open('shared', 'a').write(', and the second')")
    assert sandbox.files.read_text("/tmp/shared") == "from the first, and the second"


def test_sandboxes_see_nothing_of_each_other(sandbox: Sandbox) -> None:
    sandbox.run_code("open('mine', 'w').close()")
    with Sandbox() as other:
        assert other.run_code("import os; os.listdir('/workspace'), os.listdir('/tmp')").text == "([], [])"
        assert not other.files.exists("mine")


def test_contexts_run_in_parallel(sandbox: Sandbox) -> None:
    """Each cell ends only when the other has begun."""
    results: dict[str, Any] = {}
    threads = []
    for mine, theirs in [("a", "b"), ("b", "a")]:
        context = sandbox.create_code_context()
        cell = f"{MEET}\nmeet({mine!r}, {theirs!r})\n'met'"
        run = lambda name, own, code: results.update({name: own.run(code, timeout=PATIENCE_SECONDS)})  # noqa: E731
        threads.append(in_thread(run, mine, context, cell))
    for thread in threads:
        thread.join(2 * PATIENCE_SECONDS)
    assert {name: (result.text, result.error) for name, result in results.items()} == {
        "a": ("'met'", None),
        "b": ("'met'", None),
    }


# Settings


def test_environment_of_the_sandbox_and_of_the_context() -> None:
    with Sandbox(env_vars={"A": "sandbox", "B": "sandbox", "HOME": "/tmp"}) as sandbox:
        context = sandbox.create_code_context(env_vars={"B": "context", "C": ""})
        read = "import os; [os.environ.get(name) for name in ('A', 'B', 'C', 'HOME')]"
        assert context.run(read).results[0].json == ["sandbox", "context", "", "/tmp"]
        assert sandbox.run_code(read).results[0].json == ["sandbox", "sandbox", None, "/tmp"]


BAD_ENVIRONMENTS = [
    ({"A": 1}, "environment variables must be str, not 'A'=1"),
    ({1: "a"}, "environment variables must be str, not 1='a'"),
    ({"": "a"}, "no environment can hold ''='a'"),
    ({"A=B": "a"}, "no environment can hold 'A=B'='a'"),
    ({"A": "a\0"}, r"no environment can hold 'A'='a\x00'"),
    ({"A\0": "a"}, r"no environment can hold 'A\x00'='a'"),
    ({"A": "\ud800"}, r"no environment can hold 'A'='\ud800'"),
    ([("A", "a")], "env_vars must be a mapping of str to str, not list"),
    ("A=a", "env_vars must be a mapping of str to str, not str"),
]


@pytest.mark.parametrize(("variables", "complaint"), BAD_ENVIRONMENTS)
def test_what_no_environment_can_hold_is_refused(sandbox: Sandbox, variables: Any, complaint: str) -> None:
    for call in (
        lambda: Sandbox(env_vars=variables),
        lambda: sandbox.create_code_context(env_vars=variables),
        lambda: sandbox.run_code("1", env_vars=variables),
    ):
        with pytest.raises(UsageError, match=f"^{re.escape(complaint)}$"):
            call()
    assert len(sandbox.list_code_contexts()) <= 1
    assert sandbox.run_code("1").execution_count == 1


def test_cwd_is_where_a_context_begins_and_is_made(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(cwd="/workspace/deep/er")
    assert context.cwd == "/workspace/deep/er"
    assert sandbox.files.stat("deep/er").is_directory
    assert context.run("import os; open('here', 'w').close(); os.getcwd()").text == "'/workspace/deep/er'"
    assert sandbox.files.exists("/workspace/deep/er/here")


@pytest.mark.parametrize("cwd", ["workspace", "", ".", None, 5, b"/tmp"])
def test_cwd_is_an_absolute_path(sandbox: Sandbox, cwd: Any) -> None:
    complaint = f"^cwd must be an absolute path of the sandbox, not {re.escape(repr(cwd))}$"
    with pytest.raises(UsageError, match=complaint):
        sandbox.create_code_context(cwd=cwd)
    assert sandbox.list_code_contexts() == []


@pytest.mark.parametrize(
    ("cwd", "error"),
    [
        ("/workspace/file", FileExistsError),
        ("/workspace/file/below", NotADirectoryError),
        ("/usr/new", OSError),
        ("/a\0b", UsageError),
        ("/" + "n" * 256, OSError),
    ],
)
def test_a_cwd_that_cannot_be_made_is_an_error(sandbox: Sandbox, cwd: str, error: type[Exception]) -> None:
    sandbox.files.write("file", "")
    with pytest.raises(error):
        sandbox.create_code_context(cwd=cwd)
    assert sandbox.list_code_contexts() == []


@pytest.mark.parametrize("value", [5, {"fuel": 1}, Limits])
def test_limits_are_limits(sandbox: Sandbox, value: Any) -> None:
    complaint = f"^limits must be Limits, not {type(value).__name__}$"
    with pytest.raises(UsageError, match=complaint):
        Sandbox(limits=value)
    with pytest.raises(UsageError, match=complaint):
        sandbox.create_code_context(limits=value)


def test_too_little_memory_to_begin_with_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError, match=r"^Limits\.memory_bytes is 1048576; python takes \d{9} to begin with$"):
        sandbox.create_code_context(limits=Limits(memory_bytes=1 << 20), cwd="/workspace/new")
    assert sandbox.list_code_contexts() == []
    assert not sandbox.files.exists("new")


def test_a_contexts_limits_stand_in_the_place_of_the_sandboxs() -> None:
    with Sandbox(limits=Limits(output_bytes=5)) as sandbox:
        wide = sandbox.create_code_context(limits=Limits(output_bytes=7))
        assert wide.run("print('123456789')").stdout == "1234567"
        assert sandbox.run_code("print('123456789')").stdout == "12345"


def test_files_are_limited_as_the_sandbox_is_whatever_the_contexts_limits() -> None:
    with Sandbox(limits=Limits(file_bytes=100)) as sandbox:
        context = sandbox.create_code_context(limits=Limits(file_bytes=10**9))
        error = context.run("open('f', 'wb', buffering=0).write(bytes(101))").error
        assert error is not None
        assert (error.name, error.value) == ("OSError", "[Errno 51] No space left on device")
        with pytest.raises(LimitExceeded):
            sandbox.files.write("f", bytes(101))


# Timeouts


@pytest.mark.parametrize(
    ("timeout", "complaint"),
    [
        (math.nan, "timeout must be at least 0 seconds, not nan"),
        (-1, "timeout must be at least 0 seconds, not -1"),
        (-0.5, "timeout must be at least 0 seconds, not -0.5"),
        (-math.inf, "timeout must be at least 0 seconds, not -inf"),
        (True, "timeout must be a number of seconds or None, not True"),
        ("5", "timeout must be a number of seconds or None, not '5'"),
    ],
)
def test_a_timeout_is_a_duration(sandbox: Sandbox, context: CodeContext, timeout: Any, complaint: str) -> None:
    for call in (
        lambda: sandbox.run_code("1", timeout=timeout),
        lambda: sandbox.create_code_context(timeout=timeout),
        lambda: context.run("1", timeout=timeout),
    ):
        with pytest.raises(UsageError, match=f"^{re.escape(complaint)}$"):
            call()
    assert sandbox.list_code_contexts() == [context]
    assert context.run("1").execution_count == 1


@pytest.mark.parametrize("timeout", [None, math.inf, 1e9, 60, 2**70])
def test_a_long_timeout_or_none_is_no_hindrance(sandbox: Sandbox, timeout: float | None) -> None:
    assert sandbox.run_code("1 + 1", timeout=timeout).text == "2"


# Bad code


@pytest.mark.parametrize(("code", "kind"), [(None, "NoneType"), (b"1", "bytes"), (5, "int"), (["1"], "list")])
def test_code_is_text(sandbox: Sandbox, context: CodeContext, code: Any, kind: str) -> None:
    with pytest.raises(UsageError, match=f"^code must be str, not {kind}$"):
        sandbox.run_code(code)
    with pytest.raises(UsageError, match=f"^code must be str, not {kind}$"):
        context.run(code)
    assert sandbox.list_code_contexts() == [context]


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        ("a\0b", "SyntaxError", "source code string cannot contain null bytes"),
        (
            "x = '\ud800'",
            "UnicodeEncodeError",
            r"'utf-8' codec can't encode character '\ud800' in position 5: surrogates not allowed",
        ),
    ],
)
def test_code_that_is_no_python_text_is_the_programs_error(sandbox: Sandbox, code: str, name: str, value: str) -> None:
    error = sandbox.run_code(code).error
    assert error is not None
    assert (error.name, error.value) == (name, value)
    assert sandbox.run_code("1 + 1").text == "2"


@pytest.mark.parametrize("code", ["", "   \n", "# nothing", "None", "1;"])
def test_code_without_a_value_gives_an_empty_result(sandbox: Sandbox, code: str) -> None:
    result = sandbox.run_code(code)
    assert (result.code, result.results, result.error, result.text) == (code, [], None, None)


# The end


def test_closing_frees_the_contexts(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context()
    sandbox.run_code("1")
    assert repr(sandbox) == "<Sandbox 2 contexts>"
    sandbox.close()
    sandbox.close()
    assert repr(sandbox) == "<Sandbox closed>"
    assert context.is_closed
    assert sandbox.list_code_contexts() == []
    for call in (
        lambda: sandbox.run_code("1"),
        lambda: sandbox.run_code("1", context=context),
        lambda: sandbox.create_code_context(),
        lambda: sandbox.delete_code_context(context),
    ):
        with pytest.raises(ContextClosed, match=r"^the sandbox is closed$"):
            call()


def test_a_with_block_closes_the_sandbox_whatever_happens() -> None:
    sandbox = Sandbox()

    def fail() -> None:
        with sandbox as entered:
            assert entered is sandbox
            sandbox.run_code("1")
            raise ValueError("own")

    with pytest.raises(ValueError, match=r"^own$"):
        fail()
    assert repr(sandbox) == "<Sandbox closed>"


def test_files_outlive_the_contexts(sandbox: Sandbox) -> None:
    sandbox.run_code("open('kept', 'w').write('text')")
    for context in sandbox.list_code_contexts():
        context.close()
    assert sandbox.files.read_text("kept") == "text"


def test_closing_interrupts_what_runs_and_turns_away_what_waits(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context()
    outcomes: dict[str, Any] = {}
    running = threading.Event()

    def run(name: str, code: str, **options: Any) -> None:
        try:
            outcomes[name] = context.run(code, timeout=math.inf, **options)
        except ContextClosed as error:
            outcomes[name] = str(error)

    loop = in_thread(run, "loop", "print('in')\nwhile True: pass", on_stdout=lambda text: running.set())
    assert running.wait(PATIENCE_SECONDS)
    waiting = in_thread(run, "waiting", "1")
    sandbox.close()
    for thread in (loop, waiting):
        thread.join(PATIENCE_SECONDS)
    assert outcomes["waiting"] == f"context {context.id} is closed"
    assert outcomes["loop"].stopped.kind is StopKind.INTERRUPT
    assert outcomes["loop"].stdout == "in\n"


@pytest.mark.parametrize("closing", ["sandbox", "context", "delete"])
def test_closing_in_a_callback_ends_the_run_and_frees_the_context(
    sandbox: Sandbox, context: CodeContext, closing: str
) -> None:
    close = {
        "sandbox": sandbox.close,
        "context": context.close,
        "delete": lambda: sandbox.delete_code_context(context),
    }[closing]
    result = context.run("print('in')\nwhile True: pass", timeout=math.inf, on_stdout=lambda text: close())
    assert result.stopped is not None
    assert (result.stopped.kind, result.stopped.state) == (StopKind.INTERRUPT, StateAfterStop.KEPT)
    assert context.is_closed
    assert context._kernel._instance is None
    assert sandbox.list_code_contexts() == []


def test_sandboxes_without_number(sandbox: Sandbox) -> None:
    """Nothing of a closed one stays behind: descriptors, threads, address space."""
    for _ in range(50):
        with Sandbox() as each:
            assert each.run_code(f"{uuid.uuid4().int} % 1").text == "0"
    assert sandbox.run_code("1 + 1").text == "2"
