"""A guest without WebAssembly: a bytearray for memory, a real file system, a clock that moves when it is told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from wasm_interp._core.vfs import BaseBuilder, Errno, FileSystem, Quota
from wasm_interp._core.wasi.abi import FILESTAT, IOVEC, FdFlags, OpenFlags, Rights
from wasm_interp._core.wasi.calls import CALLS, dispatch
from wasm_interp._core.wasi.descriptors import FileTable, Stream, first_table
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import WasiState

ROOT = 3
SIZE = 131_072
OUT = 0
PATHS = 1_024, 8_192
VECTORS = 16_384
DATA = 65_536
READ, WRITE = Rights.FD_READ, Rights.FD_WRITE
FUNCTIONS: dict[str, Callable[..., None]] = {call.name: call.function for call in CALLS}


@dataclass
class FakeClock:
    """Tells the times it was set to; waiting moves them."""

    real: int = 1_700_000_000_000_000_000
    monotonic: int = 5_000_000_000
    waits: list[float] = field(default_factory=list)
    at_wait: Callable[[Event], None] = lambda wake: None

    def realtime_ns(self) -> int:
        return self.real

    def monotonic_ns(self) -> int:
        return self.monotonic

    def wait(self, seconds: float, wake: Event) -> None:
        self.waits.append(seconds)
        self.at_wait(wake)
        if not wake.is_set():
            self.real += round(seconds * 1_000_000_000)
            self.monotonic += round(seconds * 1_000_000_000)


@dataclass
class Guest:
    """Calls with literal arguments, and the bytes they leave."""

    state: WasiState
    memory: bytearray
    said: list[tuple[Stream, bytes]]

    def __call__(self, name: str, *arguments: int) -> Errno:
        return Errno(dispatch(FUNCTIONS[name], self.state, arguments))

    def u32(self, address: int = OUT) -> int:
        return int.from_bytes(self.memory[address : address + 4], "little")

    def u64(self, address: int = OUT) -> int:
        return int.from_bytes(self.memory[address : address + 8], "little")

    def put(self, address: int, data: bytes) -> None:
        self.memory[address : address + len(data)] = data

    def path(self, text: str | bytes, place: int = 0) -> tuple[int, int]:
        data = text if isinstance(text, bytes) else text.encode()
        self.put(PATHS[place], data)
        return PATHS[place], len(data)

    def buffers(self, *contents: bytes | int) -> tuple[int, int]:
        """iovecs over buffers that hold these bytes, or so many of 0xEE, one after the other."""
        address = DATA
        for index, content in enumerate(contents):
            data = b"\xee" * content if isinstance(content, int) else content
            self.put(VECTORS + 8 * index, IOVEC.pack(address, len(data)))
            self.put(address, data)
            address += len(data)
        return VECTORS, len(contents)

    def open(self, path: str, *, create: bool = False, rights: int = READ | WRITE, flags: int = 0) -> int:
        oflags = OpenFlags.CREATE if create else 0
        arguments = ROOT, 1, *self.path(path), int(oflags), int(rights), 0, int(flags), OUT
        assert self("path_open", *arguments) == Errno.SUCCESS
        return self.u32()

    def file(self, path: str, content: bytes = b"", flags: int = FdFlags(0)) -> int:
        """A new file, open at its start."""
        fd = self.open(path, create=True, flags=flags)
        ino = self.state.files.get(fd).ino
        self.state.fs.write(ino, 0, content)
        return fd

    def content(self, path: str) -> bytes:
        ino = self.state.fs.resolve(self.state.fs.root, path)
        return bytes(self.state.fs.read(ino, 0, 1 << 20))

    def filestat(self, address: int = OUT) -> tuple[Any, ...]:
        return FILESTAT.unpack_from(self.memory, address)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fs(clock: FakeClock) -> FileSystem:
    builder = BaseBuilder()
    builder.file("/fixed/note.txt", b"a note")
    builder.directory("/fixed", writable=False)
    return FileSystem(builder.build(), Quota(bytes=4_000, inodes=100), clock.realtime_ns)


@pytest.fixture
def guest(fs: FileSystem, clock: FakeClock) -> Guest:
    memory = bytearray(SIZE)
    said: list[tuple[Stream, bytes]] = []
    state = WasiState(
        GuestMemory(lambda: memoryview(memory)),
        fs,
        FileTable(fs, 10, first_table((("/", fs.root), ("/fixed", fs.resolve(fs.root, "fixed"))))),
        lambda stream, data: said.append((stream, bytes(data))),
        clock=clock,
        entropy=lambda count: bytes(index % 251 for index in range(count)),
        arguments=(b"program", b"--flag", b""),
        environment=(b"HOME=/home",),
    )
    return Guest(state, memory, said)
