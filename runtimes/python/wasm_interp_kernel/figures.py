"""matplotlib figures as results: at plt.show(), as values, and those left open when a cell ends; PIL's Image.show().

Figures are drawn at their own dpi with a tight bounding box, as png, and closed once shown.
"""

import io
import sys
from collections.abc import Callable

from wasm_interp_kernel import fonts, formatters

PNG, SVG, JPEG, PDF = "image/png", "image/svg+xml", "image/jpeg", "application/pdf"
_FORMATS = {"png": PNG, "svg": SVG, "jpeg": JPEG, "jpg": JPEG, "pdf": PDF}

#: What a shown figure carries; the png is always among them.
formats: tuple[str, ...] = ("png",)
_modules = sys.modules
_figures: dict[int, object] | None = None


def set_formats(names: list[str]) -> None:
    """Choose what a shown figure carries, of png, svg, jpeg, pdf. Raises ValueError for another name."""
    global formats
    for name in names:
        if name not in _FORMATS:
            raise ValueError(f"a figure has no format {name!r}; there are {', '.join(_FORMATS)}")
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
    for name in formats:
        formatters.add(_FORMATS[name], draw(figure, name), data, {})
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


def _patch_pyplot(pyplot: object) -> None:
    def show(*args: object, **kwargs: object) -> None:
        """Show the open figures as results of the cell."""
        if any_open():
            show_open()

    pyplot.show = show


def _patch_figure(module: object) -> None:
    def show(self, warn: bool = True) -> None:
        """Show this figure as a result of the cell."""
        formatters.show(self)

    module.Figure.show = show


def _patch_pillow(module: object) -> None:
    def show(self, title: str | None = None) -> None:
        """Show this image as a result of the cell."""
        formatters.show(self)

    module.Image.show = show


_PATCHES: dict[str, Callable] = {
    "matplotlib.pyplot": _patch_pyplot,
    "matplotlib.figure": _patch_figure,
    "matplotlib.ft2font": fonts.patch_ft2font,
    "PIL.Image": _patch_pillow,
}


def patch_loaded() -> None:
    """Make matplotlib and PIL, where they are loaded, show and read in the ways of this sandbox."""
    for name, patch in _PATCHES.items():
        if name in _modules:
            patch(_modules[name])


def install() -> None:
    formatters.by_type["matplotlib.figure.Figure"] = _format_figure
    patch_loaded()
