"""display() and its relatives."""

import builtins
import os

from wasm_interp_kernel import formatters, protocol, streams


class DisplayHandle:
    """A shown object that can be shown anew in its place."""

    def __init__(self, display_id: str | None = None) -> None:
        self.display_id = display_id or new_display_id()

    def __repr__(self) -> str:
        return f"<DisplayHandle display_id={self.display_id}>"

    def display(self, obj: object, **options: object) -> None:
        display(obj, display_id=self.display_id, **options)

    def update(self, obj: object, **options: object) -> None:
        update_display(obj, display_id=self.display_id, **options)


def new_display_id() -> str:
    return os.urandom(16).hex()


def display(
    *objs: object,
    include: object = None,
    exclude: object = None,
    metadata: dict | None = None,
    transient: dict | None = None,
    display_id: str | bool | None = None,
    raw: bool = False,
    clear: bool = False,
    **options: object,
) -> DisplayHandle | None:
    """Show objects as results of the cell, each with every format it has.

    ``raw=True``: the objects are mime bundles. With a ``display_id`` (True: a new one) the handle of the shown
    object is returned. ``include`` and ``exclude`` name mime types.
    """
    if clear:
        clear_output(wait=True)
    handle = DisplayHandle(None if display_id is True else str(display_id)) if display_id else None
    extra = dict(metadata or {})
    if handle is not None:
        extra["display_id"] = handle.display_id
    for obj in objs:
        _send(protocol.RESULT, obj, extra, raw, include, exclude)
    return handle


def update_display(obj: object, *, display_id: str, metadata: dict | None = None, **options: object) -> None:
    """Show an object in the place of the one shown with this ``display_id``."""
    extra = dict(metadata or {}) | {"display_id": display_id}
    raw = bool(options.get("raw"))
    _send(protocol.UPDATE, obj, extra, raw, options.get("include"), options.get("exclude"))


def _send(kind: int, obj: object, extra: dict, raw: bool, include: object, exclude: object) -> None:
    if raw:
        if not isinstance(obj, dict):
            raise TypeError(f"display(raw=True) takes a dict of mime types, not {type(obj).__name__}")
        data, metadata = {}, {}
        formatters.merge(obj, data, metadata)
    else:
        formatted = formatters.bundle(obj)
        if formatted is None:
            return
        data, metadata = formatted
    if include:
        data = {mime: item for mime, item in data.items() if mime in include or mime == "text/plain"}
    if exclude:
        data = {mime: item for mime, item in data.items() if mime not in exclude}
    message = {"data": data, "metadata": metadata | extra, "main": False}
    if kind == protocol.UPDATE:
        message["display_id"] = extra["display_id"]
    formatters.send(formatters.encode(kind, message))


def clear_output(wait: bool = False) -> None:
    """Remove the cell's results so far; with ``wait``, when the next one comes."""
    streams.flush()
    protocol.send(protocol.frame(protocol.CLEAR, '{"wait":true}' if wait else '{"wait":false}'))


def install() -> None:
    builtins.display = display
