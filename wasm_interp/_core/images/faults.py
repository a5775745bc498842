"""How many page faults a thread has taken: while it takes none, it writes to no page that it had not written before.

A private mapping of a file gets a page of its own by a fault of the thread that writes, in a program or in a system
call, and in no other way. So a run without faults leaves the set of written pages as it was, and nobody needs to walk
the page tables to learn that. Memory that no file backs is another matter: the system may join its pages into
huge ones by itself (khugepaged).
Source: mm_account_fault in Linux's mm/memory.c; getrusage(2), RUSAGE_THREAD.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from functools import cache

FaultCounter = Callable[[], int]

_TRIAL_PAGES = 4


def fault_counter() -> FaultCounter | None:
    """Gives the calling thread's faults so far; None where the system does not count them."""
    return _fault_counter(os.getpid())


@cache
def _fault_counter(process: int) -> FaultCounter | None:
    if sys.platform != "linux":
        return None
    return thread_faults if _counts(thread_faults) else None


def thread_faults() -> int:
    """Minor and major faults of the calling thread, as Linux tells them."""
    import resource  # there is none on Windows

    usage = resource.getrusage(resource.RUSAGE_THREAD)
    return usage.ru_minflt + usage.ru_majflt


def _counts(counter: FaultCounter) -> bool:
    """Whether a first write to each of some pages is seen: a kernel of another make may answer with zeros."""
    with mmap.mmap(-1, _TRIAL_PAGES * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        for page in range(_TRIAL_PAGES):
            before = counter()
            memory[page * mmap.PAGESIZE] = 1
            if counter() == before:
                return False
    return True
