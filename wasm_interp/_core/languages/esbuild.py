"""esbuild, which makes JavaScript of TypeScript: one guest per process, kept alive between cells.

A new instance costs 17 ms, a request to one that waits a millisecond. So esbuild runs in its service mode on a
thread of its own, reading requests from its stdin and writing answers to its stdout. It has no files, and it is a
guest like any other: when it does not answer in time, or crashes, it is ended, and the next cell gets a new one.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

import wasm_interp._core.engine as engines
from wasm_interp._core.artifacts import Artifact, artifact
from wasm_interp._core.engine import Instance, Mode, RewriteRefused
from wasm_interp._core.languages.esbuild_packets import PacketError, decode_packet, encode_packet, split_packets
from wasm_interp._core.languages.tree import tree
from wasm_interp._core.vfs import FileSystem, Quota
from wasm_interp._core.vfs.errno import Errno, FileSystemError
from wasm_interp._core.wasi.abi import FdFlags
from wasm_interp._core.wasi.descriptors import FileTable, Stream, first_table
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import SystemClock, WasiState
from wasm_interp.errors import GuestTrapped
from wasm_interp.results import StopKind

_VERSION = "0.27.2"  # the service refuses a client of another
_MEMORY_BYTES = 1 << 30
_MOST_REST_SECONDS = 3600.0
_MOST_SECONDS = 20.0  # a megabyte of TypeScript takes one
_OPTIONS = '{"compilerOptions":{"verbatimModuleSyntax":true,"experimentalDecorators":false}}'
_FLAGS = [
    "--sourcemap=external",
    "--sources-content=false",
    "--log-level=silent",
    "--log-limit=1",
    "--target=esnext",
    "--supported:decorators=false",
    "--supported:using=false",
    "--charset=utf8",
    f"--tsconfig-raw={_OPTIONS}",
]


class TranspilerFailed(Exception):
    """esbuild did not answer, or not in its own language."""


@dataclass(frozen=True, slots=True)
class Script:
    """JavaScript, and the mappings of its source map."""

    code: str
    map: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A syntax error; line from 1, column from 1."""

    text: str
    line: int
    column: int


def guest() -> Artifact:
    """The WebAssembly module. Raises RuntimeMissing."""
    return artifact("typescript", "esbuild.wasm")


def transpile(source: str, loader: str) -> Script | Refusal:
    """``loader`` is "ts" or "tsx". Raises TranspilerFailed."""
    request = {"command": "transform", "flags": [*_FLAGS, f"--loader={loader}"], "inputFS": False}
    answer = _service().ask(request | {"input": source.encode("utf-8", "replace")})
    errors = answer.get("errors")
    if errors:
        return _refusal(errors[0])
    code, source_map = answer.get("code"), answer.get("map")
    if not isinstance(code, str) or not isinstance(source_map, str):
        raise TranspilerFailed(f"esbuild answered without code: {str(answer)[:200]}")
    return Script(code, source_map)


def _refusal(error: dict[str, Any]) -> Refusal:
    location = error.get("location") or {"line": 1, "column": 0, "lineText": ""}
    # esbuild counts a column in bytes of UTF-8.
    before = str(location["lineText"]).encode()[: int(location["column"])].decode("utf-8", "ignore")
    return Refusal(str(error["text"]), int(location["line"]), len(before) + 1)


