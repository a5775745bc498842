"""Objects that show themselves, with the names and arguments that notebooks use."""

import mimetypes
import os

from wasm_interp_kernel import figures
from wasm_interp_kernel.display import DisplayHandle, clear_output, display, update_display

__all__ = [
    "HTML",
    "JSON",
    "SVG",
    "Audio",
    "Code",
    "DisplayHandle",
    "DisplayObject",
    "FileLink",
    "GeoJSON",
    "IFrame",
    "Image",
    "Javascript",
    "Latex",
    "Markdown",
    "Math",
    "Pretty",
    "TextDisplayObject",
    "Video",
    "clear_output",
    "display",
    "display_html",
    "display_jpeg",
    "display_json",
    "display_latex",
    "display_markdown",
    "display_png",
    "display_pretty",
    "display_svg",
    "set_matplotlib_formats",
    "update_display",
]


class DisplayObject:
    """Data of one mime type, from an argument or a file of the sandbox."""

    _mime = "text/plain"
    _read_mode = "r"

    def __init__(
        self, data: object = None, url: str | None = None, filename: str | None = None, metadata: dict | None = None
    ) -> None:
        if isinstance(data, os.PathLike):
            data, filename = None, os.fspath(data)
        if url is not None:
            raise ValueError(f"there is no network in this sandbox: cannot fetch {url!r}")
        self.filename = filename
        self.url = None
        self.metadata = metadata or {}
        self.data = data
        if data is None and filename is not None:
            self.reload()
        self._check_data()

    def reload(self) -> None:
        """Read the data again from its file."""
        if self.filename is not None:
            encoding = "utf-8" if "b" not in self._read_mode else None
            with open(self.filename, self._read_mode, encoding=encoding) as file:
                self.data = file.read()

    def _check_data(self) -> None:
        """Raises TypeError for data of a type that this class cannot show."""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        data = {} if self.data is None else {self._mime: self.data}
        return data, ({self._mime: self.metadata} if self.metadata else {})

    def __repr__(self) -> str:
        return f"<{type(self).__module__}.{type(self).__name__} object>"


class TextDisplayObject(DisplayObject):
    """Data that is text."""

    def _check_data(self) -> None:
        if self.data is not None and not isinstance(self.data, str):
            raise TypeError(f"{type(self).__name__} expects text, not {self.data!r}")


class Pretty(TextDisplayObject):
    """Plain text, as it is."""

    def __repr__(self) -> str:
        return self.data or ""


class HTML(TextDisplayObject):
    """HTML."""

    _mime = "text/html"

    def __html__(self) -> str:
        return self.data or ""


class Markdown(TextDisplayObject):
    """Markdown."""

    _mime = "text/markdown"


class Latex(TextDisplayObject):
    """LaTeX with its delimiters."""

    _mime = "text/latex"


class Math(TextDisplayObject):
    """LaTeX of a formula, without delimiters."""

    _mime = "text/latex"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        formula = (self.data or "").strip("$")
        return {self._mime: f"$\\displaystyle {formula}$"}, {}


class SVG(DisplayObject):
    """An SVG image."""

    _mime = "image/svg+xml"

    def _check_data(self) -> None:
        if isinstance(self.data, bytes):
            self.data = self.data.decode("utf-8")
        if isinstance(self.data, str) and "<svg" in self.data:
            self.data = self.data[self.data.index("<svg") :]


class JSON(DisplayObject):
    """A value shown as JSON."""

    _mime = "application/json"

    def __init__(
        self,
        data: object = None,
        url: str | None = None,
        filename: str | None = None,
        expanded: bool = False,
        metadata: dict | None = None,
        root: str = "root",
        **options: object,
    ) -> None:
        self.expanded = expanded
        super().__init__(data, url, filename, {"expanded": expanded, "root": root} | (metadata or {}) | options)

    def _check_data(self) -> None:
        if self.filename is not None and isinstance(self.data, str):
            import json

            self.data = json.loads(self.data)
        if self.data is not None and not isinstance(self.data, (dict, list, str)):
            raise TypeError(f"{type(self).__name__} expects a dict or list, not {self.data!r}")
        if isinstance(self.data, str):
            import json

            self.data = json.loads(self.data)


class GeoJSON(JSON):
    """A GeoJSON value."""

    _mime = "application/geo+json"


class Javascript(TextDisplayObject):
    """JavaScript source, for a front end that runs it."""

    _mime = "application/javascript"

    def __init__(
        self,
        data: object = None,
        url: str | None = None,
        filename: str | None = None,
        lib: object = None,
        css: object = None,
    ) -> None:
        super().__init__(data, url, filename)


class Code(TextDisplayObject):
    """Source code."""

    def __init__(
        self,
        data: object = None,
        url: str | None = None,
        filename: str | None = None,
        language: str | None = None,
    ) -> None:
        self.language = language
        super().__init__(data, url, filename)

    def __repr__(self) -> str:
        return self.data or ""

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[dict, dict]:
        return {"text/plain": self.data or "", "text/markdown": f"```{self.language or ''}\n{self.data}\n```"}, {}


_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"<svg", "svg+xml"),
    (b"<?xml", "svg+xml"),
)


