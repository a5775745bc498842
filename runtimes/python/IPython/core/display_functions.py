"""display() and its relatives under their other address."""

from IPython.display import DisplayHandle, clear_output, display, update_display

__all__ = ["DisplayHandle", "clear_output", "display", "update_display"]
