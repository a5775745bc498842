"""Charts on the host: exactly the documented shapes, whatever a guest sends."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wasm_interp
from wasm_interp import (
    BarChart,
    BarData,
    BoxAndWhiskerChart,
    BoxAndWhiskerData,
    Chart,
    ChartType,
    LineChart,
    Orientation,
    PieChart,
    PieData,
    PointData,
    Result,
    ScaleType,
    ScatterChart,
    SuperChart,
    UnknownChart,
)

MIME = "application/vnd.wasm-interp.chart+json"

LINE: dict[str, Any] = {
    "type": "line",
    "title": "T",
    "x_label": "Time (s)",
    "y_label": None,
    "x_unit": "s",
    "y_unit": None,
    "x_ticks": ["2026-01-01T00:00:00"],
    "x_tick_labels": ["Jan"],
    "x_scale": "datetime",
    "y_ticks": [0, 1.5],
    "y_tick_labels": ["0", "1.5"],
    "y_scale": "linear",
    "elements": [{"label": "a", "points": [["2026-01-01T00:00:00", 1.5], ["2026-01-02T00:00:00", None]]}],
}
BAR: dict[str, Any] = {
    "type": "bar",
    "title": None,
    "x_label": "Name",
    "y_label": "Count",
    "x_unit": None,
    "y_unit": None,
    "orientation": "horizontal",
    "elements": [
        {"label": "a", "group": "g", "value": 1},
        {"label": "b", "group": "g", "value": None, "error": 0.5},
        {"label": "c", "group": "g", "value": -2.5, "error": [0.5, 1]},
    ],
}
PIE: dict[str, Any] = {
    "type": "pie",
    "title": "P",
    "elements": [{"label": "", "angle": 360.0, "radius": 1.0}],
    "truncated": True,
}
BOX: dict[str, Any] = {
    "type": "box_and_whisker",
    "title": "B",
    "x_label": None,
    "y_label": None,
    "x_unit": None,
    "y_unit": None,
    "orientation": "vertical",
    "elements": [
        {
            "label": "a",
            "min": 1.0,
            "first_quartile": 2.0,
            "median": 3.0,
            "third_quartile": 4.0,
            "max": None,
            "outliers": [9.0],
        }
    ],
}
UNKNOWN: dict[str, Any] = {"type": "unknown", "title": "U", "elements": []}
SUPER: dict[str, Any] = {"type": "superchart", "title": "S", "elements": [LINE, BAR, PIE, BOX, UNKNOWN]}
SCATTER = LINE | {"type": "scatter"}
ALL = [LINE, SCATTER, BAR, PIE, BOX, UNKNOWN, SUPER]

each_shape = pytest.mark.parametrize("shape", ALL, ids=lambda shape: shape["type"])


def changed(shape: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    """The shape with one value set in it."""
    new = copy.deepcopy(shape)
    place: Any = new
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return new


def without(shape: dict[str, Any], *path: str | int) -> dict[str, Any]:
    new = copy.deepcopy(shape)
    place: Any = new
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return new


# Shapes


@each_shape
def test_a_shape_becomes_a_chart_and_back(shape: dict[str, Any]) -> None:
    chart = Chart.from_dict(shape)
    assert chart.type == shape["type"]
    assert chart.title == shape["title"]
    assert chart.to_dict() == shape
    assert json.loads(json.dumps(chart.to_dict())) == shape


def test_a_line_chart() -> None:
    assert Chart.from_dict(LINE) == LineChart(
        title="T",
        x_label="Time (s)",
        y_label=None,
        x_unit="s",
        y_unit=None,
        x_ticks=["2026-01-01T00:00:00"],
        x_tick_labels=["Jan"],
        x_scale=ScaleType.DATETIME,
        y_ticks=[0, 1.5],
        y_tick_labels=["0", "1.5"],
        y_scale=ScaleType.LINEAR,
        elements=[PointData("a", [("2026-01-01T00:00:00", 1.5), ("2026-01-02T00:00:00", None)])],
    )


def test_a_bar_chart() -> None:
    assert Chart.from_dict(BAR) == BarChart(
        title=None,
        x_label="Name",
        y_label="Count",
        x_unit=None,
        y_unit=None,
        orientation=Orientation.HORIZONTAL,
        elements=[
            BarData("a", "g", 1),
            BarData("b", "g", None, 0.5),
            BarData("c", "g", -2.5, (0.5, 1)),
        ],
    )


def test_the_other_charts() -> None:
    assert Chart.from_dict(PIE) == PieChart(title="P", elements=[PieData("", 360.0, 1.0)], truncated=True)
    assert Chart.from_dict(UNKNOWN) == UnknownChart(title="U", elements=[])
    box = BoxAndWhiskerData("a", 1.0, 2.0, 3.0, 4.0, None, [9.0])
    labels = dict.fromkeys(("x_label", "y_label", "x_unit", "y_unit"))
    assert Chart.from_dict(BOX) == BoxAndWhiskerChart(title="B", elements=[box], **labels)
    assert Chart.from_dict(SUPER) == SuperChart(
        title="S", elements=[Chart.from_dict(inner) for inner in SUPER["elements"]]
    )


def test_bars_are_vertical_where_nothing_else_is_said() -> None:
    chart = Chart.from_dict(without(BAR, "orientation"))
    assert isinstance(chart, BarChart)
    assert chart.orientation is Orientation.VERTICAL
    assert chart.to_dict() == BAR | {"orientation": "vertical"}


def test_a_subclass_takes_its_own_type_only() -> None:
    assert isinstance(LineChart.from_dict(LINE), LineChart)
    assert isinstance(ScatterChart.from_dict(SCATTER), ScatterChart)
    with pytest.raises(ValueError, match=r"^chart\.type must be that of a BarChart, not 'line'$"):
        BarChart.from_dict(LINE)


@each_shape
def test_charts_are_frozen_and_can_be_copied_and_pickled(shape: dict[str, Any]) -> None:
    chart = Chart.from_dict(shape)
    assert pickle.loads(pickle.dumps(chart)) == copy.deepcopy(chart) == copy.copy(chart) == chart
    with pytest.raises(AttributeError):
        chart.title = "other"  # type: ignore[misc]
    assert not hasattr(chart, "__dict__")


def test_to_dict_shares_no_list_with_the_chart() -> None:
    chart = Chart.from_dict(LINE)
    shown = chart.to_dict()
    shown["elements"][0]["points"].clear()
    shown["x_ticks"].clear()
    assert chart.to_dict() == LINE


def test_everything_is_exported_and_types_are_plain_text() -> None:
    for chart in (*Chart.__subclasses__(), BarData, PointData, PieData, BoxAndWhiskerData):
        assert chart.__name__ in {*wasm_interp.__all__, "Chart2D"}
    assert json.dumps([*ChartType]) == ('["line", "scatter", "bar", "pie", "box_and_whisker", "superchart", "unknown"]')
    assert [*map(str, ScaleType)] == [
        "linear",
        "datetime",
        "categorical",
        "log",
        "symlog",
        "logit",
        "function",
        "functionlog",
        "asinh",
        "unknown",
    ]


# Faults


@pytest.mark.parametrize(
    ("shape", "fault"),
    [
        (None, "chart must be an object, not None"),
        ([], "chart must be an object, not list"),
        ("line", "chart must be an object, not 'line'"),
        ({}, "chart.type is missing"),
        (
            {"type": "area"},
            "chart.type must be one of line, scatter, bar, pie, box_and_whisker, superchart, unknown, not 'area'",
        ),
        (
            {"type": ["line"]},
            "chart.type must be one of line, scatter, bar, pie, box_and_whisker, superchart, unknown, not list",
        ),
        (without(LINE, "title"), "chart.title is missing"),
        (without(LINE, "x_scale"), "chart.x_scale is missing"),
        (LINE | {"orientation": "vertical"}, "chart has no field 'orientation'"),
        (LINE | {"x" * 1000: 1}, f"chart has no field '{'x' * 40}'"),
        (LINE | {"title": 5}, "chart.title must be text, not int"),
        (LINE | {"elements": {}}, "chart.elements must be a list, not dict"),
        (LINE | {"elements": [[]]}, "chart.elements[0] must be an object, not list"),
        (
            LINE | {"y_scale": "cubic"},
            "chart.y_scale must be one of linear, datetime, categorical, log, symlog, logit, function, functionlog, "
            "asinh, unknown, not 'cubic'",
        ),
        (LINE | {"y_ticks": [1]}, "chart has 1 y_ticks but 2 y_tick_labels"),
        (LINE | {"x_tick_labels": [1]}, "chart.x_tick_labels[0] must be text, not int"),
        (LINE | {"truncated": False}, "chart.truncated must be true where it is given, not False"),
        (LINE | {"truncated": 1}, "chart.truncated must be true where it is given, not int"),
        (
            changed(LINE, "elements", 0, "points", 1, to=[1]),
            "chart.elements[0].points[1] must be a list of two, not list",
        ),
        (
            changed(LINE, "elements", 0, "points", 1, 1, to=True),
            "chart.elements[0].points[1] must be a number, not True",
        ),
        (
            changed(LINE, "elements", 0, "points", 0, 0, to=float("inf")),
            "chart.elements[0].points[0] must be a finite number, not inf",
        ),
        (changed(BAR, "elements", 0, "value", to="3"), "chart.elements[0].value must be a number, not '3'"),
        (changed(BAR, "elements", 0, "error", to=None), "chart.elements[0].error must be a number, not None"),
        (changed(BAR, "elements", 0, "error", to=[1]), "chart.elements[0].error must be a list of two, not list"),
        (changed(BAR, "elements", 0, "more", to=1), "chart.elements[0] has no field 'more'"),
        (BAR | {"orientation": "up"}, "chart.orientation must be one of vertical, horizontal, not 'up'"),
        (without(BOX, "elements", 0, "outliers"), "chart.elements[0].outliers is missing"),
        (
            changed(BOX, "elements", 0, "outliers", to=[None]),
            "chart.elements[0].outliers[0] must be a number, not None",
        ),
        (UNKNOWN | {"elements": [{}]}, "chart.elements[0] must not be there: an unknown chart has no elements"),
        (SUPER | {"elements": [SUPER]}, "chart.elements[0] must not hold a superchart, being in one"),
        (SUPER | {"elements": [LINE, PIE | {"title": 0}]}, "chart.elements[1].title must be text, not int"),
    ],
)
def test_a_fault_is_named_with_its_place(shape: Any, fault: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole text is compared
        Chart.from_dict(shape)
    assert str(caught.value) == fault


@each_shape
def test_every_field_is_needed_and_no_other_is_known(shape: dict[str, Any]) -> None:
    for name in shape.keys() - {"truncated", "orientation"}:
        with pytest.raises(ValueError, match=f"^chart.{name} is missing$"):
            Chart.from_dict(without(shape, name))
    with pytest.raises(ValueError, match=r"^chart has no field 'other'$"):
        Chart.from_dict(shape | {"other": None})


def test_a_deep_value_is_refused_without_recursion() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for shape in (deep, SUPER | {"elements": deep}, LINE | {"title": deep}, LINE | {"elements": deep}):
        with pytest.raises(ValueError, match=r"^chart"):
            Chart.from_dict(shape)
    while deep:
        deep = deep.pop()


names = sorted({name for shape in [*ALL, *(shape["elements"][0] for shape in ALL[:5])] for name in shape})
values = sorted({member.value for choices in (ChartType, ScaleType, Orientation) for member in choices})
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(values)
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(names) | st.text(), inner),
)


@given(any_json)
def test_any_json_is_a_chart_or_a_value_error(data: Any) -> None:
    try:
        chart = Chart.from_dict(data)
    except ValueError:
        return
    assert chart.to_dict() == data


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A shape with one value in it, at any depth, replaced."""
    shape = copy.deepcopy(draw(st.sampled_from(ALL)))
    place: Any = shape
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return shape
        key = draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or draw(st.booleans()):
            place[key] = draw(any_json)
            return shape
        place = place[key]


