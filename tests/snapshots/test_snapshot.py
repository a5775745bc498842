"""A snapshot goes on elsewhere as if nothing had been, and bytes that are none are refused without harm."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.snapshots.arena_use import bytes_in_use, mappings_left
from tests.snapshots.test_fork import text, wait_inside
from wasm_interp import (
    CodeContext,
    ContextClosed,
    LimitExceeded,
    Limits,
    Sandbox,
    Snapshot,
    SnapshotError,
    SnapshotFormatError,
    SnapshotMismatch,
    UsageError,
    WasmInterpError,
)
from wasm_interp._core.snapshots import document, envelope

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="snapshots need memfd_create and pagemap")

KEY = b"a secret of the caller's own"
ROOT = Path(__file__).resolve().parents[2]


def resumed(snapshot: Snapshot) -> Sandbox:
    """Through bytes, as everywhere else it would be."""
    return Sandbox.from_snapshot(Snapshot.from_bytes(snapshot.to_bytes()))


def altered(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The same snapshot with other metadata, and a right checksum."""
    opened = envelope.open_envelope(memoryview(data), None, 1 << 30)
    metadata = json.loads(opened.metadata)
    change(metadata)
    return envelope.seal(json.dumps(metadata).encode(), [opened.body], None)


# What goes on


def test_everything_goes_on(sandbox: Sandbox, context: CodeContext) -> None:
    sandbox.run_code("d = 'default'")
    context.run(
        "import asyncio, os, random, pandas as pd\n"
        "g = iter(range(9)); next(g); random.seed(5); os.environ['A'] = 'b'; os.chdir('/tmp')\n"
        "f = open('log', 'w+'); f.write('abc'); f.flush()\n"
        "gone = open('gone', 'w+'); gone.write('x' * 9); gone.flush(); os.remove('gone')\n"
        "async def late():\n    await asyncio.sleep(0.01)\n    return 'late'\n"
        "task = asyncio.create_task(late()); await asyncio.sleep(0)\n"
        "df = pd.DataFrame({'a': [1, 2]})"
    )
    ask = (
        "next(g), random.random(), os.environ['A'], os.getcwd(), f.tell(), gone.seek(0), gone.read(), "
        "await task, int(df.a.sum())"
    )
    with resumed(sandbox.snapshot()) as twin:
        assert twin.run_code(ask, context=context.id).text == text(context, ask)
        assert twin.run_code("d").text == "'default'"
        assert twin.run_code("1").execution_count == 3
        assert [each.id for each in twin.list_code_contexts()] == [each.id for each in sandbox.list_code_contexts()]
        (there, *_) = twin.list_code_contexts()
        assert (there.created_at, there.cwd, there.timeout) == (context.created_at, context.cwd, context.timeout)


def test_a_resumed_sandbox_shares_nothing_and_gives_all_back(sandbox: Sandbox) -> None:
    before = bytes_in_use(), mappings_left()
    sandbox.run_code("big = bytearray(b'x') * (8 << 20); open('file', 'w').write('mine')")
    snapshot = sandbox.snapshot()
    twins = [resumed(snapshot), Sandbox.from_snapshot(snapshot)]
    for twin in twins:
        twin.run_code("big[0] = 1; open('file', 'w').write('theirs')")
        assert twin.run_code("big[0], big[1], len(big)").text == "(1, 120, 8388608)"
    assert sandbox.run_code("big[0], open('file').read()").text == "(120, 'mine')"
    for each in (*twins, sandbox):
        each.close()
    assert (bytes_in_use(), mappings_left()) == before


