"""Arguments, clocks, entropy, waiting, exits and sockets."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

import pytest

from tests.wasi.conftest import DATA, OUT, ROOT, SIZE, VECTORS, FakeClock, Guest
from wasm_interp._core.vfs import Errno
from wasm_interp._core.wasi.abi import EVENT, SUBSCRIPTION
from wasm_interp._core.wasi.state import GuestExit, SystemClock

OK = Errno.SUCCESS
LAST = 2**32 - 1
SECOND = 1_000_000_000
CLOCK, FD_READ, FD_WRITE = 0, 1, 2
REAL, MONOTONIC = 0, 1


def poll(guest: Guest, *subscriptions: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Subscriptions of (user data, type, subject, timeout, flags); the events of (user data, errno, type)."""
    for index, (user_data, kind, subject, timeout, flags) in enumerate(subscriptions):
        guest.put(VECTORS + 48 * index, SUBSCRIPTION.pack(user_data, kind, subject, timeout, 0, flags))
    assert guest("poll_oneoff", VECTORS, DATA, len(subscriptions), OUT) == OK
    events = bytes(guest.memory[DATA : DATA + 32 * guest.u32()])
    return [(user_data, errno, kind) for user_data, errno, kind, _, _ in EVENT.iter_unpack(events)]


def test_arguments_are_strings_one_after_the_other_with_pointers_to_them(guest: Guest) -> None:
    assert guest("args_sizes_get", OUT, OUT + 4) == OK
    assert (guest.u32(), guest.u32(OUT + 4)) == (3, 16)
    assert guest("args_get", VECTORS, DATA) == OK
    assert guest.memory[DATA : DATA + 17] == b"program\0--flag\0\0\0"
    assert [guest.u32(VECTORS + 4 * index) - DATA for index in range(3)] == [0, 8, 15]


def test_the_environment_likewise(guest: Guest) -> None:
    assert guest("environ_sizes_get", OUT, OUT + 4) == OK
    assert (guest.u32(), guest.u32(OUT + 4)) == (1, 11)
    assert guest("environ_get", VECTORS, DATA) == OK
    assert guest.memory[DATA : DATA + 11] == b"HOME=/home\0"


@pytest.mark.parametrize(("pointers", "buffer"), [(SIZE - 4, DATA), (VECTORS, SIZE - 4), (LAST, LAST), (VECTORS, LAST)])
def test_arguments_that_do_not_fit_are_a_fault(guest: Guest, pointers: int, buffer: int) -> None:
    assert guest("args_get", pointers, buffer) == Errno.FAULT


def test_clocks_are_the_clocks_of_the_state(guest: Guest) -> None:
    for clock, time in [(0, 1_700_000_000_000_000_000), (1, 5_000_000_000), (2, 5_000_000_000), (3, 5_000_000_000)]:
        assert guest("clock_time_get", clock, 0, OUT) == OK
        assert guest.u64() == time
        assert guest("clock_res_get", clock, OUT) == OK
        assert guest.u64() == 1_000


@pytest.mark.parametrize("number", [4, LAST])
def test_a_clock_that_does_not_exist_is_refused(guest: Guest, number: int) -> None:
    assert guest("clock_time_get", number, 0, OUT) == Errno.INVAL
    assert guest("clock_res_get", number, OUT) == Errno.INVAL


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 65_537, SIZE - 1])
def test_entropy_fills_the_place_and_no_more(guest: Guest, length: int) -> None:
    assert guest("random_get", 1, length) == OK
    chunk = bytes(index % 251 for index in range(65_536))
    assert guest.memory == b"\0" + (chunk * 3)[:length] + bytes(SIZE - 1 - length)


def test_entropy_is_asked_for_in_small_pieces(guest: Guest) -> None:
    asked = []
    guest.state.entropy = lambda count: asked.append(count) or bytes(count)
    assert guest("random_get", 0, SIZE) == OK
    assert asked == [65_536, 65_536]


def test_a_guest_that_is_to_stop_gets_no_more_entropy(guest: Guest) -> None:
    guest.state.wake.set()
    with pytest.raises(GuestExit):
        guest("random_get", 0, SIZE)
    guest.state.must_end = lambda: False  # it was only asked to stop, and goes on meanwhile
    assert guest("random_get", 0, SIZE) == OK


def test_waiting_for_a_time_takes_that_time(guest: Guest, clock: FakeClock) -> None:
    assert poll(guest, (7, CLOCK, MONOTONIC, 2 * SECOND, 0)) == [(7, 0, CLOCK)]
    assert clock.waits == [2.0]


@pytest.mark.parametrize("which", [REAL, MONOTONIC])
def test_waiting_until_a_time_ends_then(guest: Guest, clock: FakeClock, which: int) -> None:
    now = (clock.real, clock.monotonic)[which]
    assert poll(guest, (7, CLOCK, which, now + 3 * SECOND, 1)) == [(7, 0, CLOCK)]
    assert clock.waits == [3.0]


@pytest.mark.parametrize(("timeout", "flags"), [(0, 0), (1, 1), (0, 1)])
def test_a_time_that_has_passed_is_not_waited_for(guest: Guest, clock: FakeClock, timeout: int, flags: int) -> None:
    assert poll(guest, (7, CLOCK, REAL, timeout, flags)) == [(7, 0, CLOCK)]
    assert clock.waits == []


def test_the_first_of_several_times_ends_the_wait_and_is_told_alone(guest: Guest, clock: FakeClock) -> None:
    waits = (1, CLOCK, REAL, 9 * SECOND, 0), (2, CLOCK, MONOTONIC, SECOND, 0), (3, CLOCK, REAL, SECOND, 0)
    assert poll(guest, *waits) == [(2, 0, CLOCK), (3, 0, CLOCK)]
    assert clock.waits == [1.0]


