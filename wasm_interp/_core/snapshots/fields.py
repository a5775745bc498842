"""Reading JSON that nobody vouches for: each field has its type and its bounds, and no other field is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from wasm_interp.errors import SnapshotFormatError

T = TypeVar("T")
MOST_WHOLE = 2**63 - 1


def parsed(text: bytes) -> dict[str, Any]:
    """The JSON object in ``text``. Raises SnapshotFormatError."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SnapshotFormatError(f"the metadata is no JSON: {error}") from None
    return fields(value, "the metadata")


def fields(value: Any, what: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """``value`` if it is an object, with exactly these names where they are given."""
    if not isinstance(value, dict):
        raise SnapshotFormatError(f"{what} is {_shown(value)}, not an object")
    if names is not None and value.keys() != set(names):
        raise SnapshotFormatError(f"{what} has the fields {_shown(sorted(value))}, not {_shown(sorted(names))}")
    return value


def whole(value: Any, what: str, least: int = 0, most: int = MOST_WHOLE) -> int:
    """``value`` if it is a whole number within the bounds."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SnapshotFormatError(f"{what} is {_shown(value)}, not a whole number from {least} to {most}")
    return value


def text(value: Any, what: str) -> str:
    """``value`` if it is text that UTF-8 can hold."""
    if not isinstance(value, str):
        raise SnapshotFormatError(f"{what} is {_shown(value)}, not text")
    try:
        value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise SnapshotFormatError(f"{what} is {_shown(value)}, which UTF-8 cannot hold") from None
    return value


def flag(value: Any, what: str) -> bool:
    """``value`` if it is true or false."""
    if not isinstance(value, bool):
        raise SnapshotFormatError(f"{what} is {_shown(value)}, not true or false")
    return value


def items(value: Any, what: str, most: int, read: Callable[[Any], T]) -> list[T]:
    """``value`` if it is a list of at most ``most``, each as ``read`` gives it."""
    if not isinstance(value, list) or len(value) > most:
        raise SnapshotFormatError(f"{what} is {_shown(value)}, not a list of at most {most}")
    return [read(each) for each in value]


def texts_by_name(value: Any, what: str) -> dict[str, str]:
    """``value`` if it is an object of texts."""
    return {text(name, what): text(each, f"{what}, {name!r}") for name, each in fields(value, what).items()}


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 100 else f"{shown[:100]}..."
