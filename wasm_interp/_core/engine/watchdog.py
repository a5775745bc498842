"""The ticker: one thread that advances the epoch, and tells every running guest's stopper, each 10 ms.

It sleeps for good once no guest has run for a second, so an idle process does no work.
"""

from __future__ import annotations

import functools
import threading
import time

from wasm_interp._core.engine.engine import Engine
from wasm_interp._core.engine.stops import Stopper

TICK_SECONDS = 0.01
_LINGER_SECONDS = 1.0  # starting it anew at each of many short runs would cost each of them a thread's wake-up


class Ticker:
    """Ticks for one engine. ``watch`` and ``unwatch`` bracket each run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._watched: set[Stopper] = set()
        self._alive = False
        self._last_run = 0.0

    def watch(self, stopper: Stopper) -> None:
        """Tick from now on."""
        with self._lock:
            self._watched.add(stopper)
            if not self._alive:
                self._alive = True
                threading.Thread(target=self._tick_while_needed, name="wasm_interp-ticker", daemon=True).start()

    def unwatch(self, stopper: Stopper) -> None:
        """That run is over."""
        with self._lock:
            self._watched.discard(stopper)
            self._last_run = time.monotonic()

    def _tick_while_needed(self) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            self._engine.raw.increment_epoch()
            now = time.monotonic()
            with self._lock:
                for stopper in self._watched:
                    stopper.tick(now)
                if not self._watched and now - self._last_run > _LINGER_SECONDS:
                    self._alive = False
                    return


@functools.cache
def ticker(engine: Engine) -> Ticker:
    """The engine's one ticker."""
    return Ticker(engine)
