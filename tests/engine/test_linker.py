"""Host functions are registered once and reach the instance that the calling thread is inside of.

wasmtime-py's own way (one table of callbacks and one place for exceptions, both without a lock) has been seen to
mix up instances and errors under threads. These tests are for an engine that would do that.
"""

import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.engine.guests import CALL_ANYTHING, WASI, Guest, new_guest
from wasm_interp._core.engine import Exit, Mode, engine
from wasm_interp._core.engine.linker import current, linker
from wasm_interp._core.wasi.descriptors import Stream
from wasm_interp.errors import ProtocolError
from wasm_interp.results import StopKind

THREADS = 8
ROUNDS = 12
CALLS = 40

# "work" asks the door for a number, and prints it, as often as it is told to; then it ends as it is told to.
WORKER = f"""(module
  (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "{WASI}" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "{WASI}" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "host_alloc") (param i32) (result i32) (i32.const 512))
  (func (export "work") (param $times i32) (param $status i32) (result i32)
    (loop $again
      (drop (call $random_get (i32.const 512) (i32.const 4)))
      (if (i32.ne (i32.load (i32.const 512)) (i32.load (i32.const 0))) (then (return (i32.const 1))))
      (if (call $call (i32.const 0) (i32.const 4) (i32.const 16) (i32.const 20)) (then (return (i32.const 2))))
      (if (i32.ne (i32.load (i32.const 512)) (i32.load (i32.const 0))) (then (return (i32.const 3))))
      (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 24)))
      (br_if $again (local.tee $times (i32.sub (local.get $times) (i32.const 1)))))
    (if (local.get $status) (then (call $proc_exit (local.get $status))))
    (i32.const 0)))"""


class Mistake(Exception):
    """An error of one instance's host side."""


@pytest.fixture(autouse=True)
def eager_threads() -> Iterator[None]:
    """Threads take turns as often as they can."""
    former = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(former)


def on_threads(work: Callable[[int], None]) -> None:
    """Run ``work`` on all threads at once; raises what the first of them raised."""
    start = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def run(index: int) -> None:
        start.wait()
        try:
            work(index)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def worker(identity: int, mode: Mode, door: Callable[[bytes], bytes] | None = None) -> Guest:
    """A guest that knows its number, and whose host functions answer with nothing else."""
    word = identity.to_bytes(4, "little")
    guest = new_guest(WORKER, door=door or (lambda sent: word), mode=mode)
    guest.wasi.entropy = lambda count: word
    guest.write(0, word)
    guest.write(8, bytes(4) + (4).to_bytes(4, "little"))
    return guest


@pytest.mark.parametrize("mode", Mode)
def test_every_call_reaches_its_own_instance(mode: Mode) -> None:
    def work(index: int) -> None:
        for round_ in range(ROUNDS):
            identity = 1 + index * 1_000 + round_
            guest = worker(identity, mode)
            assert guest.call("work", CALLS, 0) == 0
            assert guest.said[Stream.STDOUT] == identity.to_bytes(4, "little") * CALLS
            guest.close()

    on_threads(work)


def test_every_failure_reaches_its_own_caller() -> None:
    """Each of these ends its guest in another way, on all threads at once."""

    def work(index: int) -> None:
        for round_ in range(ROUNDS):
            identity = 1 + index * 1_000 + round_
            _fail(identity, (index + round_) % 4)

    on_threads(work)


def _fail(identity: int, way: int) -> None:
    answered = 0

    def door(sent: bytes) -> bytes:
        nonlocal answered
        answered += 1
        if answered == 20 and way == 1:
            raise Mistake(identity)
        if answered == 20 and way == 2:
            raise ProtocolError(str(identity))
        return identity.to_bytes(4, "little")

    guest = worker(identity, Mode.PROTECTED, door)
    if way == 1:
        with pytest.raises(Mistake) as caught:
            guest.run("work", CALLS, 0)
        assert caught.value.args == (identity,)
    elif way == 2:
        assert guest.run("work", CALLS, 0) == (Exit(None, None), 2)
    elif way == 3:
        ended = Exit(f"the program ended its interpreter with status {identity}", StopKind.EXITED)
        assert guest.run("work", CALLS, identity) == (ended, None)
    else:
        assert guest.run("work", CALLS, 0) == (Exit(None, None), 0)
    assert guest.instance.is_dead == (way in (1, 3))
    guest.close()


def test_instances_that_move_between_threads_stay_themselves() -> None:
    guests = [worker(1 + index, Mode.PROTECTED) for index in range(THREADS)]
    locks = [threading.Lock() for _ in guests]

    def work(index: int) -> None:
        for round_ in range(ROUNDS):
            chosen = (index * 3 + round_) % THREADS
            with locks[chosen]:
                assert guests[chosen].call("work", 10, 0) == 0

    on_threads(work)
    for index, guest in enumerate(guests):
        assert set(memoryview(guest.said[Stream.STDOUT]).cast("I")) == {1 + index}
        guest.close()


def test_a_thread_is_inside_no_instance_once_it_is_back() -> None:
    guest = new_guest(CALL_ANYTHING)
    inside: list[object] = []
    guest.wasi.entropy = lambda count: inside.append(current.instance) or bytes(count)
    guest.call("random_get", 0, 1)
    assert inside == [guest.instance]
    assert current.instance is None
    guest.run("proc_exit", 1)
    assert current.instance is None
    guest.close()


def test_an_engine_has_one_linker() -> None:
    assert linker(engine(Mode.EPOCHS)) is linker(engine(Mode.EPOCHS))
    assert linker(engine(Mode.EPOCHS)) is not linker(engine(Mode.PROTECTED))
