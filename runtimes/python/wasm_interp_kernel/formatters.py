"""Objects as mime bundles, and bundles as frames.

A formatter that raises, returns the wrong type or writes without end costs its own format only: the traceback goes
to stderr and the other formats, at least a plain text, remain.
"""

from collections.abc import Callable

from wasm_interp_kernel import jsonable, protocol, streams, tracebacks

MAX_TEXT_CHARACTERS = 1 << 20  # a repr longer than this helps nobody; the object itself is still there
JSON = "application/json"

_b2a_base64 = __import__("binascii").b2a_base64
_PLAIN = frozenset({int, float, complex, bool, str, bytes, bytearray, range, type(None), type, type(repr)})
_METHODS = (
    ("text/html", "_repr_html_"),
    ("text/markdown", "_repr_markdown_"),
    ("image/svg+xml", "_repr_svg_"),
    ("image/png", "_repr_png_"),
    ("image/jpeg", "_repr_jpeg_"),
    ("text/latex", "_repr_latex_"),
    (JSON, "_repr_json_"),
    ("application/javascript", "_repr_javascript_"),
    ("application/pdf", "_repr_pdf_"),
)
#: Text although their names do not say so.
_TEXTUAL = frozenset({"image/svg+xml", "application/javascript"})

#: A class that has this has every attribute, so the display methods that it seems to have mean nothing.
_CANARY = "_ipython_canary_method_should_not_exist_"

Bundle = tuple[dict[str, object], dict[str, object]]

#: Formatters for types that have no methods of their own, by "module.qualname"; a subclass is found too.
by_type: dict[str, Callable[[object, dict], None]] = {}


def plain_text(value: object) -> str:
    """repr(value), capped; when it raises, its traceback goes to stderr and a stand-in is returned."""
    try:
        text = repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:
        report(exc)
        return _stand_in(value, exc)
    return cap(text)


def _stand_in(value: object, exc: BaseException) -> str:
    return f"<{tracebacks.class_name(value)} object (repr raised {tracebacks.class_name(exc)})>"


def cap(text: str) -> str:
    if len(text) > MAX_TEXT_CHARACTERS:
        return f"{text[:MAX_TEXT_CHARACTERS]}... ({len(text)} characters in all)"
    return text


def report(exc: BaseException) -> None:
    """The traceback of a formatter's error, on stderr."""
    exc.__traceback__ = tracebacks.user_traceback(exc.__traceback__)
    streams.write_error("\n".join(tracebacks.format_lines(exc)) + "\n")


def main_result(value: object) -> bytes:
    """The frame of a cell's value."""
    if type(value) in _PLAIN:
        return protocol.text_result(plain_text(value), main=True)
    return result_frame(value, main=True)


def result_frame(value: object, *, main: bool, metadata: dict | None = None) -> bytes:
    """The RESULT frame of a value; nothing if the value displays itself."""
    formatted = bundle(value)
    if formatted is None:
        return b""
    data, own_metadata = formatted
    return encode(protocol.RESULT, {"data": data, "metadata": own_metadata | (metadata or {}), "main": main})


def show(value: object, *, main: bool = False, metadata: dict | None = None) -> None:
    """Send a value to the host now."""
    send(result_frame(value, main=main, metadata=metadata))


def send_bundle(data: dict[str, object], metadata: dict[str, object], *, main: bool = False) -> None:
    send(encode(protocol.RESULT, {"data": data, "metadata": metadata, "main": main}))


def send(frames: bytes) -> None:
    if frames:
        streams.flush()
        protocol.send(frames)


def encode(kind: int, message: dict) -> bytes:
    """A frame of a message with ``data``; parts that are not JSON or too large give way to a note."""
    try:
        payload = protocol.to_json(message)
    except (TypeError, ValueError, RecursionError):
        message["data"] = _only_json(message["data"])
        message["metadata"] = _only_json(message["metadata"])
        payload = protocol.to_json(message)
    if len(payload) > protocol.MAX_PAYLOAD_BYTES:
        kept = {mime: value for mime, value in message["data"].items() if str(value).__len__() < MAX_TEXT_CHARACTERS}
        size = f"a result of {len(payload)} bytes exceeds {protocol.MAX_PAYLOAD_BYTES} and was left out"
        message["data"] = kept | {"text/plain": f"{str(kept.get('text/plain', ''))[:1000]} ({size})".lstrip()}
        message["metadata"] = {}
        payload = protocol.to_json(message)
    return protocol.frame(kind, payload)


