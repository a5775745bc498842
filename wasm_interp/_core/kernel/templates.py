"""Template images: each language's interpreter, warmed up once per machine, from which every context is mapped.

A template file is the image's pages, then a JSON object, then that object's length in 8 bytes: one file, so
that several processes can make it at once and each rename is a whole template.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wasm_interp._core.engine as engines
from wasm_interp._core.engine import Engine, Instance, Mode, Module, RewriteRefused, Words
from wasm_interp._core.images.image import PAGE_BYTES, Image, whole_file_image, write_pages
from wasm_interp._core.images.mapping import Mapper, default_mapper
from wasm_interp._core.kernel.progress import Stage, working
from wasm_interp._core.languages.base import CellRequest, Language, Ranges
from wasm_interp._core.languages.tree import Tree, tree
from wasm_interp._core.private_folder import cache_folder, mark_used, new_file, trusted_file
from wasm_interp._core.vfs import FileSystem, Quota
from wasm_interp._core.wasi.descriptors import Descriptor, FileTable, Stream, first_table
from wasm_interp._core.wasi.memory import GuestMemory
from wasm_interp._core.wasi.state import SystemClock, WasiState
from wasm_interp.errors import GuestTrapped

_FORMAT = 3
_LENGTH_BYTES = 8
_PREPARATION_MEMORY = 1 << 30
_QUOTA = Quota(bytes=64 << 20, inodes=10_000)
# What the guest's C library reads once, when the template is made; a context's own variables come with its first run.
_ENVIRONMENT = (b"HOME=/home/user", b"TMPDIR=/tmp", b"MPLBACKEND=agg", b"MPLCONFIGDIR=/tmp", b"PYTHONUTF8=1")

Files = tuple[tuple[int, Descriptor], ...]


@dataclass(frozen=True, slots=True)
class Template:
    """All that a new context of a language is made from."""

    language: Language
    engine: Engine
    module: Module
    mapper: Mapper
    tree: Tree
    image: Image
    files: Files
    interrupt_words: Words
    entropy: Ranges
    key: str


_made: dict[tuple[str, Mode], Template] = {}
_lock = threading.Lock()


def template(language: Language, *, metered: bool = False) -> Template:
    """The template of ``language``, made now if this machine has none yet: minutes, with progress on a terminal."""
    mode = _mode(metered)
    with _lock:
        found = _made.get((language.name, mode))
        if found is None:
            found = _made[language.name, mode] = _load_or_make(language, mode)
        return found


def template_key(language: Language) -> str:
    """The key of the template that ``template`` gives; another when its memory would differ."""
    loaded = next((each.key for (name, _), each in _made.items() if name == language.name), None)
    return loaded or _key(language)


def is_ready(language: Language, *, metered: bool = False) -> bool:
    """Whether ``template`` would find everything in the cache."""
    compiled = engines.is_compiled(engines.engine(_mode(metered)), language.guest().sha256)
    return compiled and trusted_file(_path(_key(language)))


def _mode(metered: bool) -> Mode:
    return Mode.METERED if metered else engines.default_mode()


def _load_or_make(language: Language, mode: Mode) -> Template:
    try:
        engine, module = _compiled(language, mode)
    except RewriteRefused:
        engine, module = _compiled(language, Mode.EPOCHS)
    key = _key(language)
    path = _path(key)
    if not trusted_file(path):
        with working(Stage.TEMPLATE, language.name):
            _make(language, engine, module, path)
    try:
        image, files, words, entropy = _read(path)
        mark_used(path)
    except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise  # the system's trouble, not the file's; seeking before the start of a file cut short is EINVAL
        path.unlink()
        raise GuestTrapped(f"{path} was damaged; it is deleted, and will be made anew at the next try") from error
    return Template(language, engine, module, default_mapper(), tree(), image, files, words, entropy, key)


def _compiled(language: Language, mode: Mode) -> tuple[Engine, Module]:
    guest, engine = language.guest(), engines.engine(mode)
    if engines.is_compiled(engine, guest.sha256):
        return engine, engines.load_module(engine, guest.path, guest.sha256)
    with working(Stage.COMPILE, language.name):
        return engine, engines.load_module(engine, guest.path, guest.sha256)


def _key(language: Language) -> str:
    parts = [str(_FORMAT), language.name, language.guest().sha256, language.kernel_identity()]
    return hashlib.sha256("\n".join([*parts, *map(str, _ENVIRONMENT)]).encode()).hexdigest()[:32]


def _path(key: str) -> Path:
    return cache_folder() / f"{key}.image"


def _make(language: Language, engine: Engine, module: Module, path: Path) -> None:
    """Run the language's warm-up in a new instance, and write down what has become of it."""
    words = _interrupt_words(language, engine, module)
    heard = bytearray()
    instance = _bare_instance(language, engine, module, heard)
    try:
        _step(language, instance, language.boot(), heard)
        entropy = language.warm_up(instance, lambda request: _step(language, instance, request, heard))
        _write(path, instance, words, entropy)
    finally:
        instance.close()


