"""The names of ``IPython.display`` under their older address."""

from IPython.display import *  # noqa: F403
