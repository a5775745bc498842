"""Build hook: the guests, fetched and verified, into the wheel.

Rule: an editable install copies nothing; its files stay in runtimes/.
Rule: the wheel gets the files of the records and our own kernels, not whatever lies in the folders.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "runtimes"))  # a build backend has no project path
import fetch

DESTINATION = "wasm_interp/_runtimes"


class GuestsHook(BuildHookInterface[BuilderConfig]):
    """Fetches for every wheel; adds the files to one that is not editable."""

    def dependencies(self) -> list[str]:
        """What the build needs beyond pyproject.toml: npm, if the lock wants it and it is missing."""
        return fetch.build_requirements(self._runtimes)

    def initialize(self, version: str, build_data: dict[str, dict[str, str]]) -> None:
        """Fill runtimes/dist/ and name the files for the wheel; ``version`` is "standard" or "editable"."""
        try:
            records = fetch.fetch(self._runtimes)
        except (fetch.FetchError, OSError) as error:
            self.app.abort(f"wasm_interp: {error}")
            return
        if version != "editable":
            build_data["force_include"].update(_wheel_files(self._runtimes, records))

    @property
    def _runtimes(self) -> Path:
        return Path(self.root, "runtimes")


def _wheel_files(runtimes: Path, records: dict[str, fetch.Record]) -> dict[str, str]:
    """Each file to take -> where it goes in the wheel."""
    files = {str(runtimes / fetch.LOCK_NAME): f"{DESTINATION}/{fetch.LOCK_NAME}"}
    for folder, record in records.items():
        for name in [fetch.RECORD_NAME, *record["files"]]:
            files[str(runtimes / fetch.DIST_NAME / folder / name)] = f"{DESTINATION}/{folder}/{name}"
    for kernel in _kernel_files(runtimes):
        files[str(kernel)] = f"{DESTINATION}/{fetch.KERNELS_NAME}/{kernel.relative_to(runtimes).as_posix()}"
    return files


def _kernel_files(runtimes: Path) -> Iterator[Path]:
    """Our own sources that run inside the guests: all below runtimes/<language>/ but caches."""
    for language in runtimes.iterdir():
        if language.is_dir() and language.name not in {fetch.DIST_NAME, "__pycache__"}:
            yield from (path for path in language.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
