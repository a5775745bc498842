"""Tricks with CPython's own machinery: code objects, hooks, the collector, objects that do not want to die.

Some of them end the interpreter; then the context comes back as it was. The others are errors of their cell, or
nothing at all.
"""

from __future__ import annotations

import pytest

from tests.hostile.cells import error_of, run, stop_of
from wasm_interp import CodeContext, StateAfterStop, StopKind

_MUTATE = """
import marshal, pickle, random
chance = random.Random({seed})
def spoiled(sound):
    data = bytearray(sound)
    for _ in range(3): data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)
sound = marshal.dumps(compile("x = [1, 2, 3]\\ndef f(a, *b, c=1): return a\\nf(1)", "", "exec"))
"""
_BAD_CODE = "def f(): pass\nf.__code__ = f.__code__.replace({})\nf()"
CRASHES = {
    "unknown instructions": _BAD_CODE.format("co_code=b'\\xff' * 100"),
    "constants that are not there": _BAD_CODE.format("co_stacksize=0, co_code=b'\\x64\\x00' * 1_000"),
    "no end": _BAD_CODE.format("co_code=b'\\x09\\x00' * 100"),
    "a spoiled program that runs": (
        _MUTATE.format(seed=1) + "while True:\n    try: exec(marshal.loads(spoiled(sound)), {})\n"
        "    except Exception: pass"
    ),
    "a callback at each call": (
        "import sys\ndef fail(*rest): raise ValueError\nsys.monitoring.use_tool_id(0, 'x')\n"
        "sys.monitoring.set_events(0, sys.monitoring.events.CALL)\n"
        "sys.monitoring.register_callback(0, sys.monitoring.events.CALL, fail)"
    ),
    "the globals of its callers": (
        "import sys\nframe = sys._getframe().f_back\nwhile frame:\n    frame.f_globals.clear(); frame = frame.f_back"
    ),
    "leaving in a finaliser": (
        "import gc, os\nclass A:\n    def __del__(self): os._exit(1)\nx = [A()]; x.append(x); del x; gc.collect()"
    ),
}
HARMLESS = {
    "a code object of nothing": (
        "import types\ntypes.CodeType(0, 0, 0, 0, 0, 0, b'', (), (), (), '', '', '', 0, b'', b'')"
    ),
    "a huge frame": _BAD_CODE.format("co_stacksize=2**20"),
    "spoiled marshal data": _MUTATE.format(seed=2) + "for _ in range(300):\n    try: marshal.loads(spoiled(sound))\n"
    "    except (EOFError, MemoryError, SystemError, TypeError, UnicodeError, ValueError): pass",
    "spoiled pickles": _MUTATE.format(seed=3)
    + "for _ in range(2_000):\n    try: pickle.loads(spoiled(pickle.dumps([1, 'a', {1: 2}, (3,), {4}, b'x'])))\n"
    "    except Exception: pass",
    "finalisers that raise": "class A:\n    def __del__(self): raise ValueError\nfor _ in range(50): A()",
    "finalisers that exit": "import sys\nclass A:\n    def __del__(self): sys.exit(3)\nfor _ in range(50): A()",
    "finalisers that make more": (
        "class A:\n    def __del__(self): x.append(A()) if len(x) < 500 else 0\nx = []; A(); del x[:]"
    ),
    "what comes back to life": "class A:\n    def __del__(self):\n        global x; x = self\nx = A(); del x",
    "weak references that raise": (
        "import weakref\nclass A: pass\na = A(); x = weakref.ref(a, lambda gone: 1 / 0); del a"
    ),
    "weak references that make more": (
        "import weakref\nclass A: pass\nx = [A() for _ in range(10_000)]\n"
        "y = [weakref.ref(each, lambda gone: x.append(A())) for each in x]\nx.clear()"
    ),
    "callbacks of the collector that raise": "import gc; gc.callbacks.append(lambda *rest: 1 / 0); gc.collect()",
    "a collector that talks": "import gc; gc.set_debug(gc.DEBUG_STATS); gc.collect(); gc.set_debug(0)",
    "no collector": "import gc; gc.disable()\nfor _ in range(10**5):\n    x = []; x.append(x)",
    "generators left half way": (
        "def g():\n    try: yield\n    finally: yield\n"
        "x = [g() for _ in range(100)]\nfor each in x: next(each)\ndel each, x"
    ),
    "coroutines never awaited": "async def f(): pass\nx = [f() for _ in range(1_000)]; del x",
    "tasks that are left behind": (
        "import asyncio\nasync def f():\n    try: await asyncio.sleep(10**6)\n    finally: await asyncio.sleep(10**6)\n"
        "x = [asyncio.create_task(f()) for _ in range(500)]\nawait asyncio.sleep(0)"
    ),
    "an asynchronous generator left half way": (
        "async def g():\n    try:\n        while True: yield\n    finally: 1 / 0\nasync for _ in g(): break"
    ),
    "odd settings": (
        "import sys; sys.setswitchinterval(1e-9); sys.set_asyncgen_hooks(print, print)\n"
        "sys.displayhook = sys.breakpointhook = None; sys.set_coroutine_origin_tracking_depth(10**6)"
    ),
    "functions at the end": ("import atexit\nfor _ in range(20): atexit.register(exit)\natexit._run_exitfuncs()"),
    "handlers of all signals": (
        "import signal\nfor number in range(-1, 70):\n    try: signal.signal(number, lambda *rest: 1 / 0)\n"
        "    except (OSError, ValueError): pass"
    ),
    "a stream that lies": (
        "import sys\nclass Lying:\n    closed = False\n    def write(self, text): return 10**9\n"
        "    def flush(self): pass\nsys.stdout = Lying(); print('x'); sys.stdout = sys.__stdout__"
    ),
    "functions that are replaced": (
        "import builtins, json, wasm_interp_kernel.display as kernel\nformer = builtins.print, builtins.repr\n"
        "display = kernel.display = builtins.print = builtins.repr = json.dumps = lambda *rest: 1 / 0\n"
        "builtins.print, builtins.repr = former; del display"
    ),
}
REFUSED = {
    "the debugger": ("breakpoint()", "SystemExit"),
    "a pickle of a command": ("import pickle; pickle.loads(b'cos\\nsystem\\n(S\"ls\"\\ntR.')", "OSError"),
    "a pickle of more than there is": (
        "import pickle; pickle.loads(b'\\x80\\x04\\x8e\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x7f')",
        "OverflowError",
    ),
    "an alarm": ("import signal; signal.alarm(1)", "AttributeError"),
    "a timer": ("import signal; signal.setitimer(0, 1)", "AttributeError"),
    "a descriptor for signals": ("import signal; signal.set_wakeup_fd(1)", "ValueError"),
    "a watchdog thread": ("import faulthandler; faulthandler.dump_traceback_later(1)", "RuntimeError"),
    "another interpreter": ("import _interpreters", "ModuleNotFoundError"),
    "internals for tests": ("import _testinternalcapi", "ModuleNotFoundError"),
    "memory by address": ("import ctypes; ctypes.memset(0, 255, 1 << 20)", "OSError"),
    "limits of the process": ("import resource", "ModuleNotFoundError"),
    "a file of a device": ("import fcntl", "ModuleNotFoundError"),
    "the time of the host": ("import time; time.clock_settime(0, 0)", "AttributeError"),
    "a generator that will not close": (
        "def g():\n    try: yield\n    except GeneratorExit: raise RuntimeError\nx = g(); next(x); x.close()",
        "RuntimeError",
    ),
}
LOOPS = {
    "a finaliser": "class A:\n    def __del__(self):\n        while True: pass\nx = A(); del x",
    "a finaliser in a cycle": (
        "import gc\nclass A:\n    def __del__(self):\n        while True: pass\n"
        "x = [A()]; x.append(x); del x; gc.collect()"
    ),
    "a weak reference's callback": (
        "import weakref\nclass A: pass\ndef loop(gone):\n    while True: pass\na = A(); x = weakref.ref(a, loop); del a"
    ),
    "a generator that is closed": (
        "def g():\n    try: yield\n    finally:\n        while True: pass\nx = g(); next(x); del x"
    ),
    "a trace": "import sys\ndef loop(*rest):\n    while True: pass\nsys.settrace(loop)\n(lambda: 0)()",
    "a profile": "import sys\ndef loop(*rest):\n    while True: pass\nsys.setprofile(loop)\nlen('')",
}


