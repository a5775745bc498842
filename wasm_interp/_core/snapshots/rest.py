"""From a sandbox's machine to a snapshot's data, and back; what does not fit this machine is refused before a start."""

from __future__ import annotations

import functools
import itertools
import time
from collections import Counter
from contextlib import closing
from dataclasses import fields, replace

from wasm_interp._core.images.arena import arena
from wasm_interp._core.images.checkpoint import Sealed
from wasm_interp._core.images.pages import differences, sealed_with
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.savepoint import Savepoint
from wasm_interp._core.kernel.templates import Template, template, template_key
from wasm_interp._core.languages.base import Language
from wasm_interp._core.languages.registry import find_language
from wasm_interp._core.snapshots.document import ContextData, Runs, SandboxData
from wasm_interp._core.vfs import Base, FileSystem, FileSystemError, Quota
from wasm_interp._core.vfs.codec import NotAFileSystem, identity, restore
from wasm_interp._core.wasi.descriptors import FileTable
from wasm_interp.errors import LimitExceeded, SnapshotError, SnapshotFormatError, SnapshotMismatch, UnknownLanguage
from wasm_interp.limits import MOST_SPARE_BYTES, Limits

_identities: dict[int, tuple[Base, str]] = {}


def base_identity(base: Base) -> str:
    """``identity``, reckoned once: bases live as long as the process."""
    known = _identities.get(id(base))
    if known is None:
        known = _identities[id(base)] = base, identity(base)
    return known[1]


@functools.cache
def template_names(language: Language) -> tuple[str, str]:
    """What a snapshot must agree in to be resumed: the key of the template, and the guest's build."""
    return template_key(language), language.guest().sha256


def pages_of(savepoint: Savepoint) -> tuple[Runs, bytes]:
    """What a context has written since its template."""
    try:
        return differences(savepoint.template.image, savepoint.memory)
    except (OSError, MemoryError) as error:
        raise SnapshotError(f"there is no memory to gather what was written: {error}") from error


def check_guests(data: SandboxData, base: Base) -> None:
    """Raises SnapshotMismatch, naming what differs, unless this machine has the guests that ``data`` was made with."""
    for name, (key, guest) in data.templates.items():
        try:
            language = find_language(name)
        except UnknownLanguage:
            raise SnapshotMismatch(f"the snapshot has contexts of {name!r}, which do not run here") from None
        key_here, guest_here = template_names(language)
        if guest != guest_here:
            raise SnapshotMismatch(_differs(data, f"build of the {name} guest", guest, guest_here))
        if key != key_here:
            raise SnapshotMismatch(_differs(data, f"{name} template", key, key_here))
    if data.base != (here := base_identity(base)):
        raise SnapshotMismatch(_differs(data, "files below the sandbox (built in, or packages=)", data.base, here))


def check_modest(data: SandboxData, limits: Limits | None, max_contexts: int | None, default: int) -> None:
    """Raises LimitExceeded if ``data``, for which nobody vouches, asks for more than the defaults.

    Where the caller has given ``limits`` or ``max_contexts``, what it asks for does not count.
    """
    asked = [] if limits is not None else [data.limits, *(context.limits for context in data.contexts)]
    for each, field in itertools.product(asked, fields(Limits)):
        if field.name not in ("fuel", "rollback"):
            _check_modest(field.name, getattr(each, field.name), getattr(Limits(), field.name), "limits")
    if max_contexts is None:
        _check_modest("max_contexts", data.max_contexts, default, "max_contexts")


def modest_contexts(data: SandboxData, timeout: float) -> SandboxData:
    """``data``, for which nobody vouches, with no longer timeouts of its contexts than that, and no histories."""
    return replace(data, contexts=[_modest(context, timeout) for context in data.contexts])


def _modest(context: ContextData, timeout: float) -> ContextData:
    shorter = timeout if context.timeout is None else min(context.timeout, timeout)
    return replace(context, timeout=shorter, history_bytes=None)


def _check_modest(name: str, asked: int, most: int, argument: str) -> None:
    if asked > most:
        raise LimitExceeded(
            f"the snapshot is not signed, and asks for {name} {asked}; the default is {most}: give {argument}= for it"
        )


def files_of(data: SandboxData, base: Base, limits: Limits) -> FileSystem:
    """The file system, with what the contexts have open held once: ``let_go`` gives it up.

    Raises SnapshotFormatError, LimitExceeded.
    """
    quota = Quota(limits.file_bytes, limits.file_count)
    try:
        return restore(data.files, base, quota, time.time_ns, _opened(data).keys())
    except NotAFileSystem as error:
        raise SnapshotFormatError(f"the snapshot's files are damaged: {error}") from None
    except FileSystemError:
        raise LimitExceeded(
            f"the snapshot's files do not fit file_bytes {limits.file_bytes} and file_count {limits.file_count}"
        ) from None


def let_go(data: SandboxData, fs: FileSystem) -> None:
    """The contexts hold by themselves what they have open."""
    for ino in _opened(data):
        fs.release(ino)


def check_memory(context: ContextData, limits: Limits) -> Template:
    """The template that ``context`` goes on from. Raises SnapshotFormatError, LimitExceeded."""
    made_from = template(find_language(context.language), metered=limits.fuel is not None)
    if context.size_bytes < made_from.image.size_bytes:
        raise SnapshotFormatError(f"context {context.identity} has {context.size_bytes} bytes, less than its template")
    if context.size_bytes > limits.memory_bytes + MOST_SPARE_BYTES:
        raise LimitExceeded(
            f"context {context.identity} has {context.size_bytes} bytes of memory; the limit is {limits.memory_bytes}"
        )
    if len(context.files) > limits.open_files:
        raise LimitExceeded(
            f"context {context.identity} has {len(context.files)} files open; the limit is {limits.open_files}"
        )
    return made_from


def memory_of(context: ContextData, made_from: Template) -> Sealed:
    """The context's memory; the caller holds it. Raises SnapshotError where the system has none for it."""
    room = arena()
    if room is None:
        raise SnapshotError("to resume a snapshot needs Linux: memfd_create and /proc/self/pagemap")
    try:
        pages = memoryview(context.pages)
        return sealed_with(made_from.image, room, context.size_bytes, context.runs, pages)
    except (OSError, MemoryError) as error:
        raise SnapshotError(f"there is no memory for {context.size_bytes} bytes: {error}") from error


def kernel_of(context: ContextData, made_from: Template, fs: FileSystem, limits: Limits) -> Kernel:
    """The context's interpreter, over ``fs``. Raises SnapshotError."""
    memory = memory_of(context, made_from)
    files = FileTable(fs, limits.open_files, context.files)
    resting = Savepoint(made_from, memory, files, context.told, context.execution_count, context.waiting)
    with closing(resting) as savepoint:
        return Kernel(made_from, fs, limits, context.start, savepoint)


def _opened(data: SandboxData) -> Counter[int]:
    return Counter(each.ino for context in data.contexts for _, each in context.files if each.stream is None)


def _differs(data: SandboxData, what: str, there: str, here: str) -> str:
    return f"the snapshot (wasm_interp {data.version}) has another {what}: {there[:16]}, here it is {here[:16]}"
