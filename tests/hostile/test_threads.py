"""Many threads in many guests, switched as often as Python can: nobody gets another's answer.

Two defects of wasmtime-py are what this would find: host functions looked up in one unlocked table, so that a guest
could reach another's, and exceptions of host functions passed through one global.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.engine.guests import WASI, Guest, new_guest
from wasm_interp import ContextClosed, Limits, Sandbox, StateAfterStop, StopKind
from wasm_interp._core.engine import Exit

THREADS = 16
SMALL_GUESTS = 320
CONTEXTS = 64

CALLER = f"""(module
  (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "random_get" (func $random (param i32 i32) (result i32)))
  (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\\40\\00\\00\\00\\08\\00\\00\\00")
  (func (export "host_alloc") (param i32) (result i32) (i32.const 1024))
  (func (export "run") (param $times i32) (result i32) (local $wrong i32)
    (loop $again
      (drop (call $call (i32.const 64) (i32.const 8) (i32.const 16) (i32.const 20)))
      (if (i64.ne (i64.load (i32.const 64)) (i64.load (i32.const 1024)))
        (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (drop (call $random (i32.const 1024) (i32.const 8)))
      (if (i64.ne (i64.load (i32.const 64)) (i64.load (i32.const 1024)))
        (then (local.set $wrong (i32.add (local.get $wrong) (i32.const 1)))))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (local.get $wrong)))"""


@pytest.fixture(autouse=True)
def _tiny_switch_interval() -> Iterator[None]:
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(former)


def in_threads(work: Callable[[int], None]) -> None:
    """``work`` of each number on a thread of its own; the first error of any is raised."""
    failures: list[BaseException] = []

    def safely(number: int) -> None:
        try:
            work(number)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=safely, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def new_caller(number: int) -> Guest:
    """A guest that knows its number, and whose host answers with that number and nothing else."""
    mark = number.to_bytes(8, "little")

    def door(sent: bytes) -> bytes:
        assert sent == mark
        return mark

    guest = new_guest(CALLER, door=door, entropy=lambda count: mark)
    guest.write(64, mark)
    return guest


def test_a_guests_host_functions_are_its_own() -> None:
    def work(thread: int) -> None:
        for number in range(thread, SMALL_GUESTS, THREADS):
            guest = new_caller(number)
            for _ in range(3):
                assert guest.call("run", 10) == 0
            assert bytes(guest.said[1]) == number.to_bytes(8, "little") * 30
            guest.close()

    in_threads(work)


def test_an_error_of_a_host_function_reaches_its_own_caller_and_no_other() -> None:
    class Own(Exception):
        pass

    def work(thread: int) -> None:
        for number in range(thread, SMALL_GUESTS, THREADS):
            guest = new_caller(number)
            if number % 2:

                def fail(sent: bytes, number: int = number) -> bytes:
                    raise Own(number)

                guest.instance.door = fail
                with pytest.raises(Own) as raised:
                    guest.run("run", 5)
                assert raised.value.args == (number,)
            else:
                assert guest.run("run", 5) == (Exit(), 0)
            guest.close()

    in_threads(work)


def test_contexts_of_many_threads_answer_for_themselves() -> None:
    with Sandbox() as sandbox:

        def work(thread: int) -> None:
            chance = random.Random(thread)
            for number in range(thread, CONTEXTS, THREADS):
                with sandbox.create_code_context(env_vars={"NUMBER": str(number)}) as context:
                    heard: list[str] = []
                    result = context.run(
                        f"import os\nnumber = {number}\nopen('/tmp/{number}', 'w').write(str(number))\n"
                        "print(os.environ['NUMBER']); number",
                        on_stdout=heard.append,
                    )
                    assert (result.text, "".join(heard)) == (str(number), f"{number}\n"), result.error
                    if chance.random() < 0.3:
                        ended = context.run("while True: pass", timeout=0.01).stopped
                        assert ended is not None
                        assert (ended.kind, ended.state) == (StopKind.TIMEOUT, StateAfterStop.KEPT)
                    prompt = context.run("input('?')", on_input=lambda asked, number=number: f"{number}{asked}")
                    assert prompt.text == repr(f"{number}?")
                    assert context.run(f"open('/tmp/{number}').read() == str({number}) and number").text == (
                        str(number)
                    )

        in_threads(work)


def test_one_context_in_many_threads_runs_one_cell_at_a_time() -> None:
    with Sandbox() as sandbox, sandbox.create_code_context() as context:
        context.run("count = 0; inside = False")
        cell = "assert not inside; inside = True\nfor _ in range(500): count += 1\ninside = False"

        def work(thread: int) -> None:
            for _ in range(10):
                assert context.run(cell).error is None

        in_threads(work)
        assert context.run("count").text == str(THREADS * 10 * 500)


def test_threads_that_interrupt_close_and_run_at_once_leave_nothing_hanging() -> None:
    with Sandbox(limits=Limits(memory_bytes=512 << 20)) as sandbox:
        ended = threading.Event()

        def disturb() -> None:
            chance = random.Random(1)
            while not ended.is_set():
                for context in sandbox.list_code_contexts():
                    if chance.random() < 0.2:
                        context.interrupt()
                time.sleep(0.001)

        disturber = threading.Thread(target=disturb)
        disturber.start()

        def work(thread: int) -> None:
            for number in range(6):
                context = sandbox.create_code_context()
                closer = threading.Timer(0.02 * (number % 3), context.close)
                closer.start()
                with contextlib.suppress(ContextClosed):
                    while not context.is_closed:
                        context.run("sum(i * i for i in range(20_000))", timeout=5)
                closer.join()

        in_threads(work)
        ended.set()
        disturber.join()
        assert sandbox.list_code_contexts() == []
        assert sandbox.run_code("1 + 1").text == "2"
