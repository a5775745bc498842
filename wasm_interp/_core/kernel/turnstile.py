"""A lock that lets its waiters through in the order they came, which threading.Lock does not promise."""

from __future__ import annotations

from collections import deque
from threading import Lock
from types import TracebackType


class Turnstile:
    """Use with ``with``. Not reentrant."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._held = False
        self._waiting: deque[Lock] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        try:
            turn.acquire()  # released by whoever leaves before us, who keeps `_held` for us
        except BaseException:
            self._give_up(turn)
            raise

    def enter_at_once(self) -> bool:
        """Enter if nobody is inside; whether it was so. Leave as after ``with``."""
        with self._guard:
            if self._held:
                return False
            self._held = True
            return True

    def leave(self) -> None:
        """What ends ``with``."""
        self.__exit__(None, None, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False

    def _give_up(self, turn: Lock) -> None:
        """Ctrl-C ended the wait; if our turn had just come, the next one has it."""
        with self._guard:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return
        self.__exit__(None, None, None)
