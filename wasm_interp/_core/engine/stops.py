"""How a running guest is brought to a stop: first asked, then ended.

A stop begins as a request (its deadline passed, or somebody interrupted it). The guest is then asked
to raise KeyboardInterrupt, which leaves its state whole. If it has not come back after a grace period, or
cannot be asked, it is trapped, and its instance is lost.

This is the whole interface between the rest of the engine and the means of stopping; today's means are
epochs: wasmtime calls `must_stop` on the guest's own thread, every tick of the ticker, while the guest runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event

from wasm_interp.results import StopKind

GRACE_SECONDS = 1.0  # for `finally` blocks; an interpreter that is going to notice does so within milliseconds


class Stopper:
    """The stop of one instance's current run.

    `begin` and `end` bracket each run; `request` may come from any thread.
    """

    __slots__ = ("__weakref__", "_ask", "_asked_at", "_deadline", "_requested", "user_interrupt", "wake")

    def __init__(self, wake: Event) -> None:
        """``wake`` is set to wake a guest that sleeps in a host function."""
        self.wake = wake
        self._ask: Callable[[], bool] = _cannot_ask
        self._deadline: float | None = None
        self._requested: StopKind | None = None
        self._asked_at: float | None = None
        self.user_interrupt: BaseException | None = None

    def can_ask(self, ask: Callable[[], bool]) -> None:
        """``ask`` makes the guest raise KeyboardInterrupt soon; it is called on the guest's thread, between two
        instructions of it."""
        self._ask = ask

    def begin(self, deadline: float | None) -> None:
        """A run starts; ``deadline`` is on time.monotonic."""
        self._deadline = deadline
        self._requested = None
        self._asked_at = None
        self.user_interrupt = None
        self.wake.clear()

    def end(self) -> StopKind | None:
        """The run is over; why it was asked to stop, if it was."""
        self._deadline = None
        return self._requested

    def request(self, kind: StopKind) -> None:
        """Ask for a stop; the first reason stands."""
        if self._requested is None:
            self._requested = kind
        self.wake.set()

    def tick(self, now: float) -> None:
        """The ticker's call, from its thread: notice a deadline, so that a sleeping guest wakes."""
        if self._requested is None and self._deadline is not None and now >= self._deadline:
            self.request(StopKind.TIMEOUT)
        elif self._asked_at is not None and now >= self._asked_at + GRACE_SECONDS:
            self.wake.set()

    def must_stop(self) -> bool:
        """The guest's thread asks: whether to trap now. Ctrl-C arrives here when the main thread runs the guest."""
        try:
            if self._requested is None:
                return False
            if self._asked_at is None:
                self._asked_at = time.monotonic()
                self.wake.clear()  # the program's clean-up may sleep
                return not self._ask()
            return time.monotonic() >= self._asked_at + GRACE_SECONDS
        except KeyboardInterrupt as interrupt:
            self.interrupted_by_user(interrupt)
            return False

    def interrupted_by_user(self, interrupt: BaseException) -> None:
        """A KeyboardInterrupt met the host's side of a run: stop the guest, and keep it for the caller."""
        self.user_interrupt = interrupt
        self.request(StopKind.INTERRUPT)


def _cannot_ask() -> bool:
    return False
