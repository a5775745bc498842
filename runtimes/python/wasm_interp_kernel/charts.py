"""A drawn matplotlib figure as chart data: numbers and labels from which a host can draw it anew.

One Axes is one chart; several make a superchart, in the order in which they were added, colour bars and empty ones
left out. An Axes that mixes kinds (points with a fitted line, a histogram with its density) counts as several charts
with the same labels, and twins (``twinx``) as one each, both with the label of the axis that they share. What no
reader knows is a chart of type "unknown" that has a title. Data is bounded (``chart_panel``); a chart from which
something was left out says ``"truncated": true``.

Rule: nothing here raises, an interrupt aside, or imports matplotlib. Rule: called after drawing, so that the ticks
are there. The shapes are checked by the host's ``wasm_interp/charts.py``.
"""

from wasm_interp_kernel import chart_records
from wasm_interp_kernel.chart_bars import read_bars
from wasm_interp_kernel.chart_boxes import read_boxes, read_pie
from wasm_interp_kernel.chart_panel import Allowance, Panel, title_of
from wasm_interp_kernel.chart_series import claim_containers, read_lines, read_scatters

CHART = "application/vnd.wasm-interp.chart+json"

watch = chart_records.watch


def add(figure: object, data: dict[str, object]) -> None:
    """Put the chart of a drawn figure into its mime bundle, if it has axes. All values are JSON already."""
    chart = extract(figure)
    if chart is not None:
        data[CHART] = chart


def extract(figure: object) -> dict[str, object] | None:
    """The chart of a drawn figure; None for one without axes."""
    try:
        return _extract(figure)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return _unknown(None)


def _extract(figure: object) -> dict[str, object] | None:
    everything = figure.axes
    if not everything:
        return None
    overall = figure.get_suptitle() or None
    shown = [axes for axes in everything if _is_shown(axes)]
    drawn = [axes for axes in shown if _has_content(axes)] or shown[:1]
    allowance = Allowance()
    panels: list[Panel] = []
    charts: list[dict] = []
    for axes in drawn:
        charts += _safe_charts(axes, allowance, panels)
    if len(charts) == 1:
        charts[0]["title"] = charts[0]["title"] or overall
        return charts[0]
    if not charts:
        return _unknown(overall)
    return {"type": "superchart", "title": overall or _only_title(panels), "elements": charts}


def _is_shown(axes: object) -> bool:
    return axes.get_visible() and type(axes.get_axes_locator()).__name__ != "_ColorbarAxesLocator"


def _has_content(axes: object) -> bool:
    return bool(axes.has_data() or axes.texts or axes.tables)


def _safe_charts(axes: object, allowance: Allowance, panels: list[Panel]) -> list[dict]:
    """The charts of one Axes; one that misbehaves costs its own only."""
    title = None
    try:
        title = title_of(axes)
        panel = Panel(axes, allowance, title)
        _share_labels(panel, panels)
        panels.append(panel)
        return _charts(panel) or [_unknown(panel.title)]
    except KeyboardInterrupt:
        raise
    except BaseException:
        return [_unknown(title)]


def _charts(panel: Panel) -> list[dict]:
    axes = panel.axes
    if axes.name == "3d" or any(type(each).__name__ == "PatchCollection" for each in axes.collections):
        return []
    pie = read_pie(panel)
    if pie is not None:
        return [pie]
    labels = claim_containers(panel)
    readers = (read_bars, read_boxes, read_scatters)
    found = [chart for read in readers if (chart := read(panel)) is not None]
    lines = read_lines(panel, labels, alone=not found)
    return found if lines is None else [*found, lines]


def _share_labels(panel: Panel, earlier: list[Panel]) -> None:
    """Give a twin the label of the axis that it shares with the Axes in the same place, which alone shows it."""
    axes = panel.axes
    for other in earlier:
        if other.axes.get_position(original=True).bounds != axes.get_position(original=True).bounds:
            continue
        if panel.x.label is None and axes.get_shared_x_axes().joined(axes, other.axes):
            panel.x.label = other.x.label
        if panel.y.label is None and axes.get_shared_y_axes().joined(axes, other.axes):
            panel.y.label = other.y.label
        panel.title = panel.title or other.title


def _only_title(panels: list[Panel]) -> str | None:
    """The title of a figure whose charts share it: twins, or one Axes of several kinds."""
    titles = {panel.title for panel in panels}
    return titles.pop() if len(titles) == 1 else None


def _unknown(title: str | None) -> dict[str, object]:
    return {"type": "unknown", "title": title, "elements": []}
