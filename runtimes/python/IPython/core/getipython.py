"""get_ipython() under its other address."""

from IPython import get_ipython

__all__ = ["get_ipython"]
