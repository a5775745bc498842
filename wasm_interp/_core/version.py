"""The version of this package, for every layer."""

VERSION = "0.1.0"  # pyproject.toml has the same
