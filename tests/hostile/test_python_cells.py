"""Programs that mean harm. After each: the host lives, the result says what happened, and the sandbox works."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from wasm_interp import CodeContext, ExecutionResult, Limits, Sandbox, StateAfterStop, StopKind
from wasm_interp._core.protocol.frames import MAGIC, FrameKind, encode_frame

MIB = 1 << 20
GENEROUS_SECONDS = 60.0
CRASHED = (StateAfterStop.LOST, StateAfterStop.ROLLED_BACK)
SEND = "import _host\ndef send(frame):\n    return _host.call(frame)\n"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """After the test, whatever it did, another context and another sandbox work as before."""
    with Sandbox(limits=Limits(file_bytes=20 * MIB, file_count=500, output_bytes=4 * MIB)) as made:
        yield made
        assert made.create_code_context().run("1 + 1", timeout=GENEROUS_SECONDS).text == "2"
    with Sandbox() as other:
        assert other.run_code("1 + 1").text == "2"


@pytest.fixture
def context(sandbox: Sandbox) -> Iterator[CodeContext]:
    """After the test it works itself."""
    made = sandbox.create_code_context()
    yield made
    if not made.is_closed:
        assert made.run("1 + 1", timeout=GENEROUS_SECONDS).text == "2"


def run(context: CodeContext, code: str, **options: Any) -> ExecutionResult:
    return context.run(code, **{"timeout": GENEROUS_SECONDS, **options})


def ends_well(result: ExecutionResult) -> bool:
    return result.error is None and result.stopped is None


def error_of(result: ExecutionResult) -> tuple[str, str]:
    assert result.error is not None, result
    return result.error.name, result.error.value


def stop_of(result: ExecutionResult) -> tuple[StopKind, StateAfterStop]:
    assert result.stopped is not None, result
    return result.stopped.kind, result.stopped.state


# Its own streams


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.close(1)",
        "import os; os.close(0); os.close(1); os.close(2)",
        "import os; os.closerange(0, 10_000)",
        "import sys; sys.stdout.close(); sys.stderr.close(); sys.stdin.close()",
        "import sys; sys.stdout = sys.stderr = sys.stdin = None",
        "import sys; del sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__",
        "import os; os.close(1); keep = open('taken', 'w')",
        "import sys; sys.stdout.detach()",
    ],
)
def test_a_program_that_closes_its_streams_has_them_back_in_the_next_cell(context: CodeContext, code: str) -> None:
    assert ends_well(run(context, code))
    result = run(context, "import sys; print('out'); print('err', file=sys.stderr)")
    assert (result.error, result.stdout, result.stderr) == (None, "out\n", "err\n")


def test_writing_to_a_closed_stream_is_the_programs_error(context: CodeContext) -> None:
    assert error_of(run(context, "import os; os.close(1)\nprint('x')")) == ("OSError", "[Errno 8] Bad file descriptor")


def test_a_stream_that_raises_harms_only_its_own_cell(context: CodeContext) -> None:
    code = """
import sys
class Hostile:
    closed = False
    def write(self, text): raise SystemExit("from write")
    def flush(self): raise KeyboardInterrupt
