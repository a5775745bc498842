"""Bars: vertical, horizontal, grouped, stacked, with error bars; histograms, labelled by the edges of their bins."""

import sys
from itertools import pairwise
from math import floor, isclose, isfinite, log10

from wasm_interp_kernel.chart_axis import ChartAxis, number_text
from wasm_interp_kernel.chart_panel import Panel, artist_color
from wasm_interp_kernel.chart_records import BINS, STEPS

_DIGITS = 12  # of an error read back from where its bar ends

_modules = sys.modules

Error = float | list[float]


class Group:
    """Bars that were drawn together. ``spans`` are along the axis of categories, ``tips`` where the bars end."""

    def __init__(self, labels: list[str], horizontal: bool) -> None:
        self.labels = labels  # one for each bar
        self.horizontal = horizontal
        self.spans: list[tuple[float, float]] = []
        self.values: list[float] = []
        self.tips: list[float] = []
        self.edges: list[float] | None = None
        self.errors: list[Error | None] = []

    @property
    def centers(self) -> list[float]:
        return [(low + high) / 2 for low, high in self.spans]


def read_bars(panel: Panel) -> dict | None:
    """A bar chart of this Axes' bars and histograms, or None."""
    groups = _containers(panel) + _polygons(panel)
    if not groups:
        return None
    _find_loose_errors(panel, groups)
    horizontal = groups[0].horizontal
    category_axis = panel.y if horizontal else panel.x
    names = _names(category_axis, groups)
    elements = [
        element
        for group, labels in zip(groups, names, strict=True)
        for element in _elements(group, labels, panel.take(len(group.values)))
    ]
    orientation = "horizontal" if horizontal else "vertical"
    return panel.chart("bar", elements, **panel.labels(horizontal=horizontal), orientation=orientation)


def _elements(group: Group, labels: list[str], allowed: int) -> list[dict]:
    elements = []
    for index in range(allowed):
        value = group.values[index]
        element = {
            "label": labels[index],
            "group": group.labels[index],
            "value": value if isfinite(value) else None,
        }
        if group.errors and group.errors[index] is not None:
            element["error"] = group.errors[index]
        elements.append(element)
    return elements


# From artists to groups


def _containers(panel: Panel) -> list[Group]:
    groups: list[Group] = []
    for container in panel.axes.containers:
        if type(container).__name__ != "BarContainer":
            continue
        bars = [bar for bar in container.patches if bar.axes is panel.axes and bar.get_visible()]
        if not bars:
            continue
        group = Group(_group_labels(panel, container, bars, len(groups)), container.orientation == "horizontal")
        for bar in bars:
            _add_bar(group, bar)
        edges = getattr(container, BINS, None)
        if edges is not None and len(edges) == len(bars) + 1:
            group.edges = edges
        if container.errorbar is not None:
            group.errors = _aligned_errors(group, container.errorbar)
        groups.append(group)
    return groups


def _add_bar(group: Group, bar: object) -> None:
    start, width = (bar.get_y(), bar.get_height()) if group.horizontal else (bar.get_x(), bar.get_width())
    bottom, value = (bar.get_x(), bar.get_width()) if group.horizontal else (bar.get_y(), bar.get_height())
    low, high = sorted((float(start), float(start + width)))
    group.spans.append((low, high))
    group.values.append(float(value))
    group.tips.append(float(bottom + value))


def _group_labels(panel: Panel, container: object, bars: list, number: int) -> list[str]:
    """The container's label, or that of its first bar (a histogram's), or one for each bar (``label=[...]``)."""
    own = [str(bar.get_label()) for bar in bars]
    named = [label for label in own if label and not label.startswith("_")]
    if len(named) > 1:
        return own
    if named:
        return named * len(bars)
    return [panel.label(container, artist_color(bars[0]), f"Group {number}")] * len(bars)


def _polygons(panel: Panel) -> list[Group]:
    """hist(histtype="step") and stairs()."""
    patches = [patch for patch in panel.axes.patches if patch.get_visible()]
    # Of a histogram of several data sets the last is drawn first.
    steps = sorted((patch for patch in patches if hasattr(patch, STEPS)), key=lambda patch: getattr(patch, STEPS)[0])
    found = [(patch, *getattr(patch, STEPS)[1:]) for patch in steps]
    for patch in patches:
        if type(patch).__name__ == "StepPatch":
            counts, edges, _ = patch.get_data()
            found.append((patch, edges.tolist(), counts.tolist(), patch.orientation == "horizontal"))
    return [_steps(panel, number, *each) for number, each in enumerate(found)]


