"""Figures drawn in the real guest, and the chart that each of them becomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from wasm_interp import Chart, LineChart, Result, Sandbox, SuperChart, UnknownChart

_SETUP = """
import datetime as dt
import numpy as np
import pandas as pd
import matplotlib.dates
import matplotlib.pyplot as plt
plt.rcParams["figure.dpi"] = 40
days = [dt.datetime(2026, 1, day) for day in (1, 2, 3)]
frame = pd.DataFrame({"a": [1, 2, 3, 4], "b": [3.0, 1, 2, 5]}, index=pd.date_range("2026-01-01", periods=4))
named = frame.set_index(pd.Index(list("wxyz")))
visits = pd.DataFrame({"day": list("aabbaabb"), "kind": list("xyxyxyxy"), "count": [1.0, 2, 3, 4, 5, 6, 7, 8]})
"""

Draw = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def show() -> Iterator[Callable[[str], list[Result]]]:
    """Runs a cell; its results. Contexts are slow to warm, so one serves all the tests."""
    with Sandbox() as sandbox:

        def run(code: str) -> list[Result]:
            found = sandbox.run_code(code)
            assert found.error is None, str(found.error)
            assert found.stderr == ""
            return found.results

        run(_SETUP)
        yield run


@pytest.fixture(scope="module")
def draw(show: Callable[[str], list[Result]]) -> Draw:
    """Runs a cell that draws one figure; its chart as JSON values."""

    def run(code: str) -> dict[str, Any]:
        (result,) = show(f"{code}\nplt.show()")
        assert isinstance(result.chart, Chart)
        assert result.png is not None
        assert result.extra == {}
        found = result.chart.to_dict()
        assert json.loads(json.dumps(found, allow_nan=False)) == found
        return found

    return run


def _series(chart: dict[str, Any]) -> dict[str, Any]:
    return {element["label"]: element["points"] for element in chart["elements"]}


def _bars(chart: dict[str, Any]) -> list[tuple[Any, ...]]:
    assert chart["type"] == "bar"
    return [tuple(element.values()) for element in chart["elements"]]


# Lines


def test_lines(draw: Draw) -> None:
    assert draw(
        """
plt.plot([0, 1, 2], [10, 20, 15], label="first")
plt.plot([0, 2], [5, float("nan")])
plt.title("Two lines"); plt.xlabel("Time (s)"); plt.ylabel("Speed [m/s]")
plt.xticks([0, 1, 2]); plt.yticks([0, 10, 20], ["low", "middle", "high"]); plt.ylim(4, 20); plt.legend()
"""
    ) == {
        "type": "line",
        "title": "Two lines",
        "x_label": "Time (s)",
        "y_label": "Speed [m/s]",
        "x_unit": "s",
        "y_unit": "m/s",
        "x_ticks": [0.0, 1.0, 2.0],
        "x_tick_labels": ["0", "1", "2"],
        "x_scale": "linear",
        "y_ticks": [10.0, 20.0],
        "y_tick_labels": ["middle", "high"],
        "y_scale": "linear",
        "elements": [
            {"label": "first", "points": [[0.0, 10.0], [1.0, 20.0], [2.0, 15.0]]},
            {"label": "Line 1", "points": [[0.0, 5.0], [2.0, None]]},
        ],
    }


def test_ticks_are_those_that_the_figure_shows(draw: Draw) -> None:
    chart = draw("plt.plot([0, 1], [0.1, 0.7])")
    assert chart["x_ticks"] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert chart["x_tick_labels"] == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert chart["y_ticks"] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


def test_an_inverted_axis_has_its_ticks(draw: Draw) -> None:
    assert draw("plt.plot([0, 1, 2], [0, 1, 2]); plt.xticks([0, 1, 2, 3]); plt.xlim(2, 0)")["x_ticks"] == [0, 1, 2]


def test_a_horizontal_line_is_a_line(draw: Draw) -> None:
    assert _series(draw("plt.plot([0, 10], [5, 5], label='flat')")) == {"flat": [[0.0, 5.0], [10.0, 5.0]]}


def test_a_vertical_line_is_a_line(draw: Draw) -> None:
    assert _series(draw("plt.plot([3, 3], [0, 1])")) == {"Line 0": [[3.0, 0.0], [3.0, 1.0]]}


def test_lines_from_limit_to_limit_are_lines_of_a_line_chart(draw: Draw) -> None:
    chart = draw(
        """
plt.plot([0, 4], [1, 9]); plt.xlim(0, 4); plt.ylim(0, 10)
plt.axhline(5, label="mean"); plt.axvline(2, ymax=0.5, label="now"); plt.axline((0, 0), slope=2, label="slope")
"""
    )
    assert _series(chart) == {
        "Line 0": [[0.0, 1.0], [4.0, 9.0]],
        "mean": [[0.0, 5.0], [4.0, 5.0]],
        "now": [[2.0, 0.0], [2.0, 5.0]],
        "slope": [[0.0, 0.0], [4.0, 8.0]],
    }


def test_only_a_line_from_limit_to_limit(draw: Draw) -> None:
    assert _series(draw("plt.axhline(5, label='mean'); plt.xlim(0, 4)")) == {"mean": [[0.0, 5.0], [4.0, 5.0]]}


def test_hlines_and_vlines(draw: Draw) -> None:
    chart = draw("plt.hlines([1, 2], 0, 5, label='h'); plt.vlines(3, 0, 4)")
    assert chart["type"] == "line"
    assert [(element["label"], element["points"]) for element in chart["elements"]] == [
        ("h", [[0.0, 1.0], [5.0, 1.0]]),
        ("h", [[0.0, 2.0], [5.0, 2.0]]),
        ("Line 2", [[3.0, 0.0], [3.0, 4.0]]),
    ]


def test_grid_and_spans_and_text_are_no_data(draw: Draw) -> None:
    chart = draw(
        """
