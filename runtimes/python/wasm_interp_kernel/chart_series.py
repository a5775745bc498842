"""Lines and scatters: series of points.

A line of ``axhline`` and its like is a series of a line chart, from limit to limit, but mere decoration of any other
chart. Lines that a container made (error bars, stems) count once, as their data.
"""

import sys
from datetime import date
from math import isfinite

from wasm_interp_kernel.chart_panel import MAX_ELEMENT_POINTS, Panel

_EDGES = 100  # enough to see whether they are slanted

_modules = sys.modules


def claim_containers(panel: Panel) -> dict[int, str]:
    """Take what only decorates error bars and stems; the containers' labels by id of their data line."""
    labels: dict[int, str] = {}
    for container in panel.axes.containers:
        kind = type(container).__name__
        if kind == "ErrorbarContainer":
            data, caps, bars = container.lines
            panel.owned.update(map(id, (*caps, *bars)))
        elif kind == "StemContainer":
            data = container.markerline
            panel.owned.update((id(container.stemlines), id(container.baseline)))
        else:
            continue
        if data is not None:
            labels[id(data)] = container.get_label()
    return labels


def read_lines(panel: Panel, labels: dict[int, str], *, alone: bool) -> dict | None:
    """A line chart of this Axes' lines, or None. ``alone``: nothing else was found in it."""
    data, references = _sorted_lines(panel)
    data = _without_error_bars(panel, data)
    bundles = _line_collections(panel) if alone and not data else []
    if not (data or bundles or (references and alone and not (panel.axes.collections or panel.axes.images))):
        return None
    series = [(line, line.get_xdata(orig=False), line.get_ydata(orig=False)) for line in data]
    series += [(line, *_ends(panel.axes, line)) for line in references if alone]
    series += bundles
    elements: list[dict] = []
    for artist, x, y in series:
        otherwise = labels.get(id(artist), "_")
        if otherwise.startswith("_"):
            otherwise = f"Line {len(elements)}"
        color = artist.get_color()
        _add_series(panel, elements, panel.label(artist, color, otherwise), x, y, artist)
    return _point_chart(panel, "line", elements)


def _sorted_lines(panel: Panel) -> tuple[list, list]:
    """Lines in the data's coordinates, and those drawn from limit to limit. Lines without points are left out."""
    data, references = [], []
    to_data = panel.axes.transData
    for line in panel.axes.lines:
        if id(line) in panel.owned or not line.get_visible() or not len(line.get_xdata(orig=False)):
            continue
        if type(line).__name__ == "AxLine":
            references.append(line)
        elif line.get_transform() is to_data:
            data.append(line)
        else:
            branches = line.get_transform().contains_branch_seperately(to_data)
            if all(branches):
                data.append(line)
            elif any(branches):
                references.append(line)
    return data, references


def _without_error_bars(panel: Panel, lines: list) -> list:
    """Lines that go from one category to another. Where none does, all, unless they are the inside of violins."""
    if not lines or not (panel.x.names or panel.y.names):
        return lines
    read = "get_xdata" if panel.x.names else "get_ydata"
    going = [line for line in lines if len(_categories(getattr(line, read)(orig=False))) > 1]
    is_violin = any(type(each).__name__ == "FillBetweenPolyCollection" for each in panel.axes.collections)
    return going if going or is_violin else lines


def _categories(places: object) -> set[int]:
    return {round(place) for place in places.tolist() if isfinite(place)}


def _ends(axes: object, line: object) -> tuple[object, object]:
    """Both ends of a line that is drawn from limit to limit."""
    numpy = _modules["numpy"]
    if type(line).__name__ == "AxLine":
        x = numpy.array(sorted(axes.get_xlim()))
        (x1, y1), slope = line.get_xy1(), line.get_slope()
        if slope is None:
            x2, y2 = line.get_xy2()
            slope = (y2 - y1) / (x2 - x1)
        return x, y1 + slope * (x - x1)
    x, y = line.get_xdata(orig=False), line.get_ydata(orig=False)
    in_data_x, in_data_y = line.get_transform().contains_branch_seperately(axes.transData)
    return x if in_data_x else _at_limits(axes, x, 0), y if in_data_y else _at_limits(axes, y, 1)


def _at_limits(axes: object, fractions: object, dimension: int) -> object:
    """Fractions of the Axes' width or height as data; its limits exactly."""
    numpy = _modules["numpy"]
    low, high = (axes.get_xlim, axes.get_ylim)[dimension]()
    points = numpy.zeros((len(fractions), 2))
    points[:, dimension] = fractions
    inside = axes.transData.inverted().transform(axes.transAxes.transform(points))[:, dimension]
    return numpy.where(fractions == 0, low, numpy.where(fractions == 1, high, inside))


