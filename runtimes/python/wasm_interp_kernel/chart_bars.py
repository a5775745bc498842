"""Bars: vertical, horizontal, grouped, stacked, with error bars; histograms, labelled by the edges of their bins."""

from bisect import bisect
from itertools import pairwise
from math import floor, isclose, isfinite, log10, nan

from wasm_interp_kernel.chart_axis import ChartAxis, nearest, number_text
from wasm_interp_kernel.chart_panel import Panel, artist_color
from wasm_interp_kernel.chart_records import BINS, STEPS

_SAME_PLACE = 1e-9
_ERROR_POINTS = 8  # of seaborn's error bar with caps
_DIGITS = 12  # of an error read back from where its bar ends

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
        self.is_whole = True

    def cut(self, count: int) -> None:
        """Keep the first bars only."""
        self.is_whole = self.is_whole and count >= len(self.values)
        for bars in (self.labels, self.spans, self.values, self.tips, self.errors):
            del bars[count:]
        if self.edges is not None:
            del self.edges[count + 1 :]

    @property
    def centers(self) -> list[float]:
        return [(low + high) / 2 for low, high in self.spans]


def read_bars(panel: Panel) -> dict | None:
    """A bar chart of this Axes' bars and histograms, or None."""
    groups = _containers(panel) + _polygons(panel)
    if not groups:
        return None
    horizontal = groups[0].horizontal
    for group in groups:
        group.cut(panel.take(len(group.values)))
    groups = [group for group in groups if group.values]
    _find_loose_errors(panel, groups, horizontal)
    names = _names(panel.y if horizontal else panel.x, groups)
    elements = [
        _element(group, index, label)
        for group, labels in zip(groups, names, strict=True)
        for index, label in enumerate(labels)
    ]
    orientation = "horizontal" if horizontal else "vertical"
    return panel.chart("bar", elements, **panel.labels(horizontal=horizontal), orientation=orientation)


def _element(group: Group, index: int, label: str) -> dict:
    value = group.values[index]
    element = {"label": label, "group": group.labels[index], "value": value if isfinite(value) else None}
    if group.errors and group.errors[index] is not None:
        element["error"] = group.errors[index]
    return element


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
            group.edges = list(edges)
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
    otherwise = f"Group {number}"
    named = [label for bar in bars if (label := str(bar.get_label())) and not label.startswith("_")]
    if len(named) > 1:
        return [panel.label(bar, artist_color(bar), otherwise) for bar in bars]
    if named:
        return named * len(bars)
    return [panel.label(container, artist_color(bars[0]), otherwise)] * len(bars)


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
    group.values = list(map(float, counts))
    return group


# Errors


def _aligned_errors(group: Group, errorbar: object) -> list[Error | None]:
    """The error of each bar from the error bars drawn with it, which are in the same order."""
    found = _segments(errorbar, group.horizontal)
    if len(found) != len(group.values):
        return []
    return [_error(tip, low, high) for tip, (_, low, high) in zip(group.tips, found, strict=True)]


def _segments(errorbar: object, horizontal: bool) -> list[tuple[float, float, float]]:
    """(place, low, high) of the error bars along the values; NaN for one that is not drawn."""
    place, value = (1, 0) if horizontal else (0, 1)
    for collection in errorbar.lines[2]:
        segments = collection.get_segments()
        drawn = [each for each in segments if len(each) == 2]
        if drawn and all(first[place] == last[place] for first, last in drawn):
            return [_segment(each, place, value) for each in segments]
    return []


def _segment(ends: object, place: int, value: int) -> tuple[float, float, float]:
    if len(ends) != 2:
        return nan, nan, nan
    return float(ends[0][place]), float(ends[0][value]), float(ends[1][value])


def _find_loose_errors(panel: Panel, groups: list[Group], horizontal: bool) -> None:
    """Error bars drawn beside the bars: errorbar(fmt="none") after bar(), and the plain lines of seaborn."""
    bare = [group for group in groups if not group.errors and group.edges is None]
    if not bare:
        return
    taken = {id(getattr(container, "errorbar", None)) for container in panel.axes.containers}
    loose = [
        (place, *sorted(ends))
        for container in panel.axes.containers
        if type(container).__name__ == "ErrorbarContainer" and container.lines[0] is None and id(container) not in taken
        for place, *ends in _segments(container, horizontal)
        if isfinite(place)
    ]
    places = sorted(center for group in bare for center in group.centers)
    for line in panel.axes.lines:
        found = _as_error_bar(line, horizontal)
        if found is not None and abs(nearest(places, found[0]) - found[0]) <= _SAME_PLACE:
            panel.owned.add(id(line))
            loose.append(found)
    loose.sort()
    for group in bare if loose else ():
        bars = zip(group.centers, group.tips, strict=True)
        group.errors = [_loose_error(center, tip, loose) for center, tip in bars]


def _as_error_bar(line: object, horizontal: bool) -> tuple[float, float, float] | None:
    """A line that goes up or down at one place, and has at most caps at both ends."""
    if len(line.get_xdata(orig=False)) > _ERROR_POINTS or not line.get_label().startswith("_"):
        return None
    points = [line.get_xdata(orig=False).tolist(), line.get_ydata(orig=False).tolist()]
    places, values = points[::-1] if horizontal else points
    stems = [
        (place, *sorted((start, end)))
        for (place, start), (next_place, end) in pairwise(zip(places, values, strict=True))
        if place == next_place and start != end
    ]
    if len(stems) != 1 or any(value not in stems[0][1:] for value in values if isfinite(value)):
        return None
    return stems[0]


def _loose_error(center: float, tip: float, loose: list[tuple[float, float, float]]) -> Error | None:
    """Of the bar that ends in one of the error bars, which are in the order of their places."""
    for index in range(bisect(loose, (center - _SAME_PLACE,)), len(loose)):
        place, low, high = loose[index]
        if place > center + _SAME_PLACE:
            return None
        if low <= tip <= high:
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
            found.append(_intervals(axis, edges, is_whole=group.is_whole))
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


def _intervals(axis: ChartAxis, edges: list[float], *, is_whole: bool) -> list[str]:
    """[0, 10) for a bin, and [10, 20] for the last, which holds both its edges."""
    texts = axis.texts(edges) if axis.is_time else _edge_texts(edges)
    bins = [f"[{low}, {high})" for low, high in pairwise(texts)]
    if is_whole:
        bins[-1] = f"{bins[-1][:-1]}]"
    return bins


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
    ordered = sorted(places)
    reach = _reach(group, ordered)
    near = [nearest(ordered, center) for center in centers]
    return [
        places[place] if abs(place - center) <= reach else None for place, center in zip(near, centers, strict=True)
    ]


def _reach(group: Group, places: list[float]) -> float:
    """How far a bar may stand from its tick: half the way to the next bar of its group, or to the next tick."""
    centers = sorted(group.centers)
    steps = [high - low for low, high in pairwise(centers) if high - low > 1e-9]
    if not steps:
        steps = [high - low for low, high in pairwise(places)] or [1.0]
    return min(steps) / 2 * (1 + 1e-9)


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
