"""``wasm-interp repl``: cells typed at a prompt."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wasm_interp import __version__
from wasm_interp.cli.completeness import Completeness, completeness_of
from wasm_interp.cli.console import Console
from wasm_interp.cli.machine import make_ready
from wasm_interp.cli.supplies import PictureFolder, Supplies
from wasm_interp.cli.terminal import say
from wasm_interp.context import CodeContext
from wasm_interp.results import StateAfterStop

_PROMPT, _CONTINUATION = ">>> ", "... "
_VARIABLES = {
    StateAfterStop.KEPT: "kept",
    StateAfterStop.ROLLED_BACK: "as before that cell",
    StateAfterStop.LOST: "gone",
}
_FAREWELLS = {":quit", ":q", ":exit"}
_HELP = """\
Type code; what is not whole goes on in the next line, and in Python a blank line ends an indented block.
The value of the last expression is shown, and _ keeps it.
Ctrl-C   stop what runs, or drop what was typed; the session goes on
:quit    leave (so do Ctrl-D and exit(), or process.exit())
:help    this"""


class Shell:
    """One session."""

    def __init__(self, context: CodeContext, completeness: Completeness, pictures: Path | None) -> None:
        self._context = context
        self._completeness = completeness
        self._console = Console(context, pictures=PictureFolder(pictures))
        self._is_interactive = sys.stdin.isatty()
        self._status: int | None = None  # set when the session is over

    @classmethod
    @contextmanager
    def open(cls, language: str, supplies: Supplies, pictures: Path | None = None) -> Iterator[Shell]:
        """A shell over a sandbox of its own; pictures: the folder for them, or None for a temporary one.

        Raises UsageError, OSError, LimitExceeded.
        """
        with supplies.sandbox() as sandbox:
            make_ready(language)
            context = sandbox.create_code_context(language)
            yield cls(context, completeness_of(context.language, sandbox), pictures)

    def loop(self) -> int:
        """Read and run cells until the user leaves; returns the exit status."""
        if self._is_interactive:
            _prepare_line_editing()
            print(f"wasm_interp {__version__}, {self._context.language} in a sandbox. :help for help, :quit to leave.")
        while self._status is None:
            try:
                self._handle(self._read())
            except EOFError:
                if self._is_interactive:
                    print()
                return 0
            except KeyboardInterrupt:
                print("\nKeyboardInterrupt", file=sys.stderr)
        return self._status

    def _read(self) -> str:
        """One cell, or a command. Raises EOFError, KeyboardInterrupt."""
        lines = [self._line(_PROMPT)]
        is_code = bool(lines[0].strip()) and not lines[0].startswith(":")
        while is_code and self._completeness.is_incomplete("\n".join(lines)):
            try:
                lines.append(self._line(_CONTINUATION))
            except EOFError:  # the cell is what there is of it, whole or not
                break
        return "\n".join(lines)

    def _line(self, prompt: str) -> str:
        return input(prompt if self._is_interactive else "")

    def _handle(self, typed: str) -> None:
        if typed.startswith(":"):
            self._obey(typed.strip())
        elif typed.strip():
            self._run(typed)

    def _run(self, cell: str) -> None:
        result = self._console.run(cell, math.inf)
        error, stopped = result.error, result.stopped
        if error is None:
            return
        if error.name != "SystemExit" and error.exit_code is None:
            self._console.conclude(error)
        elif stopped is None:
            self._status = self._console.conclude(error)
        else:
            say(f"{stopped.detail}; variables are {_VARIABLES[stopped.state]}, files are as written")

    def _obey(self, command: str) -> None:
        if command in _FAREWELLS:
            self._status = 0
        elif command == ":help":
            print(_HELP)
        else:
            print(f"there is no command {command}; :help lists them", file=sys.stderr)


def _prepare_line_editing() -> None:
    """History and editing at the prompt, where Python has readline; Tab indents."""
    try:
        import readline  # not on every platform
    except ImportError:
        return
    is_editline = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I ed-insert" if is_editline else "tab: tab-insert")