def _only_json(parts: dict[str, object]) -> dict[str, object]:
    kept = {}
    for name, value in parts.items():
        for convert in (_as_it_is, jsonable.to_jsonable):
            try:
                item = convert(value)
                protocol.to_json(item)
            except Exception:  # a number of too many digits is one that no conversion helps
                continue
            kept[str(name)] = item
            break
    return kept


def _as_it_is(value: object) -> object:
    return value


def bundle(value: object) -> Bundle | None:
    """Every format a value has and its metadata, or None for one that displayed itself."""
    try:
        return _bundle(value)
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # its class answers no questions: a metaclass that raises
        report(exc)
        return {"text/plain": _stand_in(value, exc)}, {}


def _bundle(value: object) -> Bundle | None:
    kind = type(value)
    if kind in _PLAIN or isinstance(value, type) or getattr(kind, _CANARY, None) is not None:
        return {"text/plain": plain_text(value)}, {}
    displays_itself = _method(value, kind, "_ipython_display_")
    if displays_itself is not None and _guard(displays_itself, default=_FAILED) is not _FAILED:
        return None
    data: dict[str, object] = {}
    metadata: dict[str, object] = {}
    for base in kind.__mro__:
        formatter = by_type.get(f"{base.__module__}.{base.__qualname__}")
        if formatter is not None:
            _guard(formatter, value, data)
            break
    whole = _method(value, kind, "_repr_mimebundle_")
    if whole is not None:
        merge(_guard(_with_keywords, whole), data, metadata)
    for mime, name in _METHODS:
        if mime not in data and (method := _method(value, kind, name)) is not None:
            add(mime, _guard(method), data, metadata)
    if "text/plain" not in data:
        data["text/plain"] = plain_text(value)
    return data, metadata


_FAILED = object()


def _guard(function: Callable, *arguments: object, default: object = None) -> object:
    """Call a formatter; what it raises goes to stderr. A KeyboardInterrupt is the host's and passes."""
    try:
        return function(*arguments)
    except KeyboardInterrupt:
        raise
    except NotImplementedError:
        return default
    except BaseException as exc:
        report(exc)
        return default


def _with_keywords(method: Callable) -> object:
    return method(include=None, exclude=None)


def _method(value: object, kind: type, name: str) -> Callable | None:
    """A display method of a value. The class must have it too: an object that answers any attribute is no reason."""
    if getattr(kind, name, None) is None:
        return None
    method = _guard(getattr, value, name, None)
    return method if callable(method) else None


def merge(returned: object, data: dict, metadata: dict) -> None:
    if isinstance(returned, tuple) and len(returned) == 2:
        returned, extra = returned
        if isinstance(extra, dict):
            metadata.update(extra)
    if not isinstance(returned, dict):
        return
    for mime, item in returned.items():
        add(str(mime), item, data, metadata)


def add(mime: str, item: object, data: dict, metadata: dict) -> None:
    """Put one format into the bundle in its transport form: text, base64 text, or JSON."""
    if isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], dict):
        item, metadata[mime] = item
    if item is None:
        return
    if isinstance(item, (bytes, bytearray, memoryview)):
        if mime.startswith("text/") or mime in _TEXTUAL:
            data[mime] = bytes(item).decode("utf-8", "replace")
        else:
            data[mime] = _b2a_base64(item, newline=False).decode("ascii")
    elif isinstance(item, str):
        data[mime] = cap(item) if mime == "text/plain" else item
    elif mime == JSON or mime.endswith("+json"):
        data[mime] = _guard(jsonable.to_jsonable, item)
    else:
        streams.write_error(f"a formatter for {mime} returned {type(item).__name__}, not text or bytes\n")


def _format_json(value: object, data: dict) -> None:
    """dict, list: their JSON beside the text, when they have one."""
    try:
        data[JSON] = jsonable.to_jsonable(value)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return


by_type["builtins.dict"] = by_type["builtins.list"] = _format_json
