"""The part of IPython that cells import, over this sandbox's own display machinery.

Only display names are here; there is no IPython shell, so ``get_ipython()`` answers None.
"""

from IPython import display

__all__ = ["display", "get_ipython", "version_info"]
__version__ = "0.0.0+wasm_interp"
version_info = (0, 0, 0, "wasm_interp")


def get_ipython() -> None:
    """None: no IPython shell runs here."""
    return