plt.plot([0, 1], [2, 3], label="a"); plt.grid(); plt.axhspan(2.2, 2.4); plt.text(0, 2, "here")
plt.annotate("there", (1, 3), (0, 3), arrowprops={}); plt.fill_between([0, 1], [1, 2], [3, 4])
plt.plot([0, 1], [0, 1], transform=plt.gca().transAxes)
"""
    )
    assert (chart["type"], _series(chart)) == ("line", {"a": [[0.0, 2.0], [1.0, 3.0]]})


def test_hidden_lines_and_empty_ones_are_left_out(draw: Draw) -> None:
    chart = draw("plt.plot([1], [2], label='a'); plt.plot([1], [3])[0].set_visible(False); plt.plot([], [], label='b')")
    assert _series(chart) == {"a": [[1.0, 2.0]]}


def test_a_line_with_error_bars_counts_once(draw: Draw) -> None:
    chart = draw("plt.errorbar([1, 2], [3, 4], yerr=0.5, xerr=0.1, capsize=3, label='measured')")
    assert (chart["type"], _series(chart)) == ("line", {"measured": [[1.0, 3.0], [2.0, 4.0]]})


def test_stems(draw: Draw) -> None:
    assert _series(draw("plt.stem([1, 2], [3, 4], label='s')")) == {"s": [[1.0, 3.0], [2.0, 4.0]]}


def test_not_a_number_and_infinities_and_masks_are_null(draw: Draw) -> None:
    chart = draw("plt.plot([1, 2, np.inf, 4], np.ma.masked_equal([1, -1, 3, np.nan], -1))")
    assert _series(chart) == {"Line 0": [[1.0, 1.0], [2.0, None], [None, 3.0], [4.0, None]]}


@pytest.mark.parametrize(
    ("label", "unit"),
    [
        ("Time (s)", "s"),
        ("Speed [m/s]", "m/s"),
        ("Speed[m/s]", "m/s"),
        ("Force (kN (mean))", "kN (mean)"),
        ("(m)", "m"),
        (r"Heat ($W/m^2$) ", "$W/m^2$"),
        ("a (b) [c]", "c"),
        ("Costs (USD) per year", None),
        ("f(x)", None),
        ("Time ()", None),
        ("Time s)", None),
        ("Time", None),
    ],
)
def test_units(draw: Draw, label: str, unit: str | None) -> None:
    chart = draw(f"plt.plot([1, 2]); plt.xlabel({label!r}); plt.ylabel('y')")
    assert (chart["x_label"], chart["x_unit"], chart["y_unit"]) == (label, unit, None)


def test_titles(draw: Draw) -> None:
    assert draw("plt.plot([1, 2])")["title"] is None
    assert draw("plt.plot([1, 2]); plt.title('left', loc='left')")["title"] == "left"
    assert draw("plt.plot([1, 2]); plt.suptitle('above')")["title"] == "above"
    assert draw("plt.plot([1, 2]); plt.suptitle('above'); plt.title('own')")["title"] == "own"


# Scales


@pytest.mark.parametrize("scale", ["linear", "log", "symlog", "logit", "asinh"])
def test_scales(draw: Draw, scale: str) -> None:
    chart = draw(f"plt.plot([0.1, 0.5], [0.2, 0.3]); plt.xscale({scale!r})")
    assert (chart["x_scale"], chart["y_scale"]) == (scale, "linear")
    assert _series(chart) == {"Line 0": [[0.1, 0.2], [0.5, 0.3]]}


@pytest.mark.parametrize("scale", ["function", "functionlog"])
def test_scales_of_functions(draw: Draw, scale: str) -> None:
    chart = draw(f"plt.plot([1, 2], [1, 2]); plt.yscale({scale!r}, functions=(np.sqrt, np.square))")
    assert (chart["x_scale"], chart["y_scale"]) == ("linear", scale)


def test_an_unknown_scale(draw: Draw) -> None:
    chart = draw(
        """
import matplotlib.scale
class Own(matplotlib.scale.LinearScale):
    name = "own"
