"""What this process takes of its system, to be compared before and after an attack."""

from __future__ import annotations

import ctypes
import gc
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20
_PATIENCE_SECONDS = 5.0  # for the watchdog to go to sleep


@dataclass(frozen=True)
class Footprint:
    """What a process takes of its system."""

    pss_bytes: int
    fds: int
    threads: int
    mappings: int


def footprint() -> Footprint:
    """That of this process, now. Linux only.

    Memory is what no file backs: of the cache's files a process has its share, which grows when another that has mapped
    them ends. Nor does that count which the C library keeps of what was freed, to give it out again.
    """
    gc.collect()
    if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)
    rollup = Path("/proc/self/smaps_rollup").read_text().splitlines()
    pss = sum(int(line.split()[1]) * 1024 for line in rollup if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    mappings = len(Path("/proc/self/maps").read_text().splitlines())
    return Footprint(pss, len(os.listdir("/proc/self/fd")), threading.active_count(), mappings)


def settled(start: Footprint) -> Footprint:
    """The footprint once the watchdog has gone to sleep, or as it is after five seconds."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (now := footprint()).threads > start.threads and time.monotonic() < end:
        time.sleep(0.05)
    return now


def expect_back(start: Footprint, more_bytes: int, more_mappings: int) -> None:
    """Assert that no more is taken than was at ``start``, give or take."""
    now = settled(start)
    assert now.fds <= start.fds + 1
    assert now.threads <= start.threads
    assert now.mappings <= start.mappings + more_mappings
    assert now.pss_bytes <= start.pss_bytes + more_bytes, f"{(now.pss_bytes - start.pss_bytes) / MIB:.1f} MiB more"
