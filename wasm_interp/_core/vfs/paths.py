"""Path resolution: from a directory and a path to an inode, or to the place where one would be made.

Rule: outcomes are those of Linux's path walk (fs/namei.c), for a caller whom permissions never stop: what is
missing is NOENT, what is passed through and is no directory is NOTDIR, too many symbolic links are LOOP.
Rule: an absolute path or target starts at the root of this file system; ".." of a root is itself.
"""

from typing import NamedTuple

from .errno import Errno, FileSystemError
from .layers import Node
from .nodes import Directory, Ino, Kind, Symlink
from .quota import Quota
from .volume import Volume

DOTS = frozenset((".", "..", "/"))


class Place(NamedTuple):
    """The last component of a path, not looked up yet, and the directory it is to be looked up in.

    ``name`` is one of DOTS if the path ends in "." or "..", or is nothing but slashes: such a place always
    exists, and cannot be made or removed. ``slash`` tells a trailing slash: only a directory will do.
    ``links_left`` symbolic links may still be followed.
    """

    parent: Directory
    name: str
    slash: bool
    links_left: int

    @property
    def is_dots(self) -> bool:
        return self.name in DOTS


def byte_length(text: str) -> int:
    """Length in UTF-8; raises ILSEQ if it has none (lone surrogates)."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise FileSystemError(Errno.ILSEQ) from None


def check_path(path: str, quota: Quota) -> None:
    if not path:
        raise FileSystemError(Errno.NOENT)
    if "\0" in path:
        raise FileSystemError(Errno.INVAL)
    if byte_length(path) >= quota.path_bytes:
        raise FileSystemError(Errno.NAMETOOLONG)


def check_missing(directory: Directory, name: str, quota: Quota) -> None:
    """Raises NAMETOOLONG, but NOENT if the directory was removed. Names that exist are short enough."""
    if byte_length(name) > quota.name_bytes:
        raise FileSystemError(Errno.NAMETOOLONG if directory.links else Errno.NOENT)


def locate(volume: Volume, start: Ino, path: str) -> Place:
    """Walk to the last component of ``path``, following every symbolic link on the way but not that one."""
    check_path(path, volume.quota)
    return _walk(volume, start, path, volume.quota.symlink_depth)


def follow(volume: Volume, place: Place, link: Symlink) -> Place:
    """The place that the symbolic link found at ``place`` stands for."""
    if not place.links_left:
        raise FileSystemError(Errno.LOOP)
    target = _walk(volume, place.parent.ino, link.target, place.links_left - 1)
    return target._replace(slash=True) if place.slash else target


def look_up(volume: Volume, place: Place) -> Node | None:
    """What is at ``place`` itself: a symbolic link is not followed, a trailing slash not looked at."""
    entry = place.parent.names.get(place.name)
    if entry is not None:
        return volume.node(entry.ino)
    if not place.is_dots:
        check_missing(place.parent, place.name, volume.quota)
        return None
    return _parent(volume, place.parent) if place.name == ".." else place.parent


def find(volume: Volume, start: Ino, path: str, *, follow_last: bool = True) -> Node:
    """The inode that ``path`` leads to; a trailing slash follows a last symbolic link in any case."""
    place = locate(volume, start, path)
    while True:
        node = look_up(volume, place)
        if node is None:
            raise FileSystemError(Errno.NOENT)
        if isinstance(node, Symlink) and (follow_last or place.slash):
            place = follow(volume, place, node)
            continue
        if place.slash and not isinstance(node, Directory):
            raise FileSystemError(Errno.NOTDIR)
        return node


def _split(path: str) -> list[str]:
    """Components, last first."""
    parts = [part for part in path.split("/") if part]
    parts.reverse()
    return parts


def _walk(volume: Volume, start: Ino, path: str, links_left: int) -> Place:
    directory = volume.directory(volume.root if path[0] == "/" else start)
    parts = _split(path)
    if not parts:
        return Place(directory, "/", False, links_left)
    while len(parts) > 1:
        name = parts.pop()
        entry = directory.names.get(name)
        if entry is None:
            directory = _pass_missing(volume, directory, name)
        elif entry.kind is Kind.SYMLINK:
            if not links_left:
                raise FileSystemError(Errno.LOOP)
            links_left -= 1
            link = volume.node(entry.ino)
            assert isinstance(link, Symlink)
            if link.target[0] == "/":
                directory = volume.directory(volume.root)
            parts.extend(_split(link.target))
        else:
            directory = volume.directory(entry.ino)
    return Place(directory, parts[0], path[-1] == "/", links_left)


def _pass_missing(volume: Volume, directory: Directory, name: str) -> Directory:
    """What a component that is no entry leads to: the dots, or an error."""
    if name == ".":
        return directory
    if name == "..":
        return _parent(volume, directory)
    check_missing(directory, name, volume.quota)
    raise FileSystemError(Errno.NOENT)


def _parent(volume: Volume, directory: Directory) -> Directory:
    """Raises NOENT if ``directory`` was removed and its parent after it."""
    parent = volume.layers.get(directory.parent)
    if not isinstance(parent, Directory):
        raise FileSystemError(Errno.NOENT)
    return parent