matplotlib.scale.register_scale(Own)
plt.plot([1, 2], [3, 4]); plt.xscale("own")
"""
    )
    assert chart["x_scale"] == "unknown"


def test_ticks_of_a_log_scale(draw: Draw) -> None:
    chart = draw("plt.loglog([1, 10], [1, 2])")
    assert chart["x_ticks"] == [1.0, 10.0]
    assert chart["x_tick_labels"] == [r"$\mathdefault{10^{0}}$", r"$\mathdefault{10^{1}}$"]


# Dates and categories


def test_times(draw: Draw) -> None:
    chart = draw("plt.plot(days, [1, 2, 3]); plt.xticks(days); plt.xlim(days[0], days[1])")
    assert _series(chart) == {
        "Line 0": [["2026-01-01T00:00:00", 1.0], ["2026-01-02T00:00:00", 2.0], ["2026-01-03T00:00:00", 3.0]]
    }
    assert chart["x_ticks"] == ["2026-01-01T00:00:00", "2026-01-02T00:00:00"]
    assert (chart["x_scale"], chart["y_scale"]) == ("datetime", "linear")


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ("[day.date() for day in days[:2]]", ["2026-01-01", "2026-01-02"]),
        ("pd.to_datetime(['2026-01-01', None])", ["2026-01-01T00:00:00", None]),
        ("pd.Series(days[:2])", ["2026-01-01T00:00:00", "2026-01-02T00:00:00"]),
        ("np.array(['2026-01-01T10:20', '2026-01-02'], 'M8[m]')", ["2026-01-01T10:20:00", "2026-01-02T00:00:00"]),
        (
            "np.array(['2026-01-01T00:00:00.25', '2026-01-01T00:00:01'], 'M8[ms]')",
            ["2026-01-01T00:00:00.250", "2026-01-01T00:00:01.000"],
        ),
        (
            "np.array(['2026-01-01T00:00:00.000123', '2026-01-01T00:00:01'], 'M8[us]')",
            ["2026-01-01T00:00:00.000123", "2026-01-01T00:00:01.000000"],
        ),
        (
            "pd.date_range('2026-06-01 12:00', periods=2, tz=dt.timezone(dt.timedelta(hours=2)))",
            ["2026-06-01T12:00:00+02:00", "2026-06-02T12:00:00+02:00"],
        ),
        ("[dt.datetime(1850, 3, 1), dt.datetime(9000, 1, 1)]", ["1850-03-01T00:00:00", "9000-01-01T00:00:00"]),
    ],
)
def test_kinds_of_dates(draw: Draw, values: str, found: list[str | None]) -> None:
    chart = draw(f"plt.plot({values}, [1, 2])")
    assert chart["x_scale"] == "datetime"
    assert _series(chart) == {"Line 0": [[found[0], 1.0], [found[1], 2.0]]}


def test_dates_up_the_side(draw: Draw) -> None:
    chart = draw("plt.scatter([1, 2], days[:2])")
    assert (chart["x_scale"], chart["y_scale"]) == ("linear", "datetime")
    assert _series(chart) == {"Scatter 0": [[1.0, "2026-01-01T00:00:00"], [2.0, "2026-01-02T00:00:00"]]}


def test_numbers_with_a_formatter_of_dates(draw: Draw) -> None:
    chart = draw(
        "plt.plot([20454, 20455], [1, 2]); plt.gca().xaxis.set_major_formatter(matplotlib.dates.DateFormatter('%d'))"
    )
    assert chart["x_scale"] == "datetime"
    assert _series(chart)["Line 0"][0] == ["2026-01-01T00:00:00", 1.0]


def test_categories(draw: Draw) -> None:
    chart = draw("plt.plot(['north', 'south', 'north'], [1, 2, 3])")
    assert (chart["x_scale"], chart["x_ticks"], chart["x_tick_labels"]) == (
        "categorical",
        [0.0, 1.0],
        ["north", "south"],
    )
    assert _series(chart) == {"Line 0": [["north", 1.0], ["south", 2.0], ["north", 3.0]]}


def test_labelled_ticks_are_categories_where_they_name_each_place(draw: Draw) -> None:
    chart = draw("plt.plot([0, 1, 2], [1, 2, 3]); plt.xticks([0, 1, 2], ['Jan', 'Feb', 'Mar'])")
    assert (chart["x_scale"], _series(chart)["Line 0"][2]) == ("categorical", ["Mar", 3.0])


@pytest.mark.parametrize(
    "ticks",
    [
        "plt.xticks([0, 1, 2], ['2020', '2021', '2022'])",
        "plt.xticks([0, 5, 10], ['start', 'half', 'end'])",
        "plt.gca().xaxis.set_major_formatter(lambda x, position: f'{x:.0f}k')",
    ],
)
def test_labelled_ticks_on_an_axis_of_numbers(draw: Draw, ticks: str) -> None:
    chart = draw(f"plt.plot([0, 1, 2], [1, 2, 3]); {ticks}")
    assert (chart["x_scale"], _series(chart)["Line 0"][2]) == ("linear", [2.0, 3.0])


# Scatters


def test_scatters(draw: Draw) -> None:
    chart = draw("plt.scatter([1, 2], [3, 4], label='s'); plt.scatter([5, 6], [7, np.nan]); plt.axhline(3)")
    assert (chart["type"], _series(chart)) == (
        "scatter",
        {"s": [[1.0, 3.0], [2.0, 4.0]], "Scatter 1": [[5.0, 7.0], [None, None]]},
    )


@pytest.mark.parametrize("more", ["plt.errorbar([1], [4], yerr=[1], fmt='none')", "plt.vlines([1, 2], 0, [4, np.nan])"])
def test_error_bars_and_stems_of_a_scatter_are_no_data(draw: Draw, more: str) -> None:
    chart = draw(f"plt.scatter([1], [4]); {more}")
    assert (chart["type"], _series(chart)) == ("scatter", {"Scatter 0": [[1.0, 4.0]]})


def test_a_scatter_is_told_apart_by_its_legend(draw: Draw) -> None:
    chart = draw(
        """
points = plt.scatter([1, 2, 3], [4, 5, 6], c=[0, 1, 0])
plt.legend(points.legend_elements()[0], ["no", "yes"])
"""
    )
    assert _series(chart) == {"no": [[1.0, 4.0], [3.0, 6.0]], "yes": [[2.0, 5.0]]}


def test_points_with_a_line_through_them_are_two_charts(draw: Draw) -> None:
    chart = draw("plt.scatter([1, 2], [3, 4], label='data'); plt.plot([1, 2], [3, 5], label='fit'); plt.title('Fit')")
    assert (chart["type"], chart["title"]) == ("superchart", "Fit")
    assert [(inner["type"], inner["title"], _series(inner)) for inner in chart["elements"]] == [
        ("scatter", "Fit", {"data": [[1.0, 3.0], [2.0, 4.0]]}),
        ("line", "Fit", {"fit": [[1.0, 3.0], [2.0, 5.0]]}),
    ]


# Bars


def test_bars_of_equal_height(draw: Draw) -> None:
    assert draw("plt.bar(['a', 'b'], [3, 3], label='sold'); plt.xlabel('Author'); plt.ylabel('Books (1000)')") == {
        "type": "bar",
        "title": None,
        "x_label": "Author",
        "y_label": "Books (1000)",
        "x_unit": None,
        "y_unit": "1000",
        "orientation": "vertical",
        "elements": [
            {"label": "a", "group": "sold", "value": 3.0},
            {"label": "b", "group": "sold", "value": 3.0},
        ],
    }


def test_a_single_bar(draw: Draw) -> None:
    assert _bars(draw("plt.bar(['a'], [3])")) == [("a", "Group 0", 3.0)]


def test_horizontal_bars_have_their_categories_on_x(draw: Draw) -> None:
    chart = draw("plt.barh(['a', 'b'], [3, 4], height=[0.5, 0.8]); plt.xlabel('Count'); plt.ylabel('Name (x)')")
    assert _bars(chart) == [("a", "Group 0", 3.0), ("b", "Group 0", 4.0)]
    assert chart["orientation"] == "horizontal"
    assert [chart[name] for name in ("x_label", "x_unit", "y_label", "y_unit")] == ["Name (x)", "x", "Count", None]


GROUPED = [
    ("A", "m", 1.0),
    ("B", "m", 2.0),
    ("C", "m", 3.0),
    ("A", "w", 3.0),
    ("B", "w", 2.0),
    ("C", "w", 1.0),
]


@pytest.mark.parametrize(
    "code",
    [
        """