class _Service:
    """One living guest."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._to_guest: deque[bytes] = deque()
        self._from_guest = bytearray()
        self._is_greeted = False
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._last = -1
        self.is_over = False
        self._instance = self._new_instance()
        threading.Thread(target=self._run, name="wasm_interp-esbuild", daemon=True).start()

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer. Raises TranspilerFailed."""
        future: Future[dict[str, Any]] = Future()
        with self._ready:
            if self.is_over:
                raise TranspilerFailed("esbuild has ended")
            self._last += 1
            self._waiting[self._last] = future
            self._to_guest.append(encode_packet(self._last, is_request=True, value=request))
            self._ready.notify()
        try:
            return future.result(_MOST_SECONDS)
        except FutureTimeout:
            self._end(f"esbuild took longer than {_MOST_SECONDS:g} s")
            raise TranspilerFailed(f"esbuild took longer than {_MOST_SECONDS:g} s") from None

    def _run(self) -> None:
        try:
            outcome = self._instance.enter(self._instance.function("_start", 0), deadline=None)
            reason = outcome.trap or "its service ended"
        except BaseException as error:
            reason = repr(error)
        self._end(f"esbuild has ended: {reason}")
        self._instance.wasi.files.close_all()
        self._instance.close()

    def _end(self, reason: str) -> None:
        with self._ready:
            self.is_over = True
            waiting, self._waiting = self._waiting, {}
            self._ready.notify()
        self._instance.stopper.request(StopKind.TIMEOUT)
        for future in waiting.values():
            if not future.done():
                future.set_exception(TranspilerFailed(reason))

    def _new_instance(self) -> Instance:
        engine, module = _compiled()
        clock = SystemClock()
        fs = FileSystem(tree().base, Quota(1 << 20, 100), clock.realtime_ns)
        files = FileTable(fs, 16, first_table((("/", tree().preopens[0][1]),)))
        files.get(Stream.STDIN).flags = FdFlags.NONBLOCK  # or Go's one thread would wait for its first byte
        memory = GuestMemory(lambda: memoryview(b""))
        arguments = (b"esbuild", f"--service={_VERSION}".encode())
        wasi = WasiState(memory, fs, files, self._output, self._input, self._await_input, clock, arguments=arguments)
        return Instance(engine, module, wasi, lambda sent: b"", _MEMORY_BYTES)

    def _input(self, limit: int) -> bytes:
        """What esbuild reads."""
        with self._ready:
            if self.is_over:
                return b""
            if not self._to_guest:
                raise FileSystemError(Errno.AGAIN)
            packet = self._to_guest.popleft()
            if len(packet) > limit:
                self._to_guest.appendleft(packet[limit:])
            return packet[:limit]

    def _await_input(self, seconds: float) -> bool:
        if seconds > 0 and not self._to_guest and not self.is_over:
            with self._instance.resting(), self._ready:
                self._ready.wait_for(lambda: self._to_guest or self.is_over, min(seconds, _MOST_REST_SECONDS))
        return bool(self._to_guest) or self.is_over

    def _output(self, stream: Stream, data: memoryview) -> None:
        if stream is not Stream.STDOUT:
            return
        self._from_guest += data
        for packet in split_packets(self._from_guest):
            if not self._is_greeted:
                self._is_greeted = True  # its first packet is its version
                continue
            identity, is_request, value = decode_packet(packet)
            future = None if is_request else self._waiting.pop(identity, None)
            if future is not None:
                future.set_result(value if isinstance(value, dict) else {})


def _compiled() -> tuple[engines.Engine, engines.Module]:
    found = guest()
    try:
        engine = engines.engine(engines.default_mode())
        return engine, engines.load_module(engine, found.path, found.sha256)
    except RewriteRefused:
        engine = engines.engine(Mode.EPOCHS)
        return engine, engines.load_module(engine, found.path, found.sha256)


class _Holder:
    service: _Service | None = None
    lock = threading.Lock()


def _service() -> _Service:
    with _Holder.lock:
        if _Holder.service is None or _Holder.service.is_over:
            try:
                _Holder.service = _Service()
            except GuestTrapped as error:
                raise TranspilerFailed(str(error)) from error
        return _Holder.service


def _forget_service() -> None:
    """In the child of a fork, which has no such thread."""
    _Holder.service = None
    _Holder.lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_service)

__all__ = ["PacketError", "Refusal", "Script", "TranspilerFailed", "guest", "transpile"]
