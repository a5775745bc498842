"""How much stack a thread has left, native and Python's, and a thread with enough of both.

WebAssembly runs on the stack of the thread that enters it. wasmtime lets a guest use `MAX_WASM_STACK_BYTES`
from the point of entry, unasked whether the thread has them: where it has not, the process dies. So
each entry asks first, and where the answer is too little, or unknown, the guest runs on a thread of ours.

The same goes for Python's recursion limit: where a host function meets it before its first line, ctypes gives wasmtime
whatever lies on the stack in place of a result, and the process dies. A thread of ours has all of the limit again.
"""

from __future__ import annotations

import ctypes
import platform
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

MAX_WASM_STACK_BYTES = 4 << 20  # a guest's own recursion checks end it first; see tests/hostile/test_recursion.py
_HOST_STACK_BYTES = 1 << 20  # for host functions, and the caller's callbacks in them, at the guest's deepest point
NEEDED_BYTES = MAX_WASM_STACK_BYTES + _HOST_STACK_BYTES
_OWN_STACK_BYTES = 16 << 20
NEEDED_FRAMES = 400  # JSON of a guest may be 256 levels deep, and guest and host call each other in 16 of 8 frames each
_FRAMES_TO_START = 60  # what starting a thread takes, and what the caller does after the run, with room to spare

# Where `getcontext` stores the stack pointer in glibc's ucontext_t.
_STACK_POINTER_OFFSET = {"x86_64": 160, "aarch64": 432}.get(platform.machine())
_UCONTEXT_BYTES = 8192  # larger than any ucontext_t
_local = threading.local()
_stack_size_lock = threading.Lock()  # threading.stack_size is one setting for the whole process


def with_enough_stack(function: Callable[[], T]) -> T:
    """Run ``function`` here if this thread has the stack for a guest, else on a thread that has.

    Raises RecursionError, with nothing run, where the caller is so deep that not even a thread can be started.
    """
    if has_frames(NEEDED_FRAMES) and remaining_bytes() >= NEEDED_BYTES:
        return function()
    if not has_frames(_FRAMES_TO_START):
        raise RecursionError("the caller's stack is too deep to run a guest")
    outcome: Future[T] = Future()
    return _see_through(lambda: _start_thread(lambda: _settle(outcome, function)), outcome)


def has_frames(count: int) -> bool:
    """Whether Python's recursion limit leaves the caller that many frames, C functions that recurse not counted."""
    try:
        sys._getframe(max(sys.getrecursionlimit() - count, 0))
    except ValueError:  # the stack is not that deep
        return True
    return False


def remaining_bytes() -> int:
    """Native stack left below the caller; 0 when that is not known."""
    try:
        measure = _local.measure
    except AttributeError:
        measure = _local.measure = _new_measure()
    return int(measure())


def _new_measure() -> Callable[[], int]:
    if sys.platform != "linux" or _STACK_POINTER_OFFSET is None:
        return _unknown
    try:
        libc = ctypes.PyDLL(None)  # which keeps the GIL: what is called takes a microsecond
        getcontext, lowest = libc.getcontext, _lowest_address(libc)
    except (AttributeError, OSError):
        return _unknown
    buffer = ctypes.create_string_buffer(_UCONTEXT_BYTES)
    stack_pointer = ctypes.c_uint64.from_buffer(buffer, _STACK_POINTER_OFFSET)

    def measure() -> int:
        getcontext(buffer)
        return stack_pointer.value - lowest

    return measure


def _unknown() -> int:
    return 0


def _lowest_address(libc: Any) -> int:
    attributes = ctypes.create_string_buffer(256)  # pthread_attr_t is 56 to 64 bytes
    libc.pthread_self.restype = ctypes.c_void_p
    if libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes):
        raise OSError("no stack attributes")
    start, size = ctypes.c_void_p(), ctypes.c_size_t()
    failed = libc.pthread_attr_getstack(attributes, ctypes.byref(start), ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    if failed or not start.value:
        raise OSError("no stack address")
    return start.value


def _see_through(start: Callable[[], None], outcome: Future[T]) -> T:
    """``start`` what settles ``outcome``, and wait for it to the end, whatever a signal handler raises meanwhile.

    That is raised after it: a caller that went on before would give back memory that the guest is still using.
    """
    raised: BaseException | None = None
    try:
        start()
    except RuntimeError:  # no thread is to be had; a RecursionError it cannot be, since that was asked before
        raise
    except BaseException as error:
        raised = error
    while not outcome.done():
        try:
            outcome.exception()
        except BaseException as error:
            raised = raised or error
    if raised is not None:
        raise raised
    return outcome.result()


def _settle(outcome: Future[T], function: Callable[[], T]) -> None:
    try:
        outcome.set_result(function())
    except BaseException as error:
        outcome.set_exception(error)


def _start_thread(target: Callable[[], None]) -> None:
    with _stack_size_lock:
        before = threading.stack_size(_OWN_STACK_BYTES)
        try:
            threading.Thread(target=target, name="wasm_interp-guest", daemon=True).start()
        finally:
            threading.stack_size(before)