x = np.arange(3)
plt.bar(x - 0.2, [1, 2, 3], 0.4, label="m"); plt.bar(x + 0.2, [3, 2, 1], 0.4, label="w")
plt.xticks(x, ["A", "B", "C"])
""",
        """
x = np.arange(3)
plt.bar(x, [1, 2, 3], 0.4, label="m"); plt.bar(x + 0.4, [3, 2, 1], 0.4, label="w")
plt.gca().set_xticks(x + 0.2, ["A", "B", "C"])
""",
        """
y = np.arange(3)
plt.barh(y - 0.2, [1, 2, 3], 0.4, label="m"); plt.barh(y + 0.2, [3, 2, 1], 0.4, label="w")
plt.yticks(y, ["A", "B", "C"])
""",
        "plt.gca().grouped_bar([[1, 2, 3], [3, 2, 1]], tick_labels=['A', 'B', 'C'], labels=['m', 'w'])",
        'plt.bar(list("ABC"), [1, 2, 3], label="m"); plt.bar(list("ABC"), [3, 2, 1], bottom=[1, 2, 3], label="w")',
        'plt.barh(list("ABC"), [1, 2, 3], label="m"); plt.barh(list("ABC"), [3, 2, 1], left=[1, 2, 3], label="w")',
        "pd.DataFrame({'m': [1, 2, 3], 'w': [3, 2, 1]}, index=list('ABC')).plot.bar()",
        "pd.DataFrame({'m': [1, 2, 3], 'w': [3, 2, 1]}, index=list('ABC')).plot.barh(stacked=True)",
    ],
    ids=["grouped", "beside", "horizontal", "grouped_bar", "stacked", "stacked horizontal", "pandas", "pandas stacked"],
)
def test_grouped_and_stacked_bars(draw: Draw, code: str) -> None:
    assert _bars(draw(code)) == GROUPED


def test_bars_without_labelled_ticks_are_labelled_by_where_they_stand(draw: Draw) -> None:
    assert _bars(draw("plt.bar([2019, 2020], [1, 2])")) == [("2019", "Group 0", 1.0), ("2020", "Group 0", 2.0)]
    assert _bars(draw("plt.bar([0.8, 1.8], [1, 2], 0.4); plt.bar([1.2, 2.2], [3, 4], 0.4)")) == [
        ("1", "Group 0", 1.0),
        ("2", "Group 0", 2.0),
        ("1", "Group 1", 3.0),
        ("2", "Group 1", 4.0),
    ]


def test_a_tick_labels_no_bar_but_its_own(draw: Draw) -> None:
    chart = draw("plt.bar([0, 1, 2], [1, 2, 3]); plt.xticks([0, 2], ['first', 'last'])")
    assert [label for label, _, _ in _bars(chart)] == ["first", "1", "last"]


def test_bars_that_are_groups_of_their_own(draw: Draw) -> None:
    assert _bars(draw("plt.bar(['a', 'b'], [1, 2], label=['x', 'y'])")) == [("a", "x", 1.0), ("b", "y", 2.0)]
    assert _bars(draw("for name in 'ab': plt.bar(name, 1, label=name)")) == [("a", "a", 1.0), ("b", "b", 1.0)]


def test_a_group_that_the_legend_shows_once(draw: Draw) -> None:
    code = "plt.bar(list('abc'), [1, 2, 3], label=['red', 'blue', '_red'], color=['red', 'blue', 'red']); plt.legend()"
    assert [group for _, group, _ in _bars(draw(code))] == ["red", "blue", "red"]


def test_bars_of_dates(draw: Draw) -> None:
    assert _bars(draw("plt.bar(days[:2], [1, 2])")) == [
        ("2026-01-01", "Group 0", 1.0),
        ("2026-01-02", "Group 0", 2.0),
    ]
    assert _bars(draw("plt.bar([days[0].replace(hour=6), days[1]], [1, 2], width=0.1)")) == [
        ("2026-01-01T06:00:00", "Group 0", 1.0),
        ("2026-01-02T00:00:00", "Group 0", 2.0),
    ]


def test_values_below_zero_and_missing(draw: Draw) -> None:
    assert _bars(draw("plt.bar(['a', 'b'], [-1, np.nan])")) == [("a", "Group 0", -1.0), ("b", "Group 0", None)]


@pytest.mark.parametrize(
    ("code", "errors"),
    [
        ("plt.bar(['a', 'b'], [3, -4], yerr=0.2, capsize=4)", [0.2, 0.2]),
        ("plt.bar(['a', 'b'], [3, 4], yerr=[[0.1, 0.2], [0.3, 0.2]])", [[0.1, 0.3], 0.2]),
        ("plt.barh(['a', 'b'], [3, 4], xerr=[0.1, 0.2])", [0.1, 0.2]),
        ("plt.bar(['a', 'b'], [3, 4], bottom=[10, 20], yerr=[0.1, 0.2])", [0.1, 0.2]),
        ("plt.bar(['a', 'b'], [3, 4]); plt.errorbar(['a', 'b'], [3, 4], yerr=[0.1, 0.2], fmt='none')", [0.1, 0.2]),
        ("plt.bar(['a', 'b'], [3, 4], yerr=[0.1, np.nan])", [0.1, None]),
        ("named[:2].plot.bar(y='a', yerr=[0.5, 0.25])", [0.5, 0.25]),
    ],
)
def test_error_bars(draw: Draw, code: str, errors: list[Any]) -> None:
    chart = draw(code)
    assert chart["type"] == "bar"
    assert [element.get("error") for element in chart["elements"]] == errors


def test_bars_without_error_bars_have_no_error(draw: Draw) -> None:
    assert draw("plt.bar(['a'], [3])")["elements"][0].keys() == {"label", "group", "value"}


def test_the_error_of_a_bar_is_not_that_of_the_bar_below(draw: Draw) -> None:
    chart = draw("plt.bar(['a'], [3]); plt.bar(['a'], [2], bottom=[3], yerr=2.5)")
    assert [element.get("error") for element in chart["elements"]] == [None, 2.5]


def test_a_line_over_bars_is_no_error_bar(draw: Draw) -> None:
    chart = draw("plt.bar([0, 1, 2], [1, 3, 2]); plt.plot([0, 1, 2], [1, 3, 2])")
    assert [inner["type"] for inner in chart["elements"]] == ["bar", "line"]


def test_bars_with_a_line_are_two_charts(draw: Draw) -> None:
    chart = draw("plt.bar([1, 2], [3, 4], label='b'); plt.plot([1, 2], [3, 5], label='l'); plt.axhline(3)")
    assert _bars(chart["elements"][0]) == [("1", "b", 3.0), ("2", "b", 4.0)]
    assert _series(chart["elements"][1]) == {"l": [[1.0, 3.0], [2.0, 5.0]]}


# Histograms


BINS = [("[0, 10)", "Group 0", 2.0), ("[10, 20)", "Group 0", 1.0), ("[20, 30]", "Group 0", 3.0)]


@pytest.mark.parametrize(
    "code",
    [
        "plt.hist(values, bins=3)",
        "plt.hist(values, bins=3, rwidth=0.5)",
        "plt.hist(values, bins=3, align='left')",
        "plt.hist(values, bins=3, orientation='horizontal')",
        "plt.hist(values, bins=3, histtype='step')",
        "plt.hist(values, bins=3, histtype='stepfilled', align='right', orientation='horizontal')",
        "plt.hist(values, bins=3); plt.axvline(15, label='mean')",
        "plt.stairs(*np.histogram(values, 3))",
        "counts, edges = np.histogram(values, 3); plt.bar(edges[:-1], counts, width=10, align='edge')",
        "pd.Series(values).plot.hist(bins=3)",
        "pd.Series(values).hist(bins=3)",
    ],
)
def test_histograms_are_bars_labelled_by_their_edges(draw: Draw, code: str) -> None:
    assert _bars(draw(f"values = [0, 9, 10, 20, 25, 30]; {code}")) == BINS


@pytest.mark.parametrize("options", ["", ", stacked=True", ", histtype='step'", ", histtype='step', stacked=True"])
def test_histograms_of_several_data_sets(draw: Draw, options: str) -> None:
    chart = draw(f"plt.hist([[0, 0, 2], [2, 1]], bins=2, label=['p', 'q']{options})")
    assert _bars(chart) == [("[0, 1)", "p", 2.0), ("[1, 2]", "p", 1.0), ("[0, 1)", "q", 0.0), ("[1, 2]", "q", 2.0)]


@pytest.mark.parametrize(
    ("code", "labels"),
    [
        ("plt.hist([0, 1], bins=3)", ["[0, 0.333333)", "[0.333333, 0.666667)", "[0.666667, 1]"]),
        ("plt.hist([1000000, 1000001], bins=2)", ["[1000000, 1000000.5)", "[1000000.5, 1000001]"]),
        ("plt.hist([-2, 2], bins=[-2, -0.1, 2])", ["[-2, -0.1)", "[-0.1, 2]"]),
        ("plt.hist(days, bins=2)", ["[2026-01-01, 2026-01-02)", "[2026-01-02, 2026-01-03]"]),
        ("plt.bar([1, 2, 3], [4, 5, 6], width=1)", ["1", "2", "3"]),
        ("plt.bar(['a', 'b'], [4, 5], width=1)", ["a", "b"]),
        ("plt.bar(days, [4, 5, 6], width=1)", ["2026-01-01", "2026-01-02", "2026-01-03"]),
    ],
)
def test_edges_and_bars_that_only_touch(draw: Draw, code: str, labels: list[str]) -> None:
    assert [label for label, _, _ in _bars(draw(code))] == labels


# Box plots and pies


@pytest.mark.parametrize(
    ("options", "orientation"),
    [
        ("", "vertical"),
        (", patch_artist=True", "vertical"),
        (", orientation='horizontal'", "horizontal"),
        (", patch_artist=True, orientation='horizontal', notch=True", "horizontal"),
        (", showmeans=True, showcaps=False, positions=[3, 7]", "vertical"),
    ],
)
def test_box_plots(draw: Draw, options: str, orientation: str) -> None:
    along, across = ("Group", "Time (s)") if orientation == "vertical" else ("Time (s)", "Group")
    chart = draw(
        f"""
