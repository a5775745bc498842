"""Clear words for what a sandbox in WebAssembly does not have: processes, threads, a network.

CPython's own errors for these range from clear to an AttributeError deep in the standard library.
"""

import errno
import functools
import os
import time
from collections.abc import Callable

_sleep = time.sleep
NO_PROCESSES = "there are no processes in this sandbox"
NO_THREADS = "there are no threads in this sandbox"
NO_NETWORK = "there is no network in this sandbox"


def _patch(owner: object, name: str) -> Callable[[Callable], Callable]:
    """Replace an attribute, keeping its name and documentation."""

    def replace(function: Callable) -> Callable:
        original = getattr(owner, name, None)
        if callable(original):
            functools.update_wrapper(function, original)
            del function.__wrapped__
        function.__name__ = name
        setattr(owner, name, function)
        return function

    return replace


def _processes() -> None:
    import multiprocessing.connection
    import multiprocessing.pool
    import subprocess

    def refuse(what: object) -> None:
        raise OSError(errno.ENOTSUP, f"{NO_PROCESSES}: cannot run {what!r}")

    @_patch(subprocess.Popen, "__init__")
    def popen(self, args, *_arguments, **_options):
        self._child_created = False
        refuse(args)

    @_patch(os, "system")
    def system(command):
        refuse(command)

    @_patch(multiprocessing.process.BaseProcess, "start")
    def start(self):
        refuse(self._target or self.name)

    @_patch(multiprocessing.pool.Pool, "__init__")
    def pool(self, *_arguments, **_options):
        self._state = multiprocessing.pool.INIT  # or __del__ complains
        if isinstance(self, multiprocessing.pool.ThreadPool):
            raise RuntimeError(f"can't start new thread: {NO_THREADS}")
        raise OSError(errno.ENOTSUP, NO_PROCESSES)

    @_patch(multiprocessing.connection, "Pipe")
    def pipe(duplex=True):
        raise OSError(errno.ENOTSUP, NO_PROCESSES)


def _threads() -> None:
    import concurrent.futures.thread
    import threading

    @_patch(threading, "_start_joinable_thread")
    def start_joinable_thread(*_arguments, **_options):
        raise RuntimeError(f"can't start new thread: {NO_THREADS}")

    @_patch(threading.Condition, "wait")
    def wait(self, timeout=None):
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        if timeout is None:
            raise RuntimeError(f"this would wait for ever: {NO_THREADS} that could end it")
        if timeout > 0:
            _sleep(timeout)
        return False

    @_patch(concurrent.futures.thread.ThreadPoolExecutor, "submit")
    def submit(self, fn, /, *args, **kwargs):
        """Runs the call at once: a pool of threads with no threads still gives its results."""
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:
            future.set_exception(exc)
        return future


def _network() -> None:
    import socket
    import urllib.error
    import urllib.request

    @_patch(socket.socket, "__init__")
    def open_socket(self, *_arguments, **_options):
        raise OSError(errno.ENOTSUP, NO_NETWORK)

    for name in ("getaddrinfo", "gethostbyname"):

        @_patch(socket, name)
        def look_up(*_arguments, **_options):
            raise OSError(errno.ENOTSUP, NO_NETWORK)

    @_patch(urllib.request.HTTPHandler, "https_open")
    def https_open(self, request):
        raise urllib.error.URLError(NO_NETWORK)


def install() -> None:
    _processes()
    _threads()
    _network()
