"""``wasm-interp run``: one program, from reading its source to the exit status."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from wasm_interp._core.languages.registry import DEFAULT, language_of_file
from wasm_interp.cli.console import Console
from wasm_interp.cli.machine import make_ready
from wasm_interp.cli.supplies import Supplies, save_results, take_out, workspace_files
from wasm_interp.cli.terminal import INTERRUPTED, say
from wasm_interp.errors import UsageError
from wasm_interp.results import ExecutionResult, StopKind

_MAX_LISTED = 8


@dataclass(frozen=True, slots=True)
class Program:
    """Source text in a language."""

    code: str
    language: str
    stdin_is_free: bool = True  # the program itself was not read from there


def read_program(file: str | None, code: str | None, language: str | None) -> Program:
    """Exactly one of ``file`` ("-": stdin) and ``code``. Raises UsageError, OSError."""
    if code is not None and file is None:
        return Program(code, language or DEFAULT.name)
    if file is None or code is not None:
        raise UsageError("name one program: a FILE, - for stdin, or -c CODE")
    if file == "-":
        return Program(_decoded(sys.stdin.buffer.read(), "stdin"), language or DEFAULT.name, stdin_is_free=False)
    path = Path(file)
    source = path.read_bytes()
    return Program(_decoded(source, file), language or language_of_file(path).name)


def run_program(program: Program, supplies: Supplies, output: Path | None, timeout: float) -> int:
    """Run it in a sandbox of its own; returns the exit status."""
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)  # a mistake is told before the work, here and with the supplies
    with supplies.sandbox() as sandbox:
        before = workspace_files(sandbox.files)
        make_ready(program.language)
        console = Console(sandbox.create_code_context(program.language), may_ask=program.stdin_is_free)
        result = console.run(program.code, timeout)
        status = _conclude(console, result)
        if output is not None:
            taken = take_out(sandbox.files, before, output)
            _list_written(taken, save_results(result.results, output, taken))
        return status


def _conclude(console: Console, result: ExecutionResult) -> int:
    if result.truncated:
        say(f"the program passed its output limit; lost: {', '.join(result.truncated)}")
    if result.error is None:
        return 0
    status = console.conclude(result.error)
    was_interrupted = result.stopped is not None and result.stopped.kind is StopKind.INTERRUPT
    return INTERRUPTED if was_interrupted else status


def _list_written(files: list[Path], results: list[Path]) -> None:
    """Name what was written: the first files of the program's, and every result."""
    if not files and not results:
        say("the program wrote nothing to take out")
        return
    shown = ", ".join(map(str, [*files[:_MAX_LISTED], *results]))
    more = len(files) - _MAX_LISTED
    say(f"wrote {shown}" + (f" and {more} more" if more > 0 else ""))


def _decoded(source: bytes, name: str) -> str:
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not UTF-8 text (byte {error.start})") from error