plt.boxplot([[1, 2, 3, 4, 20], [2, 3, 4]], tick_labels=["a", "b"]{options})
plt.xlabel({along!r}); plt.ylabel({across!r}); plt.title("Boxes")
"""
    )
    assert chart == {
        "type": "box_and_whisker",
        "title": "Boxes",
        "x_label": "Group",
        "y_label": "Time (s)",
        "x_unit": None,
        "y_unit": "s",
        "orientation": orientation,
        "elements": [
            {
                "label": "a",
                "min": 1.0,
                "first_quartile": 2.0,
                "median": 3.0,
                "third_quartile": 4.0,
                "max": 4.0,
                "outliers": [20.0],
            },
            {
                "label": "b",
                "min": 2.0,
                "first_quartile": 2.5,
                "median": 3.0,
                "third_quartile": 3.5,
                "max": 4.0,
                "outliers": [],
            },
        ],
    }


def test_a_box_of_nothing(draw: Draw) -> None:
    chart = draw("plt.boxplot([[], [1, 2]])")
    assert [element["median"] for element in chart["elements"]] == [None, 1.5]
    assert [element["label"] for element in chart["elements"]] == ["1", "2"]


def test_a_pie(draw: Draw) -> None:
    assert draw("plt.pie([1, 3], labels=['a', 'b'], autopct='%d', explode=[0.1, 0], shadow=True); plt.title('P')") == {
        "type": "pie",
        "title": "P",
        "elements": [{"label": "a", "angle": 90.0, "radius": 1.0}, {"label": "b", "angle": 270.0, "radius": 1.0}],
    }


def test_a_pie_with_a_legend_and_a_ring_in_it(draw: Draw) -> None:
    chart = draw(
        """