sys.stdout = sys.stderr = Hostile()
print("x")
"""
    assert error_of(run(context, code)) == ("SystemExit", "from write")
    assert run(context, "sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__; print('back')").stdout == "back\n"


# Output without end


def test_a_line_of_100_mb_is_cut(context: CodeContext) -> None:
    result = run(context, "print('x' * 100_000_000)")
    assert ends_well(result)
    assert (result.stdout, result.truncated) == ("x" * 4 * MIB, ("stdout",))


def test_ten_thousand_prints_are_all_there(context: CodeContext) -> None:
    result = run(context, "for n in range(10_000): print(n)")
    assert ends_well(result)
    assert result.logs.stdout == [f"{n}\n" for n in range(10_000)]
    assert result.truncated == ()


def test_a_flood_on_both_streams_is_cut_and_the_error_still_told(context: CodeContext) -> None:
    code = "import os\nfor n in range(20):\n    os.write(1, b'a' * 10**6); os.write(2, b'b' * 10**6)\n1 / 0"
    result = run(context, code)
    assert error_of(result) == ("ZeroDivisionError", "division by zero")
    assert len(result.stdout) + len(result.stderr) == 4 * MIB
    assert result.truncated == ("stderr", "stdout")


def test_a_flood_without_end_ends_with_the_timeout(context: CodeContext) -> None:
    result = run(context, "while True: print('x' * 1000)", timeout=0.5)
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert set(result.stdout) == {"x", "\n"}


def test_results_without_end_are_cut(context: CodeContext) -> None:
    result = run(context, "for n in range(500): display('x' * 100_000)\n'last'")
    assert result.truncated == ("results",)
    assert 0 < sum(len(each.text or "") for each in result.results) <= 4 * MIB


def test_values_too_large_to_show_are_shown_in_part(context: CodeContext) -> None:
    for code in ["'x' * (20 << 20)", "b'x' * (20 << 20)", "list(range(10**6))", "{'a': 'b' * (20 << 20)}"]:
        result = run(context, code)
        assert ends_well(result)
        assert result.text is not None
        assert len(result.text) < 2 * MIB


# The disk, and open files


def test_a_program_that_fills_the_disk_is_told_so(sandbox: Sandbox, context: CodeContext) -> None:
    result = run(context, "f = open('big', 'wb', buffering=0)\nwhile True: f.write(bytes(1 << 20))")
    assert error_of(result) == ("OSError", "[Errno 51] No space left on device")
    assert sandbox.files.stat("big").size == 20 * MIB
    assert ends_well(run(context, "f.seek(0); f.truncate(); f.write(b'room again')"))


def test_a_sparse_file_counts_as_what_it_seems_to_be(context: CodeContext) -> None:
    result = run(context, "f = open('sparse', 'wb', buffering=0); f.seek(1 << 40); f.write(b'x')")
    assert error_of(result) == ("OSError", "[Errno 51] No space left on device")
    assert error_of(run(context, "f.truncate(1 << 40)"))[0] == "OSError"


def test_files_without_number_are_refused(sandbox: Sandbox, context: CodeContext) -> None:
    result = run(context, "n = 0\nwhile True:\n    open(f'f{n}', 'w').close(); n += 1")
    assert error_of(result) == ("OSError", "[Errno 51] No space left on device: 'f500'")
    assert len(sandbox.files.list()) == 500
    assert ends_well(run(context, "import os\nfor name in os.listdir(): os.remove(name)\nopen('again', 'w').close()"))


def test_open_files_without_end_are_refused(context: CodeContext) -> None:
    result = run(context, "files = []\nwhile True: files.append(open('f', 'w'))")
    assert error_of(result) == ("OSError", "[Errno 33] No file descriptors available: 'f'")
    assert ends_well(run(context, "print('still prints'); files.clear(); open('f').close()"))


def test_files_that_are_open_and_removed_still_count(sandbox: Sandbox, context: CodeContext) -> None:
    code = "import os\nf = open('f', 'wb', buffering=0); f.write(bytes(20 << 20)); os.remove('f')"
    assert ends_well(run(context, code))
    assert error_of(run(context, "open('g', 'wb', buffering=0).write(b'x')"))[0] == "OSError"
    context.close()
    sandbox.files.write("g", bytes(20 * MIB))


# Garbage and forged frames


def test_garbage_on_stdout_is_output(context: CodeContext) -> None:
    garbage = bytes(range(256)) * 20
    result = run(context, f"import os; os.write(1, {garbage!r}); os.write(2, {garbage!r});")
    assert ends_well(result)
    assert result.stdout == result.stderr == garbage.decode(errors="replace")


@pytest.mark.parametrize("kind", FrameKind)
def test_a_frame_on_stdout_is_output(context: CodeContext, kind: FrameKind) -> None:
    forged = encode_frame(kind, b'{"name": "E", "value": "v", "data": {"text/plain": "forged"}, "display_id": "d"}')
    result = run(context, f"import os\nos.write(1, {forged!r})\n'own'")
    assert ends_well(result)
    assert result.stdout == forged.decode(errors="replace")
    assert [each.text for each in result.results] == ["'own'"]


@pytest.mark.parametrize(
    "sent",
    [
        b"garbage",
        bytes(range(256)) * 100,
        MAGIC + b"\x09\0\0\0\0\0",
        MAGIC + b"\x01\0\xff\xff\xff\xff",
        encode_frame(FrameKind.RESULT, b"{}"),
        encode_frame(FrameKind.RESULT, b'{"data": "text"}'),
        encode_frame(FrameKind.ERROR, b"[" * 100_000),
        encode_frame(FrameKind.RESULT, b'{"data": {"application/json": ' + b"[" * 500 + b"]" * 500 + b"}}"),
        encode_frame(FrameKind.DONE, b"{}") * 65,
        encode_frame(FrameKind.INPUT, b'{"prompt": 1}'),
        encode_frame(FrameKind.DONE, b"null"),
    ],
    ids=lambda sent: repr(sent[:12]),
)
def test_garbage_through_the_door_is_an_error_of_the_program(context: CodeContext, sent: bytes) -> None:
    result = run(context, f"{SEND}send({sent!r})")
    assert error_of(result) == ("OSError", "the host faulted while answering the door")
    assert result.stopped is None


@pytest.mark.parametrize("kind", [FrameKind.DONE, FrameKind.CLEAR, FrameKind.INPUT])
def test_millions_of_frames_in_one_call_neither_outlast_the_timeout_nor_ask_the_user(
    context: CodeContext, kind: FrameKind
) -> None:
    asked: list[str] = []
    frame = encode_frame(kind, b"{}")
    result = run(context, f"{SEND}send({frame!r} * 5_000_000)", on_input=lambda prompt: asked.append(prompt) or "")
    assert error_of(result)[0] == "OSError"
    assert result.duration < 10
    assert asked == []


def test_a_hundred_megabytes_through_the_door_are_refused(context: CodeContext) -> None:
    assert error_of(run(context, f"{SEND}send(bytes(100 << 20))"))[0] == "OSError"


def test_half_a_frame_does_not_hide_the_runs_own(context: CodeContext) -> None:
    """The kernel's frames come after it, inside what the forged header promised."""
    half = MAGIC + b"\x01\0" + (500).to_bytes(4, "little")
    result = run(context, f"{SEND}send({half!r})\n'own'")
    assert stop_of(result)[0] is StopKind.TRAP
    assert error_of(result)[0] == "InterpreterCrashed"


