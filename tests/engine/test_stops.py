"""The stop of one run, step by step, with a watchdog's ticks made by hand."""

import threading
import time
from threading import Event

import pytest

from tests.engine.guests import MIB, PAGE, WASI, new_guest
from wasm_interp._core.engine import Exit, Mode
from wasm_interp._core.engine.stops import GRACE_SECONDS, Stopper
from wasm_interp._core.wasi.abi import SUBSCRIPTION
from wasm_interp.results import StopKind

MODES = [Mode.PROTECTED, Mode.EPOCHS, Mode.METERED]

# "heed" works until the word at 16 is set, as an interpreter would; "spin" never looks; "heed_late" cleans up first.
ASKED_AT = 16
LISTENER = f"""(module
  (import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "heed") (result i32)
    (loop $again (br_if $again (i32.eqz (i32.load (i32.const 16)))))
    (i32.store (i32.const 16) (i32.const 0))
    (i32.const 7))
  (func (export "spin") (result i32) (loop $again (drop (i32.load (i32.const 0))) (br $again)) unreachable)
  (func (export "sleep") (result i32) (call $poll (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 0)))
  (func (export "sleep_again") (result i32)
    (loop $again
      (drop (call $poll (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 0)))
      (br_if $again (i32.eqz (i32.load (i32.const 16)))))
    (i32.const 9)))"""


class FakeMeans:
    """Notes what it is told."""

    def __init__(self, can_ask: bool) -> None:
        self.can_ask = can_ask
        self.done: list[str] = []

    def ask(self) -> bool:
        self.done.append("ask")
        return self.can_ask

    def end(self) -> None:
        self.done.append("end")


def new_stopper(*, can_ask: bool) -> tuple[Stopper, FakeMeans]:
    means = FakeMeans(can_ask)
    return Stopper(means, Event()), means


def test_nothing_happens_before_the_deadline() -> None:
    stopper, means = new_stopper(can_ask=True)
    stopper.begin(100.0)
    stopper.tick(99.99)
    assert (means.done, stopper.requested, stopper.wake.is_set(), stopper.must_end) == ([], None, False, False)


def test_a_guest_that_can_be_asked_is_asked_until_its_grace_is_over_and_then_ended() -> None:
    stopper, means = new_stopper(can_ask=True)
    stopper.begin(100.0)
    stopper.tick(100.0)
    assert (means.done, stopper.requested, stopper.must_end) == (["ask"], StopKind.TIMEOUT, False)
    assert stopper.wake.is_set()
    stopper.tick(100.0 + GRACE_SECONDS / 2)
    assert (means.done, stopper.must_end) == (["ask", "ask"], False)
    stopper.tick(100.0 + GRACE_SECONDS)
    stopper.tick(100.0 + GRACE_SECONDS + 1)
    assert (means.done, stopper.must_end) == (["ask", "ask", "end", "end"], True)


def test_a_guest_that_cannot_be_asked_is_ended_at_once() -> None:
    stopper, means = new_stopper(can_ask=False)
    stopper.begin(100.0)
    stopper.tick(100.0)
    assert (means.done, stopper.must_end) == (["ask", "end"], True)


def test_the_first_reason_stands() -> None:
    stopper, _ = new_stopper(can_ask=True)
    stopper.begin(100.0)
    stopper.request(StopKind.INTERRUPT)
    stopper.tick(101.0)
    assert stopper.requested is StopKind.INTERRUPT


def test_a_new_run_knows_nothing_of_the_last() -> None:
    stopper, means = new_stopper(can_ask=False)
    stopper.begin(100.0)
    stopper.tick(100.0)
    stopper.begin(None)
    stopper.tick(1e9)
    assert (stopper.requested, stopper.must_end, stopper.wake.is_set()) == (None, False, False)
    assert means.done == ["ask", "end"]


def test_a_guest_that_wakes_to_clean_up_can_sleep_again() -> None:
    stopper, _ = new_stopper(can_ask=True)
    stopper.begin(None)
    stopper.request(StopKind.INTERRUPT)
    assert stopper.wake.is_set()
    assert stopper.must_end_now() is False
    assert not stopper.wake.is_set()


def test_a_guest_that_wakes_and_cannot_be_asked_is_to_end() -> None:
    stopper, _ = new_stopper(can_ask=False)
    stopper.begin(None)
    stopper.request(StopKind.INTERRUPT)
    assert stopper.must_end_now() is True


# With a guest


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    return request.param


def test_a_guest_that_heeds_keeps_its_state_and_says_why_it_stopped(mode: Mode) -> None:
    guest = new_guest(LISTENER, mode=mode)
    guest.instance.ask_by_setting(((ASKED_AT, 1),))
    started = time.monotonic()
    assert guest.run("heed", deadline=started + 0.05) == (Exit(None, StopKind.TIMEOUT), 7)
    assert 0.05 <= time.monotonic() - started < 1.0
    assert not guest.instance.is_dead
    assert guest.run("heed", deadline=time.monotonic() + 0.02) == (Exit(None, StopKind.TIMEOUT), 7)
    guest.close()