outer, _ = plt.pie([1, 2], radius=1.5, startangle=90, counterclock=False, wedgeprops={"width": 0.5})
plt.legend(outer, ["u", "v"]); plt.pie([1, 1], radius=0.5, labels=["w", ""], colors=["red", "pink"])
"""
    )
    assert [tuple(element.values()) for element in chart["elements"]] == [
        ("u", 120.0, 1.5),
        ("v", 240.0, 1.5),
        ("w", 180.0, 0.5),
        ("", 180.0, 0.5),
    ]


# Several axes


def test_several_axes_are_a_superchart(draw: Draw) -> None:
    chart = draw(
        """
figure, axes = plt.subplots(2, 2)
axes[0, 0].plot([1, 2]); axes[0, 0].set_title("line"); axes[0, 1].bar(["a"], [1]); axes[1, 0].imshow([[1, 2]])
figure.suptitle("All")
"""
    )
    assert (chart["type"], chart["title"]) == ("superchart", "All")
    assert [(inner["type"], inner["title"]) for inner in chart["elements"]] == [
        ("line", "line"),
        ("bar", None),
        ("unknown", None),
    ]


def test_one_of_several_axes_is_a_chart(draw: Draw) -> None:
    assert draw("figure, axes = plt.subplots(1, 2); axes[1].plot([1, 2]); axes[0].axis('off')")["type"] == "line"


def test_twins_are_two_charts_with_one_x_label(draw: Draw) -> None:
    chart = draw(
        """