def _interrupt_words(language: Language, engine: Engine, module: Module) -> Words:
    """Where this guest is asked to stop, tried out in an instance of its own; none if that did not work."""
    heard = bytearray()
    instance = _bare_instance(language, engine, module, heard)

    def run(code: str) -> None:
        _step(language, instance, language.run_request(CellRequest(code, 0)), heard)

    try:
        _step(language, instance, language.boot(), heard)
        words = language.find_interrupt_words(instance, run)
        if not words:
            return ()
        instance.ask_by_setting(words)
        endless = language.run_request(CellRequest(language.endless_loop, 0))
        outcome = instance.enter(lambda: language.send(instance, endless), time.monotonic() + 0.05)
        return words if outcome.trap is None else ()
    finally:
        instance.close()


def _bare_instance(language: Language, engine: Engine, module: Module, heard: bytearray) -> Instance:
    clock = SystemClock()
    shared = tree()
    fs = FileSystem(shared.base, _QUOTA, clock.realtime_ns)
    files = FileTable(fs, 1024, first_table(shared.preopens))

    def output(stream: Stream, data: memoryview) -> None:
        heard.extend(data)

    def door(request: bytes) -> bytes:
        heard.extend(request)
        return b""

    memory = GuestMemory(lambda: memoryview(b""))
    wasi = WasiState(memory, fs, files, output, clock=clock, arguments=(b"wasm_interp",), environment=_ENVIRONMENT)
    return Instance(engine, module, wasi, door, _PREPARATION_MEMORY, language.imports)


def _step(language: Language, instance: Instance, request: bytes, heard: bytearray) -> None:
    heard.clear()
    status = 0

    def run() -> int:
        nonlocal status
        status = language.send(instance, request)
        return status

    outcome = instance.enter(run, deadline=None)
    if outcome.trap or status or b'"traceback"' in heard:
        raise GuestTrapped(
            f"{language.name} could not be warmed up: {outcome.trap or ''} {heard.decode(errors='replace')[-4000:]}"
        )


def _write(path: Path, instance: Instance, words: Words, entropy: Ranges) -> None:
    files = [_describe(*each) for each in instance.wasi.files.save()]
    description = {"files": files, "interrupt_words": words, "entropy": entropy}
    encoded = json.dumps(description).encode()
    with new_file(path) as file:
        memory = instance.memory.whole()
        write_pages(memory, file)
        file.seek(len(memory))
        file.write(encoded + len(encoded).to_bytes(_LENGTH_BYTES, "little"))


def _read(path: Path) -> tuple[Image, Files, Words, Ranges]:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0))
    try:
        size, described = _read_description(descriptor)
        files = tuple((number, _descriptor(fields)) for number, fields in described["files"])
        words = tuple((int(address), int(bits)) for address, bits in described["interrupt_words"])
        entropy = tuple((int(address), int(length)) for address, length in described["entropy"])
    except BaseException:
        os.close(descriptor)
        raise
    return whole_file_image(descriptor, size), files, words, entropy


def _read_description(descriptor: int) -> tuple[int, dict[str, Any]]:
    """Where the pages end, and what comes after them."""
    with open(descriptor, "rb", closefd=False) as file:
        end = file.seek(-_LENGTH_BYTES, os.SEEK_END)
        length = int.from_bytes(file.read(), "little")
        size = end - length
        if size < 0 or size % PAGE_BYTES:
            raise ValueError(f"{size} bytes are no whole pages")
        file.seek(size)
        described: dict[str, Any] = json.loads(file.read(length))
    return size, described


def _describe(number: int, descriptor: Descriptor) -> tuple[int, dict[str, Any]]:
    fields = {name: getattr(descriptor, name) for name in Descriptor.__slots__}
    return number, fields


def _descriptor(fields: dict[str, Any]) -> Descriptor:
    descriptor = Descriptor(**fields)
    if descriptor.stream is not None:
        descriptor.stream = Stream(descriptor.stream)
    return descriptor
