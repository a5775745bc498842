"""Random input for everything that takes bytes from a guest or from a file: seconds in a test, minutes in scripts/fuzz.

Each target is a function of a random generator; a finding is any exception. The seed that led to it is told, and
`python -m tests.hostile.fuzz --target wasi --seed 123` does the same again. Findings are kept in `FOUND`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import wasmtime

from tests.engine.guests import CALL_ANYTHING, PAGE, Guest, new_fs, new_guest
from wasm_interp._core.engine import Exit, Mode, RewriteRefused, engine
from wasm_interp._core.engine.rewrite import without_bulk_memory
from wasm_interp._core.images import checkpoint
from wasm_interp._core.kernel import templates
from wasm_interp._core.protocol.frames import (
    HEADER,
    MAGIC,
    MAX_FRAME_BYTES,
    Frame,
    FrameDecoder,
    FrameKind,
    encode_frame,
)
from wasm_interp._core.protocol.messages import read_message
from wasm_interp._core.vfs import Errno, FileSystem, Quota
from wasm_interp._core.vfs.nodes import Kind
from wasm_interp._core.wasi.abi import IOVEC, SIGNATURES, SUBSCRIPTION
from wasm_interp.errors import ProtocolError

Target = Callable[[random.Random], None]

# (target, seed) of every finding; all are run again by the test.
FOUND = [("templates", 978474801106)]

# Frames and messages


def frames(chance: random.Random) -> None:
    """However a stream is cut, it gives the same frames, up to the piece in which it is no stream any more."""
    stream = b"".join(_piece_of_stream(chance) for _ in range(chance.randrange(8)))
    all_frames, is_stream = _decoded(stream, [1] * len(stream))
    for pieces in ([len(stream)], [chance.randrange(1, 40) for _ in stream]):
        found, is_one = _decoded(stream, pieces)
        assert is_one == is_stream
        assert found == all_frames if is_stream else found == all_frames[: len(found)]


def _piece_of_stream(chance: random.Random) -> bytes:
    payload = chance.randbytes(chance.choice([0, 1, 5, 30]))
    frame = encode_frame(chance.choice(list(FrameKind)), payload)
    match chance.randrange(12):
        case 0:
            return chance.randbytes(chance.randrange(20))
        case 1:
            return frame[: chance.randrange(len(frame))]
        case 2:
            return HEADER.pack(MAGIC, chance.randrange(256), chance.randrange(64))
        case 3:
            return HEADER.pack(MAGIC, 1, chance.choice([MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 2**32 - 1]))
        case 4:
            place = chance.randrange(len(frame))
            return frame[:place] + bytes([chance.randrange(256)]) + frame[place + 1 :]
    return frame


def _decoded(stream: bytes, pieces: list[int]) -> tuple[list[Frame], bool]:
    """The frames until the first error, and whether there was none."""
    decoder, found, start = FrameDecoder(), [], 0
    for size in pieces:
        piece, start = stream[start : start + size], start + size
        try:
            found += decoder.receive_data(piece)
        except ProtocolError:
            assert decoder.pending_bytes == 0
            return found, False
        assert decoder.pending_bytes <= HEADER.size + MAX_FRAME_BYTES
    return found, True


def messages(chance: random.Random) -> None:
    """A payload is a message whose every text can be encoded, or it is refused."""
    payload = _payload(chance)
    try:
        message = read_message(Frame(chance.choice(list(FrameKind)), payload))
    except ProtocolError as error:
        str(error).encode()
        return
    for name in message.__slots__:
        json.dumps(getattr(message, name), ensure_ascii=False, allow_nan=False).encode()


_NAMES = ["data", "main", "metadata", "display_id", "name", "value", "traceback", "exit_code", "prompt", "password"]
_TEXTS = ["", "a", "text/plain", "\ud800", "\udc00\ud800", "\U0001f600", "\0", "é" * 50, "\\ud800"]


def _payload(chance: random.Random) -> bytes:
    match chance.randrange(10):
        case 0:
            return chance.randbytes(chance.randrange(30))
        case 1:
            return b"[" * chance.randrange(100_000)
        case 2:
            return b'{"value":' + chance.choice([b"NaN", b"1e999", b"-Infinity", b"1" * 5_000, b"1e-999"]) + b"}"
    text = json.dumps({name: _value(chance, 3) for name in chance.sample(_NAMES, chance.randrange(len(_NAMES)))})
    payload = text.encode()
    if chance.random() < 0.3:
        place = chance.randrange(len(payload))
        payload = payload[:place] + chance.randbytes(1) + payload[place + 1 :]
    return payload


def _value(chance: random.Random, depth: int) -> object:
    match chance.randrange(9 if depth else 6):
        case 0:
            return None
        case 1:
            return chance.random() < 0.5
        case 2:
            return chance.choice([0, -1, 2**31, 2**64, 10**300])
        case 3:
            return chance.choice([0.0, -0.5, 1e300, float("nan"), float("inf")])
        case 4 | 5:
            return chance.choice(_TEXTS)
        case 6:
            return [_value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {chance.choice(_TEXTS): _value(chance, depth - 1) for _ in range(chance.randrange(4))}


# WASI


class LeapingClock:
    """Never sleeps: a wait only moves the time."""

    def __init__(self) -> None:
        self.now = 10**18

    def realtime_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now

    def wait(self, seconds: float, wake: Event) -> None:
        self.now += round(seconds * 1_000_000_000)


_MEMORY = 4 * PAGE
_QUOTA = Quota(bytes=60_000, inodes=25)
_OPEN_FILES = 12
_CALLS = [name for name in SIGNATURES if name != "proc_exit"]
_PATHS = [
    b"a",
    b"b",
    b"dir",
    b"dir/c",
    b"dir/../a",
    b"..",
    b".",
    b"",
    b"/",
    b"a/",
    b"link",
    b"dir/link",
    b"\0",
    b"\xff",
]
_PLACES = [64, 200, 1_000, 2_048, 3_000, 4_096, 9_000]


def wasi(chance: random.Random) -> None:
    """Whatever a guest calls: an errno that there is, limits that hold, and a neighbour that notices nothing."""
    fs = new_fs(_QUOTA)
    neighbour = new_guest(CALL_ANYTHING, fs=new_fs(_QUOTA))
    neighbour.write(0, b"mine" * 100)
    guest = new_guest(
        CALL_ANYTHING,
        fs=fs,
        open_files=_OPEN_FILES,
        clock=LeapingClock(),
        entropy=chance.randbytes,
        input=lambda limit: b"line\n"[:limit],
        arguments=(b"program",),
        environment=(b"A=B",),
    )
    try:
        for _ in range(60):
            _furnish(chance, guest)
            name = chance.choice(_CALLS)
            arguments = [_argument(chance, code) for code in SIGNATURES[name]]
            outcome, errno = guest.run(name, *arguments)
            assert outcome == Exit(), (name, arguments, outcome)
            assert errno is not None
            assert Errno(errno) is not Errno.NOMEM, (name, arguments)
            assert guest.instance.failure is None
            assert fs.usage().bytes <= _QUOTA.bytes
            assert fs.usage().inodes <= _QUOTA.inodes
            assert len(guest.wasi.files) <= _OPEN_FILES
            for said in guest.said.values():
                said.clear()
    finally:
        guest.close()
    assert (fs.usage().bytes, fs.usage().inodes) == _counted(fs)
    assert neighbour.read(0, 400) == b"mine" * 100
    assert neighbour.call("sched_yield") == 0
    neighbour.close()


def _furnish(chance: random.Random, guest: Guest) -> None:
    """Something that calls can make sense of: paths, buffers, subscriptions."""
    place = chance.choice(_PLACES)
    match chance.randrange(4):
        case 0:
            guest.write(place, chance.choice(_PATHS))
        case 1:
            vectors = [IOVEC.pack(_argument(chance, "I"), chance.randrange(5_000)) for _ in range(3)]
            guest.write(place, b"".join(vectors))
        case 2:
            fields = chance.randrange(2**64), chance.randrange(4), chance.randrange(8), _argument(chance, "Q"), 0, 0
            guest.write(place, SUBSCRIPTION.pack(*fields))
        case 3:
            guest.write(place, chance.randbytes(64))


def _argument(chance: random.Random, code: str) -> int:
    small = chance.randrange(10)
    if code == "I":
        wild = [2**31, 2**32 - 1, _MEMORY - 1, _MEMORY, _MEMORY - 8, chance.randrange(2**32)]
        return chance.choice([small, small, 3, chance.choice(_PLACES), chance.choice(_PLACES), chance.choice(wild)])
    wild = [2**63 - 1, 2**32, 2**31, 2**62 + 1, chance.randrange(2**63)]
    return chance.choice([small, small, chance.randrange(70_000), chance.choice(wild)])


def _counted(fs: FileSystem) -> tuple[int, int]:
    """(bytes, inodes) of all that can be reached, counted as the quota counts: each name is one."""
    sizes: dict[int, int] = {}
    names = 0
    folders = [fs.root]
    while folders:
        for entry in fs.entries(folders.pop()):
            if entry.name in (".", ".."):
                continue
            names += 1
            if entry.kind is Kind.DIRECTORY:
                folders.append(entry.ino)
            else:
                sizes[entry.ino] = fs.stat(entry.ino).size
    return sum(sizes.values()), names


# Images, and guests as files


def runs(chance: random.Random) -> None:
    """Pages that are joined or parted are the same pages, in order, and apart."""
    page = checkpoint.HOST_PAGE_BYTES
    written: list[tuple[int, int]] = []
    at = 0
    for _ in range(chance.choice([0, 1, 5, 300, 3_000])):
        at += page * chance.choice([1, 1, 2, 7, 500])
        length = page * chance.choice([1, 1, 1, 3, 20, 400])
        written.append((at, length))
        at += length
    mapped, aside = checkpoint._parted(written, 8 << 20, chance.choice([0, 2 << 20]))
    assert len(mapped) <= 256
    for part in (mapped, aside):
        assert all(first + length < second for (first, length), (second, _) in itertools.pairwise(part))
    kept = checkpoint._union(mapped, aside)
    assert all(any(at <= first and first + length <= at + size for at, size in kept) for first, length in written[:50])
    half = len(written) // 2
    again = checkpoint._union(written[half:], written[:half])
    assert sum(length for _, length in again) == sum(length for _, length in written)


def template_files(chance: random.Random) -> None:
    """A template that was damaged is told apart by an error that the caller expects."""
    described = json.dumps({"files": [_value(chance, 3)], "interrupt_words": [[_value(chance, 1), 1]]}).encode()
    if chance.random() < 0.3:
        described = chance.choice([b"", b"[]", b"{}", b"[" * 50_000, chance.randbytes(40)])
    length = chance.choice([len(described), 0, 1, len(described) + 9, 2**63, 2**64 - 1])
    content = bytes(chance.randrange(3) * PAGE) + described + length.to_bytes(8, "little")
    content = content[chance.choice([0, 0, 5, len(content) - 4]) :]
    descriptor, name = tempfile.mkstemp()
    os.write(descriptor, content)
    os.close(descriptor)
    before = set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else set()
    try:
        templates._read(Path(name))
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        pass
    finally:
        Path(name).unlink()
        for left in (set(os.listdir("/proc/self/fd")) - before) if before else ():
            try:
                os.close(int(left))
            except OSError:
                continue


_MODULE = bytes(
    wasmtime.wat2wasm("""(module (memory 1) (table 1 funcref) (global (mut i32) (i32.const 0))
      (func $a (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
      (func (param i32 i32 i32) (result i32)
        (block (block (br_table 0 1 (local.get 0))))
        (memory.fill (local.get 0) (local.get 1) (local.get 2))
        (v128.store (i32.const 0) (v128.const i64x2 1 2))
        (select (result i32) (i32.const 1) (i32.const 2) (local.get 0))))""")
)


def modules(chance: random.Random) -> None:
    """A guest that was damaged is refused, or is as valid after the rewrite as before it."""
    damaged = bytearray(_MODULE)
    for _ in range(chance.randrange(1, 5)):
        damaged[chance.randrange(8, len(damaged))] = chance.choice([chance.randrange(256), 0xFC, 0xFD, 0x0B, 0x80])
    if chance.random() < 0.2:
        del damaged[chance.randrange(8, len(damaged)) :]
    try:
        rewritten = without_bulk_memory(bytes(damaged))
    except RewriteRefused:
        return
    if _is_valid(bytes(damaged)):
        assert _is_valid(rewritten)


def _is_valid(wasm: bytes) -> bool:
    try:
        wasmtime.Module.validate(engine(Mode.PROTECTED).raw, wasm)
    except wasmtime.WasmtimeError:
        return False
    return True


TARGETS: dict[str, Target] = {
    "frames": frames,
    "messages": messages,
    "wasi": wasi,
    "runs": runs,
    "templates": template_files,
    "modules": modules,
}


class Finding(AssertionError):
    """A target failed; the message says how to do it again."""


def run(name: str, seed: int) -> None:
    """One round. Raises Finding."""
    try:
        TARGETS[name](random.Random(seed))
    except Exception as error:
        again = f"python -m tests.hostile.fuzz --target {name} --seed {seed}"
        raise Finding(f"{again}: {type(error).__name__}: {error}") from error


def run_for(name: str, seconds: float, first_seed: int) -> int:
    """Rounds with one seed after the other; how many."""
    end, seed = time.monotonic() + seconds, first_seed
    while time.monotonic() < end:
        run(name, seed)
        seed += 1
    return seed - first_seed


def main() -> None:
    parser = argparse.ArgumentParser(prog="fuzz", description="Feed random input to what reads a guest's bytes.")
    parser.add_argument("seconds", type=float, nargs="?", default=60.0, help="for all targets together (60)")
    parser.add_argument("--target", choices=TARGETS, action="append")
    parser.add_argument("--seed", type=int, help="one round with this seed")
    options = parser.parse_args()
    targets = options.target or list(TARGETS)
    for name in targets:
        if options.seed is not None:
            run(name, options.seed)
            print(f"{name}: seed {options.seed} finds nothing")
            continue
        rounds = run_for(name, options.seconds / len(targets), time.time_ns() % 10**12)
        print(f"{name}: {rounds} rounds found nothing", flush=True)


if __name__ == "__main__":
    main()
