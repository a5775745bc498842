"""The watchdog: one thread that carries on every running guest's stop, each 10 ms.

It ends once no guest has run for a second, so an idle process does no work; the next run starts it again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from collections.abc import Callable

from wasm_interp._core.engine.stops import Stopper

TICK_SECONDS = 0.01
_LINGER_SECONDS = 1.0  # a thread's start at each of many short runs would cost each of them more than the run


class Watchdog:
    """``watch`` and ``unwatch`` bracket each run; between them the stopper is ticked."""

    _is_alive: bool

    def __init__(self) -> None:
        self._every_tick: list[Callable[[], None]] = []
        self._begin_anew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def every_tick(self, action: Callable[[], None]) -> None:
        """Call ``action`` at each tick, as long as guests run."""
        with self._lock:
            self._every_tick.append(action)

    def watch(self, stopper: Stopper) -> None:
        """Tick it from now on."""
        with self._lock:
            if not self._is_alive:
                threading.Thread(target=self._work, name="wasm_interp-watchdog", daemon=True).start()
                self._is_alive = True  # only now: where the system refuses a thread, the next run tries again
            self._watched.add(stopper)

    def unwatch(self, stopper: Stopper) -> None:
        """That run is over. When this returns, the stopper is not being ticked, so its instance may be closed."""
        with self._lock:
            self._watched.discard(stopper)
            self._last_run = time.monotonic()

    def _begin_anew(self) -> None:
        """Also in the child of a fork, which has neither the thread nor whoever held the lock."""
        self._lock = threading.Lock()
        self._watched: set[Stopper] = set()
        self._is_alive = False
        self._last_run = 0.0

    def _work(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            with self._lock:
                now = time.monotonic()
                for action in self._every_tick:
                    with contextlib.suppress(Exception):  # a defect in one must not be the end of all deadlines
                        action()
                for stopper in self._watched:
                    with contextlib.suppress(Exception):
                        stopper.tick(now)
                if not self._watched and now - self._last_run > _LINGER_SECONDS:
                    self._is_alive = False
                    return


@functools.cache
def watchdog() -> Watchdog:
    """The process's one watchdog."""
    return Watchdog()