@given(damaged())
def test_a_damaged_shape_is_a_chart_or_a_value_error(data: Any) -> None:
    try:
        chart = Chart.from_dict(data)
    except ValueError:
        return
    given_orientation = {"orientation"} & data.keys()
    assert given_orientation or not isinstance(chart, (BarChart, BoxAndWhiskerChart))
    assert chart.to_dict() == data
    assert json.loads(json.dumps(chart.to_dict(), allow_nan=False)) == json.loads(json.dumps(data))


# Results


@each_shape
def test_a_result_holds_its_chart_typed_and_shows_it_as_json(shape: dict[str, Any]) -> None:
    result = Result.from_mime_bundle({"text/plain": "t", MIME: shape})
    assert result == Result(text="t", chart=Chart.from_dict(shape))
    assert result.formats() == ["text", "chart"]
    assert result.to_dict() == {"text": "t", "chart": shape, "is_main_result": False}
    assert result._repr_mimebundle_() == {"text/plain": "t", MIME: shape}


@pytest.mark.parametrize("value", [0, "line", [], {}, {"type": "line"}, LINE | {"title": 1}])
def test_a_malformed_chart_is_extra_as_it_came(value: Any) -> None:
    result = Result.from_mime_bundle({MIME: value})
    assert result == Result(extra={MIME: value})
    assert result.formats() == []


def test_a_null_is_no_chart() -> None:
    assert Result.from_mime_bundle({MIME: None}) == Result()


@given(any_json | damaged())
def test_no_chart_of_a_guest_raises(data: Any) -> None:
    result = Result.from_mime_bundle({MIME: data})
    assert (result.chart is None) == (data is None or MIME in result.extra)
