"""The source text of cells, kept where tracebacks and inspect look for it.

Bounded: the oldest cells' text goes first, and their tracebacks then show no source lines.
"""

import inspect
import linecache
import sys

MAX_CELLS = 1000
MAX_CHARACTERS = 4 << 20  # guest memory is small, and generated cells can be large

#: Interned in the image. The compiler interns the file name of what it compiles, and a new entry lands anywhere in
#: the table of interned strings: a page of its own for each cell of each context.
_NAMES = tuple(sys.intern(f"<cell {number}>") for number in range(4000))
_intern = sys.intern
_cache = linecache.cache
_kept: dict[str, tuple[int, None, list[str], str]] = {}
_characters = 0


def remember(filename: str, source: str) -> None:
    """Keep a cell's text under its file name; a name seen before is replaced."""
    global _characters
    if filename in _kept:
        _forget(filename)
    size = len(source)
    # mtime None: linecache.checkcache() leaves such an entry alone.
    _cache[filename] = _kept[filename] = (size, None, source.splitlines(True), filename)
    _characters += size
    while (len(_kept) > MAX_CELLS or _characters > MAX_CHARACTERS) and len(_kept) > 1:
        _forget(next(iter(_kept)))


def name_of(count: int) -> str:
    """The file name of a cell, by its number."""
    return _NAMES[count] if 0 <= count < len(_NAMES) else _intern(f"<cell {count}>")


def newest() -> str | None:
    """The file name of the cell that came last."""
    return next(reversed(_kept), None)


def _forget(filename: str) -> None:
    global _characters
    _characters -= _kept.pop(filename)[0]
    _cache.pop(filename, None)


def restore_cache() -> None:
    """Undo a ``linecache.clearcache()`` of the program's."""
    for filename, entry in _kept.items():
        _cache[filename] = entry


def forget_all() -> None:
    global _characters
    _kept.clear()
    _characters = 0
    _cache.clear()


def filename_of_class(cls: type) -> str | None:
    """The cell that defines a class of ``__main__``: of one of its methods, or found by its first line."""
    for member in vars(cls).values():
        code = getattr(inspect.unwrap(getattr(member, "__func__", member)), "__code__", None)
        if code is not None and code.co_filename in _kept and code.co_qualname.startswith(cls.__qualname__ + "."):
            return code.co_filename
    line = getattr(cls, "__firstlineno__", 0) - 1
    for filename in reversed(_kept):
        lines = _kept[filename][2]
        if 0 <= line < len(lines) and f"class {cls.__name__}" in "".join(lines[line : line + 5]):
            return filename
    return None


def install() -> None:
    """Teach inspect where classes defined in cells come from; functions it finds by itself."""
    original = inspect.getfile

    def getfile(object):
        """Work out which source or compiled file an object was defined in."""
        if isinstance(object, type) and object.__module__ == "__main__":
            return filename_of_class(object) or original(object)
        return original(object)

    inspect.getfile = getfile
