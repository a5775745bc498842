"""esbuild, which makes JavaScript of TypeScript: guests of the process, kept alive between cells.

A new instance costs 17 ms, a request to one that waits a millisecond. So esbuild runs in its service mode on a
thread of its own, reading requests from its stdin and writing answers to its stdout. It has no files, and it is a
guest like any other: when it does not answer in time, or crashes, it is ended, and the next cell gets a new one.

Rule: a service has one request at a time; contexts that ask at once have one each. So source that keeps one busy, or
that ends it, is felt by nobody else.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import wasm_interp._core.engine as engines
from wasm_interp._core.artifacts import Artifact, artifact
from wasm_interp._core.engine import Instance, Mode, RewriteRefused
from wasm_interp._core.languages.base import Patience
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
_MOST_SOURCE_BYTES = 16 << 20
_LOOK_SECONDS = 0.02  # how often a run that waits for its answer looks whether it is to stop
_MOST_IDLE = 2
_MOST_IDLE_BYTES = 128 << 20  # memory never shrinks: one that has had a very large source is not kept
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
    """JavaScript, and the mappings of its source map as the map has them."""

    code: str
    mappings: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A syntax error; line from 1, column from 1."""

    text: str
    line: int
    column: int


def guest() -> Artifact:
    """The WebAssembly module. Raises RuntimeMissing."""
    return artifact("typescript", "esbuild.wasm")


def transpile(source: str, loader: str, patience: Patience) -> Script | Refusal:
    """``loader`` is "ts" or "tsx". Raises TranspilerFailed, also when ``patience`` is over before the answer came."""
    text = source.encode("utf-8", "replace")
    if len(text) > _MOST_SOURCE_BYTES:
        raise TranspilerFailed(f"a source of {len(text)} bytes exceeds {_MOST_SOURCE_BYTES}")
    request = {"command": "transform", "flags": [*_FLAGS, f"--loader={loader}"], "inputFS": False, "input": text}
    with _services.one() as service:
        answer = service.ask(request, patience)
    return _outcome(answer)


def _outcome(answer: dict[str, Any]) -> Script | Refusal:
    """What the answer says; a source may have taken esbuild over, so it may be nonsense. Raises TranspilerFailed."""
    match answer:
        case {"errors": [{"text": str(text), "location": location}, *_]}:
            return Refusal(text, *_place(location))
        case {"code": str(code), "map": str(source_map)}:
            return Script(code, _mappings(source_map))
    raise TranspilerFailed(f"esbuild answered without code: {str(answer)[:200]}")


def _place(location: object) -> tuple[int, int]:
    match location:
        case None:
            return 1, 1
        case {"line": int(line), "column": int(column), "lineText": str(text)}:
            # esbuild counts a column in bytes of UTF-8.
            return line, len(text.encode("utf-8", "replace")[:column].decode("utf-8", "ignore")) + 1
    raise TranspilerFailed(f"esbuild names no place: {str(location)[:200]}")


def _mappings(source_map: str) -> str:
    try:
        loaded = json.loads(source_map)
    except ValueError:
        loaded = None
    match loaded:
        case {"mappings": str(mappings)}:
            return mappings
    raise TranspilerFailed(f"esbuild's source map is none: {source_map[:200]}")


class _Service:
    """One living guest."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._to_guest: deque[memoryview] = deque()
        self._from_guest = bytearray()
        self._is_greeted = False
        self._answer: Future[dict[str, Any]] = Future()
        self._number = 0
        self._memory_bytes = 0
        self.is_over = False
        self._instance = self._new_instance()
        threading.Thread(target=self._run, name="wasm_interp-esbuild", daemon=True).start()

    @property
    def is_worth_keeping(self) -> bool:
        """Whether it may serve another request."""
        return not self.is_over and self._memory_bytes <= _MOST_IDLE_BYTES

    def ask(self, request: dict[str, Any], patience: Patience) -> dict[str, Any]:
        """The answer. Raises TranspilerFailed."""
        with self._ready:
            if self.is_over:
                raise TranspilerFailed("esbuild has ended")
            self._number += 1
            answer: Future[dict[str, Any]] = Future()
            self._answer = answer
            self._to_guest.append(memoryview(encode_packet(self._number, is_request=True, value=request)))
            self._ready.notify()
        try:
            return self._await(answer, patience)
        finally:
            if not answer.done():  # also after a Ctrl-C: what it still does is wanted by nobody
                self.end("the run did not wait for it")

    def _await(self, answer: Future[dict[str, Any]], patience: Patience) -> dict[str, Any]:
        end = time.monotonic() + _MOST_SECONDS
        while not patience.is_over():
            with contextlib.suppress(FutureTimeout):
                return answer.result(_LOOK_SECONDS)
            if time.monotonic() > end:
                raise TranspilerFailed(f"esbuild took longer than {_MOST_SECONDS:g} s")
        raise TranspilerFailed("the run is over")

    def end(self, reason: str) -> None:
        """Let it stop, by force if it is at work. Idempotent."""
        with self._ready:
            self.is_over = True
            self._ready.notify()
        self._instance.stopper.request(StopKind.TIMEOUT)
        with contextlib.suppress(InvalidStateError):  # answered
            self._answer.set_exception(TranspilerFailed(f"esbuild has ended: {reason}"))

    def _run(self) -> None:
        try:
            outcome = self._instance.enter(self._instance.function("_start", 0), deadline=None)
            reason = outcome.trap or "its service ended"
        except BaseException as error:
            reason = repr(error)
        self.end(reason)
        self._instance.wasi.files.close_all()
        self._instance.close()

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
            return bytes(packet[:limit])

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
            number, is_request, value = decode_packet(packet)
            if number == self._number and not is_request:
                self._memory_bytes = self._instance.memory_bytes
                with contextlib.suppress(InvalidStateError):  # nobody waits for it any more
                    self._answer.set_result(value if isinstance(value, dict) else {})


def _compiled() -> tuple[engines.Engine, engines.Module]:
    found = guest()
    try:
        engine = engines.engine(engines.default_mode())
        return engine, engines.load_module(engine, found.path, found.sha256)
    except RewriteRefused:
        engine = engines.engine(Mode.EPOCHS)
        return engine, engines.load_module(engine, found.path, found.sha256)


class _Services:
    """Those that wait for work."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Also in the child of a fork, which has none of their threads."""
        self._lock = threading.Lock()
        self._idle: list[_Service] = []

    @contextmanager
    def one(self) -> Iterator[_Service]:
        """A service for one request. Raises TranspilerFailed."""
        service = self._taken()
        try:
            yield service
        finally:
            self._give_back(service)

    def _taken(self) -> _Service:
        with self._lock:
            while self._idle:
                service = self._idle.pop()
                if not service.is_over:
                    return service
        try:
            return _Service()
        except GuestTrapped as error:
            raise TranspilerFailed(str(error)) from error

    def _give_back(self, service: _Service) -> None:
        with self._lock:
            if service.is_worth_keeping and len(self._idle) < _MOST_IDLE:
                self._idle.append(service)
                return
        service.end("it is not needed")


_services = _Services()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_services.begin_anew)

__all__ = ["PacketError", "Refusal", "Script", "TranspilerFailed", "guest", "transpile"]