class Image(DisplayObject):
    """An image from bytes, from base64 text or from a file of the sandbox."""

    _read_mode = "rb"

    def __init__(
        self,
        data: object = None,
        url: str | None = None,
        filename: str | None = None,
        format: str | None = None,
        embed: bool | None = None,
        width: int | None = None,
        height: int | None = None,
        retina: bool = False,
        unconfined: bool = False,
        metadata: dict | None = None,
        alt: str | None = None,
    ) -> None:
        if isinstance(data, str) and filename is None and len(data) < 4096 and os.path.exists(data):
            data, filename = None, data
        elif isinstance(data, str) and data.startswith(("http://", "https://")):
            url = data
        sizes = {"width": width, "height": height, "alt": alt}
        self.width, self.height, self.alt = width, height, alt
        shown = {name: value for name, value in sizes.items() if value is not None}
        super().__init__(data, url, filename, (metadata or {}) | shown)
        if self.data is None:
            raise ValueError("Image needs data, or the name of a file")
        self.format = (format or self._guess_format()).lower().replace("jpg", "jpeg")
        self._mime = f"image/{'svg+xml' if self.format == 'svg' else self.format}"

    def _guess_format(self) -> str:
        data = self.data
        if isinstance(data, str):
            import base64

            data = base64.b64decode(data[:64] + "=" * (-len(data[:64]) % 4))
        for signature, name in _SIGNATURES:
            if bytes(data[: len(signature)]) == signature:
                return name
        guessed = mimetypes.guess_type(self.filename or "")[0] or "image/png"
        return guessed.removeprefix("image/")


class Audio(DisplayObject):
    """Sound from bytes or a file; numpy samples become WAV."""

    _mime = "audio/wav"
    _read_mode = "rb"

    def __init__(
        self,
        data: object = None,
        filename: str | None = None,
        url: str | None = None,
        embed: bool | None = None,
        rate: int | None = None,
        autoplay: bool = False,
        normalize: bool = True,
    ) -> None:
        if isinstance(data, str):
            data, filename = None, data
        if data is not None and not isinstance(data, (bytes, bytearray)):
            data = _wav(data, rate, normalize)
        super().__init__(data, url, filename)
        if filename:
            self._mime = mimetypes.guess_type(filename)[0] or self._mime


def _wav(samples: object, rate: int | None, normalize: bool) -> bytes:
    import io
    import wave

    import numpy

    if rate is None:
        raise ValueError("Audio of samples needs a rate")
    values = numpy.atleast_2d(numpy.asarray(samples, dtype=float))
    scale = float(numpy.max(numpy.abs(values))) if normalize else 1.0
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(values.shape[0])
        file.setframerate(rate)
        file.setsampwidth(2)
        file.writeframes((values.T / (scale or 1.0) * 32767).astype("<i2").tobytes())
    return target.getvalue()


class Video(DisplayObject):
    """A video file of the sandbox, or its bytes."""

    _mime = "video/mp4"
    _read_mode = "rb"

    def __init__(self, data: object = None, filename: str | None = None, **options: object) -> None:
        if isinstance(data, str):
            data, filename = None, data
        super().__init__(data, None, filename)
        if filename:
            self._mime = mimetypes.guess_type(filename)[0] or self._mime


class FileLink(DisplayObject):
    """The path of a file, as text."""

    def __init__(self, path: object, **options: object) -> None:
        self.path = os.fspath(path)
        super().__init__()

    def __repr__(self) -> str:
        return os.path.abspath(self.path)


class IFrame:
    """A frame around an address, for a front end that loads it."""

    def __init__(self, src: str, width: object, height: object, **options: object) -> None:
        self.src, self.width, self.height = src, width, height

    def _repr_html_(self) -> str:
        import html

        address = html.escape(str(self.src), quote=True)
        return f'<iframe width="{self.width}" height="{self.height}" src="{address}" frameborder="0"></iframe>'


def set_matplotlib_formats(*formats: str, **options: object) -> None:
    """Choose what a figure's result has, of png (always there), svg and pdf. Raises ValueError for another name."""
    figures.set_formats([name for name in formats if name != "retina"])


def _show_as(mime: str, *objs: object, raw: bool = False, metadata: dict | None = None, **options: object) -> None:
    for obj in objs:
        if raw:
            display({mime: obj}, raw=True, metadata=metadata)
        else:
            display(obj, include=[mime], metadata=metadata, **options)


def display_pretty(*objs: object, **options: object) -> None:
    """Show the plain text of objects."""
    _show_as("text/plain", *objs, **options)


def display_html(*objs: object, **options: object) -> None:
    """Show the HTML of objects; with ``raw=True`` they are HTML."""
    _show_as("text/html", *objs, **options)


def display_markdown(*objs: object, **options: object) -> None:
    """Show the Markdown of objects; with ``raw=True`` they are Markdown."""
    _show_as("text/markdown", *objs, **options)


def display_svg(*objs: object, **options: object) -> None:
    """Show the SVG of objects; with ``raw=True`` they are SVG."""
    _show_as("image/svg+xml", *objs, **options)


def display_png(*objs: object, **options: object) -> None:
    """Show the PNG of objects; with ``raw=True`` they are PNG bytes."""
    _show_as("image/png", *objs, **options)


def display_jpeg(*objs: object, **options: object) -> None:
    """Show the JPEG of objects; with ``raw=True`` they are JPEG bytes."""
    _show_as("image/jpeg", *objs, **options)


def display_latex(*objs: object, **options: object) -> None:
    """Show the LaTeX of objects; with ``raw=True`` they are LaTeX."""
    _show_as("text/latex", *objs, **options)


def display_json(*objs: object, **options: object) -> None:
    """Show the JSON of objects; with ``raw=True`` they are JSON values."""
    _show_as("application/json", *objs, **options)
