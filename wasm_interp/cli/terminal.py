"""What reaches the user's terminal, and with which exit status the command ends.

Rule: the program is not trusted, so on a terminal its text may move the cursor and set colours, and nothing else:
other control sequences can set the clipboard, or make the terminal type.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import typer

from wasm_interp.errors import LimitExceeded, UsageError, WasmInterpError

INTERRUPTED = 130  # as shells report SIGINT

_HARMLESS = r"\x1b\[[0-9;]*[A-HJKm]"
_CONTROL = re.compile(rf"({_HARMLESS})|([\x00-\x07\x0b\x0c\x0e-\x1f\x7f-\x9f])")


class Writer:
    """One standard stream, for the program's text; it comes out as it is produced."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._is_mid_line = False

    def write(self, text: str) -> None:
        """Write, and flush. Raises OSError when nobody reads any more."""
        if not text:
            return
        self._stream.write(visible(text) if self._is_terminal else text)
        self._stream.flush()
        self._is_mid_line = not text.endswith("\n")

    def line(self, text: str) -> None:
        """Write ``text`` as lines of its own."""
        self.write(("\n" if self._is_mid_line else "") + text + "\n")


def visible(text: str) -> str:
    """``text`` with every control character that a terminal must not obey made visible."""
    return _CONTROL.sub(lambda found: found[1] or f"\\x{ord(found[2]):02x}", text)


def say(text: str) -> None:
    """A line of the command's own, on stderr."""
    print(f"wasm-interp: {visible(text)}", file=sys.stderr)


def tolerate_any_text() -> None:
    """Let the standard streams write what their encoding lacks as an escape, in the place of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def exit_statuses() -> Iterator[None]:
    """Turn what the block raises into one line and an exit status."""
    try:
        yield
    except BrokenPipeError:
        raise  # whoever read our output has gone; typer ends quietly
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except OSError as error:
        reason = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        raise _failed(reason, 2) from error
    except (UsageError, LimitExceeded) as error:
        raise _failed(str(error), 2) from error
    except WasmInterpError as error:
        raise _failed(str(error), 1) from error


def _failed(reason: str, status: int) -> typer.Exit:
    say(reason)
    return typer.Exit(status)
