"""Reading and changing what a regular file holds.

Rule: the quota is asked before anything is allocated, and a write happens in full or not at all.
Rule: data goes straight into place, one copy; nothing keeps a view of a bytearray past its call, since an
exported buffer would forbid the next resize.
Source: POSIX pread, pwrite, ftruncate; offsets end at 2**63 - 1, as on Linux.
"""

from .errno import Errno, FileSystemError
from .nodes import BytesLike, Directory, File, Ino
from .volume import Volume

MAX_FILE_BYTES = 2**63 - 1


def regular(volume: Volume, ino: Ino) -> File:
    """Raises ISDIR for a directory, INVAL for a symbolic link."""
    node = volume.node(ino)
    if isinstance(node, File):
        return node
    raise FileSystemError(Errno.ISDIR if isinstance(node, Directory) else Errno.INVAL)


def read(volume: Volume, ino: Ino, offset: int, length: int) -> BytesLike:
    """At most ``length`` bytes: a view where the content can never change, else a copy."""
    content = regular(volume, ino).content
    if offset < 0 or length < 0:
        raise FileSystemError(Errno.INVAL)
    if isinstance(content, bytearray):
        return memoryview(content)[offset : offset + length].tobytes()
    return memoryview(content)[offset : offset + length]


def read_into(volume: Volume, ino: Ino, offset: int, target: memoryview) -> int:
    content = regular(volume, ino).content
    if offset < 0:
        raise FileSystemError(Errno.INVAL)
    count = min(len(content) - offset, target.nbytes)
    if count <= 0:
        return 0
    byte_view(target)[:count] = memoryview(content)[offset : offset + count]
    return count


def write(volume: Volume, ino: Ino, offset: int, data: BytesLike) -> int:
    file = regular(volume, ino)
    if offset < 0:
        raise FileSystemError(Errno.INVAL)
    view = byte_view(data)
    if view:
        _write(volume, file, offset, view)
    return len(view)


def append(volume: Volume, ino: Ino, data: BytesLike) -> int:
    """Returns the offset after the data."""
    file = regular(volume, ino)
    view = byte_view(data)
    end = file.size + len(view)
    if view:
        _write(volume, file, file.size, view)
    return end


def truncate(volume: Volume, ino: Ino, size: int) -> None:
    file = volume.writable(regular(volume, ino))
    if size < 0:
        raise FileSystemError(Errno.INVAL)
    _reserve(volume, file, size)
    if size != file.size:
        _resize(volume, file, size)
    _touch(volume, file)


def byte_view(data: BytesLike) -> memoryview:
    """``data`` as a flat view of bytes: ctypes memory says "<B", which no slice of "B" can be assigned."""
    view = memoryview(data)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def _reserve(volume: Volume, file: File, size: int) -> None:
    """Raises FBIG or NOSPC if ``file`` may not become ``size`` bytes of our own."""
    if size > MAX_FILE_BYTES:
        raise FileSystemError(Errno.FBIG)
    volume.account.require(bytes=size - file.charged_bytes)


def _write(volume: Volume, file: File, offset: int, data: memoryview) -> None:
    end = offset + len(data)
    file = volume.writable(file)
    content = file.content
    if isinstance(content, bytearray) and not file.shared and end <= len(content):
        _overwrite(content, offset, data)
    else:
        _reserve(volume, file, max(end, len(content)))
        counted = file.charged_bytes
        content = _own(volume, file, len(content))
        try:
            _put(content, offset, data)
        finally:
            volume.account.add(bytes=len(content) - counted)  # holds even if the host ran out of memory
    _touch(volume, file)


def _put(content: bytearray, offset: int, data: memoryview) -> None:
    size = len(content)
    if offset > size:
        content += bytes(offset - size)  # calloc: the zeros take no memory of their own
    inside = data[: max(size - offset, 0)]
    content += data[len(inside) :]
    _overwrite(content, offset, inside)


def _overwrite(content: bytearray, offset: int, data: memoryview) -> None:
    # Not content[a:b] = data: bytearray copies anything but a bytearray before it assigns.
    with memoryview(content) as target:
        target[offset : offset + len(data)] = data


def _resize(volume: Volume, file: File, size: int) -> None:
    counted = file.charged_bytes
    content = _own(volume, file, size)
    try:
        if size > len(content):
            content += bytes(size - len(content))
    finally:
        volume.account.add(bytes=len(content) - counted)


def _own(volume: Volume, file: File, keep_bytes: int) -> bytearray:
    if file.shared:
        volume.layers.note_waste(file.charged_bytes)
    return file.own(keep_bytes)


def _touch(volume: Volume, file: File) -> None:
    file.mtime_ns = file.ctime_ns = volume.now_ns()