def test_files_of_every_kind_go_on(sandbox: Sandbox) -> None:
    sandbox.run_code(
        "import os\n"
        "os.makedirs('a/b/c'); open('a/b/f', 'wb').write(bytes(range(256)) * 40); os.symlink('../f', 'a/b/c/s')\n"
        "os.link('a/b/f', 'a/hard'); open('a/é \\U0001f40d', 'w').close(); os.mkdir('gone'); os.rmdir('gone')\n"
        "os.rmdir('/home/user'); os.utime('a/hard', ns=(5, 7)); os.rename('a/b', 'moved')"
    )
    look = (
        "import os; [(top, sorted(dirs), sorted(files), [os.lstat(f'{top}/{n}') for n in sorted(dirs + files)]) "
        "for root in ('/workspace', '/home', '/tmp') for top, dirs, files in os.walk(root)]"
    )
    usage = sandbox._fs.usage()
    with resumed(sandbox.snapshot()) as twin:
        assert twin._fs.usage() == usage
        assert twin.run_code(look).text == sandbox.run_code(look).text
        assert twin.files.read("moved/c/s") == bytes(range(256)) * 40
        twin.run_code("open('a/new', 'w').write('x'); os.remove('a/hard'); os.remove('moved/f')")
        sandbox.run_code("open('a/new', 'w').write('x'); os.remove('a/hard'); os.remove('moved/f')")
        assert twin._fs.usage() == sandbox._fs.usage()


def test_unseeded_draws_are_fresh_in_each_resumed_sandbox(sandbox: Sandbox) -> None:
    sandbox.run_code("import random; random.random()")
    snapshot = sandbox.snapshot()
    drawn = {each.run_code("random.random()").text for each in (sandbox, resumed(snapshot), resumed(snapshot))}
    assert len(drawn) == 3


def test_a_context_that_never_ran_is_told_where_it_is(sandbox: Sandbox) -> None:
    context = sandbox.create_code_context(cwd="/tmp/here", env_vars={"A": "b"})
    with resumed(sandbox.snapshot()) as twin:
        assert twin.run_code("import os; os.getcwd(), os.environ['A']", context=context.id).text == "('/tmp/here', 'b')"


def test_snapshots_of_forks_of_resumed_sandboxes(sandbox: Sandbox) -> None:
    sandbox.run_code("x = 1; kept = bytearray(b'k') * (3 << 20)")
    twin = sandbox
    for n in range(4):
        twin = resumed(twin.fork().snapshot())
        assert twin.run_code("x += 1; kept[::100000] = b'z' * len(kept[::100000]); x").text == str(n + 2)
    assert twin.run_code("chr(kept[1]), chr(kept[100000]), len(kept)").text == "('k', 'z', 3145728)"


def test_it_resumes_with_another_metering_mode(sandbox: Sandbox) -> None:
    sandbox.run_code("x = 1")
    snapshot = Snapshot.from_bytes(sandbox.snapshot().to_bytes())
    with Sandbox.from_snapshot(snapshot, limits=Limits(fuel=10**10)) as twin:
        result = twin.run_code("x")
        assert result.text == "1"
        assert result.fuel_used is not None
        with resumed(twin.snapshot()) as third:
            assert third.run_code("x").fuel_used is not None


