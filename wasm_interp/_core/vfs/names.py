"""Making, moving and removing names.

Rule: outcomes, and which of two errors comes first, are those of Linux's system calls (fs/namei.c); a
read-only directory answers like a read-only mount.
Rule: everything is checked before the first change, so a call that fails changes nothing.
"""

from .content import truncate
from .errno import Errno, FileSystemError
from .layers import Node
from .nodes import Directory, File, Ino, Symlink
from .paths import Place, byte_length, find, follow, locate, look_up
from .volume import LIVE_LINKS, Volume


def open_node(
    volume: Volume,
    start: Ino,
    path: str,
    *,
    follow_last: bool,
    create: bool,
    exclusive: bool,
    truncating: bool,
    directory: bool,
    write: bool,
) -> Ino:
    """``openat``, without the descriptor. Creating a directory is INVAL, as since Linux 6.4."""
    if create and directory:
        raise FileSystemError(Errno.INVAL)
    if create:
        node, created = _open_or_create(volume, start, path, follow_last, exclusive)
    else:
        node, created = find(volume, start, path, follow_last=follow_last), False
    _check_openable(node, directory=directory, write=write or truncating)
    if truncating and not created:
        truncate(volume, node.ino, 0)
    return node.ino


def _open_or_create(volume: Volume, start: Ino, path: str, follow_last: bool, exclusive: bool) -> tuple[Node, bool]:
    place = locate(volume, start, path)
    while True:
        if place.slash and not place.is_dots:
            raise FileSystemError(Errno.ISDIR)
        node = look_up(volume, place)
        if node is None:
            return _create_file(volume, place), True
        if exclusive:
            raise FileSystemError(Errno.EXIST)
        if isinstance(node, Directory):
            raise FileSystemError(Errno.ISDIR)
        if not (isinstance(node, Symlink) and follow_last):
            return node, False
        place = follow(volume, place, node)


def _create_file(volume: Volume, place: Place) -> File:
    _check_may_add(volume, place.parent)
    now = volume.now_ns()
    file = File(_new_ino(volume), False, 1, now, now, now, bytearray(), True, False)
    _add(volume, place, file)
    return file


def _check_openable(node: Node, *, directory: bool, write: bool) -> None:
    if directory and not isinstance(node, Directory):
        raise FileSystemError(Errno.NOTDIR)
    if isinstance(node, Symlink):
        raise FileSystemError(Errno.LOOP)
    if write and isinstance(node, Directory):
        raise FileSystemError(Errno.ISDIR)
    if write and node.read_only:
        raise FileSystemError(Errno.ROFS)


def mkdir(volume: Volume, start: Ino, path: str) -> Ino:
    place = _vacant(volume, start, path, want_directory=True)
    now = volume.now_ns()
    node = Directory(_new_ino(volume), False, LIVE_LINKS, now, now, now, place.parent.ino)
    _add(volume, place, node)
    return node.ino


def symlink(volume: Volume, target: str, start: Ino, path: str) -> Ino:
    length = _check_target(volume, target)
    place = _vacant(volume, start, path)
    volume.account.require(bytes=length)
    now = volume.now_ns()
    node = Symlink(_new_ino(volume), False, 1, now, now, now, target)
    _add(volume, place, node)
    volume.account.add(bytes=length)
    return node.ino


def _check_target(volume: Volume, target: str) -> int:
    if not target:
        raise FileSystemError(Errno.NOENT)
    if "\0" in target:
        raise FileSystemError(Errno.INVAL)
    length = byte_length(target)
    if length >= volume.quota.path_bytes:
        raise FileSystemError(Errno.NAMETOOLONG)
    return length


def link(volume: Volume, old_start: Ino, old: str, new_start: Ino, new: str, *, follow_last: bool) -> None:
    node = find(volume, old_start, old, follow_last=follow_last)
    place = _vacant(volume, new_start, new)
    if isinstance(node, Directory):
        raise FileSystemError(Errno.PERM)
    if node.links == 0:
        raise FileSystemError(Errno.NOENT)
    volume.account.require(inodes=1)
    node = volume.writable(node)
    volume.insert(place.parent, place.name, node)
    node.links += 1
    node.ctime_ns = volume.now_ns()
    volume.account.add(inodes=1)


def readlink(volume: Volume, start: Ino, path: str) -> str:
    node = find(volume, start, path, follow_last=False)
    if not isinstance(node, Symlink):
        raise FileSystemError(Errno.INVAL)
    return node.target


def unlink(volume: Volume, start: Ino, path: str) -> None:
    place = locate(volume, start, path)
    if place.is_dots:
        raise FileSystemError(Errno.ISDIR)
    node = _victim(volume, place)
    if isinstance(node, Directory):
        raise FileSystemError(Errno.ISDIR)
    if place.slash:
        raise FileSystemError(Errno.NOTDIR)
    _remove(volume, place, node)