def _line_collections(panel: Panel) -> list:
    """hlines, vlines and LineCollections, a series for each of their segments, where there is nothing else."""
    collections = [each for each in panel.axes.collections if id(each) not in panel.owned]
    kind = _modules["matplotlib.collections"].LineCollection
    if not all(isinstance(each, kind) for each in collections) or panel.axes.images:
        return []
    segments = [(each, index, path) for each in collections for index, path in enumerate(each.get_paths())]
    if len(segments) > MAX_ELEMENT_POINTS:
        panel.is_truncated = True
        del segments[MAX_ELEMENT_POINTS:]
    return [(_Segment(each, index), *path.vertices.T) for each, index, path in segments if len(path.vertices)]


class _Segment:
    """One segment of a LineCollection, as far as a line's label and colour go."""

    def __init__(self, collection: object, index: int) -> None:
        self._collection, self._index = collection, index

    def get_label(self) -> str:
        return self._collection.get_label()

    def get_color(self) -> object:
        colors = self._collection.get_color()
        return colors[self._index % len(colors)] if len(colors) else "none"


def read_scatters(panel: Panel) -> dict | None:
    """A scatter chart of this Axes' scatters, or None; a drawing of a graph is none."""
    kind = _modules["matplotlib.collections"].PathCollection
    scatters = [each for each in panel.axes.collections if isinstance(each, kind) and each.get_visible()]
    if not scatters or _is_graph(panel):
        return None
    elements: list[dict] = []
    for scatter in scatters:
        offsets = _modules["numpy"].ma.filled(scatter.get_offsets(), float("nan"))
        for label, chosen in _by_colour(panel, scatter, offsets):
            otherwise = f"Scatter {len(elements)}"
            if len(chosen):
                _add_series(panel, elements, label or otherwise, chosen[:, 0], chosen[:, 1])
    return _point_chart(panel, "scatter", _merged(elements))


def _merged(elements: list[dict]) -> list[dict]:
    """One element for each label: seaborn draws a scatter for each category."""
    found: dict[str, dict] = {}
    for element in elements:
        if element["label"] in found:
            found[element["label"]]["points"] += element["points"]
        else:
            found[element["label"]] = element
    return list(found.values())


def _by_colour(panel: Panel, scatter: object, offsets: object) -> list[tuple[str, object]]:
    """One scatter as the legend tells it apart: by the points' colours, where it names all of them."""
    colors = scatter.get_facecolor()
    first = colors[0] if len(colors) else "none"
    label = panel.label(scatter, first, "")
    if len(colors) < 2 or len(colors) != len(offsets) or not panel.legend:
        return [(label, offsets)]
    keys = [tuple(row) for row in (colors[:, :3] * 255).round().astype(int).tolist()]
    if not panel.legend.keys() >= set(keys):
        return [(label if len(set(keys)) == 1 else panel.label(scatter, None, ""), offsets)]
    return [
        (text, offsets[[index for index, each in enumerate(keys) if each == key]])
        for key, text in panel.legend.items()
        if key in keys
    ]


def _is_graph(panel: Panel) -> bool:
    """Nodes and edges, as networkx draws them: slanted segments or arrows beside the points."""
    axes = panel.axes
    if axes.lines:
        return False
    if any(type(patch).__name__ == "FancyArrowPatch" for patch in axes.patches):
        return True
    kind = _modules["matplotlib.collections"].LineCollection
    edges = [each for each in axes.collections if isinstance(each, kind) and id(each) not in panel.owned]
    return any(
        (abs(path.vertices[-1] - path.vertices[0]) > 0).all()
        for each in edges
        for path in each.get_paths()[:_EDGES]
        if len(path.vertices)
    )


def _add_series(panel: Panel, elements: list, label: str, x: object, y: object, line: object = None) -> None:
    """One element; of a long series evenly picked points, the first and the last among them."""
    wanted = len(x)
    allowed = panel.take(wanted)
    if not allowed:
        return
    if allowed < wanted:
        last, steps = wanted - 1, max(allowed - 1, 1)
        picked = [step * last // steps for step in range(allowed)]
        x, y = x[picked], y[picked]
    x_values = panel.x.values(x, whole_days=line is not None and _are_dates(line, "get_xdata"))
    y_values = panel.y.values(y, whole_days=line is not None and _are_dates(line, "get_ydata"))
    points = list(map(list, zip(x_values, y_values, strict=True)))
    elements.append({"label": label, "points": points})


def _are_dates(line: object, name: str) -> bool:
    """Whether a line was given days rather than times."""
    read = getattr(line, name, None)
    original = read(orig=True) if read is not None else ()
    return hasattr(original, "__len__") and len(original) > 0 and type(original[0]) is date


def _point_chart(panel: Panel, kind: str, elements: list[dict]) -> dict:
    ticks: dict[str, object] = {}
    for name, axis in (("x", panel.x), ("y", panel.y)):
        ticks[f"{name}_ticks"] = axis.tick_values()
        ticks[f"{name}_tick_labels"] = axis.tick_labels()
        ticks[f"{name}_scale"] = axis.scale
    return panel.chart(kind, elements, **panel.labels(), **ticks)