def test_it_resumes_in_a_fresh_process(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.run_code("import pandas as pd; df = pd.DataFrame({'a': [1, 2]}); g = (n * n for n in range(9)); next(g)")
    sandbox.files.write("data", "kept")
    (tmp_path / "snapshot").write_bytes(sandbox.snapshot().to_bytes(key=KEY))
    program = (
        "import sys; from wasm_interp import Sandbox, Snapshot\n"
        f"data = open(sys.argv[1], 'rb').read(); snapshot = Snapshot.from_bytes(data, key={KEY!r})\n"
        "with Sandbox.from_snapshot(snapshot) as sandbox:\n"
        "    print(sandbox.run_code('next(g), int(df.a.sum()), open(\"data\").read()').text)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "snapshot")], cwd=ROOT, capture_output=True, text=True
    )
    assert "(1, 3, 'kept')" in done.stdout, done.stderr


def test_a_session_is_small(sandbox: Sandbox) -> None:
    sandbox.run_code("import pandas as pd; df = pd.DataFrame({'a': range(1000)})")
    assert len(sandbox.snapshot().to_bytes()) < 500_000


def test_it_says_what_it_is(sandbox: Sandbox, context: CodeContext) -> None:
    sandbox.files.write("data", "x")
    snapshot = sandbox.snapshot()
    assert repr(snapshot) == "<Snapshot of 1 contexts and 1 files>"
    assert snapshot.context_ids == [context.id]


# At the wrong moment


def test_a_snapshot_waits_for_the_run_that_is_going_on(sandbox: Sandbox, context: CodeContext) -> None:
    run, let_go = wait_inside(context, sandbox, "x = 'done'")
    let_go()
    snapshot = sandbox.snapshot()
    run.join()
    with resumed(snapshot) as twin:
        assert twin.run_code("x", context=context.id).text == "'done'"


def test_a_closed_sandbox_has_no_snapshot(sandbox: Sandbox) -> None:
    sandbox.close()
    with pytest.raises(ContextClosed, match=r"^the sandbox is closed$"):
        sandbox.snapshot()


def test_in_a_callback_of_its_own_context_it_is_refused(sandbox: Sandbox, context: CodeContext) -> None:
    with pytest.raises(UsageError, match=r"^a callback cannot wait for its own context"):
        context.run("print(1)", on_stdout=lambda _: sandbox.snapshot() and None)


# Signatures


def test_a_signed_snapshot_is_opened_with_its_key_alone(sandbox: Sandbox) -> None:
    signed = sandbox.snapshot().to_bytes(key=KEY)
    Snapshot.from_bytes(signed, key=KEY)
    with pytest.raises(SnapshotFormatError, match=r"^the snapshot is signed with another key, or was altered$"):
        Snapshot.from_bytes(signed, key=b"the secret of somebody else")
    with pytest.raises(SnapshotFormatError, match=r"^the snapshot is signed, and no key was given$"):
        Snapshot.from_bytes(signed)


def test_with_a_key_an_unsigned_or_altered_snapshot_is_refused(sandbox: Sandbox) -> None:
    unsigned = sandbox.snapshot().to_bytes()
    with pytest.raises(SnapshotFormatError, match=r"^the snapshot is not signed, and a key was given$"):
        Snapshot.from_bytes(unsigned, key=KEY)
    changed = bytearray(sandbox.snapshot().to_bytes(key=KEY))
    changed[-40] ^= 1
    with pytest.raises(SnapshotFormatError, match="or was altered"):
        Snapshot.from_bytes(changed, key=KEY)
    marked = bytearray(unsigned)
    marked[10] = 1
    with pytest.raises(SnapshotFormatError, match="or was altered"):
        Snapshot.from_bytes(marked, key=KEY)


@pytest.mark.parametrize("key", ["text" * 8, b"short"])
def test_what_is_no_key_is_refused(sandbox: Sandbox, key: Any) -> None:
    with pytest.raises(UsageError, match=r"^key must be a secret of at least 16 bytes$"):
        sandbox.snapshot().to_bytes(key=key)


# Bytes that are no snapshot


@pytest.fixture(scope="module")
def small() -> bytes:
    with Sandbox() as made:
        made.files.write("data", "kept")
        return made.snapshot().to_bytes()


@pytest.fixture(scope="module")
def session() -> bytes:
    with Sandbox() as made:
        made.run_code("import os; f = open('gone', 'w'); f.write('x'); f.flush(); os.remove('gone'); x = 1")
        made.files.write("folder/data", "kept")
        return made.snapshot().to_bytes()


def test_every_byte_flipped_is_noticed(small: bytes) -> None:
    for position in range(len(small)):
        for bit in (1, 0x80):
            changed = bytearray(small)
            changed[position] ^= bit
            with pytest.raises(SnapshotError):
                Snapshot.from_bytes(changed)


def test_every_byte_flipped_behind_the_checksum_does_no_harm(small: bytes) -> None:
    """What somebody would do who can make the checksum right again."""
    end = len(small) - envelope.DIGEST_BYTES
    for position in range(len(small)):
        changed = bytearray(small)
        changed[position] ^= 1
        changed[end:] = envelope._digest([bytes(changed[:end])], None)
        try:
            Sandbox.from_snapshot(Snapshot.from_bytes(changed)).close()
        except WasmInterpError:
            continue


def test_every_character_of_the_metadata_changed_does_no_harm(session: bytes) -> None:
    opened = envelope.open_envelope(memoryview(session), None, 1 << 30)
    for position in range(0, len(opened.metadata), 3):
        for character in b"9", b"-", b"[", b'"', b"e":
            metadata = opened.metadata[:position] + character + opened.metadata[position + 1 :]
            try:
                data = document.read(metadata, opened.body)
                Sandbox.from_snapshot(Snapshot(data, is_trusted=False)).close()
            except WasmInterpError:
                continue


REQUEST = {"id": "req-1", "name": "n", "payload": None}


@pytest.mark.parametrize(
    "waiting",
    [
        5,
        {},
        {"code": "x"},
        {"code": 5, "requests": [REQUEST]},
        {"code": "x", "requests": []},
        {"code": "x", "requests": [REQUEST, REQUEST]},
        {"code": "x", "requests": [REQUEST | {"id": 5}]},
        {"code": "x", "requests": [REQUEST | {"name": None}]},
        {"code": "x", "requests": [REQUEST | {"more": 1}]},
        {"code": "x", "requests": [REQUEST | {"id": f"req-{n}"} for n in range(1001)]},
    ],
)
def test_a_cell_that_cannot_wait_so_is_refused(session: bytes, waiting: Any) -> None:
    changed = altered(session, lambda metadata: metadata["contexts"][0].update(waiting=waiting))
    with pytest.raises(SnapshotFormatError):
        Snapshot.from_bytes(changed)


def test_a_cell_that_only_the_snapshot_says_waits_goes_on_to_nothing(session: bytes) -> None:
    waiting = {"code": "x", "requests": [REQUEST]}
    changed = altered(session, lambda metadata: metadata["contexts"][0].update(waiting=waiting))
    with Sandbox.from_snapshot(Snapshot.from_bytes(changed)) as sandbox:
        context = sandbox.list_code_contexts()[0]
        assert [request.id for request in context.waiting] == ["req-1"]
        context.resume({"req-1": 1})
        assert context.waiting == []
        assert context.run("1 + 1").text == "2"


def test_what_nobody_signed_keeps_to_the_default_timeout_and_keeps_no_history(sandbox: Sandbox) -> None:
    sandbox.create_code_context(timeout=None, history_bytes=1 << 30)
    sandbox.create_code_context(timeout=5.0)
    snapshot = sandbox.snapshot()
    with Sandbox.from_snapshot(Snapshot.from_bytes(snapshot.to_bytes())) as twin:
        assert [each.timeout for each in twin.list_code_contexts()] == [30.0, 5.0]
        with pytest.raises(UsageError, match="keeps no history"):
            _ = twin.list_code_contexts()[0].history
    signed = Snapshot.from_bytes(snapshot.to_bytes(key=KEY), key=KEY)
    with Sandbox.from_snapshot(signed) as twin:
        assert [each.timeout for each in twin.list_code_contexts()] == [None, 5.0]
        assert twin.list_code_contexts()[0].history == []


def test_truncated(small: bytes) -> None:
    for length in range(len(small)):
        with pytest.raises(SnapshotFormatError):
            Snapshot.from_bytes(small[:length])
    with pytest.raises(SnapshotFormatError, match=f"has {len(small) + 1} bytes instead of {len(small)}"):
        Snapshot.from_bytes(small + b"\0")


@pytest.mark.parametrize("foreign", [b"", b"PK\3\4" * 100, b"\x28\xb5\x2f\xfd" * 100, bytes(100), b"\x80\x04" * 60])
def test_foreign(foreign: bytes) -> None:
    with pytest.raises(SnapshotFormatError, match=r"no snapshot"):
        Snapshot.from_bytes(foreign)


def test_what_is_not_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^a snapshot is read from bytes, not from str$"):
        Snapshot.from_bytes("text")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^snapshot must be a Snapshot, not bytes$"):
        Sandbox.from_snapshot(b"bytes")  # type: ignore[arg-type]


def test_a_future_version(small: bytes) -> None:
    changed = bytearray(small)
    changed[8] = 3
    with pytest.raises(SnapshotMismatch, match=r"^the snapshot has version 3 of the format; this wasm_interp reads 2$"):
        Snapshot.from_bytes(changed)


def test_a_decompression_bomb_is_refused_before_it_unpacks(small: bytes) -> None:
    bomb = envelope.seal(b"{}", [bytes(64 << 20)], None)
    assert len(bomb) < 10_000
    with pytest.raises(SnapshotFormatError, match=r"unpacks to 67108866 bytes; the limit max_bytes is 1048576$"):
        Snapshot.from_bytes(bomb, max_bytes=1 << 20)
    lying = bytearray(bomb)
    envelope.HEADER.pack_into(
        lying, 0, envelope.MAGIC, envelope.VERSION, 0, 0, *(*envelope.HEADER.unpack_from(bomb)[4:7], 1000)
    )
    lying[-32:] = envelope._digest([bytes(lying[:-32])], None)
    with pytest.raises(SnapshotFormatError, match=r"^the body is not one frame of 1000 bytes$"):
        Snapshot.from_bytes(lying)


def test_oversized_metadata_is_refused() -> None:
    big = envelope.seal(b" " * (65 << 20), [], None)
    with pytest.raises(SnapshotFormatError, match="the metadata has 68157440 bytes; the limit is 67108864"):
        Snapshot.from_bytes(big)


# Sound snapshots of something else


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["templates"]["python"].__setitem__(0, "0" * 32), "has another python template: 0000000000000000"),
        (lambda m: m["templates"]["python"].__setitem__(1, "0" * 64), "has another build of the python guest: 0000000"),
        (lambda m: m.update(base="0" * 32), "has another files below the sandbox"),
    ],
)
def test_a_mismatch_names_what_differs(session: bytes, change: Callable[[Any], object], message: str) -> None:
    with pytest.raises(SnapshotMismatch, match=message):
        Sandbox.from_snapshot(Snapshot.from_bytes(altered(session, change)))