def _steps(panel: Panel, number: int, patch: object, edges: list, counts: list, horizontal: bool) -> Group:
    label = panel.label(patch, artist_color(patch), f"Group {number}")
    group = Group([label] * len(counts), horizontal)
    group.edges = list(map(float, edges))
    group.spans = list(pairwise(group.edges))
    group.values = group.tips = list(map(float, counts))
    return group


# Errors


def _aligned_errors(group: Group, errorbar: object) -> list[Error | None]:
    """The error of each bar from the error bars drawn with it, which are in the same order."""
    found = _segments(errorbar, group.horizontal)
    if len(found) != len(group.values):
        return []
    return [_error(tip, low, high) for tip, (_, low, high) in zip(group.tips, found, strict=True)]


def _segments(errorbar: object, horizontal: bool) -> list[tuple[float, float, float]]:
    """(place, low, high) of the error bars along the values."""
    place, value = (1, 0) if horizontal else (0, 1)
    for collection in errorbar.lines[2]:
        segments = collection.get_segments()
        if segments and all(len(each) == 2 and each[0][place] == each[1][place] for each in segments):
            return [(float(a[place]), float(a[value]), float(b[value])) for a, b in segments]
    return []


def _find_loose_errors(panel: Panel, groups: list[Group]) -> None:
    """Error bars drawn beside the bars: errorbar(fmt="none") after bar(), and the plain lines of seaborn."""
    horizontal = groups[0].horizontal
    bare = [group for group in groups if not group.errors and group.edges is None]
    if not bare:
        return
    loose = [
        found
        for container in panel.axes.containers
        if type(container).__name__ == "ErrorbarContainer" and container.lines[0] is None
        for found in _segments(container, horizontal)
    ]
    places = {center for group in bare for center in group.centers}
    for line in panel.axes.lines:
        found = _as_error_bar(line, horizontal)
        if found is not None and any(isclose(found[0], place, abs_tol=1e-9) for place in places):
            panel.owned.add(id(line))
            loose.append(found)
    for group in bare if loose else ():
        bars = zip(group.centers, group.tips, strict=True)
        group.errors = [_loose_error(center, tip, loose) for center, tip in bars]


def _as_error_bar(line: object, horizontal: bool) -> tuple[float, float, float] | None:
    """A line of two points, or with caps of at most eight, that stands at one place."""
    if len(line.get_xdata(orig=False)) > 8 or not line.get_label().startswith("_"):
        return None
    points = [line.get_xdata(orig=False).tolist(), line.get_ydata(orig=False).tolist()]
    places, values = (sorted(filter(isfinite, each)) for each in (points[::-1] if horizontal else points))
    if len(places) < 2 or len(values) < 2 or values[0] == values[-1]:
        return None
    middle = (places[0] + places[-1]) / 2
    if not any(isclose(place, middle, abs_tol=1e-12) for place in places):
        return None
    return middle, values[0], values[-1]


def _loose_error(center: float, tip: float, loose: list[tuple[float, float, float]]) -> Error | None:
    for place, low, high in loose:
        if isclose(place, center, abs_tol=1e-9) and min(low, high) <= tip <= max(low, high):
            return _error(tip, low, high)
    return None


def _error(tip: float, low: float, high: float) -> Error | None:
    """One number where both arms are alike, else [below, above]."""
    below, above = _rounded(tip - min(low, high), tip), _rounded(max(low, high) - tip, tip)
    if not (isfinite(below) and isfinite(above)):
        return None
    return above if isclose(below, above, rel_tol=1e-9) else [below, above]


def _rounded(length: float, tip: float) -> float:
    """A difference of floats as the program wrote it: 0.2 for 3.2 - 3."""
    scale = max(abs(length), abs(tip))
    if not isfinite(length) or scale == 0:
        return length
    return round(length, _DIGITS - floor(log10(scale)))