figure, left = plt.subplots()
left.bar(days[:2], [1, 2]); left.set(xlabel="Day", ylabel="Rain (mm)", title="Weather")
right = left.twinx(); right.plot(days[:2], [20, 30], label="t"); right.set_ylabel("Heat (C)")
"""
    )
    assert (chart["type"], chart["title"]) == ("superchart", "Weather")
    bars, line = chart["elements"]
    assert _bars(bars) == [("2026-01-01", "Group 0", 1.0), ("2026-01-02", "Group 0", 2.0)]
    assert [bars[name] for name in ("x_label", "y_label", "y_unit")] == ["Day", "Rain (mm)", "mm"]
    assert _series(line) == {"t": [["2026-01-01T00:00:00", 20.0], ["2026-01-02T00:00:00", 30.0]]}
    assert [line[name] for name in ("title", "x_label", "y_label", "y_unit")] == ["Weather", "Day", "Heat (C)", "C"]
    assert line["x_scale"] == "datetime"


@pytest.mark.parametrize("bar", ["plt.colorbar()", "plt.colorbar(cax=plt.gcf().add_axes([0.9, 0.1, 0.05, 0.8]))"])
def test_a_colour_bar_is_no_chart(draw: Draw, bar: str) -> None:
    chart = draw(f"plt.scatter([1, 2], [3, 4], c=[5, 6]); {bar}")
    assert (chart["type"], _series(chart)) == ("scatter", {"Scatter 0": [[1.0, 3.0], [2.0, 4.0]]})


# Unknown


@pytest.mark.parametrize(
    "code",
    [
        "plt.imshow([[1, 2], [3, 4]]); plt.colorbar(); plt.axhline(0.5)",
        "plt.contourf([[1, 2], [3, 4]])",
        "plt.pcolormesh([[1, 2], [3, 4]])",
        "plt.hexbin([1, 2], [3, 4])",
        "plt.stackplot([1, 2], [3, 4])",
        "plt.violinplot([[1, 2, 3], [2, 3, 4]])",
        "plt.axes(projection='3d').plot([1, 2], [3, 4], [5, 6])",
        "plt.text(0.5, 0.5, 'words')",
        "plt.axes()",
        "import networkx; networkx.draw(networkx.path_graph(4), with_labels=True)",
        "import networkx; networkx.draw(networkx.DiGraph([(1, 2)]))",
        "import seaborn; seaborn.heatmap(np.eye(3), annot=True)",
        "import seaborn; seaborn.violinplot(visits, x='day', y='count')",
        "import seaborn; seaborn.boxenplot(visits, x='day', y='count')",
    ],
)
def test_what_is_unknown_has_a_title(draw: Draw, code: str) -> None:
    assert draw(f"{code}\nplt.title('T')") == {"type": "unknown", "title": "T", "elements": []}


def test_a_figure_without_axes_has_no_chart(show: Callable[[str], list[Result]]) -> None:
    (result,) = show("figure = plt.figure(); figure.text(0.5, 0.5, 'words'); plt.show()")
    assert (result.chart, result.formats()) == (None, ["text", "png"])


def test_a_polar_plot(draw: Draw) -> None:
    assert _series(draw("plt.polar([0, 1], [2, 3])")) == {"Line 0": [[0.0, 2.0], [1.0, 3.0]]}


# pandas and seaborn


def test_pandas_time_series(draw: Draw) -> None:
    chart = draw("frame.plot(title='P')")
    assert (chart["title"], chart["x_scale"]) == ("P", "datetime")
    assert _series(chart)["b"] == [
        ["2026-01-01T00:00:00", 3.0],
        ["2026-01-02T00:00:00", 1.0],
        ["2026-01-03T00:00:00", 2.0],
        ["2026-01-04T00:00:00", 5.0],
    ]
    assert chart["x_ticks"][0] == "2026-01-01T00:00:00"


@pytest.mark.parametrize(
    ("index", "first"),
    [
        ("pd.period_range('2026-03', periods=4, freq='M')", "2026-03-01T00:00:00"),
        ("pd.period_range('2026', periods=4, freq='Y')", "2026-01-01T00:00:00"),
        ("pd.date_range('2026-01-01 10:00', periods=4, freq='h')", "2026-01-01T10:00:00"),
        ("pd.to_datetime(['2026-01-01', '2026-01-05', '2026-02-01', '2026-03-01'])", "2026-01-01T00:00:00"),
        ("list('wxyz')", "w"),
        ("[5, 6, 7, 8]", 5.0),
    ],
)
def test_pandas_indexes(draw: Draw, index: str, first: object) -> None:
    assert _series(draw(f"frame.set_axis({index}).plot()"))["a"][0] == [first, 1.0]


def test_pandas_bars_of_dates(draw: Draw) -> None:
    assert _bars(draw("frame.a.plot.bar()"))[1] == ("2026-01-02 00:00:00", "a", 2.0)


def test_pandas_boxes_and_pies(draw: Draw) -> None:
    for code in ("named.plot.box()", "named.boxplot()"):
        boxes = draw(code)["elements"]
        assert [(box["label"], box["min"], box["median"], box["max"]) for box in boxes] == [
            ("a", 1.0, 2.5, 4.0),
            ("b", 1.0, 2.5, 5.0),
        ]
    slices = draw("named.a.plot.pie()")["elements"]
    assert [(each["label"], each["angle"]) for each in slices] == [("w", 36.0), ("x", 72.0), ("y", 108.0), ("z", 144.0)]


def test_pandas_area_and_scatter_and_histograms(draw: Draw) -> None:
    assert _series(draw("named.plot.area()"))["b"][0] == ["w", 4.0]
    assert _series(draw("named.plot.scatter('a', 'b', c='a', cmap='viridis')"))["Scatter 0"][3] == [4.0, 5.0]
    chart = draw("named.hist(bins=2)")
    assert [(inner["title"], _bars(inner)[0]) for inner in chart["elements"]] == [
        ("a", ("[1, 2.5)", "Group 0", 2.0)),
        ("b", ("[1, 3)", "Group 0", 2.0)),
    ]


def test_seaborn_bars_with_hue(draw: Draw) -> None:
    chart = draw("import seaborn as sns; sns.barplot(visits, x='day', y='count', hue='kind', errorbar=('pi', 100))")
    assert _bars(chart) == [("a", "x", 3.0, 2.0), ("b", "x", 5.0, 2.0), ("a", "y", 4.0, 2.0), ("b", "y", 6.0, 2.0)]
    chart = draw("sns.barplot(visits, y='day', x='count', capsize=0.2, errorbar=('pi', 100))")
    assert (_bars(chart), chart["orientation"], chart["x_label"]) == (
        [("a", "Group 0", 3.5, 2.5), ("b", "Group 0", 5.5, 2.5)],
        "horizontal",
        "day",
    )
    assert _bars(draw("sns.countplot(visits, x='kind')")) == [("x", "Group 0", 4.0), ("y", "Group 0", 4.0)]


def test_seaborn_boxes_with_hue(draw: Draw) -> None:
    chart = draw("import seaborn as sns; sns.boxplot(visits, x='day', y='count', hue='kind')")
    assert {box["label"]: box["median"] for box in chart["elements"]} == {"a, x": 3, "b, x": 5, "a, y": 4, "b, y": 6}


def test_seaborn_histograms(draw: Draw) -> None:
    chart = draw("import seaborn as sns; sns.histplot(visits, x='count', hue='kind', bins=2)")
    assert sorted(_bars(chart)) == [
        ("[1, 4.5)", "x", 2.0),
        ("[1, 4.5)", "y", 2.0),
        ("[4.5, 8]", "x", 2.0),
        ("[4.5, 8]", "y", 2.0),
    ]
    chart = draw("sns.histplot(visits, x='count', bins=2, kde=True)")
    assert [inner["type"] for inner in chart["elements"]] == ["bar", "line"]


def test_seaborn_points_and_lines(draw: Draw) -> None:
    chart = draw("import seaborn as sns; sns.scatterplot(visits[:4], x='count', y='count', hue='kind')")
    assert _series(chart) == {"x": [[1.0, 1.0], [3.0, 3.0]], "y": [[2.0, 2.0], [4.0, 4.0]]}
    for kind in ("lineplot", "pointplot"):
        assert _series(draw(f"sns.{kind}(visits, x='day', y='count', hue='kind')")) == {
            "x": [["a", 3.0], ["b", 5.0]],
            "y": [["a", 4.0], ["b", 6.0]],
        }
    chart = draw("sns.stripplot(visits, x='day', y='count', hue='kind')")
    assert _series(chart)["x"] == [["a", 1.0], ["a", 5.0], ["b", 3.0], ["b", 7.0]]


def test_seaborn_grids(draw: Draw) -> None:
    chart = draw("import seaborn as sns; sns.pairplot(named)")
    assert [inner["type"] for inner in chart["elements"]] == ["scatter", "scatter", "bar", "bar"]
    chart = draw("sns.pairplot(named.assign(kind=list('xyxy')), hue='kind', diag_kind='hist')")
    assert [list(_series(inner)) for inner in chart["elements"][:2]] == [["x", "y"], ["x", "y"]]
    assert {group for inner in chart["elements"][2:] for _, group, _ in _bars(inner)} == {"x", "y"}
    chart = draw("sns.regplot(visits, x='count', y='count', ci=None)")
    assert [inner["type"] for inner in chart["elements"]] == ["scatter", "line"]


# Limits


def test_a_long_line_is_thinned_out_evenly(draw: Draw) -> None:
    chart = draw("plt.plot(np.arange(100_001), np.arange(100_001) * 2)")
    points = chart["elements"][0]["points"]
    assert chart["truncated"] is True
    assert len(points) == 5000
    assert (points[0], points[-1]) == ([0.0, 0.0], [100_000.0, 200_000.0])
    assert {int(after[0] - before[0]) for before, after in pairwise(points)} == {20, 21}


def test_a_line_within_the_limit_is_whole(draw: Draw) -> None:
    chart = draw("plt.plot(np.arange(5000))")
    assert (len(chart["elements"][0]["points"]), "truncated" in chart) == (5000, False)


def test_a_figure_of_many_lines_is_bounded(draw: Draw) -> None:
    chart = draw("plt.plot(np.zeros((5000, 12)))")
    assert chart["truncated"] is True
    assert [len(element["points"]) for element in chart["elements"]] == [5000] * 10


def test_bars_and_outliers_are_bounded(draw: Draw) -> None:
    chart = draw("plt.hist(np.arange(6000), bins=6000)")
    assert (len(chart["elements"]), chart["truncated"]) == (5000, True)
    chart = draw("plt.boxplot(np.concatenate([np.zeros(30_000), np.arange(1, 6001)]))")
    assert (len(chart["elements"][0]["outliers"]), chart["truncated"]) == (5000, True)


# Programs that work against it


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("axes.get_title = lambda *_: 1 / 0", None),
        ("axes.xaxis.get_converter = lambda: 1 / 0", "T"),
        ("axes.lines[0].get_xdata = lambda orig=True: 1 / 0", "T"),
        ("axes.lines[0].get_label = lambda: exit()", "T"),
        ("type(axes).containers = property(lambda self: 1 / 0)", "T"),
        ("figure.get_suptitle = lambda: 1 / 0", None),
    ],
)
def test_what_misbehaves_is_unknown_and_the_cell_goes_on(code: str, title: str | None) -> None:
    drawing = "import matplotlib.pyplot as plt\nfigure, axes = plt.subplots(); axes.plot([1, 2]); axes.set_title('T')"
    with Sandbox() as sandbox:
        found = sandbox.run_code(f"{drawing}\n{code}\nplt.show(); 5")
    assert (found.error, found.stderr, found.text) == (None, "", "5")
    assert found.results[0].chart == UnknownChart(title=title, elements=[])


def test_one_axes_that_misbehaves_costs_its_own_chart_only(draw: Draw) -> None:
    chart = draw(
        "figure, (left, right) = plt.subplots(1, 2); left.plot([1, 2]); right.plot([3, 4]); left.get_title = None"
    )
    assert [inner["type"] for inner in chart["elements"]] == ["unknown", "line"]


def test_a_chart_that_the_program_made_up_is_kept_as_it_came(show: Callable[[str], list[Result]]) -> None:
    mime = "application/vnd.wasm-interp.chart+json"
    (result,) = show(f"display({{{mime!r}: {{'type': 'line'}}}}, raw=True)")
    assert (result.chart, result.extra) == (None, {mime: {"type": "line"}})


def test_the_wrapped_methods_look_as_before(show: Callable[[str], list[Result]]) -> None:
    (result,) = show("plt.Axes.hist.__name__, 'rwidth' in str(__import__('inspect').signature(plt.Axes.hist))")
    assert result.text == "('hist', True)"


def test_an_error_of_a_wrapped_method_does_not_show_the_wrapper() -> None:
    with Sandbox() as sandbox:
        error = sandbox.run_code("import matplotlib.pyplot as plt\nplt.hist([1], bins=-1)").error
    assert error is not None
    assert "in hist" in str(error)
    assert "wasm_interp" not in str(error)


def test_a_chart_is_of_its_class(show: Callable[[str], list[Result]]) -> None:
    (result,) = show("plt.plot([1, 2]); plt.show()")
    assert isinstance(result.chart, LineChart)
    assert result.chart.elements[0].points == [(0.0, 1.0), (1.0, 2.0)]
    (result,) = show("plt.subplots(1, 2); [axes.plot([1, 2]) for axes in plt.gcf().axes]; plt.show()")
    assert isinstance(result.chart, SuperChart)


def test_a_figure_as_a_value_has_its_chart_too(show: Callable[[str], list[Result]]) -> None:
    (result,) = show("figure, axes = plt.subplots(); axes.plot([1, 2]); figure")
    assert (result.is_main_result, result.chart.type if result.chart else None) == (True, "line")
