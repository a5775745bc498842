"""What a guest may use. Defaults are generous for data work and bounded for a server."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from typing import Literal
from weakref import WeakKeyDictionary

from wasm_interp.errors import LimitExceeded, UsageError

MIB = 1 << 20
ROLLBACK_CHOICES = ("auto", "always", "off")
MAX_MEMORY_BYTES = 4 << 30  # 32-bit linear memory
MOST_SPARE_BYTES = 8 * MIB  # what a context that is full may take beyond its limit, to be able to free something


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a sandbox (files) and of each of its contexts (the rest).

    memory_bytes: linear memory of one context. 1 GiB: the warmed-up interpreter takes 0.2 GiB of it
        (shared between contexts), and a 100 MB CSV becomes about 0.5 GiB in pandas. A context that has used up all of
        it gets up to 8 MiB more, 2 MiB a run, so that a later run can free some.
    fuel: WebAssembly instructions per run, or None for no metering (metering costs a third to a half of the speed).
    output_bytes: stdout, stderr and results of one run together. 32 MiB: two large figures and any readable text.
    file_bytes: contents of all files of the sandbox. 512 MiB: a few data sets; held in the host's memory.
    file_count: files, directories and links of the sandbox. 100,000: a large source tree.
    open_files: descriptors of one context. 256, as macOS gives a process; Linux programs expect no more than 1,024.
    rollback: whether the state before each run is kept, so that a context survives a run that had to be ended by
        force (code that does not notice an interrupt, a crash of the interpreter). "auto": unless the
        runs before changed so much memory (over 256 MiB at once, or a lot again and again) that keeping it would
        take more than about a quarter of their time; "always"; or "off": such a context starts anew.
        Linux alone has it; elsewhere it is off.
    """

    memory_bytes: int = 1024 * MIB
    fuel: int | None = None
    output_bytes: int = 32 * MIB
    file_bytes: int = 512 * MIB
    file_count: int = 100_000
    open_files: int = 256
    rollback: Literal["auto", "always", "off"] = "auto"

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "rollback" or (value is None and field.name == "fuel"):
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise UsageError(f"Limits.{field.name} must be a whole number of at least 0, not {value!r}")
        if self.rollback not in ROLLBACK_CHOICES:
            raise UsageError(f"Limits.rollback must be one of {', '.join(ROLLBACK_CHOICES)}, not {self.rollback!r}")
        if self.memory_bytes > MAX_MEMORY_BYTES:
            raise UsageError(
                f"Limits.memory_bytes is {self.memory_bytes}; 32-bit WebAssembly ends at {MAX_MEMORY_BYTES}"
            )


class MemoryCeiling:
    """What all contexts of this process may have grown by together, and what each has: its linear memory beyond that
    of the image that they share.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ceiling: int | None = None
        self._grown: WeakKeyDictionary[object, int] = WeakKeyDictionary()

    def set(self, ceiling: int | None) -> None:
        """None for no ceiling."""
        self._ceiling = ceiling

    def count(self, owner: object, grown_bytes: int) -> None:
        """That context has grown by so much in all; 0 when it is gone."""
        with self._lock:
            if grown_bytes > 0:
                self._grown[owner] = grown_bytes
            else:
                self._grown.pop(owner, None)

    def room(self) -> int | None:
        """Bytes left below the ceiling, at least 0; None without a ceiling."""
        if self._ceiling is None:
            return None
        with self._lock:
            return max(self._ceiling - sum(self._grown.values()), 0)

    def check_room(self) -> None:
        """Raises LimitExceeded when there is none for a new context."""
        if self.room() == 0:
            with self._lock:
                grown, count = sum(self._grown.values()), len(self._grown)
            raise LimitExceeded(
                f"{count} contexts have grown by {grown} bytes; the ceiling of this process is {self._ceiling}. "
                "Close contexts that are done"
            )


memory_ceiling = MemoryCeiling()


def set_memory_ceiling(ceiling: int | None) -> None:
    """Bound what all contexts of this process may have grown by together, in bytes; None, as at first, for no bound.

    Counted is the linear memory of each beyond that of the template, which all share. At the ceiling no context can be
    made (LimitExceeded), and programs get MemoryError where they need more, as at their own limit. Runs that go on at
    the same time may each take what is left when they begin.
    """
    if ceiling is not None and (not isinstance(ceiling, int) or isinstance(ceiling, bool) or ceiling < 0):
        raise UsageError(f"the memory ceiling must be a whole number of at least 0 or None, not {ceiling!r}")
    memory_ceiling.set(ceiling)
