"""The error of a magic."""


class UsageError(Exception):
    """A magic that is not here or was misused."""


UsageError.__module__ = "builtins"