def test_forged_frames_change_only_what_their_own_result_says(sandbox: Sandbox, context: CodeContext) -> None:
    other = sandbox.create_code_context()
    forged = [
        encode_frame(FrameKind.RESULT, b'{"data": {"text/plain": "forged"}, "main": true}'),
        encode_frame(FrameKind.ERROR, b'{"name": "Forged", "value": "v", "traceback": []}'),
        encode_frame(FrameKind.DONE, b"{}"),
    ]
    result = run(context, f"{SEND}for frame in {forged!r}: send(frame)\n'own'")
    assert [each.text for each in result.results] == ["forged", "'own'"]
    assert (error_of(result), result.stopped) == (("Forged", "v"), None)
    assert ends_well(run(context, "1"))
    assert run(other, "1").execution_count == 1


def test_forged_results_hold_whatever_json_holds(context: CodeContext) -> None:
    bundle = {
        "text/plain": [1],
        "text/html": None,
        "image/png": {"a": 1},
        "application/json": "\ud800",
        "application/vnd.wasm-interp.chart+json": 5,
        "": [],
        "__class__": "x",
    }
    forged = encode_frame(FrameKind.RESULT, json.dumps({"data": bundle}).encode())
    result = run(context, f"{SEND}send({forged!r});")
    assert ends_well(result)
    (shown,) = result.results
    assert shown.json == "\ufffd"
    assert shown.formats() == ["json"]
    assert shown.extra == {name: value for name, value in bundle.items() if name != "application/json"}
    assert json.loads(result.to_json())["results"][0]["extra"] == shown.extra


