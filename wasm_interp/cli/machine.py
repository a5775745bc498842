"""``wasm-interp setup`` and ``info``: what is on this machine, and the one-time work."""

from __future__ import annotations

import contextlib
import io
import json
import os
import platform
import threading
import time
from dataclasses import asdict
from importlib import metadata
from typing import Any, NoReturn

from wasm_interp import __version__
from wasm_interp._core.artifacts import packages
from wasm_interp._core.kernel.templates import is_ready, template
from wasm_interp._core.languages.base import Language
from wasm_interp._core.languages.registry import LANGUAGES, find_language
from wasm_interp._core.private_folder import UNUSED_DAYS, cache_folder, remove_unused
from wasm_interp.cli.terminal import INTERRUPTED
from wasm_interp.errors import RuntimeMissing
from wasm_interp.limits import MIB, Limits
from wasm_interp.sandbox import DEFAULT_CONTEXT_TIMEOUT, DEFAULT_TIMEOUT

_STDERR = 2


def make_ready(language: str) -> None:
    """Do the one-time work of a language now, if it is not done; Ctrl-C ends the process at once.

    Raises UnknownLanguage, RuntimeMissing, GuestTrapped.
    """
    _make_ready(find_language(language))


def set_up(*, quiet: bool) -> None:
    """The one-time work of every language; says what was done and where it is kept."""
    for language in LANGUAGES:
        was_ready = is_ready(language)
        start = time.monotonic()
        with contextlib.redirect_stderr(io.StringIO()) if quiet else contextlib.nullcontext():
            _make_ready(language)
        done = "was ready" if was_ready else f"made ready in {time.monotonic() - start:.0f} s"
        if not quiet:
            print(f"{language.name}: {done}")
    freed = remove_unused()
    if freed and not quiet:
        print(f"cache: {_mebibytes(freed)} that nobody used for {UNUSED_DAYS:.0f} days deleted")
    if not quiet:
        cache = _cache()
        print(f"cache: {cache['folder']} ({_mebibytes(cache['bytes'])})")


def show_info(*, as_json: bool) -> None:
    """Print what ``wasm-interp info`` shows."""
    facts = _facts()
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        _print_facts(facts)


def _make_ready(language: Language) -> None:
    if is_ready(language):
        return
    failures: list[BaseException] = []

    def work() -> None:
        try:
            template(language)
        except BaseException as error:
            failures.append(error)

    # A minute of compiling is one foreign call, which no signal interrupts; so the main thread only waits.
    worker = threading.Thread(target=work, name="wasm_interp-setup", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            worker.join(0.1)
    except KeyboardInterrupt:
        _abandon()
    if failures:
        raise failures[0]


def _abandon() -> NoReturn:
    """End the process now: neither the compiler nor the progress display's thread can be asked to stop."""
    # Past sys.stderr, for which the display has put a stand-in; its line goes, and the cursor that it hid comes back.
    undo = b"\r\x1b[2K\x1b[?25h" if os.isatty(_STDERR) else b""
    os.write(_STDERR, undo + b"wasm-interp: interrupted\n")
    os._exit(INTERRUPTED)


def _facts() -> dict[str, Any]:
    return {
        "wasm_interp": __version__,
        "wasmtime": metadata.version("wasmtime"),
        "host": f"Python {platform.python_version()} on {platform.system()} {platform.machine()}",
        "ready": {language.name: _state(language) for language in LANGUAGES},
        "cache": _cache(),
        "limits": asdict(Limits()) | {"timeout": DEFAULT_TIMEOUT, "context_timeout": DEFAULT_CONTEXT_TIMEOUT},
        "packages": packages(),
    }


def _state(language: Language) -> bool:
    try:
        return is_ready(language)
    except RuntimeMissing:
        return False


def _cache() -> dict[str, Any]:
    folder = cache_folder()
    files = sorted((path.name, path.stat().st_size) for path in folder.iterdir() if path.is_file())
    return {"folder": str(folder), "bytes": sum(size for _, size in files), "files": dict(files)}


def _print_facts(facts: dict[str, Any]) -> None:
    from rich.columns import Columns  # only this command needs it
    from rich.console import Console

    python = facts["packages"]["python"]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"wasm_interp {facts['wasm_interp']}, wasmtime {facts['wasmtime']}, {facts['host']}")
    console.print(f"inside: Python {python}")
    for name, ready in facts["ready"].items():
        console.print(f"{name}: {'ready' if ready else 'not ready: run wasm-interp setup, or wait at the first use'}")
    cache = facts["cache"]
    console.print(f"\ncache: {cache['folder']} ({_mebibytes(cache['bytes'])})")
    for name, size in cache["files"].items():
        console.print(f"  {_mebibytes(size):>10}  {name}")
    console.print("\ndefault limits")
    for name, value in facts["limits"].items():
        console.print(f"  {name:<16}{_limit(name, value)}")
    console.print("\npackages")
    shown = [f"{name} {version}" for name, version in facts["packages"].items() if name != "python"]
    console.print(Columns(shown, column_first=True, padding=(0, 3)), soft_wrap=False)


def _limit(name: str, value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or "none"
    if name.endswith("_bytes"):
        return _mebibytes(int(value))
    return f"{value:g} s" if "timeout" in name else f"{value:,}"


def _mebibytes(size: int) -> str:
    return f"{size / MIB:,.1f} MiB"
