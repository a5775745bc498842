"""What a context is told with its first cell: working directory and environment; and per-run overrides."""

import os

_environ = os.environ
_data = os.environ._data  # bytes to bytes; os.environ's own methods cost a new context a page for each
_get = os.environ.get
_putenv, _unsetenv = os.putenv, os.unsetenv
_chdir = os.chdir
_MISSING = object()
_ERRORS = "surrogateescape"


def start(cwd: str | None, variables: dict[str, str] | None) -> None:
    """Replace the environment and move to ``cwd``. Raises OSError when it cannot be entered."""
    if variables is not None:
        _replace({name.encode("utf-8", _ERRORS): value.encode("utf-8", _ERRORS) for name, value in variables.items()})
    if cwd is not None:
        _chdir(cwd)


def _replace(variables: dict[bytes, bytes]) -> None:
    for name in [name for name in _data if name not in variables]:
        _unsetenv(name)
        del _data[name]
    for name, value in variables.items():
        if _data.get(name) != value:
            _putenv(name, value)
            _data[name] = value


def overlay(variables: dict[str, str]) -> dict[str, tuple[str, object]]:
    """Set variables for one run; returns what ``restore`` needs."""
    saved = {}
    for name, value in variables.items():
        saved[name] = (value, _get(name, _MISSING))
        _environ[name] = value
    return saved


def restore(saved: dict[str, tuple[str, object]]) -> None:
    """Undo ``overlay``, except where the program itself changed a variable in between."""
    for name, (ours, before) in saved.items():
        if _get(name) != ours:
            continue
        if before is _MISSING:
            del _environ[name]
        else:
            _environ[name] = before