DOTS_REMOVED = {".": Errno.INVAL, "..": Errno.NOTEMPTY, "/": Errno.BUSY}


def rmdir(volume: Volume, start: Ino, path: str) -> None:
    place = locate(volume, start, path)
    if place.is_dots:
        raise FileSystemError(DOTS_REMOVED[place.name])
    node = _victim(volume, place)
    if not isinstance(node, Directory):
        raise FileSystemError(Errno.NOTDIR)
    if node.names:
        raise FileSystemError(Errno.NOTEMPTY)
    _remove(volume, place, node)


def rename(volume: Volume, old_start: Ino, old: str, new_start: Ino, new: str) -> None:
    source, target = locate(volume, old_start, old), locate(volume, new_start, new)
    if source.is_dots or target.is_dots:
        raise FileSystemError(Errno.BUSY)
    if source.parent.read_only or target.parent.read_only:
        raise FileSystemError(Errno.ROFS)
    node, replaced = _victim(volume, source), look_up(volume, target)
    _check_rename(volume, source, target, node, replaced)
    if node is replaced:
        return
    _move(volume, source, target, node, replaced)


def _check_rename(volume: Volume, source: Place, target: Place, node: Node, replaced: Node | None) -> None:
    moves_directory = isinstance(node, Directory)
    if replaced is None and target.parent.links == 0:
        raise FileSystemError(Errno.NOENT)
    if not moves_directory and (source.slash or target.slash):
        raise FileSystemError(Errno.NOTDIR)
    if moves_directory and _is_ancestor(volume, node, target.parent):
        raise FileSystemError(Errno.INVAL)
    if replaced is None or replaced is node:
        return
    if isinstance(replaced, Directory) and _is_ancestor(volume, replaced, source.parent):
        raise FileSystemError(Errno.NOTEMPTY)
    if moves_directory and not isinstance(replaced, Directory):
        raise FileSystemError(Errno.NOTDIR)
    if not moves_directory and isinstance(replaced, Directory):
        raise FileSystemError(Errno.ISDIR)
    if replaced.read_only:
        raise FileSystemError(Errno.ROFS)
    if isinstance(replaced, Directory) and replaced.names:
        raise FileSystemError(Errno.NOTEMPTY)


def _move(volume: Volume, source: Place, target: Place, node: Node, replaced: Node | None) -> None:
    node = volume.writable(node)
    if replaced is not None and isinstance(replaced, Directory):
        volume.writable(target.parent).links -= 1  # insert counts the one that takes its place
    volume.detach(source.parent, source.name)
    volume.insert(target.parent, target.name, node)
    if isinstance(node, Directory):
        node.parent = target.parent.ino
    node.ctime_ns = volume.now_ns()
    if replaced is not None:
        volume.unlinked(replaced)


def _is_ancestor(volume: Volume, node: Node, directory: Directory) -> bool:
    """Whether ``node`` is ``directory`` or lies above it."""
    while directory.ino != node.ino:
        if directory.parent == directory.ino:
            return False
        parent = volume.layers.get(directory.parent)
        if not isinstance(parent, Directory):
            return False
        directory = parent
    return True


def _vacant(volume: Volume, start: Ino, path: str, *, want_directory: bool = False) -> Place:
    """The place of ``path``, where a name can be added."""
    place = locate(volume, start, path)
    if place.is_dots or look_up(volume, place) is not None:
        raise FileSystemError(Errno.EXIST)
    if place.slash and not want_directory:
        raise FileSystemError(Errno.NOENT)
    _check_may_add(volume, place.parent)
    return place


def _check_may_add(volume: Volume, parent: Directory) -> None:
    if parent.links == 0:  # removed, but still open
        raise FileSystemError(Errno.NOENT)
    if parent.read_only:
        raise FileSystemError(Errno.ROFS)


def _victim(volume: Volume, place: Place) -> Node:
    """What is to lose its name at ``place``."""
    if place.parent.read_only:
        raise FileSystemError(Errno.ROFS)
    node = look_up(volume, place)
    if node is None:
        raise FileSystemError(Errno.NOENT)
    if node.read_only:
        raise FileSystemError(Errno.ROFS)
    return node


def _remove(volume: Volume, place: Place, node: Node) -> None:
    volume.detach(place.parent, place.name)
    volume.unlinked(node)


def _new_ino(volume: Volume) -> Ino:
    """Raises NOSPC; the number is taken once ``_add`` counts it."""
    volume.account.require(inodes=1)
    return volume.next_ino


def _add(volume: Volume, place: Place, node: Node) -> None:
    volume.layers.add(node)
    volume.insert(place.parent, place.name, node)
    volume.next_ino += 1
    volume.account.add(inodes=1)
