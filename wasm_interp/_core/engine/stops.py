"""How a running guest is brought to a stop: first asked, then ended.

A stop begins as a request: the deadline passed, or somebody interrupted. The guest is then asked to raise
KeyboardInterrupt, which leaves its state whole. If it has not come back after a grace period it is ended: its
instance is lost. The watchdog drives this from its own thread, once per tick; what asking and ending mean for an
instance is its `Means`, of which there are two (means.py).
"""

from __future__ import annotations

import time
from threading import Event, Lock
from typing import Protocol

from wasm_interp.results import StopKind

GRACE_SECONDS = 1.0  # for `finally` blocks; an interpreter that is going to notice does so within milliseconds


class Means(Protocol):
    """What the watchdog can do to one running guest. Called from the watchdog's thread, or from the guest's own."""

    def ask(self) -> bool:
        """Make the guest raise KeyboardInterrupt; False if it has no such thing. Repeated until the guest noticed."""

    def end(self) -> None:
        """Make the guest trap, soon. Repeated until it did."""


class Stopper:
    """The stop of one instance's current run.

    `begin` and `end` bracket each run; `request` may come from any thread. `wake` is set to end the guest's sleep.
    """

    def __init__(self, means: Means, wake: Event) -> None:
        self.wake = wake
        self._means = means
        self._lock = Lock()
        self._deadline: float | None = None
        self._requested: StopKind | None = None
        self._end_at: float | None = None
        self.must_end = False

    def begin(self, deadline: float | None) -> None:
        """A run starts; ``deadline`` is on time.monotonic."""
        self._deadline = deadline
        self._requested = None
        self._end_at = None
        self.must_end = False
        self.wake.clear()

    @property
    def requested(self) -> StopKind | None:
        """Why the run has been asked to stop, if it has."""
        return self._requested

    def request(self, kind: StopKind) -> None:
        """Ask for a stop; the first reason stands."""
        if self._requested is None:
            self._requested = kind
        self.wake.set()

    def tick(self, now: float) -> None:
        """The watchdog's call: carry the stop one step further."""
        if self._requested is None and self._deadline is not None and now >= self._deadline:
            self.request(StopKind.TIMEOUT)
        if self._requested is not None:
            self._carry_on(now)

    def must_end_now(self) -> bool:
        """A guest that was woken asks, from inside a host function: end (True), or go on, since it has been asked?"""
        self.wake.clear()  # so that the program's clean-up can sleep
        if self._requested is not None:
            self._carry_on(time.monotonic())
        return self.must_end

    def _carry_on(self, now: float) -> None:
        with self._lock:
            if self._end_at is None:
                asked = self._means.ask()
                self._end_at = now + GRACE_SECONDS if asked else now
            elif now < self._end_at:
                self._means.ask()
            if now >= self._end_at:
                self.must_end = True
                self.wake.set()
                self._means.end()
