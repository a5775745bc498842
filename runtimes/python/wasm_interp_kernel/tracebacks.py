"""Errors of user code as data: name, value, and the lines that CPython would print, without kernel frames."""

import builtins
import sys
import traceback
from types import TracebackType

from wasm_interp_kernel import PRISTINE_BUILTINS, protocol, sources

MAX_CHARACTERS = 1 << 20  # of a value, and of a whole traceback

_KERNEL_DIR = __file__.rpartition("/")[0] + "/"
_LEADING = (_KERNEL_DIR, traceback.__file__.rpartition("/")[0] + "/asyncio/")
_MANY_LINES = 200
_NO_SITE_ADVICE = ". Site initialization is disabled, did you forget"
_TracebackException = traceback.TracebackException


_get_class_name = type.__dict__["__name__"].__get__  # a metaclass can hide __name__, not this


def class_name(value: object) -> str:
    """The name of a value's class, whatever its metaclass says."""
    return _get_class_name(type(value))


def user_traceback(tb: TracebackType | None) -> TracebackType | None:
    """Without the leading frames of the kernel and of the event loop that it started."""
    while tb is not None and tb.tb_frame.f_code.co_filename.startswith(_LEADING):
        tb = tb.tb_next
    return tb


def _is_hidden(filename: str) -> bool:
    return filename.startswith(_KERNEL_DIR) or filename == "<reactor>"


def _clean(shown: traceback.TracebackException | None, seen: set[int]) -> None:
    """Hide kernel frames here and in what is chained, and advice that cannot be followed in a sandbox."""
    if shown is None or id(shown) in seen:
        return
    seen.add(id(shown))
    shown.stack[:] = [entry for entry in shown.stack if not _is_hidden(entry.filename)]
    if isinstance(shown._str, str):
        shown._str = shown._str.partition(_NO_SITE_ADVICE)[0]
    _clean(shown.__cause__, seen)
    _clean(shown.__context__, seen)
    for member in shown.exceptions or ():
        _clean(member, seen)


def format_lines(exc: BaseException) -> list[str]:
    """The lines CPython would print for an exception, capped; never raises."""
    try:
        return _format(exc)
    except BaseException:
        return _format_with_pristine_builtins(exc)


def _format(exc: BaseException) -> list[str]:
    sources.restore_cache()
    shown = _TracebackException(type(exc), exc, exc.__traceback__, compact=True)
    _clean(shown, set())
    text = "".join(shown.format())
    if len(text) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        text = f"{text[:half]}\n... ({len(text)} characters in all)\n{text[-half:]}"
    lines = text.removesuffix("\n").split("\n")
    return _without_repeats(lines) if len(lines) > _MANY_LINES else lines


def _without_repeats(lines: list[str]) -> list[str]:
    """Says how often a line repeats, as CPython does for frames: json notes each level of a value too deep."""
    kept: list[str] = []
    start = 0
    while start < len(lines):
        end = start + 1
        while end < len(lines) and lines[end] == lines[start]:
            end += 1
        kept += lines[start : min(end, start + 3)]
        if end - start > 3:
            kept.append(f"[Previous line repeated {end - start - 3} more times]")
        start = end
    return kept


def _format_with_pristine_builtins(exc: BaseException) -> list[str]:
    """Once more, with the builtins as they were: the program may have broken one that traceback needs."""
    current = builtins.__dict__
    broken = current.copy()
    try:
        current.update(PRISTINE_BUILTINS)
        return _format(exc)
    except BaseException:
        return _plain_lines(exc)
    finally:
        current.clear()
        current.update(broken)


def _plain_lines(exc: BaseException) -> list[str]:
    """Files and line numbers only, needing nothing but the traceback itself."""
    lines = ["Traceback (most recent call last):"]
    tb = exc.__traceback__
    while tb is not None and len(lines) < 100:
        code = tb.tb_frame.f_code
        if not _is_hidden(code.co_filename):
            lines.append(f'  File "{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}')
        tb = tb.tb_next
    name, value = class_name(exc), _value(exc)
    lines.append(f"{name}: {value}" if value else name)
    return lines


def _value(exc: BaseException) -> str:
    try:
        text = str(exc)
    except BaseException:
        return "<exception str() failed>"
    return text if len(text) <= MAX_CHARACTERS else text[:MAX_CHARACTERS] + "..."


def error_frame(exc: BaseException) -> bytes:
    """The ERROR frame of an exception; its traceback is cut to begin in user code, and sys.last_exc set."""
    exc.__traceback__ = user_traceback(exc.__traceback__)
    sys.last_exc = sys.last_value = exc
    sys.last_type, sys.last_traceback = type(exc), exc.__traceback__
    name, value = class_name(exc), _value(exc)
    error: dict[str, object] = {"name": name, "value": value, "traceback": format_lines(exc)}
    if isinstance(exc, SystemExit):
        code = exc.code
        error["exit_code"] = code if code is None or type(code) in (int, str) else value
        if code is None:
            error["value"] = ""
    return protocol.frame(protocol.ERROR, protocol.to_json(error))


def forget_last() -> None:
    """Let go of the last error and all that its frames hold."""
    for name in ("last_exc", "last_value", "last_type", "last_traceback"):
        vars(sys).pop(name, None)


#: For when even that fails; made in advance, since memory may be what is missing.
OUT_OF_MEMORY = protocol.frame(protocol.ERROR, '{"name":"MemoryError","value":"","traceback":["MemoryError"]}')
