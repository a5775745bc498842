"""What matplotlib forgets: the bins of a histogram, and which lines make up a box plot.

``hist`` gives bars or polygons from which its bins cannot be told (several data sets, ``rwidth``, ``align``), and
``bxp`` gives loose lines. So both are wrapped, and what they return is kept as an attribute of what they made.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from itertools import count

BINS = "_wasm_interp_bins"  # of a BarContainer: the edges, one more than bars
STEPS = "_wasm_interp_steps"  # of a step histogram's polygon: (number, edges, counts, is_horizontal)
BOXES = "_wasm_interp_boxes"  # of an Axes: what each bxp() returned

_numbers = count()


def watch(axes: object) -> None:
    """Wrap the two methods of ``matplotlib.axes.Axes``; once is enough, more does no harm."""
    for name, record in (("hist", _record_bins), ("bxp", _record_boxes)):
        method = vars(axes.Axes)[name]
        if not hasattr(method, BINS):
            setattr(axes.Axes, name, _wrapped(method, record))


def _wrapped(method: Callable, record: Callable) -> Callable:
    @wraps(method)
    def call(self, *args, **kwargs):
        made = method(self, *args, **kwargs)
        with suppress(Exception):  # a subclass that returns something else has no chart, but it works
            record(self, made, kwargs)
        return made

    setattr(call, BINS, True)
    return call


def _record_bins(axes: object, made: tuple, options: dict) -> None:
    counts, edges, patches = made
    edges = edges.tolist()
    several = len(counts) > 0 and hasattr(counts[0], "__len__")
    stacked = bool(options.get("stacked"))
    below = None
    for index, drawn in enumerate(patches if several else [patches]):
        if hasattr(drawn, "patches"):
            setattr(drawn, BINS, edges)
            continue
        heights = counts[index] if several else counts
        own = heights - below if stacked and below is not None else heights
        below = heights
        setattr(drawn[0], STEPS, (next(_numbers), edges, own.tolist(), options.get("orientation") == "horizontal"))


def _record_boxes(axes: object, made: dict, options: dict) -> None:
    vars(axes).setdefault(BOXES, []).append(made)
