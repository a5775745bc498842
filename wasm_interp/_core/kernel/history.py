"""What a context was before each of its last runs, as far as a bound of bytes reaches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from wasm_interp._core.images.image import Layer
from wasm_interp._core.kernel.savepoint import Savepoint


class Kept(Protocol):
    """A state that is held until it is closed."""

    @property
    def is_closed(self) -> bool:
        """Whether it is held no more."""

    def close(self) -> None:
        """Hold it no more. Idempotent."""


T = TypeVar("T", bound=Kept)


class History(Generic[T]):
    """States, the oldest first. Those that go beyond ``most_bytes`` together are closed, the oldest first."""

    def __init__(self, most_bytes: int, savepoint_of: Callable[[T], Savepoint]) -> None:
        self.most_bytes = most_bytes
        self._savepoint_of = savepoint_of
        self._states: list[T] = []

    @property
    def states(self) -> list[T]:
        """Those that are still held."""
        return [state for state in self._states if not state.is_closed]

    def add(self, state: T) -> None:
        """The newest one."""
        self._states = [*self.states, state]
        while len(self._states) > 1 and self._bytes() > self.most_bytes:
            self._states.pop(0).close()

    def take_back(self, count: int) -> T:
        """The state before the last ``count`` runs, for the caller to close; it and all later ones leave the history.

        The caller has checked that there are so many.
        """
        kept = self.states
        wanted, *later = kept[-count:]
        for state in later:
            state.close()
        self._states = kept[:-count]
        return wanted

    def close(self) -> None:
        """Hold nothing any more. Idempotent."""
        for state in self._states:
            state.close()
        self._states = []

    def _bytes(self) -> int:
        """What they hold together: pages that are copied for each, and layers that several may share."""
        total, layers = 0, set[Layer]()
        for state in self._states:
            memory = self._savepoint_of(state).memory
            total += len(memory.scattered.data)
            layers.update(memory.image.layers[1:])
        return total + sum(run.length for layer in layers for run in layer.runs)