# Labels


def _names(axis: ChartAxis, groups: list[Group]) -> list[list[str]]:
    """Each group's labels, one for each bar: of its bin, else its tick, else of where it or its cluster stands."""
    clusters = None
    found = []
    for group in groups:
        edges = group.edges or _touching_edges(axis, group)
        if edges is not None:
            found.append(_intervals(axis, edges))
            continue
        if clusters is None:
            clusters = _cluster_centers(groups)
        names = _tick_names(axis, group)
        texts = axis.texts(clusters.get(id(group), group.centers))
        found.append([name if name is not None else text for name, text in zip(names, texts, strict=True)])
    return found


def _touching_edges(axis: ChartAxis, group: Group) -> list[float] | None:
    """The edges of bars that leave no gap, which makes them a histogram, unless each is of one whole number."""
    spans = group.spans
    if len(spans) < 2 or axis.names or axis.has_own_labels:
        return None
    slack = 1e-6 * max(high - low for low, high in spans)
    if not all(low < high for low, high in spans):
        return None
    if not all(abs(left[1] - right[0]) <= slack for left, right in pairwise(spans)):
        return None
    if all(abs(high - low - 1) <= slack and abs((low + high) / 2 % 1) <= slack for low, high in spans):
        return None
    return [spans[0][0], *(high for _, high in spans)]


def _intervals(axis: ChartAxis, edges: list[float]) -> list[str]:
    """[0, 10) for a bin, and [10, 20] for the last, which holds both its edges."""
    texts = axis.texts(edges) if axis.is_time else _edge_texts(edges)
    last = len(edges) - 2
    return [f"[{low}, {high}{']' if index == last else ')'}" for index, (low, high) in enumerate(pairwise(texts))]


def _edge_texts(edges: list[float]) -> list[str]:
    """With no more digits than the bins' width asks for."""
    narrowest = min((abs(high - low) for low, high in pairwise(edges) if high != low), default=1.0)
    for digits in range(6, 17):
        texts = [number_text(edge, digits) for edge in edges]
        if all(abs(float(text) - edge) <= 1e-4 * narrowest for text, edge in zip(texts, edges, strict=True)):
            return texts
    return [number_text(edge, 17) for edge in edges]


def _tick_names(axis: ChartAxis, group: Group) -> list[str | None]:
    """What stands below each bar: its category, or the program's own label of the nearest tick."""
    centers = group.centers
    if axis.is_categorical:
        places = {float(place): name for place, name in axis.names.items()}
    elif axis.is_time or not axis.has_own_labels:
        return [None] * len(centers)
    else:
        places = {place: text for place, text in axis.ticks if text.strip()}
    if not places:
        return [None] * len(centers)
    reach = _reach(group, sorted(places))
    return [_nearest(center, places, reach) for center in centers]


def _reach(group: Group, places: list[float]) -> float:
    """How far a bar may stand from its tick: half the way to the next bar of its group, or to the next tick."""
    centers = sorted(group.centers)
    steps = [high - low for low, high in pairwise(centers) if high - low > 1e-9]
    if not steps:
        steps = [high - low for low, high in pairwise(places)] or [1.0]
    return min(steps) / 2 * (1 + 1e-9)


def _nearest(center: float, places: dict[float, str], reach: float) -> str | None:
    place = min(places, key=lambda each: abs(each - center))
    return places[place] if abs(place - center) <= reach else None


def _cluster_centers(groups: list[Group]) -> dict[int, list[float]]:
    """Where groups stand side by side, the middle of each cluster: 1, 2, 3 for bars at 0.8 and 1.2, 1.8 and 2.2."""
    size = len(groups[0].values)
    rows = [group.centers for group in groups]
    if len(groups) < 2 or any(len(row) != size for row in rows) or all(row == rows[0] for row in rows):
        return {}
    lows = [min(group.spans[index][0] for group in groups) for index in range(size)]
    highs = [max(group.spans[index][1] for group in groups) for index in range(size)]
    if any(high > low + 1e-9 for high, low in zip(highs, lows[1:], strict=False)):
        return {}
    middles = [_rounded((low + high) / 2, high) for low, high in zip(lows, highs, strict=True)]
    return {id(group): middles for group in groups}