@pytest.mark.parametrize("name", CRASHES)
def test_a_trick_that_ends_the_interpreter_is_undone(attacked: CodeContext, name: str) -> None:
    kind, state = stop_of(run(attacked, CRASHES[name], timeout=20))
    assert kind in (StopKind.TRAP, StopKind.EXITED)
    assert state is StateAfterStop.ROLLED_BACK


@pytest.mark.parametrize("name", HARMLESS)
def test_a_trick_that_comes_to_nothing(attacked: CodeContext, name: str) -> None:
    result = run(attacked, HARMLESS[name])
    assert (result.error, result.stopped) == (None, None)
    assert run(attacked, "print('said'); [kept]").stdout == "said\n"


@pytest.mark.parametrize("name", REFUSED)
def test_a_trick_that_is_refused(attacked: CodeContext, name: str) -> None:
    code, error = REFUSED[name]
    result = run(attacked, code)
    assert (error_of(result)[0], result.stopped) == (error, None)


@pytest.mark.parametrize("name", LOOPS)
def test_a_trick_that_loops_where_exceptions_are_swallowed_ends_with_the_timeout(
    attacked: CodeContext, name: str
) -> None:
    result = run(attacked, LOOPS[name], timeout=0.1)
    assert stop_of(result) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert error_of(result)[0] == "TimeoutError"


def test_a_handler_that_swallows_the_request_to_stop_lets_the_cell_end_by_itself(
    attacked: CodeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was asked, noticed, and went on to its end: its time was over all the same."""
    code = (
        "import signal\nasked = []\nsignal.signal(signal.SIGINT, lambda *rest: asked.append(1))\n"
        "while not asked: pass\nafter = 'here'"
    )
    assert stop_of(run(attacked, code, timeout=0.1)) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
    assert run(attacked, "after").text == "'here'"
    # The handler stays, as in any interpreter: code that goes on for ever under it is ended by force.
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.05)
    assert stop_of(run(attacked, "while True: pass", timeout=0.1)) == (StopKind.TIMEOUT, StateAfterStop.ROLLED_BACK)
