"""Interpreters that are used again for call after call: each call begins where the first did, byte for byte."""

from __future__ import annotations

import ctypes
import json
import os
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.images.linear_memory import NEEDS_LINUX
from tests.snapshots.arena_use import bytes_in_use, mappings_left
from wasm_interp import ContextClosed, Function, FunctionError, Limits, Sandbox, UsageError
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.runs import Call
from wasm_interp._core.kernel.twins import Twins
from wasm_interp.limits import memory_ceiling

pytestmark = NEEDS_LINUX

PYTHON = """
import os, random, sys, time
import numpy as np
calls, kept = [], open("/workspace/kept", "w+")
kept.write("kept"); kept.flush()
def handler(event):
    calls.append(event)
    match event:
        case "state":
            kept.seek(0)
            found = len(calls), kept.read(), os.getcwd(), sorted(os.listdir("/tmp")), "A" in os.environ
            return [*found, len(sys.modules)]
        case "files":
            open("/tmp/new", "w").write("x" * 100_000); kept.write("more"); os.chdir("/tmp"); os.environ["A"] = "b"
        case "globals":
            globals()["handler"] = None; sys.modules["json"] = None; sys.path.clear()
        case "numpy":
            a = np.random.rand(200, 200); return float((a @ a).sum()) > 0
        case "fail":
            raise ValueError("on purpose")
        case "loop":
            while True: pass
        case "grow":
            return len(bytearray(300 << 20))
        case "exit":
            os._exit(3)
        case "random":
            return [random.random(), float(np.random.rand())]
        case "leak":
            sys.leaked = [bytes([n % 256]) * 1000 for n in range(2000)]
        case "threads":
            import http.client, sqlite3
            db = sqlite3.connect("/tmp/db"); db.execute("create table t(x)"); db.close()
    return "done"
"""
JAVASCRIPT = """
const fs = require("fs"); const calls = []; let cached;
function handler(event) {
  calls.push(event);
  switch (event) {
    case "state":
      return [calls.length, fs.readdirSync("/tmp"), typeof globalThis.leaked, [1, 2].map(String), process.cwd()];
    case "files": fs.writeFileSync("/tmp/new", "x".repeat(1e5)); process.chdir("/tmp"); process.env.A = "b"; break;
    case "globals": Array.prototype.map = () => "forged"; delete globalThis.JSON; globalThis.Promise = null; break;
    case "fail": throw new RangeError("on purpose");
    case "loop": for (;;);
    case "grow": return new Uint8Array(300 << 20).length;
    case "random": return [Math.random(), crypto.randomUUID()];
    case "leak": globalThis.leaked = [...Array(5000).keys()].map((n) => ({ n })); break;
  }
  return "done";
}
"""
EVENTS = {
    "python": ["files", "globals", "numpy", "fail", "loop", "leak", "threads", "grow", "exit"],
    "javascript": ["files", "globals", "fail", "loop", "leak", "grow"],
}
SOURCES = {"python": PYTHON, "javascript": JAVASCRIPT}


@pytest.fixture(scope="module", params=["python", "javascript"])
def function(request: pytest.FixtureRequest) -> Iterator[Function]:
    with Function(SOURCES[request.param], language=request.param, limits=Limits(memory_bytes=1 << 30)) as made:
        yield made


def ask(function: Function, event: Any, timeout: float = 30.0) -> Any:
    try:
        return function(event, timeout=timeout)
    except FunctionError as error:
        return error.name


def is_as_it_began(kernel: Kernel, twins: Twins) -> bool:
    """By memcmp: to copy 300 MB twice takes longer than all else here."""
    instance, reference = kernel._instance, twins._reference
    assert instance is not None
    assert instance.memory_bytes == reference.size_bytes
    compare = ctypes.CDLL(None).memcmp
    compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return bool(compare(instance._base, reference.address, reference.size_bytes) == 0)


def test_whatever_a_call_did_the_next_finds_nothing_of_it(function: Function) -> None:
    expected = ask(function, "state")
    assert expected[0] == 1
    chance = random.Random(5)
    for _ in range(40):
        ask(function, chance.choice(EVENTS[function.language]), timeout=0.3)
        assert ask(function, "state") == expected


