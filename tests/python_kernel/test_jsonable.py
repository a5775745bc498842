from __future__ import annotations

import collections
import dataclasses
import datetime
import enum

import pytest
from wasm_interp_kernel import jsonable
from wasm_interp_kernel.jsonable import NotJson, to_jsonable


class Colour(enum.Enum):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


@dataclasses.dataclass
class Point:
    x: int
    y: object = None


class Text(str):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "converted"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        ({None: 3, True: 4, 1.5: 5}, {"null": 3, "true": 4, "1.5": 5}),
        ((1, (2,)), [1, [2]]),
        ([datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3)], ["2026-01-02", "2026-01-02T03:00:00"]),
        ([datetime.timedelta(minutes=1)], [60.0]),
        ([Colour.RED, Number.ONE], ["red", 1]),
        ({Colour.RED: 1, datetime.date(2026, 1, 2): 2, (1, 2): 3}, {"red": 1, "2026-01-02": 2, "(1, 2)": 3}),
        ([Point(1, Point(2))], [{"x": 1, "y": {"x": 2, "y": None}}]),
        (collections.OrderedDict(a=collections.Counter("aab")), {"a": {"a": 2, "b": 1}}),
        ([True], [True]),
    ],
)
def test_conversions(value: object, converted: object) -> None:
    assert to_jsonable(value) == converted


@pytest.mark.parametrize("value", [float("nan"), [float("-inf")], [{1}], [object()], [Point], {"a": b"x"}, [1j]])
def test_what_has_no_json(value: object) -> None:
    with pytest.raises(NotJson):
        to_jsonable(value)


def test_cycles_and_depth_end() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(NotJson):
        to_jsonable(cycle)


def test_length_is_limited() -> None:
    with pytest.raises(NotJson):
        to_jsonable([0] * (jsonable.MAX_ITEMS + 1))
    with pytest.raises(NotJson):
        to_jsonable([[0] * 1000] * (jsonable.MAX_ITEMS // 1000 + 1))


def test_subclasses_become_plain() -> None:
    converted = to_jsonable([Text("x"), True])
    assert [type(item) for item in converted] == [str, bool]
