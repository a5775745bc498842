"""matplotlib figures as results: at plt.show(), as values, and those left open when a cell ends.

Figures are drawn at their own dpi with a tight bounding box, as png, and closed once shown.
"""

import io
import sys

from wasm_interp_kernel import charts, formatters

#: JPEG is not among them: the guest's Pillow has no encoder for it.
_MIME_OF_FORMAT = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}

#: What a shown figure carries; the png is always among them.
formats: tuple[str, ...] = ("png",)
_modules = sys.modules
_figures: dict[int, object] | None = None


def set_formats(names: list[str]) -> None:
    """Choose what a shown figure carries, of png, svg, pdf. Raises ValueError for another name."""
    global formats
    for name in names:
        if name not in _MIME_OF_FORMAT:
            raise ValueError(f"a figure has no format {name!r}; there are {', '.join(_MIME_OF_FORMAT)}")
    formats = tuple(dict.fromkeys(["png", *names]))


def any_open() -> bool:
    """Whether pyplot holds figures; a dictionary's truth when matplotlib was never imported or none is open."""
    global _figures
    if _figures is None:
        helpers = _modules.get("matplotlib._pylab_helpers")
        if helpers is None:
            return False
        _figures = helpers.Gcf.figs
    return bool(_figures)


def draw(figure: object, name: str) -> bytes:
    """The figure in one format of savefig."""
    target = io.BytesIO()
    figure.savefig(target, format=name, dpi="figure", bbox_inches="tight")
    return target.getvalue()


def _format_figure(figure: object, data: dict) -> None:
    """A figure as value or argument of display(): drawn, and closed so that it is not shown again."""
    try:
        for name in formats:
            formatters.add(_MIME_OF_FORMAT[name], draw(figure, name), data, {})
        charts.add(figure, data)
    finally:
        _close(figure)


def _close(figure: object) -> None:
    pyplot = _modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)


def show_open() -> None:
    """Show every figure pyplot holds, in the order they were made, and close them. Raises what drawing raises."""
    helpers = _modules["matplotlib._pylab_helpers"]
    try:
        for manager in sorted(helpers.Gcf.get_all_fig_managers(), key=lambda manager: manager.num):
            figure = manager.canvas.figure
            if figure.get_axes() or figure.texts or figure.images or figure.patches or figure.lines:
                formatters.show(figure)
    finally:
        _modules["matplotlib.pyplot"].close("all")


def patch_pyplot(pyplot: object) -> None:
    def show(*args: object, **kwargs: object) -> None:
        """Show the open figures as results of the cell."""
        if any_open():
            show_open()

    pyplot.show = show


def patch_figure(module: object) -> None:
    def show(self, warn: bool = True) -> None:
        """Show this figure as a result of the cell."""
        formatters.show(self)

    module.Figure.show = show


def install() -> None:
    formatters.by_type["matplotlib.figure.Figure"] = _format_figure