def test_an_interrupt_from_another_thread_is_the_same(mode: Mode) -> None:
    guest = new_guest(LISTENER, mode=mode)
    guest.instance.ask_by_setting(((ASKED_AT, 1),))
    timer = threading.Timer(0.03, guest.instance.stopper.request, [StopKind.INTERRUPT])
    timer.start()
    assert guest.run("heed", deadline=time.monotonic() + 30) == (Exit(None, StopKind.INTERRUPT), 7)
    timer.join()
    guest.close()


def test_a_guest_that_does_not_heed_is_ended_after_its_grace(mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wasm_interp._core.engine.stops.GRACE_SECONDS", 0.1)
    guest = new_guest(LISTENER, mode=mode)
    guest.instance.ask_by_setting(((ASKED_AT, 1),))
    started = time.monotonic()
    assert guest.run("spin", deadline=started + 0.02) == (Exit("stopped by the host", StopKind.TIMEOUT), None)
    assert 0.12 <= time.monotonic() - started < 1.1
    assert guest.instance.is_dead
    guest.close()


def test_an_interrupt_from_another_thread_ends_a_guest_that_cannot_be_asked(mode: Mode) -> None:
    guest = new_guest(LISTENER, mode=mode)
    timer = threading.Timer(0.03, guest.instance.stopper.request, [StopKind.INTERRUPT])
    timer.start()
    assert guest.run("spin") == (Exit("stopped by the host", StopKind.INTERRUPT), None)
    timer.join()
    guest.close()


@pytest.mark.parametrize("nanoseconds", [3_600_000_000_000, 2**63, 2**64 - 1])
def test_a_sleep_ends_at_the_deadline(mode: Mode, nanoseconds: int) -> None:
    guest = new_guest(LISTENER, mode=mode)
    guest.write(64, SUBSCRIPTION.pack(1, 0, 1, nanoseconds, 0, 0))
    started = time.monotonic()
    assert guest.run("sleep", deadline=started + 0.05) == (Exit("stopped by the host", StopKind.TIMEOUT), None)
    assert 0.05 <= time.monotonic() - started < 1.0
    guest.close()


def test_a_sleep_that_is_asked_to_end_returns_and_the_guest_goes_on(mode: Mode) -> None:
    guest = new_guest(LISTENER, mode=mode)
    guest.instance.ask_by_setting(((ASKED_AT, 1),))
    guest.write(64, SUBSCRIPTION.pack(1, 0, 1, 3_600_000_000_000, 0, 0))
    started = time.monotonic()
    assert guest.run("sleep_again", deadline=started + 0.05) == (Exit(None, StopKind.TIMEOUT), 9)
    assert time.monotonic() - started < 1.0
    guest.close()


def test_ending_one_guest_leaves_its_neighbours_running() -> None:
    guests = [new_guest(LISTENER) for _ in range(3)]
    outcomes: dict[int, Exit] = {}

    def run(index: int, seconds: float) -> None:
        outcomes[index] = guests[index].run("spin", deadline=time.monotonic() + seconds)[0]
        ended[index] = time.monotonic()

    ended: dict[int, float] = {}
    started = time.monotonic()
    threads = [threading.Thread(target=run, args=(index, 0.05 + 0.1 * index)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {index: Exit("stopped by the host", StopKind.TIMEOUT) for index in range(3)}
    assert all(0.05 + 0.1 * index <= ended[index] - started < 1.1 + 0.1 * index for index in range(3))
    for guest in guests:
        guest.close()


def test_many_ends_at_any_moment_leave_the_host_alive() -> None:
    """Stores, loads and growth, ended wherever they happen to be."""
    busy = f"""(module
      (import "{WASI}" "random_get" (func $random_get (param i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "run") (result i32) (local $at i32)
        (loop $again
          (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (i64.const 1)))
          (local.set $at (i32.and (i32.add (local.get $at) (i32.const 8)) (i32.const 65528)))
          (if (i32.eqz (local.get $at))
            (then
              (drop (memory.grow (i32.const 1)))
              (drop (call $random_get (i32.const 0) (i32.const 70000)))))
          (br $again))
        unreachable))"""
    for index in range(60):
        guest = new_guest(busy, memory_bytes=4 * MIB, mode=Mode.PROTECTED)
        outcome, _ = guest.run("run", deadline=time.monotonic() + index * 0.0003)
        assert outcome == Exit("stopped by the host", StopKind.TIMEOUT)
        assert guest.instance.failure is None
        assert guest.instance.memory_bytes >= PAGE
        guest.close()
