"""The kernel's modules on the host's CPython, with a door that only listens.

Kernel modules bind ``_host.call`` when they are imported, so the stand-in is here before any of them.
"""

from __future__ import annotations

import io
import json
import struct
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

_STREAMS = ("stdin", "stdout", "stderr")
_ORIGINALS = ("__stdin__", "__stdout__", "__stderr__")
_CONSOLE = pytest.StashKey[dict[str, io.TextIOWrapper]]()


class FakeHost(ModuleType):
    """The guest's ``_host`` module: remembers the frames of each call and answers from a list."""

    def __init__(self) -> None:
        super().__init__("_host")
        self.sent: list[bytes] = []
        self.replies: list[bytes] = []

    def call(self, request: bytes) -> bytes:
        self.sent.append(request)  # read later: cells may break the builtins that reading needs
        return self.replies.pop(0) if self.replies else b""

    @property
    def calls(self) -> list[list[tuple[int, Any]]]:
        return [_decode(request) for request in self.sent]

    @property
    def frames(self) -> list[tuple[int, Any]]:
        return [frame for frames in self.calls for frame in frames]


def _decode(data: bytes) -> list[tuple[int, Any]]:
    """(kind, payload) of each frame, read with a decoder that shares nothing with the kernel's encoder."""
    frames = []
    while data:
        magic, kind, zero, length = struct.unpack_from("<4sBBI", data)
        assert (magic, zero) == (b"\xf7WI\x01", 0)
        assert len(data) >= 10 + length
        frames.append((kind, json.loads(data[10 : 10 + length].decode("utf-8"))))
        data = data[10 + length :]
    return frames


_host = FakeHost()
sys.modules.setdefault("_host", _host)
sys.path.append(str(Path(__file__).parents[2] / "runtimes" / "python"))


@pytest.fixture
def decode() -> Callable[[bytes], list[tuple[int, Any]]]:
    """(kind, payload) of each frame in some bytes."""
    return _decode


@pytest.fixture
def host() -> FakeHost:
    _host.sent.clear()
    _host.replies.clear()
    return _host


@pytest.fixture
def console(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, io.BytesIO]:
    """The kernel's three streams over memory, in place of fds 0, 1 and 2; sys has them while the test runs."""
    from wasm_interp_kernel import streams

    raw = {name: io.BytesIO() for name in _STREAMS}
    for name, target in raw.items():
        stream = io.TextIOWrapper(target, "utf-8", errors="backslashreplace", line_buffering=True)
        monkeypatch.setattr(streams.own, name, stream, raising=False)
    request.node.stash[_CONSOLE] = {name: getattr(streams.own, name) for name in _STREAMS}
    return raw


# pytest's own capture puts its streams into sys when each phase begins, after fixtures have run.
@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    before = {name: getattr(sys, name) for name in (*_STREAMS, *_ORIGINALS)}
    vars(sys).update(item.stash.get(_CONSOLE, {}))
    try:
        return (yield)
    finally:
        vars(sys).update(before)


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"__name__": "__main__", "__builtins__": __builtins__}