# Ends


@pytest.mark.parametrize(
    ("code", "kind", "name"),
    [
        ("import os; os.abort()", StopKind.EXITED, "SystemExit"),
        ("import os; os._exit(0)", StopKind.EXITED, "SystemExit"),
        ("import os; os._exit(3)", StopKind.EXITED, "SystemExit"),
        ("import os; os._exit(-1)", StopKind.EXITED, "SystemExit"),
        ("import signal; signal.raise_signal(signal.SIGTERM)", StopKind.EXITED, "SystemExit"),
        ("import signal; signal.raise_signal(signal.SIGKILL)", StopKind.EXITED, "SystemExit"),
        ("import faulthandler; faulthandler._sigsegv()", StopKind.EXITED, "SystemExit"),
        (
            "f = lambda: 0\nf.__code__ = f.__code__.replace(co_code=bytes([100, 255]) * 50, co_stacksize=1)\nf()",
            StopKind.TRAP,
            "InterpreterCrashed",
        ),
        ("class Late:\n    def __repr__(self):\n        import os; os._exit(1)\nLate()", StopKind.EXITED, "SystemExit"),
        (
            "import sys\nfor name, module in list(sys.modules.items()):\n"
            "    if name.startswith('wasm_interp_kernel'): module.__dict__.clear()",
            StopKind.TRAP,
            "InterpreterCrashed",
        ),
        (
            "import wasm_interp_kernel.protocol as protocol; protocol._call = lambda frames: b''",
            StopKind.TRAP,
            "InterpreterCrashed",
        ),
    ],
)
def test_a_program_that_ends_its_interpreter_is_said_to(
    context: CodeContext, code: str, kind: StopKind, name: str
) -> None:
    run(context, "kept = 1")
    result = run(context, f"print('before', flush=True)\n{code}")
    found, state = stop_of(result)
    assert (found, error_of(result)[0], result.stdout) == (kind, name, "before\n")
    assert state in CRASHED
    assert run(context, "'kept' in globals()").text == str(state is StateAfterStop.ROLLED_BACK)


@pytest.mark.parametrize("status", [0, 3, 255])
def test_the_status_of_os_exit_is_told(context: CodeContext, status: int) -> None:
    result = run(context, f"import os; os._exit({status})")
    assert error_of(result) == ("SystemExit", str(status))
    assert result.stopped is not None
    assert result.stopped.detail == f"the program ended its interpreter with status {status}"


def test_files_written_before_the_end_are_there(sandbox: Sandbox, context: CodeContext) -> None:
    run(context, "import os\nwith open('f', 'w') as f: f.write('written')\nos.abort()")
    assert sandbox.files.read("f") == b"written"


