"""Values as JSON: what dict and list results carry beside their text.

Numpy scalars and arrays, dates, enums, dataclasses and keys that are not strings are converted. What is not JSON
(sets, arbitrary objects, NaN) has no JSON form, and neither has a value nested or long past the limits.
"""

import sys
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from math import isfinite

MAX_DEPTH = 100
MAX_ITEMS = 200_000  # about 0.2 s of conversion


class NotJson(ValueError):
    """The value has no JSON form, or is too large for one."""


class _Converter:
    """One conversion, with what it may still spend."""

    def __init__(self) -> None:
        self.items_left = MAX_ITEMS
        self._numpy = sys.modules.get("numpy")

    def value(self, value: object, depth: int = 0) -> object:
        kind = type(value)
        if value is None or kind is str or kind is bool or kind is int:
            return value
        if kind is float:
            return self._finite(value)
        self.items_left -= 1
        if depth > MAX_DEPTH or self.items_left < 0:
            raise NotJson("too deep or too long")
        if isinstance(value, Enum):
            return self.value(value.value, depth + 1)
        if isinstance(value, dict):
            return self._dict(value, depth)
        if isinstance(value, (list, tuple)):
            return self._list(value, depth)
        return self._other(value, depth)

    def _finite(self, value: float) -> float:
        if not isfinite(value):
            raise NotJson("JSON has no NaN or infinity")
        return float(value)

    def _list(self, value: list | tuple, depth: int) -> list:
        self.items_left -= len(value)
        if self.items_left < 0:
            raise NotJson("too long")
        return [self.value(item, depth + 1) for item in value]

    def _dict(self, value: dict, depth: int) -> dict:
        self.items_left -= len(value)
        if self.items_left < 0:
            raise NotJson("too long")
        return {self._key(key): self.value(item, depth + 1) for key, item in value.items()}

    def _key(self, key: object) -> str:
        if isinstance(key, str):
            return str(key)
        if isinstance(key, Enum):
            return self._key(key.value)
        plain = self.value(key)
        if plain is None or plain is True or plain is False:
            return {None: "null", True: "true", False: "false"}[plain]
        return plain if type(plain) is str else str(key)

    def _other(self, value: object, depth: int) -> object:
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return self._finite(value)
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: self.value(getattr(value, field.name), depth + 1) for field in fields(value)}
        numpy = self._numpy
        if numpy is not None and isinstance(value, numpy.generic):
            return self._numpy_scalar(value, depth)
        if numpy is not None and isinstance(value, numpy.ndarray):
            self.items_left -= value.size
            if self.items_left < 0:
                raise NotJson("too long")
            return self.value(value.tolist(), depth + 1)
        raise NotJson(f"{type(value).__name__} is not JSON")

    def _numpy_scalar(self, value: object, depth: int) -> object:
        if isinstance(value, (self._numpy.datetime64, self._numpy.timedelta64)):
            if self._numpy.isnat(value):
                return None
            return str(value)
        plain = value.item()
        if isinstance(plain, self._numpy.generic):
            raise NotJson(f"{type(value).__name__} is not JSON")
        return self.value(plain, depth + 1)


def to_jsonable(value: object) -> object:
    """The value as dict, list, str, int, float, bool or None. Raises NotJson, or what a user's class raises."""
    return _Converter().value(value)


def simplify(value: object) -> object:
    """What an encoder of JSON asks for what it does not know: numpy's numbers and arrays, dates, dataclasses.

    Raises TypeError or ValueError for what is not JSON, as json.dumps does.
    """
    try:
        return _Converter()._other(value, 0)
    except NotJson as error:
        if str(error).endswith(" is not JSON"):
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable") from None
        raise ValueError(str(error)) from None
