"""A run as HTML, for a notebook that shows an ExecutionResult.

Rule: what the guest wrote is not trusted. Its text is escaped; its pictures are images, in which scripts do not run;
its HTML goes into a frame of no origin, where scripts can draw but reach neither the notebook nor its server.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wasm_interp.results import ExecutionResult, Result

_MAX_LOG_CHARACTERS = 100_000  # a page with more is slow to show; the result itself has all of it
_PICTURES = {"png": "image/png", "jpeg": "image/jpeg", "svg": "image/svg+xml"}
_ERROR_STYLE = "background:#fdd;color:#600"
_STDERR_STYLE = "background:#fff3cd;color:#533f03"
_ROW = re.compile(r"<(?:tr|br|p|li|h[1-6])\b", re.IGNORECASE)


def to_html(result: ExecutionResult) -> str:
    """Its logs, then its results, then its error."""
    return "\n".join(_parts(result))


def to_text(result: ExecutionResult) -> str:
    """The same as plain text."""
    parts = [result.stdout, result.stderr, *map(str, result.results), str(result.error or "")]
    return "\n".join(part.rstrip("\n") for part in parts if part)


def _parts(result: ExecutionResult) -> Iterator[str]:
    if result.stdout:
        yield _preformatted(result.stdout)
    if result.stderr:
        yield _preformatted(result.stderr, _STDERR_STYLE)
    for shown in result.results:
        yield _result(shown)
    if result.error is not None:
        yield _preformatted(str(result.error), _ERROR_STYLE)


def _result(result: Result) -> str:
    for name, mime in _PICTURES.items():
        if (address := _data_address(name, mime, getattr(result, name))) is not None:
            return f'<div><img alt="{escape(result.text or name)}" src="{address}"></div>'
    if result.html is not None:
        return _frame(result.html)
    text = result.text or result.markdown or result.latex or f"({', '.join(result.formats()) or 'no format'})"
    return _preformatted(text)


def _data_address(name: str, mime: str, value: str | None) -> str | None:
    """A ``data:`` address; None when there is no such picture or it is damaged."""
    if value is None:
        return None
    try:
        content = value.encode() if name == "svg" else base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def _frame(html: str) -> str:
    lines = len(_ROW.findall(html))
    height = min(2 * lines + 4, 40) if lines else 30  # a frame of no origin cannot say how high it is
    style = f"width:100%;height:{height}em;border:0;resize:vertical"
    return f'<iframe sandbox="allow-scripts" srcdoc="{escape(html)}" style="{style}"></iframe>'


def _preformatted(text: str, style: str = "") -> str:
    if len(text) > _MAX_LOG_CHARACTERS:
        text = f"{text[:_MAX_LOG_CHARACTERS]}\n... ({len(text):,} characters in all)"
    style = escape(f"white-space:pre-wrap;{style}")
    return f'<pre style="{style}">{escape(text)}</pre>'