def test_memory_is_what_it_was_byte_for_byte(function: Function) -> None:
    twins = function._calls
    chance = random.Random(9)
    compared = 0
    for _ in range(25):
        ask(function, chance.choice([*EVENTS[function.language], "state"]), timeout=0.3)
        if twins._idle:
            assert is_as_it_began(twins._idle[-1], twins)
            compared += 1
    assert compared > 10


def test_an_interpreter_is_used_again_unless_it_trapped_or_grew(function: Function) -> None:
    twins = function._calls
    ask(function, "state")
    (kept,) = twins._idle
    for event in ("files", "fail", "leak"):
        ask(function, event)
        assert twins._idle == [kept]
    ask(function, "grow")
    assert twins._idle == []
    assert ask(function, "state")[0] == 1


def test_random_numbers_are_fresh_in_each_call(function: Function) -> None:
    drawn = [json.dumps(each) for _ in range(4) for each in ask(function, "random")]
    assert len(set(drawn)) == len(drawn)


def test_many_threads_use_few_interpreters_and_never_one_together(function: Function) -> None:
    expected = ask(function, "state")
    wrong: list[Any] = []

    def work() -> None:
        for number in range(15):
            ask(function, "leak" if number % 2 else "files")
            found = ask(function, "state")
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert 1 <= len(function._calls._idle) <= 8


def test_all_is_given_back_when_it_is_closed_in_the_middle_of_calls() -> None:
    before = bytes_in_use(), mappings_left()
    function = Function("import time\ndef handler(event):\n    time.sleep(event)\n    return event")
    assert function(0) == 0
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda: outcomes.append(ask(function, 0.3))) for _ in range(3)]
    for thread in threads:
        thread.start()
    while function._calls._used < 3:
        pass
    function.close()
    for thread in threads:
        thread.join()
    assert outcomes == [0.3, 0.3, 0.3]
    assert (bytes_in_use(), mappings_left()) == before
    with pytest.raises(ContextClosed):
        function(0)
    with pytest.raises(ContextClosed):
        function._calls.take()


def test_one_that_was_told_to_run_no_more_is_not_used_again(function: Function) -> None:
    twins = function._calls
    loan = twins.take()
    twins.stop(loan)
    twins.give_back(loan)
    assert loan.kernel not in twins._idle


def test_who_has_given_one_back_cannot_stop_what_others_do_with_it(function: Function) -> None:
    twins = function._calls
    loan = twins.take()
    twins.give_back(loan)
    again = twins.take()
    assert again.kernel is loan.kernel
    twins.stop(loan)
    assert again.kernel.execute(Call("handler", '"state"', 30.0)).error is None
    twins.give_back(again)


def test_an_event_that_is_no_json_takes_nothing(function: Function) -> None:
    for _ in range(3):
        with pytest.raises(UsageError):
            function(object())
    assert function._calls._used == 0


def test_idle_ones_do_not_count_against_the_ceiling_of_the_process(function: Function) -> None:
    ask(function, "state")
    assert function._calls._idle
    assert all(kernel not in memory_ceiling._grown for kernel in function._calls._idle)


def test_a_child_process_is_told_to_make_its_own(function: Function) -> None:
    with Sandbox() as sandbox, sandbox.create_code_context() as context, context.checkpoint() as checkpoint:
        acts = [
            lambda: function("state"),
            lambda: context.run("1"),
            context.fork,
            context.checkpoint,
            lambda: context.rollback(checkpoint),
            sandbox.snapshot,
        ]
        child = os.fork()
        if not child:
            told = 0
            for act in acts:
                try:
                    act()
                except UsageError as error:
                    told += "forked" in str(error)
            os._exit(told)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == len(acts)
        assert context.run("1 + 1").text == "2"


def test_usage_is_of_the_call_alone(function: Function) -> None:
    first = function.invoke("files").result.usage
    second = function.invoke("files").result.usage
    assert (first.file_bytes, first.output_bytes) == (second.file_bytes, second.output_bytes)
    loan = function._calls.take()
    assert loan.kernel.execute(Call("handler", '"state"', 30.0)).execution_count == 3
    function._calls.give_back(loan)
