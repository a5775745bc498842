"""Chart data: what a plotted figure shows, as numbers and labels from which it can be drawn anew.

The shapes are those that users of E2B's code interpreter know. Rule: the data comes from a guest and may be anything;
`Chart.from_dict` takes exactly the documented shapes, and `to_dict` gives them back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from math import isfinite
from typing import Any, ClassVar, NoReturn, TypeVar

#: A place on an axis: a number, an ISO 8601 time, or the name of a category. None: not a number, or infinite.
Value = float | str | None

_SHOWN_CHARACTERS = 40


class ChartType(StrEnum):
    """What a chart says of itself in ``type``."""

    LINE = "line"
    SCATTER = "scatter"
    BAR = "bar"
    PIE = "pie"
    BOX_AND_WHISKER = "box_and_whisker"
    SUPERCHART = "superchart"
    UNKNOWN = "unknown"


class ScaleType(StrEnum):
    """How values lie on an axis."""

    LINEAR = "linear"
    DATETIME = "datetime"
    CATEGORICAL = "categorical"
    LOG = "log"
    SYMLOG = "symlog"
    LOGIT = "logit"
    FUNCTION = "function"
    FUNCTIONLOG = "functionlog"
    ASINH = "asinh"
    UNKNOWN = "unknown"


class Orientation(StrEnum):
    """Which way bars and boxes point."""

    VERTICAL = "vertical"
    HORIZONTAL = "horizontal"


@dataclass(frozen=True, slots=True)
class PointData:
    """A line or a scatter; a line of ``axhline`` goes from limit to limit."""

    label: str
    points: list[tuple[Value, Value]]


@dataclass(frozen=True, slots=True)
class BarData:
    """One bar. label: its category, or its bin as ``[0, 10)``. group: the series that it belongs to.

    value: its own length, whatever it is stacked on. error: the length of its error bar, or (below, above) where the
    two differ; None without one.
    """

    label: str
    group: str
    value: float | None
    error: float | tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class PieData:
    """One slice. angle: degrees. radius: 1 unless the program chose another."""

    label: str
    angle: float | None
    radius: float | None


@dataclass(frozen=True, slots=True)
class BoxAndWhiskerData:
    """One box. min and max are the ends of its whiskers; outliers lie beyond them."""

    label: str
    min: float | None
    first_quartile: float | None
    median: float | None
    third_quartile: float | None
    max: float | None
    outliers: list[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What every chart has.

    title: None when empty. truncated: some data was left out. A figure's charts hold 50,000 values, and one line or
    scatter 5,000 points, evenly picked from all of them.
    """

    type: ClassVar[ChartType]
    title: str | None
    elements: list[Any]
    truncated: bool = False

    @classmethod
    def from_dict(cls, data: object) -> Chart:
        """The chart that a JSON object describes, of the class that its ``type`` says.

        Raises ValueError, with the place of the fault, for anything else than the documented shape, and for a chart
        of another class than the one asked.
        """
        chart = _of_record(_chart)(data, "chart")
        if not isinstance(chart, cls):
            raise ValueError(f"chart.type must be that of a {cls.__name__}, not {chart.type.value!r}")
        return chart

    def to_dict(self) -> dict[str, Any]:
        """The chart as JSON values; ``truncated`` and a bar's ``error`` only where there is any."""
        return {"type": self.type.value, **_wire_fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart2D(Chart):
    """A chart with two axes. A unit is what stands in parentheses or brackets at the end of the label."""

    x_label: str | None
    y_label: str | None
    x_unit: str | None
    y_unit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointChart(Chart2D):
    """A chart of points. Tick labels are the figure's own text, mathtext included."""

    elements: list[PointData]
    x_ticks: list[Value]
    x_tick_labels: list[str]
    x_scale: ScaleType
    y_ticks: list[Value]
    y_tick_labels: list[str]
    y_scale: ScaleType


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart(PointChart):
    """Lines."""

    type: ClassVar[ChartType] = ChartType.LINE


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterChart(PointChart):
    """Points."""

    type: ClassVar[ChartType] = ChartType.SCATTER


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart(Chart2D):
    """Bars and histograms. x is the axis of the categories and y that of the values, whichever way the bars point."""

    type: ClassVar[ChartType] = ChartType.BAR
    elements: list[BarData]
    orientation: Orientation = Orientation.VERTICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class PieChart(Chart):
    """A pie; of nested ones the slices of all."""

    type: ClassVar[ChartType] = ChartType.PIE
    elements: list[PieData]


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxAndWhiskerChart(Chart2D):
    """Box plots. x is the axis of the categories and y that of the values, whichever way the boxes point."""

    type: ClassVar[ChartType] = ChartType.BOX_AND_WHISKER
    elements: list[BoxAndWhiskerData]
    orientation: Orientation = Orientation.VERTICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperChart(Chart):
    """Several charts of one figure; none of them is a SuperChart."""

    type: ClassVar[ChartType] = ChartType.SUPERCHART
    elements: list[Chart]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownChart(Chart):
    """A figure whose data has no shape here, such as an image. It has no elements."""

    type: ClassVar[ChartType] = ChartType.UNKNOWN


# To JSON values


def _wire_fields(record: Any) -> dict[str, Any]:
    shown = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if value is field.default and field.name in ("truncated", "error"):
            continue
        shown[field.name] = _wire(value)
    if "elements" in shown:
        shown["elements"] = shown.pop("elements")  # last, for a reader of the JSON
    return shown


def _wire(value: Any) -> Any:
    if isinstance(value, Chart):
        return value.to_dict()
    if isinstance(value, PointData):
        return {"label": value.label, "points": list(map(list, value.points))}
    if isinstance(value, (BarData, PieData, BoxAndWhiskerData)):
        return _wire_fields(value)
    if isinstance(value, (list, tuple)):
        return [_wire(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


# From JSON values

_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)
_Read = Callable[[object, str], _T]


class _Record:
    """The fields of a JSON object, each taken once. ``where`` names it in errors."""

    def __init__(self, value: object, where: str) -> None:
        if not isinstance(value, dict):
            _refuse(value, where, "an object")
        self._left = dict(value)
        self._where = where

    def take(self, name: str, read: _Read[_T]) -> _T:
        where = f"{self._where}.{name}"
        if name not in self._left:
            raise ValueError(f"{where} is missing")
        return read(self._left.pop(name), where)

    def take_optional(self, name: str, read: _Read[_T], default: _T) -> _T:
        return self.take(name, read) if name in self._left else default

    def peek(self, name: str) -> object:
        return self._left.get(name)

    def refuse(self, why: str) -> NoReturn:
        raise ValueError(f"{self._where} {why}")

    def end(self) -> None:
        """Raises ValueError when there is a field that nobody took."""
        if self._left:
            self.refuse(f"has no field {_shown(next(iter(self._left)))}")


def _refuse(value: object, where: str, wanted: str) -> NoReturn:
    raise ValueError(f"{where} must be {wanted}, not {_shown(value)}")


def _shown(value: object) -> str:
    """A value for an error message, short whatever it is."""
    if isinstance(value, str):
        return repr(value[:_SHOWN_CHARACTERS])
    return repr(value) if value is None or isinstance(value, (bool, float)) else type(value).__name__


def _text(value: object, where: str) -> str:
    return value if isinstance(value, str) else _refuse(value, where, "text")


def _text_or_none(value: object, where: str) -> str | None:
    return None if value is None else _text(value, where)


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _refuse(value, where, "a number")
    if isinstance(value, float) and not isfinite(value):
        _refuse(value, where, "a finite number")
    return value


def _number_or_none(value: object, where: str) -> float | None:
    return None if value is None else _number(value, where)


def _value(value: object, where: str) -> Value:
    return value if value is None or isinstance(value, str) else _number(value, where)


def _true(value: object, where: str) -> bool:
    return True if value is True else _refuse(value, where, "true where it is given")


def _choice(choices: type[_E]) -> _Read[_E]:
    def read(value: object, where: str) -> _E:
        for choice in choices:
            if choice == value:
                return choice
        _refuse(value, where, f"one of {', '.join(choices)}")

    return read


def _list(read: _Read[_T]) -> _Read[list[_T]]:
    def read_list(value: object, where: str) -> list[_T]:
        if not isinstance(value, list):
            _refuse(value, where, "a list")
        return [read(item, f"{where}[{index}]") for index, item in enumerate(value)]

    return read_list


def _pair(read: _Read[_T]) -> _Read[tuple[_T, _T]]:
    def read_pair(value: object, where: str) -> tuple[_T, _T]:
        if not isinstance(value, list) or len(value) != 2:
            _refuse(value, where, "a list of two")
        return read(value[0], where), read(value[1], where)

    return read_pair


def _error(value: object, where: str) -> float | tuple[float, float]:
    return _pair(_number)(value, where) if isinstance(value, list) else _number(value, where)


def _of_record(build: Callable[[_Record], _T]) -> _Read[_T]:
    def read(value: object, where: str) -> _T:
        record = _Record(value, where)
        built = build(record)
        record.end()
        return built

    return read


_orientation = _choice(Orientation)
_scale = _choice(ScaleType)
_points = _list(_pair(_value))


def _point_data(record: _Record) -> PointData:
    return PointData(record.take("label", _text), record.take("points", _points))


def _bar_data(record: _Record) -> BarData:
    return BarData(
        record.take("label", _text),
        record.take("group", _text),
        record.take("value", _number_or_none),
        record.take_optional("error", _error, None),
    )


def _pie_data(record: _Record) -> PieData:
    return PieData(
        record.take("label", _text), record.take("angle", _number_or_none), record.take("radius", _number_or_none)
    )


def _box_data(record: _Record) -> BoxAndWhiskerData:
    return BoxAndWhiskerData(
        label=record.take("label", _text),
        min=record.take("min", _number_or_none),
        first_quartile=record.take("first_quartile", _number_or_none),
        median=record.take("median", _number_or_none),
        third_quartile=record.take("third_quartile", _number_or_none),
        max=record.take("max", _number_or_none),
        outliers=record.take("outliers", _list(_number)),
    )


def _base(record: _Record, element: Callable[[_Record], object]) -> dict[str, Any]:
    return {
        "title": record.take("title", _text_or_none),
        "elements": record.take("elements", _list(_of_record(element))),
        "truncated": record.take_optional("truncated", _true, False),
    }


def _two_axes(record: _Record, element: Callable[[_Record], object]) -> dict[str, Any]:
    labels = {name: record.take(name, _text_or_none) for name in ("x_label", "y_label", "x_unit", "y_unit")}
    return _base(record, element) | labels


def _point_chart(record: _Record) -> dict[str, Any]:
    found = _two_axes(record, _point_data)
    for axis in ("x", "y"):
        ticks = record.take(f"{axis}_ticks", _list(_value))
        labels = record.take(f"{axis}_tick_labels", _list(_text))
        if len(ticks) != len(labels):
            record.refuse(f"has {len(ticks)} {axis}_ticks but {len(labels)} {axis}_tick_labels")
        found |= {f"{axis}_ticks": ticks, f"{axis}_tick_labels": labels}
        found[f"{axis}_scale"] = record.take(f"{axis}_scale", _scale)
    return found


def _with_orientation(record: _Record, element: Callable[[_Record], object]) -> dict[str, Any]:
    orientation = record.take_optional("orientation", _orientation, Orientation.VERTICAL)
    return _two_axes(record, element) | {"orientation": orientation}


def _inner_chart(record: _Record) -> Chart:
    if record.peek("type") == ChartType.SUPERCHART:
        record.refuse("must not hold a superchart, being in one")
    return _chart(record)


def _no_element(record: _Record) -> NoReturn:
    record.refuse("must not be there: an unknown chart has no elements")


_CHARTS: dict[ChartType, Callable[[_Record], Chart]] = {
    ChartType.LINE: lambda record: LineChart(**_point_chart(record)),
    ChartType.SCATTER: lambda record: ScatterChart(**_point_chart(record)),
    ChartType.BAR: lambda record: BarChart(**_with_orientation(record, _bar_data)),
    ChartType.PIE: lambda record: PieChart(**_base(record, _pie_data)),
    ChartType.BOX_AND_WHISKER: lambda record: BoxAndWhiskerChart(**_with_orientation(record, _box_data)),
    ChartType.SUPERCHART: lambda record: SuperChart(**_base(record, _inner_chart)),
    ChartType.UNKNOWN: lambda record: UnknownChart(**_base(record, _no_element)),
}


def _chart(record: _Record) -> Chart:
    return _CHARTS[record.take("type", _choice(ChartType))](record)
