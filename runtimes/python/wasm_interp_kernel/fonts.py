"""matplotlib's own fonts, in memory.

FreeType reads a font through a Python file, a piece at a time, for every glyph that it measures or draws: as files,
they cost a simple plot 4,700 calls to the host. Those that come with matplotlib are read-only here, so each is read
once.
"""

import functools
import io
import os

_open = io.open
_contents: dict[str, bytes] = {}


class _FontFile(io.BytesIO):
    """The bytes of a font, with the name that FT2Font.fname answers; copies share the bytes."""

    def __init__(self, path: str) -> None:
        content = _contents.get(path)
        if content is None:
            with _open(path, "rb") as file:
                content = _contents[path] = file.read()
        super().__init__(content)
        self.name = path


def patch_ft2font(module: object) -> None:
    """Let FT2Font, which calls ``io.open`` with the path that it is given, get matplotlib's own fonts from memory."""
    import matplotlib

    folder = matplotlib.get_data_path() + "/"
    initialise = module.FT2Font.__init__

    def open_font(path: object, mode: str = "r", *arguments: object, **options: object) -> io.IOBase:
        name = os.fspath(path)
        if isinstance(name, str) and name.startswith(folder):
            return _FontFile(name)
        return _open(path, mode, *arguments, **options)

    @functools.wraps(initialise)
    def __init__(self, *arguments: object, **options: object) -> None:
        former, io.open = io.open, open_font
        try:
            initialise(self, *arguments, **options)
        finally:
            io.open = former

    module.FT2Font.__init__ = __init__