@pytest.mark.parametrize(
    ("code", "name", "value"),
    [
        ("raise SystemExit", "SystemExit", ""),
        ("exit()", "SystemExit", ""),
        ("import sys; sys.exit('text')", "SystemExit", "text"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("raise GeneratorExit('x')", "GeneratorExit", "x"),
        ("class Own(BaseException): pass\nraise Own('x')", "Own", "x"),
        ("import _thread; _thread.interrupt_main()\nfor n in range(10**6): pass", "KeyboardInterrupt", ""),
        ("import signal; signal.raise_signal(signal.SIGINT)", "KeyboardInterrupt", ""),
    ],
)
def test_exceptions_that_end_other_interpreters_are_errors_of_the_cell(
    context: CodeContext, code: str, name: str, value: str
) -> None:
    run(context, "kept = 1")
    result = run(context, code)
    assert (error_of(result), result.stopped) == ((name, value), None)
    assert run(context, "kept").text == "1"


# Memory


@pytest.mark.parametrize(
    "code",
    [
        "x = []\nwhile True: x.append(bytearray(10**7))",
        "x = 'a'\nwhile True: x += x",
        "x = [1] * 2**29",
        "x = bytearray(2**30)",
        "x = {}\nwhile True: x[len(x)] = bytes(10**6)",
        "import numpy; x = numpy.ones((10_000, 15_000))",
        "x = 1 << 10**9; x * x",
        "x = []\nx.append(x)\nwhile True: x = x * 2",
    ],
)
def test_memory_without_end_is_a_memory_error(context: CodeContext, code: str) -> None:
    run(context, "kept = 1")
    result = run(context, code)
    assert error_of(result)[0].rpartition(".")[2] in ("MemoryError", "_ArrayMemoryError")
    assert result.stopped is None
    assert result.memory_bytes <= 1 << 30
    assert run(context, "x = None; y = bytes(10**8); kept").text == "1"


# What it can reach of the kernel


@pytest.mark.parametrize(
    "code",
    [
        "import builtins\nfor name in [n for n in vars(builtins) if n[0] != '_']: vars(builtins)[name] = None",
        "import builtins; builtins.__dict__.clear()",
        "import builtins; builtins.__import__ = builtins.__build_class__ = None",
        "import json; json.loads = json.dumps = json.JSONEncoder = json.encoder.c_make_encoder = None",
        "import sys; sys.modules.clear()",
        "import sys; sys.path.clear(); sys.meta_path.clear(); sys.path_hooks.clear(); sys.path_importer_cache.clear()",
        "import sys; sys.excepthook = sys.unraisablehook = lambda *rest: 1 / 0",
        "import traceback, linecache; traceback.TracebackException = linecache.getlines = None",
        "import _host; _host.call = None",
        "import gc\nfor each in gc.get_objects():\n    if type(each) is list: each.clear()",
        "import gc; gc.set_threshold(1); gc.freeze(); gc.collect()",
        "import atexit; atexit.register(lambda: 1 / 0); atexit._run_exitfuncs()",
        "import asyncio; asyncio.get_event_loop().close()",
        "import os; os.environ.clear(); os.environ = None",
        "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('/workspace/gone')",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
        "import sys; sys.setrecursionlimit(40)",
        "import sys; sys.settrace(lambda *rest: None); sys.setprofile(lambda *rest: None)",
        "globals().clear()",
        "__name__ = __builtins__ = __loader__ = None",
        "import types\nfor name in dir(types): setattr(types, name, None)",
        "import io; io.TextIOWrapper = io.FileIO = None",
    ],
)
def test_a_program_that_breaks_what_it_can_reach_ends_and_the_next_cell_runs(context: CodeContext, code: str) -> None:
    result = run(context, code)
    assert result.stopped is None
    assert (run(context, "x = 20; x + 1").text, error_of(run(context, "1 / 0"))[0]) == ("21", "ZeroDivisionError")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import sys\ndef trace(*rest): raise RuntimeError('trace')\nsys.settrace(trace); sys.setprofile(trace)", None),
        ("import sys\ndef hook(*rest): raise RuntimeError('audit')\nsys.addaudithook(hook)\nopen('f', 'w')", None),
    ],
)
def test_hooks_that_raise_harm_nobody_else(sandbox: Sandbox, code: str, name: str | None) -> None:
    """An audit hook stays, and none of the context's later cells works: that is the program's own doing."""
    context = sandbox.create_code_context()
    result = run(context, code)
    assert result.error is not None
    assert result.stopped is None
    context.close()


# What does not want to stop


