"""What a snapshot says: a sandbox at rest as plain data, and its metadata and body as bytes.

Rule: whatever ``read`` returns is within the bounds that each field has by itself; whether it fits the guests of this
machine, and whether its files are a file system, is checked by whoever makes a sandbox of it. No addresses of the host.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, TypeVar

from wasm_interp._core.images.image import PAGE_BYTES
from wasm_interp._core.images.pages import SNAPSHOT_PAGE_BYTES
from wasm_interp._core.kernel.savepoint import Told, Waiting
from wasm_interp._core.languages.base import Start
from wasm_interp._core.snapshots import fields as checked
from wasm_interp._core.vfs.codec import FileSystemData
from wasm_interp._core.wasi.descriptors import Descriptor, Stream
from wasm_interp.errors import SnapshotFormatError, UsageError
from wasm_interp.limits import MAX_MEMORY_BYTES, MOST_SPARE_BYTES, Limits
from wasm_interp.results import HostRequest

_MOST_CONTEXTS = 100_000
_MOST_REQUESTS = 1_000
_MOST_DESCRIPTORS = 65_536
_MOST_RUNS = MAX_MEMORY_BYTES // SNAPSHOT_PAGE_BYTES
_MOST_NODES = 10_000_000
_IDENTITY = re.compile(r"ctx-[0-9a-f]{12}")
_SEED = re.compile(r"(?:[0-9a-f]{2})*")
_DESCRIPTOR_FIELDS = ("ino", "readable", "writable", "flags", "offset", "stream", "preopen")
_START_FIELDS = ("cwd", "env", "seed", "options", "is_forked")
_MOST_FLAGS = 31  # of WASI's fdflags

Runs = list[tuple[int, int]]
Bytes = bytes | bytearray | memoryview
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ContextData:
    """One context. runs and pages: see images/pages.py. history_bytes: of a history to keep from here on."""

    identity: str
    language: str
    cwd: str
    timeout: float | None
    created_at: datetime
    last_used: datetime
    limits: Limits
    start: Start
    told: Told
    execution_count: int
    waiting: Waiting | None
    history_bytes: int | None
    size_bytes: int
    runs: Runs
    pages: Bytes
    files: tuple[tuple[int, Descriptor], ...]


@dataclass(frozen=True, slots=True)
class SandboxData:
    """A sandbox. templates: key and guest's sha256 of each language that it uses. base: identity of what its files
    lie over. defaults: the default context of each language.
    """

    version: str
    templates: dict[str, tuple[str, str]]
    base: str
    limits: Limits
    max_contexts: int
    environment: dict[str, str]
    defaults: dict[str, str]
    files: FileSystemData
    contexts: list[ContextData]

    def limits_by_context(self, instead: Limits | None) -> list[tuple[ContextData, Limits]]:
        """Each context and its limits, or those that it is given instead."""
        return [(context, instead or context.limits) for context in self.contexts]


def write(data: SandboxData) -> tuple[bytes, list[Bytes]]:
    """The metadata, and the body in parts."""
    metadata = {
        "version": data.version,
        "templates": data.templates,
        "base": data.base,
        "limits": asdict(data.limits),
        "max_contexts": data.max_contexts,
        "environment": data.environment,
        "defaults": data.defaults,
        "next_ino": data.files.next_ino,
        "nodes": data.files.nodes,
        "content_sizes": [len(content) for content in data.files.contents],
        "contexts": [_context_fields(context) for context in data.contexts],
    }
    encoded = json.dumps(metadata, separators=(",", ":"), allow_nan=False).encode()
    return encoded, [*data.files.contents, *(context.pages for context in data.contexts)]


def read(metadata: bytes, body: bytes) -> SandboxData:
    """What ``write`` was given. Raises SnapshotFormatError."""
    found = _Body(body)
    names = (*(each.name for each in fields(SandboxData) if each.name != "files"), "next_ino", "nodes", "content_sizes")
    given = checked.fields(checked.parsed(metadata), "the metadata", names)
    sizes = checked.items(given["content_sizes"], "the sizes of files", _MOST_NODES, lambda each: _size(each, "a file"))
    nodes = checked.items(given["nodes"], "the list of inodes", _MOST_NODES, lambda each: each)
    contents: list[Bytes] = [found.take(size) for size in sizes]
    contexts = checked.items(given["contexts"], "the contexts", _MOST_CONTEXTS, lambda each: _context(each, found))
    found.check_end()
    data = SandboxData(
        version=checked.text(given["version"], "the version"),
        templates={name: _template(each) for name, each in checked.fields(given["templates"], "templates").items()},
        base=checked.text(given["base"], "the base"),
        limits=_limits(given["limits"]),
        max_contexts=checked.whole(given["max_contexts"], "max_contexts", least=1),
        environment=_environment(given["environment"]),
        defaults=checked.texts_by_name(given["defaults"], "the default contexts"),
        files=FileSystemData(checked.whole(given["next_ino"], "next_ino"), nodes, contents),
        contexts=contexts,
    )
    _check_agreement(data)
    return data


class _Body:
    """The body, taken piece by piece."""

    def __init__(self, body: bytes) -> None:
        self._view = memoryview(body)
        self._position = 0

    def take(self, length: int) -> memoryview:
        """The next bytes. Raises SnapshotFormatError when there are fewer."""
        piece = self._view[self._position : self._position + length]
        if len(piece) != length:
            raise SnapshotFormatError(f"the body ends {length - len(piece)} bytes early")
        self._position += length
        return piece

    def check_end(self) -> None:
        """Raises SnapshotFormatError unless all was taken."""
        if self._position != len(self._view):
            raise SnapshotFormatError(f"the body has {len(self._view) - self._position} bytes too many")


def _check_agreement(data: SandboxData) -> None:
    """What fields say of each other."""
    languages = {context.identity: context.language for context in data.contexts}
    if len(languages) != len(data.contexts):
        raise SnapshotFormatError("two contexts have the same id")
    if len(data.contexts) > data.max_contexts:
        raise SnapshotFormatError(f"there are {len(data.contexts)} contexts; max_contexts is {data.max_contexts}")
    if set(languages.values()) != data.templates.keys():
        raise SnapshotFormatError("the templates are not those of the contexts' languages")
    for language, identity in data.defaults.items():
        if languages.get(identity) != language:
            raise SnapshotFormatError(f"the default context {identity!r} is none of {language}")


def _context_fields(context: ContextData) -> dict[str, Any]:
    return {
        "identity": context.identity,
        "language": context.language,
        "cwd": context.cwd,
        "timeout": context.timeout,
        "created_at": context.created_at.isoformat(),
        "last_used": context.last_used.isoformat(),
        "limits": asdict(context.limits),
        "start": {name: getattr(context.start, name) for name in _START_FIELDS},
        "told": context.told.value,
        "execution_count": context.execution_count,
        "waiting": _waiting_fields(context.waiting),
        "history_bytes": context.history_bytes,
        "size_bytes": context.size_bytes,
        "runs": context.runs,
        "files": [[number, _descriptor_fields(each)] for number, each in context.files],
    }


def _waiting_fields(waiting: Waiting | None) -> dict[str, Any] | None:
    if waiting is None:
        return None
    return {"code": waiting.code, "requests": [asdict(request) for request in waiting.requests]}


def _descriptor_fields(descriptor: Descriptor) -> dict[str, Any]:
    return {name: getattr(descriptor, name) for name in _DESCRIPTOR_FIELDS}


def _context(value: Any, body: _Body) -> ContextData:
    names = [each.name for each in fields(ContextData) if each.name != "pages"]
    given = checked.fields(value, "a context", names)
    identity = checked.text(given["identity"], "the id of a context")
    if not _IDENTITY.fullmatch(identity):
        raise SnapshotFormatError(f"a context has the id {identity[:100]!r}")
    limits = _limits(given["limits"])
    size_bytes = checked.whole(
        given["size_bytes"], "the size of a memory", PAGE_BYTES, limits.memory_bytes + MOST_SPARE_BYTES
    )
    if size_bytes % PAGE_BYTES:
        raise SnapshotFormatError(f"a memory of {size_bytes} bytes is not one of whole pages")
    runs = checked.items(given["runs"], "the runs of pages", _MOST_RUNS, _run)
    _check_runs(runs, size_bytes)
    return ContextData(
        identity=identity,
        language=checked.text(given["language"], "a language"),
        cwd=_path(given["cwd"], "a working directory"),
        timeout=_timeout(given["timeout"]),
        created_at=_time(given["created_at"]),
        last_used=_time(given["last_used"]),
        limits=limits,
        start=_start(given["start"]),
        told=_told(given["told"]),
        execution_count=checked.whole(given["execution_count"], "an execution count"),
        waiting=_waiting(given["waiting"]),
        history_bytes=_history_bytes(given["history_bytes"]),
        size_bytes=size_bytes,
        runs=runs,
        pages=body.take(sum(length for _, length in runs)),
        files=_file_table(given["files"], limits.open_files),
    )


def _waiting(value: Any) -> Waiting | None:
    if value is None:
        return None
    given = checked.fields(value, "a cell that waits", ("code", "requests"))
    if not isinstance(given["code"], str):  # as it was given to run, which may be no Unicode
        raise SnapshotFormatError("the text of a cell that waits is no text")
    requests = tuple(checked.items(given["requests"], "what a cell waits for", _MOST_REQUESTS, _request))
    if not requests or len({request.id for request in requests}) != len(requests):
        raise SnapshotFormatError("a cell waits for nothing, or for the same twice")
    return Waiting(given["code"], requests)


def _request(value: Any) -> HostRequest:
    given = checked.fields(value, "a request", ("id", "name", "payload"))
    identity, name = checked.text(given["id"], "the id of a request"), checked.text(given["name"], "a request's name")
    return HostRequest(identity, name, given["payload"])


def _history_bytes(value: Any) -> int | None:
    return None if value is None else checked.whole(value, "history_bytes")


def _run(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise SnapshotFormatError("a run of pages has no address and length")
    address = checked.whole(value[0], "an address", 0, MAX_MEMORY_BYTES)
    length = checked.whole(value[1], "a length", SNAPSHOT_PAGE_BYTES, MAX_MEMORY_BYTES)
    if address % SNAPSHOT_PAGE_BYTES or length % SNAPSHOT_PAGE_BYTES:
        raise SnapshotFormatError(f"a run of {length} bytes at {address} is not one of whole pages")
    return address, length


def _check_runs(runs: Runs, size_bytes: int) -> None:
    end = 0
    for address, length in runs:
        if address < end:
            raise SnapshotFormatError(f"the pages at {address} follow those that end at {end}")
        end = address + length
    if end > size_bytes:
        raise SnapshotFormatError(f"pages end at {end}, in a memory of {size_bytes} bytes")


def _file_table(value: Any, most: int) -> tuple[tuple[int, Descriptor], ...]:
    read = checked.items(value, "a file table", min(most, _MOST_DESCRIPTORS), _numbered)
    numbers = [number for number, _ in read]
    if numbers != sorted(set(numbers)):
        raise SnapshotFormatError("a file table is out of order")
    return tuple(read)


def _numbered(value: Any) -> tuple[int, Descriptor]:
    if not isinstance(value, list) or len(value) != 2:
        raise SnapshotFormatError("a file table has an entry that is none")
    number = checked.whole(value[0], "a file descriptor", 0, _MOST_DESCRIPTORS)
    given = checked.fields(value[1], "an open file", _DESCRIPTOR_FIELDS)
    stream, preopen = given["stream"], given["preopen"]
    return number, Descriptor(
        ino=checked.whole(given["ino"], "an inode number", -1 if stream is not None else 0),
        readable=checked.flag(given["readable"], "readable"),
        writable=checked.flag(given["writable"], "writable"),
        flags=checked.whole(given["flags"], "the flags of an open file", 0, _MOST_FLAGS),
        offset=checked.whole(given["offset"], "the position in an open file"),
        stream=None if stream is None else Stream(checked.whole(stream, "a standard stream", 0, len(Stream) - 1)),
        preopen=None if preopen is None else _path(preopen, "a folder that is open from the start"),
    )


def _start(value: Any) -> Start:
    given = checked.fields(value, "what a context is told", _START_FIELDS)
    cwd, env, seed = given["cwd"], given["env"], given["seed"]
    if seed is not None and not _SEED.fullmatch(checked.text(seed, "a seed")):
        raise SnapshotFormatError(f"the seed {seed[:100]!r} is not hexadecimal")
    return Start(
        cwd=None if cwd is None else _path(cwd, "a working directory"),
        env=None if env is None else _environment(env),
        seed=seed,
        options=checked.fields(given["options"], "the options of a kernel"),
        is_forked=checked.flag(given["is_forked"], "is_forked"),
    )


def _environment(value: Any) -> dict[str, str]:
    variables = checked.texts_by_name(value, "an environment")
    for name, each in variables.items():
        if not name or "=" in name or "\0" in name + each:
            raise SnapshotFormatError(f"no environment can hold {name[:80]!r}")
    return variables


def _limits(value: Any) -> Limits:
    given = checked.fields(value, "the limits", [each.name for each in fields(Limits)])
    return _made(lambda: Limits(**given))


def _told(value: Any) -> Told:
    if value not in [each.value for each in Told]:
        raise SnapshotFormatError(f"a context was told {str(value)[:80]!r}")
    return Told(value)


def _timeout(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise SnapshotFormatError(f"a timeout is {str(value)[:80]}")
    return _made(lambda: float(value))


def _time(value: Any) -> datetime:
    moment = _made(lambda: datetime.fromisoformat(checked.text(value, "a time")))
    if moment.tzinfo is None:
        raise SnapshotFormatError(f"the time {moment} is in no zone")
    return moment


def _path(value: Any, what: str) -> str:
    path = checked.text(value, what)
    if not path.startswith("/") or "\0" in path:
        raise SnapshotFormatError(f"{what} is {path[:100]!r}, not an absolute path")
    return path


def _template(value: Any) -> tuple[str, str]:
    names = checked.items(value, "a template", 2, lambda each: checked.text(each, "a template's key"))
    if len(names) != 2:
        raise SnapshotFormatError("a template has no key and guest")
    return names[0], names[1]


def _size(value: Any, what: str) -> int:
    return checked.whole(value, f"the size of {what}")


def _made(make: Callable[[], T]) -> T:
    """What ``make`` makes; what it cannot be made of is no snapshot's."""
    try:
        return make()
    except (ValueError, TypeError, OverflowError, UsageError) as error:
        raise SnapshotFormatError(str(error)[:200]) from None
