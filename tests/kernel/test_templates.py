"""How a language's template is made, kept and found again, with the fake guest in the place of a real one."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.guests import new_fs
from tests.kernel.fake import ABORT, COUNT, DONE, FakeLanguage, guest_module, out
from wasm_interp import GuestTrapped, Limits
from wasm_interp._core.artifacts import Artifact
from wasm_interp._core.engine import Instance, default_mode
from wasm_interp._core.images.image import PAGE_BYTES
from wasm_interp._core.kernel import templates
from wasm_interp._core.kernel.kernel import Kernel
from wasm_interp._core.kernel.runs import Run
from wasm_interp._core.kernel.templates import Template, is_ready, template
from wasm_interp._core.languages.base import CellRequest, Ranges, Start
from wasm_interp._core.languages.python import PythonLanguage
from wasm_interp._core.languages.tree import tree
from wasm_interp._core.private_folder import UnsafeFile


class MadeLanguage(FakeLanguage):
    """A fake language whose guest is a file, and which counts how often it is warmed up."""

    def __init__(self, folder: Path, *, warming: str = DONE, identity: str = "1") -> None:
        self.made = 0
        self._warming = warming
        self._identity = identity
        self._path = folder / "guest.wasm"
        if not self._path.exists():
            self._path.write_bytes(guest_module())

    def guest(self) -> Artifact:
        content = self._path.read_bytes()
        return Artifact(self._path, hashlib.sha256(content).hexdigest(), len(content))

    def kernel_identity(self) -> str:
        return self._identity

    def warm_up(self, instance: Instance, send: Callable[[bytes], None]) -> Ranges:
        self.made += 1
        send(self.run_request(CellRequest(self._warming, 0)))
        return ()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and a process that has made no template yet."""
    tree()  # its files are in the cache that the other tests use
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("WASM_INTERP_CACHE", str(folder))
    monkeypatch.setattr(templates, "_made", {})
    return folder


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another process asked."""
    monkeypatch.setattr(templates, "_made", {})


def image_of(cache: Path) -> Path:
    (image,) = cache.glob("*.image")
    return image


def run(made: Template, *steps: str) -> str:
    kernel = Kernel(made, new_fs(base=tree().base), Limits(), Start("/", {}))
    try:
        return kernel.execute(Run("".join(steps), 30.0)).stdout
    finally:
        kernel.close()


def test_a_context_begins_where_the_warm_up_ended(cache: Path, tmp_path: Path) -> None:
    made = template(MadeLanguage(tmp_path, warming=COUNT + COUNT + DONE))
    assert run(made, COUNT, DONE) == run(made, COUNT, DONE) == "3"


def test_a_template_is_made_once_for_all_processes(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    language = MadeLanguage(tmp_path)
    assert not is_ready(language)
    first = template(language)
    assert template(language) is first
    assert is_ready(language)
    forget(monkeypatch)
    second = template(language)
    assert (second.key, second.image.size_bytes, second.files) == (first.key, first.image.size_bytes, first.files)
    assert language.made == 1
    assert run(second, COUNT, DONE) == "1"


def test_of_many_threads_one_makes_it(cache: Path, tmp_path: Path) -> None:
    language = MadeLanguage(tmp_path)
    found: list[Template] = []
    threads = [threading.Thread(target=lambda: found.append(template(language))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 4
    assert {id(each) for each in found} == {id(found[0])}
    assert language.made == 1


def test_the_key_changes_with_all_that_a_template_is_made_of(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    language = MadeLanguage(tmp_path)
    keys = [templates._key(language), templates._key(MadeLanguage(tmp_path, identity="2"))]
    other = type("Other", (MadeLanguage,), {"name": "other"})(tmp_path)
    keys.append(templates._key(other))
    monkeypatch.setattr(templates, "_FORMAT", templates._FORMAT + 1)
    keys.append(templates._key(language))
    monkeypatch.setattr(templates, "_ENVIRONMENT", (b"A=b",))
    keys.append(templates._key(language))
    (tmp_path / "guest.wasm").write_bytes(guest_module() + b"\0\x01\0")  # an empty custom section
    keys.append(templates._key(language))
    assert len(set(keys)) == len(keys)
    assert templates._key(MadeLanguage(tmp_path)) == keys[-1]


def test_another_kernel_is_another_template(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template(MadeLanguage(tmp_path, warming=COUNT + DONE, identity="old"))
    forget(monkeypatch)
    assert run(template(MadeLanguage(tmp_path, identity="new")), COUNT, DONE) == "1"


def cut(content: bytes) -> bytes:
    return content[:-1]


def described_as(text: str) -> Callable[[bytes], bytes]:
    encoded = text.encode()
    return lambda content: content[:PAGE_BYTES] + encoded + len(encoded).to_bytes(8, "little")


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content + b"\0",
        lambda content: content[100:],  # what is left is no whole pages
        lambda content: content[:-8] + b"\xff" * 8,
        lambda content: content[:-8] + bytes(8),
        described_as("{}"),
        described_as("[]"),
        described_as('{"files": 5, "interrupt_words": []}'),
        described_as('{"files": [[0, {"no": 1}]], "interrupt_words": []}'),
        described_as('{"files": [[0, {"ino": -1, "stream": 9}]], "interrupt_words": []}'),
        described_as('{"files": [], "interrupt_words": [["a", 1]]}'),
        described_as('{"files": [], "interrupt_words": [[1]]}'),
    ],
)
def test_a_damaged_file_is_deleted_with_a_clear_message_and_made_anew(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[bytes], bytes]
) -> None:
    language = MadeLanguage(tmp_path)
    template(language)
    image = image_of(cache)
    image.write_bytes(damage(image.read_bytes()))
    forget(monkeypatch)
    descriptors = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
    with pytest.raises(GuestTrapped) as caught:
        template(language)
    assert str(caught.value) == f"{image} was damaged; it is deleted, and will be made anew at the next try"
    assert not image.exists()
    if descriptors:
        assert len(os.listdir("/dev/fd")) == descriptors
    assert run(template(language), COUNT, DONE) == "1"
    assert language.made == 2


def test_a_file_that_others_can_write_is_not_used(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    language = MadeLanguage(tmp_path)
    template(language)
    image_of(cache).chmod(0o666)
    forget(monkeypatch)
    with pytest.raises(UnsafeFile, match=r"can be written by others \(mode 666\)"):
        template(language)
    with pytest.raises(UnsafeFile):
        is_ready(language)
    assert image_of(cache).exists()


@pytest.mark.parametrize(
    ("warming", "detail"),
    [
        (out(b"said before") + ABORT, "the interpreter aborted said before"),
        (out(b'{"traceback": ["mine"]}') + DONE, ' {"traceback": ["mine"]}'),
    ],
)
def test_a_warm_up_that_fails_says_why_and_keeps_nothing(
    cache: Path, tmp_path: Path, warming: str, detail: str
) -> None:
    with pytest.raises(GuestTrapped) as caught:
        template(MadeLanguage(tmp_path, warming=warming))
    assert str(caught.value).startswith(f"fake could not be warmed up: {detail}")
    assert list(cache.glob("*.image")) == []
    assert [each.name for each in cache.iterdir() if each.name.startswith(".")] == []


def test_the_file_is_pages_then_a_description_then_its_length(cache: Path, tmp_path: Path) -> None:
    made = template(MadeLanguage(tmp_path))
    content = image_of(cache).read_bytes()
    length = int.from_bytes(content[-8:], "little")
    assert len(content) == made.image.size_bytes + length + 8
    described = json.loads(content[-8 - length : -8])
    assert described.keys() >= {"files", "interrupt_words"}
    assert [number for number, _ in described["files"]] == [number for number, _ in made.files]


def test_a_guest_that_cannot_be_asked_to_stop_has_no_words(cache: Path, tmp_path: Path) -> None:
    """Words that do not stop its endless loop are worth nothing."""

    class Wrong(MadeLanguage):
        def find_interrupt_words(self, instance: Instance, run: Callable[[str], None]) -> tuple[tuple[int, int], ...]:
            return ((200, 1),)

    class Right(MadeLanguage):
        name = "right"

        def find_interrupt_words(self, instance: Instance, run: Callable[[str], None]) -> tuple[tuple[int, int], ...]:
            return ((48, 1),)

    assert template(Wrong(tmp_path)).interrupt_words == ()
    assert template(Right(tmp_path)).interrupt_words == ((48, 1),)


def test_the_default_engine_is_the_templates(cache: Path, tmp_path: Path) -> None:
    assert template(MadeLanguage(tmp_path)).engine.mode is default_mode()


def test_the_python_template_knows_how_its_interpreter_is_asked_to_stop() -> None:
    """Else every timeout would be an end by force: two flags, and one bit of the eval-breaker."""
    words = templates.template(PythonLanguage()).interrupt_words
    assert sorted(bits.bit_count() for _, bits in words) == [1, 1, 1]