@pytest.mark.parametrize(
    "code",
    [
        "while True:\n    try:\n        print('in')\n        while True: pass\n    except BaseException: pass",
        "import time\nwhile True:\n    try: print(1); time.sleep(1000)\n    except BaseException: pass",
        "import signal; signal.signal(signal.SIGINT, lambda *rest: None)\nprint('in')\nwhile True: pass",
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint('in')\nwhile True: pass",
        "class Slow(Exception):\n    def __str__(self):\n        print('in')\n        while True: pass\nraise Slow",
        "class Slow:\n    def __del__(self):\n        print('in')\n        while True: pass\nx = Slow(); del x\n"
        "while True: pass",
        "import sys\ndef hook(*rest):\n    print('in')\n    while True: pass\nsys.addaudithook(hook)",
        "try:\n    print('in')\n    sum(range(10**13))\nexcept KeyboardInterrupt: sum(range(10**13))",
    ],
)
def test_a_program_that_does_not_stop_when_asked_is_ended(context: CodeContext, code: str) -> None:
    """It is asked once it has printed, so that it is where it does not want to stop."""
    run(context, "kept = 1")
    result = run(context, code, timeout=None, on_stdout=lambda text: context.interrupt())
    kind, state = stop_of(result)
    assert (kind, error_of(result)[0]) == (StopKind.INTERRUPT, "KeyboardInterrupt")
    assert state in CRASHED
    assert run(context, "'kept' in globals()").text == str(state is StateAfterStop.ROLLED_BACK)


@pytest.mark.parametrize(
    "code",
    [
        "class Slow:\n    def __repr__(self):\n        while True: pass\nSlow()",
        "import sys\ndef trace(*rest):\n    while True: pass\nsys.settrace(trace)\n(lambda: 0)()",
        "import asyncio\nasync def spin():\n    while True: await asyncio.sleep(0)\nawait spin()",
        "from itertools import count\nfor n in count(): pass",
        "class Never:\n    def __iter__(self): return self\n    def __next__(self): return 0\nfor n in Never(): pass",
    ],
)
def test_a_program_that_can_be_asked_keeps_its_state(context: CodeContext, code: str) -> None:
    run(context, "kept = 1")
    result = run(context, code, timeout=0.05)
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert error_of(result)[0] == "TimeoutError"
    assert run(context, "kept").text == "1"


# Objects that misbehave while they are shown


