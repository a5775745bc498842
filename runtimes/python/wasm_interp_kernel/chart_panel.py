"""One Axes of a figure as the readers of its charts see it: its two axes, legend, and what is still allowed."""

import sys

from wasm_interp_kernel.chart_axis import ChartAxis

#: Larger data belongs in a file: this many points make 200 kB of JSON.
MAX_ELEMENT_POINTS = 5_000
MAX_FIGURE_VALUES = 50_000

_modules = sys.modules


class Allowance:
    """How many values one figure's charts may still hold."""

    def __init__(self) -> None:
        self.left = MAX_FIGURE_VALUES

    def take(self, wanted: int) -> int:
        """As many of ``wanted`` values as one element may have."""
        allowed = min(wanted, MAX_ELEMENT_POINTS, self.left)
        self.left -= allowed
        return allowed


class Panel:
    """An Axes. ``owned`` holds ids of artists that belong to a larger thing: an error bar's caps, a box's whiskers."""

    def __init__(self, axes: object, allowance: Allowance, title: str | None) -> None:
        self.axes = axes
        self.x, self.y = ChartAxis(axes.xaxis), ChartAxis(axes.yaxis)
        self.title = title
        self.owned: set[int] = set()
        self.allowance = allowance
        self.is_truncated = False
        self._legend: dict[tuple, str] | None = None

    def take(self, wanted: int) -> int:
        allowed = self.allowance.take(wanted)
        if allowed < wanted:
            self.is_truncated = True
        return allowed

    def chart(self, kind: str, elements: list[dict], **more: object) -> dict[str, object]:
        """A chart of this Axes; it says so when something was left out."""
        found = {"type": kind, "title": self.title, **more, "elements": elements}
        if self.is_truncated:
            found["truncated"] = True
            self.is_truncated = False
        return found

    def labels(self, *, horizontal: bool = False) -> dict[str, object]:
        """Labels and units; x is the axis of the categories, however the chart lies."""
        x, y = (self.y, self.x) if horizontal else (self.x, self.y)
        return {"x_label": x.label, "y_label": y.label, "x_unit": x.unit, "y_unit": y.unit}

    @property
    def legend(self) -> dict[tuple, str]:
        """Text of the legend by colour, the figure's where the Axes has none; each colour means one thing."""
        if self._legend is None:
            own = self.axes.get_legend()
            legends = [own] if own is not None else self.axes.get_figure(root=True).legends
            self._legend = _read_legend(legends[0]) if legends else {}
        return self._legend

    def label(self, artist: object, color: object, otherwise: str) -> str:
        """The artist's own label, else what the legend says of its colour. Matplotlib's made-up ones begin with _."""
        own = artist.get_label()
        if own and not str(own).startswith("_"):
            return str(own)
        return self.legend_text(color) or otherwise

    def legend_text(self, color: object) -> str | None:
        """What the legend says of a colour."""
        return self.legend.get(color_key(color)) if self.legend else None


def title_of(axes: object) -> str | None:
    return axes.get_title() or axes.get_title("left") or axes.get_title("right") or None


def color_key(color: object) -> tuple | None:
    """Red, green and blue as small integers, opacity aside."""
    try:
        return tuple(round(part * 255) for part in _modules["matplotlib.colors"].to_rgb(color))
    except (ValueError, TypeError):
        return None


def artist_color(artist: object) -> object:
    """What a reader of the legend would call the artist's colour."""
    if hasattr(artist, "get_markerfacecolor"):
        return artist.get_markerfacecolor() if artist.get_linestyle() == "None" else artist.get_color()
    color = artist.get_facecolor()
    return color[0] if getattr(color, "ndim", 1) == 2 and len(color) else color


def _read_legend(legend: object) -> dict[tuple, str]:
    found: dict[tuple, str] = {}
    repeated = set()
    for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=False):
        key = color_key(artist_color(handle)) if hasattr(handle, "get_label") else None
        if key is None:
            continue
        repeated |= {key} & found.keys()
        found[key] = text.get_text()
    return {key: text for key, text in found.items() if key not in repeated}