def test_what_is_ready_ends_the_wait_before_it_begins(guest: Guest, clock: FakeClock) -> None:
    fd = guest.file("f")
    waits = (1, CLOCK, REAL, 9 * SECOND, 0), (2, FD_READ, fd, 0, 0), (3, FD_WRITE, 1, 0, 0), (4, FD_READ, 77, 0, 0)
    assert poll(guest, *waits) == [(2, 0, FD_READ), (3, 0, FD_WRITE), (4, Errno.BADF, FD_READ)]
    assert clock.waits == []


def test_a_clock_that_wakes_early_is_waited_for_again(guest: Guest, clock: FakeClock) -> None:
    def hurry(wake: Event) -> None:
        clock.monotonic -= SECOND if len(clock.waits) == 1 else 0

    clock.at_wait = hurry
    assert poll(guest, (7, CLOCK, MONOTONIC, 2 * SECOND, 0)) == [(7, 0, CLOCK)]
    assert clock.waits == [2.0, 1.0]


def test_a_stop_ends_the_wait_and_the_guest(guest: Guest, clock: FakeClock) -> None:
    clock.at_wait = Event.set
    with pytest.raises(GuestExit):
        poll(guest, (7, CLOCK, MONOTONIC, 2 * SECOND, 0))


def test_a_guest_that_was_only_asked_to_stop_wakes_as_if_it_were_time(guest: Guest, clock: FakeClock) -> None:
    clock.at_wait = Event.set
    guest.state.must_end = lambda: False
    assert poll(guest, (7, CLOCK, MONOTONIC, 2 * SECOND, 0)) == [(7, 0, CLOCK)]
    assert clock.waits == [2.0]


def test_the_guest_is_asleep_while_it_waits_and_only_then(guest: Guest, clock: FakeClock) -> None:
    seen: list[str] = []

    @contextmanager
    def asleep() -> Iterator[None]:
        seen.append("asleep")
        yield
        seen.append("awake")

    guest.state.asleep = asleep
    clock.at_wait = lambda wake: seen.append("waits")
    poll(guest, (7, CLOCK, MONOTONIC, SECOND, 0))
    poll(guest, (7, CLOCK, MONOTONIC, 0, 0))
    assert seen == ["asleep", "waits", "awake"]


def test_a_time_in_584_years_can_be_waited_for(guest: Guest, clock: FakeClock) -> None:
    clock.at_wait = Event.set
    with pytest.raises(GuestExit):
        poll(guest, (7, CLOCK, REAL, 2**64 - 1, 0))
    assert clock.waits == [18_446_744_073.709553]


@pytest.mark.parametrize("count", [0, 1_025, LAST])
def test_too_few_and_too_many_subscriptions_are_refused(guest: Guest, count: int) -> None:
    assert guest("poll_oneoff", VECTORS, DATA, count, OUT) == Errno.INVAL


@pytest.mark.parametrize(
    ("kind", "subject", "flags"), [(3, 0, 0), (255, 0, 0), (CLOCK, 4, 0), (CLOCK, 0, 2), (CLOCK, 0, 0xFFFF)]
)
def test_a_subscription_that_does_not_exist_is_refused(guest: Guest, kind: int, subject: int, flags: int) -> None:
    guest.put(VECTORS, SUBSCRIPTION.pack(0, kind, subject, 1, 0, flags))
    assert guest("poll_oneoff", VECTORS, DATA, 1, OUT) == Errno.INVAL


@pytest.mark.parametrize(("subscriptions", "events"), [(SIZE - 47, DATA), (VECTORS, SIZE - 31), (LAST, LAST)])
def test_subscriptions_and_events_outside_are_a_fault(guest: Guest, subscriptions: int, events: int) -> None:
    assert guest("poll_oneoff", subscriptions, events, 1, OUT) == Errno.FAULT


def test_events_may_be_written_over_the_subscriptions(guest: Guest) -> None:
    for index in range(3):
        guest.put(VECTORS + 48 * index, SUBSCRIPTION.pack(index, FD_READ, ROOT, 0, 0, 0))
    assert guest("poll_oneoff", VECTORS, VECTORS, 3, OUT) == OK
    events = bytes(guest.memory[VECTORS : VECTORS + 96])
    assert [event[0] for event in EVENT.iter_unpack(events)] == [0, 1, 2]


@pytest.mark.parametrize("code", [0, 3, LAST])
def test_an_exit_leaves_its_status(guest: Guest, code: int) -> None:
    with pytest.raises(GuestExit):
        guest("proc_exit", code)
    assert guest.state.exit_code == code


def test_there_are_no_sockets_and_no_signals(guest: Guest) -> None:
    assert guest("sock_accept", ROOT, 0, OUT) == Errno.NOTSUP
    assert guest("sock_recv", 0, 0, 0, 0, OUT, OUT) == Errno.NOTSUP
    assert guest("sock_send", 1, 0, 0, 0, OUT) == Errno.NOTSUP
    assert guest("sock_shutdown", LAST, 9) == Errno.NOTSUP
    assert guest("proc_raise", 9) == Errno.NOTSUP


def test_a_yield_does_nothing(guest: Guest) -> None:
    assert guest("sched_yield") == OK


def test_the_systems_clock_sleeps_until_it_is_woken() -> None:
    woken = Event()
    woken.set()
    SystemClock().wait(1e12, woken)


def test_the_systems_clock_tells_the_hosts_time() -> None:
    clock = SystemClock()
    first = clock.monotonic_ns()
    clock.wait(0.001, Event())
    assert clock.monotonic_ns() - first >= 1_000_000
    assert clock.realtime_ns() > 1_600_000_000_000_000_000