def test_an_unknown_language_is_a_mismatch(session: bytes) -> None:
    def change(metadata: dict[str, Any]) -> None:
        metadata["templates"] = {"cobol": metadata["templates"]["python"]}
        metadata["contexts"][0]["language"] = "cobol"
        metadata["defaults"] = {}

    with pytest.raises(SnapshotMismatch, match=r"^the snapshot has contexts of 'cobol', which do not run here$"):
        Sandbox.from_snapshot(Snapshot.from_bytes(altered(session, change)))


# What a hostile one asks for


def set_in_context(**values: object) -> Callable[[dict[str, Any]], object]:
    return lambda metadata: metadata["contexts"][0].update(values)


def set_in_table(number: int, **values: object) -> Callable[[dict[str, Any]], object]:
    return lambda metadata: metadata["contexts"][0]["files"][number][1].update(values)


HOSTILE: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (set_in_context(size_bytes=65536 * 5), "pages end at|less than its template"),
    (set_in_context(size_bytes=1 << 40), "the size of a memory is 1099511627776"),
    (set_in_context(size_bytes=(300 << 20) + 1), "not one of whole pages"),
    (set_in_context(runs=[[0, 4096], [0, 4096]]), "follow those"),
    (set_in_context(runs=[[4095, 4096]]), "not one of whole pages"),
    (set_in_context(runs=[[0, 1 << 31]]), "pages end at|ends .* early"),
    (set_in_context(runs=[]), "bytes too many"),
    (set_in_context(identity="../../etc"), "a context has the id"),
    (set_in_context(cwd="relative"), "not an absolute path"),
    (set_in_context(execution_count=-1), "an execution count is -1"),
    (set_in_context(timeout=float("nan")), "a timeout is nan"),
    (set_in_context(timeout=-1), "a timeout is -1"),
    (set_in_context(told="lies"), "was told 'lies'"),
    (set_in_context(created_at="2026-01-01"), "in no zone"),
    (set_in_context(more=1), "has the fields"),
    (set_in_context(files=[[10**9, {}]]), "a file descriptor is 1000000000"),
    (set_in_table(3, ino=-5), "an inode number is -5"),
    (set_in_table(3, ino=10**12), "is open, and is not there"),
    (set_in_table(3, offset=1 << 63), "the position in an open file"),
    (set_in_table(3, stream=7), "a standard stream is 7"),
    (set_in_table(3, flags=1 << 20), "the flags of an open file"),
    (set_in_table(3, preopen="a\0b"), "not an absolute path"),
    (lambda m: m["contexts"].append(m["contexts"][0]), "bytes early|same id"),
    (lambda m: m.update(max_contexts=0), "max_contexts is 0"),
    (lambda m: m.update(defaults={"python": "ctx-000000000000"}), "is none of python"),
    (lambda m: m.update(environment={"A=": "b"}), "no environment can hold"),
    (lambda m: m["limits"].update(memory_bytes=-1), "must be a whole number"),
    (lambda m: m["limits"].update(rollback="sometimes"), "Limits.rollback"),
    (lambda m: m.update(content_sizes=[1 << 62]), "ends .* early"),
    (lambda m: m.update(next_ino=5), "next_ino is 5"),
    (lambda m: m["nodes"][-1].__setitem__(1, 1), "follows"),
    (lambda m: m["nodes"][-1].__setitem__(2, 7), "has 7 links, not"),
]


