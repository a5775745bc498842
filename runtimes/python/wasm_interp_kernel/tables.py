"""pandas objects as HTML and as data: columns of plain JSON values.

Missing values and infinities are null, times ISO 8601 text, and what is not JSON its text. The index is not part of
the data. Frames of more than MAX_VALUES values carry no data: that belongs in a file.
"""

from collections.abc import Callable
from math import isfinite

from wasm_interp_kernel import formatters

DATA = "application/vnd.wasm-interp.data+json"
MAX_VALUES = 100_000


def _format_frame(frame: object, data: dict) -> None:
    if frame.size <= MAX_VALUES:
        data[DATA] = columns(frame)


def _format_series(series: object, data: dict) -> None:
    data["text/html"] = series.to_frame()._repr_html_()


def columns(frame: object) -> dict[str, list]:
    """Column name -> its values. Names are text; a repeated one gets .1, .2 as in pandas' own readers."""
    found: dict[str, list] = {}
    for position, label in enumerate(frame.columns):
        name = base = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        repeats = 0
        while name in found:
            repeats += 1
            name = f"{base}.{repeats}"
        found[name] = values(frame.iloc[:, position])
    return found


def values(series: object) -> list:
    """The values of one column as JSON values."""
    kind = getattr(series.dtype, "kind", "O")
    if kind in "iub" and not series.hasnans:
        return series.tolist()
    if kind == "f":
        return [value if value is not None and isfinite(value) else None for value in _floats(series)]
    if kind in "Mm":
        return [None if missing else value.isoformat() for value, missing in zip(series, series.isna(), strict=True)]
    return [
        None if missing else _plain(value) for value, missing in zip(series.tolist(), _missing(series), strict=True)
    ]


def _floats(series: object) -> list:
    return series.astype(object).where(series.notna(), None).tolist() if series.hasnans else series.tolist()


def _missing(series: object) -> list[bool]:
    return series.isna().tolist()


def _plain(value: object) -> object:
    if isinstance(value, str):
        return str(value)
    try:
        return formatters.jsonable.to_jsonable(value)
    except (ValueError, RecursionError):
        return str(value)


_FORMATTERS: dict[str, Callable[[object, dict], None]] = {"DataFrame": _format_frame, "Series": _format_series}


def install() -> None:
    for name, formatter in _FORMATTERS.items():
        for module in ("pandas", f"pandas.core.{'frame' if name == 'DataFrame' else 'series'}"):
            formatters.by_type[f"{module}.{name}"] = formatter
