"""Images of one's own: an interpreter after its setup, with packages and files, from which sandboxes start at once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from wasm_interp._core.kernel.templates import template_key
from wasm_interp._core.languages.registry import find_language
from wasm_interp._core.languages.tree import tree_with
from wasm_interp._core.private_folder import cache_folder, mark_used, new_file, trusted_file
from wasm_interp._core.snapshots import fields as checked
from wasm_interp._core.snapshots.envelope import VERSION
from wasm_interp._core.snapshots.rest import base_identity
from wasm_interp._core.snapshots.warm import Warm, warm
from wasm_interp.context import checked_code, checked_timeout
from wasm_interp.errors import SnapshotFormatError, UsageError
from wasm_interp.limits import MAX_MEMORY_BYTES, Limits
from wasm_interp.packages import packages_archive
from wasm_interp.sandbox import Sandbox
from wasm_interp.snapshot import Snapshot

DEFAULT_BUILD_TIMEOUT = 600.0
_SUFFIX = ".warm"
_LENGTH_BYTES = 4
_MOST_DESCRIPTION_BYTES = 1 << 24

Content = str | bytes | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """One image of the cache. setup is its source; bytes, its size on disk."""

    key: str
    language: str
    setup: str
    packages: tuple[str, ...]
    created_at: datetime
    bytes: int


class Image:
    """What ``Sandbox(image=...)`` and ``Function(image=...)`` start from.

    It is kept in the cache folder under a key of all that went in, so that building the same again costs nothing.
    Use it as a context manager, or call ``close``: sandboxes made from it live on. Linux only.
    """

    def __init__(self, key: str, state: Warm) -> None:
        self.key = key
        self.language = state.language
        self._state = state

    @classmethod
    def build(
        cls,
        language: str = "python",
        *,
        setup: str = "",
        packages: Sequence[str] = (),
        files: Mapping[str, Content] | None = None,
        timeout: float | None = DEFAULT_BUILD_TIMEOUT,
    ) -> Image:
        """Run ``setup`` in a new sandbox, and keep what it has become.

        packages: as for Sandbox. files: path in the sandbox -> text, bytes, or a path of this machine to copy in
        before setup runs. timeout: of setup, in seconds.
        Raises UsageError where setup fails, with its traceback.
        """
        chosen = find_language(language)
        checked_code(setup)
        limit = checked_timeout(timeout)
        supplied = {path: _content(path, content) for path, content in (files or {}).items()}
        archive = packages_archive(packages)
        identity = template_key(chosen), base_identity(tree_with(archive).base)
        key = _key(chosen.name, setup, supplied, *identity)
        path = _path(key)
        if not trusted_file(path):
            snapshot = _made(chosen.name, setup, packages, supplied, limit)
            info = ImageInfo(key, chosen.name, setup, tuple(packages), datetime.now(UTC), 0)
            _write(path, info, snapshot)
        return cls.load(key)

    @classmethod
    def load(cls, key: str) -> Image:
        """An image of the cache. Raises UsageError where there is none; SnapshotMismatch if the guests have changed."""
        path = _checked_path(key)
        info, data = _read(path)
        snapshot = Snapshot.from_bytes(data, max_bytes=2 * MAX_MEMORY_BYTES)
        image = cls(key, warm(snapshot._data, packages_archive(info.packages)))
        mark_used(path)
        return image

    @staticmethod
    def list() -> list[ImageInfo]:
        """The images of the cache, the newest first."""
        found = [_read(path)[0] for path in cache_folder().glob(f"*{_SUFFIX}") if trusted_file(path)]
        return sorted(found, key=lambda info: info.created_at, reverse=True)

    @staticmethod
    def remove(key: str) -> None:
        """Delete an image from the cache; those in use go on. Raises UsageError where there is none."""
        _checked_path(key).unlink()

    def close(self) -> None:
        """Give its memory back; sandboxes that were made from it keep what they need. Idempotent."""
        self._state.close()

    def __enter__(self) -> Image:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Image {self.key} {self.language}>"


def _content(path: str, content: Content) -> bytes:
    if not isinstance(path, str) or not isinstance(content, str | bytes | os.PathLike):
        raise UsageError(f"files must map paths to text, bytes or paths of this machine, not {path!r} to {content!r}")
    if isinstance(content, os.PathLike):
        return Path(content).read_bytes()
    return content.encode() if isinstance(content, str) else content


def _made(
    language: str, setup: str, packages: Sequence[str], files: Mapping[str, bytes], timeout: float | None
) -> Snapshot:
    limits = Limits(memory_bytes=MAX_MEMORY_BYTES)
    with Sandbox(limits=limits, packages=packages) as sandbox:
        for path, content in files.items():
            sandbox.files.write(path, content)
        context = sandbox.create_code_context(language, timeout=timeout)
        result = context.run(setup)
        if result.error is not None:
            raise UsageError("the setup of the image failed:\n" + "\n".join(result.error.traceback))
        if result.stopped is not None:
            raise UsageError(f"the setup of the image did not end: {result.stopped.detail}")
        return sandbox.snapshot()


def _key(language: str, setup: str, files: Mapping[str, bytes], *identity: str) -> str:
    digests = sorted((path, hashlib.sha256(content).hexdigest()) for path, content in files.items())
    parts = [VERSION, language, setup, digests, identity]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _path(key: str) -> Path:
    return cache_folder() / f"{key}{_SUFFIX}"


def _checked_path(key: str) -> Path:
    """Raises UsageError unless it is an image of the cache."""
    is_key = isinstance(key, str) and len(key) == 32 and set(key) <= set("0123456789abcdef")
    if not is_key or not trusted_file(_path(key)):
        raise UsageError(f"there is no image {key!r} in the cache")
    return _path(key)


def _write(path: Path, info: ImageInfo, snapshot: Snapshot) -> None:
    description = asdict(info) | {"created_at": info.created_at.isoformat()}
    encoded = json.dumps(description).encode()
    with new_file(path) as file:
        file.write(len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded + snapshot.to_bytes())


def _read(path: Path) -> tuple[ImageInfo, memoryview]:
    """Raises SnapshotFormatError for a damaged file."""
    data = memoryview(path.read_bytes())
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if length > _MOST_DESCRIPTION_BYTES:
        raise SnapshotFormatError(f"{path} is damaged; delete it")
    given = checked.parsed(bytes(data[_LENGTH_BYTES : _LENGTH_BYTES + length]))
    try:
        created = datetime.fromisoformat(given["created_at"])
        packages = tuple(given["packages"])
        info = ImageInfo(path.stem, given["language"], given["setup"], packages, created, len(data))
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotFormatError(f"{path} is damaged; delete it") from error
    return info, data[_LENGTH_BYTES + length :]
