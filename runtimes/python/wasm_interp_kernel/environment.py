"""What a context is told with its first cell: working directory and environment; and per-run overrides."""

import os

_environ = os.environ
_chdir = os.chdir
_get = os.environ.get
_MISSING = object()


def start(cwd: str | None, variables: dict[str, str] | None) -> None:
    """Replace the environment and move to ``cwd``. Raises OSError when it cannot be entered."""
    if variables is not None:
        for name in set(_environ) - variables.keys():
            del _environ[name]
        for name, value in variables.items():
            if _get(name) != value:
                _environ[name] = value
    if cwd is not None:
        _chdir(cwd)


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
