"""What libraries take for granted about their surroundings, put right where they are loaded.

They ask whether they run in a terminal, in a notebook or on threads; here it is none of the three, and a notebook
comes nearest.
"""

import builtins
import importlib
import sys
from collections.abc import Callable
from types import SimpleNamespace

from wasm_interp_kernel import charts, figures, fonts, formatters

_modules = sys.modules
#: Modes that a PNG cannot hold.
_COLOUR_MODES = frozenset({"CMYK", "YCbCr", "HSV"})


def import_pandas() -> None:
    """Import pandas as a notebook would: its tables then have 20 columns at most, whatever a terminal would hold."""
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)
    try:
        importlib.import_module("pandas")
    finally:
        del builtins.get_ipython


def _patch_sympy_printing(module: object) -> None:
    def init_python_printing(stringify_func: Callable, **settings: object) -> None:
        """init_printing() has nothing to do here: expressions are shown as LaTeX without it."""

    module._init_python_printing = init_python_printing


def _patch_tqdm(module: object) -> None:
    module.tqdm.monitor_interval = 0  # the monitor is a thread


def _patch_pillow(module: object) -> None:
    def show(self, title: str | None = None) -> None:
        """Show this image as a result of the cell."""
        formatters.show(self)

    module.Image.show = show


def _format_image(image: object, data: dict) -> None:
    """An image that PNG cannot hold, as the colours that it stands for; Pillow's own methods show all others."""
    if image.mode in _COLOUR_MODES:
        formatters.add("image/png", image.convert("RGB")._repr_png_(), data, {})


_PATCHES: dict[str, Callable] = {
    "matplotlib.axes": charts.watch,
    "matplotlib.pyplot": figures.patch_pyplot,
    "matplotlib.figure": figures.patch_figure,
    "matplotlib.ft2font": fonts.patch_ft2font,
    "PIL.Image": _patch_pillow,
    "sympy.interactive.printing": _patch_sympy_printing,
    "tqdm.std": _patch_tqdm,
}


def patch_loaded() -> None:
    """Apply the patches of the modules that are loaded. Once: each wraps what it finds."""
    for name, patch in _PATCHES.items():
        if name in _modules:
            patch(_modules[name])


def install() -> None:
    formatters.by_type["PIL.Image.Image"] = _format_image
