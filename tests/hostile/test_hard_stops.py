"""Guests ended by force at any moment. A defect here is the death of the process, so the many happen in another one."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.engine.guests import MIB, WASI, Guest, new_guest
from tests.hostile.small_stops import BUSY, TYPE_OF_HELPERS, stop_many
from wasm_interp._core.engine import Exit, Mode
from wasm_interp._core.wasi.abi import SUBSCRIPTION
from wasm_interp.results import StopKind

ROOT = Path(__file__).parents[2]
MODES = [Mode.PROTECTED, Mode.EPOCHS, Mode.METERED]
STOPPED = (Exit("stopped by the host", StopKind.TIMEOUT), None)


def stop_soon(guest: Guest, name: str = "run", seconds: float = 0.02) -> tuple[Exit, int | None]:
    return guest.run(name, deadline=time.monotonic() + seconds)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("what", sorted(BUSY))
def test_whatever_a_guest_does_it_is_ended(what: str, mode: Mode) -> None:
    guest = new_guest(BUSY[what], memory_bytes=64 * MIB, mode=mode)
    started = time.monotonic()
    assert stop_soon(guest) == STOPPED
    assert time.monotonic() - started < 5
    assert guest.instance.is_dead
    assert guest.instance.failure is None
    guest.close()


def test_a_guest_that_grows_its_memory_while_it_is_taken_is_ended() -> None:
    """Pages that came after the protection are the guest's again until the next tick."""
    for index in range(5):
        guest = new_guest(BUSY["grow and stay there"], memory_bytes=2048 * MIB, mode=Mode.PROTECTED)
        assert stop_soon(guest, seconds=0.002 * index) == STOPPED
        guest.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_host_function_at_work_is_finished_first(mode: Mode) -> None:
    """It touches memory before and after the deadline has long been over."""
    seen = []

    def door(sent: bytes) -> bytes:
        seen.append(sent)
        time.sleep(0.1)
        seen.append(guest.instance.memory.read(0, 4))
        return b""

    text = f"""(module
      (import "host" "call" (func $call (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      {TYPE_OF_HELPERS}
      (data (i32.const 0) "here")
      (func (export "host_alloc") (param i32) (result i32) (i32.const 64))
      (func (export "run") (result i32)
        (loop $again (drop (call $call (i32.const 0) (i32.const 4) (i32.const 16) (i32.const 20))) (br $again))
        unreachable))"""
    guest = new_guest(text, door=door, mode=mode)
    assert stop_soon(guest) == STOPPED
    assert seen == [b"here", b"here"]
    guest.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_guest_asleep_is_ended_without_waiting(mode: Mode) -> None:
    text = f"""(module
      (import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "run") (result i32)
        (loop $again
          (drop (call $poll (i32.const 64) (i32.const 256) (i32.const 1) (i32.const 0)))
          (br $again))
        unreachable))"""
    guest = new_guest(text, mode=mode)
    guest.write(64, SUBSCRIPTION.pack(1, 0, 1, 3_600_000_000_000, 0, 0))
    started = time.monotonic()
    assert stop_soon(guest) == STOPPED
    assert time.monotonic() - started < 5
    guest.close()


def test_memory_that_was_taken_is_given_back_with_the_guest() -> None:
    def reserved() -> int:
        return sum("---p" in line for line in Path("/proc/self/maps").read_text().splitlines())

    if not Path("/proc/self/maps").exists():
        pytest.skip("the system has no list of mappings")
    stop_one("copy")
    before = reserved()
    for _ in range(20):
        stop_one("copy")
    assert reserved() <= before + 2


def stop_one(what: str) -> None:
    guest = new_guest(BUSY[what], mode=Mode.PROTECTED)
    assert stop_soon(guest, seconds=0.0) == STOPPED
    guest.close()


def test_a_stop_is_never_taken_for_a_crash_of_the_guest() -> None:
    """The guest traps within the watchdog's call, before that has returned to say so."""
    outcomes = set()
    threads = [threading.Thread(target=lambda: outcomes.update(stop_many(60, seed=3))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {str(STOPPED[0])}


def run_apart(*arguments: str) -> str:
    """The output of a Python process, which must not die of a signal."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-P", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=600,
        check=False,
    )
    died_of = signal.Signals(-done.returncode).name if done.returncode < 0 else ""
    assert (died_of, done.returncode) == ("", 0), done.stderr[-4_000:]
    return done.stdout


def test_thousands_of_stops_of_small_guests_leave_the_process_alive() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.hostile import small_stops; small_stops.main()"
    assert run_apart("-c", code, "3000") == f'{{"{STOPPED[0]!s}": 3000}}\n'


def test_hundreds_of_stops_of_the_real_guest_leave_every_context_as_it_was() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.hostile import stress; stress.main()"
    assert "the process lives" in run_apart("-c", code, "150")
