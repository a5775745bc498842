"""sys.stdin, sys.stdout and sys.stderr over fds 0, 1 and 2.

A user's replacement of a stream persists, as in any REPL; a closed or deleted one is replaced at the next cell.
Every newline-terminated write reaches the host at once, so that its callbacks see output as it is produced.
"""

import builtins
import io
import sys
from collections.abc import Callable

from wasm_interp_kernel import protocol

_flush = io.TextIOWrapper.flush
_sys = sys.__dict__
_NAMES = ("stdin", "stdout", "stderr")


def _open_text(fd: int) -> io.TextIOWrapper:
    raw = io.FileIO(fd, "wb" if fd else "rb", closefd=False)
    if fd == 0:
        return io.TextIOWrapper(io.BufferedReader(raw), "utf-8", errors="surrogateescape")
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors="backslashreplace", line_buffering=True)


class _Streams:
    """The kernel's own three, and what it last found in sys."""

    stdin: io.TextIOWrapper
    stdout: io.TextIOWrapper
    stderr: io.TextIOWrapper


own = _Streams()


def open_all() -> None:
    for fd, name in enumerate(_NAMES):
        stream = _open_text(fd)
        setattr(own, name, stream)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _quietly(function: Callable, *arguments: object) -> object:
    """Call a function; what it raises is dropped and None returned."""
    try:
        return function(*arguments)
    except BaseException:
        return None


def _is_usable(stream: object) -> bool:
    return stream is not None and _quietly(getattr, stream, "closed", False) is False


def repair() -> None:
    """Replace streams that cannot be used; called at the start of a cell."""
    # Asked in this order, a cell that follows a well-behaved one costs three comparisons and three flags.
    stdout, stderr, stdin = own.stdout, own.stderr, own.stdin
    try:
        if (
            _sys.get("stdout") is stdout
            and _sys.get("stderr") is stderr
            and _sys.get("stdin") is stdin
            and not (stdout.closed or stderr.closed or stdin.closed)
        ):
            return
    except ValueError:  # a detached stream answers nothing
        pass
    for fd, name in enumerate(_NAMES):
        if not _is_usable(getattr(own, name)):
            stream = _open_text(fd)
            setattr(own, name, stream)
            setattr(sys, f"__{name}__", stream)
        if not _is_usable(_sys.get(name)):
            setattr(sys, name, getattr(own, name))


def flush() -> None:
    """Push out what the program wrote. A flush that fails loses that text and nothing else."""
    _quietly(_flush, own.stdout)
    _quietly(_flush, own.stderr)
    if _sys.get("stdout") is not own.stdout:
        _quietly(_flush_by_name, "stdout")
    if _sys.get("stderr") is not own.stderr:
        _quietly(_flush_by_name, "stderr")


def _flush_by_name(name: str) -> None:
    _sys[name].flush()


def write_error(text: str) -> None:
    """Put kernel-made text on the program's stderr; never raises."""
    if _quietly(_write, _sys.get("stderr"), text) is None:
        _quietly(_write, own.stderr, text)


def _write(stream: object, text: str) -> bool:
    stream.write(text)
    return True


_builtin_input = builtins.input


def ask(prompt: str, *, password: bool) -> str:
    """One line of input from the host. Raises EOFError with the host's reason when there is none."""
    flush()
    question = protocol.to_json({"prompt": prompt, "password": password})
    reply = protocol.from_json(protocol.send(protocol.frame(protocol.INPUT, question)).decode())
    if reply.get("eof"):
        raise EOFError(reply.get("message") or "no input available")
    return reply["text"]


def host_input(prompt: object = "", /) -> str:
    """Read a line of input; the prompt is written to stdout first."""
    if _sys.get("stdin") is not own.stdin:
        return _builtin_input(prompt)
    text = str(prompt)
    sys.stdout.write(text)
    return ask(text, password=False)


def host_getpass(prompt: str = "Password: ", stream: object = None, *, echo_char: str | None = None) -> str:
    """Read a secret; the prompt is written to stdout first."""
    sys.stdout.write(str(prompt))
    return ask(str(prompt), password=True)


def install() -> None:
    import getpass

    open_all()
    host_input.__name__ = host_input.__qualname__ = "input"
    host_getpass.__name__ = host_getpass.__qualname__ = "getpass"
    builtins.input = host_input
    getpass.getpass = host_getpass
