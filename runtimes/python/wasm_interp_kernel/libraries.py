"""What libraries take for granted about their surroundings, put right where they are loaded.

They ask whether they run in a terminal, in a notebook or on threads; here it is none of the three, and a notebook
comes nearest.
"""

import builtins
import importlib
import json
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType, SimpleNamespace

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


def _patch_plotly(module: object) -> None:
    """A figure is a result with its data and its HTML, which loads plotly.js where it is shown; no browser here."""

    def repr_mimebundle(self, include: object = None, exclude: object = None, **options: object) -> dict[str, object]:
        """The figure for front ends that know plotly, and for those that do not."""
        html = self.to_html(full_html=False, include_plotlyjs="cdn")
        return {"application/vnd.plotly.v1+json": json.loads(self.to_json()), "text/html": html}

    def show(self, *arguments: object, **options: object) -> None:
        """Show this figure as a result of the cell."""
        formatters.show(self)

    module.BaseFigure._repr_mimebundle_ = repr_mimebundle
    module.BaseFigure.show = show
    del module.BaseFigure._ipython_display_


#: Of packages that are added to a sandbox, so that they are imported after the template was made.
_LATE_PATCHES: dict[str, Callable] = {"plotly.basedatatypes": _patch_plotly}


class _LateFinder:
    """Finds the modules of _LATE_PATCHES, to be patched once they have run."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        patch = _LATE_PATCHES.get(name)
        spec = PathFinder.find_spec(name, path, target) if patch else None
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            patch(module)

        spec.loader.exec_module = exec_module
        return spec


def add_packages(folder: str) -> None:
    """Let programs import what the host has put into ``folder``."""
    sys.path.append(folder)
    sys.meta_path.insert(0, _LateFinder)


def patch_loaded() -> None:
    """Apply the patches of the modules that are loaded. Once: each wraps what it finds."""
    for name, patch in _PATCHES.items():
        if name in _modules:
            patch(_modules[name])


def install() -> None:
    formatters.by_type["PIL.Image.Image"] = _format_image