@pytest.mark.parametrize(
    ("raising", "named"),
    [
        ("raise ValueError('own')", "ValueError"),
        ("raise SystemExit", "SystemExit"),
        ("return 5", "TypeError"),
        ("raise MemoryError", "MemoryError"),
        ("return repr(self)", "RecursionError"),
    ],
)
def test_a_repr_that_fails_gives_a_traceback_and_a_plain_result(context: CodeContext, raising: str, named: str) -> None:
    result = run(context, f"class Hostile:\n    def __repr__(self): {raising}\nHostile()")
    assert (result.error, result.stopped) == (None, None)
    assert result.text == f"<Hostile object (repr raised {named})>"
    assert named in result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "class Hostile:\n    def __getattr__(self, name): raise SystemExit\nHostile()",
        "class Hostile:\n    __class__ = property(lambda self: 1 / 0)\nHostile()",
        "class Hostile:\n    def _repr_html_(self): return 5\nHostile()",
        "class Hostile:\n    def _repr_mimebundle_(self, *rest): return {1: 2, 'text/html': b'', 'a/b': 1j}\nHostile()",
        "class Hostile(dict):\n    def items(self): raise SystemExit\nHostile(a=1)",
        "class Hostile(str):\n    def __len__(self): return -1\nHostile('x')",
        "x = []\nx.append(x)\nx",
        "x = {}\nx['x'] = x\nx",
        "float('nan'), float('inf')",
        "[float('nan'), 1e308 * 10]",
        "{float('inf'): 1, None: 2, (1, 2): 3, b'b': 4}",
        "'\\ud800'",
        "__import__('pandas').DataFrame({'\\ud800': ['\\udfff']})",
    ],
)
def test_a_value_that_is_hard_to_show_is_shown_somehow(context: CodeContext, code: str) -> None:
    result = run(context, code)
    assert (result.error, result.stopped) == (None, None)
    assert result.text is not None
    json.loads(result.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    result.to_json().encode()
    (result.text + (result.results[-1].html or "")).encode()


@pytest.mark.parametrize(
    "code",
    [
        "raise ValueError('x' * (64 << 20))",
        "raise type('N' * (2 << 20), (Exception,), {})",
        "class Hostile(Exception):\n    def __str__(self): raise ValueError\nraise Hostile",
        "class Hostile(Exception):\n    def __str__(self): return 5\nraise Hostile",
        "class Hostile(Exception):\n    __traceback__ = property(lambda self: 1 / 0)\nraise Hostile",
        "class Hostile(Exception):\n    __cause__ = property(lambda self: self)\nraise Hostile",
        "e = ValueError(1)\nfor n in range(2_000):\n    e = ExceptionGroup('g', [e])\nraise e",
        "e = None\nfor n in range(5_000):\n    new = ValueError(n); new.__context__ = e; e = new\nraise e",
        "e = ValueError(); e.__context__ = e; e.__cause__ = e\nraise e",
        "e = ValueError('\\ud800'); e.add_note('\\udc00'); raise e",
        "e = ValueError(); e.__notes__ = 5; raise e",
        "raise SyntaxError('x', ('file', -5, 10**9, '\\0' * 1000, 1 << 40, -1))",
        "def f(n): return f(n - 1) if n else 1 / 0\nimport sys; sys.setrecursionlimit(10**4); f(1_500)",
        "exec(compile('\\n' * 10**5 + 'raise ValueError', '\\ud800', 'exec'))",
    ],
)
def test_an_error_that_is_hard_to_show_is_shown_somehow(context: CodeContext, code: str) -> None:
    result = run(context, code)
    assert result.stopped is None
    assert result.error is not None
    assert result.error.name
    assert len(str(result.error)) < 3 * MIB
    result.to_json().encode()
    str(result.error).encode()


def test_input_cannot_flood_the_host(context: CodeContext) -> None:
    code = "for n in range(100):\n    try: input('x' * 10**6)\n    except EOFError: pass"
    result = run(context, code)
    assert ends_well(result)
    assert (len(result.stdout), result.truncated) == (4 * MIB, ("stdout",))


# What a program broke for all later cells


@pytest.mark.parametrize(
    ("code", "timeout", "name"),
    [
        ("import _reactor; _reactor.turn.__code__ = (lambda *rest: 1 / 0).__code__", 60.0, "InterpreterCrashed"),
        (
            "import _reactor\nfor name in [n for n in vars(_reactor) if n[:2] != '__']: delattr(_reactor, name)",
            60.0,
            "InterpreterCrashed",
        ),
        (
            "import _reactor\ndef quit(source, environ): return 0, True\n_reactor.turn.__code__ = quit.__code__",
            60.0,
            "InterpreterCrashed",
        ),
        (
            "import _reactor\ndef loop(source, environ):\n    while True: pass\n_reactor.turn.__code__ = loop.__code__",
            0.05,
            "TimeoutError",
        ),
    ],
)
def test_a_program_that_breaks_its_interpreter_for_later_spoils_one_run(
    sandbox: Sandbox, code: str, timeout: float, name: str
) -> None:
    """To roll that run back would be to meet the broken interpreter for ever."""
    assert ends_well(sandbox.run_code(code))
    result = sandbox.run_code("1 + 1", timeout=timeout)
    assert stop_of(result)[1] is StateAfterStop.LOST
    assert error_of(result)[0] == name
    assert sandbox.run_code("1 + 1").text == "2"
