"""Box plots and pies."""

from math import isfinite

from wasm_interp_kernel.chart_axis import nearest, number_text
from wasm_interp_kernel.chart_panel import Panel, artist_color
from wasm_interp_kernel.chart_records import BOXES


class Box:
    """One box, read from its lines: where it stands and the five numbers."""

    def __init__(self, made: dict[str, list], index: int, horizontal: bool) -> None:
        places, values = ("get_ydata", "get_xdata") if horizontal else ("get_xdata", "get_ydata")
        lower, upper = made["whiskers"][2 * index : 2 * index + 2]
        self.place = float(getattr(lower, places)(orig=False)[0])
        self.first_quartile, self.low = map(float, getattr(lower, values)(orig=False))
        self.third_quartile, self.high = map(float, getattr(upper, values)(orig=False))
        self.median = float(getattr(made["medians"][index], values)(orig=False)[0])
        fliers = made.get("fliers") or []
        self.outliers = getattr(fliers[index], values)(orig=False).tolist() if index < len(fliers) else []
        boxes = made.get("boxes") or []
        self.color = artist_color(boxes[index]) if index < len(boxes) else None


def read_boxes(panel: Panel) -> dict | None:
    """A box-and-whisker chart of what ``bxp`` and ``boxplot`` drew here, or None."""
    drawn = [made for made in getattr(panel.axes, BOXES, ()) if _is_drawn(panel, made)]
    if not drawn:
        return None
    for made in drawn:
        panel.owned.update(id(artist) for artists in made.values() for artist in artists)
    horizontal = _is_horizontal(drawn[0]["medians"][0])
    boxes = [Box(made, index, horizontal) for made in drawn for index in range(len(made["medians"]))]
    boxes = boxes[: panel.take(len(boxes))]
    labels = _labels(panel, boxes, horizontal)
    elements = [_element(panel, label, box) for label, box in zip(labels, boxes, strict=True)]
    orientation = "horizontal" if horizontal else "vertical"
    return panel.chart("box_and_whisker", elements, **panel.labels(horizontal=horizontal), orientation=orientation)


def _is_drawn(panel: Panel, made: dict) -> bool:
    return bool(made["medians"]) and all(line.axes is panel.axes for line in made["medians"] + made["whiskers"])


def _is_horizontal(median: object) -> bool:
    (x1, x2), (y1, y2) = median.get_xdata(orig=False), median.get_ydata(orig=False)
    return bool(x1 == x2 and y1 != y2)


def _element(panel: Panel, label: str, box: Box) -> dict:
    outliers = box.outliers[: panel.take(len(box.outliers))]
    return {
        "label": label,
        "min": _finite(box.low),
        "first_quartile": _finite(box.first_quartile),
        "median": _finite(box.median),
        "third_quartile": _finite(box.third_quartile),
        "max": _finite(box.high),
        "outliers": [value for value in outliers if isfinite(value)],
    }


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None


def _labels(panel: Panel, boxes: list[Box], horizontal: bool) -> list[str]:
    """The category below each box; where several share one, what the legend says of their colours too."""
    axis = panel.y if horizontal else panel.x
    places = dict(axis.names) or {place: text for place, text in axis.ticks if text.strip()}
    labels = [_name(box.place, sorted(places), places) for box in boxes]
    if len(set(labels)) < len(labels) and panel.legend:
        hues = [panel.legend_text(box.color) for box in boxes]
        labels = [f"{label}, {hue}" if hue else label for label, hue in zip(labels, hues, strict=True)]
    return labels


def _name(place: float, ordered: list[float], places: dict[float, str]) -> str:
    found = nearest(ordered, place) if ordered else None
    return places[found] if found is not None and abs(found - place) <= 0.5 else number_text(place)


def read_pie(panel: Panel) -> dict | None:
    """A pie chart of this Axes' wedges, or None. Angles are degrees, radii fractions of the unit circle."""
    wedges = [patch for patch in panel.axes.patches if type(patch).__name__ == "Wedge" and patch.get_visible()]
    if not wedges:
        return None
    elements = [
        {
            "label": panel.label(wedge, artist_color(wedge), ""),
            "angle": _finite(round(abs(float(wedge.theta2 - wedge.theta1)), 4)),
            "radius": _finite(float(wedge.r)),
        }
        for wedge in wedges[: panel.take(len(wedges))]
    ]
    return panel.chart("pie", elements)