@pytest.mark.parametrize(("change", "message"), HOSTILE)
def test_a_hostile_snapshot_is_refused(
    session: bytes, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    before = bytes_in_use(), mappings_left()
    with pytest.raises(SnapshotFormatError, match=message):
        Sandbox.from_snapshot(Snapshot.from_bytes(altered(session, change)))
    assert (bytes_in_use(), mappings_left()) == before


@pytest.mark.parametrize("metadata", [b"", b"[]", b"{}", b"[" * 100_000, b"9" * 5000, b'{"a":NaN}', b"\xff"])
def test_metadata_that_is_none(metadata: bytes) -> None:
    with pytest.raises(SnapshotFormatError, match=r"^the metadata"):
        Snapshot.from_bytes(envelope.seal(metadata, [], None))


def test_an_unsigned_snapshot_gets_no_more_than_the_defaults_by_asking() -> None:
    limits = Limits(memory_bytes=2 << 30)
    with Sandbox(limits=limits, max_contexts=5000) as sandbox:
        sandbox.run_code("x = 1")
        snapshot = sandbox.snapshot()
    unsigned, signed = Snapshot.from_bytes(snapshot.to_bytes()), snapshot.to_bytes(key=KEY)
    with pytest.raises(
        LimitExceeded, match="asks for memory_bytes 2147483648; the default is 1073741824: give limits="
    ):
        Sandbox.from_snapshot(unsigned)
    with pytest.raises(LimitExceeded, match="asks for max_contexts 5000; the default is 1000: give max_contexts="):
        Sandbox.from_snapshot(unsigned, limits=limits)
    for twin in (
        Sandbox.from_snapshot(unsigned, limits=limits, max_contexts=3),
        Sandbox.from_snapshot(snapshot),
        Sandbox.from_snapshot(Snapshot.from_bytes(signed, key=KEY)),
    ):
        with twin:
            assert twin.run_code("x").text == "1"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(memory_bytes=100 << 20), "bytes of memory; the limit is 104857600"),
        (Limits(file_bytes=2), "files do not fit file_bytes 2 and"),
        (Limits(file_count=1), "and file_count 1$"),
        (Limits(open_files=5), "files open; the limit is 5"),
    ],
)
def test_what_does_not_fit_the_limits_given_is_refused(session: bytes, limits: Limits, message: str) -> None:
    with pytest.raises(LimitExceeded, match=message):
        Sandbox.from_snapshot(Snapshot.from_bytes(session), limits=limits)


def test_it_carries_no_address_of_the_host(sandbox: Sandbox, context: CodeContext) -> None:
    context.run("x = 1")
    instance = context._kernel._instance
    assert instance is not None
    metadata, body = document.write(sandbox.snapshot()._data)
    assert str(instance._base).encode() not in metadata
    assert instance._base.to_bytes(8, "little") not in b"".join(map(bytes, body))
    assert {field.name for field in dataclasses.fields(document.SandboxData)} == {
        *("version", "templates", "base", "limits", "max_contexts", "environment", "defaults", "files", "contexts")
    }
