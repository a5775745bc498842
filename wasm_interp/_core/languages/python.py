"""Python: CPython 3.15 with the scientific stack, driven through its reactor's turns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from wasm_interp._core.artifacts import Artifact, artifact, kernel_folder
from wasm_interp._core.engine.instance import Instance
from wasm_interp._core.languages.base import CallRequest, Language, Ranges, start_fields
from wasm_interp._core.languages.python_entropy import find_generators
from wasm_interp._core.languages.python_immortals import immortalise
from wasm_interp._core.languages.python_interrupts import find_words
from wasm_interp._core.languages.tree import PYTHON_KERNEL, kernel_sources
from wasm_interp._core.wasi.state import GuestExit

# The guest's own first turn runs source text; from here on a turn's bytes are our requests.
_INSTALL = f"import sys; sys.path.insert(0, {PYTHON_KERNEL!r}); import wasm_interp_kernel; wasm_interp_kernel.install()"


class PythonLanguage(Language):
    """CPython in WebAssembly."""

    name = "python"
    aliases = frozenset({"python", "python3", "py"})
    suffixes = (".py",)

    def guest(self) -> Artifact:
        return artifact("python", "python-snapshot.wasm")

    def kernel_identity(self) -> str:
        digest = hashlib.sha256(artifact("python", "python-stdlib.zip").sha256.encode())
        for path in [_preload_list(), *kernel_sources("python")]:
            digest.update(path.name.encode() + path.read_bytes())
        return digest.hexdigest()

    def boot(self) -> bytes:
        return _INSTALL.encode()

    def warm_up(self, instance: Instance, send: Callable[[bytes], None]) -> Ranges:
        modules = json.loads(_preload_list().read_bytes())["modules"]
        send(json.dumps({"kind": "preload", "modules": modules}).encode())
        generators = find_generators(instance, send)
        immortalise(instance, send)
        send(json.dumps({"kind": "freeze"}).encode())
        return generators

    def find_interrupt_words(self, instance: Instance, run: Callable[[str], None]) -> tuple[tuple[int, int], ...]:
        return find_words(instance, run)

    @property
    def endless_loop(self) -> str:
        return "while True: pass"

    def call_setup(self, name: str) -> str:
        return f"callable(globals().get({name!r}))"

    def call_request(self, call: CallRequest) -> bytes:
        start = "" if call.start is None else f',"start":{json.dumps(start_fields(call.start))}'
        return f'{{"kind":"call","name":{json.dumps(call.name)},"event":{call.event}{start}}}'.encode()

    def make_room(self, instance: Instance, size_bytes: int) -> int:
        return self.send(instance, json.dumps({"kind": "room", "bytes": size_bytes}).encode())

    def send(self, instance: Instance, request: bytes) -> int:
        instance.spare_memory()
        place = _place(instance, len(request))
        if not place:
            # In the request's stead, what it comes to: the memory limit is the program's to meet, and its error.
            return self._send_instead(instance, request, "raise MemoryError('there is no room for the cell itself')")
        status = _turn(instance, place, request)
        if status and instance.stopper.requested is not None:
            # The interrupt was the first thing that the kernel met, where it cannot catch it. Nothing of the cell has
            # run; the same request without its code tells what a first run tells, and ends the run in order.
            return self._send_instead(instance, request, "")
        return status

    def _send_instead(self, instance: Instance, request: bytes, code: str) -> int:
        """A cell of that code, which begins as ``request`` says. Raises GuestExit if there is no room for it either."""
        fields = json.loads(request)
        kept = {name: fields[name] for name in ("count", "start") if name in fields}
        smaller = json.dumps({"count": 0, **kept, "kind": "run", "code": code}).encode()
        place = _place(instance, len(smaller))
        if not place:
            raise GuestExit
        return _turn(instance, place, smaller)


def _place(instance: Instance, size_bytes: int) -> int:
    """Where the guest has room for so much, or 0."""
    return instance.function("host_alloc", 1)(size_bytes)


def _turn(instance: Instance, place: int, request: bytes) -> int:
    instance.write(place, request)
    return instance.function("turn", 2)(place, len(request))  # the guest frees it


def _preload_list() -> Path:
    """Modules that the template imports, so that importing them costs a context nothing; chosen by measurement."""
    return kernel_folder("python") / "preload.json"
